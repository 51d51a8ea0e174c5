"""An X-ray run as the library sees it: frames, times and, per frame, a C-arm whose every value names its source.

Nothing here comes from the header but what is listed here: no names, identifiers, dates, free text or private text.

Frames and units
    Points and table positions: LPS mm. Angles: degrees, LAO + and CRA + (DICOM PS3.3 C.8.7.5.1.2).
    Pixels: (column, row), centres at integers. Spacing: (row, column), mm on the detector itself.
    Brightness: more X-ray absorption is darker, in every run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import CArm
from VesselSegmentationLib.errors import InputError, MissingGeometryError

FloatArray = NDArray[np.float64]


class Origin(str, Enum):
    """How far a value can be trusted: read, recovered from other values, supposed, given by the user, or absent."""

    HEADER = "header"
    FALLBACK = "fallback"
    ASSUMED = "assumed"
    USER = "user"
    MISSING = "missing"


@dataclass(frozen=True)
class Sourced:
    """A value with its unit, where it came from and how far off it may be."""

    value: float | tuple[float, ...] | None
    unit: str
    origin: Origin
    source: str
    """For example `(0018,1164) ImagerPixelSpacing` or `(0018,1149) FieldOfViewDimensions / Rows`."""
    uncertainty: float | None = None
    """About one standard deviation, in the same unit; None: not known. The reasons are in `xray_geometry`."""

    @classmethod
    def missing(cls, unit: str, source: str = "not in the header") -> Sourced:
        """A value that is not there."""
        return cls(None, unit, Origin.MISSING, source)

    @property
    def number(self) -> float:
        """The value as one number. Raises `MissingGeometryError` when there is none."""
        if not isinstance(self.value, (int, float)):
            raise MissingGeometryError(f"A number is needed here; the value is {self.value} ({self.source}).")
        return float(self.value)

    @property
    def numbers(self) -> tuple[float, ...]:
        """The value as several numbers. Raises `MissingGeometryError` when there are none."""
        if not isinstance(self.value, tuple):
            raise MissingGeometryError(f"Several numbers are needed here; the value is {self.value} ({self.source}).")
        return self.value


QUANTITIES = {
    "primary_angle": ("primary angle", "primaryAngleDeg"),
    "secondary_angle": ("secondary angle", "secondaryAngleDeg"),
    "sid": ("source-to-detector distance (SID)", "sidMm"),
    "sod": ("source-to-isocentre distance (SOD)", "sodMm"),
    "spacing": ("detector spacing", "spacingMm"),
    "principal_point": ("principal point", "principalPointPx"),
    "table": ("table position", "tableLpsMm"),
}
"""Field of `FrameGeometry`: (what people call it, key in a `.geometry.json`)."""

INCREMENTS = " + increments since the first frame"
"""Ends the source of a value that changes along the run."""

SAME_VIEW = 0.5
"""Degrees, millimetres and pixels by which two frames of one view may differ."""

NEEDED_FOR_C_ARM = ("primary_angle", "secondary_angle", "sid", "sod", "spacing")


@dataclass(frozen=True)
class FrameGeometry:
    """What is known of one frame's view."""

    primary_angle: Sourced
    secondary_angle: Sourced
    sid: Sourced
    sod: Sourced
    spacing: Sourced
    """(row, column), mm on the detector."""
    principal_point: Sourced
    """(column, row), pixels; no value: the middle of the picture."""
    table: Sourced
    """Position of the table, LPS mm of the patient: what is on the table moves by the difference of two positions."""
    table_is_relative: bool = False
    """True: counted from the run's first frame, so it says nothing about other runs."""

    def missing_for_c_arm(self) -> tuple[str, ...]:
        """The fields without which there is no projection."""
        return tuple(name for name in NEEDED_FOR_C_ARM if getattr(self, name).value is None)

    def c_arm(self, rows: int, columns: int) -> CArm:
        """The view as a camera for a picture of rows x columns pixels.

        Raises `MissingGeometryError`, naming each missing value and how to give it; `InputError` for
        values that no C-arm has, such as SOD > SID.
        """
        missing = self.missing_for_c_arm()
        if missing:
            names = ", ".join(QUANTITIES[name][0] for name in missing)
            keys = ", ".join(QUANTITIES[name][1] for name in missing)
            raise MissingGeometryError(
                f"The run does not say its {names}, so nothing can be projected. Give {keys} "
                "(as geometry values of the run, or for a picture in a file <name>.geometry.json beside it)."
            )
        principal_point = self.principal_point.value
        row_spacing, column_spacing = self.spacing.numbers
        return CArm(
            primary_angle_deg=self.primary_angle.number,
            secondary_angle_deg=self.secondary_angle.number,
            sid_mm=self.sid.number,
            sod_mm=self.sod.number,
            rows=rows,
            columns=columns,
            spacing_mm=(row_spacing, column_spacing),
            principal_point_px=(principal_point[0], principal_point[1]) if isinstance(principal_point, tuple) else None,
        )


