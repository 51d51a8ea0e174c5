"""Things in the picture that are dark and long but no vessels: catheters, wires, leads, probes, stents, electrodes.

A device is a curve on the detector with a width in mm at the isocentre; it lies still in the picture. Those in a vessel
follow a branch's centreline. Attenuations are per device, as absorbance across its middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.projection import transform_points
from VesselRegistrationLib.simulation.anatomy import VesselTree
from VesselRegistrationLib.simulation.bodies import Picture

FRENCH_MM = 1 / 3


@dataclass(frozen=True)
class Device:
    """One curve: `path` (N, 2) as shares of the picture's side (column, row), so that any picture size can draw it."""

    path: FloatArray
    width_mm: float
    absorbance: float
    hollow: float = 0.0
    """How much of the middle is missing: catheters have a lumen."""


def sample_devices(rng: np.random.Generator, tree: VesselTree, c_arm: CArm, pose: FloatArray) -> tuple[Device, ...]:
    """A random choice of devices for a view of a tree."""
    devices: list[Device] = []
    if rng.random() < 0.55:
        devices += [_in_vessel(rng, tree, c_arm, pose) for _ in range(rng.integers(1, 3))]
    if rng.random() < 0.45:
        devices += [_loose(rng) for _ in range(rng.integers(1, 4))]
    if rng.random() < 0.12:
        devices.append(_pigtail(rng, c_arm))
    if rng.random() < 0.15:
        devices += _pacing_lead(rng)
    if rng.random() < 0.12:
        devices += _sternal_wires(rng, c_arm)
    if rng.random() < 0.1:  # transoesophageal probe
        devices.append(Device(_wandering(rng, 0.4), rng.uniform(9, 13), rng.uniform(0.3, 0.9)))
    if rng.random() < 0.12:
        devices += _stent(rng, c_arm)
    if rng.random() < 0.15:
        devices += [_electrode(rng, c_arm) for _ in range(rng.integers(1, 5))]
    return tuple(devices)


def device_absorbance(devices: tuple[Device, ...], c_arm: CArm) -> Picture:
    """What all devices together absorb. Shape (rows, columns)."""
    total = np.zeros((c_arm.rows, c_arm.columns), dtype=np.float32)
    for device in devices:
        _draw(total, device, c_arm.pixel_size_at_isocenter_mm())
    return total


def _draw(total: Picture, device: Device, pixel_mm: float) -> None:
    """Add one device: the chord of a round tube across its curve, less its lumen."""
    from scipy.ndimage import distance_transform_edt
    from scipy.spatial import cKDTree

    rows, columns = total.shape
    points = _dense(device.path * (columns, rows) - 0.5)
    cells = np.rint(points).astype(int)
    inside = np.all((cells >= 0) & (cells < (columns, rows)), axis=1)
    if not inside.any():
        return
    width_px = device.width_mm / pixel_mm
    radius = max(width_px / 2, 0.35) + 0.5  # half a pixel more: a pixel averages over its area
    away = np.ones((rows, columns), dtype=bool)
    away[cells[inside, 1], cells[inside, 0]] = False
    near = np.argwhere(distance_transform_edt(away) <= radius + 1)
    distance, _ = cKDTree(points[:, ::-1]).query(near)
    chord = _chord(distance / radius)
    if device.hollow:
        chord = np.clip(chord - device.hollow * _chord(distance / (0.65 * radius)), 0, 1)
    total[near[:, 0], near[:, 1]] += (device.absorbance * min(1.0, width_px) * chord).astype(np.float32)


def _chord(distance: NDArray[np.floating]) -> FloatArray:
    return np.asarray(np.sqrt(np.clip(1 - distance**2, 0, 1)))


def _dense(path_px: FloatArray, step_px: float = 0.4) -> FloatArray:
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path_px, axis=0), axis=1))])
    places = np.arange(0, max(along[-1], step_px), step_px)
    return np.stack([np.interp(places, along, path_px[:, axis]) for axis in range(2)], axis=1)


def _wandering(rng: np.random.Generator, bend: float = 1.0) -> FloatArray:
    """A smooth curve somewhere across the picture. Shape (160, 2), shares of the side."""
    from scipy.interpolate import CubicSpline

    place, heading = rng.uniform(-0.1, 1.1, 2), rng.uniform(0, 2 * np.pi)
    knots = [place]
    for _ in range(rng.integers(4, 7)):
        heading += rng.normal(0, 0.55 * bend)
        knots.append(knots[-1] + rng.uniform(0.1, 0.35) * np.array([np.cos(heading), np.sin(heading)]))
    return np.asarray(CubicSpline(np.arange(len(knots)), np.array(knots))(np.linspace(0, len(knots) - 1, 160)))


