"""The patient's vessels as a triangle mesh."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray


class ModelFrame(str, Enum):
    """Patient frame of the coordinates in a model file. RAS = diag(-1, -1, 1) LPS."""

    LPS = "LPS"
    """DICOM's frame, and that of model files that do not say otherwise."""
    RAS = "RAS"
    """3D Slicer's scene; files that Slicer wrote in it say `SPACE=RAS`."""


class LengthUnit(str, Enum):
    """Length unit of the coordinates in a model file, which no mesh format records."""

    MM = "mm"
    CM = "cm"
    M = "m"

    @property
    def in_mm(self) -> float:
        """Millimeters per unit."""
        return {"mm": 1.0, "cm": 10.0, "m": 1000.0}[self.value]


@dataclass(frozen=True)
class VesselModel:
    """A vessel surface: points in LPS mm, triangles with outward normals (counter-clockwise seen from outside)."""

    points_lps: NDArray[np.float64]
    """(N, 3), mm."""
    triangles: NDArray[np.int32]
    """(M, 3) indices into the points."""
    is_closed: bool
    """Every edge belongs to exactly two triangles: only then has an X-ray path length a meaning."""
    warnings: tuple[str, ...] = ()
    """What was repaired or looks odd, in words for the user."""
