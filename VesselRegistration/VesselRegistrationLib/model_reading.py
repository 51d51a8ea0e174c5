"""Read a vessel model from a surface file, and say what it is."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from VesselSegmentationLib.errors import InputError

from .mesh_repair import vessel_model_from_arrays
from .mesh_topology import piece_labels, piece_volumes, triangle_areas
from .surface_files import read_surface_file
from .vessel_model import LengthUnit, ModelFrame, VesselModel

__all__ = [
    "LengthUnit",
    "ModelFrame",
    "UnitsQuestion",
    "VesselModel",
    "read_vessel_model",
    "summarize",
    "vessel_model_from_arrays",
]

Choice = TypeVar("Choice", bound=Enum)

PLAUSIBLE_SIZE_MM = (20.0, 1500.0)
"""Diagonal of the box around a vessel model: from a piece of a coronary to the vessels from head to groin."""


class UnitsQuestion(InputError):
    """The size of a model is impossible in millimeters; `suggestion` is the unit that would explain it, if any."""

    def __init__(self, name: str, size: float) -> None:
        """Ask about the model called `name` whose box measures `size` units diagonally."""
        low, high = PLAUSIBLE_SIZE_MM
        fitting = [unit for unit in LengthUnit if low <= size * unit.in_mm <= high]
        self.size = size
        self.suggestion: LengthUnit | None = fitting[0] if fitting else None
        if self.suggestion is None:
            advice = "no unit of mm, cm and m explains that; check the export, or pass its unit"
        else:
            word = {LengthUnit.CM: "centimeters", LengthUnit.M: "meters"}[self.suggestion]
            advice = f"is it in {word}? Then pass units={self.suggestion.value}"
        option = "|".join(unit.value for unit in LengthUnit)
        super().__init__(
            f"{name}: {size:.3g} mm across, but vessels measure {low:g} to {high:g} mm: "
            f"{advice} (--model-units {option})"
        )


def read_vessel_model(
    path: str | Path, units: LengthUnit | None = None, frame: ModelFrame | None = None
) -> VesselModel:
    """Read a model from .stl, .vtp, .vtk (legacy), .obj or .ply, clean it, close it and turn it outwards.

    Self-intersections are NOT tested; where the surface cuts through itself, a path length counts the overlap twice.

    Args:
        path: the file.
        units: length unit of its coordinates. None takes mm, or what the file says (OBJ of Mimics), and asks if the
            size then is impossible for vessels.
        frame: frame of its coordinates. None takes what the file says (`SPACE=RAS`), LPS if it says nothing.
    Returns:
        The model in LPS mm; `warnings` tell what was repaired or looks odd.
    Raises:
        UnitsQuestion: less than 20 or more than 1500 mm across, and no unit given.
        InputError: nothing that can be used: missing, empty, damaged, another format, no surface, NaN.
    """
    path = Path(path)
    units = _choice(units, LengthUnit, "length unit")
    frame = _choice(frame, ModelFrame, "model frame")
    surface = read_surface_file(path)
    scale = units.in_mm if units is not None else (surface.unit_in_mm or 1.0)
    notes = []
    if units is not None and surface.unit_in_mm not in (None, units.in_mm):
        notes.append(f"the file gives its unit as {surface.unit_in_mm:g} mm; read as {units.value}, as asked")
    if frame is not None and surface.frame not in (None, frame):
        notes.append(f"the file says that it is in {surface.frame.value}; read as {frame.value}, as asked")
    used = frame or surface.frame or ModelFrame.LPS
    with np.errstate(over="ignore"):  # what overflows is counted and refused later
        points = surface.points * scale
    if used is ModelFrame.RAS:
        points = points * np.array([-1.0, -1.0, 1.0])
    try:
        model = vessel_model_from_arrays(points, surface.triangles)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    size = float(np.linalg.norm(_extent(model.points_lps)))
    if units is None and not PLAUSIBLE_SIZE_MM[0] <= size <= PLAUSIBLE_SIZE_MM[1]:
        raise UnitsQuestion(str(path), size)
    return replace(model, warnings=(*notes, *model.warnings))


def _choice(value: Choice | str | None, kind: type[Choice], noun: str) -> Choice | None:
    """The member of an enumeration that is meant by a member or its value."""
    try:
        return None if value is None else kind(value)
    except ValueError as error:
        names = ", ".join(member.value for member in kind)
        raise InputError(f"{value!r} is no {noun}; use one of {names}") from error


def summarize(model: VesselModel) -> dict[str, Any]:
    """Describe a model in plain values that JSON can hold.

    Returns:
        points, triangles, pieces (counts); extent_mm (x, y, z of the box in LPS); closed; area_mm2;
        volume_mm3 (None where the surface is open); warnings.
    """
    triangles = np.asarray(model.triangles, dtype=np.int64)
    labels = piece_labels(triangles)
    volume = float(piece_volumes(model.points_lps, triangles, labels).sum()) if model.is_closed else None
    return {
        "points": len(model.points_lps),
        "triangles": len(triangles),
        "pieces": int(labels.max()) + 1,
        "extent_mm": [round(float(side), 3) for side in _extent(model.points_lps)],
        "closed": bool(model.is_closed),
        "area_mm2": round(float(triangle_areas(model.points_lps, triangles).sum()), 3),
        "volume_mm3": None if volume is None else round(volume, 3),
        "warnings": list(model.warnings),
    }


def _extent(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,) sides of the box around the points."""
    return np.asarray(np.ptp(points, axis=0), dtype=np.float64)
