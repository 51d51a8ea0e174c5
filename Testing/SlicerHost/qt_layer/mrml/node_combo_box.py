"""The node selector."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6.QtCore import Property, Qt, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QInputDialog, QSizePolicy, QWidget

from ..widgets.buttons import ctkComboBox
from ..widgets.delegation import field
from .base import ModifiedEvent, Observers, requireKind
from .node_commands import commandsOf, runCommand
from .node_filter import NodeFilter

_Scene = slicer.vtkMRMLScene
_ROLE = Qt.ItemDataRole.UserRole


def _filtered(kind: str, name: str) -> Property:
    """A property kept in the filter."""

    def write(self: Any, value: Any) -> None:
        if getattr(self._filter, name) != value:
            setattr(self._filter, name, value)
            self._refresh()

    return Property(kind, lambda self: getattr(self._filter, name), write)


class qMRMLNodeComboBox(QWidget):
    """Lists the nodes of some types and follows the scene; creates, renames and deletes nodes if allowed."""

    SIGNATURES = {
        "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged",
        "currentNodeChanged(bool)": "_currentNodeValid",
        "currentNodeIDChanged(QString)": "currentNodeIDChanged",
        "nodeActivated(vtkMRMLNode*)": "nodeActivated",
        "nodeAdded(vtkMRMLNode*)": "nodeAdded",
        "nodeAddedByUser(vtkMRMLNode*)": "nodeAddedByUser",
        "nodeAddedByUserAction(vtkMRMLNode*)": "nodeAddedByUserAction",
        "nodeAboutToBeRemoved(vtkMRMLNode*)": "nodeAboutToBeRemoved",
        "nodeAboutToBeEdited(vtkMRMLNode*)": "nodeAboutToBeEdited",
    }
    currentNodeChanged = Signal(object)
    _currentNodeValid = Signal(bool)
    currentNodeIDChanged = Signal(str)
    nodeActivated = Signal(object)
    nodeAdded = Signal(object)
    nodeAddedByUser = Signal(object)
    nodeAddedByUserAction = Signal(object)
    nodeAboutToBeRemoved = Signal(object)
    nodeAboutToBeEdited = Signal(object)
    currentNodeRenamed = Signal(str)

    showHidden = _filtered("bool", "showHidden")
    showChildNodeTypes = _filtered("bool", "showChildNodeTypes")
    hideChildNodeTypes = _filtered("QStringList", "hideChildNodeTypes")
    noneEnabled = field("bool", "_noneEnabled", lambda self: self._refresh())
    addEnabled = field("bool", "_addEnabled", lambda self: self._refresh())
    removeEnabled = field("bool", "_removeEnabled", lambda self: self._refresh())
    editEnabled = field("bool", "_editEnabled", lambda self: self._refresh())
    renameEnabled = field("bool", "_renameEnabled", lambda self: self._refresh())
    noneDisplay = field("QString", "_noneDisplay", lambda self: self._refresh())
    selectNodeUponCreation = field("bool", "_selectNodeUponCreation")
    interactionNodeSingletonTag = field("QString", "_interactionNodeSingletonTag")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._filter = NodeFilter()
        self._noneEnabled, self._removeEnabled, self._renameEnabled, self._editEnabled = False, True, False, False
        self._addEnabled, self._selectNodeUponCreation, self._noneDisplay = True, True, "None"
        self._interactionNodeSingletonTag = "Singleton"
        self._baseNames: dict[str, str] = {}
        self._labels: dict[str, str] = {}
        self._newAttributes: dict[str, str] = {}
        self._actions: list[QAction] = []
        self._scene: Any = None
        self._hadEntries = False
        self._current: Any = None
        self._requested = ""
        self._listed: list[Any] = []
        self._observers = Observers(self)
        self._nodeObservers = Observers(self)
        self._combo = self._makeCombo()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._combo)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setFocusProxy(self._combo)
        self._combo.activated.connect(self._activated)
        self.setEnabled(False)
        self._refresh()

    def _makeCombo(self) -> QComboBox:
        combo = ctkComboBox(self)
        combo.setMinimumContentsLength(8)
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        return combo

    # -- scene

    def mrmlScene(self) -> Any:
        """The scene."""
        return self._scene

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        """Follow another scene; the selector is enabled while it has one."""
        requireKind(scene, _Scene, "setMRMLScene")
        if scene is self._scene:
            return
        self._observers.clear()
        self._scene = scene
        if scene is not None:
            self._observers.add(scene, _Scene.NodeAddedEvent, self._onNodeAdded, wantsNode=True)
            self._observers.add(scene, _Scene.NodeAboutToBeRemovedEvent, self._onNodeLeaving, wantsNode=True)
            self._observers.add(scene, _Scene.NodeRemovedEvent, self._onNodeRemoved, wantsNode=True)
            for event in (_Scene.EndBatchProcessEvent, _Scene.EndImportEvent, _Scene.EndCloseEvent):
                self._observers.add(scene, event, self._refresh)
        self.setEnabled(scene is not None)
        self._hadEntries = False
        self._refresh()

    def _onNodeAdded(self, node: Any) -> None:
        if node is None or not self._filter.concerns(node):
            return
        self._refresh()
        if any(listed is node for listed in self._listed):
            self.nodeAdded.emit(node)

    def _onNodeLeaving(self, node: Any) -> None:
        if any(listed is node for listed in self._listed):
            self.nodeAboutToBeRemoved.emit(node)

    def _onNodeRemoved(self, node: Any) -> None:
        if node is not None and self._filter.concerns(node):
            self._refresh()

    # -- the list

    def _refresh(self) -> None:
        """List the nodes again; the current one stays if it can."""
        if self._isBusy():
            return
        before, position = self._current, self._position(self._current)
        self._listed = self._filter.nodes(self._scene) if self._scene is not None else []
        self._watchNodes()
        requested = next((node for node in self._listed if node.GetID() == self._requested), None)
        if requested is not None:
            self._requested = ""
            self._current = requested
        elif self._position(before) < 0:
            self._current = self._successor(before, position)
        self._fill()
        if self._current is not before:
            self._announce()

    def _isBusy(self) -> bool:
        """While nodes come or go all at once the list waits for the end."""
        return self._scene is not None and bool(self._scene.IsImporting() or self._scene.IsClosing())

    def _position(self, node: Any) -> int:
        return next((index for index, listed in enumerate(self._listed) if listed is node), -1)

    def _successor(self, before: Any, position: int) -> Any:
        """What is current when the current node has gone: its neighbor, as in any combo box.

        Where nothing was current and "None" is no choice, the first node, unless the list held commands already.
        """
        if not self._listed or (before is None and (self._noneEnabled or self._hadEntries)):
            return None
        return self._listed[min(max(position, 0), len(self._listed) - 1)]

    def _watchNodes(self) -> None:
        concerned = []
        if self._scene is not None:
            nodes = (self._scene.GetNthNode(index) for index in range(self._scene.GetNumberOfNodes()))
            concerned = [node for node in nodes if self._filter.nodeTypes and self._filter.concerns(node)]
        watched = self._nodeObservers.watched()
        for node in watched:
            if not any(node is other for other in concerned):
                self._nodeObservers.clear(node)
        for node in concerned:
            if not any(node is other for other in watched):
                self._nodeObservers.add(node, ModifiedEvent, self._onNodeModified)

    def _onNodeModified(self) -> None:
        if self._scene is None or self._isBusy():
            return
        texts = [self._combo.itemText(index) for index in range(self._combo.count()) if self._isNode(index)]
        listed = self._filter.nodes(self._scene)
        same = len(listed) == len(self._listed) and all(a is b for a, b in zip(listed, self._listed))
        if same and texts == [self._textOf(node) for node in listed]:
            return
        current, text = self._current, self._combo.currentText()
        self._refresh()
        if self._current is current is not None and text != self._combo.currentText():
            self._announce()  # in the application the signal follows the text shown

    def _textOf(self, node: Any) -> str:
        return node.GetName() or ""

    def _isNode(self, index: int) -> bool:
        return str(self._combo.itemData(index, _ROLE) or "").startswith("NODE/")

    def _fill(self) -> None:
        combo = self._combo
        blocked = combo.blockSignals(True)
        combo.clear()
        combo.setProperty("defaultText", f"Select a {self.nodeTypeLabel(self._firstType())}")
        if self._scene is not None and self._noneEnabled:
            combo.addItem(self._noneDisplay, "NONE")
        for node in self._listed:
            combo.addItem(self._textOf(node), f"NODE/{node.GetID()}")
            combo.setItemData(combo.count() - 1, node.GetID(), Qt.ItemDataRole.ToolTipRole)
        commands = commandsOf(self) if self._scene is not None else []
        if commands:
            combo.insertSeparator(combo.count())
        for text, command in commands:
            combo.addItem(text, command)
        self._hadEntries = combo.count() > 0
        self._showCurrent()
        combo.blockSignals(blocked)

    def _showCurrent(self) -> None:
        position = self._position(self._current)
        none = 0 if self._noneEnabled and self._scene is not None else -1
        self._combo.setCurrentIndex(none if position < 0 else position + (1 if self._noneEnabled else 0))

    # -- what the user chooses

    def _activated(self, index: int) -> None:
        command, _, argument = str(self._combo.itemData(index, _ROLE) or "").partition("/")
        if command == "NODE":
            self._choose(self._scene.GetNodeByID(argument))
            self.nodeActivated.emit(self._current)
            return
        if command == "NONE":
            self._choose(None)
            self.nodeActivated.emit(None)
            return
        self._showCurrent()
        runCommand(self, command, argument)

    def _choose(self, node: Any) -> None:
        if node is self._current:
            self._showCurrent()
            return
        self._current = node
        self._showCurrent()
        self._announce()

    def _announce(self) -> None:
        node = self._current
        self.currentNodeChanged.emit(node)
        self._currentNodeValid.emit(node is not None)
        self.currentNodeIDChanged.emit(node.GetID() if node is not None else "")

    # -- methods of the application's widget

    def currentNode(self) -> Any:
        """The node chosen, None without one."""
        return self._current

    @Slot(object)
    def setCurrentNode(self, node: Any) -> None:
        """Choose a node (or its ID); one that is not listed means none."""
        if isinstance(node, str):
            node = self._scene.GetNodeByID(node) if self._scene is not None and node else None
        requireKind(node, slicer.vtkMRMLNode, "setCurrentNode")
        listed = node is not None and self._position(node) >= 0
        self._requested = node.GetID() or "" if node is not None and self._scene is None else ""
        self._choose(node if listed else None)

    @Slot(str)
    def setCurrentNodeID(self, nodeId: str) -> None:
        """Choose a node by its ID."""
        if not isinstance(nodeId, str):
            raise ValueError(f"Called setCurrentNodeID(QString) with wrong arguments: {nodeId!r}")
        self.setCurrentNode(nodeId)
        self._requested = nodeId if self._scene is None else ""

    @Slot(int)
    def setCurrentNodeIndex(self, index: int) -> None:
        """Choose the node at a place of the list."""
        self._choose(self.nodeFromIndex(index))

    def nodeCount(self) -> int:
        """How many nodes are listed."""
        return len(self._listed)

    def nodeFromIndex(self, index: int) -> Any:
        """The node at a place of the list."""
        return self._listed[index] if 0 <= index < len(self._listed) else None

    @Slot(str, result=object)
    def addNode(self, nodeType: str = "") -> Any:
        """Create a node of one of the types and choose it."""
        nodeType = nodeType or self._firstType()
        if not nodeType or self._scene is None or nodeType not in self._filter.nodeTypes:
            return None
        node = self._scene.CreateNodeByClass(nodeType)
        if node is None:
            return None
        node.UnRegister(None)
        name = self._baseNames.get(nodeType) or node.GetNodeTagName()
        node.SetName(self._scene.GetUniqueNameByString(name))
        for attribute, value in self._newAttributes.items():
            node.SetAttribute(attribute, value)
        node = self._scene.AddNode(node)
        if self._selectNodeUponCreation:
            self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node

    @Slot()
    def removeCurrentNode(self) -> None:
        """Remove the current node from the scene."""
        if self._scene is not None and self._current is not None:
            self._scene.RemoveNode(self._current)

    @Slot()
    def editCurrentNode(self) -> None:
        """Ask for the current node to be shown in its module."""
        self.nodeAboutToBeEdited.emit(self._current)

    @Slot()
    def renameCurrentNode(self) -> None:
        """Ask for another name of the current node."""
        node = self._current
        if node is None:
            return
        title = f"Rename {self.nodeTypeLabel(node.GetClassName())}"
        name, confirmed = QInputDialog.getText(self, title, "New name:", text=node.GetName())
        if confirmed and name:
            node.SetName(name)
            self.currentNodeRenamed.emit(name)

    def addAttribute(self, nodeType: str, name: str, value: Any = None) -> None:
        """List only nodes with this attribute; nodes created here get it."""
        self._newAttributes[name] = "" if value is None else str(value)
        self._filter.attributes[nodeType] = (name, None if value is None else str(value))
        self._refresh()

    def removeAttribute(self, nodeType: str, name: str) -> None:
        """Drop the condition on this attribute."""
        self._newAttributes.pop(name, None)
        self._filter.attributes.pop(nodeType, None)
        self._refresh()

    def addMenuAction(self, action: QAction) -> None:
        """Add an entry of one's own at the end of the list."""
        self._actions.append(action)
        self._refresh()

    def setNodeTypeLabel(self, label: str, nodeType: str) -> None:
        """Name a node type in the texts."""
        self._labels[nodeType] = label
        self._refresh()

    def nodeTypeLabel(self, nodeType: str) -> str:
        """The name of a node type in the texts."""
        if self._labels.get(nodeType):
            return self._labels[nodeType]
        name = self._scene.GetTypeDisplayNameByClassName(nodeType) if self._scene is not None and nodeType else ""
        return name or "node"

    def _firstType(self) -> str:
        return self._filter.nodeTypes[0] if self._filter.nodeTypes else ""

    def _setNodeTypes(self, kinds: list[str]) -> None:
        if list(kinds) != self._filter.nodeTypes:
            self._filter.nodeTypes = list(kinds)
            self._refresh()

    def _setBaseName(self, name: str) -> None:
        for kind in self._filter.nodeTypes:
            self._baseNames[kind] = name

    nodeTypes = Property("QStringList", lambda s: list(s._filter.nodeTypes), lambda s, kinds: s._setNodeTypes(kinds))
    baseName = Property("QString", lambda s: s._baseNames.get(s._firstType(), ""), lambda s, v: s._setBaseName(v))
    currentNodeID = Property(
        "QString",
        lambda self: self._current.GetID() if self._current is not None else "",
        lambda self, nodeId: self.setCurrentNodeID(nodeId),
    )
    sizeAdjustPolicy = Property(
        int,
        lambda self: self._combo.sizeAdjustPolicy().value,
        lambda self, policy: self._combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy(policy)),
    )
