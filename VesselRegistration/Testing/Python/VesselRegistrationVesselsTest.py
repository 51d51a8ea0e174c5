"""Step 4 by clicking: vessels found, a job cancelled, its scene closed, its input deleted, a package declined."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import slicer
from VesselRegistrationGuiCase import VesselRegistrationGuiCase

ENSURE = "VesselSegmentationWidgets.dependencies.ensureDependencies"
FRAMES_TO_TRY = "VesselSegmentationMRML.segmentation_logic.VesselSegmentationLogic.framesToTry"


class VesselRegistrationVesselsTest(VesselRegistrationGuiCase):
    def setUp(self) -> None:
        super().setUp()
        self.loadSampleCase()
        self.addCleanup(self.widget.vessels.cleanup)

    def test_vessels_are_found_in_the_frame_shown(self) -> None:
        self.ui.segmentButton.click()
        self.assertTrue(self.widget.vessels.running)
        self.assertEqual(self.ui.segmentButton.text, "Cancel")
        self.waitFor(lambda: not self.widget.vessels.running, "segmented")
        self.assertEqual(self.ui.vesselsMessageLabel.text, "Vessels found.")
        from VesselSegmentationMRML.segment_nodes import vesselMask

        found, truth = vesselMask(self.parameters.segmentation, self.parameters.xray), self.truthMask()
        self.assertGreater(2 * (found & truth).sum() / (found.sum() + truth.sum()), 0.6)
        self.assertEqual(self.ui.segmentationSelector.currentNode(), self.parameters.segmentation)

    def test_the_fullest_frame_is_shown_with_its_vessels(self) -> None:
        from VesselSegmentationMRML.run_nodes import frameCount, showFrame, shownFrame
        from VesselSegmentationMRML.segment_nodes import vesselMask

        run = self.parameters.xray
        showFrame(run, 0)  # before contrast comes
        self.settle()
        self.assertTrue(self.ui.fullestFrameButton.enabled)
        self.ui.fullestFrameButton.click()
        self.assertTrue(self.widget.vessels.running)
        self.assertFalse(self.ui.fullestFrameButton.enabled)
        self.waitFor(lambda: not self.widget.vessels.running, "looked through")
        areas = [self.truthMask(frame).sum() for frame in range(frameCount(run))]
        shown = shownFrame(run)
        self.assertGreater(areas[shown], 0.9 * max(areas))
        self.assertEqual(self.ui.vesselsMessageLabel.text, f"Frame {shown + 1} of {len(areas)} shows most vessel.")
        found, truth = vesselMask(self.parameters.segmentation, run), self.truthMask(shown)
        self.assertGreater(2 * (found & truth).sum() / (found.sum() + truth.sum()), 0.6)

    def test_without_vessel_in_any_frame_nothing_is_changed(self) -> None:
        from VesselSegmentationMRML.run_nodes import showFrame, shownFrame

        showFrame(self.parameters.xray, 1)
        self.ui.thresholdSlider.value = 0.99
        self.settle()
        with mock.patch(FRAMES_TO_TRY, return_value=[0]):
            self.ui.fullestFrameButton.click()
        self.waitFor(lambda: not self.widget.vessels.running, "looked through")
        self.assertIn("No vessels were found", self.ui.vesselsMessageLabel.text)
        self.assertEqual(shownFrame(self.parameters.xray), 1)
        self.assertIsNone(self.parameters.segmentation)
        self.assertTrue(self.ui.fullestFrameButton.enabled)

    def test_a_single_picture_has_no_fuller_frame(self) -> None:
        from VesselSegmentationMRML.run_nodes import createRun, framePixels

        self.parameters.xray = createRun(framePixels(self.parameters.xray)[None], "Picture")
        self.settle()
        self.assertFalse(self.ui.fullestFrameButton.enabled)
        self.assertIn("one frame only", self.ui.fullestFrameButton.toolTip)

    def test_bright_vessels_are_said_here_too_and_reach_both_networks(self) -> None:
        import numpy as np
        import SimpleITK

        from VesselRegistrationMRML.registration_job import RUN_NAME
        from VesselSegmentationMRML import run_nodes

        run, frame = self.parameters.xray, run_nodes.shownFrame(self.parameters.xray)
        dark = run_nodes.framePixels(run, frame)
        self.ui.subtractCheckBox.click()
        self.ui.brightVesselsCheckBox.click()
        self.assertTrue(run_nodes.vesselsAreBright(run))
        folder = Path(slicer.util.tempDirectory())
        self.widget.vessels.segmenter.segmentationArguments(run, folder, threshold=0.5, earlier=())
        turned = dark.max() - (dark - dark.min())
        np.testing.assert_array_equal(np.load(folder / "frames.npy")[0], turned)
        self.widget.logic.registrationArguments(self.parameters, folder)
        registered = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(folder / f"{RUN_NAME}.nrrd")))
        np.testing.assert_array_equal(registered[0], turned)
        self.assertFalse((run_nodes.framePixels(run, frame) != dark).any())
        self.ui.brightVesselsCheckBox.click()
        self.assertFalse(run_nodes.vesselsAreBright(run))

    def test_frames_from_before_contrast_go_with_the_one_shown_unless_the_box_is_off(self) -> None:
        import json

        import numpy as np
        import SimpleITK

        from VesselRegistrationMRML.registration_job import JOB_FILE, RUN_NAME
        from VesselSegmentationMRML import run_nodes

        run = self.parameters.xray
        run_nodes.showFrame(run, 4)
        self.settle()
        shown, folder = run_nodes.framePixels(run, 4), Path(slicer.util.tempDirectory())

        def register() -> tuple[list[str], np.ndarray, dict[str, int]]:
            arguments = self.widget.logic.registrationArguments(self.parameters, folder)
            written = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(folder / f"{RUN_NAME}.nrrd")))
            return arguments, written, json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))

        self.assertTrue(self.ui.subtractCheckBox.checked)
        self.assertEqual(self.widget.logic.earlierFrames(self.parameters), [0, 1, 2, 3])
        arguments, written, job = register()
        self.assertEqual(arguments[arguments.index("--frame") + 1], "4")
        self.assertEqual(written.shape[0], 5)
        np.testing.assert_array_equal(written[4], shown)
        self.assertEqual(job["firstFrame"], 0)
        self.ui.subtractCheckBox.click()
        self.settle()
        self.assertFalse(self.parameters.subtract)
        arguments, written, job = register()
        self.assertIn("--no-subtraction", arguments)
        self.assertEqual(arguments[arguments.index("--frame") + 1], "0")
        np.testing.assert_array_equal(written, shown[None])
        self.assertEqual(job["firstFrame"], 4)

    def test_a_job_that_is_cancelled_leaves_everything_as_it_was(self) -> None:
        nodes = slicer.mrmlScene.GetNumberOfNodes()
        self.ui.segmentButton.click()
        self.settle(0.5)
        self.assertTrue(self.widget.vessels.running)
        self.ui.segmentButton.click()
        self.settle()
        self.assertFalse(self.widget.vessels.running)
        self.assertIn("Cancelled", self.ui.vesselsMessageLabel.text)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), nodes)
        self.assertTrue(self.ui.segmentButton.enabled)

    def test_closing_the_scene_ends_the_job(self) -> None:
        self.ui.segmentButton.click()
        self.settle()
        job = self.widget.vessels.job
        slicer.mrmlScene.Clear(0)
        self.settle()
        self.assertFalse(job.running)
        self.assertFalse(self.widget.vessels.running)

    def test_an_input_that_is_deleted_stops_the_job_that_is_about_it(self) -> None:
        self.ui.segmentButton.click()
        self.settle()
        slicer.mrmlScene.RemoveNode(self.parameters.xray)
        self.settle()
        self.assertFalse(self.widget.vessels.running)
        self.assertIn("removed", self.ui.vesselsMessageLabel.text)
        self.assertFalse(self.ui.segmentButton.enabled)

    def test_an_installation_declined_is_told_and_nothing_happens(self) -> None:
        def declined(tell) -> bool:
            tell("The Python packages were not installed, so nothing was computed.")
            return False

        with mock.patch(ENSURE, declined):
            self.ui.segmentButton.click()
        self.settle()
        self.assertFalse(self.widget.vessels.running)
        self.assertIn("were not installed", self.ui.vesselsMessageLabel.text)
        self.assertNotIn("were not installed", self.ui.statusLabel.text)  # said once, beside the open step
        self.assertEqual(self.ui.segmentButton.text, "Fi&nd vessels")

    def test_a_segmentation_of_another_picture_does_not_fit(self) -> None:
        stranger = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Liver")
        self.parameters.segmentation = stranger
        self.settle()
        self.assertTrue(self.ui.vesselsFitLabel.text)