@dataclass(frozen=True)
class Shutter:
    """The part of the picture that is meant to be seen (PS3.3 C.7.6.11); pixels, (column, row), centres at integers."""

    rectangle: tuple[float, float, float, float] | None = None
    """Left, right, upper and lower edge: what lies strictly between them is seen."""
    circle: tuple[float, float, float] | None = None
    """Column and row of the centre, radius."""
    polygon: tuple[tuple[float, float], ...] = ()

    def visible(self, rows: int, columns: int) -> NDArray[np.bool_]:
        """True where the picture is seen. Shape (rows, columns)."""
        row, column = np.mgrid[:rows, :columns]
        seen = np.ones((rows, columns), dtype=bool)
        if self.rectangle is not None:
            left, right, upper, lower = self.rectangle
            seen &= (column > left) & (column < right) & (row > upper) & (row < lower)
        if self.circle is not None:
            center_column, center_row, radius = self.circle
            seen &= (column - center_column) ** 2 + (row - center_row) ** 2 <= radius**2
        if self.polygon:
            from skimage.draw import polygon2mask

            seen &= polygon2mask((rows, columns), [(vertex[1], vertex[0]) for vertex in self.polygon])
        return seen


@dataclass(frozen=True, eq=False, repr=False)
class XRayRun:
    """One acquisition: a picture or a loop of pictures, read by `read_xray_run`."""

    name: str
    """The file's name without folder and extension, and nothing else."""
    frames: NDArray[Any]
    """(F, rows, columns), uint8 or uint16; more absorption is darker. `bits_stored` of them are used."""
    frame_times_ms: FloatArray
    """(F,), from the first frame."""
    geometry: tuple[FrameGeometry, ...]
    """One per frame, with the increments of angles and table applied."""
    frame_interval: Sourced = field(default_factory=lambda: Sourced.missing("ms"))
    """Mean time between frames and where it came from."""
    kind: str = "picture"
    """For example `X-ray angiography (XA)`, `Enhanced XA`, `PNG picture`."""
    modality: str = ""
    bits_stored: int = 8
    intensity_relationship: str = ""
    """`LIN`, `LOG`, `DISP`, `DRM`, ... (0028,1040), as stored; empty: not said."""
    photometric: str = ""
    """As stored, before the frames were turned to `more absorption is darker`."""
    plane: str = ""
    """`single`, `frontal (A)`, `lateral (B)` or empty."""
    patient_position: str = ""
    """`HFS`, ... (0018,5100); empty: not said."""
    shutter: Shutter | None = None
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.frames.ndim != 3 or self.frames.size == 0:
            raise InputError(f"A run needs frames x rows x columns pixels; this one has the shape {self.frames.shape}.")
        if len(self.geometry) != len(self.frames) or len(self.frame_times_ms) != len(self.frames):
            raise InputError(
                f"A run of {len(self.frames)} frames needs as many geometries and times; "
                f"it has {len(self.geometry)} and {len(self.frame_times_ms)}."
            )

    def __repr__(self) -> str:
        return (
            f"XRayRun({self.name!r}, {self.kind}, {self.frame_count} frames of {self.columns} x {self.rows} "
            f"{self.frames.dtype}, {len(self.warnings)} warnings)"
        )

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return len(self.frames)

    @property
    def rows(self) -> int:
        """Pixels from top to bottom."""
        return int(self.frames.shape[1])

    @property
    def columns(self) -> int:
        """Pixels from left to right."""
        return int(self.frames.shape[2])

    def c_arm(self, frame: int = 0) -> CArm:
        """The camera of one frame, from 0. Raises as `FrameGeometry.c_arm`, and `InputError` outside the run."""
        if not 0 <= frame < self.frame_count:
            raise InputError(f"Frame {frame} is not in the run: it has frames 0 to {self.frame_count - 1}.")
        return self.geometry[frame].c_arm(self.rows, self.columns)


