"""Training of a network of one's own: its settings as a command, its curves as a chart."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from VesselSegmentationMRML import plot_nodes
from VesselSegmentationMRML.choices import Loss, Recipe, TrainedView

LOG_FILE = "log.jsonl"
THREADS = max(1, min(8, (os.cpu_count() or 2) // 2))
"""Half of the processor's cores at most: with more threads than free cores a training is slower, not faster."""
POINTS = 500
"""About so many points are drawn of the loss, however long a training is."""


RECOMMENDED_EPOCHS = 50


def recipeOf(recipe: Recipe, view: TrainedView) -> str:
    """The command line's name of the recipe. The paper has one for either field of view; both learn as lower does."""
    if recipe is Recipe.RECOMMENDED:
        return "recommended"
    return "paper-upper" if view is TrainedView.UPPER else "paper-lower"


def applyRecipe(p: Any) -> None:
    """Set loss, learning rate, batch size and length to those of the recipe."""
    from VesselSegmentationLib.training_settings import SegmentationTrainingSettings

    name = recipeOf(p.trainingRecipe, p.trainingView).replace("-", "_")
    settings = SegmentationTrainingSettings.preset(name)
    p.trainingLoss = Loss(settings.loss)
    p.learningRate = settings.learning_rate
    p.batchSize = settings.batch_size
    p.epochs = int(settings.epochs or RECOMMENDED_EPOCHS)
    p.minutes = settings.minutes or 0.0


def framesText(folder: str) -> str:
    """How many frames of how many patients a folder holds. Raises InputError when it cannot be learnt from."""
    from VesselSegmentationLib.datasets import FolderDataset
    from VesselSegmentationLib.errors import InputError

    if not folder.strip():
        raise InputError("Choose the folder with frames and masks.")
    dataset = FolderDataset(folder)
    training, heldOut = dataset.split()
    patients = len(set(dataset.patients))
    return f"{len(dataset)} frames of {patients} patients; {len(heldOut)} held out to validate on"


def arguments(p: Any) -> list[str]:
    """The command that trains with the settings of the parameter node. Raises InputError."""
    from VesselSegmentationLib.datasets import FolderDataset
    from VesselSegmentationLib.errors import InputError

    framesText(p.trainingFolder)
    if not p.trainingOutput.strip():
        raise InputError("Choose a folder for the network that will be trained.")
    if Path(p.trainingOutput).resolve() == Path(p.trainingFolder).resolve():
        raise InputError("The network needs a folder of its own, apart from the frames.")
    epoch = max(1, round(len(FolderDataset(p.trainingFolder)) / p.batchSize))
    words = ["train", "segmentation", "--images", p.trainingFolder, "--output", p.trainingOutput]
    words += ["--recipe", recipeOf(p.trainingRecipe, p.trainingView), "--field-of-view", p.trainingView.value]
    words += ["--loss", p.trainingLoss.value, "--learning-rate", f"{p.learningRate:g}"]
    words += ["--batch-size", f"{p.batchSize}", "--epochs", f"{p.epochs}", "--validate-every", f"{epoch}"]
    words += ["--device", p.device.value, "--threads", f"{THREADS}"]
    if p.minutes:
        words += ["--minutes", f"{p.minutes:g}"]
    return words


class TrainingCurves:
    """Loss of the iterations and DSC of the validations of one training, in a chart that grows."""

    def __init__(self, scene: Any, name: str, chart: Any = None) -> None:
        """An empty chart; a former one with its tables is removed."""
        self._removeFormer(chart)
        self._losses: list[tuple[int, float]] = []
        self._lossTable = scene.AddNewNodeByClass("vtkMRMLTableNode", f"{name} loss")
        self._scoreTable = scene.AddNewNodeByClass("vtkMRMLTableNode", f"{name} validation")
        self._logSize = -1
        self.chart = plot_nodes.newChart(scene, name, "Iteration", "Loss, DSC")
        self._setLosses()
        self._setScores([])

    @staticmethod
    def _removeFormer(chart: Any) -> None:
        if chart is None or chart.GetScene() is None:
            return
        scene = chart.GetScene()
        series = [chart.GetNthPlotSeriesNode(index) for index in range(chart.GetNumberOfPlotSeriesNodes())]
        tables = {one.GetTableNodeID() for one in series if one is not None and one.GetTableNodeID()}
        plot_nodes.removeChart(chart)
        for tableId in tables:
            if table := scene.GetNodeByID(tableId):
                scene.RemoveNode(table)

    @property
    def scoreTable(self) -> Any:
        """The validations, one row each."""
        return self._scoreTable

    def add(self, report: dict[str, Any]) -> None:
        """Take a report of the command; those without an iteration are passed over."""
        iteration, loss, share = report.get("iteration"), report.get("loss"), report.get("progress") or 1.0
        if iteration is None or loss is None:
            return
        step = max(1, round(iteration / share / POINTS))
        if not self._losses or iteration - self._losses[-1][0] >= step:
            self._losses.append((int(iteration), float(loss)))
            self._setLosses()

    def readLog(self, folder: str) -> None:
        """Take the validations that the training has written so far."""
        path = Path(folder) / LOG_FILE
        if not path.is_file() or path.stat().st_size == self._logSize:
            return
        self._logSize = path.stat().st_size
        rows: list[tuple[int, float]] = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                values = json.loads(line)
            except ValueError:
                continue  # being written at this moment
            if rows and values["iteration"] <= rows[-1][0]:
                rows = []  # the log of an earlier training in the same folder
            rows.append((int(values["iteration"]), float(values["validation_dsc_mean"])))
        self._setScores(rows)

    def _setLosses(self) -> None:
        self._set(self._lossTable, "Loss", self._losses, plot_nodes.COLORS[0])

    def _setScores(self, rows: list[tuple[int, float]]) -> None:
        self._set(self._scoreTable, "Validation DSC", rows, plot_nodes.COLORS[1])

    def _set(self, table: Any, name: str, rows: list[tuple[int, float]], color: tuple[float, ...]) -> None:
        """Fill a table; its line joins the chart once it has two points, for VTK complains of a line of one."""
        if not self._isInScene(table) or not self._isInScene(self.chart):
            return
        plot_nodes.setColumns(table, {"Iteration": [row[0] for row in rows], name: [row[1] for row in rows]})
        series = [self.chart.GetNthPlotSeriesNode(index) for index in range(self.chart.GetNumberOfPlotSeriesNodes())]
        if len(rows) > 1 and table not in [one.GetTableNode() for one in series if one is not None]:
            added = plot_nodes.addSeries(self.chart, table, name, "Iteration", name, color)
            if table is self._scoreTable:
                added.SetMarkerStyle(added.MarkerStyleCircle)
                added.SetMarkerSize(7)

    @staticmethod
    def _isInScene(node: Any) -> bool:
        return node is not None and node.GetScene() is not None
