"""3D views."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6.QtCore import Property, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ..mrml.base import ModifiedEvent, Observers, qMRMLWidget, requireKind
from ..widgets.delegation import field
from .abstract_view import _AbstractView
from .controllers import qMRMLThreeDViewControllerWidget

_INTERACTIONS = ("InteractionEvent", "MouseWheelForwardEvent", "MouseWheelBackwardEvent", "KeyPressEvent")


class qMRMLThreeDView(_AbstractView):
    """The picture of the scene from a camera."""

    PitchUp, PitchDown, RollLeft, RollRight, YawLeft, YawRight = range(6)
    zoomFactor = field("double", "_zoomFactor")
    pitchRollYawIncrement = field("double", "_increment")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._node: Any = None
        self._zoomFactor, self._increment = 0.05, 5.0
        defaults = slicer.vtkMRMLViewNode()
        self._renderer.SetBackground(defaults.GetBackgroundColor())
        self._renderer.SetBackground2(defaults.GetBackgroundColor2())
        self._renderer.GradientBackgroundOn()
        self._canvas.interactor.SetInteractorStyle(vtk.vtkInteractorStyle3D())
        self._style = slicer.vtkMRMLThreeDViewInteractorStyle()
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        self._setGroup(factory.InstantiateDisplayableManagers(self._renderer))
        self._style.SetDisplayableManagers(self._group)
        self._style.SetInteractor(self._canvas.interactor)
        for name in _INTERACTIONS:
            self._canvas.interactor.AddObserver(name, lambda *_: self._cameraUsed())

    def _cameraUsed(self) -> None:
        camera = self.cameraNode()
        if camera is not None:
            camera.InvokeCustomModifiedEvent(slicer.vtkMRMLCameraNode.CameraInteractionEvent)

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        """Rendering needs a scene."""
        requireKind(scene, slicer.vtkMRMLScene, "setMRMLScene")

    @Slot(object)
    def setMRMLViewNode(self, node: Any) -> None:
        """Show another view node."""
        requireKind(node, slicer.vtkMRMLViewNode, "setMRMLViewNode")
        self._node = node
        self._group.SetMRMLDisplayableNode(node)
        if node is not None:
            self._refresh()

    def _refresh(self) -> None:
        self._renderer.SetUseDepthPeeling(self._node.GetUseDepthPeeling())
        self._canvas.scheduleRender()

    def mrmlViewNode(self) -> Any:
        """The view node."""
        return self._node

    def cameraNode(self) -> Any:
        """The camera node of this view."""
        manager = self._group.GetDisplayableManagerByClassName("vtkMRMLCameraDisplayableManager")
        return manager.GetCameraNode() if manager is not None else None

    def rotateToViewAxis(self, axis: Any) -> None:
        """Look along an axis, given by its number (0 to 5: -X, +X, -Y, +Y, -Z, +Z) or label."""
        if isinstance(axis, str):
            labels = [self._node.GetAxisLabel(i) for i in range(6)]
            if axis not in labels:
                return
            axis = labels.index(axis)
        camera = slicer.vtkMRMLCameraNode
        directions = (camera.Left, camera.Right, camera.Posterior, camera.Anterior, camera.Inferior, camera.Superior)
        if 0 <= axis < 6:
            self.cameraNode().RotateTo(directions[axis])

    def resetCamera(self, rotation: bool = True, translation: bool = True, distance: bool = True) -> None:
        """Back to the default direction, with everything in view."""
        self.cameraNode().Reset(rotation, translation, distance, self._renderer)

    @Slot()
    def resetFocalPoint(self) -> None:
        """Center on what is shown, the box and its letters left out."""
        node, renderer = self._node, self._renderer
        shown = (node.GetBoxVisible(), node.GetAxisLabelsVisible())
        modifying = node.StartModify()
        node.SetBoxVisible(0)
        node.SetAxisLabelsVisible(0)
        node.EndModify(modifying)
        bounds = renderer.ComputeVisiblePropBounds()
        if vtk.vtkMath.AreBoundsInitialized(bounds):
            center = [(bounds[i] + bounds[i + 1]) / 2 for i in (0, 2, 4)]
            self.setFocalPoint(*center)
        modifying = node.StartModify()
        node.SetBoxVisible(shown[0])
        node.SetAxisLabelsVisible(shown[1])
        node.EndModify(modifying)
        node.InvokeEvent(slicer.vtkMRMLViewNode.ResetFocalPointRequestedEvent)
        renderer.ResetCameraClippingRange()
        self._canvas.scheduleRender()

    @Slot(float, float, float)
    def setFocalPoint(self, x: float, y: float, z: float) -> None:
        """Turn the camera to a point (RAS, mm) without changing its direction."""
        camera = self._renderer.GetActiveCamera()
        offset = [p - f for p, f in zip(camera.GetPosition(), camera.GetFocalPoint())]
        camera.SetFocalPoint(x, y, z)
        camera.SetPosition(x + offset[0], y + offset[1], z + offset[2])
        camera.ComputeViewPlaneNormal()
        camera.OrthogonalizeViewUp()
        self._renderer.ResetCameraClippingRange()
        self._canvas.scheduleRender()

    @Slot(int)
    def lookFromAxis(self, axis: int, fieldOfView: float = 10.0) -> None:
        """Look from the right, left, superior, inferior, anterior or posterior (1 to 6) at the focal point."""
        places = {1: (1, 0, 0), 2: (-1, 0, 0), 3: (0, 0, 1), 4: (0, 0, -1), 5: (0, 1, 0), 6: (0, -1, 0)}
        if int(axis) not in places:
            return
        direction = places[int(axis)]
        camera = self._renderer.GetActiveCamera()
        focal, distance = camera.GetFocalPoint(), camera.GetDistance()
        camera.SetPosition(*(f + distance * d for f, d in zip(focal, direction)))
        camera.SetViewUp(*((0, 1, 0) if int(axis) in (3, 4) else (0, 0, 1)))
        self._renderer.ResetCameraClippingRange()
        self._canvas.scheduleRender()

    def _zoom(self, factor: float) -> None:
        camera = self._renderer.GetActiveCamera()
        if camera.GetParallelProjection():
            camera.SetParallelScale(camera.GetParallelScale() / factor)
        else:
            camera.Dolly(factor)
        self._renderer.ResetCameraClippingRange()
        self._canvas.scheduleRender()

    @Slot()
    def zoomIn(self) -> None:
        """Come closer."""
        self._zoom(1 + self._zoomFactor)

    @Slot()
    def zoomOut(self) -> None:
        """Go further away."""
        self._zoom(1 - self._zoomFactor)

    def _turn(self, method: str, angle: float) -> None:
        camera = self._renderer.GetActiveCamera()
        getattr(camera, method)(angle)
        camera.OrthogonalizeViewUp()
        self._renderer.ResetCameraClippingRange()
        self._canvas.scheduleRender()

    @Slot()
    def pitch(self) -> None:
        """Turn up by one step."""
        self._turn("Elevation", -self._increment)

    @Slot()
    def roll(self) -> None:
        """Roll by one step."""
        self._turn("Roll", self._increment)

    @Slot()
    def yaw(self) -> None:
        """Turn to the left by one step."""
        self._turn("Azimuth", self._increment)

    def _depthPeeling(self, on: bool) -> None:
        self._renderer.SetUseDepthPeeling(on)

    useDepthPeeling = Property(
        bool, lambda self: bool(self._renderer.GetUseDepthPeeling()), lambda self, on: self._depthPeeling(on)
    )


class qMRMLThreeDWidget(qMRMLWidget):
    """A 3D view with its bar."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._logic = slicer.vtkMRMLViewLogic()
        self._observers = Observers(self)
        self._controller = qMRMLThreeDViewControllerWidget(self)
        self._view = qMRMLThreeDView(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._controller)
        column.addWidget(self._view, 1)

    def _start(self, node: Any, applicationLogic: Any) -> None:
        """Show *node*; its logic joins those of the application."""
        self._logic.SetMRMLApplicationLogic(applicationLogic)
        applicationLogic.GetViewLogics().AddItem(self._logic)
        self._logic.SetDisplayableManagerGroup(self._view._group)
        self._logic.SetMRMLScene(node.GetScene())
        self._logic.AddViewNode(node.GetLayoutName())
        self._view.setMRMLViewNode(node)
        self._observers.add(node, ModifiedEvent, self._onNodeModified)
        self.setMRMLScene(node.GetScene())
        self._controller.setMRMLScene(node.GetScene())
        self._controller.setThreeDView(self._view)

    def _onNodeModified(self) -> None:
        self._view._refresh()

    def _stop(self) -> None:
        """End all ties to the scene."""
        self._observers.clear()
        self._controller._observers.clear()
        applicationLogic = self._logic.GetMRMLApplicationLogic()
        if applicationLogic is not None and applicationLogic.GetViewLogics() is not None:
            applicationLogic.GetViewLogics().RemoveItem(self._logic)
        self._view._releaseView()
        self._logic.SetMRMLScene(None)

    # -- methods of the application's widget

    def threeDController(self) -> qMRMLThreeDViewControllerWidget:
        """The bar."""
        return self._controller

    def controllerWidget(self) -> QWidget:
        """The bar."""
        return self._controller

    def threeDView(self) -> qMRMLThreeDView:
        """The view."""
        return self._view

    def viewWidget(self) -> QWidget:
        """The view."""
        return self._view

    def mrmlViewNode(self) -> Any:
        """The view node."""
        return self._view.mrmlViewNode()

    def mrmlAbstractViewNode(self) -> Any:
        """The view node."""
        return self._view.mrmlViewNode()

    def viewLogic(self) -> Any:
        """The view logic."""
        return self._logic

    def logic(self) -> Any:
        """The view logic."""
        return self._logic

    def getDisplayableManagers(self, collection: Any) -> None:
        """Append the displayable managers to a vtkCollection."""
        self._view.getDisplayableManagers(collection)
