"""Step 2, C-arm: the view's values as clinicians write them, each with where it came from."""

from __future__ import annotations

from slicer.i18n import tr as _

from VesselRegistrationWidgets.live_update import GEOMETRY
from VesselRegistrationWidgets.step import Step, Tone, explain, showText


class CArmStep(Step):
    """Shows and resets the geometry; editing is bound to the parameter node, and the live update applies it."""

    number, title, prefix = 2, _("C-arm"), "cArm"

    def connectWidgets(self) -> None:
        self.ui.resetGeometryButton.connect("clicked()", self.reset)
        self.ui.confirmGeometryButton.connect("clicked()", self.confirm)

    def reset(self) -> None:
        """Take back what was entered."""
        if self.attempt(lambda: self.logic.resetGeometry(self.parameters)):
            self.say(_("The C-arm's values are those of the run again."))

    def confirm(self) -> None:
        """Take the numbers that are shown for what the run does not say."""
        if self.attempt(lambda: self.logic.confirmGeometry(self.parameters)):
            self.say(_("The values shown are used."))

    def refresh(self) -> None:
        parameters = self.parameters
        sources = self.logic.geometrySources(parameters) if parameters.xray else {}
        for name in GEOMETRY:
            source = sources.get(name)
            label = getattr(self.ui, f"{name}SourceLabel")
            label.text = source.text if source else ""
            label.toolTip = source.detail if source else _("Load an X-ray run first (step 1)")
            label.setStyleSheet(Tone.WARNING.value if source and source.missing else "")
        text = self.logic.angleText(parameters) if parameters.xray else ""
        self.ui.angleLabel.text = text or (_("Angles not known") if parameters.xray else _("No X-ray run"))
        self.summarize(text)
        problem = "" if parameters.xray else _("Load an X-ray run first (step 1)")
        explain(self.ui.resetGeometryButton, problem, _("Take back all values entered by hand"))
        self._showMissing()

    def missing(self) -> list[str]:
        """What people call the values that the run does not say."""
        return self.logic.missingGeometry(self.parameters) if self.parameters.xray else []

    def _showMissing(self) -> None:
        missing = self.missing()
        text = ""
        if missing:
            text = _("The run does not say: {names}. Enter what you know; nothing can be projected without it.").format(
                names=", ".join(missing)
            )
        showText(self.ui.missingLabel, text, Tone.WARNING)
        self.ui.confirmGeometryButton.visible = bool(missing)
