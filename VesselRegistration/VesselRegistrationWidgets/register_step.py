"""Step 5, Register: the match, its numbers, its warnings, and an honest word when it was refused."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from VesselRegistrationWidgets.live_update import POSES
from VesselRegistrationWidgets.other_runs import OtherRuns
from VesselRegistrationWidgets.step import JobStep, Tone, explain, showText

if TYPE_CHECKING:
    from VesselRegistrationMRML.poses import RegistrationResult

REFUSED_EXIT_CODE = 1


class RegisterStep(JobStep):
    """Runs the registration of the frame shown, or of all frames, in a child process."""

    number, title, prefix = 5, _("Register"), "register"

    def connectWidgets(self) -> None:
        self.ui.registerButton.connect("clicked()", self.registerOrCancel)
        self.ui.registerAllButton.connect("clicked()", self.registerAll)
        self.ui.startHereButton.connect("clicked()", self.startHere)
        self._others = OtherRuns(self)
        self._asked: tuple[Any, ...] | None = None
        self._answer = ""
        self._done = ""

    def registerOrCancel(self) -> None:
        """Register the frame shown; while a registration runs, cancel it."""
        if self.running:
            self.cancelJob()
        else:
            self._register(False)

    def registerAll(self) -> None:
        """Register every frame of the run."""
        self._register(True)

    def startHere(self) -> None:
        """Begin the next registration where the model is now."""
        if self.attempt(lambda: self.logic.startHere(self.parameters)):
            self.say(_("Registering will start from here; earlier results were forgotten."))

    def _register(self, allFrames: bool) -> None:
        parameters = self.parameters
        problem = self.logic.registrationProblem(parameters)
        if problem:
            self.say(problem, Tone.BAD)
            return

        def arguments(folder: Path) -> list[str]:
            return self.logic.registrationArguments(self.parameters, folder, allFrames=allFrames)

        def accept(folder: Path) -> RegistrationResult | None:
            return self.logic.acceptRegistration(self.parameters, folder)

        self.start(arguments, accept, _("All frames done.") if allFrames else _("Registered."))

    def start(
        self,
        arguments: Callable[[Path], list[str]],
        accept: Callable[[Path], RegistrationResult | None],
        done: str,
        inputs: Sequence[Any] = (),
    ) -> None:
        """Register by a child process. accept: reads what it left; done: said when it has found a pose."""
        model, run = self.parameters.model, self.parameters.xray

        def end(folder: Path, code: int) -> None:
            if self.parameters.model is not model or self.parameters.xray is not run:
                self.say(
                    _("Another model or run was chosen meanwhile: nothing was changed. Register again."), Tone.WARNING
                )
                return
            result = accept(folder)
            self.say("")
            if code == REFUSED_EXIT_CODE or (result is not None and not result.registered):
                reason = result.reason if result is not None else _("see the single frames")
                self.panel.status(_("Not registered: {reason}").format(reason=reason), Tone.BAD)
            else:
                self.panel.status(done, Tone.GOOD)
                self._done = done

        self.startJob(arguments, end, [model, run, *inputs])
        self.refresh()

    def refresh(self) -> None:
        parameters = self.parameters
        problem = self._registrationProblem()
        explain(
            self.ui.registerButton,
            "" if self.running else problem,
            _("Stop the registration") if self.running else _("Lay the model on the vessels of the frame shown"),
        )
        self.ui.registerButton.text = _("Cancel") if self.running else _("Re&gister")
        problem = _("A registration is running") if self.running else problem
        explain(self.ui.startHereButton, problem, _("Begin from where the model is now; earlier results are forgotten"))
        if self.panel.result.browser() is None:
            problem = problem or _("There is one frame only; press Register")
        explain(self.ui.registerAllButton, problem, _("Register every frame of the run; takes some seconds per frame"))
        isAffine = parameters.method.value == "affine"
        for widget in (self.ui.improvementStepsLabel, self.ui.improvementStepsSpinBox):
            widget.visible = isAffine
        self.progressBar.visible = self.running
        self._others.refresh()
        self._showResult(self.logic.result(parameters))
        self._unsay()
        frames = self.logic.framesText(parameters)
        showText(self.ui.framesLabel, frames, Tone.WARNING if "NOT" in frames else Tone.NEUTRAL)

    def _unsay(self) -> None:
        """Take the status line's good word back where it does not hold: moved by hand, another frame, another run."""
        if self._done and not self.logic.isRegistered(self.parameters):
            if self.ui.statusLabel.text == self._done:
                self.panel.status("")
            self._done = ""

    def _registrationProblem(self) -> str:
        """Why nothing can be registered now, or "". Projecting the model takes some time: only after a change."""
        state = self.panel.live.seen("model", "xray", "frame", "geometry", "roi", "poseId", *POSES)
        if state != self._asked:
            self._asked, self._answer = state, self.logic.registrationProblem(self.parameters)
        return self._answer

    def _showResult(self, result: RegistrationResult | None) -> None:
        ui = self.ui
        if result is None:
            self.summarize()
            for label in (ui.outcomeLabel, ui.resultLabel, ui.warningsLabel):
                showText(label, "")
            return
        moved = result.registered and self.logic.isMovedByHand(self.parameters)
        if moved:
            words = _("Frame {frame}: registered, then moved by hand: how far off it is now is not known.")
            showText(ui.outcomeLabel, words.format(frame=result.frame + 1), Tone.WARNING)
            self.summarize(_("moved by hand"))
        elif result.registered:
            showText(ui.outcomeLabel, _("Frame {frame}: registered").format(frame=result.frame + 1), Tone.GOOD)
            self.summarize(_summary(result))
        else:
            words = _("Frame {frame}: NOT registered. {reason}").format(frame=result.frame + 1, reason=result.reason)
            words += "\n" + self._afterRefusal()
            showText(ui.outcomeLabel, words, Tone.BAD)
            self.summarize(_("not registered"))
        showText(ui.resultLabel, resultHtml(result) if result.dsc is not None and not moved else "")
        warnings = "\n".join(_("Warning: {text}").format(text=text) for text in result.warnings)
        showText(ui.warningsLabel, warnings, Tone.WARNING)

    def _afterRefusal(self) -> str:
        """Where the model is after a refusal: nothing was lost, and nothing is shown as if it were registered."""
        if self.logic.refusal(self.parameters):
            where = self.logic.poseOrigin(self.parameters)
            return _("The model stays where it was ({where}), its outline dashed.").format(where=where)
        return _("The model stays where it was moved by hand.")