def carry_pose(model_to_isocenter: FloatArray, from_table_lps: Any, to_table_lps: Any) -> FloatArray:
    """The pose after the table moved and carried the patient with it.

    model_to_isocenter: (4, 4), LPS mm. Table positions: (3,), LPS mm, of the same machine. Returns (4, 4).
    Example (tested): with the table moved from (9.2, 84, 503.9) to (9.2, 66.3, 503.9) the pose moves by (0, -17.7, 0).
    Valid while the table only translates; turning or tilting it is not carried.
    """
    pose = np.array(model_to_isocenter, dtype=float)
    start, end = np.array(from_table_lps, dtype=float), np.array(to_table_lps, dtype=float)
    if pose.shape != (4, 4) or not np.all(np.isfinite(pose)):
        raise InputError(f"A pose is a 4 x 4 matrix of finite numbers; this one has the shape {pose.shape}.")
    for position in (start, end):
        if position.shape != (3,) or not np.all(np.isfinite(position)):
            raise InputError(f"A table position is three finite numbers in LPS mm, not {position.tolist()}.")
    pose[:3, 3] += end - start
    return pose


def is_same_view(first: FrameGeometry, second: FrameGeometry) -> bool:
    """Neither C-arm nor table has moved between two frames of a run, by what its header says."""
    for name in QUANTITIES:
        here, there = (getattr(geometry, name).value for geometry in (first, second))
        if here is None or there is None:
            if here is not there:
                return False
        elif not np.allclose(here, there, rtol=0, atol=SAME_VIEW):
            return False
    return True


def table_shift_lps(start: FrameGeometry, end: FrameGeometry, same_run: bool = False) -> FloatArray:
    """How far the table moved between two frames, (3,) LPS mm.

    Frames of two runs need absolute positions from the same tags; frames of one run may be relative (`same_run`).
    Raises `MissingGeometryError` when the positions are missing or cannot be compared.
    """
    for geometry in (start, end):
        if geometry.table.value is None:
            raise MissingGeometryError(
                "The table position is not known, so no pose can follow the table. Give tableLpsMm, or register again."
            )
        if geometry.table_is_relative and not same_run:
            raise MissingGeometryError(
                "The table position counts from the first frame of its run, so it cannot be compared with another run. "
                "Give tableLpsMm for both runs, or register again."
            )
    if not same_run and _reference(start.table) != _reference(end.table):
        raise MissingGeometryError(
            f"The table positions come from different sources ({start.table.source}; {end.table.source}) and cannot be "
            "compared. Give tableLpsMm for both runs, or register again."
        )
    return np.array(end.table.numbers) - np.array(start.table.numbers)


def _reference(table: Sourced) -> str:
    return table.source.removesuffix(INCREMENTS)
