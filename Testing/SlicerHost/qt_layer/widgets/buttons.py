"""CTK buttons, check boxes, combo boxes, text and message boxes."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Property, QSettings, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QIcon, QPixmap, QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QColorDialog,
    QComboBox,
    QMessageBox,
    QPushButton,
    QTextBrowser,
    QToolButton,
    QWidget,
)

from .delegation import field


class ctkPushButton(QPushButton):
    """A push button whose text and icon can be aligned."""

    buttonTextAlignment = field("int", "_buttonTextAlignment", lambda self: self.update())
    iconAlignment = field("int", "_iconAlignment", lambda self: self.update())
    elideMode = field("int", "_elideMode", lambda self: self.update())
    _buttonTextAlignment = (Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter).value
    _iconAlignment = (Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter).value
    _elideMode = Qt.TextElideMode.ElideNone.value


class ctkCheckablePushButton(ctkPushButton):
    """A push button with a check box in it."""

    checkBoxToggled = Signal(bool)
    SIGNATURES = {"checkStateChanged(Qt::CheckState)": "checkStateChanged"}
    checkStateChanged = Signal(int)
    indicatorAlignment = field("int", "_indicatorAlignment", lambda self: self.update())
    checkBoxControlsButton = field("bool", "_controlsButton")
    checkBoxControlsButtonToggleState = field("bool", "_controlsToggleState")
    checkBoxUserCheckable = field("bool", "_userCheckable")
    checkState = field("int", "_state", lambda self: self._stateChanged())
    _indicatorAlignment = (Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter).value
    _controlsButton, _controlsToggleState, _userCheckable, _state = True, False, True, 0

    def _stateChanged(self) -> None:
        if self._controlsButton and self._controlsToggleState:
            self.setCheckable(self._state != 0)
            self.setChecked(self._state != 0)
        self.checkBoxToggled.emit(self._state != 0)
        self.checkStateChanged.emit(self._state)


class ctkMenuButton(QPushButton):
    """A push button with a menu at its right end."""


class ctkExpandButton(QToolButton):
    """An arrow that mirrors when toggled."""

    mirrorOnExpand = field("bool", "_mirrorOnExpand")
    _mirrorOnExpand = False

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setArrowType(Qt.ArrowType.RightArrow)


class ctkColorPickerButton(QPushButton):
    """A button that shows a color and asks for another one."""

    colorChanged = Signal(QColor)
    colorNameChanged = Signal(str)
    ShowAlphaChannel, NoButtons, DontUseNativeDialog, UseCTKColorDialog = 0x1, 0x2, 0x4, 0xC
    dialogOptions = field("int", "_dialogOptions")

    def __init__(self, *args: Any) -> None:
        super().__init__(next((arg for arg in args if isinstance(arg, QWidget)), None))
        self._color = next((QColor(arg) for arg in args if isinstance(arg, QColor)), QColor(Qt.GlobalColor.black))
        self._colorName, self._displayName, self._dialogOptions = "", True, 0
        self.setText(next((arg for arg in args if isinstance(arg, str)), ""))
        self.setCheckable(True)
        self.clicked.connect(lambda _: self.changeColor())
        self._refresh()

    def _refresh(self) -> None:
        picture = QPixmap(QSize(16, 16))
        picture.fill(self._color)
        self.setIcon(QIcon(picture))
        if self._displayName:
            self.setText(self._color.name())

    @Slot(QColor)
    def setColor(self, color: QColor) -> None:
        """Set the color."""
        if color != self._color:
            self._color = QColor(color)
            self._refresh()
            self.colorChanged.emit(self._color)

    def _setName(self, name: str) -> None:
        self._colorName = name
        self.colorNameChanged.emit(name)

    @Slot(bool)
    def setDisplayColorName(self, display: bool) -> None:
        """Whether the text is the name of the color."""
        self._displayName = display
        self._refresh()

    @Slot()
    def changeColor(self) -> None:
        """Ask for a color."""
        self.setChecked(False)
        color = QColorDialog.getColor(self._color, self)
        if color.isValid():
            self.setColor(color)

    color = Property(QColor, lambda self: QColor(self._color), lambda self, color: self.setColor(color))
    colorName = Property("QString", lambda self: self._colorName, lambda self, name: self._setName(name))
    displayColorName = Property(bool, lambda self: self._displayName, lambda self, on: self.setDisplayColorName(on))


class ctkCheckBox(QCheckBox):
    """A check box whose indicator can be an icon."""

    indicatorIcon = field(QIcon, "_indicatorIcon", lambda self: self.update())
    indicatorIconSize = field(QSize, "_indicatorIconSize", lambda self: self.update())

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._indicatorIcon, self._indicatorIconSize = QIcon(), QSize(0, 0)


class ctkComboBox(QComboBox):
    """A combo box with a text for "nothing chosen"."""

    NeverScroll, AlwaysScroll, ScrollWithFocus, ScrollWithNoVScrollBar = 0, 1, 2, 3
    defaultText = field("QString", "_defaultText", lambda self: self.setPlaceholderText(self._defaultText))
    forceDefault = field("bool", "_forceDefault")
    elideMode = field("int", "_elideMode")
    scrollWheelEffect = field("int", "_scrollWheelEffect")
    _defaultText, _forceDefault, _elideMode, _scrollWheelEffect = "", False, Qt.TextElideMode.ElideNone.value, 1

    def _setUserData(self, text: str) -> None:
        self.setCurrentUserDataAsString(text)

    @Slot(str)
    def setCurrentUserDataAsString(self, text: str) -> None:
        """Choose the item whose data is this text."""
        self.setCurrentIndex(next((i for i in range(self.count()) if str(self.itemData(i)) == text), -1))

    currentUserDataAsString = Property("QString", lambda self: str(self.currentData() or ""), _setUserData)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll unless it is switched off."""
        if self._scrollWheelEffect == self.NeverScroll:
            event.ignore()
            return
        super().wheelEvent(event)


