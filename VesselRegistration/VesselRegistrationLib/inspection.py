"""What a run's header says, value by value: with its unit, uncertainty, origin and source, and what cannot be computed.

`inspect_run` gives plain JSON; `format_inspection` the same as an aligned table.
"""

from __future__ import annotations

from typing import Any

from VesselRegistrationLib.xray_run import QUANTITIES, FrameGeometry, Sourced, XRayRun
from VesselSegmentationLib.errors import UserError

COLUMNS = ("value", "uncertainty", "unit", "origin", "source")


def inspect_run(run: XRayRun) -> dict[str, Any]:
    """Everything that is known of a run as JSON-able values.

    `geometry` has one entry per quantity for the first frame; where it changes along the run, `last` holds the last
    frame's value. Values that are missing are null.
    """
    shutter = run.shutter
    return {
        "name": run.name,
        "kind": run.kind,
        "modality": run.modality,
        "frames": run.frame_count,
        "rows": run.rows,
        "columns": run.columns,
        "pixelType": str(run.frames.dtype),
        "bitsStored": run.bits_stored,
        "lowest": int(run.frames.min()),
        "highest": int(run.frames.max()),
        "intensityRelationship": run.intensity_relationship,
        "photometric": run.photometric,
        "plane": run.plane,
        "patientPosition": run.patient_position,
        "durationMs": float(run.frame_times_ms[-1]),
        "frameInterval": _entry("frame interval", run.frame_interval),
        "shutter": None
        if shutter is None
        else {
            "rectangle": _plain(shutter.rectangle),
            "circle": _plain(shutter.circle),
            "polygon": [list(vertex) for vertex in shutter.polygon],
        },
        "geometry": [_quantity(run, field, name) for field, (name, _) in QUANTITIES.items()],
        "tableIsRelative": run.geometry[0].table_is_relative,
        "view": _view(run),
        "cannotCompute": list(cannot_compute(run)),
        "warnings": list(run.warnings),
    }


def cannot_compute(run: XRayRun) -> tuple[str, ...]:
    """What the run's values do not allow, each with the value that is missing."""
    found: list[str] = []
    try:
        run.c_arm()
    except UserError as error:
        found.append(f"projection, overlay and registration: {error}")
    geometry = run.geometry[0]
    if geometry.table.value is None:
        found.append("carrying a pose to or from another run: the table position is missing (tableLpsMm)")
    elif geometry.table_is_relative:
        found.append("carrying a pose to or from another run: the table position counts from this run's first frame")
    return tuple(found)


def format_inspection(inspection: dict[str, Any]) -> str:
    """The inspection as text for a terminal: lines about the run, then a table, then warnings."""
    lines = [*_about(inspection), ""]
    rows = [("quantity", *COLUMNS)]
    entries = [*inspection["geometry"]]
    if inspection["frames"] > 1:
        entries.append(inspection["frameInterval"])
    for entry in entries:
        value = _text(entry["value"])
        if entry.get("last") is not None:
            value = f"{value} ... {_text(entry['last'])}"
        uncertainty = "" if entry["uncertainty"] is None else f"+- {entry['uncertainty']:.3g}"
        rows.append((entry["quantity"], value, uncertainty, entry["unit"], entry["origin"], entry["source"]))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    for title, key in (("Cannot be computed", "cannotCompute"), ("Warnings", "warnings")):
        if inspection[key]:
            lines += ["", f"{title}:", *(f"  - {text}" for text in inspection[key])]
    return "\n".join(lines)


def _about(inspection: dict[str, Any]) -> list[str]:
    frames = inspection["frames"]
    picture = f"{frames} frame{'s' if frames > 1 else ''} of {inspection['columns']} x {inspection['rows']} pixels"
    bits = f"{inspection['bitsStored']} bits ({inspection['pixelType']})"
    values = f"values {inspection['lowest']} to {inspection['highest']}"
    facts = [
        ("run", inspection["name"]),
        ("kind", inspection["kind"]),
        ("picture", f"{picture}, {bits}, {values}"),
        ("duration", f"{inspection['durationMs'] / 1000:.3g} s" if frames > 1 else ""),
        ("view", inspection["view"]),
        ("intensity", inspection["intensityRelationship"] or "not said (do not assume logarithmic)"),
        ("photometric", inspection["photometric"]),
        ("plane", inspection["plane"]),
        ("patient position", inspection["patientPosition"]),
        ("shutter", _shutter_text(inspection["shutter"])),
    ]
    return [f"{name + ':':<18}{text}" for name, text in facts if text]


def _shutter_text(shutter: dict[str, Any] | None) -> str:
    if shutter is None:
        return ""
    parts = []
    if shutter["rectangle"]:
        left, right, upper, lower = shutter["rectangle"]
        parts.append(f"columns {left:g} to {right:g}, rows {upper:g} to {lower:g}")
    if shutter["circle"]:
        column, row, radius = shutter["circle"]
        parts.append(f"circle of {radius:g} px about column {column:g}, row {row:g}")
    if shutter["polygon"]:
        parts.append(f"polygon of {len(shutter['polygon'])} corners")
    return "; ".join(parts)


def _view(run: XRayRun) -> str:
    try:
        return run.c_arm().angle_text()
    except UserError:
        return ""


def _quantity(run: XRayRun, field: str, name: str) -> dict[str, Any]:
    values: list[Sourced] = [_of(geometry, field) for geometry in run.geometry]
    entry = _entry(name, values[0])
    changes = any(value.value != values[0].value for value in values)
    entry["last"] = _plain(values[-1].value) if changes else None
    entry["changes"] = changes
    return entry


def _of(geometry: FrameGeometry, field: str) -> Sourced:
    value: Sourced = getattr(geometry, field)
    return value


def _entry(name: str, sourced: Sourced) -> dict[str, Any]:
    return {
        "quantity": name,
        "value": _plain(sourced.value),
        "uncertainty": sourced.uncertainty,
        "unit": sourced.unit,
        "origin": sourced.origin.value,
        "source": sourced.source,
    }


def _plain(value: float | tuple[float, ...] | None) -> float | list[float] | None:
    return list(value) if isinstance(value, tuple) else value


def _text(value: float | list[float] | None) -> str:
    if value is None:
        return "-"
    values = value if isinstance(value, list) else [value]
    return ", ".join(f"{single:.7g}" for single in values)
