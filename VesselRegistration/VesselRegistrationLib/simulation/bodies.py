"""Bodies of even density whose X-ray path length has a closed formula, and smooth random fields."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import CArm, FloatArray

Picture = NDArray[np.float32]
OBLIQUE = 1.2
"""How much longer than straight below the source a sphere's shadow is, at most, at the edge of a detector."""


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid: bones, organs and gas are built from these."""

    center_lps: FloatArray
    """(3,) mm."""
    semi_axes_mm: FloatArray
    """(3,), along the columns of `rotation`."""
    attenuation_per_mm: float
    """What it adds per mm of ray; negative where it replaces something denser (lung and gas in soft tissue)."""
    rotation: FloatArray | None = None
    """(3, 3); None: along L, P and S."""


@dataclass(frozen=True)
class Spool:
    """A round or oval body between two planes, narrower in its middle: a vertebral body or, with no waist, a plate."""

    center_lps: FloatArray
    """(3,) mm."""
    semi_axes_mm: FloatArray
    """(3,): of the ends' outline, and half the height; along the columns of `rotation`."""
    attenuation_per_mm: float
    rotation: FloatArray
    """(3, 3); its third column is the axis."""
    waist: float = 1.0
    """How wide the middle is, as a share of the ends."""


Body = Ellipsoid | Spool


def pixel_rays(c_arm: CArm) -> tuple[FloatArray, Picture]:
    """Source (3,), LPS mm from the isocentre, and unit directions (3, rows, columns) of the pixels' rays."""
    column0, row0 = c_arm.center_px
    across = (np.arange(c_arm.columns, dtype=np.float32) - column0) * c_arm.spacing_mm[1]
    down = (np.arange(c_arm.rows, dtype=np.float32) - row0) * c_arm.spacing_mm[0]
    right, up, beam = (axis.astype(np.float32)[:, None, None] for axis in c_arm.axes_lps())
    direction = right * across[None, None, :] - up * down[None, :, None] + c_arm.sid_mm * beam
    return c_arm.source_lps(), direction / np.sqrt((direction**2).sum(axis=0))


def chord_mm(body: Ellipsoid, source_lps: FloatArray, directions: Picture) -> Picture:
    """Length of each ray inside the body. Shape (rows, columns).

    In coordinates in which the body is the unit sphere a ray s + t d is inside between the roots of
    |s + t d|^2 = 1; the difference of the roots is the length, since |d| was 1 in mm.
    """
    turn = np.eye(3) if body.rotation is None else body.rotation
    to_sphere = (turn / body.semi_axes_mm).T
    start = to_sphere @ (source_lps - body.center_lps)
    along = np.tensordot(to_sphere.astype(np.float32), directions, axes=1)
    a = (along**2).sum(axis=0)
    b = np.tensordot(start.astype(np.float32), along, axes=1)
    discriminant = b * b - a * np.float32(start @ start - 1)
    return np.asarray(2 * np.sqrt(np.maximum(discriminant, 0)) / a, dtype=np.float32)


def spool_chord_mm(body: Spool, source_lps: FloatArray, directions: Picture) -> Picture:
    """Length of each ray inside the body. Shape (rows, columns).

    In coordinates in which the ends are unit disks at z = -1 and 1, a point is inside the hyperboloid where
    x^2 + y^2 - k z^2 <= 1 - k with k = 1 - waist^2: along a ray s + t d a quadratic in t. Its roots bound the inside
    where its leading term is positive and the outside where it is negative (a ray steep to the axis).
    """
    to_unit = (body.rotation / body.semi_axes_mm).T
    start = (to_unit @ (source_lps - body.center_lps)).astype(np.float32)
    along = np.tensordot(to_unit.astype(np.float32), directions, axes=1)
    metric = np.array([1, 1, body.waist**2 - 1], dtype=np.float32)
    a = np.tensordot(metric, along**2, axes=1)
    b = np.tensordot(metric * start, along, axes=1)
    discriminant = b * b - a * (metric @ start**2 - np.float32(body.waist**2))
    a = np.where(np.abs(a) < 1e-12, np.float32(1e-12), a)
    dz = np.where(np.abs(along[2]) < 1e-9, np.float32(1e-9), along[2])
    enter, leave = np.sort([(-1 - start[2]) / dz, (1 - start[2]) / dz], axis=0)
    root = np.sqrt(np.maximum(discriminant, 0))
    near, far = np.sort([(-b - root) / a, (-b + root) / a], axis=0)
    between = np.maximum(np.minimum(far, leave) - np.maximum(near, enter), 0)
    return np.asarray(np.where(a > 0, between, leave - enter - between), dtype=np.float32)


def absorbance(bodies: Iterable[Body], c_arm: CArm) -> Picture:
    """Sum of attenuation times length over all bodies. Shape (rows, columns)."""
    source, directions = pixel_rays(c_arm)
    total = np.zeros((c_arm.rows, c_arm.columns), dtype=np.float32)
    for body in bodies:
        rows, columns = _window(body, c_arm)
        rays = directions[:, rows, columns]
        if not rays.size:
            continue
        if isinstance(body, Spool):
            length = spool_chord_mm(body, source, rays)
        else:
            length = chord_mm(body, source, rays)
        total[rows, columns] += np.float32(body.attenuation_per_mm) * length
    return total


def _window(body: Body, c_arm: CArm) -> tuple[slice, slice]:
    """Rows and columns that hold the shadow of the sphere around a body."""
    a, b, c = body.semi_axes_mm
    radius = float(np.hypot(max(a, b), c)) if isinstance(body, Spool) else float(max(a, b, c))
    column, row, depth = c_arm.project(body.center_lps[None])[0]
    if depth < 3 * radius:
        return slice(None), slice(None)
    reach = OBLIQUE * radius * c_arm.sid_mm / (depth - radius) / np.array(c_arm.spacing_mm)
    first = np.floor(np.maximum((row, column) - reach, 0)).astype(int)
    last = np.ceil(np.maximum((row, column) + reach + 1, 0)).astype(int)
    return slice(int(first[0]), int(last[0])), slice(int(first[1]), int(last[1]))


def clouds(rng: np.random.Generator, size: int, cells: int, octaves: int = 4, roughness: float = 0.55) -> Picture:
    """A smooth random field of zero mean and unit spread: `cells` blobs across, finer and weaker ones on top."""
    from scipy.ndimage import zoom

    field = np.zeros((size, size), dtype=np.float32)
    for octave in range(octaves):
        count = cells * 2**octave
        if count > size // 2:
            break
        coarse = rng.normal(size=(count + 3, count + 3)).astype(np.float32)
        fine = zoom(coarse, size / count, order=3, prefilter=False)
        top, left = rng.integers(0, fine.shape[0] - size + 1, 2)
        field += np.float32(roughness**octave) * fine[top : top + size, left : left + size]
    return np.asarray((field - field.mean()) / max(float(field.std()), 1e-6), dtype=np.float32)
