"""The buttons that place markups."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6.QtCore import Property, Signal, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QStyle, QToolButton, QWidget

from ..widgets.buttons import ctkColorPickerButton
from ..widgets.delegation import field
from .base import ModifiedEvent, Observers, qSlicerWidget, requireKind


class qSlicerMarkupsPlaceWidget(qSlicerWidget):
    """Place points of one markups node, remove them, change its color."""

    ShowPlaceMultipleMarkupsOption, HidePlaceMultipleMarkupsOption = 0, 1
    ForcePlaceSingleMarkup, ForcePlaceMultipleMarkups = 2, 3
    activeMarkupsPlaceModeChanged = Signal(bool)
    activeMarkupsFiducialPlaceModeChanged = Signal(bool)
    placeMultipleMarkups = field("int", "_multiple")
    deleteAllControlPointsOptionVisible = field("bool", "_deleteAllVisible")
    unsetLastControlPointOptionVisible = field("bool", "_unsetLastVisible")
    unsetAllControlPointsOptionVisible = field("bool", "_unsetAllVisible")
    defaultNodeColor = field(QColor, "_defaultColor")
    _multiple, _deleteAllVisible, _unsetLastVisible, _unsetAllVisible = 0, True, False, False

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(*([parent] if parent is not None else []))
        self._defaultColor = QColor(0, 0, 255)
        self._node: Any = None
        self._wasPlacing = False
        self._nodeObservers, self._modeObservers = Observers(self), Observers(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self._color = ctkColorPickerButton(self)
        self._color.setDisplayColorName(False)
        self._color.setText("")
        self._place, self._delete = QToolButton(self), QToolButton(self)
        self._place.setObjectName("PlaceButton")
        self._place.setCheckable(True)
        self._place.setIcon(self.style().standardIcon(QStyle.StandardPixmap.SP_ArrowDown))
        self._place.setToolTip("Place a control point")
        self._delete.setObjectName("DeleteButton")
        self._delete.setIcon(self.style().standardIcon(QStyle.StandardPixmap.SP_TrashIcon))
        self._delete.setToolTip("Delete last added control point")
        for widget in (self._color, self._place, self._delete):
            row.addWidget(widget)
        self._place.clicked.connect(self.setPlaceModeEnabled)
        self._delete.clicked.connect(lambda _: self.deleteLastPoint())
        self._color.colorChanged.connect(self.setNodeColor)
        self._refresh()

    def _sceneSet(self) -> None:
        self._modeObservers.clear()
        for node in (self.interactionNode(), self.selectionNode()):
            if node is not None:
                self._modeObservers.add(node, ModifiedEvent, self._refresh)
                if node.IsA("vtkMRMLInteractionNode"):
                    self._modeObservers.add(node, node.InteractionModeChangedEvent, self._refresh)
        self._refresh()

    def _logic(self) -> Any:
        return slicer.app.applicationLogic().GetModuleLogic("Markups")

    def _refresh(self) -> None:
        self.setEnabled(self._scene is not None and self._node is not None)
        placing = self._placing()
        blocked = self._place.blockSignals(True)
        self._place.setChecked(placing)
        self._place.blockSignals(blocked)
        count = self._node.GetNumberOfControlPoints() if self._node is not None else 0
        self._delete.setEnabled(count > 0)
        if self._node is not None and self._node.GetDisplayNode() is not None:
            blocked = self._color.blockSignals(True)
            self._color.setColor(QColor.fromRgbF(*self._node.GetDisplayNode().GetSelectedColor()))
            self._color.blockSignals(blocked)
        if placing != self._wasPlacing:
            self._wasPlacing = placing
            self.activeMarkupsPlaceModeChanged.emit(placing)
            self.activeMarkupsFiducialPlaceModeChanged.emit(placing)

    def _active(self) -> bool:
        selection, logic = self.selectionNode(), self._logic()
        if self._node is None or selection is None or logic is None:
            return False
        kind = selection.GetActivePlaceNodeClassName()
        return bool(logic.GetActiveListID() == self._node.GetID() and kind == self._node.GetClassName())

    def _placing(self) -> bool:
        node = self.interactionNode()
        return node is not None and node.GetCurrentInteractionMode() == node.Place and self._active()

    def _persistent(self) -> bool:
        node = self.interactionNode()
        return node is not None and bool(node.GetPlaceModePersistence())

    # -- methods of the application's widget

    def interactionNode(self) -> Any:
        """The node that holds the mouse mode."""
        return self._scene.GetNodeByID("vtkMRMLInteractionNodeSingleton") if self._scene is not None else None

    def selectionNode(self) -> Any:
        """The node that holds what is placed."""
        return self._scene.GetNodeByID("vtkMRMLSelectionNodeSingleton") if self._scene is not None else None

    def currentNode(self) -> Any:
        """The markups node."""
        return self._node

    def currentMarkupsNode(self) -> Any:
        """The markups node."""
        return self._node

    def currentMarkupsFiducialNode(self) -> Any:
        """The markups node if it is a point list."""
        return self._node if self._node is not None and self._node.IsA("vtkMRMLMarkupsFiducialNode") else None

    @Slot(object)
    def setCurrentNode(self, node: Any) -> None:
        """Place points of another node, None for none."""
        requireKind(node, slicer.vtkMRMLNode, "setCurrentNode")
        node = node if node is not None and node.IsA("vtkMRMLMarkupsNode") else None
        if node is self._node:
            return
        self._nodeObservers.clear()
        self._node = node
        if node is not None:
            for event in (ModifiedEvent, node.PointModifiedEvent, node.PointAddedEvent, node.PointRemovedEvent):
                self._nodeObservers.add(node, event, self._refresh)
        self._refresh()

    @Slot(bool)
    def setCurrentNodeActive(self, active: bool) -> None:
        """Make the node the one that is placed."""
        if active != self._active() and self._logic() is not None and self._scene is not None:
            self._logic().SetActiveList(self._node if active else None)
            if not active:
                self.interactionNode().SetCurrentInteractionMode(self.interactionNode().ViewTransform)
        self._refresh()

    @Slot(bool)
    def setPlaceModeEnabled(self, enable: bool) -> None:
        """Start or end placing."""
        node = self.interactionNode()
        if node is None or self._node is None or self._logic() is None:
            return
        if enable:
            if not self._active():
                self._logic().SetActiveList(self._node)
            if self._multiple in (self.ForcePlaceSingleMarkup, self.ForcePlaceMultipleMarkups):
                self.setPlaceModePersistency(self._multiple == self.ForcePlaceMultipleMarkups)
            node.SetCurrentInteractionMode(node.Place)
        else:
            node.SetCurrentInteractionMode(node.ViewTransform)
        self._refresh()

    @Slot(bool)
    def setPlaceModePersistency(self, persistent: bool) -> None:
        """Whether placing goes on after a point."""
        if self.interactionNode() is not None:
            self.interactionNode().SetPlaceModePersistence(int(persistent))

    @Slot()
    def deleteLastPoint(self) -> None:
        """Remove the last control point."""
        if self._node is not None and self._node.GetNumberOfControlPoints():
            self._node.RemoveNthControlPoint(self._node.GetNumberOfControlPoints() - 1)

    @Slot()
    def deleteAllPoints(self) -> None:
        """Remove all control points."""
        if self._node is not None:
            self._node.RemoveAllControlPoints()

    @Slot(QColor)
    def setNodeColor(self, color: QColor) -> None:
        """Color the node."""
        if self._node is not None and self._node.GetDisplayNode() is not None:
            rgb = (color.redF(), color.greenF(), color.blueF())
            self._node.GetDisplayNode().SetSelectedColor(*rgb)
            self._node.GetDisplayNode().SetColor(*rgb)

    @Slot(bool)
    def setButtonsVisible(self, visible: bool) -> None:
        """Show the buttons."""
        for widget in (self._color, self._place, self._delete):
            widget.setVisible(visible)

    @Slot(bool)
    def setDeleteAllControlPointsOptionVisible(self, visible: bool) -> None:
        """Offer to delete all points."""
        self._deleteAllVisible = visible

    @Slot(int)
    def setPlaceMultipleMarkups(self, option: int) -> None:
        """Whether one or several points are placed."""
        self._multiple = int(option)

    def placeButton(self) -> QToolButton:
        """The button that starts placing."""
        return self._place

    def deleteButton(self) -> QToolButton:
        """The button that deletes."""
        return self._delete

    currentNodeActive = Property(bool, lambda self: self._active(), lambda self, on: self.setCurrentNodeActive(on))
    placeModeEnabled = Property(bool, lambda self: self._placing(), lambda self, on: self.setPlaceModeEnabled(on))
    placeModePersistency = Property(
        bool, lambda self: self._persistent(), lambda self, on: self.setPlaceModePersistency(on)
    )
    buttonsVisible = Property(bool, lambda s: not s._place.isHidden(), lambda s, on: s.setButtonsVisible(on))
    nodeColor = Property(QColor, lambda self: self._color.color, lambda self, color: self.setNodeColor(color))
