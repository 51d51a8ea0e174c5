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

    def ellipse(self) -> Any:
        """The points (N, 3) in RAS mm of the expected error's ellipse as it is seen, none when it is not."""
        import numpy as np
        from vtk.util.numpy_support import vtk_to_numpy

        node = self.parameters.errorEllipse
        if node is None or not node.GetPolyData().GetNumberOfPoints() or not node.GetDisplayNode().GetVisibility():
            return np.zeros((0, 3))
        return vtk_to_numpy(node.GetPolyData().GetPoints().GetData())[:-8]

    def textColor(self) -> tuple[float, ...]:
        """Of the words that say what the model is worth."""
        return tuple(self.widget.standingText.actor.GetTextProperty().GetColor())

    def test_the_expected_error_is_drawn_at_the_model_and_said_in_millimeters(self) -> None:
        import numpy as np

        from VesselRegistrationMRML.placement import pictureToRas

        self.assertEqual(len(self.ellipse()), 0)
        self.useTrueVessels()
        result = self.register()
        self.assertTrue(result.registered, result.reason)
        said = f"expected error {result.expectedInPlaneMm:.1f} mm, 95 % within {result.inPlaneBoundMm:.1f} mm; depth ±"
        self.assertIn(said, self.widget.standingText.text)
        self.assertGreater(self.textColor()[1], self.textColor()[0])  # green, for an error that is known
        cArm = self.widget.logic.cArm(self.parameters)
        points = self.ellipse()
        pixels = (np.linalg.inv(pictureToRas(cArm)) @ np.c_[points, np.ones(len(points))].T)[:3].T
        np.testing.assert_allclose(pixels[:, 2], 0, atol=1e-3)
        middle = pixels[:-1, :2].mean(axis=0)
        np.testing.assert_allclose(middle, cArm.project(np.array([result.pivotLps]))[0, :2], atol=0.1)
        longest = np.linalg.norm(pixels[:, :2] - middle, axis=1).max() * cArm.pixel_size_at_isocenter_mm()
        self.assertGreater(longest, 0.5)
        self.assertLess(longest, 3 * result.inPlaneBoundMm)
        self.ui.showErrorCheckBox.click()
        self.settle()
        self.assertEqual(len(self.ellipse()), 0)
        self.assertEqual(self.widget.standingText.text, "registered")
        self.ui.showErrorCheckBox.click()
        self.settle()
        np.testing.assert_allclose(self.ellipse(), points)
        solid = self.outline()[0]
        self.widget.result.browser().SetSelectedItemNumber(SAMPLE_FRAME + 1)
        self.settle()
        self.assertEqual(len(self.ellipse()), 0)
        self.assertIn("not registered: as on frame 5", self.widget.standingText.text)
        self.assertGreater(self.outline()[0], solid + 20)  # dashed: it was not found on this frame
        self.assertEqual(self.textColor(), (1.0, 1.0, 1.0))
        self.widget.result.browser().SetSelectedItemNumber(SAMPLE_FRAME)
        self.settle()
        np.testing.assert_allclose(self.ellipse(), points)
        self.useLines()
        self.assertFalse(self.register().registered)
        self.assertEqual(len(self.ellipse()), 0)
        self.assertNotIn("expected error", self.widget.standingText.text)

    def test_an_error_is_no_more_said_once_the_hand_has_moved_the_model_until_that_is_undone(self) -> None:
        self.useTrueVessels()
        result = self.register()
        self.assertTrue(result.registered, result.reason)
        said = f"± {result.expectedInPlaneMm:.1f} mm"
        header, solid = self.ui.registerCollapsibleButton, self.outline()[0]
        self.assertIn(said, header.text)
        self.assertEqual(self.ui.statusLabel.text, "Registered.")
        self.ui.rightButton.click()
        self.settle()
        self.assertEqual(self.ui.statusLabel.text, "")
        self.assertTrue(header.text.endswith("moved by hand"), header.text)
        self.assertIn("not known", self.ui.outcomeLabel.text)
        self.assertFalse(self.ui.resultLabel.visible)
        self.assertEqual((len(self.ellipse()), self.widget.standingText.text), (0, "adjusted by hand"))
        self.ui.undoButton.click()
        self.settle()
        self.assertIn(said, header.text)
        self.assertIn("Expected error", self.ui.resultLabel.text)
        self.assertGreater(len(self.ellipse()), 0)
        self.assertEqual(self.outline()[0], solid)
        self.ui.redoButton.click()
        self.settle()
        self.assertNotIn("±", header.text)

    def look(self, display: Any) -> tuple[Any, ...]:
        return (display.GetScalarVisibility(), display.GetColorNodeID() or "", display.GetActiveScalarName() or "")

    def test_the_model_is_colored_by_the_error_of_each_point_and_gets_its_old_look_back(self) -> None:
        import numpy as np
        from vtk.util.numpy_support import vtk_to_numpy

        model = self.parameters.model
        display, data = model.GetDisplayNode(), model.GetPolyData().GetPointData()
        display.SetColor(0.1, 0.6, 0.9)
        before = self.look(display)
        self.ui.colorByErrorCheckBox.click()
        self.settle()
        self.assertFalse(data.HasArray("ExpectedInPlaneErrorMm"), "a start pose has no error that anybody knows")
        self.useTrueVessels()
        result = self.register()
        self.assertTrue(result.registered, result.reason)
        errors = vtk_to_numpy(data.GetArray("ExpectedInPlaneErrorMm"))
        self.assertTrue(display.GetScalarVisibility())
        self.assertEqual(display.GetActiveScalarName(), "ExpectedInPlaneErrorMm")
        self.assertLess(abs(float(np.sqrt((errors**2).mean())) / result.expectedInPlaneMm - 1), 0.5)
        self.assertGreater(errors.max() / errors.min(), 1.02)
        legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(display)
        self.assertTrue(legend.GetVisibility())
        self.assertIn("mm", legend.GetTitleText())
        self.assertGreaterEqual(display.GetScalarRange()[1], errors.max())
        self.ui.colorByErrorCheckBox.click()
        self.settle()
        self.assertIsNone(slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(display))
        self.assertFalse(data.HasArray("ExpectedInPlaneErrorMm"))
        self.assertEqual(self.look(display), before)
        np.testing.assert_allclose(display.GetColor(), (0.1, 0.6, 0.9))
        self.ui.colorByErrorCheckBox.click()
        self.settle()
        self.useLines()
        self.assertFalse(self.register().registered)
        self.assertFalse(display.GetScalarVisibility(), "refused, yet colored")

    def test_error_and_colors_are_there_again_when_a_saved_case_is_opened(self) -> None:
        import tempfile
        from pathlib import Path

        import numpy as np

        self.useTrueVessels()
        self.ui.colorByErrorCheckBox.click()
        self.assertTrue(self.register().registered)
        text, ellipse = self.widget.standingText.text, self.ellipse().copy()
        self.assertIn("expected error", text)
        with tempfile.TemporaryDirectory() as folder:
            self.ui.saveFolderLineEdit.currentPath = folder
            self.settle()
            self.ui.saveButton.click()
            self.settle()
            slicer.mrmlScene.Clear(0)
            self.settle()
            self.assertEqual(self.widget.standingText.text, "")
            slicer.util.loadScene(str(next(Path(folder).glob("*.mrb"))))
            self.settle(0.5)
        self.assertEqual(self.widget.standingText.text, text)
        np.testing.assert_allclose(self.ellipse(), ellipse, atol=1e-3)
        display = self.parameters.model.GetDisplayNode()
        self.assertTrue(display.GetScalarVisibility())
        self.assertEqual(display.GetActiveScalarName(), "ExpectedInPlaneErrorMm")
        self.ui.colorByErrorCheckBox.click()
        self.settle()
        self.assertFalse(display.GetScalarVisibility())
        self.assertFalse(self.parameters.model.GetPolyData().GetPointData().HasArray("ExpectedInPlaneErrorMm"))

    def test_the_ellipse_holds_95_of_100_poses_that_the_covariance_stands_for(self) -> None:
        import numpy as np

        from VesselRegistrationLib.pose.uncertainty import PoseUncertainty
        from VesselRegistrationMRML.certainty import ExpectedErrors, centerEllipse

        cArm = self.widget.logic.cArm(self.parameters)
        spread = cArm.axes_lps().T @ np.diag([0.8, 0.3, 20.0])
        covariance = np.zeros((6, 6))
        covariance[:3, :3], covariance[3:, 3:] = np.eye(3) * 1e-4, spread @ spread.T
        pivot = np.array([20.0, -30.0, 15.0])
        errors = ExpectedErrors(0.9, 1.9, 20.0, PoseUncertainty(covariance, pivot))
        ellipse = centerEllipse(errors, cArm)
        shifts = np.random.default_rng(1).multivariate_normal(np.zeros(3), covariance[3:, 3:], 4000)
        drawn = cArm.project(pivot + shifts)[:, :2]
        from skimage.measure import points_in_poly

        self.assertAlmostEqual(points_in_poly(drawn, ellipse).mean(), 0.97, delta=0.02)
        middle = ellipse[:-1].mean(axis=0)
        np.testing.assert_allclose(middle, cArm.project(pivot[None])[0, :2], atol=0.01)

    def pose(self) -> Any:
        from VesselRegistrationMRML.placement import poseLps

        return poseLps(self.parameters.pose).round(6).tolist()
