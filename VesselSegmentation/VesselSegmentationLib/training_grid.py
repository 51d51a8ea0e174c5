"""A training for every combination of some settings, as the paper did for learning rate and batch size.

The output folder receives a folder per combination (cell), and grid.json and grid.md, both rewritten after every cell.
A cell that is finished is not trained again, one that was interrupted goes on, and one that diverges is reported and
stops nothing.
"""

from __future__ import annotations

import itertools
import json
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from VesselSegmentationLib.distributed import is_first, wait_for_all
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.training_engine import REPORT_FILE
from VesselSegmentationLib.training_handlers import DivergenceError
from VesselSegmentationLib.training_settings import FREE_SETTINGS

TABLE_FILE, VALUES_FILE = "grid.md", "grid.json"
DIVERGED_FILE = "diverged.json"
WHERE_IT_RUNS = FREE_SETTINGS - {"iterations", "epochs", "minutes", "patience"}
"""Settings that may differ between a finished cell and the grid that it is part of."""

Cell = dict[str, Any]


def parse_grid(words: Sequence[str], settings: type) -> list[Cell]:
    """Cells from words such as "learning_rate=1e-5,1e-3" "batch_size=4,8": every combination, the last one quickest.

    Raises InputError for a name that `settings` lacks and for values of another type.
    """
    hints = typing.get_type_hints(settings)
    axes: dict[str, list[Any]] = {}
    for word in words:
        name, _, values = word.partition("=")
        if name not in hints or name in FREE_SETTINGS:
            known = ", ".join(sorted(set(hints) - FREE_SETTINGS))
            raise InputError(f"--grid {word!r}: {name!r} is none of the settings {known}.")
        if name in axes:
            raise InputError(f"--grid names {name} twice.")
        axes[name] = [_value(text, hints[name], word) for text in values.split(",")]
    return [dict(zip(axes, values)) for values in itertools.product(*axes.values())]


def _value(text: str, hint: Any, word: str) -> Any:
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if type(None) in kinds and text == "none":
        return None
    for kind in kinds:
        try:
            if kind in (int, float, str):
                return kind(text)
            if kind is bool and text in ("true", "false"):
                return text == "true"
        except ValueError:
            continue
    raise InputError(f"--grid {word!r}: {text!r} cannot be a value of that setting.")


def cell_name(cell: Cell) -> str:
    """Name of a cell's folder."""
    return ",".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in cell.items()
    )


def run_grid(
    cells: Sequence[Cell],
    folder: Path,
    settings_of: Callable[[Cell], dict[str, Any]],
    train: Callable[[int, Cell, Path], object],
    summary: Callable[[dict[str, Any]], dict[str, Any]],
) -> list[dict[str, Any]]:
    """Train every cell; returns the rows of the table.

    Args:
        settings_of: a cell's complete settings as plain values, to know a finished cell again.
        train: trains cell number i in a folder, which has report.json afterwards.
        summary: the table's numbers from that report, best-known name first.

    Raises InputError for a finished cell of other settings.
    """
    rows: list[dict[str, Any]] = []
    for index, cell in enumerate(cells):
        where = folder / cell_name(cell)
        report = _finished(where, settings_of(cell))
        if report is None:
            try:
                train(index, cell, where)
            except DivergenceError as error:
                document = {"settings": settings_of(cell), "diverged": str(error)}
                if is_first():
                    write_atomically(where / DIVERGED_FILE, json.dumps(document, indent=2) + "\n")
            wait_for_all()  # the first process writes what all read
            report = _finished(where, settings_of(cell))
            assert report is not None
        problem = report.get("diverged", "")
        rows.append({**cell, **({} if problem else summary(report)), "diverged": problem, "folder": where.name})
        if is_first():
            write_atomically(folder / VALUES_FILE, json.dumps(rows, indent=2) + "\n")
            write_atomically(folder / TABLE_FILE, table(rows, list(cell)))
    return rows


def _finished(where: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    for name in (REPORT_FILE, DIVERGED_FILE):
        if not (where / name).is_file():
            continue
        report: dict[str, Any] = json.loads((where / name).read_text(encoding="utf-8"))
        before, now = report["settings"], json.loads(json.dumps(settings))
        changed = sorted(key for key in now if key not in WHERE_IT_RUNS and before.get(key) != now[key])
        if changed:
            raise InputError(
                f"{where} is finished, with other settings ({', '.join(changed)}): remove it, or choose another folder."
            )
        return report
    return None


def table(rows: Sequence[dict[str, Any]], settings: Sequence[str]) -> str:
    """Markdown: settings of the cells, then their numbers; a diverged cell says so in the first of them."""
    columns = [name for row in rows for name in row if name not in (*settings, "diverged", "folder")]
    numbers = list(dict.fromkeys(columns)) or ["result"]
    lines = ["| " + " | ".join([*settings, *numbers]) + " |", "|" + "---|" * (len(settings) + len(numbers))]
    for row in rows:
        values = [_text(row.get(name, "")) for name in numbers]
        if row["diverged"]:
            values[0] = "diverged"
        lines.append("| " + " | ".join([*(_text(row[name]) for name in settings), *values]) + " |")
    return "\n".join(lines) + "\n"


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
