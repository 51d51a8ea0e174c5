"""Sequence widgets: play controls and the slider that seeks a frame; and what moves a playing sequence on."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6.QtCore import Property, QObject, Qt, QTimer, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QSlider, QStyle, QToolButton, QWidget

from ..binding.errors import guarded
from .base import ModifiedEvent, Observers, qMRMLWidget, requireKind


class SequencePlayer(QObject):
    """Lets the Sequences logic advance the browser nodes that play, as the module's timer does."""

    def __init__(self, scene: Any, applicationLogic: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._scene = scene
        self._applicationLogic = applicationLogic
        self._timer = QTimer(self)
        self._timer.timeout.connect(lambda: guarded(self._advance))
        self._timer.start(20)

    def _advance(self) -> None:
        logic = self._applicationLogic.GetModuleLogic("Sequences")
        if logic is None or self._scene.IsBatchProcessing():
            return
        browsers = self._scene.GetNumberOfNodesByClass("vtkMRMLSequenceBrowserNode")
        nodes = (self._scene.GetNthNodeByClass(index, "vtkMRMLSequenceBrowserNode") for index in range(browsers))
        if any(node.GetPlaybackActive() for node in nodes):
            logic.UpdateAllProxyNodes()


class _BrowserWidget(qMRMLWidget):
    """A widget that follows one sequence browser node."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._browser: Any = None
        self._browserObservers = Observers(self)

    @Slot(object)
    def setMRMLSequenceBrowserNode(self, node: Any) -> None:
        """Follow another browser node, None for none."""
        requireKind(node, slicer.vtkMRMLNode, "setMRMLSequenceBrowserNode")
        if node is not None and not node.IsA("vtkMRMLSequenceBrowserNode"):
            node = None
        if node is self._browser:
            return
        self._browserObservers.clear()
        self._browser = node
        if node is not None:
            self._browserObservers.add(node, ModifiedEvent, self._refresh)
        self._refresh()

    def _sceneSet(self) -> None:
        self._observersOfScene = Observers(self)
        if self._scene is not None:
            event = slicer.vtkMRMLScene.NodeRemovedEvent
            self._observersOfScene.add(self._scene, event, self._onNodeRemoved, wantsNode=True)

    def _onNodeRemoved(self, node: Any) -> None:
        if node is self._browser:
            self.setMRMLSequenceBrowserNode(None)

    def _refresh(self) -> None:
        """For derived widgets: show the state of the browser node."""


class qMRMLSequenceBrowserPlayWidget(_BrowserWidget):
    """First, previous, play, next, last, loop, speed and recording."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self._buttons: dict[str, QToolButton] = {}
        self._shortcuts: dict[str, QShortcut] = {}
        icons = QStyle.StandardPixmap
        for name, icon, tip, action in (
            ("First", icons.SP_MediaSkipBackward, "Move to the first item", self.onVcrFirst),
            ("Previous", icons.SP_MediaSeekBackward, "Move to the previous item", self.onVcrPrevious),
            ("PlayPause", icons.SP_MediaPlay, "Play or pause", None),
            ("Next", icons.SP_MediaSeekForward, "Move to the next item", self.onVcrNext),
            ("Last", icons.SP_MediaSkipForward, "Move to the last item", self.onVcrLast),
            ("Loop", icons.SP_BrowserReload, "Start again at the end", None),
            ("Record", icons.SP_DialogYesButton, "Record proxy nodes modifications", None),
            ("Snapshot", icons.SP_DialogSaveButton, "Record the proxy nodes once", self.onRecordSnapshot),
        ):
            button = QToolButton(self)
            button.setIcon(self.style().standardIcon(icon))
            button.setToolTip(tip)
            button.setObjectName(f"pushButton_{'' if name in ('Record', 'Snapshot') else 'Vcr'}{name}")
            self._buttons[name] = button
            row.addWidget(button)
            if action is not None:
                button.clicked.connect(lambda _, action=action: action())
        for name, slot in (("PlayPause", self.setPlaybackEnabled), ("Loop", self.setPlaybackLoopEnabled),
                           ("Record", self.setRecordingEnabled)):  # fmt: skip
            self._buttons[name].setCheckable(True)
            self._buttons[name].clicked.connect(slot)
        self._rate = QDoubleSpinBox(self)
        self._rate.setRange(0.1, 999.0)
        self._rate.setSuffix("fps")
        self._rate.setToolTip("Speed of playback")
        self._rate.valueChanged.connect(self.setPlaybackRateFps)
        row.addWidget(self._rate)
        self._refresh()

    def _refresh(self) -> None:
        node = self._browser
        self.setEnabled(node is not None and node.GetMasterSequenceNode() is not None)
        if node is None:
            return
        several = node.GetNumberOfItems() > 1
        for name in ("First", "Previous", "PlayPause", "Next", "Last", "Loop"):
            self._buttons[name].setEnabled(several)
        for name, state in (("PlayPause", node.GetPlaybackActive()), ("Loop", node.GetPlaybackLooped()),
                            ("Record", node.GetRecordingActive())):  # fmt: skip
            self._buttons[name].setChecked(bool(state))
        blocked = self._rate.blockSignals(True)
        self._rate.setValue(node.GetPlaybackRateFps())
        self._rate.blockSignals(blocked)

    def _tell(self, method: str, value: Any) -> None:
        if self._browser is not None:
            getattr(self._browser, method)(value)

    @Slot(bool)
    def setPlaybackEnabled(self, play: bool) -> None:
        """Play or pause."""
        self._tell("SetPlaybackActive", play)

    @Slot(bool)
    def setPlaybackLoopEnabled(self, loop: bool) -> None:
        """Start again at the end or stop there."""
        self._tell("SetPlaybackLooped", loop)

    @Slot(bool)
    def setRecordingEnabled(self, record: bool) -> None:
        """Record changes of the proxy nodes."""
        self._tell("SetRecordingActive", record)

    @Slot(float)
    def setPlaybackRateFps(self, rate: float) -> None:
        """Items per second."""
        self._tell("SetPlaybackRateFps", rate)

    @Slot()
    def onVcrFirst(self) -> None:
        """To the first item."""
        if self._browser is not None:
            self._browser.SelectFirstItem()

    @Slot()
    def onVcrPrevious(self) -> None:
        """One item back."""
        self._tell("SelectNextItem", -1)

    @Slot()
    def onVcrNext(self) -> None:
        """One item on."""
        self._tell("SelectNextItem", 1)

    @Slot()
    def onVcrLast(self) -> None:
        """To the last item."""
        if self._browser is not None:
            self._browser.SelectLastItem()

    @Slot()
    def onVcrPlayPause(self) -> None:
        """Play or pause, whatever is not now."""
        if self._browser is not None:
            self.setPlaybackEnabled(not self._browser.GetPlaybackActive())

    @Slot()
    def onRecordSnapshot(self) -> None:
        """Record the proxy nodes once."""
        if self._browser is not None:
            self._browser.SaveProxyNodesState()

    @Slot(bool)
    def setRecordingControlsVisible(self, show: bool) -> None:
        """Show the buttons for recording."""
        for name in ("Record", "Snapshot"):
            self._buttons[name].setVisible(show)

    def _setShortcut(self, name: str, keys: str) -> None:
        if name in self._shortcuts:
            self._shortcuts.pop(name).deleteLater()
        if keys:
            shortcut = QShortcut(QKeySequence(keys), self)
            action = {"PlayPause": self.onVcrPlayPause, "Previous": self.onVcrPrevious, "Next": self.onVcrNext}[name]
            shortcut.activated.connect(action)
            self._shortcuts[name] = shortcut

    def _shortcut(self, name: str) -> str:
        return self._shortcuts[name].key().toString() if name in self._shortcuts else ""

    @Slot(str)
    def setPlayPauseShortcut(self, keys: str) -> None:
        """The key that plays or pauses."""
        self._setShortcut("PlayPause", keys)

    @Slot(str)
    def setPreviousFrameShortcut(self, keys: str) -> None:
        """The key that goes back."""
        self._setShortcut("Previous", keys)

    @Slot(str)
    def setNextFrameShortcut(self, keys: str) -> None:
        """The key that goes on."""
        self._setShortcut("Next", keys)

    RecordingControlsVisible = Property(
        bool, lambda s: not s._buttons["Record"].isHidden(), lambda s, on: s.setRecordingControlsVisible(on)
    )
    PlayPauseShortcut = Property("QString", lambda s: s._shortcut("PlayPause"), lambda s, k: s.setPlayPauseShortcut(k))
    PreviousFrameShortcut = Property(
        "QString", lambda s: s._shortcut("Previous"), lambda s, k: s.setPreviousFrameShortcut(k)
    )
    NextFrameShortcut = Property("QString", lambda s: s._shortcut("Next"), lambda s, k: s.setNextFrameShortcut(k))


class qMRMLSequenceBrowserSeekWidget(_BrowserWidget):
    """A slider over the items of a sequence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._slider = QSlider(Qt.Orientation.Horizontal, self)
        self._slider.setObjectName("slider_IndexValue")
        self._label = QLabel(self)
        self._label.setMinimumWidth(60)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._slider, 1)
        row.addWidget(self._label)
        self._slider.valueChanged.connect(self.setSelectedItemNumber)
        self._refresh()

    def _refresh(self) -> None:
        node = self._browser
        count = node.GetNumberOfItems() if node is not None and node.GetMasterSequenceNode() is not None else 0
        self.setEnabled(count > 0)
        blocked = self._slider.blockSignals(True)
        self._slider.setRange(0, max(0, count - 1))
        if count:
            self._slider.setValue(node.GetSelectedItemNumber())
            self._label.setText(node.GetFormattedIndexValue(node.GetSelectedItemNumber()))
        else:
            self._label.setText("")
        self._slider.blockSignals(blocked)

    def slider(self) -> QSlider:
        """The slider."""
        return self._slider

    @Slot(int)
    def setSelectedItemNumber(self, number: int) -> None:
        """Show an item (from 0)."""
        if self._browser is not None and number != self._browser.GetSelectedItemNumber():
            self._browser.SetSelectedItemNumber(number)
