"""Slice views."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6.QtCore import Property, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ..mrml.base import ModifiedEvent, Observers, qMRMLWidget, requireKind
from .abstract_view import _AbstractView
from .controllers import qMRMLSliceControllerWidget


class qMRMLSliceView(_AbstractView):
    """The picture of a slice with everything drawn over it."""

    resized = Signal(QSize)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._node: Any = None
        self._logic: Any = None
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._picture = vtk.vtkActor2D()
        self._picture.SetMapper(self._mapper)
        self._picture.GetProperty().SetDisplayLocationToBackground()
        self._picture.SetVisibility(False)
        self._renderer.AddViewProp(self._picture)
        self._renderer.GetActiveCamera().ParallelProjectionOn()
        self._canvas.interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())
        self._style = slicer.vtkMRMLSliceViewInteractorStyle()
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        self._setGroup(factory.InstantiateDisplayableManagers(self._renderer))
        self._style.SetDisplayableManagers(self._group)
        self._style.SetInteractor(self._canvas.interactor)

    def _canvasResized(self, width: int, height: int) -> None:
        """The slice node follows the size of the picture."""
        if self._logic is not None:
            self._logic.ResizeSliceNode(width, height)
        self.resized.emit(QSize(width, height))

    def _setLogic(self, logic: Any) -> None:
        self._logic = logic
        self._style.SetSliceLogic(logic)

    def _showImage(self) -> None:
        """Show what the slice logic makes; nothing while it has no volume."""
        connection = self._logic.GetImageDataConnection()
        if connection is not None:
            self._mapper.SetInputConnection(connection)
        self._picture.SetVisibility(connection is not None)
        self._canvas.scheduleRender()

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        """Rendering needs a scene."""
        requireKind(scene, slicer.vtkMRMLScene, "setMRMLScene")

    @Slot(object)
    def setMRMLSliceNode(self, node: Any) -> None:
        """Show another slice node."""
        requireKind(node, slicer.vtkMRMLSliceNode, "setMRMLSliceNode")
        self._node = node
        self._group.SetMRMLDisplayableNode(node)

    def mrmlSliceNode(self) -> Any:
        """The slice node."""
        return self._node

    def sliceViewInteractorStyle(self) -> Any:
        """As interactorObserver."""
        return self._style

    def _crosshairManager(self) -> Any:
        return self._group.GetDisplayableManagerByClassName("vtkMRMLCrosshairDisplayableManager")

    def convertDeviceToXYZ(self, xy: Any) -> list[float]:
        """Pixel (from the lower left) to slice coordinates."""
        result = [0.0, 0.0, 0.0]
        self._crosshairManager().ConvertDeviceToXYZ(xy[0], xy[1], result)
        return result

    def convertRASToXYZ(self, ras: Any) -> list[float]:
        """World (RAS, mm) to slice coordinates."""
        result = [0.0, 0.0, 0.0]
        self._crosshairManager().ConvertRASToXYZ([float(value) for value in ras], result)
        return result

    def convertXYZToRAS(self, xyz: Any) -> list[float]:
        """Slice coordinates to world (RAS, mm)."""
        result = [0.0, 0.0, 0.0]
        self._crosshairManager().ConvertXYZToRAS([float(value) for value in xyz], result)
        return result


class qMRMLSliceWidget(qMRMLWidget):
    """A slice view with its bar."""

    SIGNATURES = {"nodeAboutToBeEdited(vtkMRMLNode*)": "nodeAboutToBeEdited"}
    nodeAboutToBeEdited = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._logic = slicer.vtkMRMLSliceLogic()
        self._observers = Observers(self)
        self._controller = qMRMLSliceControllerWidget(self)
        self._view = qMRMLSliceView(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._controller)
        column.addWidget(self._view, 1)

    def _start(self, node: Any, applicationLogic: Any) -> None:
        """Show *node*; its logic joins those of the application."""
        self._logic.SetMRMLApplicationLogic(applicationLogic)
        applicationLogic.GetSliceLogics().AddItem(self._logic)
        self._logic.SetDisplayableManagerGroup(self._view._group)
        self._logic.SetMRMLScene(node.GetScene())
        self._logic.SetSliceNode(node)
        self._view._setLogic(self._logic)
        self._view.setMRMLSliceNode(node)
        self._observers.add(self._logic, ModifiedEvent, self._onLogicModified)
        self.setMRMLScene(node.GetScene())
        self._controller._setLogic(self._logic)
        self._view._showImage()

    def _onLogicModified(self) -> None:
        self._view._showImage()

    def _stop(self) -> None:
        """End all ties to the scene."""
        self._observers.clear()
        self._controller._observers.clear()
        applicationLogic = self._logic.GetMRMLApplicationLogic()
        if applicationLogic is not None and applicationLogic.GetSliceLogics() is not None:
            applicationLogic.GetSliceLogics().RemoveItem(self._logic)
        self._view._releaseView()
        self._logic.SetMRMLScene(None)

    # -- methods of the application's widget

    def sliceController(self) -> qMRMLSliceControllerWidget:
        """The bar."""
        return self._controller

    def controllerWidget(self) -> QWidget:
        """The bar."""
        return self._controller

    def sliceView(self) -> qMRMLSliceView:
        """The view."""
        return self._view

    def viewWidget(self) -> QWidget:
        """The view."""
        return self._view

    def sliceLogic(self) -> Any:
        """The slice logic."""
        return self._logic

    def logic(self) -> Any:
        """The slice logic."""
        return self._logic

    def mrmlSliceNode(self) -> Any:
        """The slice node."""
        return self._logic.GetSliceNode()

    def mrmlAbstractViewNode(self) -> Any:
        """The slice node."""
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self) -> Any:
        """The node that names the volumes shown."""
        return self._logic.GetSliceCompositeNode()

    def imageDataConnection(self) -> Any:
        """The output of the slice logic."""
        return self._logic.GetImageDataConnection()

    def interactorStyle(self) -> Any:
        """The VTK interactor style."""
        return self._view.interactorStyle()

    def overlayCornerAnnotation(self) -> Any:
        """The text in the corners."""
        return self._view.cornerAnnotation()

    @Slot()
    def fitSliceToBackground(self) -> None:
        """Show the whole background volume."""
        self._controller.fitSliceToBackground()

    @Slot(str)
    def setSliceOrientation(self, orientation: str) -> None:
        """Axial, Sagittal, Coronal or another preset."""
        self._controller.setSliceOrientation(orientation)

    sliceOrientation = Property(
        "QString", lambda self: self._controller.sliceOrientation, lambda self, text: self.setSliceOrientation(text)
    )
    sliceViewName = Property("QString", lambda self: self._controller.sliceViewName)
    sliceViewLabel = Property(
        "QString", lambda self: self._controller.sliceViewLabel, lambda self, text: self._controller._setLabel(text)
    )
    sliceViewColor = Property(
        QColor, lambda self: self._controller.sliceViewColor, lambda self, color: self._controller._setViewColor(color)
    )
    sliceOffsetSliderOrientation = Property(int, lambda self: Qt.Orientation.Horizontal.value)
