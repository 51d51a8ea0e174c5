# ruff: noqa: PT009  cases of unittest, as Slicer runs them
"""Views render, follow the scene and take the mouse."""

from __future__ import annotations

import time
import unittest

import qt_layer
import slicer
import vtk
from qt_layer.interaction import click, drag, pixelOf, pixelOf3D, wheel

_Layouts = slicer.vtkMRMLLayoutNode


def settle() -> None:
    """Let scheduled renderings happen."""
    for _ in range(4):
        slicer.app.processEvents()
        time.sleep(0.012)


def pixels(widget: object) -> object:
    """The pixels (rows, columns, 3) of what a widget shows."""
    import numpy as np

    picture = qt_layer.unwrap(widget).grab().toImage().convertToFormat(qt_layer.unwrap(_rgb()))
    rows = np.frombuffer(picture.constBits(), np.uint8).reshape(picture.height(), picture.bytesPerLine())
    return rows[:, : picture.width() * 3].reshape(picture.height(), picture.width(), 3).copy()


def _rgb() -> object:
    import qt

    return qt.QImage.Format_RGB888


class Case(unittest.TestCase):
    def setUp(self) -> None:
        slicer.mrmlScene.Clear(0)
        self.manager = slicer.app.layoutManager()
        self.manager.setLayout(_Layouts.SlicerLayoutFourUpView)
        settle()
        self.errors = len(qt_layer.slotErrors)
        self.addCleanup(lambda: self.assertEqual(len(qt_layer.slotErrors), self.errors))

    def addVolume(self) -> object:
        import numpy as np

        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Volume")
        voxels = np.zeros((21, 41, 41), np.int16)
        voxels[5:15, 10:30, 10:30] = 200
        slicer.util.updateVolumeFromArray(node, voxels)
        node.SetOrigin(-20, -20, -10)
        node.CreateDefaultDisplayNodes()
        slicer.util.setSliceViewerLayers(background=node, fit=True)
        settle()
        return node

    def addModel(self) -> object:
        source = vtk.vtkSphereSource()
        source.SetRadius(15)
        source.Update()
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", "Model")
        node.SetAndObservePolyData(source.GetOutput())
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetColor(1, 0, 0)
        return node


class LayoutCases(Case):
    def test_the_layouts_of_the_application_show_their_views(self) -> None:
        slices = {"Red", "Green", "Yellow"}
        for number, threeD, names in (
            (_Layouts.SlicerLayoutFourUpView, 1, slices),
            (_Layouts.SlicerLayoutOneUpRedSliceView, 0, {"Red"}),
            (_Layouts.SlicerLayoutOneUp3DView, 1, set()),
            (_Layouts.SlicerLayoutConventionalView, 1, slices),
            (_Layouts.SlicerLayoutDual3DView, 2, slices),
        ):
            self.manager.setLayout(number)
            settle()
            self.assertEqual(self.manager.layout, number)
            spaces = [self.manager.threeDWidget(index) for index in range(self.manager.threeDViewCount)]
            self.assertEqual(sum(space.visible for space in spaces), threeD, number)
            shown = {name for name in self.manager.sliceViewNames() if self.manager.sliceWidget(name).visible}
            self.assertEqual(shown, names, number)

    def test_tabbed_layouts_show_one_view_at_a_time(self) -> None:
        self.manager.setLayout(_Layouts.SlicerLayoutTabbedSliceView)
        settle()
        shown = [name for name in self.manager.sliceViewNames() if self.manager.sliceWidget(name).visible]
        self.assertEqual(len(shown), 1)

    def test_slice_view_names_is_a_method_and_gives_a_tuple(self) -> None:
        self.assertLessEqual({"Red", "Green", "Yellow"}, set(self.manager.sliceViewNames()))
        self.assertIsInstance(self.manager.sliceViewNames(), tuple)
        self.assertIsNone(self.manager.sliceWidget("Nosuch"))

    def test_an_own_layout_makes_its_views(self) -> None:
        description = """<layout type="horizontal" split="true">
          <item splitSize="700"><view class="vtkMRMLSliceNode" singletontag="Left">
            <property name="orientation" action="default">Sagittal</property>
            <property name="viewlabel" action="default">L</property>
            <property name="viewcolor" action="default">#00FF00</property></view></item>
          <item splitSize="300"><layout type="vertical">
            <item><view class="vtkMRMLViewNode" singletontag="Other">
              <property name="viewlabel" action="default">O</property></view></item>
            <item><view class="vtkMRMLSliceNode" singletontag="Red"/></item></layout></item></layout>"""
        node = self.manager.layoutLogic().GetLayoutNode()
        node.AddLayoutDescription(2001, description)
        changes: list[int] = []
        self.manager.layoutChanged.connect(changes.append)
        self.manager.setLayout(2001)
        self.addCleanup(self.manager.layoutChanged.disconnect)
        settle()
        self.assertEqual(changes, [2001])
        left = self.manager.sliceWidget("Left")
        self.assertEqual((left.sliceOrientation, left.sliceViewLabel, left.visible), ("Sagittal", "L", True))
        self.assertEqual(left.mrmlSliceNode().GetLayoutColor(), (0, 1, 0))
        self.assertEqual(self.manager.threeDWidget("Other").mrmlViewNode().GetLayoutLabel(), "O")
        self.assertGreater(left.width, 1.5 * self.manager.sliceWidget("Red").width)
        self.assertFalse(self.manager.sliceWidget("Green").visible)

    def test_a_description_replaced_in_place_shows_at_once(self) -> None:
        node = self.manager.layoutLogic().GetLayoutNode()
        one = '<layout type="horizontal"><item><view class="vtkMRMLSliceNode" singletontag="{}"/></item></layout>'
        node.AddLayoutDescription(2002, one.format("Red"))
        self.manager.setLayout(2002)
        node.SetLayoutDescription(2002, one.format("Green"))
        settle()
        self.assertFalse(self.manager.sliceWidget("Red").visible)
        self.assertTrue(self.manager.sliceWidget("Green").visible)

    def test_closing_the_scene_leaves_usable_views(self) -> None:
        self.addVolume()
        slicer.mrmlScene.Clear(0)
        settle()
        self.assertLessEqual({"Red", "Green", "Yellow"}, set(self.manager.sliceViewNames()))
        self.addVolume()
        self.assertGreater(pixels(self.manager.sliceWidget("Red").sliceView()).max(), 150)


