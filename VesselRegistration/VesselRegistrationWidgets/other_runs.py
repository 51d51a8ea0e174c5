"""Part of step 5: the poses of several runs of one patient, carried from one to the other or solved together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from VesselRegistrationWidgets.step import Tone, explain, showText

if TYPE_CHECKING:
    from VesselRegistrationWidgets.register_step import RegisterStep


class OtherRuns:
    """The choice of another run and what can be done with it. Speaks through the step that it is part of."""

    def __init__(self, step: RegisterStep) -> None:
        self.step, self.ui, self.logic = step, step.ui, step.logic
        self._ids: list[str] = []
        self._asked: tuple[Any, ...] | None = None
        self._problems = ("", "")
        self.ui.carryOverButton.connect("clicked()", self.carryOver)
        self.ui.registerTogetherButton.connect("clicked()", self.registerTogether)
        self.ui.otherRunComboBox.connect("currentIndexChanged(int)", lambda _index: self.step.panel.live.schedule())

    def chosen(self) -> Any:
        """The other run's volume, or None."""
        index = self.ui.otherRunComboBox.currentIndex
        return slicer.mrmlScene.GetNodeByID(self._ids[index]) if 0 <= index < len(self._ids) else None

    def carryOver(self) -> None:
        """Show the model where the other run has it."""
        other, said = self.chosen(), []
        if self.step.attempt(lambda: said.append(self.logic.carryOver(self.step.parameters, other))):
            self.step.say(said[0])

    def registerTogether(self) -> None:
        """One pose from the frames shown of both runs."""
        parameters, other = self.step.parameters, self.chosen()
        problem = self.logic.togetherProblem(parameters, other)
        if problem:
            self.step.say(problem, Tone.BAD)
            return

        def arguments(folder: Path) -> list[str]:
            return self.logic.togetherArguments(parameters, folder, other)

        def accept(folder: Path) -> Any:
            return self.logic.acceptTogether(self.step.parameters, folder, other)

        self.step.start(arguments, accept, _("Registered."), [other])

    def refresh(self) -> None:
        """Show which other runs there are and what stands in the way of using them."""
        parameters, ui = self.step.parameters, self.ui
        others = self.logic.otherRuns(parameters)
        ui.otherRunsGroupBox.visible = bool(others) and parameters.xray is not None
        self._list(others)
        other = self.chosen()
        if other is None or parameters.xray is None:
            showText(ui.otherRunLabel, "")
            return
        carry, together = self._problemsWith(parameters, other)
        busy = _("A registration is running") if self.step.running else ""
        explain(ui.carryOverButton, busy or carry, _("Show the model where the other run has it, moved with the table"))
        tip = _("One pose from the frames shown of both runs, which tells depth too; vessels are found by the network")
        explain(ui.registerTogetherButton, busy or together, tip)
        showText(ui.otherRunLabel, together, Tone.WARNING)

    def _problemsWith(self, parameters: Any, other: Any) -> tuple[str, str]:
        """Why its pose cannot be carried, and why the two cannot be registered together; worked out after a change."""
        from VesselSegmentationMRML.run_nodes import shownFrame

        nodes = (other, *(other.GetNodeReference(role) for role in _ROLES))
        state = (
            *self.step.panel.live.seen("model", "xray", "frame", "geometry", "report", "poseId"),
            *((node.GetID(), node.GetMTime()) for node in nodes[1:] if node is not None),
            (other.GetID(), shownFrame(other), parameters.method),
        )
        if state != self._asked:
            self._asked = state
            self._problems = (
                self.logic.carryProblem(parameters, other),
                self.logic.togetherProblem(parameters, other),
            )
        return self._problems

    def _list(self, others: list[Any]) -> None:
        """Fill the combo box, keeping the choice."""
        box, ids, names = self.ui.otherRunComboBox, [node.GetID() for node in others], [n.GetName() for n in others]
        if ids == self._ids and names == [box.itemText(index) for index in range(box.count)]:
            return
        chosen = self.chosen()
        blocked = box.blockSignals(True)
        box.clear()
        self._ids = ids
        for name in names:
            box.addItem(name)
        box.currentIndex = ids.index(chosen.GetID()) if chosen is not None and chosen.GetID() in ids else 0
        box.blockSignals(blocked)


_ROLES = ("VesselRegistration.Report", "VesselRegistration.Geometry")
