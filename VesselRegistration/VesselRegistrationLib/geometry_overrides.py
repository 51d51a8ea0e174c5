"""Geometry given by the user: as arguments, or in a small file beside a picture.

`angio.png` may have `angio.geometry.json` beside it. All keys are optional; others are refused::

    {
      "primaryAngleDeg": 30.0,              LAO +, RAO -
      "secondaryAngleDeg": -20.0,           CRA +, CAU -
      "sidMm": 1000.0,                      source to detector
      "sodMm": 750.0,                       source to isocentre
      "spacingMm": [0.4, 0.4],              on the detector: between rows, between columns; one number for both
      "principalPointPx": [255.5, 255.5],   column, row that the central beam meets
      "tableLpsMm": [0.0, 0.0, 0.0],        table position: to the left, to the back, to the head of the patient
      "frameTimeMs": 66.7,                  between frames
      "frames": [{"primaryAngleDeg": 30.0}, ...]   what differs from frame to frame: one entry per frame
    }
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from VesselRegistrationLib.xray_run import INCREMENTS, QUANTITIES, FrameGeometry, Origin, Sourced
from VesselSegmentationLib.errors import InputError

SIDECAR_SUFFIX = ".geometry.json"
GIVEN = "given by the user"
SIDECAR_LIMIT_BYTES = 1_000_000
UNITS = {
    "primary_angle": "deg",
    "secondary_angle": "deg",
    "sid": "mm",
    "sod": "mm",
    "spacing": "mm",
    "principal_point": "px",
    "table": "mm",
}


@dataclass(frozen=True)
class GeometryOverrides:
    """Values that win over the header. None: leave what the header says.

    Raises `InputError` for values that no C-arm has.
    """

    primary_angle_deg: float | None = None
    """LAO +. In a run whose angles change, the angle of the first frame; its increments stay."""
    secondary_angle_deg: float | None = None
    """CRA +; likewise."""
    sid_mm: float | None = None
    sod_mm: float | None = None
    spacing_mm: tuple[float, float] | None = None
    """(row, column) on the detector."""
    principal_point_px: tuple[float, float] | None = None
    """(column, row)."""
    table_lps_mm: tuple[float, float, float] | None = None
    """Of the first frame; increments stay."""
    frame_time_ms: float | None = None

    def __post_init__(self) -> None:
        _check_number("primaryAngleDeg", self.primary_angle_deg, -180, 180)
        _check_number("secondaryAngleDeg", self.secondary_angle_deg, -90, 90)
        _check_number("sidMm", self.sid_mm, 1, 10_000)
        _check_number("sodMm", self.sod_mm, 1, 10_000)
        _check_number("frameTimeMs", self.frame_time_ms, 1e-3, 1e6)
        _check_numbers("spacingMm", self.spacing_mm, 2, 1e-4, 100)
        _check_numbers("principalPointPx", self.principal_point_px, 2, -1e6, 1e6)
        _check_numbers("tableLpsMm", self.table_lps_mm, 3, -1e6, 1e6)
        if self.sid_mm is not None and self.sod_mm is not None and self.sod_mm >= self.sid_mm:
            raise InputError(f"sodMm {self.sod_mm:g} must be smaller than sidMm {self.sid_mm:g}.")

    def values(self) -> dict[str, float | tuple[float, ...]]:
        """Fields of `FrameGeometry` that are given."""
        given = {
            "primary_angle": self.primary_angle_deg,
            "secondary_angle": self.secondary_angle_deg,
            "sid": self.sid_mm,
            "sod": self.sod_mm,
            "spacing": self.spacing_mm,
            "principal_point": self.principal_point_px,
            "table": self.table_lps_mm,
        }
        return {name: value for name, value in given.items() if value is not None}

    def over(self, below: GeometryOverrides) -> GeometryOverrides:
        """These values where given, else those of `below`."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return dataclasses.replace(below, **{name: value for name, value in given.items() if value is not None})


