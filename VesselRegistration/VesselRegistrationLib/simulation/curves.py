"""Smooth random curves and radius profiles that simulated vessels are built from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

FloatArray = NDArray[np.float64]


def arc_lengths_mm(points: FloatArray) -> FloatArray:
    """Distance along the polyline from its first point to each point. (N, 3) to (N,)."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])


def resampled(points: FloatArray, spacing_mm: float) -> FloatArray:
    """The polyline with equally spaced points, at most `spacing_mm` apart; both ends are kept. (N, 3) to (M, 3)."""
    arc = arc_lengths_mm(points)
    count = max(int(np.ceil(arc[-1] / spacing_mm)), 1) + 1
    at = np.linspace(0.0, arc[-1], count)
    return np.stack([np.interp(at, arc, points[:, axis]) for axis in range(3)], axis=1)


def smooth_path(controls: ArrayLike, spacing_mm: float) -> FloatArray:
    """A natural cubic spline, parameterized by chord length, through control points (K, 3). Returns (N, 3)."""
    knots = np.asarray(controls, dtype=float)
    if len(knots) < 3:
        return resampled(knots, spacing_mm)
    arc = arc_lengths_mm(knots)
    spline = CubicSpline(arc, knots, bc_type="natural")
    dense = spline(np.linspace(0.0, arc[-1], max(int(2 * arc[-1] / spacing_mm), 8)))
    return resampled(dense, spacing_mm)


def tangents(points: FloatArray) -> FloatArray:
    """Unit direction of travel at each point. (N, 3) to (N, 3)."""
    step = np.gradient(points, axis=0)
    return np.asarray(step / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9))


def wander(
    points: FloatArray,
    rng: np.random.Generator,
    amplitude_mm: float,
    wavelength_mm: float,
    fade_mm: float = 10.0,
    spacing_mm: float | None = None,
) -> FloatArray:
    """Adds low-frequency tortuosity across the direction of travel; the first point stays. (N, 3) to (M, 3).

    Four sine waves of random direction and phase, wavelengths within a factor of 1.7 of `wavelength_mm`.
    `amplitude_mm` is about the root mean square of the displacement. The result is resampled to `spacing_mm`
    (default: the present spacing) because the detours lengthen the path.
    """
    arc = arc_lengths_mm(points)
    waves = 4
    wavelengths = wavelength_mm * 1.7 ** rng.uniform(-1, 1, waves)
    phases = rng.uniform(0, 2 * np.pi, waves)
    directions = rng.normal(size=(waves, 3))
    offset = np.sin(2 * np.pi * arc[:, None] / wavelengths + phases) @ directions
    along = tangents(points)
    offset -= np.sum(offset * along, axis=1, keepdims=True) * along
    fade = np.minimum(arc / max(fade_mm, 1e-6), 1.0)
    moved = points + offset * (fade**2 * (3 - 2 * fade))[:, None] * (amplitude_mm / np.sqrt(waves))
    return resampled(moved, spacing_mm or float(arc[-1] / max(len(points) - 1, 1)))


def tapered_radii(count: int, first_mm: float, last_mm: float, power: float = 1.0) -> FloatArray:
    """Radii running from `first_mm` to `last_mm`; a power below 1 narrows early, above 1 late. Shape (count,)."""
    return np.asarray(first_mm + (last_mm - first_mm) * np.linspace(0, 1, count) ** power)


def profile_radii(points: FloatArray, stations: Sequence[tuple[float, float]]) -> FloatArray:
    """Radii interpolated between (fraction of the length, radius mm) stations. (N, 3) to (N,)."""
    arc = arc_lengths_mm(points)
    at, radii = np.array(stations).T
    return np.interp(arc / arc[-1], at, radii)


def bump(points: FloatArray, at_fraction: float, length_mm: float, relative_change: float) -> FloatArray:
    """Factor (N,) for radii: 1 + `relative_change` at one place, back to 1 over `length_mm` (raised cosine).

    Negative changes are stenoses, positive ones ectasias or aneurysms.
    """
    arc = arc_lengths_mm(points)
    away = np.clip(np.abs(arc - at_fraction * arc[-1]) / (length_mm / 2), 0, 1)
    return np.asarray(1 + relative_change * (0.5 + 0.5 * np.cos(np.pi * away)))


def uneven(points: FloatArray, rng: np.random.Generator, relative: float = 0.04) -> FloatArray:
    """Factor (N,) for radii: the slight irregularity of any vessel wall, 10 to 30 mm long waves."""
    arc = arc_lengths_mm(points)
    wavelengths = rng.uniform(10, 30, 3)
    waves = np.sin(2 * np.pi * arc[:, None] / wavelengths + rng.uniform(0, 6.3, 3))
    return np.asarray(1 + relative * waves.mean(axis=1))


def unit(vector: ArrayLike) -> FloatArray:
    """The vector scaled to length 1. (3,) to (3,)."""
    values = np.asarray(vector, dtype=float)
    return np.asarray(values / np.linalg.norm(values))
