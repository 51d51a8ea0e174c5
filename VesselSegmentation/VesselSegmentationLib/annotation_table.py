"""The table that says whose frame it is: CSV with a line per frame, and with or without a header.

Columns: `file` or `name` (of the frame, with or without .png), `patient`, and if wanted `view` or `field of view`
(lower, upper), `mask` (the file, where its name does not follow from the frame's) and `label` (which one is vessel).
Without a header: name, patient. Commas, semicolons or tabs.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from VesselSegmentationLib.annotations import FRAME_SUFFIXES
from VesselSegmentationLib.errors import InputError

TABLE_FILE = "patients.csv"
COLUMNS = {
    **dict.fromkeys(("file", "filename", "name", "frame"), "name"),
    **dict.fromkeys(("patient", "patient id", "patient_id"), "patient"),
    **dict.fromkeys(("view", "field of view", "field_of_view"), "view"),
    "mask": "mask",
    "label": "label",
}


@dataclass(frozen=True)
class TableRow:
    """One frame: its name without suffix, whose it is, and what else the table says."""

    line: int
    name: str
    patient: str
    view: str = ""
    mask: str = ""
    label: str = ""


def read_table(path: Path) -> list[TableRow]:
    """The rows by name. Raises InputError, naming the line, for a table that leaves open whose frame it is."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a table ({error}); save it as CSV in UTF-8.") from error
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    cells = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    columns, rows = ["name", "patient"], []
    header = [COLUMNS.get(cell.casefold(), "") for cell in next((row for row in cells if any(row)), [])]
    has_header = "patient" in header
    for line, row in enumerate(cells, start=1):
        if not any(row):
            continue
        if has_header:
            columns, has_header = header, False
            if "name" not in columns:
                raise InputError(f"{path} has no column for the frames: name it file, beside patient.")
            continue
        rows.append(_row(path, line, dict(zip(columns, row))))
    _refuse_twice(path, rows)
    if not rows:
        raise InputError(f"{path} lists no frame: write a line NAME,PATIENT for each.")
    return sorted(rows, key=lambda row: row.name)


def _row(path: Path, line: int, values: dict[str, str]) -> TableRow:
    file = Path(values.get("name", ""))
    name = file.with_suffix("").as_posix() if file.suffix.lower() in FRAME_SUFFIXES else file.as_posix()
    if not values.get("name"):
        raise InputError(f"{path}, line {line}, names no frame: write its file, or remove the line.")
    if not values.get("patient"):
        raise InputError(f"{path}, line {line}, names no patient for {name}: write whose frame it is.")
    more = {key: values.get(key, "") for key in ("view", "mask", "label")}
    return TableRow(line, name, values["patient"], **{**more, "view": more["view"].casefold()})


def _refuse_twice(path: Path, rows: list[TableRow]) -> None:
    seen: dict[str, TableRow] = {}
    for row in rows:
        other = seen.setdefault(row.name, row)
        if other is not row:
            raise InputError(
                f"{path} lists {row.name} in line {other.line} (patient {other.patient}) and line {row.line} (patient "
                f"{row.patient}): a frame is of one patient; remove a line."
            )
