"""CTK widgets that fold away their contents."""

from __future__ import annotations

from typing import Any

import shiboken6
from PySide6.QtCore import Property, QEvent, QObject, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QGroupBox, QSizePolicy, QStyle, QStyleOptionButton, QWidget

from .delegation import field

_UNLIMITED = 16777215


def _identity(child: QObject) -> int:
    """Which object it is: Python's wrappers of it come and go, and with them their id()."""
    return int(shiboken6.getCppPointer(child)[0])


class _Folding:
    """Hides and shows the child widgets, and remembers which of them were hidden anyway."""

    def __init__(self, owner: QWidget) -> None:
        self.owner = owner
        self.folded = False
        self._shown: set[int] = set()
        self._working = False

    def children(self) -> list[QWidget]:
        """The child widgets, windows left out."""
        return [child for child in self.owner.children() if isinstance(child, QWidget) and not child.isWindow()]

    def fold(self, fold: bool) -> None:
        """Hide the children, or show those again that were shown."""
        self._working = True
        if fold:
            self._shown = {_identity(child) for child in self.children() if not child.isHidden()}
        self.folded = fold
        for child in self.children():
            child.setVisible(not fold and _identity(child) in self._shown)
        self._working = False

    def childChanged(self, child: QObject, event: QEvent) -> None:
        """While folded: a child that is shown stays away until the contents are unfolded."""
        if self._working or not self.folded or not isinstance(child, QWidget):
            return
        if event.type() == QEvent.Type.ShowToParent:
            self._shown.add(_identity(child))
            self._working = True
            child.setVisible(False)
            self._working = False
        elif event.type() == QEvent.Type.HideToParent:
            self._shown.discard(_identity(child))

    def childAdded(self, child: QObject) -> None:
        """Watch a new child; while folded it waits."""
        if isinstance(child, QWidget):
            child.installEventFilter(self.owner)
            if self.folded and not child.isWindow():
                self._shown.add(_identity(child))
                self._working = True
                child.setVisible(False)
                self._working = False


