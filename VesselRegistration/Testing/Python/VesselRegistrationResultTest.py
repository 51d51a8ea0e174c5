"""Step 6 by clicking: outline and colors, the C-arm view, frames."""

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

    def test_the_model_in_3d_can_be_seen_through(self) -> None:
        self.ui.modelOpacitySlider.value = 0.3
        self.settle()
        self.assertAlmostEqual(self.parameters.model.GetDisplayNode().GetOpacity(), 0.3, delta=0.01)

    def test_the_overlap_of_the_model_where_it_is_now_is_shown(self) -> None:
        before = self.ui.overlapLabel.text
        self.assertIn("DSC", before)
        self.ui.stepMmSpinBox.value = 20
        self.ui.leftButton.click()
        self.settle()
        self.assertNotEqual(self.ui.overlapLabel.text, before)

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
