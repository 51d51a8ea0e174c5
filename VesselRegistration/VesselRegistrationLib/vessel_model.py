"""The patient's vessels as a triangle mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
