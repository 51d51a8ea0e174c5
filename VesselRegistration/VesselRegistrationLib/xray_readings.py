"""Other ways to read a run than the project's: signs of angles and table axes, and pictures that are stored mirrored.

The project reads headers as DICOM says and as was measured on real runs. A machine that means something else by them is
found out by `vessel-registration inspect --convention`, and read its way with `--reading`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.xray_run import INCREMENTS, FrameGeometry, Origin, Shutter, Sourced, XRayRun

AS_IS = "as-is"


@dataclass(frozen=True)
class Reading:
    """What is turned round in a run."""

    name: str
    """Of the option --reading."""
    words: str
    """Completes "the reading in which ..."."""
    primary: float = 1.0
    secondary: float = 1.0
    """Signs of the angles."""
    columns: float = 1.0
    rows: float = 1.0
    """Signs of the picture's axes."""
    table: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factors of the table's L, P and S axes; all 0: the table is taken to stand still."""

    @property
    def mirrors(self) -> bool:
        """Whether the picture is turned over."""
        return self.columns < 0 or self.rows < 0

    @property
    def is_about_table(self) -> bool:
        """Whether the table is read in another way."""
        return self.table != (1.0, 1.0, 1.0)

    def picture(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Pictures (..., rows, columns) as this reading has them."""
        turned = pixels[..., ::-1] if self.columns < 0 else pixels
        return np.ascontiguousarray(turned[..., ::-1, :] if self.rows < 0 else turned)


READINGS = {
    reading.name: reading
    for reading in (
        Reading(AS_IS, "everything is as DICOM says"),
        Reading("primary-sign", "the primary angle counts RAO as positive", primary=-1),
        Reading("secondary-sign", "the secondary angle counts CAU as positive", secondary=-1),
        Reading("mirrored", "the picture is mirrored left to right", columns=-1),
        Reading("upside-down", "the picture is mirrored top to bottom", rows=-1),
        Reading("table-lateral", "the table's lateral axis runs the other way", table=(-1, 1, 1)),
        Reading("table-vertical", "the table's vertical axis runs the other way", table=(1, -1, 1)),
        Reading("table-longitudinal", "the table's longitudinal axis runs the other way", table=(1, 1, -1)),
        Reading("table-ignored", "the table stands still", table=(0, 0, 0)),
    )
}


def read_as(run: XRayRun, reading: Reading) -> XRayRun:
    """The run in another reading. Values that the user gave stay as they are."""
    if reading.name == AS_IS:
        return run
    geometry = tuple(_geometry(frame, reading, run) for frame in run.geometry)
    shutter = _shutter(run.shutter, reading, run) if run.shutter and reading.mirrors else run.shutter
    return dataclasses.replace(run, frames=reading.picture(run.frames), geometry=geometry, shutter=shutter)


def _geometry(frame: FrameGeometry, reading: Reading, run: XRayRun) -> FrameGeometry:
    factors = {
        "primary_angle": (reading.primary,),
        "secondary_angle": (reading.secondary,),
        "table": reading.table,
    }
    changes: dict[str, Any] = {
        name: _times(getattr(frame, name), factor, reading.name)
        for name, factor in factors.items()
        if any(value != 1 for value in factor)
    }
    if reading.mirrors:
        changes["principal_point"] = _turned(frame.principal_point, reading, run)
    if reading.table == (0, 0, 0):
        changes["table_is_relative"] = False
    return dataclasses.replace(frame, **changes)


def _times(value: Sourced, factors: tuple[float, ...], name: str) -> Sourced:
    """The value in another reading; its source says so, still ending in what marks a value that changes."""
    if value.origin is Origin.USER:
        return value
    if not any(factors):
        return Sourced((0.0, 0.0, 0.0), value.unit, Origin.ASSUMED, f"read as {name}", value.uncertainty)
    if value.value is None:
        return value
    end = INCREMENTS if value.source.endswith(INCREMENTS) else ""
    source = f"{value.source.removesuffix(INCREMENTS)}, read as {name}{end}"
    if isinstance(value.value, tuple):
        numbers = tuple(factor * number for factor, number in zip(factors, value.value, strict=True))
        return dataclasses.replace(value, value=numbers, source=source)
    return dataclasses.replace(value, value=factors[0] * value.value, source=source)


def _turned(point: Sourced, reading: Reading, run: XRayRun) -> Sourced:
    """A pixel (column, row) after the picture was turned over."""
    if not isinstance(point.value, tuple) or point.origin is Origin.USER:
        return point
    column, row = _pixel(point.value[0], point.value[1], reading, run)
    return dataclasses.replace(point, value=(column, row), source=f"{point.source}, read as {reading.name}")


def _pixel(column: float, row: float, reading: Reading, run: XRayRun) -> tuple[float, float]:
    turned_column = run.columns - 1 - column if reading.columns < 0 else column
    return turned_column, run.rows - 1 - row if reading.rows < 0 else row


def _shutter(shutter: Shutter, reading: Reading, run: XRayRun) -> Shutter:
    rectangle = circle = None
    if shutter.rectangle is not None:
        left, right, upper, lower = shutter.rectangle
        one, other = _pixel(left, upper, reading, run), _pixel(right, lower, reading, run)
        columns, rows = sorted((one[0], other[0])), sorted((one[1], other[1]))
        rectangle = (columns[0], columns[1], rows[0], rows[1])
    if shutter.circle is not None:
        circle = (*_pixel(shutter.circle[0], shutter.circle[1], reading, run), shutter.circle[2])
    polygon = tuple(_pixel(*vertex, reading, run) for vertex in shutter.polygon)
    return Shutter(rectangle, circle, polygon)
