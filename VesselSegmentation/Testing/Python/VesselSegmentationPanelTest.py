"""The panel by clicking: segment, look, compare, cancel, and everything that can go wrong."""

from __future__ import annotations

import os
from unittest import mock

import slicer
import vtk
from VesselSegmentationGuiCase import VesselSegmentationGuiCase

MISSING = "VesselSegmentationWidgets.dependencies.missingPackages"
TORCH = "VesselSegmentationWidgets.dependencies.TORCH"


def isAlive(processId: int) -> bool:
    """Whether a process of ours still runs."""
    try:
        os.kill(processId, 0)
    except OSError:
        return False
    return True


class VesselSegmentationPanelTest(VesselSegmentationGuiCase):
    def compositeNode(self):
        return slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()

    def test_the_sample_run_is_shown_whole_and_upright(self) -> None:
        run = self.loadSampleRun()
        self.assertEqual(self.compositeNode().GetBackgroundVolumeID(), run.GetID())
        sliceToRas = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode().GetSliceToRAS()
        right = [sliceToRas.GetElement(row, 0) for row in range(3)]
        down = [-sliceToRas.GetElement(row, 1) for row in range(3)]
        matrix = vtk.vtkMatrix4x4()
        run.GetIJKToRASMatrix(matrix)
        for axis, seen in ((0, right), (1, down)):
            column = [matrix.GetElement(row, axis) for row in range(3)]
            self.assertGreater(sum(a * b for a, b in zip(column, seen)), 0)

    def test_the_slider_and_the_browser_show_the_same_frame(self) -> None:
        from VesselSegmentationMRML import run_nodes

        run = self.loadSampleRun()
        self.assertEqual((self.ui.frameSlider.minimum, self.ui.frameSlider.maximum), (1, 10))
        self.ui.frameSlider.value = 7
        self.assertEqual(run_nodes.shownFrame(run), 6)
        run_nodes.browserOf(run).SetSelectedItemNumber(3)
        self.settle()
        self.assertEqual(self.ui.frameSlider.value, 4)

    def test_apply_finds_the_vessels_of_the_frame_shown(self) -> None:
        from VesselSegmentationLib.metrics import overlap_metrics
        from VesselSegmentationMRML import segment_nodes

        run = self.loadSampleRun()
        self.ui.frameSlider.value = 7
        self.ui.applyButton.click()
        self.assertTrue(self.widget.vessels.running)
        self.assertFalse(self.ui.applyButton.enabled)
        self.assertTrue(self.ui.cancelButton.enabled)
        self.assertTrue(self.ui.vesselsProgressBar.visible)
        self.waitFor(lambda: not self.widget.vessels.running, "segmented")
        self.assertIn("Frame 7: vessels cover", self.ui.vesselsMessageLabel.text)
        self.assertFalse(self.ui.vesselsProgressBar.visible)
        mask = segment_nodes.vesselMask(self.parameters.segmentation, run)
        self.assertGreater(overlap_metrics(mask, self.truthMask(6)).dsc, 0.8)
        self.assertEqual(segment_nodes.segmentedFrames(self.parameters.segmentation), [6])
        self.assertEqual(self.ui.segmentationSelector.currentNode(), self.parameters.segmentation)

    def test_a_higher_threshold_finds_less(self) -> None:
        from VesselSegmentationMRML import segment_nodes

        run = self.loadSampleRun()
        self.ui.frameSlider.value = 7
        self.segmentShownFrame()
        usual = segment_nodes.vesselMask(self.parameters.segmentation, run)
        self.ui.thresholdSlider.value = 0.9
        self.segmentShownFrame()
        strict = segment_nodes.vesselMask(self.parameters.segmentation, run)
        self.assertLess(strict.sum(), usual.sum())
        self.assertFalse((strict & ~usual).any())
        self.assertEqual(segment_nodes.vesselTag(self.parameters.segmentation, "Threshold"), "0.9")

    def test_the_whole_run_with_its_maps_then_scores_and_their_pictures(self) -> None:
        from VesselSegmentationMRML import segment_nodes

        self.loadSampleRun()
        self.ui.probabilityCheckBox.click()
        self.ui.attentionCheckBox.click()
        self.ui.allFramesButton.click()
        self.waitFor(lambda: not self.widget.vessels.running, "segmented")
        self.assertIn("10 frames: vessels cover", self.ui.vesselsMessageLabel.text)
        self.assertEqual(segment_nodes.segmentedFrames(self.parameters.segmentation), list(range(10)))
        self.choose(self.ui.overlayComboBox, "Attention of the network")
        self.assertEqual(self.compositeNode().GetForegroundVolumeID(), self.parameters.attention.GetID())
        self.assertFalse(self.parameters.segmentation.GetDisplayNode().GetVisibility())
        self.choose(self.ui.overlayComboBox, "Vessel probability")
        self.assertEqual(self.compositeNode().GetForegroundVolumeID(), self.parameters.probability.GetID())
        self.compareWithTruth()

    def compareWithTruth(self) -> None:
        self.ui.referencePathEdit.setCurrentPath(str(self.sampleFolder() / "masks"))
        self.ui.loadReferenceButton.click()
        self.assertEqual(self.ui.referenceSelector.currentNode(), self.parameters.reference)
        self.ui.compareButton.click()
        self.assertIn("Median of 10 frames", self.ui.compareMessageLabel.text)
        self.assertEqual(self.parameters.metrics.GetNumberOfRows(), 10)
        self.assertEqual(self.compositeNode().GetLabelVolumeID(), self.parameters.comparison.GetID())
        self.assertEqual(self.compositeNode().GetForegroundVolumeID() or "", "")
        self.assertTrue(self.ui.chartButton.enabled)
        self.ui.chartButton.click()
        self.settle(0.3)
        plots = [node.GetPlotChartNodeID() for node in slicer.util.getNodesByClass("vtkMRMLPlotViewNode")]
        self.assertIn(self.parameters.metricsChart.GetID(), plots)
        tables = [node.GetTableNodeID() for node in slicer.util.getNodesByClass("vtkMRMLTableViewNode")]
        self.assertIn(self.parameters.metrics.GetID(), tables)

    def test_cancelling_ends_the_process_and_changes_nothing(self) -> None:
        self.loadSampleRun()
        nodes = slicer.mrmlScene.GetNumberOfNodes()
        self.ui.allFramesButton.click()
        job = self.widget.vessels.job
        self.settle(0.5)
        self.ui.cancelButton.click()
        self.assertFalse(self.ui.cancelButton.enabled)
        self.waitFor(lambda: not self.widget.vessels.running, "cancelled", 10)
        self.assertFalse(isAlive(job.processId))
        self.assertFalse(job.folder.exists())
        self.assertIn("Cancelled", self.ui.vesselsMessageLabel.text)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), nodes)
        self.assertTrue(self.ui.applyButton.enabled)

    def test_nothing_selected_is_told_and_nothing_starts(self) -> None:
        for button in (self.ui.applyButton, self.ui.allFramesButton):
            button.click()
            self.assertIn("Choose an X-ray run", self.ui.vesselsMessageLabel.text)
        self.assertFalse(self.widget.vessels.running)
        self.ui.compareButton.click()
        self.assertIn("Choose an X-ray run", self.ui.compareMessageLabel.text)
        self.ui.loadReferenceButton.click()
        self.assertIn("Choose a file", self.ui.compareMessageLabel.text)
        self.assertFalse(self.ui.largePictureButton.enabled)

    def test_an_installation_declined_is_told_and_nothing_starts(self) -> None:
        self.loadSampleRun()
        with mock.patch(MISSING, return_value=["monai>=99"]):
            self.ui.applyButton.click()
        self.assertFalse(self.widget.vessels.running)
        self.assertIn("monai>=99 were not installed", self.ui.vesselsMessageLabel.text)
        self.assertTrue(self.ui.applyButton.enabled)

    def test_a_missing_pytorch_is_told_with_the_way_to_it(self) -> None:
        self.loadSampleRun()
        with mock.patch(TORCH, "torch>=99"):
            self.ui.applyButton.click()
        self.assertFalse(self.widget.vessels.running)
        self.assertIn("PyTorch", self.ui.vesselsMessageLabel.text)

    def test_closing_the_scene_ends_the_job(self) -> None:
        self.loadSampleRun()
        self.ui.allFramesButton.click()
        job = self.widget.vessels.job
        self.settle(0.3)
        slicer.mrmlScene.Clear(0)
        self.settle()
        self.assertFalse(isAlive(job.processId))
        self.assertFalse(self.widget.vessels.running)
        self.assertIsNone(self.parameters.xray)
        self.assertFalse(self.ui.vesselsProgressBar.visible)
        self.loadSampleRun()

    def test_when_a_process_was_used_up_another_one_waits_while_the_panel_is_open(self) -> None:
        with mock.patch("VesselSegmentationWidgets.section.standby.prepare") as prepared:
            self.loadSampleRun()
            self.widget.vessels.startJob(mock.Mock(side_effect=OSError("disk full")), mock.Mock())
            self.assertIn("disk full", self.ui.vesselsMessageLabel.text)
            self.assertEqual(prepared.call_count, 1)
            self.ui.allFramesButton.click()
            self.assertEqual(prepared.call_count, 1)
            self.widget.vessels.stop("enough")
            self.assertEqual(prepared.call_count, 2)

    def test_a_run_that_is_deleted_stops_the_job_about_it(self) -> None:
        self.loadSampleRun()
        self.ui.allFramesButton.click()
        job = self.widget.vessels.job
        self.settle(0.3)
        slicer.mrmlScene.RemoveNode(self.parameters.xray)
        self.settle()
        self.assertFalse(isAlive(job.processId))
        self.assertIn("removed from the scene", self.ui.vesselsMessageLabel.text)

    def test_any_node_may_be_deleted_after_the_work(self) -> None:
        self.loadSampleRun()
        self.ui.probabilityCheckBox.click()
        self.segmentShownFrame()
        self.ui.referencePathEdit.setCurrentPath(str(self.sampleFolder() / "masks"))
        self.ui.loadReferenceButton.click()
        self.ui.compareButton.click()
        for name in ("segmentation", "probability", "comparison", "metrics", "metricsChart", "reference", "xray"):
            node = getattr(self.parameters, name)
            self.removeWithItsSequence(node)
            self.settle(0.05)
            self.assertIsNone(getattr(self.parameters, name), name)
        self.ui.compareButton.click()
        self.assertIn("Choose an X-ray run", self.ui.compareMessageLabel.text)

    def removeWithItsSequence(self, node) -> None:
        """A proxy alone would come back with the next frame."""
        from VesselSegmentationMRML import run_nodes

        sequence = run_nodes.sequenceOf(node)
        for one in (node, sequence):
            if one is not None:
                slicer.mrmlScene.RemoveNode(one)

    def test_a_segmentation_that_is_deleted_on_one_frame_keeps_those_of_the_others(self) -> None:
        from VesselSegmentationMRML import segment_nodes

        run = self.loadSampleRun()
        masks = {frame: self.truthMask(4 + frame) for frame in (0, 1)}
        self.parameters.segmentation = segment_nodes.storeMasks(run, masks)
        self.settle()
        slicer.mrmlScene.RemoveNode(self.parameters.segmentation)
        self.settle()
        self.assertIsNone(self.parameters.segmentation)
        self.ui.frameSlider.value = 2
        self.settle()
        again = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")[0]
        self.ui.segmentationSelector.setCurrentNode(again)
        self.assertTrue((segment_nodes.vesselMask(self.parameters.segmentation, run) == masks[1]).all())

    def test_a_reload_in_mid_work_ends_the_job_and_keeps_the_choices(self) -> None:
        run = self.loadSampleRun()
        self.ui.thresholdSlider.value = 0.35
        self.ui.allFramesButton.click()
        job = self.widget.vessels.job
        self.settle(0.3)
        self.widget.onReload()
        self.settle()
        self.assertFalse(isAlive(job.processId))
        slicer.util.selectModule("VesselSegmentation")
        self.settle()
        self.assertEqual(self.parameters.xray, run)
        self.assertAlmostEqual(self.ui.thresholdSlider.value, 0.35)
        self.segmentShownFrame()

    def test_a_saved_scene_opens_as_it_was(self) -> None:
        from VesselSegmentationMRML import run_nodes, segment_nodes

        self.loadSampleRun()
        self.ui.frameSlider.value = 7
        self.haveVessels(6)
        before = segment_nodes.vesselMask(self.parameters.segmentation, self.parameters.xray)
        self.choose(self.ui.fieldOfViewComboBox, "Lower (aortic bifurcation, pelvis, legs)")
        path = str(self.temporaryFolder() / "scene.mrb")
        self.assertTrue(slicer.util.saveScene(path))
        slicer.mrmlScene.Clear(0)
        self.settle()
        self.assertTrue(slicer.util.loadScene(path))
        self.settle(0.3)
        self.assertEqual(run_nodes.shownFrame(self.parameters.xray), 6)
        self.assertEqual(self.ui.fieldOfViewComboBox.currentIndex, 1)
        after = segment_nodes.vesselMask(self.parameters.segmentation, self.parameters.xray)
        self.assertTrue((before == after).all())
        self.assertEqual(segment_nodes.vesselTag(self.parameters.segmentation, "Threshold"), "0.5")

    def test_another_picture_gets_results_of_its_own(self) -> None:
        import numpy as np

        from VesselSegmentationMRML import run_nodes

        first = self.loadSampleRun()
        self.haveVessels()
        of_first = self.parameters.segmentation
        second = run_nodes.createRun(np.full((1, 64, 64), 90, np.uint8), "Single")
        self.ui.xraySelector.setCurrentNode(second)
        self.settle()
        self.assertIsNone(self.parameters.segmentation)
        self.assertFalse(self.ui.allFramesButton.enabled)
        self.segmentShownFrame()
        self.assertIn("without any vessel", self.ui.vesselsMessageLabel.text)
        self.ui.xraySelector.setCurrentNode(first)
        self.settle()
        self.assertEqual(self.parameters.segmentation, of_first)

    def test_bright_vessels_are_said_per_run_and_then_found(self) -> None:
        import numpy as np

        from VesselSegmentationLib.metrics import overlap_metrics
        from VesselSegmentationMRML import run_nodes, segment_nodes

        self.assertFalse(self.ui.brightVesselsCheckBox.enabled)
        sample = self.loadSampleRun()
        self.assertTrue(self.ui.brightVesselsCheckBox.enabled)
        self.assertFalse(self.ui.brightVesselsCheckBox.checked)
        inverted = run_nodes.createRun(255 - run_nodes.framePixels(sample, 6)[None], "Inverted")
        shown = run_nodes.framePixels(inverted)
        self.ui.xraySelector.setCurrentNode(inverted)
        self.settle()
        self.ui.brightVesselsCheckBox.click()
        self.segmentShownFrame()
        mask = segment_nodes.vesselMask(self.parameters.segmentation, inverted)
        self.assertGreater(overlap_metrics(mask, self.truthMask(6)).dsc, 0.8)
        np.testing.assert_array_equal(run_nodes.framePixels(inverted), shown)
        self.ui.xraySelector.setCurrentNode(sample)
        self.settle()
        self.assertFalse(self.ui.brightVesselsCheckBox.checked)
        self.ui.xraySelector.setCurrentNode(inverted)
        self.settle()
        self.assertTrue(self.ui.brightVesselsCheckBox.checked)

    def test_a_volume_of_slices_becomes_a_run_when_its_slider_moves(self) -> None:
        import numpy as np

        from VesselSegmentationMRML import run_nodes

        slices = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Slices")
        slicer.util.updateVolumeFromArray(slices, np.arange(3 * 16, dtype=np.uint8).reshape(3, 4, 4))
        self.ui.xraySelector.setCurrentNode(slices)
        self.settle()
        self.assertIn("3 slices", self.ui.pictureMessageLabel.text)
        self.ui.frameSlider.value = 3
        self.settle()
        self.assertNotEqual(self.parameters.xray, slices)
        self.assertEqual(run_nodes.shownFrame(self.parameters.xray), 2)
        self.assertEqual(slicer.util.arrayFromVolume(self.parameters.xray).max(), 47)

    def test_every_control_has_a_tool_tip(self) -> None:
        import ctk
        import qt

        kinds = (qt.QPushButton, qt.QComboBox, qt.QCheckBox, qt.QSpinBox, qt.QDoubleSpinBox, ctk.ctkSliderWidget)
        kinds += (ctk.ctkPathLineEdit, ctk.ctkCollapsibleButton, slicer.qMRMLNodeComboBox)
        controls = {name: widget for name, widget in vars(self.ui).items() if isinstance(widget, kinds)}
        self.assertGreater(len(controls), 30)
        self.assertEqual([name for name, widget in controls.items() if not widget.toolTip], [])
