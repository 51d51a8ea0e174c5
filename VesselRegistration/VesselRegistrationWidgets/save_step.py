"""Step 7, Save: report, pictures, transform and scene into one folder."""

from __future__ import annotations

from pathlib import Path

from slicer.i18n import tr as _

from VesselRegistrationWidgets.step import Step, Tone, explain


class SaveStep(Step):
    """Saves the case."""

    number, title, prefix = 7, _("Save"), "save"

    def connectWidgets(self) -> None:
        self.ui.saveButton.connect("clicked()", self.save)
        self.ui.saveFolderLineEdit.connect("currentPathChanged(QString)", lambda _path: self.panel.live.schedule())

    def save(self) -> None:
        """Write everything into the folder that is chosen."""
        folder = Path(self.ui.saveFolderLineEdit.currentPath)
        saved: list[Path] = []
        if not self.attempt(lambda: saved.extend(self.logic.saveResults(self.parameters, folder)), True):
            return
        self.ui.saveFolderLineEdit.addCurrentPathToHistory()
        names = ", ".join(path.name for path in saved)
        self.say(_("Saved in {folder}: {names}").format(folder=folder, names=names), Tone.GOOD)

    def refresh(self) -> None:
        problem = ""
        if not self.parameters.xray and not self.parameters.model:
            problem = _("There is nothing to save yet: load a case first (step 1)")
        elif not self.ui.saveFolderLineEdit.currentPath.strip():
            problem = _("Choose a folder first")
        explain(self.ui.saveButton, problem, _("Save the report, its pictures, the transform and the scene"))
