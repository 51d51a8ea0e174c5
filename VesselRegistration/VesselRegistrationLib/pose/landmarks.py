"""Named points that were marked on the model and in pictures: ostia, bifurcations, the annulus. Reading and checking.

A landmarks file::

    {
      "coordinateSystem": "LPS",                        or "RAS"; of the model's points
      "model": {"left ostium": [12.5, -40.0, 7.0]},     mm, in the model's own coordinates
      "pictures": [
        {"run": "run1", "frame": 3, "points": {"left ostium": [201.5, 180.0]}}
      ]
    }

`run` is the file name of the X-ray run; `frame` counts from 0 and may be left out where nothing moves. Pixels are
(column, row) of the frame, centres at integers. In place of the model's points `"model"` may name a markups file that
3D Slicer saved (`ostia.mrk.json`, beside the landmarks file), which says its frame itself: the labels are the names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.xray_run import XRayRun
from VesselSegmentationLib.errors import InputError

EXAMPLE = (
    '{"coordinateSystem": "LPS", "model": {"left ostium": [x, y, z]}, '
    '"pictures": [{"run": "run1", "points": {"left ostium": [column, row]}}]}'
)
MARKUPS_SUFFIX = ".mrk.json"
LIMIT_BYTES = 10_000_000


@dataclass(frozen=True)
class PictureMarks:
    """Points that were marked in one picture."""

    run: str
    """The run's file name without folder and extension."""
    frame: int | None
    """From 0; None: any frame of the run."""
    points_px: dict[str, FloatArray]
    """Name to (column, row)."""

    def is_of(self, run: XRayRun, frame: int) -> bool:
        """Whether the points were marked on this frame."""
        return self.run == run.name and self.frame in (None, frame)


@dataclass(frozen=True)
class Landmarks:
    """Named points of one model and where pictures show them."""

    source: str
    """File name, for messages."""
    model_lps: dict[str, FloatArray]
    """Name to (3,), LPS mm in the model's coordinates."""
    pictures: tuple[PictureMarks, ...]

    def marks_of(self, run: XRayRun, frame: int) -> dict[str, FloatArray]:
        """Name to (column, row) of what is marked on a frame; empty for a frame without marks."""
        return {name: px for marks in self.pictures if marks.is_of(run, frame) for name, px in marks.points_px.items()}

    def marked_frame(self, run: XRayRun) -> int | None:
        """The first frame of a run that marks name, if any."""
        frames = [marks.frame for marks in self.pictures if marks.run == run.name and marks.frame is not None]
        return frames[0] if frames else None

    def checked_for(self, runs: list[XRayRun]) -> Landmarks:
        """The landmarks, if they can serve these runs.

        Raises InputError where no picture point belongs to any of them, or one lies outside its picture or run.
        """
        if not any(marks.run == run.name for marks in self.pictures for run in runs):
            marked, given = (", ".join(sorted(set(names))) for names in self._names_of(runs))
            raise InputError(f"{self.source} marks no point on {given}, but on {marked}: check the name of the run.")
        for marks in self.pictures:
            named = [run for run in runs if run.name == marks.run]
            if len(named) > 1:
                raise InputError(
                    f"{self.source} marks points on {marks.run}, and {len(named)} runs are named so; rename the files."
                )
            for run in named:
                _check_inside(marks, run, self.source)
        return self

    def _names_of(self, runs: list[XRayRun]) -> tuple[list[str], list[str]]:
        return [marks.run for marks in self.pictures], [run.name for run in runs]


def read_landmarks(path: Path | str) -> Landmarks:
    """Landmarks from a file as described above. Raises InputError, naming what is wrong, for anything else."""
    path = Path(path)
    content = _json(path, "landmarks file")
    if "markups" in content:
        raise InputError(
            f'{path} holds points of the model alone. Name it as "model" in a landmarks file that has the pictures\' '
            f"points: {EXAMPLE}"
        )
    if not isinstance(content.get("pictures"), list) or not isinstance(content.get("model"), (dict, str)):
        raise InputError(f'{path} is no landmarks file: "model" and "pictures" are needed, as in {EXAMPLE}')
    model = _model_points(content, path)
    pictures = tuple(_picture(entry, model, path) for entry in content["pictures"])
    if not any(marks.points_px for marks in pictures):
        raise InputError(f"{path} marks no point of the model in any picture; at least one shared name is needed.")
    places = [(marks.run, marks.frame) for marks in pictures]
    if len(set(places)) < len(places):
        raise InputError(f"{path} lists one frame of a run twice; put all its points in one entry.")
    return Landmarks(path.name, model, pictures)


def _json(path: Path, kind: str) -> dict[str, Any]:
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise InputError(f"{path} has more than {LIMIT_BYTES / 1e6:g} MB, which no {kind} needs.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The {kind} {path} cannot be read ({error.strerror or error}); check its path.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not readable JSON ({error}). Expected as in {EXAMPLE}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is no {kind}. Expected as in {EXAMPLE}")
    return content


