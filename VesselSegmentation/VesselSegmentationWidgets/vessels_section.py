"""Section 2: finding the vessels, in a child process."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from VesselSegmentationMRML import networks, run_nodes
from VesselSegmentationWidgets import network_list
from VesselSegmentationWidgets.section import JobSection, Tone, explain

SHIPPED = ""


class VesselsSection(JobSection):
    """Chooses the network, segments the frame shown or the whole run."""

    prefix = "vessels"

    def connectWidgets(self) -> None:
        self._networks: dict[str, str] = {}
        self.ui.applyButton.connect("clicked()", lambda: self.segment(False))
        self.ui.allFramesButton.connect("clicked()", lambda: self.segment(True))
        self.ui.cancelButton.connect("clicked()", self.cancel)
        self.ui.networkComboBox.connect("currentIndexChanged(int)", self.onNetworkChosen)
        self.ui.networksPathEdit.setCurrentPath(network_list.folder())
        self.ui.networksPathEdit.connect("currentPathChanged(QString)", self.onFolderChosen)
        self.ui.vesselsProgressBar.setRange(0, 100)

    def segment(self, allFrames: bool) -> None:
        """Find the vessels of the frame shown, or of all."""
        if self.parameters is None:
            return
        if problem := self.logic.problem(self.parameters):
            self.say(problem, Tone.WARNING)
            return
        if not self.attempt(lambda: self.logic.useRun(self.parameters)):
            return
        run = self.parameters.xray
        identifier = run.GetID()

        def accept(folder: Path, code: int) -> None:
            text = self.logic.accept(self.parameters, slicer.mrmlScene.GetNodeByID(identifier), folder)
            self.say(text, Tone.GOOD)

        self.startJob(lambda folder: self.logic.arguments(self.parameters, folder, allFrames), accept, (run,))

    def onNetworkChosen(self, index: int) -> None:
        """The user chose a network."""
        if self.parameters is not None and not self.panel.refreshing and index >= 0:
            self.parameters.network = str(self.ui.networkComboBox.itemData(index) or "")

    def onFolderChosen(self, path: str) -> None:
        """The user chose the folder of own networks."""
        network_list.setFolder(path)
        self.readNetworks()
        self.panel.refresh()

    def refresh(self) -> None:
        self._showNetworks()
        running, problem = self.running, self.logic.problem(self.parameters)
        busy = _("Wait until the vessels are found, or cancel") if running else ""
        explain(self.ui.applyButton, busy, problem or self.tipOf(self.ui.applyButton))
        run = self.parameters.xray
        one = _("This is a single picture") if run is not None and run_nodes.frameCount(run) == 1 else ""
        explain(self.ui.allFramesButton, busy or one, problem or self.tipOf(self.ui.allFramesButton))
        self.ui.cancelButton.enabled = running and not (self.job and self.job.cancelling)
        self.progressBar.visible = running

    def readNetworks(self) -> None:
        """Look for networks on the disk. One that the scene asks for and that is not here stays in the list."""
        chosen = self.parameters.network if self.parameters is not None else SHIPPED
        folders = [SHIPPED, *(str(folder) for folder in network_list.ownNetworks())]
        if chosen not in folders:
            folders.append(chosen)
        self._networks = {folder: _descriptionOf(folder) for folder in folders}
        box = self.ui.networkComboBox
        blocked = box.blockSignals(True)
        box.clear()
        for index, (folder, description) in enumerate(self._networks.items()):
            box.addItem(_nameOf(folder), folder)
            box.setItemData(index, f"{folder}\n{description}".strip(), qt.Qt.ToolTipRole)
        box.blockSignals(blocked)

    def _showNetworks(self) -> None:
        chosen = self.parameters.network
        if chosen not in self._networks:
            self.readNetworks()
        box = self.ui.networkComboBox
        box.setCurrentIndex(list(self._networks).index(chosen))
        box.toolTip = f"{self.tipOf(box)}. {self._networks[chosen]}"


def _nameOf(folder: str) -> str:
    if not folder:
        return _("Shipped (trained on simulated patients)")
    name = Path(folder).name
    return name if networks.isNetwork(folder) else _("{name} (missing)").format(name=name)


def _descriptionOf(folder: str) -> str:
    from VesselSegmentationLib.errors import UserError

    try:
        return networks.describe(folder or networks.shippedFolder())
    except UserError as error:
        return str(error)
