"""Table views."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6.QtCore import QAbstractTableModel, Qt, Signal, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QTableView, QVBoxLayout, QWidget

from ..mrml.base import ModifiedEvent, Observers, qMRMLWidget, requireKind
from ..widgets.delegation import field
from .controllers import qMRMLViewControllerBar


class qMRMLTableModel(QAbstractTableModel):
    """The cells of a table node."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._table: Any = None
        self._transposed = False
        self._observers = Observers(self)

    def _use(self, node: Any) -> None:
        self.beginResetModel()
        self._observers.clear()
        self._table = node
        if node is not None:
            self._observers.add(node, ModifiedEvent, self._changed)
        self.endResetModel()

    def _changed(self) -> None:
        self.beginResetModel()
        self.endResetModel()

    def mrmlTableNode(self) -> Any:
        """The table node."""
        return self._table

    def rowCount(self, parent: Any = None) -> int:
        """Rows of the table."""
        if self._table is None:
            return 0
        return self._table.GetNumberOfColumns() if self._transposed else self._table.GetNumberOfRows()

    def columnCount(self, parent: Any = None) -> int:
        """Columns of the table."""
        if self._table is None:
            return 0
        return self._table.GetNumberOfRows() if self._transposed else self._table.GetNumberOfColumns()

    def _place(self, index: Any) -> tuple[int, int]:
        place = (index.row(), index.column())
        return place[::-1] if self._transposed else place

    def data(self, index: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The text of a cell."""
        if self._table is None or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return None
        return self._table.GetCellText(*self._place(index))

    def setData(self, index: Any, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Write the text of a cell."""
        if self._table is None or self._table.GetLocked():
            return False
        return bool(self._table.SetCellText(*self._place(index), str(value)))

    def flags(self, index: Any) -> Any:
        """Cells can be edited unless the node is locked."""
        flags = super().flags(index)
        if self._table is not None and not self._table.GetLocked():
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Column names or row numbers."""
        if role != Qt.ItemDataRole.DisplayRole or self._table is None:
            return None
        names = (orientation == Qt.Orientation.Horizontal) != self._transposed
        if names and self._table.GetUseColumnTitleAsColumnHeader():
            return self._table.GetColumnTitle(self._table.GetColumnName(section)) or self._table.GetColumnName(section)
        return self._table.GetColumnName(section) if names else str(section + 1)


class qMRMLTableView(QTableView):
    """Shows a table node."""

    SIGNATURES = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}
    mrmlSceneChanged = Signal(object)
    transposed = field("bool", "_transposed", lambda self: self._transpose())
    firstRowLocked = field("bool", "_firstRowLocked")
    firstColumnLocked = field("bool", "_firstColumnLocked")
    _transposed, _firstRowLocked, _firstColumnLocked = False, False, False

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._viewNode: Any = None
        self._tableModel = qMRMLTableModel(self)
        self.setModel(self._tableModel)
        self._viewObservers = Observers(self)

    def _transpose(self) -> None:
        self._tableModel._transposed = self._transposed
        self._tableModel._changed()

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

    def mrmlTableNode(self) -> Any:
        """The table node shown."""
        return self._tableModel.mrmlTableNode()

    def mrmlTableViewNode(self) -> Any:
        """The view node."""
        return self._viewNode

    def tableModel(self) -> qMRMLTableModel:
        """The Qt model of the cells."""
        return self._tableModel

    @Slot(object)
    def setMRMLTableNode(self, node: Any) -> None:
        """Show a table node, None for none."""
        requireKind(node, slicer.vtkMRMLNode, "setMRMLTableNode")
        self._tableModel._use(node if node is not None and node.IsA("vtkMRMLTableNode") else None)

    @Slot(object)
    def setMRMLTableViewNode(self, node: Any) -> None:
        """Follow a view node."""
        requireKind(node, slicer.vtkMRMLTableViewNode, "setMRMLTableViewNode")
        self._viewObservers.clear()
        self._viewNode = node
        if node is not None:
            self._viewObservers.add(node, ModifiedEvent, self._follow)
            self._follow()

    def _follow(self) -> None:
        node = self._viewNode.GetTableNode()
        if node is not self.mrmlTableNode():
            self.setMRMLTableNode(node)

    @Slot()
    def copySelection(self) -> None:
        """Put the selected cells on the clipboard, tabs between columns."""
        rows: dict[int, list[str]] = {}
        for index in sorted(self.selectedIndexes(), key=lambda index: (index.row(), index.column())):
            rows.setdefault(index.row(), []).append(str(index.data() or ""))
        QApplication.clipboard().setText("\n".join("\t".join(cells) for cells in rows.values()))

    @Slot()
    def insertRow(self) -> None:
        """Append an empty row."""
        self.mrmlTableNode().AddEmptyRow()

    @Slot()
    def insertColumn(self) -> None:
        """Append an empty column."""
        self.mrmlTableNode().AddColumn(vtk.vtkStringArray())

    @Slot()
    def deleteRow(self) -> None:
        """Remove the selected rows."""
        for row in sorted({index.row() for index in self.selectedIndexes()}, reverse=True):
            self.mrmlTableNode().RemoveRow(row)

    @Slot()
    def deleteColumn(self) -> None:
        """Remove the selected columns."""
        for column in sorted({index.column() for index in self.selectedIndexes()}, reverse=True):
            self.mrmlTableNode().RemoveColumn(column)


class qMRMLTableWidget(qMRMLWidget):
    """A table view with its bar."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = qMRMLViewControllerBar(self)
        self._view = qMRMLTableView(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._controller)
        column.addWidget(self._view, 1)

    def _start(self, node: Any, applicationLogic: Any) -> None:
        self.setMRMLScene(node.GetScene())
        self._view.setMRMLScene(node.GetScene())
        self.setMRMLTableViewNode(node)
        self._controller._label.setText(node.GetLayoutLabel() or node.GetName())
        self._controller._setColor(QColor.fromRgbF(*node.GetLayoutColor()))

    def _stop(self) -> None:
        self._view._viewObservers.clear()
        self._view._tableModel._use(None)

    def tableView(self) -> qMRMLTableView:
        """The view."""
        return self._view

    def viewWidget(self) -> QWidget:
        """The view."""
        return self._view

    def tableController(self) -> QWidget:
        """The bar."""
        return self._controller

    def controllerWidget(self) -> QWidget:
        """The bar."""
        return self._controller

    def mrmlTableViewNode(self) -> Any:
        """The view node."""
        return self._view.mrmlTableViewNode()

    def mrmlAbstractViewNode(self) -> Any:
        """The view node."""
        return self._view.mrmlTableViewNode()

    @Slot(object)
    def setMRMLTableViewNode(self, node: Any) -> None:
        """Follow a view node."""
        self._view.setMRMLTableViewNode(node)
