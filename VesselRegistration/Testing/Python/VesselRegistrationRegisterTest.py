"""Step 5 by clicking: the model laid on the vessels, all frames, a refusal, a job that fails."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from unittest import mock

from VesselRegistrationGuiCase import SAMPLE_FRAME, VesselRegistrationGuiCase


class VesselRegistrationRegisterTest(VesselRegistrationGuiCase):
    def setUp(self) -> None:
        super().setUp()
        self.loadSampleCase()
        self.addCleanup(self.widget.register.cleanup)

    def test_the_model_is_laid_on_the_vessels(self) -> None:
        self.useTrueVessels()
        self.widget.logic.updateOverlay(self.parameters)
        self.assertTrue(self.ui.registerButton.enabled, self.ui.registerButton.toolTip)
        self.ui.registerButton.click()
        self.assertEqual(self.ui.registerButton.text, "Cancel")
        self.assertTrue(self.ui.registerProgressBar.visible)
        self.waitFor(lambda: not self.widget.register.running, "registered")
        result = self.widget.logic.result(self.parameters)
        self.assertTrue(result.registered, result.reason)
        self.assertGreater(result.dsc, 0.8)
        for word in ("DSC", "Precision", "Recall", "Shift", "Turn", f"{result.dsc:.3f}", "Expected error", "beam"):
            self.assertIn(word, self.ui.resultLabel.text)
        self.assertIn(f"{result.expectedInPlaneMm:.1f} mm", self.ui.resultLabel.text)
        self.assertNotIn("Affine", self.ui.resultLabel.text)
        self.assertNotIn("stretched", self.ui.resultLabel.text)  # a pose is rigid
        self.assertIn("registered", self.ui.outcomeLabel.text)
        self.assertIn("mm", self.ui.registerCollapsibleButton.text)
        self.assertEqual(self.parameters.model.GetParentTransformNode(), self.parameters.pose)

    def test_the_model_stands_at_a_rigid_pose_within_millimeters_of_the_truth(self) -> None:
        import numpy as np

        from VesselRegistrationLib.simulation.truth import read_truth
        from VesselRegistrationMRML import placement
        from VesselSegmentationLib.resources import resource_folder

        self.useTrueVessels()
        self.ui.registerButton.click()
        self.waitFor(lambda: not self.widget.register.running, "registered")
        truth = read_truth(resource_folder() / "SampleCase")
        pose, cArm = placement.poseLps(self.parameters.pose), self.widget.logic.cArm(self.parameters)
        np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-6)
        pixels = [
            cArm.project(truth.centerline_lps @ matrix[:3, :3].T + matrix[:3, 3])[:, :2]
            for matrix in (pose, truth.poses[SAMPLE_FRAME])
        ]
        offMm = np.linalg.norm(pixels[0] - pixels[1], axis=1).mean() * cArm.pixel_size_at_isocenter_mm()
        self.assertLess(offMm, 1.5)

    def test_the_affine_of_the_paper_is_there_beside_the_pose(self) -> None:
        self.useTrueVessels()
        self.assertFalse(self.ui.improvementStepsSpinBox.visible)
        self.ui.methodComboBox.currentIndex = 1
        self.settle()
        self.assertTrue(self.ui.improvementStepsSpinBox.visible)
        self.ui.registerButton.click()
        self.waitFor(lambda: not self.widget.register.running, "registered")
        self.assertEqual(self.widget.logic.result(self.parameters).method, "affine")
        self.assertIn("Affine", self.ui.resultLabel.text)
        self.assertIn("stretched", self.ui.resultLabel.text)
        self.assertNotIn("Expected error", self.ui.resultLabel.text)
        self.assertIn("DSC", self.ui.registerCollapsibleButton.text)

    def test_a_refusal_is_said_first_and_with_its_reason(self) -> None:
        import numpy as np

        from VesselSegmentationMRML.segment_nodes import storeMasks

        lines = np.zeros((512, 512), bool)
        lines[::16] = True
        self.parameters.segmentation = storeMasks(self.parameters.xray, {SAMPLE_FRAME: lines})
        self.settle()
        self.ui.improvementStepsSpinBox.value = 0
        self.ui.registerButton.click()
        self.waitFor(lambda: not self.widget.register.running, "ended")
        self.assertIn("NOT registered", self.ui.outcomeLabel.text)
        self.assertIn(self.widget.logic.result(self.parameters).reason, self.ui.outcomeLabel.text)
        self.assertIn("not registered", self.ui.registerCollapsibleButton.text)

    def test_a_job_that_fails_says_why_in_one_line(self) -> None:
        with mock.patch.object(self.widget.logic, "registrationArguments", return_value=["register", "--nonsense"]):
            self.useTrueVessels()
            self.ui.registerButton.click()
            self.waitFor(lambda: not self.widget.register.running, "ended")
        self.assertTrue(self.ui.registerMessageLabel.text)
        self.assertNotIn("Traceback", self.ui.registerMessageLabel.text)
        self.assertTrue(self.ui.registerButton.enabled)

    def test_all_frames_are_registered_and_each_keeps_its_own_result(self) -> None:
        self.loadShortRun()
        self.ui.improvementStepsSpinBox.value = 0
        self.ui.registerAllButton.click()
        self.waitFor(lambda: not self.widget.register.running, "registered")
        for frame in (0, 1):
            self.widget.result.browser().SetSelectedItemNumber(frame)
            self.settle()
            result = self.widget.logic.result(self.parameters)
            self.assertIsNotNone(result, f"frame {frame} has no result")
            self.assertEqual(result.frame, frame)
            self.assertIn(f"Frame {frame + 1}:", self.ui.outcomeLabel.text)

    def test_a_frame_without_vessels_is_an_outlier_and_the_model_follows_the_others(self) -> None:
        import numpy as np

        from VesselRegistrationMRML import pose_sequence
        from VesselRegistrationMRML.placement import poseLps

        self.loadShortRun(blank=1)
        self.ui.registerAllButton.click()
        self.waitFor(lambda: not self.widget.register.running, "registered")
        self.assertIn("2 of 3 frames registered", self.ui.framesLabel.text)
        self.assertIn("NOT registered: frame 2.", self.ui.framesLabel.text)
        sequence = pose_sequence.sequenceOf(self.parameters.xray)
        browser = self.widget.result.browser()
        proxy = browser.GetProxyNode(sequence)
        self.assertEqual(sequence.GetNumberOfDataNodes(), 3)
        seen = []
        for frame, standing in enumerate(("registered", "refused", "registered")):
            browser.SetSelectedItemNumber(frame)
            self.settle()
            item = sequence.GetNthDataNode(frame)
            self.assertEqual(item.GetAttribute(pose_sequence.STANDING_ATTRIBUTE), standing)
            self.assertIs(self.parameters.model.GetParentTransformNode(), self.parameters.pose)
            for node in (item, proxy):
                np.testing.assert_allclose(poseLps(node), poseLps(self.parameters.pose), atol=1e-6)
            self.assertEqual("NOT REGISTERED" in self.widget.standingText.text, standing == "refused")
            self.assertEqual("NOT registered" in self.ui.outcomeLabel.text, standing == "refused")
            seen.append(poseLps(self.parameters.pose))
        self.assertGreater(np.abs(seen[0] - seen[2]).max(), 1e-4)

    def test_all_frames_show_their_progress_and_can_be_cancelled(self) -> None:
        self.ui.registerAllButton.click()
        bar = self.ui.registerProgressBar
        self.waitFor(lambda: "of frame" in bar.format or not self.widget.register.running, "at work")
        self.assertGreater(bar.value, 10)
        self.assertIn("of 10", bar.format)
        self.assertEqual(self.ui.registerButton.text, "Cancel")
        self.ui.registerButton.click()
        self.settle()
        self.assertFalse(self.widget.register.running)
        self.assertIn("Cancelled", self.ui.registerMessageLabel.text)
        self.assertIsNone(self.widget.logic.result(self.parameters))
        self.assertTrue(self.ui.registerAllButton.enabled)

    def loadShortRun(self, blank: int | None = None) -> None:
        """Frames of the sample case as a file with its geometry beside it, loaded by the buttons.

        Two, or three of which one (`blank`) shows nothing.
        """
        import SimpleITK

        from VesselSegmentationMRML.run_nodes import runPixels

        cArm = self.widget.logic.cArm(self.parameters)
        geometry = {
            "primaryAngleDeg": cArm.primary_angle_deg,
            "secondaryAngleDeg": cArm.secondary_angle_deg,
            "sidMm": cArm.sid_mm,
            "sodMm": cArm.sod_mm,
            "spacingMm": list(cArm.spacing_mm),
        }
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "short.nrrd"
        frames = runPixels(self.parameters.xray)[SAMPLE_FRAME : SAMPLE_FRAME + (2 if blank is None else 3)]
        if blank is not None:
            frames[blank] = frames[blank].mean().astype(frames.dtype)
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(frames), str(path))
        path.with_name("short.geometry.json").write_text(json.dumps(geometry), encoding="utf-8")
        self.ui.xrayPathLineEdit.currentPath = str(path)
        self.settle()
        self.ui.xrayLoadButton.click()
        self.settle()
        self.assertEqual(self.widget.result.browser().GetNumberOfItems(), len(frames), self.ui.statusLabel.text)
