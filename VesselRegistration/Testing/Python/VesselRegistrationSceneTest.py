"""Step 7 and the life of the scene: saved, closed, opened again, inputs deleted, the module reloaded."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import slicer
import vtk
from VesselRegistrationGuiCase import VesselRegistrationGuiCase


class VesselRegistrationSceneTest(VesselRegistrationGuiCase):
    def temporaryFolder(self) -> Path:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return Path(folder.name)

    def pose(self) -> list[float]:
        matrix = vtk.vtkMatrix4x4()
        self.parameters.pose.GetMatrixTransformToWorld(matrix)
        return [round(matrix.GetElement(row, column), 4) for row in range(3) for column in range(4)]

    def workDone(self) -> None:
        """The sample case with a changed angle, a region, vessels and a model moved by hand."""
        self.loadSampleCase()
        self.useTrueVessels()
        self.ui.secondaryAngleSlider.value = 30
        self.settle()
        self.ui.fitRoiButton.click()
        self.ui.rightButton.click()
        self.ui.overlayOpacitySlider.value = 0.3
        self.settle()

    def test_saved_closed_and_opened_again_everything_is_as_it_was(self) -> None:
        self.workDone()
        folder = self.temporaryFolder()
        self.ui.saveFolderLineEdit.currentPath = str(folder)
        self.settle()
        self.ui.saveButton.click()
        self.settle()
        self.assertIn("Saved", self.ui.saveMessageLabel.text)
        scenes = list(folder.glob("*.mrb"))
        self.assertEqual(len(scenes), 1, self.ui.saveMessageLabel.text)
        before = self.stateOfThePanel()
        slicer.mrmlScene.Clear(0)
        self.settle()
        self.assertIsNone(self.parameters.xray)
        self.assertEqual(self.ui.angleLabel.text, "No X-ray run")
        slicer.util.loadScene(str(scenes[0]))
        self.settle(0.5)
        self.assertEqual(self.stateOfThePanel(), before)
        self.ui.rightButton.click()
        self.settle()
        self.assertTrue(self.ui.undoButton.enabled)

    def stateOfThePanel(self) -> dict[str, object]:
        """All that a user sees of a case."""
        import numpy as np

        ui, parameters = self.ui, self.parameters
        return {
            "angles": ui.angleLabel.text,
            "sources": [ui.primaryAngleSourceLabel.text, ui.secondaryAngleSourceLabel.text],
            "distances": [ui.sourceToDetectorSpinBox.value, ui.rowSpacingSpinBox.value],
            "region": tuple(self.widget.logic.roiPixels(parameters)),
            "region used": ui.useRoiCheckBox.checked,
            "vessels": ui.segmentationSelector.currentNode().GetName(),
            "pose": self.pose(),
            "overlap": ui.overlapLabel.text,
            "opacity": round(ui.overlayOpacitySlider.value, 2),
            "frames": self.widget.result.browser().GetNumberOfItems(),
            "projection": int(np.count_nonzero(slicer.util.arrayFromVolume(parameters.projection))),
            "picture": int(slicer.util.arrayFromVolume(parameters.xray).sum()),
            "corner": self.widget.cornerText.text,
            "layout": slicer.app.layoutManager().layout,
        }

    def test_a_folder_that_cannot_be_written_is_told_in_words(self) -> None:
        self.loadSampleCase()
        blocker = self.temporaryFolder() / "file"
        blocker.write_text("", encoding="utf-8")
        self.ui.saveFolderLineEdit.currentPath = str(blocker / "folder")
        self.settle()
        self.ui.saveButton.click()
        self.settle()
        self.assertTrue(self.ui.saveMessageLabel.text)
        self.assertNotIn("Saved", self.ui.saveMessageLabel.text)

    def test_closing_the_scene_empties_the_panel(self) -> None:
        self.workDone()
        slicer.mrmlScene.Clear(0)
        self.settle()
        self.assertIsNone(self.ui.modelSelector.currentNode())
        self.assertIsNone(self.ui.xraySelector.currentNode())
        self.assertEqual(self.ui.overlapLabel.text, "")
        self.assertEqual(self.widget.cornerText.text, "")
        self.assertFalse(self.ui.undoButton.enabled)

    def test_the_scene_can_be_closed_while_another_module_is_shown(self) -> None:
        self.workDone()
        slicer.util.selectModule("VesselSegmentation")
        slicer.mrmlScene.Clear(0)
        self.settle()
        slicer.util.selectModule("VesselRegistration")
        self.settle()
        self.assertIsNotNone(self.parameters)
        self.assertIsNone(self.parameters.xray)

    def test_the_module_can_be_reloaded_in_mid_work(self) -> None:
        self.workDone()
        old, pose = self.widget, self.pose()
        code = sys.modules["VesselRegistrationWidgets.main_widget"]
        slicer.util.reloadScriptedModule("VesselRegistration")
        self.settle()
        self.assertIsNot(self.widget, old)
        self.assertIsNot(sys.modules["VesselRegistrationWidgets.main_widget"], code)
        self.assertEqual(old.cornerText.text, "")
        self.assertEqual(self.pose(), pose)
        self.assertIn("CRA 30.0", self.ui.angleLabel.text)
        self.ui.primaryAngleSlider.value = 0
        self.settle()
        self.assertEqual(self.widget.cornerText.text, "LAO 0.0 CRA 30.0")