class ctkFittedTextBrowser(QTextBrowser):
    """A text as high as its contents."""

    disableMouseScroll = field("bool", "_disableMouseScroll")
    collapsed = field("bool", "_collapsed", lambda self: self._refresh())
    showDetailsText = field("QString", "_showDetailsText", lambda self: self._refresh())
    hideDetailsText = field("QString", "_hideDetailsText", lambda self: self._refresh())
    _disableMouseScroll, _collapsed = True, True
    _showDetailsText, _hideDetailsText = "Show details...", "Hide details."

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._details: tuple[str, str] | None = None
        self.anchorClicked.connect(self._clicked)
        self.textChanged.connect(self.updateGeometry)

    def _refresh(self) -> None:
        if self._details is None:
            return
        kind, text = self._details
        teaser, found, _ = text.partition("\n")
        shown = teaser if found and self._collapsed else text
        link = self._showDetailsText if self._collapsed else self._hideDetailsText
        anchor = f' <a href="#details">{link}</a>' if found else ""
        self.setHtml((shown if kind == "html" else shown.replace("\n", "<br>")) + anchor)

    def _clicked(self, url: Any) -> None:
        if url.toString() == "#details":
            self._collapsed = not self._collapsed
            self._refresh()

    @Slot(str)
    def setCollapsibleText(self, text: str) -> None:
        """A text of which only the first line shows at first."""
        self._details = ("html" if Qt.mightBeRichText(text) else "plain", text)
        self._refresh()

    @Slot(str)
    def setCollapsibleHtml(self, text: str) -> None:
        """As setCollapsibleText, for HTML."""
        self._details = ("html", text)
        self._refresh()

    @Slot(str)
    def setCollapsiblePlainText(self, text: str) -> None:
        """As setCollapsibleText, for plain text."""
        self._details = ("plain", text)
        self._refresh()

    def collapsibleText(self) -> str:
        """The whole text."""
        return self._details[1] if self._details else ""

    def sizeHint(self) -> QSize:
        """As high as the text at this width."""
        width = max(120, self.viewport().width())
        document = self.document().clone()
        document.setTextWidth(width)
        return QSize(width, round(document.size().height()) + 2 * self.frameWidth())

    def minimumSizeHint(self) -> QSize:
        """One line."""
        return QSize(50, self.fontMetrics().height() + 2 * self.frameWidth())


class ctkMessageBox(QMessageBox):
    """A message box that can be told not to show again."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._key = ""
        self._box = QCheckBox("Don't show this message again", self)

    def _setVisible(self, visible: bool) -> None:
        self.setCheckBox(self._box if visible else None)
        if not visible:
            self._box = QCheckBox("Don't show this message again", self)

    @Slot(bool)
    def setDontShowAgain(self, on: bool) -> None:
        """Remember not to show the box again."""
        self._box.setChecked(on)

    def _setKey(self, key: str) -> None:
        self._key = key
        if QSettings().contains(key):
            self._box.setChecked(int(QSettings().value(key)) != QMessageBox.StandardButton.NoButton.value)
        self._setVisible(True)

    dontShowAgain = Property(bool, lambda self: self._box.isChecked(), lambda self, on: self.setDontShowAgain(on))
    dontShowAgainVisible = Property(bool, lambda self: self.checkBox() is not None, lambda s, on: s._setVisible(on))
    dontShowAgainSettingsKey = Property("QString", lambda self: self._key, lambda self, key: self._setKey(key))

    def exec(self) -> int:
        """Show the box unless its answer is known."""
        if self._key and self._box.isChecked() and QSettings().contains(self._key):
            return int(QSettings().value(self._key))
        result = int(super().exec())
        if self._key and self._box.isChecked():
            QSettings().setValue(self._key, result)
        return result


class ctkSettings(QSettings):
    """Settings, as QSettings."""
