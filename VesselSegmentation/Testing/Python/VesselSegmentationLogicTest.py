"""The module's logic on real MRML, without its window: masks, maps, scores, references, networks."""

from __future__ import annotations

import slicer
import vtk
from VesselSegmentationLogicCase import VesselSegmentationLogicCase


class VesselSegmentationLogicTest(VesselSegmentationLogicCase):
    """Each test has a run of four small frames in an empty scene."""

    def test_masks_of_a_run_follow_its_frames_on_their_pixels(self) -> None:
        import numpy as np

        node = self.logic.acceptSegmentation(self.run, self.results([0, 1, 2, 3], masks=self.masks))
        for frame in (3, 0, 2):
            self.show(frame)
            np.testing.assert_array_equal(self.logic.vesselMask(node, self.run), self.masks[frame])

    def test_the_segment_has_standard_terminology_color_and_record(self) -> None:
        from VesselSegmentationMRML import segment_nodes

        node = self.logic.acceptSegmentation(self.run, self.results([0], masks=self.masks[:1]))
        segment = node.GetSegmentation().GetSegment("Vessel")
        self.assertEqual(segment.GetName(), "Vessel")
        terminology = vtk.reference("")
        self.assertTrue(segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), terminology))
        self.assertIn("SCT^59820001^Blood vessel", str(terminology))
        self.assertAlmostEqual(segment.GetColor()[0], 216 / 255, places=5)
        record = {name: segment_nodes.vesselTag(node, name) for name in ("Threshold", "Network", "FieldOfView")}
        self.assertEqual(record, {"Threshold": "0.4", "Network": "abc", "FieldOfView": "upper"})
        self.assertEqual(segment_nodes.vesselTag(node, "Nothing"), "")

    def test_a_frame_that_was_not_segmented_is_told_from_one_without_vessels(self) -> None:
        import numpy as np

        from VesselSegmentationMRML import segment_nodes

        node = self.logic.acceptSegmentation(self.run, self.results([2], masks=np.zeros_like(self.masks[:1])))
        self.assertEqual(segment_nodes.segmentedFrames(node), [2])
        self.assertProblem("no segment", self.logic.vesselMask, node, self.run)
        self.show(2)
        self.assertFalse(self.logic.vesselMask(node, self.run).any())

    def test_segmenting_again_keeps_the_other_frames_and_other_segments(self) -> None:
        import numpy as np

        node = self.logic.acceptSegmentation(self.run, self.results([0, 1, 2, 3], masks=self.masks))
        self.show(1)
        node.GetSegmentation().AddEmptySegment("catheter", "Catheter")
        again = self.logic.acceptSegmentation(self.run, self.results([1], masks=~self.masks[1:2]), node)
        self.assertIs(again, node)
        np.testing.assert_array_equal(self.logic.vesselMask(node, self.run), ~self.masks[1])
        self.assertIsNotNone(node.GetSegmentation().GetSegment("catheter"))
        self.show(3)
        np.testing.assert_array_equal(self.logic.vesselMask(node, self.run), self.masks[3])

    def test_a_correction_by_hand_stays_on_its_frame(self) -> None:
        import numpy as np

        from VesselSegmentationMRML import segment_nodes

        node = self.logic.acceptSegmentation(self.run, self.results([0, 1, 2, 3], masks=self.masks))
        self.show(2)
        segment_nodes.setVessel(node, self.masks[0], self.place(2))
        self.show(0)
        self.show(2)
        np.testing.assert_array_equal(self.logic.vesselMask(node, self.run), self.masks[0])
        self.show(1)
        np.testing.assert_array_equal(self.logic.vesselMask(node, self.run), self.masks[1])

    def test_what_was_drawn_on_the_frame_before_is_kept_when_a_run_is_segmented(self) -> None:
        drawn = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Mine")
        drawn.GetSegmentation().AddEmptySegment("stent", "Stent")
        node = self.logic.acceptSegmentation(self.run, self.results([0], masks=self.masks[:1]), drawn)
        self.assertIs(node, drawn)
        self.assertIsNotNone(node.GetSegmentation().GetSegment("stent"))
        self.show(3)
        self.show(0)
        self.assertIsNotNone(node.GetSegmentation().GetSegment("stent"))
        self.assertIsNotNone(node.GetSegmentation().GetSegment("Vessel"))

    def test_results_of_another_picture_are_not_overwritten(self) -> None:
        import numpy as np

        from VesselSegmentationMRML import run_nodes

        first, second = (run_nodes.createRun(self.frames[index : index + 1], f"Picture {index}") for index in (0, 1))
        folder = self.results([0], masks=self.masks[:1], probability=self.masks[:1].astype(np.float32))
        self.p.xray = first
        self.logic.accept(self.p, first, folder)
        of_first = self.p.segmentation, self.p.probability
        self.p.xray = second
        folder = self.results([0], masks=self.masks[1:2], probability=self.masks[1:2].astype(np.float32))
        self.logic.accept(self.p, second, folder)
        self.assertIsNot(self.p.segmentation, of_first[0])
        self.assertIsNot(self.p.probability, of_first[1])
        np.testing.assert_array_equal(self.logic.vesselMask(of_first[0], first), self.masks[0])
        self.logic.chooseResultsOf(self.p, first)
        self.assertIs(self.p.segmentation, of_first[0])

    def test_a_reference_is_never_overwritten(self) -> None:
        import numpy as np

        from VesselSegmentationMRML import segment_nodes

        self.p.reference = self.p.segmentation = segment_nodes.storeMasks(self.run, {0: self.masks[0]})
        self.logic.accept(self.p, self.run, self.results([0], masks=self.masks[1:2]))
        self.assertIsNot(self.p.segmentation, self.p.reference)
        np.testing.assert_array_equal(self.logic.vesselMask(self.p.reference, self.run), self.masks[0])

    def test_vessels_drawn_by_somebody_else_are_never_overwritten(self) -> None:
        drawn = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Expert")
        drawn.GetSegmentation().AddEmptySegment("Vessel", "Vessel")
        node = self.logic.acceptSegmentation(self.run, self.results([0], masks=self.masks[:1]), drawn)
        self.assertIsNot(node, drawn)
        self.assertEqual(drawn.GetSegmentation().GetNumberOfSegments(), 1)

    def test_a_segment_that_was_cropped_or_lies_elsewhere_is_read_on_the_picture_s_pixels(self) -> None:
        import numpy as np

        from VesselSegmentationMRML import segment_nodes

        mask = np.zeros((48, 64), bool)
        mask[10:20, 30:50] = True
        node = self.logic.acceptSegmentation(self.run, self.results([0], masks=mask[None]))
        image = node.GetSegmentation().GetSegment("Vessel").GetRepresentation("Binary labelmap")
        cropped = slicer.vtkOrientedImageData()
        slicer.vtkOrientedImageDataResample.CopyImage(image, cropped, [30, 49, 10, 19, 0, 0])
        image.DeepCopy(cropped)
        self.assertEqual(image.GetExtent(), (30, 49, 10, 19, 0, 0))
        np.testing.assert_array_equal(segment_nodes.vesselMask(node, self.run), mask)

    def test_masks_move_with_a_run_that_is_placed_anew(self) -> None:
        import numpy as np

        from VesselSegmentationMRML import run_nodes

        node = self.logic.acceptSegmentation(self.run, self.results([0, 1, 2, 3], masks=self.masks))
        run_nodes.setFrameMatrices(self.run, [self.place(500 + index) for index in range(4)])
        self.logic.followRun(node, self.run)
        for frame in (0, 3):
            self.show(frame)
            np.testing.assert_array_equal(self.logic.vesselMask(node, self.run), self.masks[frame])
        bounds = [0.0] * 6
        node.GetBounds(bounds)
        self.assertGreater(bounds[0], 400)

    def test_maps_are_volumes_in_place_with_a_color_legend(self) -> None:
        import numpy as np

        from VesselSegmentationMRML.choices import Overlay

        values = np.linspace(0, 1, self.masks.size, dtype=np.float32).reshape(self.masks.shape)
        self.logic.accept(self.p, self.run, self.results([0, 1, 2, 3], masks=values > 0.5, attention=values))
        self.show(2)
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(self.p.attention)[0], values[2])
        self.assertIsNone(self.p.probability)
        matrix = vtk.vtkMatrix4x4()
        self.p.attention.GetIJKToRASMatrix(matrix)
        self.assertAlmostEqual(matrix.GetElement(0, 3), 12.0)
        colors = self.p.attention.GetDisplayNode().GetColorNode().GetLookupTable()
        low, high = [0.0] * 3, [0.0] * 3
        colors.GetColor(colors.GetRange()[0], low)
        colors.GetColor(colors.GetRange()[1], high)
        self.assertGreater(low[2], low[0])  # blue where the network did not look, red where it did
        self.assertGreater(high[0], high[2])
        legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(self.p.attention)
        self.assertEqual(legend.GetTitleText(), "Attention")
        self.assertFalse(legend.GetVisibility())
        self.p.overlay = Overlay.ATTENTION
        self.logic.showOverlay(self.p)
        self.assertTrue(legend.GetVisibility())

    def test_several_slices_become_the_frames_of_a_run(self) -> None:
        from VesselSegmentationMRML import run_nodes

        slices = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Slices")
        slicer.util.updateVolumeFromArray(slices, self.frames)
        self.p.xray = slices
        run = self.logic.useRun(self.p)
        self.assertIs(self.p.xray, run)
        self.assertEqual(run_nodes.frameCount(run), 4)
        self.assertIsNotNone(run_nodes.browserOf(run))
        self.assertIs(self.logic.useRun(self.p), run)

    def test_the_command_says_what_was_chosen(self) -> None:
        import numpy as np

        self.p.threshold, self.p.wantAttention = 0.3, True
        self.show(2)
        words = self.logic.arguments(self.p, self.folder, allFrames=False)
        self.assertEqual(words[words.index("--threshold") + 1], "0.3")
        self.assertIn("--attention", words)
        self.assertNotIn("--probability", words)
        self.assertEqual(words[words.index("--earlier") + 1], "2")  # and the frame shown after them
        np.testing.assert_array_equal(np.load(self.folder / "frames.npy"), self.frames[:3])
        words = self.logic.arguments(self.p, self.folder, allFrames=True)
        self.assertEqual(words[words.index("--earlier") + 1], "0")
        np.testing.assert_array_equal(np.load(self.folder / "frames.npy"), self.frames)

    def test_without_subtraction_the_frame_goes_alone(self) -> None:
        import numpy as np

        self.assertTrue(self.p.subtract)
        self.p.subtract = False
        self.show(2)
        words = self.logic.arguments(self.p, self.folder, allFrames=False)
        self.assertIn("--no-subtraction", words)
        np.testing.assert_array_equal(np.load(self.folder / "frames.npy"), self.frames[2:3])

    def test_the_network_sees_bright_vessels_dark_and_the_picture_stays(self) -> None:
        import numpy as np

        from VesselSegmentationMRML import run_nodes

        self.assertFalse(run_nodes.vesselsAreBright(self.run))
        run_nodes.setVesselsAreBright(self.run, True)
        self.show(2)
        self.assertTrue(run_nodes.vesselsAreBright(self.run))
        self.logic.arguments(self.p, self.folder, allFrames=True)
        turned = self.frames.max() - (self.frames - self.frames.min())
        np.testing.assert_array_equal(np.load(self.folder / "frames.npy"), turned)
        np.testing.assert_array_equal(run_nodes.runPixels(self.run), self.frames)
        run_nodes.setVesselsAreBright(self.run, False)
        np.testing.assert_array_equal(run_nodes.framesToSegment(self.run, 1), self.frames[1:2])

    def test_slices_that_become_a_run_keep_what_was_said_of_their_vessels(self) -> None:
        from VesselSegmentationMRML import run_nodes

        slices = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Slices")
        slicer.util.updateVolumeFromArray(slices, self.frames)
        run_nodes.setVesselsAreBright(slices, True)
        self.assertTrue(run_nodes.vesselsAreBright(run_nodes.ensureRun(slices)))

    def test_missing_inputs_are_said_in_words(self) -> None:
        empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
        for node, words in ((None, "Choose an X-ray run"), (empty, "holds no pixels")):
            self.p.xray = node
            self.assertIn(words, self.logic.problem(self.p))
            self.assertProblem(words, self.logic.useRun, self.p)
        self.p.xray, self.p.network = self.run, str(self.folder)
        self.assertProblem("no vessel network", self.logic.arguments, self.p, self.folder, False)

    def test_results_for_a_run_that_was_changed_meanwhile_are_refused(self) -> None:
        folder = self.results([7], masks=self.masks[:1])
        self.assertProblem("was changed", self.logic.accept, self.p, self.run, folder)
        self.assertProblem("was removed", self.logic.accept, self.p, None, folder)

    def test_one_network_serves_all_fields_of_view_until_there_are_several(self) -> None:
        from VesselSegmentationMRML import networks
        from VesselSegmentationMRML.choices import FieldOfView

        folders = {networks.shippedFolder(view) for view in FieldOfView}
        self.assertEqual(len(folders), 1)
        self.assertIn("held-out frames", networks.describe(folders.pop()))
        self.assertFalse(networks.isNetwork(self.folder))
        (self.folder / "metadata.json").write_text("[]")
        self.assertEqual(networks.describe(self.folder), "")

    def test_the_sample_run_is_segmented_well_in_the_process(self) -> None:
        from VesselSegmentationLib.metrics import overlap_metrics
        from VesselSegmentationLib.resources import resource_folder
        from VesselSegmentationMRML import reference_nodes, run_nodes

        run = self.logic.loadSampleRun()
        self.assertEqual(run_nodes.frameCount(run), 10)
        run_nodes.showFrame(run, 6)
        truth = reference_nodes.readMasks(resource_folder() / "SampleCase" / "masks" / "frame_006.png")[0]
        for subtract in (True, False):
            node = self.logic.segmentInProcess(run, subtract=subtract)
            self.assertGreater(overlap_metrics(self.logic.vesselMask(node, run), truth).dsc, 0.8)