class ctkCollapsibleButton(QAbstractButton):
    """A section with a title to click on; checked means open."""

    contentsCollapsed = Signal(bool)
    flat = field("bool", "_flat", lambda self: self.update())
    collapsedHeight = field("int", "_collapsedHeight", lambda self: self._adjust())
    contentsLineWidth = field("int", "_contentsLineWidth", lambda self: self.update())
    contentsMidLineWidth = field("int", "_contentsMidLineWidth", lambda self: self.update())
    contentsFrameShape = field("int", "_contentsFrameShape", lambda self: self.update())
    contentsFrameShadow = field("int", "_contentsFrameShadow", lambda self: self.update())
    buttonTextAlignment = field("int", "_buttonTextAlignment", lambda self: self.update())
    indicatorAlignment = field("int", "_indicatorAlignment", lambda self: self.update())

    def __init__(self, *args: Any) -> None:
        super().__init__(next((arg for arg in args if isinstance(arg, QWidget)), None))
        self._flat, self._collapsedHeight, self._contentsLineWidth, self._contentsMidLineWidth = False, 0, 1, 0
        self._contentsFrameShape = QFrame.Shape.NoFrame.value
        self._contentsFrameShadow = QFrame.Shadow.Plain.value
        self._buttonTextAlignment = (Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter).value
        self._indicatorAlignment = (Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter).value
        self._folding = _Folding(self)
        self.setText(args[0] if args and isinstance(args[0], str) else "")
        self.setCheckable(True)
        self.setChecked(True)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Preferred)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._adjust()
        self.toggled.connect(lambda checked: self._collapse(not checked))

    def _setCollapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    collapsed = Property(bool, lambda self: self._folding.folded, lambda self, on: self._setCollapsed(on))

    def _headerHeight(self) -> int:
        return max(20, self.fontMetrics().height() + 8)

    def _adjust(self) -> None:
        self.setContentsMargins(0, self._headerHeight(), 0, 0)

    def _collapse(self, collapsed: bool) -> None:
        if collapsed == self._folding.folded:
            return
        self._folding.fold(collapsed)
        self.setMaximumHeight(self._headerHeight() + self._collapsedHeight if collapsed else _UNLIMITED)
        self.updateGeometry()
        self.update()
        self.contentsCollapsed.emit(collapsed)

    def sizeHint(self) -> QSize:
        """The title, and what is below unless collapsed."""
        header = QSize(self.fontMetrics().horizontalAdvance(self.text()) + 40, self._headerHeight())
        if self._folding.folded:
            return header + QSize(0, self._collapsedHeight)
        if self.layout() is None:
            return header
        return header.expandedTo(self.layout().totalSizeHint())

    def minimumSizeHint(self) -> QSize:
        """The title, and the least that the contents need unless collapsed."""
        header = QSize(self.fontMetrics().horizontalAdvance(self.text()) + 40, self._headerHeight())
        if self._folding.folded or self.layout() is None:
            return header
        return header.expandedTo(self.layout().totalMinimumSize())

    def hitButton(self, position: QPoint) -> bool:
        """Only the title is a button."""
        return QRect(0, 0, self.width(), self._headerHeight()).contains(position)

    def childEvent(self, event: Any) -> None:
        """Widgets added while collapsed stay hidden."""
        if event.added():
            self._folding.childAdded(event.child())
        super().childEvent(event)

    def eventFilter(self, child: QObject, event: QEvent) -> bool:
        """Watch the children being shown and hidden."""
        self._folding.childChanged(child, event)
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        """A button-like title with an arrow, and the frame of the contents."""
        painter = QPainter(self)
        header = QRect(0, 0, self.width(), self._headerHeight())
        option = QStyleOptionButton()
        option.initFrom(self)
        option.rect = header
        if self.isDown():
            option.state |= QStyle.StateFlag.State_Sunken
        if not self._flat:
            self.style().drawControl(QStyle.ControlElement.CE_PushButtonBevel, option, painter, self)
        arrow = QStyle.PrimitiveElement.PE_IndicatorArrowRight
        if not self._folding.folded:
            arrow = QStyle.PrimitiveElement.PE_IndicatorArrowDown
        option.rect = QRect(6, (header.height() - 12) // 2, 12, 12)
        self.style().drawPrimitive(arrow, option, painter, self)
        flags = self._buttonTextAlignment | Qt.TextFlag.TextShowMnemonic.value
        self.style().drawItemText(
            painter,
            header.adjusted(24, 0, -6, 0),
            flags,
            self.palette(),
            self.isEnabled(),
            self.text(),
            self.foregroundRole(),
        )
        if self._contentsFrameShape != QFrame.Shape.NoFrame.value and not self._folding.folded:
            painter.setPen(self.palette().mid().color())
            painter.drawRect(QRect(0, header.height(), self.width() - 1, self.height() - header.height() - 1))


class ctkCollapsibleGroupBox(QGroupBox):
    """A group box that folds when unchecked."""

    collapsedHeight = field("int", "_collapsedHeight")

    def __init__(self, *args: Any) -> None:
        super().__init__(next((arg for arg in args if isinstance(arg, QWidget)), None))
        self._collapsedHeight = 14
        self._folding = _Folding(self)
        self.setTitle(args[0] if args and isinstance(args[0], str) else "")
        self.setCheckable(True)
        self.setChecked(True)
        self.toggled.connect(self._expand)

    def _expand(self, expand: bool) -> None:
        self._folding.fold(not expand)
        self.setMaximumHeight(_UNLIMITED if expand else self._collapsedHeight + self.fontMetrics().height())
        self.updateGeometry()

    collapsed = Property(bool, lambda self: not self.isChecked(), lambda self, on: self.setChecked(not on))

    def childEvent(self, event: Any) -> None:
        """Widgets added while collapsed stay hidden."""
        if event.added():
            self._folding.childAdded(event.child())
        super().childEvent(event)

    def eventFilter(self, child: QObject, event: QEvent) -> bool:
        """Watch the children being shown and hidden."""
        self._folding.childChanged(child, event)
        return False
