"""CTK widgets for files and folders."""

from __future__ import annotations

import enum
import re
from pathlib import Path
from typing import Any

from PySide6.QtCore import Property, QSettings, Signal, Slot
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QToolButton, QWidget

from .delegation import field


class ctkPathLineEdit(QWidget):
    """A path to type or to browse for, with a history."""

    class Filter(enum.IntFlag):
        """What kind of path is meant."""

        Dirs = 0x001
        Files = 0x002
        Drives = 0x004
        NoSymLinks = 0x008
        AllEntries = Dirs | Files | Drives
        TypeMask = 0x00F
        Readable = 0x010
        Writable = 0x020
        Executable = 0x040
        PermissionMask = 0x070
        Modified = 0x080
        Hidden = 0x100
        System = 0x200
        AccessMask = 0x3F0
        AllDirs = 0x400
        CaseSensitive = 0x800
        NoDot = 0x2000
        NoDotDot = 0x4000
        NoDotAndDotDot = 0x6000
        NoFilter = -1

    class Option(enum.IntFlag):
        """Options of the file dialog."""

        ShowDirsOnly = 0x1
        DontResolveSymlinks = 0x2
        DontConfirmOverwrite = 0x4
        DontUseNativeDialog = 0x10
        ReadOnly = 0x20
        HideNameFilterDetails = 0x40

    class SizeAdjustPolicy(enum.IntEnum):
        """How wide the widget wants to be."""

        AdjustToContents = 0
        AdjustToContentsOnFirstShow = 1
        AdjustToMinimumContentsLength = 2

    currentPathChanged = Signal(str)
    validInputChanged = Signal(bool)
    label = field("QString", "_label")
    nameFilters = field("QStringList", "_nameFilters")
    filters = field("int", "_filters")
    options = field("int", "_options")
    settingKey = field("QString", "_settingKey", lambda self: self.retrieveHistory())
    sizeAdjustPolicy = field("int", "_sizeAdjustPolicy")
    minimumContentsLength = field("int", "_minimumContentsLength")

    def __init__(self, *args: Any) -> None:
        super().__init__(next((arg for arg in args if isinstance(arg, QWidget)), None))
        self._label = args[0] if args and isinstance(args[0], str) else ""
        self._nameFilters: list[str] = list(args[1]) if len(args) > 1 and isinstance(args[1], (list, tuple)) else []
        self._filters = int(self.Filter.AllEntries | self.Filter.NoDotAndDotDot | self.Filter.Readable)
        self._options, self._settingKey, self._sizeAdjustPolicy, self._minimumContentsLength = 0, "", 1, 0
        self._valid = False
        self._combo = QComboBox(self)
        self._combo.setEditable(True)
        self._combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self._combo.setMinimumContentsLength(12)
        self._combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._browse = QToolButton(self)
        self._browse.setText("...")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._combo, 1)
        row.addWidget(self._browse)
        self.setFocusProxy(self._combo)
        self._browse.clicked.connect(lambda _: self.browse())
        self._combo.editTextChanged.connect(self._edited)

    def _edited(self, text: str) -> None:
        valid = self._fits(text)
        if valid:
            self.currentPathChanged.emit(text)
        if valid != self._valid:
            self._valid = valid
            self.validInputChanged.emit(valid)

    def _fits(self, text: str) -> bool:
        """As in CTK: with extensions among the name filters only paths that end in one are told; `*` is none."""
        names = " ".join(self._nameFilters)
        endings = re.findall(r"\*\.(\w+)", names)
        return bool(text) and (not endings or any(re.fullmatch(rf".*\.{ending}?", text) for ending in endings))

    def _setBrowseVisible(self, visible: bool) -> None:
        self._browse.setVisible(visible)

    currentPath = Property("QString", lambda s: s._combo.currentText(), lambda s, path: s.setCurrentPath(path))
    showBrowseButton = Property(bool, lambda s: not s._browse.isHidden(), lambda s, on: s._setBrowseVisible(on))
    showHistoryButton = field("bool", "_showHistoryButton")
    _showHistoryButton = True

    def comboBox(self) -> QComboBox:
        """The text field with the history."""
        return self._combo

    @Slot(str)
    def setCurrentPath(self, path: str) -> None:
        """Set the path."""
        self._combo.setEditText(path)

    @Slot()
    def browse(self) -> None:
        """Ask for a path."""
        title, start = self._label or self.toolTip() or "Select a path", self._combo.currentText()
        filters = ";;".join(self._nameFilters)
        if not self._filters & self.Filter.Files:
            path = QFileDialog.getExistingDirectory(self, title, start)
        elif self._filters & self.Filter.Writable:
            path = QFileDialog.getSaveFileName(self, title, start, filters)[0]
        else:
            path = QFileDialog.getOpenFileName(self, title, start, filters)[0]
        if path:
            self.setCurrentPath(path)

    @Slot()
    def retrieveHistory(self) -> None:
        """Fill the history from the settings."""
        stored = QSettings().value(self._key(), [])
        history = [stored] if isinstance(stored, str) else list(stored or [])
        text = self._combo.currentText()
        blocked = self._combo.blockSignals(True)
        self._combo.clear()
        self._combo.addItems(history)
        self._combo.blockSignals(blocked)
        self._combo.setEditText(text or (history[0] if history else ""))

    @Slot()
    def addCurrentPathToHistory(self) -> None:
        """Put the path on top of the history and into the settings."""
        path = self._combo.currentText()
        if not path:
            return
        known = [self._combo.itemText(index) for index in range(self._combo.count())]
        QSettings().setValue(self._key(), [path, *(entry for entry in known if entry != path)][:10])
        self.retrieveHistory()

    def _key(self) -> str:
        return "ctkPathLineEdit/" + (self._settingKey or "shared")


class ctkDirectoryButton(QWidget):
    """A button that shows a folder and asks for another one."""

    directoryChanged = Signal(str)
    directorySelected = Signal(str)
    caption = field("QString", "_caption")
    acceptMode = field("int", "_acceptMode")
    options = field("int", "_options")

    def __init__(self, *args: Any) -> None:
        super().__init__(next((arg for arg in args if isinstance(arg, QWidget)), None))
        self._caption, self._acceptMode, self._options, self._text = "", 0, 0, ""
        self._directory = args[0] if args and isinstance(args[0], str) else str(Path.cwd())
        self._button = QPushButton(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._button)
        self._button.clicked.connect(lambda _: self.browse())
        self._refresh()

    def _refresh(self) -> None:
        self._button.setText(self._text or self._directory)

    def _setDirectory(self, path: str) -> None:
        if path != self._directory:
            self._directory = path
            self._refresh()
            self.directoryChanged.emit(path)

    def _setText(self, text: str) -> None:
        self._text = text
        self._refresh()

    directory = Property("QString", lambda self: self._directory, lambda self, path: self._setDirectory(path))
    text = Property("QString", lambda self: self._button.text(), lambda self, text: self._setText(text))

    @Slot(result=str)
    def browse(self) -> str:
        """Ask for a folder."""
        path = QFileDialog.getExistingDirectory(self, self._caption or "Select folder", self._directory)
        if path:
            self._setDirectory(path)
            self.directorySelected.emit(path)
        return path


class ctkSearchBox(QLineEdit):
    """A line to type a search term."""

    showSearchIcon = field("bool", "_showSearchIcon")
    _showSearchIcon = False

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText("Search...")
        self.setClearButtonEnabled(True)