def apply_overrides(
    geometry: tuple[FrameGeometry, ...], overrides: GeometryOverrides, source: str
) -> tuple[FrameGeometry, ...]:
    """The frames' geometry with the user's values; changes along the run are kept for angles and table."""
    values = overrides.values()
    if not values:
        return geometry
    result = []
    for frame in geometry:
        changes: dict[str, Any] = {}
        for name, value in values.items():
            before, first = getattr(frame, name), getattr(geometry[0], name)
            offset = _offset(before, first)
            follows = name in ("primary_angle", "secondary_angle", "table") and offset is not None
            moved = _add(value, offset) if follows and offset is not None else value
            text = source + INCREMENTS if follows and before.source.endswith(INCREMENTS) else source
            changes[name] = Sourced(moved, UNITS[name], Origin.USER, text)
        if "table" in values:
            changes["table_is_relative"] = False
        result.append(dataclasses.replace(frame, **changes))
    return tuple(result)


def read_sidecar(picture: Path) -> list[GeometryOverrides] | None:
    """The `.geometry.json` beside a picture, or None: one entry for all frames, or one for each.

    Raises `InputError` for a file that cannot be used.
    """
    path = picture.with_name(picture.stem + SIDECAR_SUFFIX)
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > SIDECAR_LIMIT_BYTES:
            raise InputError(f"{path.name} is too large for geometry ({path.stat().st_size} bytes). Replace it.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is not JSON: {error}. Correct or remove it.") from error
    if not isinstance(content, dict):
        raise InputError(f'{path.name} must hold one JSON object with geometry values, such as {{"sidMm": 1000}}.')
    frames = content.pop("frames", None)
    common = _overrides(content, path.name)
    if frames is None:
        return [common]
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        raise InputError(f'{path.name}: "frames" must be a list with one object of geometry values per frame.')
    if any("frameTimeMs" in frame for frame in frames):
        raise InputError(f'{path.name}: frameTimeMs is one value for the run; move it out of "frames".')
    return [_overrides(frame, f"{path.name}, frame {index}").over(common) for index, frame in enumerate(frames)]


def _overrides(content: dict[str, Any], name: str) -> GeometryOverrides:
    fields = {key: field for field, (_, key) in QUANTITIES.items()}
    names = {key: f"{field}_{UNITS[field]}" for key, field in fields.items()}
    names |= {"tableLpsMm": "table_lps_mm", "frameTimeMs": "frame_time_ms"}
    unknown = sorted(set(content) - set(names))
    if unknown:
        raise InputError(f"{name} has unknown keys: {', '.join(unknown)}. Known are {', '.join(names)}.")
    values: dict[str, Any] = {}
    for key, value in content.items():
        if value is None:
            continue
        if key == "spacingMm" and _is_number(value):
            value = [value, value]
        values[names[key]] = tuple(value) if isinstance(value, list) else value
    try:
        return GeometryOverrides(**values)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def _offset(value: Sourced, first: Sourced) -> Any:
    if value.value is None or first.value is None:
        return None
    if isinstance(value.value, tuple):
        return tuple(now - start for now, start in zip(value.numbers, first.numbers))
    return value.number - first.number


def _add(value: float | tuple[float, ...], offset: Any) -> float | tuple[float, ...]:
    if isinstance(value, tuple):
        return tuple(single + step for single, step in zip(value, offset))
    return value + float(offset)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _check_number(name: str, value: object, low: float, high: float) -> None:
    if value is not None and not (_is_number(value) and low <= float(value) <= high):  # type: ignore[arg-type]
        raise InputError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}.")


def _check_numbers(name: str, value: object, count: int, low: float, high: float) -> None:
    if value is None:
        return
    if not isinstance(value, tuple) or len(value) != count or not all(_is_number(single) for single in value):
        raise InputError(f"{name} must be {count} numbers, not {value!r}.")
    for single in value:
        _check_number(name, single, low, high)
