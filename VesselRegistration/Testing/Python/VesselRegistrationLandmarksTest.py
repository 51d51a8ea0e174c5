"""Landmarks of step 6 by clicking: points on the model and in the picture, and the error in mm that they tell."""

from __future__ import annotations

from typing import Any

import slicer
from VesselRegistrationGuiCase import FLUOROSCOPY, SAMPLE_FRAME, VesselRegistrationGuiCase


class VesselRegistrationLandmarksTest(VesselRegistrationGuiCase):
    def setUp(self) -> None:
        super().setUp()
        self.loadSampleCase()

    def modelPoints(self, *indices: int) -> Any:
        """Points (N, 3) of the model's surface in its own coordinates, LPS mm."""
        from VesselRegistrationMRML.case import surfacePointsLps

        return surfacePointsLps(self.parameters.model)[list(indices)]

    def pixels(self, points: Any) -> Any:
        """Where the picture shows model points at the pose shown, (N, 2) column and row."""
        from VesselRegistrationLib.projection import transform_points
        from VesselRegistrationMRML.placement import poseLps

        cArm = self.widget.logic.cArm(self.parameters)
        return cArm.project(transform_points(poseLps(self.parameters.pose), points))[:, :2]

    def inPicture(self, count: int) -> Any:
        """Model points that the picture shows, well apart and off its border."""
        import numpy as np

        points = self.modelPoints(*range(0, self.parameters.model.GetPolyData().GetNumberOfPoints(), 37))
        seen = self.pixels(points)
        inside = points[((seen > 60) & (seen < 450)).all(axis=1)]
        return inside[np.linspace(0, len(inside) - 1, count).astype(int)]

    def addToModel(self, names: str, points: Any, inScene: bool = False) -> Any:
        """A node of the user's own with points in the model's coordinates, or where the scene shows them."""
        from VesselRegistrationLib.projection import transform_points
        from VesselRegistrationMRML.placement import poseLps

        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "From the CT")
        for name, point in zip(names, transform_points(poseLps(self.parameters.pose), points) if inScene else points):
            node.AddControlPoint([-point[0], -point[1], point[2]], name)
        self.ui.modelLandmarksSelector.setCurrentNode(node)
        self.settle()
        return node

    def addToPicture(self, names: str, pixels: Any) -> Any:
        """Marks at pixels of the X-ray picture, in a node of the user's own."""
        import vtk

        ijkToRas = vtk.vtkMatrix4x4()
        self.parameters.xray.GetIJKToRASMatrix(ijkToRas)
        node = self.parameters.pictureLandmarks
        if node is None:
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Marks")
        for name, (column, row) in zip(names, pixels):
            node.AddControlPoint(ijkToRas.MultiplyPoint([column, row, 0.0, 1.0])[:3], name)
        self.ui.pictureLandmarksSelector.setCurrentNode(node)
        self.settle()
        return node

    def test_the_error_of_each_name_is_said_in_millimeters_at_the_isocenter(self) -> None:
        points = self.inPicture(4)
        self.addToModel("ABCD", points)
        pixel = self.widget.logic.cArm(self.parameters).pixel_size_at_isocenter_mm()
        seen = self.pixels(points)
        self.addToPicture("ABCX", [seen[0] + (3, 4), seen[1], seen[2] + (0, 10), (100, 100)])
        errors = self.widget.result.landmarks.errors
        self.assertEqual(list(errors.millimeters), ["A", "B", "C"])
        for name, expected in (("A", 5 * pixel), ("B", 0), ("C", 10 * pixel)):
            self.assertAlmostEqual(errors.millimeters[name], expected, delta=1e-3)
        self.assertAlmostEqual(errors.rms, ((25 + 100) / 3) ** 0.5 * pixel, delta=1e-3)
        text = self.ui.landmarksLabel.text
        self.assertTrue(self.ui.landmarksLabel.visible)
        for part in (f"{5 * pixel:.1f} mm", f"{errors.rms:.1f} mm", "Only on the model: D", "Only in the picture: X"):
            self.assertIn(part, text)
        self.assertGreater(self.parameters.landmarkLines.GetPolyData().GetNumberOfCells(), 3)

    def test_the_landmarks_move_with_the_model_and_their_errors_with_the_pose(self) -> None:
        points = self.inPicture(2)
        node = self.addToModel("AB", points)
        self.assertIs(node.GetParentTransformNode(), self.parameters.pose)
        self.addToPicture("AB", self.pixels(points))
        self.assertLess(self.widget.result.landmarks.errors.rms, 0.01)
        self.ui.stepMmSpinBox.value = 5
        self.ui.rightButton.click()
        self.settle()
        self.assertAlmostEqual(self.widget.result.landmarks.errors.rms, 5, delta=1)
        self.assertIn(f"{self.widget.result.landmarks.errors.rms:.1f} mm", self.ui.landmarksLabel.text)
        self.ui.undoButton.click()
        self.settle()
        self.assertLess(self.widget.result.landmarks.errors.rms, 0.01)

    def test_points_that_were_placed_on_the_model_in_the_scene_stay_on_it(self) -> None:
        import numpy as np

        points = self.inPicture(3)
        self.ui.stepMmSpinBox.value = 40
        self.ui.upButton.click()
        self.settle()
        node = self.addToModel("ABC", points, inScene=True)
        local = np.array([node.GetNthControlPointPosition(index) for index in range(3)]) * (-1, -1, 1)
        np.testing.assert_allclose(local, points, atol=1e-3)

    def test_marks_belong_to_the_frame_that_they_were_made_on(self) -> None:
        points = self.inPicture(2)
        self.addToModel("AB", points)
        self.addToPicture("AB", self.pixels(points))
        self.widget.result.browser().SetSelectedItemNumber(SAMPLE_FRAME + 2)
        self.settle()
        self.assertIn("Marked on another frame: A, B", self.ui.landmarksLabel.text)
        self.assertEqual(self.widget.result.landmarks.errors.millimeters, {})
        self.widget.result.browser().SetSelectedItemNumber(SAMPLE_FRAME)
        self.settle()
        self.assertLess(self.widget.result.landmarks.errors.rms, 0.01)

    def test_points_are_marked_by_clicks_and_numbered_alike(self) -> None:
        self.ui.cArmViewButton.click()
        self.settle()
        points = self.inPicture(2)
        self.ui.markPictureButton.click()
        self.assertTrue(self.ui.markPictureButton.checked)
        self.pause(0.1)
        for column, row in self.pixels(points):
            self.click(self.sliceView(FLUOROSCOPY), self.pixelPosition(column, row))
        self.ui.markPictureButton.click()
        self.settle()
        self.assertFalse(self.ui.markPictureButton.checked)
        self.assertEqual(self.names(self.parameters.pictureLandmarks), ["1", "2"])
        self.ui.markModelButton.click()
        self.pause(0.1)
        for place in self.seenIn3D(points):
            self.click(self.view3D(), place)
        self.ui.markModelButton.click()
        self.settle()
        self.assertEqual(self.names(self.parameters.modelLandmarks), ["1", "2"])
        self.assertEqual(list(self.widget.result.landmarks.errors.millimeters), ["1", "2"])
        self.assertLess(self.widget.result.landmarks.errors.rms, 3.0)

    def names(self, node: Any) -> list[str]:
        return [node.GetNthControlPointLabel(index) for index in range(node.GetNumberOfDefinedControlPoints())]

    def seenIn3D(self, points: Any) -> list[tuple[int, int]]:
        """Where the 3D view shows model points."""
        from VesselRegistrationLib.projection import transform_points
        from VesselRegistrationMRML.placement import poseLps

        renderer = self.view3D().renderWindow().GetRenderers().GetFirstRenderer()
        places = []
        for x, y, z in transform_points(poseLps(self.parameters.pose), points):
            renderer.SetWorldPoint(-x, -y, z, 1.0)
            renderer.WorldToDisplay()
            places.append(tuple(round(value) for value in renderer.GetDisplayPoint()[:2]))
        return places

    def test_the_saved_report_holds_the_errors_of_the_frame_shown(self) -> None:
        import json
        import tempfile
        from pathlib import Path

        points = self.inPicture(2)
        self.addToModel("AB", points)
        self.addToPicture("AB", self.pixels(points))
        self.ui.rightButton.click()
        self.settle()
        errors = self.widget.result.landmarks.errors
        with tempfile.TemporaryDirectory() as folder:
            self.ui.saveFolderLineEdit.currentPath = folder
            self.settle()
            self.ui.saveButton.click()
            self.settle()
            report = json.loads((Path(folder) / "registration.json").read_text(encoding="utf-8"))
        saved = {entry["frame"]: entry.get("landmarks") for entry in report["poses"]}
        self.assertEqual(list(saved), [SAMPLE_FRAME])
        self.assertEqual(list(saved[SAMPLE_FRAME]["inPlaneErrorMm"]), ["A", "B"])
        self.assertAlmostEqual(saved[SAMPLE_FRAME]["inPlaneRmsMm"], errors.rms, delta=1e-3)

    def test_deleting_landmarks_takes_their_errors_away(self) -> None:
        points = self.inPicture(2)
        node = self.addToModel("AB", points)
        self.addToPicture("AB", self.pixels(points))
        self.assertTrue(self.ui.landmarksLabel.visible)
        slicer.mrmlScene.RemoveNode(node)
        self.settle()
        self.assertIsNone(self.parameters.modelLandmarks)
        self.assertFalse(self.ui.landmarksLabel.visible)
        self.assertEqual(self.parameters.landmarkLines.GetPolyData().GetNumberOfPoints(), 0)
