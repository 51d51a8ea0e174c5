"""What the seven steps of the panel have in common: their part of the panel, and how they speak to the user."""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

if TYPE_CHECKING:
    from VesselRegistrationWidgets.main_widget import VesselRegistrationWidget


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


class Step:
    """One collapsible step. It has no state of its own: everything is read from the parameter node."""

    title = ""
    """What the step's header says after its number."""
    prefix = ""
    """Begins the names of the step's widgets in the .ui file."""
    number = 0

    def __init__(self, widget: VesselRegistrationWidget) -> None:
        self.widget = widget
        self.ui = widget.ui
        self.logic = widget.logic
        self._problem = ""
        self.connectWidgets()

    @property
    def parameters(self) -> Any:
        """The parameter node, or None while there is no scene to work on."""
        return self.widget.parameters

    def connectWidgets(self) -> None:
        """Connect the step's buttons. Called once."""

    def refresh(self) -> None:
        """Show what the parameter node and the scene say now. Called often, so it must be cheap."""

    def cleanup(self) -> None:
        """Let go of everything outside the panel."""

    def say(self, text: str, tone: Tone = Tone.NEUTRAL) -> None:
        """Tell the user something, beside the step's controls and in the status line."""
        showText(getattr(self.ui, f"{self.prefix}MessageLabel"), text, tone)
        self.widget.status(text, tone)

    def forget(self) -> None:
        """The scene was closed: what was said was about it."""
        self._problem = ""
        showText(getattr(self.ui, f"{self.prefix}MessageLabel"), "")

    def summarize(self, text: str = "") -> None:
        """Say in the step's header what it has come to, so that it can stay closed."""
        button = getattr(self.ui, f"{self.prefix}CollapsibleButton")
        heading = f"{self.number}. {self.title}"
        button.text = f"{heading}: {text}" if text else heading

    def attempt(self, action: Callable[[], Any], wait: bool = False) -> bool:
        """Do something that the user's input may make impossible; what is wrong is then said once, in words.

        wait: show the wait cursor meanwhile. Returns whether it was done.
        """
        from VesselSegmentationLib.errors import UserError

        if wait:
            qt.QApplication.setOverrideCursor(qt.Qt.WaitCursor)
        try:
            action()
        except (UserError, OSError) as error:
            self.say(oneLine(error), Tone.BAD)
            return False
        finally:
            if wait:
                qt.QApplication.restoreOverrideCursor()
            self.widget.live.flush(own=True)
        return True

    def quietly(self, action: Callable[[], Any]) -> None:
        """Let the logic follow a change; what is wrong with it stays beside the step until it is mended."""
        from VesselSegmentationLib.errors import UserError

        try:
            action()
            problem = ""
        except (UserError, OSError) as error:
            problem = oneLine(error)
        if problem != self._problem:
            self.say(problem, Tone.BAD if problem else Tone.NEUTRAL)
        self._problem = problem


class JobStep(Step):
    """A step whose work is done by a child process, one at a time."""

    def __init__(self, widget: VesselRegistrationWidget) -> None:
        self._job: Any = None
        self._inputs: tuple[str, ...] = ()
        super().__init__(widget)

    @property
    def progressBar(self) -> Any:
        """Shown while the job runs."""
        return getattr(self.ui, f"{self.prefix}ProgressBar")

    @property
    def running(self) -> bool:
        """Whether a job of this step is at work."""
        return self._job is not None

    def startJob(
        self,
        makeArguments: Callable[[Path], list[str]],
        accept: Callable[[Path, int], None],
        inputs: list[Any],
    ) -> None:
        """Start `vessel-registration` with arguments made for a folder; `accept` gets that folder and the exit code.

        inputs: the nodes that the job is about; it is stopped when one of them leaves the scene.
        """
        from VesselSegmentationWidgets.dependencies import ensureDependencies
        from VesselSegmentationWidgets.job import Job

        if self.running or not ensureDependencies(lambda text: self.say(text, Tone.WARNING)):
            return
        job = Job(
            onProgress=self._onProgress,
            onFinished=lambda code: self._onFinished(job, code, accept),
            onFailed=self._onFailed,
            onCancelled=self._onCancelled,
        )

        def start() -> None:
            job.arguments = makeArguments(job.folder)
            job.start()
            self._job, self._inputs = job, tuple(node.GetID() for node in inputs if node)
            self.say("")
            self.progressBar.format = _("Starting ...")
            self.progressBar.value = 0

        if not self.attempt(start):
            job.discard()

    def cancelJob(self, why: str = "") -> None:
        """Stop the job, if one runs; `why` is said instead of "cancelled"."""
        if self._job is None:
            return
        job, self._job = self._job, None
        job.cancel(True)
        self._show()
        self.say(why or _("Cancelled; nothing was changed."), Tone.WARNING)

    def stopWithoutInputs(self) -> None:
        """Stop a job that is about a node which is no longer there."""
        if self.running and any(slicer.mrmlScene.GetNodeByID(identifier) is None for identifier in self._inputs):
            self.cancelJob(_("Stopped: something that the computation was about was removed from the scene."))

    def cleanup(self) -> None:
        """Stop the job without a word."""
        if self._job is not None:
            job, self._job = self._job, None
            job.cancel(True)

    def _onProgress(self, values: dict[str, Any]) -> None:
        if self._job is None:
            return
        self.progressBar.value = round(100 * float(values.get("progress", 0)))
        self.progressBar.format = str(values.get("message", "")) + " (%p %)"

    def _onFinished(self, job: Any, code: int, accept: Callable[[Path, int], None]) -> None:
        if self._job is not job:
            return
        self._job = None
        self.attempt(lambda: accept(job.folder, code))

    def _onFailed(self, message: str) -> None:
        if self._job is not None:
            self._job = None
            self._show()
            self.say(message, Tone.BAD)

    def _onCancelled(self) -> None:
        if self._job is not None:
            self._job = None
            self._show()
            self.say(_("Cancelled; nothing was changed."), Tone.WARNING)

    def _show(self) -> None:
        if self.parameters is not None:
            self.refresh()


def oneLine(error: BaseException) -> str:
    """An error's words without line breaks."""
    return " ".join(str(error).split())
