"""Step 6 by clicking: outline and colors, before and after, the C-arm view, adjustment by hand, frames."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from VesselRegistrationGuiCase import FLUOROSCOPY, VesselRegistrationGuiCase


class VesselRegistrationResultTest(VesselRegistrationGuiCase):
    def setUp(self) -> None:
        super().setUp()
        self.loadSampleCase()
        self.useTrueVessels()
        self.settle()

    def pose(self) -> list[float]:
        matrix = vtk.vtkMatrix4x4()
        self.parameters.pose.GetMatrixTransformToWorld(matrix)
        return [matrix.GetElement(row, column) for row in range(3) for column in range(4)]

    def assertPose(self, expected: list[float], delta: float = 1e-6) -> None:
        for one, other in zip(self.pose(), expected):
            self.assertAlmostEqual(one, other, delta=delta)

    def projected(self) -> Any:
        """Column and row of the middle of the projected model."""
        import numpy as np

        rows, columns = np.nonzero(slicer.util.arrayFromVolume(self.parameters.projection)[0] > 0.1)
        return columns.mean(), rows.mean()

    def composite(self) -> Any:
        return slicer.app.layoutManager().sliceWidget(FLUOROSCOPY).mrmlSliceCompositeNode()

    def test_outline_and_colors_are_switched(self) -> None:
        self.ui.showOutlineCheckBox.checked = True
        self.ui.showOverlayCheckBox.checked = True
        self.settle()
        outline, overlay = self.parameters.outline, self.parameters.overlay
        self.assertGreater(outline.GetPolyData().GetNumberOfPoints(), 10)
        self.assertTrue(outline.GetDisplayNode().GetVisibility())
        self.assertEqual(self.composite().GetLabelVolumeID(), overlay.GetID())
        self.assertEqual(set(slicer.util.arrayFromVolume(overlay).ravel().tolist()), {0, 1, 2, 3})
        self.ui.showOutlineCheckBox.click()
        self.ui.showOverlayCheckBox.click()
        self.settle()
        self.assertFalse(outline.GetDisplayNode().GetVisibility())
        self.assertEqual(self.composite().GetLabelOpacity(), 0)
        self.ui.showOverlayCheckBox.click()
        self.ui.overlayOpacitySlider.value = 0.8
        self.settle()
        self.assertAlmostEqual(self.composite().GetLabelOpacity(), 0.8, delta=0.01)

    def test_the_overlap_of_the_model_where_it_is_now_is_shown(self) -> None:
        before = self.ui.overlapLabel.text
        self.assertIn("DSC", before)
        self.ui.stepMmSpinBox.value = 20
        self.ui.leftButton.click()
        self.settle()
        self.assertNotEqual(self.ui.overlapLabel.text, before)

    def test_a_step_to_the_right_moves_the_model_right_in_the_picture(self) -> None:
        parameters = self.parameters
        pixels = 10 * parameters.sourceToDetector / parameters.sourceToIsocenter / parameters.columnSpacing
        column, row, depth = self.middleOfModel()
        pixels *= parameters.sourceToIsocenter / depth
        self.ui.stepMmSpinBox.value = 10
        self.ui.rightButton.click()
        right = self.middleOfModel()
        self.assertAlmostEqual(right[0] - column, pixels, delta=0.5)
        self.assertAlmostEqual(right[1], row, delta=0.5)
        self.ui.upButton.click()
        up = self.middleOfModel()
        self.assertAlmostEqual(up[0], right[0], delta=0.5)
        self.assertAlmostEqual(row - up[1], pixels, delta=0.5)
        self.ui.largerButton.click()
        self.assertAlmostEqual(self.middleOfModel()[2], depth - 10, delta=0.01)

    def middleOfModel(self) -> Any:
        """Column, row and depth of the middle of the model's box in the picture, by the library's own projection."""
        from VesselRegistrationMRML.placement import LPS_TO_RAS, poseLps

        bounds = self.parameters.model.GetPolyData().GetBounds()
        middle = [(bounds[2 * axis] + bounds[2 * axis + 1]) / 2 for axis in range(3)]
        point = poseLps(self.parameters.pose) @ LPS_TO_RAS @ [*middle, 1.0]
        return self.widget.logic.cArm(self.parameters).project([point[:3]])[0]

    def test_what_was_moved_by_hand_is_undone_and_redone(self) -> None:
        self.assertFalse(self.ui.undoButton.enabled)
        self.ui.stepMmSpinBox.value, self.ui.stepDegSpinBox.value = 5, 3
        start = self.pose()
        self.ui.rightButton.click()
        moved = self.pose()
        self.ui.turnLeftButton.click()
        turned = self.pose()
        self.assertNotEqual(start, moved)
        self.assertNotEqual(moved, turned)
        self.settle()
        self.ui.undoButton.click()
        self.assertPose(moved)
        self.ui.undoButton.click()
        self.assertPose(start)
        self.settle()
        self.assertFalse(self.ui.undoButton.enabled)
        self.ui.redoButton.click()
        self.ui.redoButton.click()
        self.assertPose(turned)
        self.assertFalse(self.ui.redoButton.enabled)
        self.ui.resetPoseButton.click()
        self.assertPose(start)

    def test_a_drag_of_the_handles_is_one_step_to_undo(self) -> None:
        self.ui.handlesButton.click()
        self.settle()
        self.assertTrue(self.ui.handlesButton.checked)
        start = self.pose()
        for _step in range(5):
            matrix = vtk.vtkMatrix4x4()
            self.parameters.pose.GetMatrixTransformToParent(matrix)
            matrix.SetElement(0, 3, matrix.GetElement(0, 3) + 2)
            self.parameters.pose.SetMatrixTransformToParent(matrix)
            # Without a pause: how fast this computer draws is not what is asked here.
            self.widget.live.flush()
        self.settle()
        self.assertAlmostEqual(self.pose()[3] - start[3], 10, delta=1e-6)
        self.ui.undoButton.click()
        self.assertPose(start)
        self.assertFalse(self.ui.undoButton.enabled)

    def test_the_browser_steps_through_the_frames(self) -> None:
        before = slicer.util.arrayFromVolume(self.parameters.xray).copy()
        self.widget.result._seek.setSelectedItemNumber(7)
        self.settle()
        self.assertEqual(self.widget.result.frame(), 7)
        self.assertTrue((slicer.util.arrayFromVolume(self.parameters.xray) != before).any())
        self.assertIn("frame 8 of 10", self.ui.resultCollapsibleButton.text)
        self.widget.result._play.onVcrNext()
        self.settle()
        self.assertEqual(self.widget.result.frame(), 8)

    def test_before_and_after_are_compared(self) -> None:
        self.ui.stepMmSpinBox.value = 15
        self.ui.rightButton.click()
        self.settle()
        after = self.projected()
        self.ui.shownPoseComboBox.currentIndex = 0
        self.settle()
        before = self.projected()
        self.assertGreater(after[0] - before[0], 10)
        self.ui.shownPoseComboBox.currentIndex = 1
        self.settle()
        self.assertAlmostEqual(self.projected()[0], after[0], delta=0.5)

    def silhouetteSeen(self) -> Any:
        """Where the 3D view shows the model: picture and frame hidden, model white on black, lights off."""
        import numpy as np
        from vtk.util.numpy_support import vtk_to_numpy

        display = self.parameters.model.GetDisplayNode()
        display.SetColor(1, 1, 1)
        display.SetLighting(False)
        display.SetOpacity(1)
        for volume in (self.sliceNode(FLUOROSCOPY), self.sliceNode("Yellow")):
            volume.SetSliceVisible(False)
        view = self.view3D()
        node = view.mrmlViewNode()
        node.SetBoxVisible(False)
        node.SetAxisLabelsVisible(False)
        node.SetBackgroundColor(0, 0, 0)
        node.SetBackgroundColor2(0, 0, 0)
        if self.parameters.segmentation.GetDisplayNode():
            self.parameters.segmentation.GetDisplayNode().SetVisibility(False)
        self.settle()
        view.forceRender()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(view.renderWindow())
        grab.ReadFrontBufferOff()
        grab.Update()
        image = grab.GetOutput()
        columns, rows, _depth = image.GetDimensions()
        pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)
        return np.flipud(pixels[..., :3].min(axis=2) > 200)

    def test_the_c_arm_view_shows_the_model_as_the_projector_does(self) -> None:
        import numpy as np

        self.ui.cArmViewButton.click()
        self.settle()
        self.assertTrue(self.ui.cArmViewButton.checked)
        seen = self.silhouetteSeen()
        projected = slicer.util.arrayFromVolume(self.parameters.projection)[0] > 0
        expected = self.asSeen(projected, seen.shape)
        difference = seen ^ expected
        self.assertGreater(seen.sum(), 500)
        from scipy.ndimage import binary_dilation, binary_erosion

        rim = binary_dilation(expected, iterations=2) & ~binary_erosion(expected, iterations=2)
        inside = self.asSeen(np.ones_like(projected), seen.shape)
        wrong = difference & ~rim & inside
        self.assertLess(wrong.sum(), 0.002 * expected.sum(), f"{wrong.sum()} of {expected.sum()} pixels")

    def asSeen(self, mask: Any, shape: tuple[int, int]) -> Any:
        """A mask on the picture's pixels as the 3D view must show it: each view pixel's ray meets the detector."""
        import numpy as np

        view = self.view3D()
        renderer = view.renderWindow().GetRenderers().GetFirstRenderer()
        camera = renderer.GetActiveCamera()
        toView = camera.GetCompositeProjectionTransformMatrix(renderer.GetTiledAspectRatio(), -1, 1)
        ijkToRas = vtk.vtkMatrix4x4()
        self.parameters.xray.GetIJKToRASMatrix(ijkToRas)
        array = [np.array([[m.GetElement(r, c) for c in range(4)] for r in range(4)]) for m in (toView, ijkToRas)]
        pixelToView = (array[0] @ array[1])[[0, 1, 3]][:, [0, 1, 3]]
        rows, columns = shape
        x, y = np.meshgrid(
            (np.arange(columns) + 0.5) / columns * 2 - 1, 1 - (np.arange(rows) + 0.5) / rows * 2, indexing="xy"
        )
        pixels = np.linalg.solve(pixelToView, np.stack([x.ravel(), y.ravel(), np.ones(x.size)]))
        column, row = np.round(pixels[:2] / pixels[2]).astype(int)
        inside = (column >= 0) & (column < mask.shape[1]) & (row >= 0) & (row < mask.shape[0])
        result = np.zeros(x.size, bool)
        result[inside] = mask[row[inside], column[inside]]
        return result.reshape(shape)

    def test_in_the_c_arm_view_left_is_left_as_on_the_monitor(self) -> None:
        self.ui.cArmViewButton.click()
        self.settle()
        renderer = self.view3D().renderWindow().GetRenderers().GetFirstRenderer()
        ijkToRas = vtk.vtkMatrix4x4()
        self.parameters.xray.GetIJKToRASMatrix(ijkToRas)
        places = []
        for column, row in ((100, 100), (400, 100), (100, 400)):
            renderer.SetWorldPoint(*ijkToRas.MultiplyPoint([column, row, 0, 1]))
            renderer.WorldToDisplay()
            places.append(renderer.GetDisplayPoint())
        self.assertGreater(places[1][0], places[0][0] + 20)
        self.assertAlmostEqual(places[1][1], places[0][1], delta=2)
        self.assertLess(places[2][1], places[0][1] - 20)

    def test_the_c_arm_view_follows_the_c_arm_and_is_left_by_the_same_button(self) -> None:
        self.ui.cArmViewButton.click()
        self.settle()
        camera = self.view3D().renderWindow().GetRenderers().GetFirstRenderer().GetActiveCamera()
        before = camera.GetPosition()
        self.ui.primaryAngleSlider.value = 0
        self.settle()
        self.assertNotEqual(camera.GetPosition(), before)
        self.assertTrue(self.ui.cArmViewButton.checked)
        self.ui.cArmViewButton.click()
        self.settle()
        self.assertFalse(self.ui.cArmViewButton.checked)
        self.ui.show3DButton.click()
        self.settle()
        self.assertFalse(self.ui.cArmViewButton.checked)
