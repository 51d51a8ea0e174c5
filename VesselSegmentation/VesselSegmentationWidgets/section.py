"""What the sections of both modules' panels have in common: they read the parameter node and speak to the user."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from VesselSegmentationWidgets import dependencies, standby
from VesselSegmentationWidgets.job import Job


class Tone(enum.Enum):
    """How a message is meant; the value is its style sheet, readable in light and dark themes."""

    NEUTRAL = ""
    GOOD = "background-color: #d9f2df; color: #0b4a1b; border-radius: 3px; padding: 4px;"
    WARNING = "background-color: #fff0c7; color: #533f00; border-radius: 3px; padding: 4px;"
    BAD = "background-color: #ffd9d6; color: #6e0f0a; border-radius: 3px; padding: 4px;"


def showText(label: Any, text: str, tone: Tone = Tone.NEUTRAL) -> None:
    """Put a text into a label that is seen only while it has something to say."""
    label.text = text
    label.setStyleSheet(tone.value)
    label.visible = bool(text)


def explain(button: Any, problem: str, otherwise: str) -> None:
    """Enable a button when nothing stands in its way; its tool tip says what does."""
    button.enabled = not problem
    button.toolTip = problem or otherwise


def oneLine(error: BaseException) -> str:
    """An error's words without line breaks."""
    return " ".join(str(error).split())


class Section:
    """One collapsible section. It has no state of its own beside a running job."""

    prefix = ""
    """Begins the name of the section's message label in the .ui file."""

    def __init__(self, panel: Any) -> None:
        """panel: the module's widget, with ui, logic, parameters and refresh()."""
        self.panel, self.ui, self.logic = panel, panel.ui, panel.logic
        self._tips = {}
        self.connectWidgets()

    @property
    def parameters(self) -> Any:
        """The parameter node, or None while there is no scene to work on."""
        return self.panel.parameters

    def connectWidgets(self) -> None:
        """Connect the section's widgets. Called once."""

    def refresh(self) -> None:
        """Show what the parameter node and the scene say now. Called often, so it must be cheap."""

    def cleanup(self) -> None:
        """Let go of everything outside the panel."""

    @property
    def messageLabel(self) -> Any:
        """Where the section speaks."""
        return getattr(self.ui, f"{self.prefix}MessageLabel")

    def say(self, text: str, tone: Tone = Tone.NEUTRAL) -> None:
        """Tell the user something, beside the section's buttons and in the status bar."""
        showText(self.messageLabel, text, tone)
        if text:
            slicer.util.showStatusMessage(text, 5000)

    def tipOf(self, widget: Any) -> str:
        """A widget's tool tip as it is in the .ui file."""
        return str(self._tips.setdefault(widget.objectName, widget.toolTip))

    def attempt(self, action: Callable[[], Any]) -> bool:
        """Do something under a wait cursor that the user's input may make impossible; returns whether it was done."""
        if self.parameters is None:
            return False
        qt.QApplication.setOverrideCursor(qt.Qt.WaitCursor)
        try:
            return self.tell(action)
        finally:
            qt.QApplication.restoreOverrideCursor()

    def tell(self, action: Callable[[], Any]) -> bool:
        """Do something; what is wrong with the user's input is said once, in words. Returns whether it was done."""
        from VesselSegmentationLib.errors import UserError

        try:
            action()
        except (UserError, OSError) as error:
            self.say(oneLine(error), Tone.BAD)
            return False
        return True

    def bindPath(self, edit: Any, name: str) -> None:
        """Let a path widget write a text parameter. An empty path stays empty, which `pathlib.Path` cannot say."""

        def changed(path: str) -> None:
            if self.parameters is not None and getattr(self.parameters, name) != path:
                setattr(self.parameters, name, path)

        edit.connect("currentPathChanged(QString)", changed)

    def showPath(self, edit: Any, name: str) -> None:
        """Let a path widget show a text parameter."""
        path = getattr(self.parameters, name)
        if edit.currentPath != path:
            edit.setCurrentPath(path)


class JobSection(Section):
    """A section whose work is done by a child process, one at a time."""

    def __init__(self, panel: Any) -> None:
        self.job: Job | None = None
        self._inputs: tuple[str, ...] = ()
        super().__init__(panel)

    @property
    def progressBar(self) -> Any:
        """Shown while the job runs."""
        return getattr(self.ui, f"{self.prefix}ProgressBar")

    @property
    def running(self) -> bool:
        """Whether a job of this section is at work."""
        return self.job is not None

    def startJob(
        self, arguments: Callable[[Path], list[str]], accept: Callable[[Path, int], None], inputs: Sequence[Any] = ()
    ) -> None:
        """Start `vessel-registration` with arguments made for a folder; `accept` gets that folder and the exit code.

        inputs: the nodes that the job is about; it is stopped when one of them leaves the scene.
        """
        if self.running or not dependencies.ensureDependencies(lambda text: self.say(text, Tone.WARNING)):
            return
        job = Job(
            onProgress=lambda values: self.onProgress(values) if self.job is job else None,
            onFinished=lambda code: self._onEnd(job, lambda: accept(job.folder, code)),
            onFailed=lambda message: self._onEnd(job, lambda: self.say(message, Tone.BAD)),
            onCancelled=lambda: self._onEnd(job, self.onCancelled),
        )

        def start() -> None:
            job.arguments = arguments(job.folder)
            job.start()
            self.job, self._inputs = job, tuple(node.GetID() for node in inputs if node)
            self.say("")
            self.progressBar.value = 0
            self.progressBar.setFormat(_("Starting ..."))

        if not self.attempt(start):
            job.discard()
            self._prepareNext()
        self.panel.refresh()

    def cancel(self) -> None:
        """Ask the job to stop, as the user wants it: it may save its state first."""
        if self.job is not None:
            self.job.cancel()
            self.progressBar.setFormat(_("Stopping ..."))
            self.panel.refresh()

    def stop(self, why: str = "") -> None:
        """End the job at once; `why` is said."""
        if self.job is None:
            return
        job, self.job = self.job, None
        job.cancel(True)
        self._prepareNext()
        if why:
            self.say(why, Tone.WARNING)

    def stopWithoutInputs(self) -> None:
        """Stop a job that is about a node which is no longer there."""
        if self.running and any(slicer.mrmlScene.GetNodeByID(identifier) is None for identifier in self._inputs):
            self.stop(_("Stopped: something that the computation was about was removed from the scene."))

    def cleanup(self) -> None:
        self.stop()

    def onProgress(self, values: dict[str, Any]) -> None:
        """A report of the command."""
        self.progressBar.value = round(100 * float(values.get("progress", 0)))
        self.progressBar.setFormat(str(values.get("message", "")).replace("%", "%%") + " (%p %)")

    def onCancelled(self) -> None:
        """The job has ended because the user wanted it."""
        self.say(_("Cancelled; nothing was changed."), Tone.WARNING)

    def _onEnd(self, job: Job, action: Callable[[], Any]) -> None:
        if self.job is not job:
            return
        self.job = None
        self.attempt(action)
        self.panel.refresh()
        self._prepareNext()

    def _prepareNext(self) -> None:
        """The process that waited is used up; while the user is looking, another one waits."""
        if self.panel.parent.isEntered:
            standby.prepare()
