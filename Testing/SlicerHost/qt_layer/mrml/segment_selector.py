"""The segment selector."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6.QtCore import Property, Qt, Signal, Slot
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QBoxLayout, QComboBox, QWidget

from ..widgets.delegation import field
from .base import ModifiedEvent, Observers, qMRMLWidget, requireKind
from .node_combo_box import qMRMLNodeComboBox

_ID = Qt.ItemDataRole.UserRole


class qMRMLSegmentSelectorWidget(qMRMLWidget):
    """A segmentation and one (or some) of its segments."""

    SIGNATURES = {
        "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged",
        "currentNodeChanged(bool)": "_currentNodeValid",
        "segmentSelectionChanged(QStringList)": "segmentSelectionChanged",
        "nodeAboutToBeEdited(vtkMRMLNode*)": "nodeAboutToBeEdited",
    }
    currentNodeChanged = Signal(object)
    _currentNodeValid = Signal(bool)
    currentSegmentChanged = Signal(str)
    segmentSelectionChanged = Signal(list)
    nodeAboutToBeEdited = Signal(object)
    noneEnabled = field("bool", "_noneEnabled", lambda self: self._applyNone())
    multiSelection = field("bool", "_multiSelection", lambda self: self._fill())

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._noneEnabled, self._multiSelection = False, False
        self._segmentId = ""
        self._selected: list[str] = []
        self._shown: list[tuple[str, str]] = []
        self._segmentObservers = Observers(self)
        self._nodes = qMRMLNodeComboBox(self)
        self._nodes.nodeTypes = ["vtkMRMLSegmentationNode"]
        self._nodes.addEnabled, self._nodes.removeEnabled = False, False
        self._nodes.setObjectName("MRMLNodeComboBox_Segmentation")
        self._segments = QComboBox(self)
        self._segments.setObjectName("comboBox_Segment")
        self._row = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.addWidget(self._nodes)
        self._row.addWidget(self._segments)
        self._nodes.currentNodeChanged.connect(self._onNodeChanged)
        self._segments.activated.connect(self._onActivated)
        self._fill()

    def _sceneSet(self) -> None:
        self._nodes.setMRMLScene(self._scene)

    def _applyNone(self) -> None:
        self._nodes.noneEnabled = self._noneEnabled
        self._fill()

    def _onNodeChanged(self, node: Any) -> None:
        self._segmentObservers.clear()
        if node is not None:
            segmentation = node.GetSegmentation()
            for event in (segmentation.SegmentAdded, segmentation.SegmentRemoved, segmentation.SegmentModified,
                          segmentation.SegmentsOrderModified):  # fmt: skip
                self._segmentObservers.add(segmentation, event, self._fill)
            self._segmentObservers.add(node, ModifiedEvent, self._fill)
        self._segmentId, self._selected = "", []
        self._fill()
        self.currentNodeChanged.emit(node)
        self._currentNodeValid.emit(node is not None)

    def _fill(self) -> None:
        node = self._nodes.currentNode()
        segmentation = node.GetSegmentation() if node is not None else None
        ids = list(segmentation.GetSegmentIDs()) if segmentation is not None else []
        self._shown = [(segmentId, segmentation.GetSegment(segmentId).GetName()) for segmentId in ids]
        self._selected = [segmentId for segmentId in self._selected if segmentId in ids]
        before = self._segmentId
        if self._segmentId not in ids:
            self._segmentId = "" if self._noneEnabled or not ids else ids[0]
        model = QStandardItemModel(self._segments)
        if self._noneEnabled and not self._multiSelection:
            model.appendRow(QStandardItem("None"))
            model.item(0).setData("", _ID)
        for segmentId, name in self._shown:
            model.appendRow(self._item(segmentId, name))
        blocked = self._segments.blockSignals(True)
        self._segments.setModel(model)
        self._segments.setCurrentIndex(self._segments.findData(self._segmentId, _ID))
        self._segments.blockSignals(blocked)
        if self._multiSelection:
            model.itemChanged.connect(lambda _: self._onChecked())
        self._segments.setEnabled(bool(ids))
        if before != self._segmentId and not self._multiSelection:
            self.currentSegmentChanged.emit(self._segmentId)

    def _item(self, segmentId: str, name: str) -> QStandardItem:
        item = QStandardItem(name)
        item.setData(segmentId, _ID)
        if self._multiSelection:
            item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
            item.setCheckState(Qt.CheckState.Checked if segmentId in self._selected else Qt.CheckState.Unchecked)
        return item

    def _onActivated(self, index: int) -> None:
        if not self._multiSelection:
            self.setCurrentSegmentID(self._segments.itemData(index, _ID) or "")

    def _onChecked(self) -> None:
        model = self._segments.model()
        items = [model.item(row) for row in range(model.rowCount())]
        self._selected = [item.data(_ID) for item in items if item.checkState() == Qt.CheckState.Checked]
        self.segmentSelectionChanged.emit(list(self._selected))

    # -- methods of the application's widget

    def currentNode(self) -> Any:
        """The segmentation."""
        return self._nodes.currentNode()

    def currentNodeID(self) -> str:
        """The ID of the segmentation."""
        return str(self._nodes.currentNodeID)

    def currentSegmentID(self) -> str:
        """The ID of the segment chosen, "" without one."""
        return self._segmentId

    def segmentIDs(self) -> list[str]:
        """The IDs of all segments."""
        return [segmentId for segmentId, _ in self._shown]

    def selectedSegmentIDs(self) -> list[str]:
        """The IDs of the checked segments, where several can be chosen."""
        return list(self._selected)

    @Slot(object)
    def setCurrentNode(self, node: Any) -> None:
        """Choose a segmentation."""
        requireKind(node, slicer.vtkMRMLNode, "setCurrentNode")
        self._nodes.setCurrentNode(node)

    @Slot(str)
    def setCurrentNodeID(self, nodeId: str) -> None:
        """Choose a segmentation by its ID."""
        self._nodes.setCurrentNodeID(nodeId)

    @Slot(str)
    def setCurrentSegmentID(self, segmentId: str) -> None:
        """Choose a segment by its ID."""
        if segmentId == self._segmentId or (segmentId and segmentId not in self.segmentIDs()):
            return
        self._segmentId = segmentId
        blocked = self._segments.blockSignals(True)
        self._segments.setCurrentIndex(self._segments.findData(segmentId, _ID))
        self._segments.blockSignals(blocked)
        self.currentSegmentChanged.emit(segmentId)

    @Slot("QStringList")
    def setSelectedSegmentIDs(self, segmentIds: list[str]) -> None:
        """Check segments, where several can be chosen."""
        wanted = [segmentId for segmentId in self.segmentIDs() if segmentId in segmentIds]
        if wanted != self._selected:
            self._selected = wanted
            self._fill()
            self.segmentSelectionChanged.emit(list(wanted))

    def _setHorizontal(self, horizontal: bool) -> None:
        direction = QBoxLayout.Direction.LeftToRight if horizontal else QBoxLayout.Direction.TopToBottom
        self._row.setDirection(direction)

    def _part(name: str) -> Property:
        return Property(bool, lambda self: getattr(self._nodes, name), lambda self, on: setattr(self._nodes, name, on))

    editEnabled = _part("editEnabled")
    selectNodeUponCreation = _part("selectNodeUponCreation")
    segmentationNodeSelectorVisible = Property(
        bool, lambda self: not self._nodes.isHidden(), lambda self, on: self._nodes.setVisible(on)
    )
    horizontalLayout = Property(
        bool,
        lambda self: self._row.direction() == QBoxLayout.Direction.LeftToRight,
        lambda self, on: self._setHorizontal(on),
    )
    del _part
