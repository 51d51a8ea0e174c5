"""Step 2: the C-arm's values between the parameter node, where the user sees and edits them, and the run's geometry."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from VesselRegistrationLib.geometry_overrides import GeometryOverrides
from VesselRegistrationLib.xray_run import FrameGeometry, Origin, Sourced
from VesselRegistrationMRML.geometry_node import RunGeometry


@dataclass(frozen=True)
class Value:
    """How one number of the parameter node is found in a frame's geometry."""

    quantity: str
    """Field of FrameGeometry."""
    entry: int | None
    """Which of its numbers; None: it is one number."""
    override: str
    """Field of GeometryOverrides."""
    rounding: float
    """The widget shows fewer digits: a smaller difference is no edit."""


ANGLE, LENGTH, SPACING = 0.051, 0.051, 0.00051
VALUES = {
    "primaryAngle": Value("primary_angle", None, "primary_angle_deg", ANGLE),
    "secondaryAngle": Value("secondary_angle", None, "secondary_angle_deg", ANGLE),
    "sourceToDetector": Value("sid", None, "sid_mm", LENGTH),
    "sourceToIsocenter": Value("sod", None, "sod_mm", LENGTH),
    "rowSpacing": Value("spacing", 0, "spacing_mm", SPACING),
    "columnSpacing": Value("spacing", 1, "spacing_mm", SPACING),
    "tableLeft": Value("table", 0, "table_lps_mm", LENGTH),
    "tablePosterior": Value("table", 1, "table_lps_mm", LENGTH),
    "tableHead": Value("table", 2, "table_lps_mm", LENGTH),
}
"""Field of the parameter node to what it means."""
ALONG_THE_RUN = ("primary_angle", "secondary_angle", "table")
"""Quantities that may change from frame to frame: what is entered is the first frame's value."""


@dataclass(frozen=True)
class GeometrySource:
    """Where a value came from, for people."""

    text: str
    """In one or two words, short enough to stand beside the value: `header`, `worked out`, `assumed`, `entered`."""
    detail: str
    """The whole of it, with the header's tag, for a tool tip."""
    origin: str
    """`header`, `fallback`, `assumed`, `user` or `missing`."""
    missing: bool


def number(geometry: FrameGeometry, name: str) -> float | None:
    """A frame's value for a field of the parameter node, or None."""
    value = VALUES[name]
    sourced: Sourced = getattr(geometry, value.quantity)
    if sourced.value is None:
        return None
    return sourced.number if value.entry is None else sourced.numbers[value.entry]


def read(parameters: Any, geometry: RunGeometry, frame: int) -> None:
    """Show a frame's values in the parameter node; what is missing shows the default, never another run's number."""
    view = geometry.frame(frame)
    for name in VALUES:
        known = number(view, name)
        shown = parameters.default(name).value if known is None else known
        if getattr(parameters, name) != shown:
            setattr(parameters, name, shown)


def sources(geometry: RunGeometry, frame: int) -> dict[str, GeometrySource]:
    """Field of the parameter node to where its value came from."""
    view = geometry.frame(frame)
    return {name: _source(getattr(view, value.quantity)) for name, value in VALUES.items()}


def edited(parameters: Any, geometry: RunGeometry, frame: int) -> GeometryOverrides | None:
    """What the user has entered, these edits included; None when nothing differs from the run's own values.

    Raises InputError for values that no C-arm has.
    """
    view = geometry.frame(frame)
    changed = {name for name in VALUES if _differs(parameters, view, name)}
    return _entered(parameters, geometry, frame, changed) if changed else None


def confirmed(parameters: Any, geometry: RunGeometry, frame: int) -> GeometryOverrides:
    """The numbers shown taken for those that are missing. Raises InputError for values that no C-arm has."""
    view = geometry.frame(frame)
    missing = {name for name, value in VALUES.items() if getattr(view, value.quantity).value is None}
    return _entered(parameters, geometry, frame, missing)


def _differs(parameters: Any, view: FrameGeometry, name: str) -> bool:
    shown, known = getattr(parameters, name), number(view, name)
    if known is None:
        return bool(shown != parameters.default(name).value)
    return bool(abs(shown - known) > VALUES[name].rounding)


def _entered(parameters: Any, geometry: RunGeometry, frame: int, names: set[str]) -> GeometryOverrides:
    view, first, before = geometry.frame(frame), geometry.frame(0), geometry.entered
    changes: dict[str, Any] = {}
    for override in {VALUES[name].override for name in names}:
        parts = {name: value for name, value in VALUES.items() if value.override == override}
        numbers = []
        for name in parts:
            known = number(view, name)
            given = getattr(parameters, name) if name in names or known is None else known
            start = number(first, name)
            along = VALUES[name].quantity in ALONG_THE_RUN and known is not None and start is not None
            numbers.append(given - (known - start) if along else given)
        changes[override] = numbers[0] if len(parts) == 1 else tuple(numbers)
    return dataclasses.replace(before, **changes)


def _source(value: Sourced) -> GeometrySource:
    words = {
        Origin.HEADER: "header",
        Origin.FALLBACK: "worked out",
        Origin.ASSUMED: "assumed",
        Origin.USER: "entered",
        Origin.MISSING: "missing",
    }
    word = words[value.origin]
    detail = value.source if value.origin is Origin.USER else f"{word}: {value.source}"
    if value.uncertainty is not None:
        detail += f"; good to about {value.uncertainty:g} {value.unit}"
    return GeometrySource(word, detail, value.origin.value, value.value is None)
