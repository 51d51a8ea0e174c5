"""The C-arm as a pinhole camera: DICOM angles, distances and detector pixels (PS3.3 C.8.7.5.1.2).

Convention
    Frame    LPS mm with the origin at the isocentre. RAS = diag(-1, -1, 1) LPS.
    Angles   degrees; primary a: LAO +, RAO -; secondary b: CRA +, CAU -; relative to the patient.
    Pixels   (column, row); columns to the right, rows downwards, pixel centres at integers.
    Depth    mm from the source along the central beam.

With a and b in radians, in LPS::

    beam  = ( sin a cos b, -cos a cos b, sin b )   isocentre to detector
    right = ( cos a,        sin a,       0     )   to the right in the picture
    up    = (-sin a sin b,  cos a sin b, cos b )   upwards in the picture

    depth = SOD + X . beam
    col   = col0 + (X . right) SID / depth / column spacing
    row   = row0 - (X . up)    SID / depth / row spacing

`right x (-up) = -beam`: the picture is seen from the detector, as clinicians are used to. A camera placed
at the source and built from a proper rotation shows its mirror image.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from VesselSegmentationLib.errors import InputError

FloatArray = NDArray[np.float64]


class ProjectionMode(str, Enum):
    """How points are carried to the detector."""

    PERSPECTIVE = "perspective"
    """True point source; the default."""
    PARALLEL = "parallel"
    """Same view direction, magnification SID / SOD for every depth: what an affine match assumes."""
    PAPER_EQUATION_3 = "paper-equation-3"
    """Rot_z(a) Rot_x(b) taken literally, parallel. No C-arm: a only turns the picture in its plane.
    Kept to reproduce Li et al. 2021 (equation 3), never a default."""


@dataclass(frozen=True)
class CArm:
    """One view: angles, distances and the detector's pixel grid.

    Example (tested): `CArm(30, 20, 1000, 750, 512, 512, (0.4, 0.4)).project([(10, -50, 20)])` gives
    column 204.5802, row 248.4140, depth 802.2288.
    """

    primary_angle_deg: float
    secondary_angle_deg: float
    sid_mm: float
    sod_mm: float
    rows: int
    columns: int
    spacing_mm: tuple[float, float]
    """(row spacing, column spacing) on the detector, never corrected for magnification."""
    principal_point_px: tuple[float, float] | None = None
    """(column, row) where the central beam meets the detector; None: the middle, ((Nc - 1) / 2, (Nr - 1) / 2)."""

    def __post_init__(self) -> None:
        values = (self.primary_angle_deg, self.secondary_angle_deg, self.sid_mm, self.sod_mm, *self.spacing_mm)
        if not all(math.isfinite(value) for value in values):
            raise InputError(f"The C-arm geometry holds a value that is not a number: {values}. Enter finite values.")
        if not 0 < self.sod_mm < self.sid_mm:
            raise InputError(
                f"SOD {self.sod_mm:g} mm must lie between 0 and SID {self.sid_mm:g} mm: "
                "the patient stands between the source and the detector."
            )
        if min(self.spacing_mm) <= 0:
            raise InputError(f"Detector spacing {self.spacing_mm} mm must be positive.")
        if self.rows < 1 or self.columns < 1:
            raise InputError(f"A detector of {self.columns} x {self.rows} pixels has no area.")

    @property
    def center_px(self) -> tuple[float, float]:
        """(column, row) of the principal point."""
        return self.principal_point_px or ((self.columns - 1) / 2, (self.rows - 1) / 2)

    @property
    def magnification(self) -> float:
        """SID / SOD, the enlargement of the isocentre plane on the detector."""
        return self.sid_mm / self.sod_mm

    def pixel_size_at_isocenter_mm(self) -> float:
        """Mean pixel size on the plane through the isocentre, mm."""
        return sum(self.spacing_mm) / 2 / self.magnification

    def axes_lps(self, mode: ProjectionMode = ProjectionMode.PERSPECTIVE) -> FloatArray:
        """Rows: image right, image up, isocentre-to-detector, as unit vectors in LPS. Shape (3, 3)."""
        a, b = math.radians(self.primary_angle_deg), math.radians(self.secondary_angle_deg)
        if mode is ProjectionMode.PAPER_EQUATION_3:
            turn = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
            tilt = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
            return turn @ tilt
        return np.array(
            [
                [math.cos(a), math.sin(a), 0.0],
                [-math.sin(a) * math.sin(b), math.cos(a) * math.sin(b), math.cos(b)],
                [math.sin(a) * math.cos(b), -math.cos(a) * math.cos(b), math.sin(b)],
            ]
        )

    def source_lps(self) -> FloatArray:
        """Position of the X-ray source, LPS mm from the isocentre. Shape (3,)."""
        return np.asarray(-self.sod_mm * self.axes_lps()[2])

    def project(self, points_lps: FloatArray, mode: ProjectionMode = ProjectionMode.PERSPECTIVE) -> FloatArray:
        """Column, row and depth (mm from the source) of points in LPS mm from the isocentre. (N, 3) to (N, 3).

        Points at or behind the source (depth <= 0) have no image: their column and row are NaN.
        """
        along = np.asarray(points_lps, dtype=float) @ self.axes_lps(mode).T
        depth = self.sod_mm + along[:, 2]
        if mode is ProjectionMode.PERSPECTIVE:
            with np.errstate(divide="ignore"):
                scale = np.where(depth > 0, self.sid_mm / depth, np.nan)
        else:
            scale = np.full_like(depth, self.magnification)
        column0, row0 = self.center_px
        row_spacing, column_spacing = self.spacing_mm
        column = column0 + along[:, 0] * scale / column_spacing
        row = row0 - along[:, 1] * scale / row_spacing
        return np.stack([column, row, depth], axis=1)

    def resized(self, rows: int, columns: int) -> CArm:
        """The same view on a detector of the same size cut into another number of pixels."""
        row_factor, column_factor = self.rows / rows, self.columns / columns
        column0, row0 = self.center_px
        return dataclasses.replace(
            self,
            rows=rows,
            columns=columns,
            spacing_mm=(self.spacing_mm[0] * row_factor, self.spacing_mm[1] * column_factor),
            principal_point_px=((column0 + 0.5) / column_factor - 0.5, (row0 + 0.5) / row_factor - 0.5),
        )

    def angle_text(self) -> str:
        """The angles as clinicians write them, for example `RAO 26.5 CAU 32.7`."""
        primary = f"{'LAO' if self.primary_angle_deg >= 0 else 'RAO'} {abs(self.primary_angle_deg):.1f}"
        secondary = f"{'CRA' if self.secondary_angle_deg >= 0 else 'CAU'} {abs(self.secondary_angle_deg):.1f}"
        return f"{primary} {secondary}"
