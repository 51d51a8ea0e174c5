"""Step 6 by clicking and dragging: the model moved by hand, undone and redone, compared with before."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from VesselRegistrationGuiCase import VesselRegistrationGuiCase


class VesselRegistrationAdjustTest(VesselRegistrationGuiCase):
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

    def test_the_model_is_dragged_in_the_picture_by_the_mouse(self) -> None:
        self.ui.handlesButton.click()
        self.settle()
        view, start = self.sliceView(), self.pose()
        view.forceRender()
        column = self.middleOfModel()[0]
        center, pose = self.parameters.pose.GetCenterOfTransformation(), vtk.vtkMatrix4x4()
        self.parameters.pose.GetMatrixTransformToWorld(pose)
        handle = self.viewPosition(pose.MultiplyPoint([*center, 1.0])[:3])
        self.drag(view, handle, (handle[0] + 40, handle[1]))
        self.settle()
        self.assertNotEqual(self.pose(), start)
        self.assertGreater(self.middleOfModel()[0], column + 10)
        while self.ui.undoButton.enabled:  # a slow computer may have taken the drag for several steps
            self.ui.undoButton.click()
            self.settle()
        self.assertPose(start)

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
