"""Numeric widgets that follow the scene's units."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6.QtCore import Property, Signal, Slot
from PySide6.QtWidgets import QWidget

from ..widgets.collapsible import ctkCollapsibleButton
from ..widgets.delegation import field
from ..widgets.numbers import ctkDoubleSpinBox, ctkSliderWidget
from ..widgets.ranges import ctkCoordinatesWidget, ctkRangeWidget
from .base import requireKind


class _Quantity:
    """Suffix, prefix and decimals of a widget from the unit node of its quantity (length, time, ...)."""

    _unitScene: Any = None
    _quantityName = ""

    def mrmlScene(self) -> Any:
        """The scene."""
        return self._unitScene

    def _useScene(self, scene: Any) -> None:
        requireKind(scene, slicer.vtkMRMLScene, "setMRMLScene")
        self._unitScene = scene
        self._useUnit()

    def _useUnit(self) -> None:
        scene = self._unitScene
        selection = scene.GetNodeByID("vtkMRMLSelectionNodeSingleton") if scene is not None else None
        unit = selection.GetUnitNode(self._quantityName) if selection is not None and self._quantityName else None
        if unit is not None:
            self.suffix = unit.GetSuffix() or ""
            self.prefix = unit.GetPrefix() or ""

    def _setQuantityName(self, name: str) -> None:
        self._quantityName = name
        self._useUnit()


class qMRMLSliderWidget(ctkSliderWidget, _Quantity):
    """A ctkSliderWidget with units."""

    Prefix, Suffix, Precision, MinimumValue, MaximumValue, Scaling, All = 1, 2, 4, 8, 16, 32, 63
    unitAwareProperties = field("int", "_unitAware")
    _unitAware = 63

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        """Set the scene."""
        self._useScene(scene)

    @Slot(str)
    def setQuantity(self, name: str) -> None:
        """Which quantity the value is."""
        self._setQuantityName(name)

    quantity = Property("QString", lambda self: self._quantityName, lambda self, name: self._setQuantityName(name))


class qMRMLSpinBox(ctkDoubleSpinBox, _Quantity):
    """A ctkDoubleSpinBox with units."""

    Prefix, Suffix, Precision, MinimumValue, MaximumValue, Scaling = 1, 2, 4, 8, 16, 32
    unitAwareProperties = field("int", "_unitAware")
    _unitAware = 63

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        """Set the scene."""
        self._useScene(scene)

    @Slot(str)
    def setQuantity(self, name: str) -> None:
        """Which quantity the value is."""
        self._setQuantityName(name)

    quantity = Property("QString", lambda self: self._quantityName, lambda self, name: self._setQuantityName(name))


class qMRMLRangeWidget(ctkRangeWidget, _Quantity):
    """A ctkRangeWidget with units."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        """Set the scene."""
        self._useScene(scene)

    @Slot(str)
    def setQuantity(self, name: str) -> None:
        """Which quantity the values are."""
        self._setQuantityName(name)

    quantity = Property("QString", lambda self: self._quantityName, lambda self, name: self._setQuantityName(name))


class qMRMLCoordinatesWidget(ctkCoordinatesWidget):
    """A ctkCoordinatesWidget with a scene."""

    SIGNATURES = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}
    mrmlSceneChanged = Signal(object)
    quantityChanged = Signal(str)
    quantity = field("QString", "_quantityName", lambda self: self.quantityChanged.emit(self._quantityName))
    unitAwareProperties = field("int", "_unitAware")
    _unitAware = 63
    _quantityName = ""
    _scene: Any = None

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)

    def mrmlScene(self) -> Any:
        """The scene."""
        return self._scene

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        """Set the scene."""
        requireKind(scene, slicer.vtkMRMLScene, "setMRMLScene")
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)


class qMRMLCollapsibleButton(ctkCollapsibleButton):
    """A ctkCollapsibleButton with a scene."""

    SIGNATURES = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}
    mrmlSceneChanged = Signal(object)
    _scene: Any = None

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(*([parent] if parent is not None else []))

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        """Set the scene."""
        requireKind(scene, slicer.vtkMRMLScene, "setMRMLScene")
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)
