"""Step 1 by clicking: the sample case, files, nodes of the scene, and what cannot be loaded."""

from __future__ import annotations

import tempfile
from pathlib import Path

import slicer
import vtk
from VesselRegistrationGuiCase import VesselRegistrationGuiCase


class VesselRegistrationCaseTest(VesselRegistrationGuiCase):
    def test_an_empty_scene_offers_the_sample_case_and_says_why_the_rest_must_wait(self) -> None:
        self.assertTrue(self.ui.sampleCaseButton.enabled)
        for button in (
            self.ui.modelLoadButton,
            self.ui.xrayLoadButton,
            self.ui.resetGeometryButton,
            self.ui.drawRoiButton,
            self.ui.fitRoiButton,
            self.ui.segmentButton,
            self.ui.registerButton,
            self.ui.registerAllButton,
            self.ui.cArmViewButton,
            self.ui.undoButton,
            self.ui.rightButton,
            self.ui.saveButton,
        ):
            self.assertFalse(button.enabled, button.text)
        self.assertIn("step 1", self.ui.segmentButton.toolTip)
        self.assertTrue(self.ui.registerButton.toolTip)
        self.assertIn("There is nothing to save yet: load a case first (step 1)", self.ui.saveButton.toolTip)

    def test_registering_with_nothing_selected_says_what_is_missing_and_changes_nothing(self) -> None:
        nodes = slicer.mrmlScene.GetNumberOfNodes()
        self.widget.register.registerOrCancel()
        self.assertFalse(self.widget.register.running)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), nodes)
        self.assertTrue(self.ui.registerMessageLabel.text)

    def test_the_sample_case_stands_where_the_detector_was(self) -> None:
        self.loadSampleCase()
        image = self.parameters.xray.GetImageData()
        self.assertEqual(image.GetDimensions(), (512, 512, 1))
        ijkToRas = vtk.vtkMatrix4x4()
        self.parameters.xray.GetIJKToRASMatrix(ijkToRas)
        middle = ijkToRas.MultiplyPoint([255.5, 255.5, 0.0, 1.0])[:3]
        distance = sum(value**2 for value in middle) ** 0.5
        detector = self.parameters.sourceToDetector - self.parameters.sourceToIsocenter
        self.assertAlmostEqual(distance, detector, delta=0.1)
        self.assertIn("10 frames of 512 × 512 pixels", self.ui.caseFactsLabel.text)
        self.assertIn("triangles", self.ui.caseFactsLabel.text)

    def test_every_frame_of_the_sample_case_stands_there(self) -> None:
        self.loadSampleCase()
        browser = self.widget.result.browser()
        self.assertEqual(browser.GetNumberOfItems(), 10)
        first, last = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
        self.parameters.xray.GetIJKToRASMatrix(first)
        browser.SetSelectedItemNumber(9)
        self.settle()
        self.parameters.xray.GetIJKToRASMatrix(last)
        for row in range(3):
            for column in range(4):
                self.assertAlmostEqual(first.GetElement(row, column), last.GetElement(row, column), delta=1e-3)

    def test_files_are_loaded_by_their_buttons(self) -> None:
        self.ui.modelPathLineEdit.currentPath = str(self.sampleFolder() / "model.stl")
        self.settle()
        self.ui.modelLoadButton.click()
        self.ui.xrayPathLineEdit.currentPath = str(self.sampleFolder() / "run.dcm")
        self.settle()
        self.ui.xrayLoadButton.click()
        self.settle()
        self.assertGreater(self.parameters.model.GetPolyData().GetNumberOfCells(), 100)
        self.assertEqual(self.ui.modelSelector.currentNode(), self.parameters.model)
        self.assertEqual(self.ui.xraySelector.currentNode(), self.parameters.xray)
        self.assertTrue(self.ui.angleLabel.text.startswith("LAO 14.5"), self.ui.angleLabel.text)

    def test_the_models_unit_can_be_given(self) -> None:
        self.ui.modelPathLineEdit.currentPath = str(self.sampleFolder() / "model.stl")
        self.ui.modelUnitsComboBox.currentIndex = 2
        self.addCleanup(setattr, self.ui.modelUnitsComboBox, "currentIndex", 0)
        self.settle()
        self.ui.modelLoadButton.click()
        self.settle()
        inCentimeters = self.parameters.model.GetPolyData().GetLength()
        self.ui.modelUnitsComboBox.currentIndex = 1
        self.ui.modelLoadButton.click()
        self.settle()
        self.assertAlmostEqual(inCentimeters / self.parameters.model.GetPolyData().GetLength(), 10, delta=0.01)

    def test_a_file_that_is_not_there_cannot_be_loaded_and_the_button_says_so(self) -> None:
        self.ui.modelPathLineEdit.currentPath = "/nowhere/model.stl"
        self.settle()
        self.assertFalse(self.ui.modelLoadButton.enabled)
        self.assertIn("/nowhere/model.stl", self.ui.modelLoadButton.toolTip)

    def test_a_file_that_is_no_model_is_refused_in_one_line(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            wrong = Path(folder) / "letter.stl"
            wrong.write_text("Dear colleague", encoding="utf-8")
            self.ui.modelPathLineEdit.currentPath = str(wrong)
            self.settle()
            self.ui.modelLoadButton.click()
            self.settle()
        self.assertIsNone(self.parameters.model)
        self.assertTrue(self.ui.caseMessageLabel.text)
        self.assertNotIn("Traceback", self.ui.caseMessageLabel.text)
        self.assertNotIn("\n", self.ui.caseMessageLabel.text)

    def test_nodes_of_the_scene_become_the_case_when_they_are_selected(self) -> None:
        self.loadSampleCase()
        other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", "Other")
        sphere = vtk.vtkSphereSource()
        sphere.SetRadius(30)
        sphere.Update()
        other.SetAndObservePolyData(sphere.GetOutput())
        self.ui.modelSelector.setCurrentNode(other)
        self.settle()
        self.assertEqual(self.parameters.model, other)
        self.assertGreater(slicer.util.arrayFromVolume(self.parameters.projection).max(), 1)
        self.assertIn("Other", self.ui.caseCollapsibleButton.text)

    def test_the_sample_case_is_in_the_sample_data_module(self) -> None:
        import SampleData

        import VesselRegistration

        VesselRegistration.registerSampleData()
        VesselRegistration.registerSampleData()
        sources = SampleData.SampleDataLogic.sampleDataSourcesByCategory("VesselRegistration")
        self.assertEqual(len(sources), 1)
        source = sources[0]
        self.assertTrue(Path(source.thumbnailFileName).is_file(), source.thumbnailFileName)
        xray, model = source.customDownloader(source)
        self.settle()
        self.assertEqual(self.parameters.xray, xray)
        self.assertEqual(self.parameters.model, model)
