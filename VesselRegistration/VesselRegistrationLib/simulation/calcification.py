"""Calcified plaques in the walls of arteries: dense flecks and tracks, seen without contrast, moving with the vessel.

A plaque is a patch of wall, so it is darkest where rays run along it, at the vessel's edges. It is no contrast-filled
vessel in the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.projection import transform_points
from VesselRegistrationLib.simulation import curves
from VesselRegistrationLib.simulation.anatomy import Branch, VesselTree
from VesselRegistrationLib.simulation.bodies import Picture
from VesselRegistrationLib.simulation.extras import Extras

STEP_MM = 0.6
"""Between the points of a plaque."""
LEAST_RADIUS_MM = 1.0
"""Of the vessels that calcify."""
BLUR_MM = 0.35


@dataclass(frozen=True)
class Plaques:
    """All plaques of a patient as points on the walls."""

    points_lps: FloatArray
    """(N, 3) mm, in the tree's coordinates."""
    absorbed_mm2: FloatArray
    """(N,): the absorbance of each point times the area that it covers."""


def sample_plaques(rng: np.random.Generator, tree: VesselTree, extras: Extras) -> Plaques:
    """Random plaques, more on longer and wider vessels."""
    wide = [branch for branch in tree.branches if branch.radii_mm.mean() >= LEAST_RADIUS_MM] or list(tree.branches)
    weights = np.array([branch.length_mm * np.sqrt(branch.radii_mm.mean()) for branch in wide])
    chosen = rng.choice(len(wide), size=int(rng.integers(5, 26)), p=weights / weights.sum())
    patches = [_patch(rng, wide[index]) for index in chosen]
    absorbed = [
        np.full(len(patch), rng.uniform(*extras.plaque_absorbance) * STEP_MM**2 * rng.uniform(0.6, 1.4))
        for patch in patches
    ]
    return Plaques(np.concatenate(patches), np.concatenate(absorbed))


def _patch(rng: np.random.Generator, branch: Branch) -> FloatArray:
    """Points (N, 3) of one plaque, ragged at its borders."""
    arc = curves.arc_lengths_mm(branch.points_lps)
    radius = float(branch.radii_mm.mean())
    length, span = rng.uniform(2, 6 + 2 * radius), rng.uniform(0.4, 2.2)
    middle, turn = rng.uniform(0, arc[-1]), rng.uniform(0, 2 * np.pi)
    along = np.arange(middle - length / 2, middle + length / 2, STEP_MM).clip(0, arc[-1])
    around = np.arange(-span / 2, span / 2, STEP_MM / radius)
    places = np.stack([np.interp(along, arc, branch.points_lps[:, axis]) for axis in range(3)], axis=1)
    radii = np.interp(along, arc, branch.radii_mm)
    tangent = curves.unit(branch.points_lps[-1] - branch.points_lps[0] + 1e-6)
    first = curves.unit(np.cross(tangent, (0.31, 0.77, 0.55)))
    second = np.cross(tangent, first)
    out = np.cos(around + turn)[:, None] * first + np.sin(around + turn)[:, None] * second
    points = places[:, None] + radii[:, None, None] * out[None]
    ellipse = ((along - along.mean()) / (0.5 * length)) ** 2
    inside = ellipse[:, None] + (2 * around / span)[None] ** 2 < rng.uniform(0.3, 1.3, (len(along), len(around)))
    kept = points[inside]
    return np.asarray((kept if len(kept) else points.reshape(-1, 3)[:1]) + rng.normal(0, 0.25, (max(len(kept), 1), 3)))


def plaque_absorbance(plaques: Plaques, c_arm: CArm, pose: FloatArray) -> Picture:
    """What the plaques absorb at a pose. Shape (rows, columns)."""
    from scipy.ndimage import gaussian_filter

    columns, rows = np.rint(c_arm.project(transform_points(pose, plaques.points_lps))[:, :2]).astype(int).T
    inside = (columns >= 0) & (columns < c_arm.columns) & (rows >= 0) & (rows < c_arm.rows)
    pixel_mm = c_arm.pixel_size_at_isocenter_mm()
    total = np.zeros((c_arm.rows, c_arm.columns), dtype=np.float32)
    np.add.at(total, (rows[inside], columns[inside]), plaques.absorbed_mm2[inside] / pixel_mm**2)
    return np.asarray(gaussian_filter(total, max(0.5, BLUR_MM / pixel_mm)), dtype=np.float32)
