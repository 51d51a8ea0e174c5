"""What the seven steps of the panel have in common: numbered sections that follow the scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from VesselSegmentationWidgets.section import JobSection, Section, Tone, explain, oneLine, showText

if TYPE_CHECKING:
    from VesselRegistrationWidgets.main_widget import VesselRegistrationWidget

__all__ = ["JobStep", "Step", "Tone", "explain", "showText"]


class Step(Section):
    """One collapsible step. It has no state of its own: everything is read from the parameter node."""

    title = ""
    """What the step's header says after its number."""
    number = 0

    def __init__(self, panel: VesselRegistrationWidget) -> None:
        self._problem = ""
        super().__init__(panel)

    def say(self, text: str, tone: Tone = Tone.NEUTRAL) -> None:
        """Tell the user something once: beside the step's controls, or in the status line while the step is closed."""
        super().say(text, tone)
        isClosed = getattr(self.ui, f"{self.prefix}CollapsibleButton").collapsed
        self.panel.status(text if isClosed else "", tone)

    def forget(self) -> None:
        """The scene was closed: what was said was about it."""
        self._problem = ""
        showText(self.messageLabel, "")

    def summarize(self, text: str = "") -> None:
        """Say in the step's header what it has come to, so that it can stay closed."""
        button = getattr(self.ui, f"{self.prefix}CollapsibleButton")
        heading = f"{self.number}. {self.title}"
        button.text = f"{heading}: {text}" if text else heading

    def attempt(self, action: Callable[[], Any], wait: bool = False) -> bool:
        """Do something that the user's input may make impossible; what is wrong is then said once, in words.

        wait: show the wait cursor meanwhile. Returns whether it was done.
        """
        if wait:
            qt.QApplication.setOverrideCursor(qt.Qt.WaitCursor)
        try:
            return self.tell(action)
        finally:
            if wait:
                qt.QApplication.restoreOverrideCursor()
            self.panel.live.flush(own=True)

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


class JobStep(Step, JobSection):
    """A step whose work is done by a child process, one at a time."""

    def cancelJob(self) -> None:
        """End the job at once; there is nothing of it to keep."""
        self.stop(_("Cancelled; nothing was changed."))
        self.panel.refresh()