class RenderingCases(Case):
    def test_a_volume_shows_in_the_slice_views_and_the_window(self) -> None:
        self.addVolume()
        for name in ("Red", "Green", "Yellow"):
            picture = pixels(self.manager.sliceWidget(name).sliceView())
            self.assertGreater(int(picture[picture.shape[0] // 2, picture.shape[1] // 2].min()), 200, name)
            self.assertLess(int(picture[2, 2].max()), 60, name)
        window = pixels(slicer.util.mainWindow())
        self.assertGreaterEqual(window.shape[1], 1000)
        bright = (window[:, window.shape[1] // 3 :] > 240).all(axis=2)
        self.assertGreater(int(bright.sum()), 10000)

    def test_a_model_shows_in_3d_and_as_outline_in_the_slices(self) -> None:
        node = self.addModel()
        node.GetDisplayNode().SetVisibility2D(True)
        self.addVolume()
        view = self.manager.threeDWidget(0).threeDView()
        view.resetFocalPoint()
        settle()
        red = pixels(view).astype(int)
        self.assertGreater(int(((red[..., 0] - red[..., 1]) > 80).sum()), 500)
        red = pixels(self.manager.sliceWidget("Red").sliceView()).astype(int)
        self.assertGreater(int(((red[..., 0] - red[..., 1]) > 80).sum()), 100)

    def test_a_slice_shows_in_3d(self) -> None:
        self.addVolume()
        self.manager.sliceWidget("Red").sliceController().setSliceVisible(True)
        view = self.manager.threeDWidget(0).threeDView()
        view.lookFromAxis(3)
        view.resetFocalPoint()
        settle()
        center = pixels(view)[view.height // 2, view.width // 2]
        self.assertGreater(int(center.min()), 150)

    def test_a_segmentation_and_its_3d_surface_show(self) -> None:
        import numpy as np

        volume = self.addVolume()
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Segmentation")
        node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        identifier = node.GetSegmentation().AddEmptySegment("Vessel", "Vessel", (0.0, 1.0, 0.0))
        mask = (slicer.util.arrayFromVolume(volume) > 100).astype(np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, identifier, volume)
        node.CreateClosedSurfaceRepresentation()
        view = self.manager.threeDWidget(0).threeDView()
        view.resetFocalPoint()
        settle()
        for widget in (self.manager.sliceWidget("Red").sliceView(), view):
            picture = pixels(widget).astype(int)
            self.assertGreater(int(((picture[..., 1] - picture[..., 0]) > 40).sum()), 200)

    def test_paused_views_do_not_render(self) -> None:
        view = qt_layer.unwrap(self.manager.sliceWidget("Red").sliceView())
        settle()
        slicer.app.pauseRender()
        self.addCleanup(slicer.app.resumeRender)
        before = view._canvas.renderCount
        self.addVolume()
        self.assertEqual(view._canvas.renderCount, before)

    def test_the_corner_text_shows(self) -> None:
        view = self.manager.sliceWidget("Red").sliceView()
        self.addCleanup(view.cornerAnnotation().ClearAllTexts)
        settle()
        view.forceRender()
        before = pixels(view)
        view.cornerAnnotation().SetText(vtk.vtkCornerAnnotation.UpperLeft, "LAO 30")
        view.forceRender()
        changed = (pixels(view) != before).any(axis=2)
        self.assertGreater(int(changed.sum()), 30)
        self.assertFalse(changed[view.height // 2 :].any())


class MouseCases(Case):
    def test_a_region_is_resized_by_its_handle_in_a_slice_view(self) -> None:
        self.addVolume()
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Region")
        node.SetCenter(0, 0, 0)
        node.SetSize(20, 20, 10)
        node.CreateDefaultDisplayNodes()
        settle()
        view = self.manager.sliceWidget("Red").sliceView()
        drag(view, [pixelOf(view, (10, 0, 0)), pixelOf(view, (14, 0, 0))])
        self.assertAlmostEqual(node.GetSize()[0], 24, delta=0.5)
        drag(view, [pixelOf(view, (2, 10, 0)), pixelOf(view, (2, 15, 0))])
        self.assertAlmostEqual(node.GetSize()[1], 25, delta=0.5)

    def test_a_region_is_resized_by_its_handle_in_the_3d_view(self) -> None:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Region")
        node.SetCenter(0, 0, 0)
        node.SetSize(100, 100, 100)
        node.CreateDefaultDisplayNodes()
        view = self.manager.threeDWidget(0).threeDView()
        view.lookFromAxis(5)
        view.resetFocalPoint()
        view.forceRender()
        drag(view, [pixelOf3D(view, (0, 0, 50)), pixelOf3D(view, (0, 0, 80))])
        self.assertAlmostEqual(node.GetSize()[2], 130, delta=8)

    def test_a_transform_is_moved_by_its_handles(self) -> None:
        model = self.addModel()
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Transform")
        transform.CreateDefaultDisplayNodes()
        transform.GetDisplayNode().SetEditorVisibility(True)
        transform.GetDisplayNode().SetEditorSliceIntersectionVisibility(True)
        model.SetAndObserveTransformNodeID(transform.GetID())
        self.addVolume()
        view = self.manager.sliceWidget("Red").sliceView()
        drag(view, [pixelOf(view, (0, 0, 0)), pixelOf(view, (6, 3, 0))])
        matrix = vtk.vtkMatrix4x4()
        transform.GetMatrixTransformToParent(matrix)
        moved = [matrix.GetElement(row, 3) for row in range(3)]
        self.assertAlmostEqual(moved[0], 6, delta=0.7)
        self.assertAlmostEqual(moved[1], 3, delta=0.7)

    def test_points_are_placed_by_clicks(self) -> None:
        self.addVolume()
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Points")
        node.CreateDefaultDisplayNodes()
        slicer.modules.markups.logic().StartPlaceMode(False)
        slicer.modules.markups.logic().SetActiveList(node)
        view = self.manager.sliceWidget("Red").sliceView()
        click(view, pixelOf(view, (5, -4, 0)))
        self.assertEqual(node.GetNumberOfControlPoints(), 1)
        place = node.GetNthControlPointPositionVector(0)
        self.assertAlmostEqual(place.GetX(), 5, delta=0.2)
        self.assertAlmostEqual(place.GetY(), -4, delta=0.2)

    def test_the_wheel_browses_the_slices(self) -> None:
        self.addVolume()
        widget = self.manager.sliceWidget("Red")
        before = widget.sliceLogic().GetSliceOffset()
        wheel(widget.sliceView(), (40, 40), 2)
        self.assertAlmostEqual(widget.sliceLogic().GetSliceOffset(), before + 2)

    def test_the_camera_turns(self) -> None:
        self.addModel()
        view = self.manager.threeDWidget(0).threeDView()
        before = view.cameraNode().GetPosition()
        drag(view, [(20, 200), (80, 200)])
        after = view.cameraNode().GetPosition()
        self.assertGreater(vtk.vtkMath.Distance2BetweenPoints(before, after), 100)

    def test_keys_reach_the_view(self) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        view = self.manager.sliceWidget("Red").sliceView()
        seen: list[str] = []
        tag = view.interactor().AddObserver("KeyPressEvent", lambda caller, event: seen.append(caller.GetKeySym()))
        self.addCleanup(view.interactor().RemoveObserver, tag)
        for key in (Qt.Key.Key_A, Qt.Key.Key_Escape):
            QTest.keyClick(qt_layer.unwrap(view.VTKWidget()), key)
        self.assertEqual(seen, ["a", "Escape"])

    def test_device_and_world_coordinates_agree(self) -> None:
        self.addVolume()
        view = self.manager.sliceWidget("Red").sliceView()
        xyz = view.convertDeviceToXYZ((30, 40))
        ras = view.convertXYZToRAS(xyz)
        self.assertEqual(len(ras), 3)
        for here, there in zip(view.convertRASToXYZ(ras), xyz):
            self.assertAlmostEqual(here, there, places=3)
