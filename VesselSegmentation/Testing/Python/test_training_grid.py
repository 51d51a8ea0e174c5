"""A grid trains every combination once, goes on where it stopped, and survives cells that diverge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.training_grid import Cell, cell_name, parse_grid, run_grid
from VesselSegmentationLib.training_handlers import DivergenceError
from VesselSegmentationLib.training_settings import SegmentationTrainingSettings

GRID = ["learning_rate=1e-5,0.1", "batch_size=4,8"]


def settings_of(cell: Cell, **changes: Any) -> dict[str, Any]:
    return SegmentationTrainingSettings(**{"iterations": 3, **changes, **cell}).as_dict()


def run(folder: Path, trained: list[str], **changes: Any) -> list[dict[str, Any]]:
    """The grid, in which a rate of 0.1 diverges and `trained` gets the cells that were trained."""

    def train(_index: int, cell: Cell, where: Path) -> None:
        trained.append(where.name)
        if cell["learning_rate"] > 0.01:
            raise DivergenceError("The loss is nan at iteration 2: lower learning_rate.")
        where.mkdir(exist_ok=True)
        report = {"settings": settings_of(cell, **changes), "dsc": 0.1 * cell["batch_size"]}
        (where / "report.json").write_text(json.dumps(report))

    cells = parse_grid(GRID, SegmentationTrainingSettings)
    return run_grid(cells, folder, lambda cell: settings_of(cell, **changes), train, lambda one: {"DSC": one["dsc"]})


def test_words_become_every_combination() -> None:
    cells = parse_grid([*GRID, "loss=dice", "augment=true"], SegmentationTrainingSettings)
    assert [(cell["learning_rate"], cell["batch_size"]) for cell in cells] == [(1e-5, 4), (1e-5, 8), (0.1, 4), (0.1, 8)]
    assert all(cell["loss"] == "dice" and cell["augment"] is True for cell in cells)
    assert cell_name(cells[0]) == "learning_rate=1e-05,batch_size=4,loss=dice,augment=True"
    assert parse_grid(["gradient_clip=none,5"], SegmentationTrainingSettings)[0] == {"gradient_clip": None}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["rate=1"], "'rate' is none of the settings"),
        (["threads=1,2"], "'threads' is none"),
        (["learning_rate=fast"], "'fast' cannot be"),
        (["batch_size=2.5"], "'2.5' cannot be"),
        (["batch_size"], "'' cannot be"),
        (["batch_size=4", "batch_size=8"], "names batch_size twice"),
    ],
)
def test_words_that_make_no_grid_are_refused(words: list[str], named: str) -> None:
    with pytest.raises(InputError, match=named):
        parse_grid(words, SegmentationTrainingSettings)


def test_a_cell_that_diverges_is_reported_and_stops_nothing(tmp_path: Path) -> None:
    trained: list[str] = []
    rows = run(tmp_path, trained)
    assert len(trained) == 4
    assert [row.get("DSC") for row in rows] == [pytest.approx(0.4), pytest.approx(0.8), None, None]
    assert "nan at iteration 2" in rows[2]["diverged"]
    assert json.loads((tmp_path / "grid.json").read_text()) == rows
    table = (tmp_path / "grid.md").read_text().splitlines()
    assert table[0] == "| learning_rate | batch_size | DSC |"
    assert table[2] == "| 1e-05 | 4 | 0.4 |"
    assert table[5] == "| 0.1 | 8 | diverged |"


def test_finished_cells_are_not_trained_again(tmp_path: Path) -> None:
    trained: list[str] = []
    first = run(tmp_path, trained)
    (tmp_path / trained[1] / "report.json").unlink()
    again: list[str] = []
    assert run(tmp_path, again) == first
    assert again == [trained[1]]


def test_a_finished_cell_of_other_settings_is_refused(tmp_path: Path) -> None:
    run(tmp_path, [])
    run(tmp_path, [], threads=2)  # where it runs makes no difference
    with pytest.raises(InputError, match=r"finished, with other settings \(iterations\)"):
        run(tmp_path, [], iterations=5)
