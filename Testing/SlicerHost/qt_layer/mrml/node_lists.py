"""Variants of the node selector: check boxes, color tables, subject hierarchy."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox, QWidget

from ..widgets.buttons import ctkComboBox
from ..widgets.delegation import field
from .base import Observers, requireKind
from .node_combo_box import qMRMLNodeComboBox

_ID = Qt.ItemDataRole.UserRole


class qMRMLCheckableNodeComboBox(qMRMLNodeComboBox):
    """A node selector in which several nodes can be checked."""

    checkedNodesChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        self._checked: set[str] = set()
        self._filling = False
        super().__init__(parent)
        self._combo.model().itemChanged.connect(self._onItemChanged)

    def _makeCombo(self) -> QComboBox:
        combo = super()._makeCombo()
        combo.setModel(QStandardItemModel(combo))
        return combo

    def _fill(self) -> None:
        self._filling = True
        super()._fill()
        self._checked &= {node.GetID() for node in self._listed}
        for row in range(self._combo.count()):
            if self._isNode(row):
                item = self._combo.model().item(row)
                item.setCheckable(True)
                known = str(self._combo.itemData(row, _ID)).partition("/")[2] in self._checked
                item.setCheckState(Qt.CheckState.Checked if known else Qt.CheckState.Unchecked)
        self._filling = False

    def _onItemChanged(self, item: Any) -> None:
        if self._filling or not self._isNode(item.row()):
            return
        identifier = str(item.data(_ID)).partition("/")[2]
        checked = item.checkState() == Qt.CheckState.Checked
        if checked != (identifier in self._checked):
            (self._checked.add if checked else self._checked.discard)(identifier)
            self.checkedNodesChanged.emit()

    def checkedNodes(self) -> list[Any]:
        """The checked nodes."""
        return [node for node in self._listed if node.GetID() in self._checked]

    def uncheckedNodes(self) -> list[Any]:
        """The other nodes."""
        return [node for node in self._listed if node.GetID() not in self._checked]

    def allChecked(self) -> bool:
        """Whether all nodes are checked."""
        return not self.uncheckedNodes()

    def noneChecked(self) -> bool:
        """Whether no node is checked."""
        return not self._checked

    def checkState(self, node: Any) -> int:
        """Qt.Checked or Qt.Unchecked."""
        state = Qt.CheckState.Checked if node.GetID() in self._checked else Qt.CheckState.Unchecked
        return int(state.value)

    def setCheckState(self, node: Any, state: Any) -> None:
        """Check or uncheck a node."""
        requireKind(node, slicer.vtkMRMLNode, "setCheckState")
        checked = Qt.CheckState(state) != Qt.CheckState.Unchecked
        if node is not None and checked != (node.GetID() in self._checked):
            (self._checked.add if checked else self._checked.discard)(node.GetID())
            self._fill()
            self.checkedNodesChanged.emit()

    @Slot(object)
    def check(self, node: Any) -> None:
        """Check a node."""
        self.setCheckState(node, Qt.CheckState.Checked)

    @Slot(object)
    def uncheck(self, node: Any) -> None:
        """Uncheck a node."""
        self.setCheckState(node, Qt.CheckState.Unchecked)


class qMRMLColorTableComboBox(qMRMLNodeComboBox):
    """A selector of color tables."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.nodeTypes = ["vtkMRMLColorNode"]
        self.hideChildNodeTypes = ["vtkMRMLDiffusionTensorDisplayPropertiesNode", "vtkMRMLChartNode"]
        self.showHidden, self.addEnabled, self.removeEnabled = True, False, False