def _in_vessel(rng: np.random.Generator, tree: VesselTree, c_arm: CArm, pose: FloatArray) -> Device:
    """A wire or catheter along a branch, off its middle by up to half its radius."""
    from scipy.ndimage import gaussian_filter1d

    wide = [branch for branch in tree.branches if branch.radii_mm.mean() > 1.6] or list(tree.branches)
    branch = wide[rng.integers(len(wide))]
    wobble = gaussian_filter1d(rng.normal(size=branch.points_lps.shape), 8, axis=0)
    wobble *= 0.27 / max(float(wobble.std()), 1e-6)
    points = branch.points_lps + wobble * np.minimum(branch.radii_mm, 9)[:, None]
    pixels = c_arm.project(transform_points(pose, points))[:, :2]
    width = float(rng.choice([0.9, 5 * FRENCH_MM, 6 * FRENCH_MM, 7 * FRENCH_MM, 16 * FRENCH_MM]))
    if width < 1:
        return Device((pixels + 0.5) / (c_arm.columns, c_arm.rows), width, rng.uniform(0.12, 0.9))
    hollow = 0.5 if rng.random() < 0.6 else 0.0
    return Device((pixels + 0.5) / (c_arm.columns, c_arm.rows), width, rng.uniform(0.12, 0.45), hollow)


def _loose(rng: np.random.Generator) -> Device:
    width = float(rng.choice([0.4, 0.9, 1.8, 2.4]))
    hollow = 0.5 if width > 1.5 and rng.random() < 0.5 else 0.0
    return Device(_wandering(rng), width, rng.uniform(0.1, 0.9 if width < 1.5 else 0.4), hollow)


def _pigtail(rng: np.random.Generator, c_arm: CArm) -> Device:
    angle = np.linspace(0, rng.uniform(4, 7), 80)
    radius = rng.uniform(4, 8) / c_arm.pixel_size_at_isocenter_mm() / c_arm.columns
    loop = rng.uniform(0.2, 0.8, 2) + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    shaft = loop[-1] + np.linspace(0, 1, 60)[:, None] * (0.6 * rng.normal(size=2))
    return Device(np.concatenate([loop, shaft]), 5.5 * FRENCH_MM, rng.uniform(0.1, 0.4))


def _pacing_lead(rng: np.random.Generator) -> list[Device]:
    path = _wandering(rng)
    return [Device(path, 1.6, rng.uniform(0.2, 0.7)), Device(path[-8:], 2.4, rng.uniform(0.8, 1.5))]


def _ring(center: FloatArray, across_mm: float, down_mm: float, c_arm: CArm) -> FloatArray:
    angle = np.linspace(0, 2 * np.pi, 50)
    size = np.array([across_mm, down_mm]) / c_arm.pixel_size_at_isocenter_mm() / (c_arm.columns, c_arm.rows)
    return center + size * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _sternal_wires(rng: np.random.Generator, c_arm: CArm) -> list[Device]:
    column = rng.uniform(0.2, 0.8)
    places = [np.array([column + rng.normal(0, 0.01), row]) for row in np.linspace(0.05, 0.95, rng.integers(4, 7))]
    return [
        Device(_ring(place, rng.uniform(5, 9), rng.uniform(2, 5), c_arm), 0.8, rng.uniform(0.5, 1.3))
        for place in places
    ]


def _stent(rng: np.random.Generator, c_arm: CArm) -> list[Device]:
    """Zigzag rings side by side: a stent graft or the frame of a valve."""
    scale = 1 / c_arm.pixel_size_at_isocenter_mm() / c_arm.columns
    width, height, angle = rng.uniform(10, 15) * scale, rng.uniform(8, 16) * scale, rng.uniform(0, np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    center, dark = rng.uniform(0.25, 0.75, 2), rng.uniform(0.3, 0.9)
    zigzag = 0.25 * height * (-1.0) ** np.arange(13)
    return [
        Device(center + np.stack([np.linspace(-width, width, 13), ring * 0.5 * height + zigzag], 1) @ turn.T, 0.6, dark)
        for ring in range(rng.integers(1, 5))
    ]


def _electrode(rng: np.random.Generator, c_arm: CArm) -> Device:
    radius = rng.uniform(1, 5)
    return Device(_ring(rng.uniform(0, 1, 2), radius, radius, c_arm), 1.5, rng.uniform(0.2, 1.2))
