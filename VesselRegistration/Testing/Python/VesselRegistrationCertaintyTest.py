"""How far the model shown may be trusted, by clicking: a refusal, the expected error over the picture and in colors."""

from __future__ import annotations

from typing import Any

import slicer
from VesselRegistrationGuiCase import FLUOROSCOPY, SAMPLE_FRAME, VesselRegistrationGuiCase


class VesselRegistrationCertaintyTest(VesselRegistrationGuiCase):
    def setUp(self) -> None:
        super().setUp()
        self.loadSampleCase()
        self.addCleanup(self.widget.register.cleanup)

    def register(self) -> Any:
        """By its button; returns the result."""
        self.ui.registerButton.click()
        self.waitFor(lambda: not self.widget.register.running, "ended")
        return self.widget.logic.result(self.parameters)

    def useLines(self) -> None:
        """Vessels that are none: a comb of straight lines, which the model cannot explain."""
        import numpy as np

        from VesselSegmentationMRML.segment_nodes import storeMasks

        lines = np.zeros((512, 512), bool)
        lines[::16] = True
        masks = {SAMPLE_FRAME: lines}
        self.parameters.segmentation = storeMasks(self.parameters.xray, masks, self.parameters.segmentation)
        self.settle()

    def outline(self) -> tuple[int, tuple[float, ...]]:
        """Number of lines of the projected outline (a dashed one has many) and its color."""
        node = self.parameters.outline
        return node.GetPolyData().GetNumberOfCells(), node.GetDisplayNode().GetColor()

    def test_a_refusal_gives_its_reason_and_shows_no_model_as_registered(self) -> None:
        self.useLines()
        result = self.register()
        self.assertFalse(result.registered)
        self.assertIn("NOT registered", self.ui.outcomeLabel.text)
        self.assertIn(result.reason, self.ui.outcomeLabel.text)
        self.assertIn("start pose", self.ui.outcomeLabel.text)
        self.assertTrue(self.ui.outcomeLabel.visible)
        for text in (self.widget.standingText, self.widget.refusalText):
            self.assertIn("NOT REGISTERED", text.text)
        self.assertLess(self.parameters.model.GetDisplayNode().GetOpacity(), 0.4 * self.parameters.modelOpacity)
        lines, color = self.outline()
        self.assertGreater(lines, 20)
        self.assertGreater(color[0] - color[1], 0.5)
        overlay = slicer.app.layoutManager().sliceWidget(FLUOROSCOPY).mrmlSliceCompositeNode().GetLabelVolumeID()
        shown = slicer.mrmlScene.GetNodeByID(overlay) if overlay else None
        self.assertTrue(shown is None or not slicer.util.arrayFromVolume(shown).any())

    def test_a_refusal_loses_neither_the_pose_from_before_nor_the_hand_s_work_after(self) -> None:
        self.useTrueVessels()
        self.assertTrue(self.register().registered)
        solid, yellow = self.outline()
        pose = self.pose()
        self.assertNotIn("NOT REGISTERED", self.widget.standingText.text)
        self.useLines()
        self.assertFalse(self.register().registered)
        self.assertEqual(self.pose(), pose)
        self.assertIn("NOT REGISTERED", self.widget.standingText.text)
        self.assertGreater(self.outline()[0], solid + 20)
        self.ui.rightButton.click()
        self.settle()
        self.assertEqual(self.widget.standingText.text, "adjusted by hand")
        self.assertEqual(self.outline()[1], yellow)
        self.assertEqual(self.widget.refusalText.text, "")

    def test_a_model_at_its_start_pose_is_dashed_and_says_so(self) -> None:
        self.settle()
        self.assertGreater(self.outline()[0], 20)
        self.assertIn("not registered: start pose", self.widget.standingText.text)

    def pose(self) -> Any:
        from VesselRegistrationMRML.placement import poseLps

        return poseLps(self.parameters.pose).round(6).tolist()
