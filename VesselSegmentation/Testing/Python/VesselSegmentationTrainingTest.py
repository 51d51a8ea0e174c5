"""Section 5 by clicking: a tiny training, its curves, its weights in the list; cancel, and what is missing."""

from __future__ import annotations

from pathlib import Path

import slicer
from VesselSegmentationGuiCase import VesselSegmentationGuiCase


class VesselSegmentationTrainingTest(VesselSegmentationGuiCase):
    def setUp(self) -> None:
        super().setUp()
        self.keepSettings()
        self.widget.vessels.readNetworks()
        self.folder = self.temporaryFolder()

    def annotatedFrames(self, count: int = 8) -> Path:
        """Frames with a dark band each, their masks and four patients."""
        import numpy as np

        from VesselSegmentationLib.overlay import write_png

        folder = self.folder / "frames"
        random = np.random.default_rng(3)
        for index in range(count):
            mask = np.zeros((64, 64), bool)
            mask[:, 10 + 3 * index : 18 + 3 * index] = True
            frame = random.integers(120, 200, (64, 64)).astype(np.uint8)
            frame[mask] //= 2
            write_png(folder / f"f{index}.png", frame)
            write_png(folder / f"f{index}_mask.png", mask)
        (folder / "patients.csv").write_text("\n".join(f"f{index},patient{index % 4}" for index in range(count)))
        return folder

    def chooseTinyTraining(self) -> Path:
        """One pass through eight frames; returns the folder of the network."""
        self.ui.trainingFolderEdit.setCurrentPath(str(self.annotatedFrames()))
        self.ui.trainingOutputEdit.setCurrentPath(str(self.folder / "my network"))
        self.choose(self.ui.trainingRecipeComboBox, "Recommended")
        self.ui.batchSizeSpinBox.value = 4
        self.ui.epochsSpinBox.value = 2
        return self.folder / "my network"

    def test_the_recipes_fill_in_the_settings_of_paper_and_recommendation(self) -> None:
        p = self.parameters
        self.assertEqual(self.ui.trainingRecipeComboBox.currentText, "As in the paper (Li et al. 2021)")
        self.assertEqual((p.trainingLoss.value, p.learningRate, p.batchSize), ("dice", 1e-5, 8))
        self.choose(self.ui.trainingViewComboBox, "Upper")
        self.assertEqual((p.trainingLoss.value, p.learningRate, p.batchSize), ("bce", 0.1, 4))
        self.assertEqual(self.ui.learningRateSpinBox.value, 0.1)
        self.choose(self.ui.trainingRecipeComboBox, "Recommended")
        self.assertEqual((p.trainingLoss.value, p.learningRate, p.minutes), ("frame-dice+ce", 0.002, 30.0))

    def test_the_folder_says_what_it_holds(self) -> None:
        self.ui.trainingFolderEdit.setCurrentPath(str(self.annotatedFrames()))
        self.assertIn("8 frames of 4 patients", self.ui.trainingDataLabel.text)
        self.assertIn("held out", self.ui.trainingDataLabel.text)
        self.assertTrue(self.parameters.trainingOutput.endswith("frames-network"))
        self.ui.trainingFolderEdit.setCurrentPath(str(self.folder))
        self.assertIn("no frame with a mask", self.ui.trainingDataLabel.text)

    def test_a_trained_network_is_in_the_list_chosen_and_usable(self) -> None:
        output = self.chooseTinyTraining()
        self.ui.trainButton.click()
        self.assertTrue(self.widget.training.running, self.messages())
        self.assertFalse(self.ui.trainButton.enabled)
        self.waitFor(lambda: not self.widget.training.running, "trained")
        self.assertIn("Done", self.ui.trainingMessageLabel.text)
        self.assertEqual(self.parameters.network, str(output))
        self.assertEqual(self.ui.networkComboBox.currentText, "my network")
        chart = self.parameters.trainingChart
        series = {chart.GetNthPlotSeriesNode(i).GetName(): chart.GetNthPlotSeriesNode(i) for i in range(2)}
        self.assertGreaterEqual(series["Loss"].GetTableNode().GetNumberOfRows(), 1)
        self.assertGreaterEqual(series["Validation DSC"].GetTableNode().GetNumberOfRows(), 1)
        self.loadSampleRun()
        self.segmentShownFrame()
        from VesselSegmentationMRML import segment_nodes

        shipped = segment_nodes.vesselTag(self.parameters.segmentation, "Network")
        self.choose(self.ui.networkComboBox, "Shipped (trained on simulated patients)")
        self.segmentShownFrame()
        self.assertNotEqual(segment_nodes.vesselTag(self.parameters.segmentation, "Network"), shipped)

    def test_a_cancelled_training_leaves_no_half_written_file_and_can_go_on(self) -> None:
        output = self.chooseTinyTraining()
        self.ui.epochsSpinBox.value = 5000
        self.ui.trainButton.click()
        self.waitFor(lambda: "iteration" in self.ui.trainingMessageLabel.text, "training")
        self.ui.cancelTrainingButton.click()
        self.waitFor(lambda: not self.widget.training.running, "cancelled", 20)
        self.assertIn("go on from here", self.ui.trainingMessageLabel.text)
        names = [path.name for path in output.rglob("*")]
        self.assertEqual([name for name in names if name.endswith(".partial")], [])
        self.assertIn("checkpoint.safetensors", names)
        self.assertEqual(self.parameters.network, "")

    def test_what_is_missing_is_told_and_nothing_starts(self) -> None:
        self.ui.trainButton.click()
        self.assertIn("Choose the folder", self.ui.trainingMessageLabel.text)
        frames = self.annotatedFrames()
        self.ui.trainingFolderEdit.setCurrentPath(str(frames))
        self.ui.trainingOutputEdit.setCurrentPath(str(frames))
        self.ui.trainButton.click()
        self.assertIn("folder of its own", self.ui.trainingMessageLabel.text)
        (frames / "patients.csv").write_text("\n".join(f"f{index},one" for index in range(8)))
        self.ui.trainingOutputEdit.setCurrentPath(str(self.folder / "out"))
        self.ui.trainButton.click()
        self.assertIn("one patient only", self.ui.trainingMessageLabel.text)
        self.assertFalse(self.widget.training.running)
        self.assertFalse((self.folder / "out").exists())

    def test_closing_the_scene_ends_a_training(self) -> None:
        self.chooseTinyTraining()
        self.ui.epochsSpinBox.value = 5000
        self.ui.trainButton.click()
        job = self.widget.training.job
        self.settle(0.5)
        slicer.mrmlScene.Clear(0)
        self.settle()
        self.assertFalse(job.running)
        self.assertFalse(self.widget.training.running)

    def test_a_network_of_one_s_own_folder_can_be_chosen_and_a_lost_one_is_told(self) -> None:
        import shutil

        from VesselSegmentationMRML import networks

        shutil.copytree(networks.shippedFolder(), self.folder / "own" / "Copy")
        self.ui.networksPathEdit.setCurrentPath(str(self.folder / "own"))
        self.choose(self.ui.networkComboBox, "Copy")
        self.assertEqual(self.parameters.network, str(self.folder / "own" / "Copy"))
        shutil.rmtree(self.folder / "own")
        self.widget.enter()
        self.assertEqual(self.ui.networkComboBox.currentText, "Copy (missing)")
        self.loadSampleRun()
        self.ui.applyButton.click()
        self.assertIn("no vessel network", self.ui.vesselsMessageLabel.text)
        self.assertFalse(self.widget.vessels.running)