def _model_points(content: dict[str, Any], path: Path) -> dict[str, FloatArray]:
    model = content["model"]
    if isinstance(model, str):
        return _markups(path.parent / model)
    return _in_lps(_points(model, 3, f"{path}, model"), content.get("coordinateSystem"), path)


def _markups(path: Path) -> dict[str, FloatArray]:
    """Points of a markups file of 3D Slicer (schema markups v1.0); those that were not placed are left out."""
    if not path.name.endswith(MARKUPS_SUFFIX):
        raise InputError(f"The model's points {path} must be a markups file of 3D Slicer ({MARKUPS_SUFFIX}).")
    content = _json(path, "markups file")
    found: dict[str, FloatArray] = {}
    markups = content.get("markups")
    if not isinstance(markups, list) or not all(isinstance(markup, dict) for markup in markups):
        raise InputError(f"{path} is no markups file of 3D Slicer: it has no list of markups.")
    for markup in markups:
        unit = markup.get("coordinateUnits", "mm")
        if unit not in ("mm", ["mm"] * 3):
            raise InputError(f"{path} counts in {unit!r}; save the points in mm.")
        points = markup.get("controlPoints", [])
        if not isinstance(points, list) or not all(isinstance(point, dict) for point in points):
            raise InputError(f"{path} is no markups file of 3D Slicer: its controlPoints are no list of points.")
        placed = [point for point in points if point.get("positionStatus", "defined") == "defined"]
        names = [str(point.get("label", "")).strip() for point in placed]
        twice = {name for name in names if names.count(name) > 1 or name in found}
        if twice:
            raise InputError(f"{path} has more than one point named {', '.join(sorted(twice))}: rename them.")
        positions = {name: point.get("position") for name, point in zip(names, placed, strict=True)}
        found |= _in_lps(_points(positions, 3, str(path)), markup.get("coordinateSystem"), path)
    if not found:
        raise InputError(f"{path} holds no placed point.")
    return found


def _in_lps(points: dict[str, FloatArray], frame: Any, path: Path) -> dict[str, FloatArray]:
    if frame not in ("LPS", "RAS"):
        raise InputError(f'{path} says coordinateSystem {frame!r}; write "LPS" or "RAS".')
    signs = np.array([1.0, 1.0, 1.0] if frame == "LPS" else [-1.0, -1.0, 1.0])
    return {name: point * signs for name, point in points.items()}


def _picture(entry: Any, model: Mapping[str, FloatArray], path: Path) -> PictureMarks:
    if not isinstance(entry, dict) or not isinstance(entry.get("run"), str):
        raise InputError(f'{path}: each entry of "pictures" needs the name of its "run", as in {EXAMPLE}')
    run, frame = Path(entry["run"]).name, entry.get("frame")
    if frame is not None and (not isinstance(frame, int) or isinstance(frame, bool) or frame < 0):
        raise InputError(f"{path}: frame {frame!r} of {run} must be a number of 0 or more.")
    points = _points(entry.get("points"), 2, f"{path}, {run}")
    unknown = sorted(set(points) - set(model))
    if unknown:
        raise InputError(
            f"{path}: {', '.join(map(repr, unknown))} of {run} is not marked on the model, which has "
            f"{', '.join(map(repr, model)) or 'no points'}."
        )
    return PictureMarks(Path(run).stem, frame, points)


def _points(points: Any, size: int, where: str) -> dict[str, FloatArray]:
    if not isinstance(points, dict):
        raise InputError(f'{where}: points are given as {{"name": [{size} numbers]}}, not as {type(points).__name__}.')
    found = {}
    for name, values in points.items():
        is_list = isinstance(values, list) and len(values) == size
        if not is_list or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
            raise InputError(f"{where}: the point {name!r} needs {size} numbers, not {values!r}.")
        found[name] = np.array(values, dtype=float)
        if not np.isfinite(found[name]).all():
            raise InputError(f"{where}: the point {name!r} has a number that is not finite: {values}.")
    return found


def _check_inside(marks: PictureMarks, run: XRayRun, source: str) -> None:
    if marks.frame is not None and marks.frame >= run.frame_count:
        raise InputError(
            f"{source}: frame {marks.frame} is not in {run.name}, which has frames 0 to {run.frame_count - 1}."
        )
    for name, (column, row) in marks.points_px.items():
        if not (-0.5 <= column <= run.columns - 0.5 and -0.5 <= row <= run.rows - 0.5):
            raise InputError(
                f"{source}: {name!r} at column {column:g}, row {row:g} lies outside {run.name}, which has "
                f"{run.columns} x {run.rows} pixels."
            )
