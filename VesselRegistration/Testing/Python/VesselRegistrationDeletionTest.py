"""Any input can be deleted at any moment: nothing breaks, nothing is chosen in its place, and work goes on."""

from __future__ import annotations

import slicer
from VesselRegistrationGuiCase import VesselRegistrationGuiCase


class VesselRegistrationDeletionTest(VesselRegistrationGuiCase):
    def setUp(self) -> None:
        super().setUp()
        self.loadSampleCase()
        self.useTrueVessels()
        self.ui.fitRoiButton.click()
        self.ui.rightButton.click()
        self.settle()

    def deleteAndGoOn(self, name: str) -> None:
        """Delete what the parameter node calls by this name, then use what can still be used."""
        node = getattr(self.parameters, name)
        self.assertIsNotNone(node, f"there is no {name} to delete")
        slicer.mrmlScene.RemoveNode(node)
        self.settle()
        self.ui.primaryAngleSlider.value = self.ui.primaryAngleSlider.value + 5
        self.settle()
        for button in (self.ui.rightButton, self.ui.undoButton, self.ui.cArmViewButton, self.ui.fitRoiButton):
            if button.enabled:
                button.click()
        self.settle()
        for word in ("Traceback", "NoneType", "attribute"):
            self.assertNotIn(word, self.ui.statusLabel.text)

    def test_the_model(self) -> None:
        self.deleteAndGoOn("model")
        self.assertIsNone(self.ui.modelSelector.currentNode())
        self.assertFalse(self.ui.registerButton.enabled)
        self.assertFalse(self.ui.rightButton.enabled)

    def test_the_run(self) -> None:
        self.deleteAndGoOn("xray")
        self.assertIsNone(self.ui.xraySelector.currentNode())
        self.assertFalse(self.ui.registerButton.enabled)
        self.assertFalse(self.ui.segmentButton.enabled)
        self.assertEqual(self.ui.angleLabel.text, "No X-ray run")
        self.assertEqual(self.widget.cornerText.text, "")
        self.loadSampleCase()
        self.assertEqual(self.ui.angleLabel.text, "LAO 14.5 CRA 34.2")

    def test_the_region(self) -> None:
        self.deleteAndGoOn("roi")
        self.assertTrue(self.ui.registerButton.enabled)

    def test_the_vessels(self) -> None:
        self.deleteAndGoOn("segmentation")
        self.assertIsNone(self.ui.segmentationSelector.currentNode())
        self.assertEqual(self.ui.overlapLabel.text, "")

    def test_the_pose_and_the_start_pose(self) -> None:
        self.deleteAndGoOn("pose")
        self.deleteAndGoOn("startPose")
        self.assertIsNotNone(self.parameters.pose)
        self.assertTrue(self.ui.registerButton.enabled, self.ui.registerButton.toolTip)

    def test_the_pictures_that_are_drawn(self) -> None:
        for name in ("projection", "outline", "overlay"):
            self.deleteAndGoOn(name)
            self.assertIsNotNone(getattr(self.parameters, name), f"{name} was not drawn again")

    def test_the_notes_of_geometry_and_results(self) -> None:
        self.deleteAndGoOn("report")
        self.assertTrue(self.ui.rightButton.enabled)
        self.deleteAndGoOn("geometry")
        self.assertIn("secondary angle", self.ui.missingLabel.text)
        self.ui.confirmGeometryButton.click()
        self.settle()
        self.assertEqual(self.ui.missingLabel.text, "")
        self.assertTrue(self.ui.rightButton.enabled, self.ui.rightButton.toolTip)
        self.assertTrue(self.ui.registerButton.enabled, self.ui.registerButton.toolTip)
        self.assertGreater(slicer.util.arrayFromVolume(self.parameters.projection).max(), 1)