class qMRMLSubjectHierarchyComboBox(ctkComboBox):
    """A selector of items of the subject hierarchy."""

    SIGNATURES = {
        "currentItemChanged(vtkIdType)": "currentItemChanged",
        "currentItemModified(vtkIdType)": "currentItemModified",
    }
    currentItemChanged = Signal(object)
    currentItemModified = Signal(object)
    noneEnabled = field("bool", "_noneEnabled", lambda self: self._refresh())
    noneDisplay = field("QString", "_noneDisplay", lambda self: self._refresh())
    showRootItem = field("bool", "_showRootItem", lambda self: self._refresh())
    nodeTypes = field("QStringList", "_nodeTypes", lambda self: self._refresh())
    _noneEnabled, _noneDisplay, _showRootItem = False, "None", True

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._root: int | None = None
        self._nodeTypes: list[str] = []
        self._item = 0
        self._observers = Observers(self)
        self.activated.connect(lambda row: self._choose(int(self.itemData(row, _ID) or 0)))

    def _hierarchy(self) -> Any:
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene) if self._scene else None

    def _refresh(self) -> None:
        node = self._hierarchy()
        blocked = self.blockSignals(True)
        self.clear()
        listed: list[int] = []
        if node is not None:
            if self._noneEnabled:
                self.addItem(self._noneDisplay, 0)
            listed = self._itemsBelow(node, self.rootItem(), 0)
        before = self._item
        if self._item not in listed:
            self._item = 0
        self.setCurrentIndex(self.findData(self._item, _ID))
        self.blockSignals(blocked)
        if before != self._item:
            self.currentItemChanged.emit(self._item)

    def _itemsBelow(self, node: Any, parent: int, depth: int) -> list[int]:
        found = []
        children = vtk.vtkIdList()
        node.GetItemChildren(parent, children)
        for index in range(children.GetNumberOfIds()):
            item = children.GetId(index)
            data = node.GetItemDataNode(item)
            hidden = data is not None and data.GetHideFromEditors()
            fits = not self._nodeTypes or (data is not None and any(data.IsA(kind) for kind in self._nodeTypes))
            if fits and not hidden:
                self.addItem("  " * depth + node.GetItemName(item), item)
                found.append(item)
            found += self._itemsBelow(node, item, depth + 1)
        return found

    def _choose(self, item: int) -> None:
        if item != self._item:
            self._item = item
            self.setCurrentIndex(self.findData(item, _ID))
            self.currentItemChanged.emit(item)

    def mrmlScene(self) -> Any:
        """The scene."""
        return self._scene

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        """Follow a scene."""
        requireKind(scene, slicer.vtkMRMLScene, "setMRMLScene")
        self._observers.clear()
        self._scene = scene
        node = self._hierarchy()
        if node is not None:
            kind = slicer.vtkMRMLSubjectHierarchyNode
            for change in ("Added", "Removed", "Modified", "Reparented"):
                event = getattr(kind, f"SubjectHierarchyItem{change}Event")
                self._observers.add(node, event, self._refresh)
            self._observers.add(scene, slicer.vtkMRMLScene.EndCloseEvent, self._refresh)
        self._refresh()

    def subjectHierarchyNode(self) -> Any:
        """The subject hierarchy."""
        return self._hierarchy()

    def rootItem(self) -> int:
        """The item whose branch is listed."""
        node = self._hierarchy()
        if self._root is not None or node is None:
            return self._root or 0
        return int(node.GetSceneItemID())

    @Slot(object)
    def setRootItem(self, item: int) -> None:
        """List the branch of this item."""
        self._root = int(item)
        self._refresh()

    def currentItem(self) -> int:
        """The item chosen, 0 without one."""
        return self._item

    @Slot(object)
    def setCurrentItem(self, item: int) -> None:
        """Choose an item."""
        if not item or self.findData(int(item), _ID) >= 0:
            self._choose(int(item))

    def clearSelection(self) -> None:
        """Choose nothing."""
        self._choose(0)

    def currentNode(self) -> Any:
        """The node of the item chosen."""
        node = self._hierarchy()
        return node.GetItemDataNode(self._item) if node is not None and self._item else None

    def setCurrentNode(self, node: Any) -> None:
        """Choose the item of a node."""
        requireKind(node, slicer.vtkMRMLNode, "setCurrentNode")
        hierarchy = self._hierarchy()
        known = hierarchy is not None and node is not None
        self.setCurrentItem(hierarchy.GetItemByDataNode(node) if known else 0)

    def setNodeTypes(self, kinds: list[str]) -> None:
        """List only nodes of these types."""
        self._nodeTypes = list(kinds)
        self._refresh()
