"""Step 3 by clicking: the region of interest drawn and dragged in the slice view with the mouse, read in pixels."""

from __future__ import annotations

import slicer
import vtk
from VesselRegistrationGuiCase import VesselRegistrationGuiCase

BESIDE_OUTLINE = (3, 4, 2, 5, 1, 6, 0)
"""Pixels of the view from a side's line to where its handle is looked for. On the very line the outline may be nearer
than the handle, and outlines cannot be dragged."""


class VesselRegistrationRegionTest(VesselRegistrationGuiCase):
    def setUp(self) -> None:
        super().setUp()
        self.loadSampleCase()
        self.sliceView().forceRender()
        self.settle()

    def region(self) -> tuple[int, int, int, int]:
        region = self.widget.logic.roiPixels(self.parameters)
        self.assertIsNotNone(region, "there is no region")
        return tuple(region)

    def rightHandle(self) -> tuple[int, int]:
        """Where the mouse gets hold of the handle of the right side: as a user, until the handle lights up."""
        display, scale = self.parameters.roi.GetDisplayNode(), slicer.vtkMRMLMarkupsDisplayNode.ComponentScaleHandle
        for _ in range(10):  # a view that was laid out anew may take several drawings until its handles are there
            for beside in BESIDE_OUTLINE:
                column, row = self.sideHandle(0, 1)
                self.mouse(self.sliceView(), "MouseMoveEvent", (column - beside, row))
                if display.GetActiveComponentType() == scale:
                    return column - beside, row
            self.settle(0.5)
        self.fail("the region's right side has no handle that the mouse finds")

    def sideHandle(self, axis: int, sign: int) -> tuple[int, int]:
        """Where the handle of a side of the region is seen."""
        roi = self.parameters.roi
        direction, center = [0.0] * 3, [0.0] * 3
        roi.GetAxisWorld(axis, direction)
        roi.GetCenterWorld(center)
        half = sign * roi.GetSize()[axis] / 2
        return self.viewPosition([c + half * d for c, d in zip(center, direction)])

    def test_two_clicks_draw_the_region(self) -> None:
        view = self.sliceView()
        self.ui.drawRoiButton.click()
        self.settle()
        self.assertTrue(self.ui.drawRoiButton.checked)
        self.click(view, self.pixelPosition(100, 150))
        self.click(view, self.pixelPosition(300, 400))
        self.settle()
        x, y, width, height = self.region()
        self.assertAlmostEqual(x, 100, delta=3)
        self.assertAlmostEqual(y, 150, delta=3)
        self.assertAlmostEqual(x + width - 1, 300, delta=3)
        self.assertAlmostEqual(y + height - 1, 400, delta=3)
        self.assertFalse(self.ui.drawRoiButton.checked)
        self.assertTrue(self.ui.useRoiCheckBox.checked)
        for number in (x, y, width, height):
            self.assertIn(str(number), self.ui.roiPixelsLabel.text)

    def _begin_drawing_and_give_up(self) -> None:
        self.ui.drawRoiButton.click()
        self.settle()
        self.ui.drawRoiButton.click()
        self.settle()

    def test_drawing_can_be_given_up_and_the_region_is_as_before(self) -> None:
        self.ui.fitRoiButton.click()
        self.settle()
        before = self.region()
        self._begin_drawing_and_give_up()
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        self.assertNotEqual(interaction.GetCurrentInteractionMode(), slicer.vtkMRMLInteractionNode.Place)
        self.assertFalse(self.ui.drawRoiButton.checked)
        self.assertEqual(self.region(), before)

    def test_a_drawn_region_is_there_again_when_the_next_drawing_is_given_up(self) -> None:
        from VesselRegistrationLib.affine import RegionOfInterest
        from VesselRegistrationMRML import placement

        self.ui.fitRoiButton.click()
        self.settle()
        drawn = RegionOfInterest(120, 140, 150, 160)
        placement.placeRoi(self.parameters.roi, drawn, self.widget.logic.cArm(self.parameters))
        self.settle()
        before = self.region()
        self._begin_drawing_and_give_up()
        self.assertEqual(self.region(), before)

    def test_a_region_drawn_without_depth_gets_that_of_the_former(self) -> None:
        self.ui.fitRoiButton.click()
        self.settle()
        roi = self.parameters.roi
        depth = roi.GetSize()[2]
        self.assertGreater(depth, 0)
        self.ui.drawRoiButton.click()
        roi.SetSize(40.0, 50.0, 0.0)
        self.ui.drawRoiButton.click()
        self.settle()
        self.assertEqual(tuple(roi.GetSize()), (40.0, 50.0, depth))

    def test_turning_to_another_module_ends_drawing(self) -> None:
        self.ui.drawRoiButton.click()
        self.settle()
        self.assertTrue(self.ui.drawRoiButton.checked)
        self.widget.exit()
        self.settle()
        self.assertFalse(self.ui.drawRoiButton.checked)

    def test_a_side_dragged_by_its_handle_moves_that_side_alone(self) -> None:
        self.ui.fitRoiButton.click()
        self.settle(0.5)
        self.sliceView().forceRender()
        before = self.region()
        text = self.ui.roiPixelsLabel.text
        handle = self.rightHandle()
        factor = (self.pixelPosition(200, 100)[0] - self.pixelPosition(100, 100)[0]) / 100
        self.drag(self.sliceView(), handle, (handle[0] - round(60 * factor), handle[1]))
        self.settle()
        after = self.region()
        self.assertAlmostEqual(after[0], before[0], delta=2)
        self.assertAlmostEqual(before[2] - after[2], 60, delta=4)
        self.assertAlmostEqual(after[3], before[3], delta=2)
        self.assertNotEqual(self.ui.roiPixelsLabel.text, text)

    def test_the_region_fitted_to_the_model_holds_its_projection(self) -> None:
        import numpy as np

        self.ui.fitRoiButton.click()
        self.settle()
        x, y, width, height = self.region()
        rows, columns = np.nonzero(slicer.util.arrayFromVolume(self.parameters.projection)[0] > 0.1)
        self.assertLessEqual(x, columns.min())
        self.assertLessEqual(y, rows.min())
        self.assertGreaterEqual(x + width - 1, columns.max())
        self.assertGreaterEqual(y + height - 1, rows.max())

    def test_the_region_stays_on_its_pixels_when_the_c_arm_turns(self) -> None:
        self.ui.fitRoiButton.click()
        self.settle()
        before = self.region()
        self.ui.primaryAngleSlider.value = -5
        self.settle()
        for then, now in zip(before, self.region()):
            self.assertAlmostEqual(then, now, delta=1)

    def test_switching_the_region_off_keeps_it(self) -> None:
        self.ui.fitRoiButton.click()
        self.settle()
        self.assertTrue(self.parameters.useRoi)
        self.ui.useRoiCheckBox.click()
        self.settle()
        self.assertFalse(self.parameters.useRoi)
        self.assertIsNotNone(self.parameters.roi)
        self.assertFalse(self.parameters.roi.GetDisplayNode().GetVisibility(), "its handles are in the way")
        self.ui.useRoiCheckBox.click()
        self.settle()
        self.assertTrue(self.parameters.roi.GetDisplayNode().GetVisibility())

    def test_a_region_that_was_deleted_can_be_drawn_again(self) -> None:
        self.ui.fitRoiButton.click()
        self.settle()
        slicer.mrmlScene.RemoveNode(self.parameters.roi)
        self.settle()
        self.assertIsNone(self.parameters.roi)
        self.assertEqual(self.ui.roiPixelsLabel.text, "none drawn")
        self.ui.fitRoiButton.click()
        self.settle()
        self.assertGreater(self.region()[2], 10)

    def test_the_projection_stands_where_the_picture_stands(self) -> None:
        matrices = []
        for volume in (self.parameters.xray, self.parameters.projection):
            matrix = vtk.vtkMatrix4x4()
            volume.GetIJKToRASMatrix(matrix)
            matrices.append([matrix.GetElement(row, column) for row in range(4) for column in range(4)])
        for one, other in zip(*matrices):
            self.assertAlmostEqual(one, other, delta=1e-4)