def _summary(result: RegistrationResult) -> str:
    """The one number to see when the section is closed."""
    if result.expectedInPlaneMm is not None:
        return _("± {error:.1f} mm").format(error=result.expectedInPlaneMm)
    return _("DSC {dsc:.2f}").format(dsc=result.dsc) if result.dsc is not None else _("registered")


def resultHtml(result: RegistrationResult) -> str:
    """The numbers of a match as a small table."""
    rows = [
        (_("Expected error"), _expectedError(result)),
        (_("Along the beam"), _depthError(result)),
        (_("Solved together"), html.escape(", ".join(result.joint))),
        (_("Overlap"), _overlap(result)),
        (_("Shift"), _shift(result.shiftPx)),
        (_("Turn"), _turn(result.rotationDeg)),
        (_("Size"), _size(result)),
    ]
    text = "".join(f"<tr><td>{name}:&nbsp;</td><td>{value}</td></tr>" for name, value in rows if value)
    table = f"<table cellspacing='2'>{text}</table>"
    return table + (_affineHtml(result.affine) if result.method == "affine" else "")


def _expectedError(result: RegistrationResult) -> str:
    """What a clinician may rely on: how far off the model may be in the picture."""
    if result.expectedInPlaneMm is None or result.inPlaneBoundMm is None:
        return ""
    text = _("<b>{error:.1f} mm</b> in the picture (95 % within {bound:.1f} mm)")
    return text.format(error=result.expectedInPlaneMm, bound=result.inPlaneBoundMm)


def _depthError(result: RegistrationResult) -> str:
    if result.expectedDepthMm is None:
        return ""
    if len(result.joint) > 1:
        return _("may be {error:.1f} mm off").format(error=result.expectedDepthMm)
    return _("may be {error:.0f} mm off: one view hardly tells depth").format(error=result.expectedDepthMm)


def _overlap(result: RegistrationResult) -> str:
    values = [("DSC", result.dsc), (_("Precision"), result.precision), (_("Recall"), result.recall)]
    return " &nbsp; ".join(f"{name} <b>{value:.3f}</b>" for name, value in values if value is not None)


def _shift(shiftPx: tuple[float, float] | None) -> str:
    if shiftPx is None:
        return ""
    right, down = shiftPx
    across = _("{pixels:.1f} px right") if right >= 0 else _("{pixels:.1f} px left")
    along = _("{pixels:.1f} px down") if down >= 0 else _("{pixels:.1f} px up")
    return across.format(pixels=abs(right)) + ", " + along.format(pixels=abs(down))


def _turn(degrees: float | None) -> str:
    """Positive turns are counterclockwise to the eye."""
    if degrees is None:
        return ""
    text = _("{degrees:.1f}° counterclockwise") if degrees >= 0 else _("{degrees:.1f}° clockwise")
    return text.format(degrees=abs(degrees))


def _size(result: RegistrationResult) -> str:
    """Of an affine. A pose keeps sizes: what it does to the picture would read as if the model were stretched."""
    if result.scale is None or result.method == "pose":
        return ""
    text = _("× {scale:.3f}").format(scale=result.scale)
    if result.anisotropy is not None:
        text += _(", stretched × {stretch:.3f}").format(stretch=result.anisotropy)
    return text


def _affineHtml(affine: Any) -> str:
    if affine is None:
        return ""
    cell = "<td align='right'><code>&nbsp;{:.4f}</code></td>"
    rows = "".join("<tr>" + "".join(cell.format(value) for value in row) + "</tr>" for row in affine)
    return _("Affine, projection to frame, pixels:") + f"<table cellspacing='2'>{rows}</table>"
