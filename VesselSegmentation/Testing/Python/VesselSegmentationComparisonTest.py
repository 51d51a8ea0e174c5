"""Segmentations against a reference: scores, charts, overlay, and references that do not fit."""

from __future__ import annotations

import math

import slicer
from VesselSegmentationLogicCase import VesselSegmentationLogicCase


class VesselSegmentationComparisonTest(VesselSegmentationLogicCase):
    """On a made-up run."""

    def test_scores_overlay_and_box_plot_against_a_reference(self) -> None:
        import numpy as np

        from VesselSegmentationMRML import segment_nodes

        found = self.masks.copy()
        found[:, :, :20] = False
        self.p.segmentation = segment_nodes.storeMasks(self.run, dict(enumerate(found)))
        self.p.reference = segment_nodes.storeMasks(self.run, dict(enumerate(self.masks)))
        text = self.logic.compare(self.p)
        recalls = [found[frame].sum() / self.masks[frame].sum() for frame in range(4)]
        self.assertIn("Median of 4 frames", text)
        self.assertIn(f"Recall {np.median(recalls):.3f}", text)
        table = self.p.metrics
        self.assertEqual(table.GetNumberOfRows(), 4)
        columns = {table.GetColumnName(index): index for index in range(table.GetNumberOfColumns())}
        self.assertEqual(table.GetCellText(1, columns["Precision"]), "1.000")
        self.assertEqual(table.GetCellText(1, columns["Recall"]), f"{recalls[1]:.3f}")
        self.show(1)
        labels = slicer.util.arrayFromVolume(self.p.comparison)[0]
        np.testing.assert_array_equal(labels == 1, found[1])
        np.testing.assert_array_equal(labels == 3, self.masks[1] & ~found[1])
        colors = self.p.comparison.GetDisplayNode().GetColorNode()
        color = [0.0] * 4
        colors.GetColor(1, color)
        self.assertEqual(color, [1.0, 1.0, 0.0, 1.0])
        self.assertEqual(self.p.metricsChart.GetNumberOfPlotSeriesNodes(), 6)

    def test_comparing_again_leaves_no_old_charts_behind(self) -> None:
        from VesselSegmentationMRML import segment_nodes

        self.p.segmentation = segment_nodes.storeMasks(self.run, dict(enumerate(self.masks)))
        self.p.reference = segment_nodes.storeMasks(self.run, dict(enumerate(self.masks)))
        self.logic.compare(self.p)
        before = slicer.mrmlScene.GetNumberOfNodes()
        self.logic.compare(self.p)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), before)

    def test_a_box_runs_from_quartile_to_quartile_and_its_whiskers_leave_outliers_out(self) -> None:
        from VesselSegmentationMRML.metric_nodes import BOX_HALF, boxPath

        x, y = boxPath([0.1, 0.2, 0.3, 0.4, 0.9, math.nan], 2)
        self.assertEqual((min(y), max(y)), (0.1, 0.4))
        self.assertEqual(max(boxPath([0.1, 0.2, 0.3, 0.4, 0.7], 2)[1]), 0.7)
        corners = {round(height, 6) for side, height in zip(x, y) if math.isclose(abs(side - 2), BOX_HALF)}
        self.assertEqual(sorted(corners), [0.2, 0.3, 0.4])
        self.assertEqual(boxPath([math.nan], 1), ([], []))

    def test_scores_that_are_zero_by_zero_are_left_empty(self) -> None:
        import numpy as np

        from VesselSegmentationMRML import segment_nodes

        empty = {0: np.zeros((48, 64), bool)}
        self.p.segmentation = segment_nodes.storeMasks(self.run, empty)
        self.p.reference = segment_nodes.storeMasks(self.run, empty)
        self.assertIn("Precision undefined", self.logic.compare(self.p))
        self.assertEqual(self.p.metrics.GetCellText(0, 2), "")

    def test_what_cannot_be_compared_is_refused_in_words(self) -> None:
        from VesselSegmentationMRML import segment_nodes

        self.assertProblem("segment the frame first", self.logic.compare, self.p)
        self.p.segmentation = segment_nodes.storeMasks(self.run, {0: self.masks[0]})
        self.assertProblem("Choose a reference", self.logic.compare, self.p)
        self.p.reference = self.p.segmentation
        self.assertProblem("the segmentation itself", self.logic.compare, self.p)
        self.p.reference = segment_nodes.storeMasks(self.run, {3: self.masks[3]})
        self.assertProblem("No frame has both", self.logic.compare, self.p)

    def test_reference_files_become_a_hidden_segmentation_of_the_run(self) -> None:
        import numpy as np

        from VesselSegmentationLib.overlay import write_png

        for index, mask in enumerate(self.masks):
            write_png(self.folder / "masks" / f"m{index}.png", mask)
        self.p.referencePath = str(self.folder / "masks")
        self.logic.loadReference(self.p)
        self.show(3)
        np.testing.assert_array_equal(self.logic.vesselMask(self.p.reference, self.run), self.masks[3])
        self.assertFalse(self.p.reference.GetDisplayNode().GetVisibility())
        self.p.referencePath = str(self.folder / "masks" / "m1.png")
        self.logic.loadReference(self.p)
        np.testing.assert_array_equal(self.logic.vesselMask(self.p.reference, self.run), self.masks[1])

    def test_reference_files_that_do_not_fit_are_refused_in_words(self) -> None:
        import numpy as np

        from VesselSegmentationLib.overlay import write_png

        write_png(self.folder / "small" / "a.png", np.eye(8, dtype=bool))
        for index in range(3):
            write_png(self.folder / "three" / f"{index}.png", self.masks[0])
        (self.folder / "text.png").write_text("no picture")
        (self.folder / "none").mkdir()
        cases = {
            "": "Choose a file",
            str(self.folder / "nowhere.png"): "There is no file",
            str(self.folder / "small"): "8 x 8",
            str(self.folder / "three"): "3 masks for 4 frames",
            str(self.folder / "text.png"): "cannot be read",
            str(self.folder / "none"): "holds no PNG",
        }
        for path, words in cases.items():
            self.p.referencePath = path
            self.assertProblem(words, self.logic.loadReference, self.p)
        self.assertIsNone(self.p.reference)

    def test_a_label_map_of_several_slices_is_a_reference_of_every_frame(self) -> None:
        import numpy as np

        from VesselSegmentationMRML import segment_nodes

        labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Labels")
        slicer.util.updateVolumeFromArray(labels, self.masks.astype(np.uint8))
        self.p.segmentation = segment_nodes.storeMasks(self.run, dict(enumerate(self.masks)))
        self.p.reference = labels
        self.assertIn("DSC 1.000", self.logic.compare(self.p))
