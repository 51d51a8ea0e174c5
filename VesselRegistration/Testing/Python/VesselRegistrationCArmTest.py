"""Step 2 by clicking: values in the clinicians' words, live, each with where it came from."""

from __future__ import annotations

import slicer
from VesselRegistrationGuiCase import VesselRegistrationGuiCase


class VesselRegistrationCArmTest(VesselRegistrationGuiCase):
    def setUp(self) -> None:
        super().setUp()
        self.loadSampleCase()

    def test_the_header_is_shown_with_its_tags_and_in_words(self) -> None:
        self.assertEqual(self.ui.angleLabel.text, "LAO 14.5 CRA 34.2")
        self.assertAlmostEqual(self.ui.primaryAngleSlider.value, 14.5, delta=0.06)
        self.assertIn("(0018,1510)", self.ui.primaryAngleSourceLabel.toolTip)
        self.assertIn("(0018,1110)", self.ui.sourceToDetectorSourceLabel.toolTip)
        for name in ("secondaryAngle", "sourceToIsocenter", "rowSpacing", "columnSpacing", "tableHead"):
            label = getattr(self.ui, f"{name}SourceLabel")
            self.assertEqual(label.text, "header", name)
            self.assertLessEqual(label.sizeHint.width(), label.width, f"{name}: what it says is cut off")

    def test_an_angle_changed_moves_the_projection_and_the_picture_at_once(self) -> None:
        before = slicer.util.arrayFromVolume(self.parameters.projection).copy()
        place = self.parameters.xray.GetOrigin()
        self.ui.primaryAngleSlider.value = -26.5
        self.settle()
        after = slicer.util.arrayFromVolume(self.parameters.projection)
        self.assertGreater(before.max(), 1)
        self.assertGreater(abs(after - before).max(), 1)
        self.assertNotEqual(self.parameters.xray.GetOrigin(), place)
        self.assertEqual(self.ui.angleLabel.text, "RAO 26.5 CRA 34.2")
        self.assertIn("RAO 26.5 CRA 34.2", self.ui.cArmCollapsibleButton.text)

    def test_the_angles_stand_in_the_corner_of_the_picture_in_every_layout(self) -> None:
        self.assertEqual(self.widget.cornerText.text, "LAO 14.5 CRA 34.2")
        self.ui.secondaryAngleSlider.value = -10
        self.settle()
        self.assertEqual(self.widget.cornerText.text, "LAO 14.5 CAU 10.0")
        layoutManager = slicer.app.layoutManager()
        own = layoutManager.layout
        layoutManager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self.settle()
        self.assertEqual(self.widget.cornerText.text, "LAO 14.5 CAU 10.0")
        renderer = self.sliceView().renderWindow().GetRenderers().GetFirstRenderer()
        self.assertTrue(renderer.HasViewProp(self.widget.cornerText.actor))
        layoutManager.setLayout(own)
        self.settle()
        self.assertEqual(self.widget.cornerText.text, "LAO 14.5 CAU 10.0")

    def test_the_corner_text_gives_way_to_other_annotations(self) -> None:
        annotation = self.sliceView().cornerAnnotation()
        self.addCleanup(annotation.SetText, 2, "")
        where = self.widget.cornerText.actor.GetPosition()
        annotation.SetText(2, "Patient")
        self.widget.refresh()
        self.assertNotEqual(self.widget.cornerText.actor.GetPosition(), where)
        annotation.SetText(2, "")
        self.widget.refresh()
        self.assertEqual(self.widget.cornerText.actor.GetPosition(), where)

    def test_the_corner_is_empty_when_the_view_shows_another_volume(self) -> None:
        other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
        slicer.util.setSliceViewerLayers(background=other)
        self.widget.refresh()
        self.assertEqual(self.widget.cornerText.text, "")

    def test_what_was_entered_says_so_and_can_be_reset_to_the_header(self) -> None:
        self.ui.sourceToDetectorSpinBox.value = 1100
        self.settle()
        self.assertIn("entered", self.ui.sourceToDetectorSourceLabel.text)
        self.assertNotIn("entered", self.ui.primaryAngleSourceLabel.text)
        self.ui.resetGeometryButton.click()
        self.settle()
        self.assertNotAlmostEqual(self.ui.sourceToDetectorSpinBox.value, 1100, delta=1)
        self.assertIn("(0018,1110)", self.ui.sourceToDetectorSourceLabel.toolTip)

    def test_an_impossible_distance_is_refused_in_words_and_mended_by_the_next_value(self) -> None:
        before = self.parameters.sourceToDetector
        self.ui.sourceToDetectorSpinBox.value = 100
        self.settle()
        self.assertIn("100", self.ui.cArmMessageLabel.text)
        self.ui.sourceToDetectorSpinBox.value = before
        self.settle()
        self.assertEqual(self.ui.cArmMessageLabel.text, "")
        self.assertEqual(self.ui.angleLabel.text, "LAO 14.5 CRA 34.2")

    def test_a_picture_without_a_header_asks_for_what_is_missing(self) -> None:
        import numpy as np

        picture = slicer.util.addVolumeFromArray(np.full((1, 64, 64), 100, dtype=np.uint8), name="Picture")
        self.ui.xraySelector.setCurrentNode(picture)
        self.settle()
        self.assertIn("angle", self.ui.missingLabel.text)
        self.assertFalse(self.ui.fitRoiButton.enabled)
        self.assertIn("step 2", self.ui.fitRoiButton.toolTip)
