"""What surrounds the vessels: torso, lungs, heart, liver and diaphragm, spine, ribs, pelvis, femurs, bowel gas.

Sizes are rounded from common anatomical knowledge and varied widely: a network must not learn the background, so it
need only be as cluttered as a real one. Attenuations are relative to water at about 60 keV (0.02 / mm).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.simulation.anatomy import Branch
from VesselRegistrationLib.simulation.bodies import Body, Ellipsoid
from VesselRegistrationLib.simulation.extras import Stream, drawn
from VesselRegistrationLib.simulation.vertebrae import waisted_vertebrae

WATER_PER_MM = 0.019
BONE_EXCESS_PER_MM = 0.045
LUNG_EXCESS_PER_MM = -0.013
GAS_EXCESS_PER_MM = -0.019
"""Excess: what the body adds to the soft tissue it lies in."""


@dataclass(frozen=True)
class Tissue:
    """One simulated body around the vessels, LPS mm from the isocentre."""

    bodies: tuple[Body, ...]
    ribs: tuple[Branch, ...]
    """As tubes, to be meshed; empty where there are none."""


def make_tissue(region: str, rng: np.random.Generator, waisted_share: float = 0.0) -> Tissue:
    """A random body for a region of the vessel trees ("upper", "coronary", "lower" or "phantom").

    `waisted_share` is the chance of vertebrae with a waist instead of ellipsoids.
    """
    ribs: list[Branch] = []
    for_spine = drawn(rng, Stream.VERTEBRAE, waisted_share)
    if region in ("upper", "coronary"):
        bodies = _chest(rng, for_spine)
        if rng.random() < 0.85:
            ribs = _ribs(rng)
    elif region == "lower":
        bodies = _abdomen_and_pelvis(rng, for_spine)
    else:
        bodies = _laboratory(rng)
    bodies += [_blob(rng, 110, (10, 60), WATER_PER_MM * rng.uniform(-0.25, 0.35)) for _ in range(rng.integers(0, 6))]
    return Tissue(tuple(bodies), tuple(ribs))


def _body(center: ArrayLike, semi_axes: ArrayLike, attenuation: float, rotation: FloatArray | None = None) -> Ellipsoid:
    return Ellipsoid(np.asarray(center, dtype=float), np.asarray(semi_axes, dtype=float), float(attenuation), rotation)


def _turn(axes: str, degrees: ArrayLike) -> FloatArray:
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_euler(axes, degrees, degrees=True).as_matrix())


def _blob(rng: np.random.Generator, reach: float, sizes: tuple[float, float], attenuation: float) -> Ellipsoid:
    """An ellipsoid of random place, size and direction."""
    center, axes = rng.uniform(-reach, reach, 3), rng.uniform(*sizes, 3)
    return _body(center, axes, attenuation, _turn("xyz", rng.uniform(-90, 90, 3)))


def _chest(rng: np.random.Generator, for_spine: np.random.Generator | None) -> list[Body]:
    spine = np.array([rng.normal(0, 8), rng.uniform(45, 70)])
    bodies: list[Body] = [_body((0, 0, -20), (rng.uniform(150, 190), rng.uniform(100, 125), 420), WATER_PER_MM * 0.9)]
    aeration = LUNG_EXCESS_PER_MM * rng.uniform(0.5, 1)
    for side in (-1, 1):
        lung = (rng.uniform(55, 75), rng.uniform(75, 95), rng.uniform(120, 150))
        place = (side * rng.uniform(75, 95), 10, rng.uniform(20, 50))
        bodies.append(_body(place, lung, aeration, _turn("y", side * rng.uniform(-8, 8))))
        dome = (rng.uniform(75, 95), 90, rng.uniform(70, 90))
        place = (side * rng.uniform(60, 90), 0, -130 + rng.normal(0, 20) - side * 8)
        bodies.append(_body(place, dome, WATER_PER_MM * rng.uniform(0.5, 0.8)))
    heart = (rng.uniform(50, 65), rng.uniform(45, 60), rng.uniform(55, 70))
    density = WATER_PER_MM * rng.uniform(0.2, 0.5)
    bodies.append(_body((rng.uniform(15, 30), -25, -35), heart, density, _turn("y", rng.uniform(20, 50))))
    plain = _vertebrae(rng, spine, -170, 190)
    bodies += waisted_vertebrae(for_spine, "thoracic", spine, -170, 190) if for_spine else plain
    if rng.random() < 0.6:
        bodies.append(_body((0, -95, 20), (20, 7, 90), BONE_EXCESS_PER_MM * 0.5))  # sternum
    if rng.random() < 0.5:
        tilt = rng.uniform(5, 25)
        bodies += [_body((s * 70, -50, 150), (70, 8, 8), BONE_EXCESS_PER_MM, _turn("y", s * tilt)) for s in (-1, 1)]
    return bodies


def _vertebrae(rng: np.random.Generator, spine: FloatArray, low_mm: float, high_mm: float) -> list[Ellipsoid]:
    """Bodies with end plates, pedicles, transverse and spinous processes, from low to high."""
    bodies: list[Ellipsoid] = []
    height, width, bend = rng.uniform(24, 36), rng.uniform(18, 27), rng.normal(0, 6)
    depth, density = 0.75 * width, rng.uniform(0.012, 0.03)
    z = low_mm + rng.uniform(0, height)
    while z < high_mm:
        along = (z - low_mm) / (high_mm - low_mm)
        center = np.array([spine[0] + bend * np.sin(np.pi * along), spine[1] + 6 * np.cos(2 * np.pi * along), z])
        turn = _turn("xyz", rng.normal(0, 3, 3))
        bodies.append(_body(center, (width, depth, 0.4 * height), density, turn))
        for side in (-1, 1):
            plate = center + (0, 0, side * 0.34 * height)
            bodies.append(_body(plate, (1.05 * width, depth, 0.08 * height), 1.2 * density, turn))
            pedicle = center + (side * 0.75 * width, 1.1 * depth, 0.1 * height)
            bodies.append(_body(pedicle, (5, 10, 7), 1.6 * density, turn))
            process = center + (side * (width + 14), 1.4 * depth, 0)
            bodies.append(_body(process, (16, 5, 5), 0.8 * density, turn))
        bodies.append(_body(center + (0, 2 * depth, -0.2 * height), (4, 16, 10), density, turn))
        z += height
    return bodies


def _ribs(rng: np.random.Generator) -> list[Branch]:
    """Pairs of ribs from the spine around the chest, sloping forwards and down."""
    width, depth, count = rng.uniform(115, 150), rng.uniform(80, 105), int(rng.integers(6, 10))
    ribs = []
    for z in np.linspace(-60, 170, count):
        for side in (-1, 1):
            angle = np.linspace(0.1, 2.5, 160)
            x = side * width * np.sin(angle)
            y = 60 - depth + depth * np.cos(angle)
            slope = z - 18 * angle - 8 * np.sin(1.3 * angle)
            path = np.stack([x, y, slope], axis=1)
            ribs.append(Branch("rib", path, np.full(len(path), rng.uniform(4, 6)), None))
    return ribs


def _abdomen_and_pelvis(rng: np.random.Generator, for_spine: np.random.Generator | None) -> list[Body]:
    spine, hips_mm = np.array([rng.normal(0, 6), rng.uniform(35, 60)]), rng.uniform(-110, -60)
    bodies: list[Body] = [_body((0, 0, 0), (rng.uniform(160, 200), rng.uniform(95, 125), 420), WATER_PER_MM * 0.9)]
    plain = _vertebrae(rng, spine, hips_mm + 60, 200)
    bodies += waisted_vertebrae(for_spine, "lumbar", spine, hips_mm + 60, 200) if for_spine else plain
    sacrum = (spine[0], spine[1] + 15, hips_mm + 35)
    bodies.append(_body(sacrum, (50, 22, 48), BONE_EXCESS_PER_MM * 0.35, _turn("x", 25)))
    for side in (-1, 1):
        bodies += _hip(rng, side, hips_mm)
    for _ in range(rng.integers(0, 9)):  # bowel gas
        place = (rng.uniform(-90, 90), rng.uniform(-70, -10), rng.uniform(hips_mm, 140))
        turn = _turn("xyz", rng.uniform(-90, 90, 3))
        bodies.append(_body(place, rng.uniform(8, 30, 3), GAS_EXCESS_PER_MM * rng.uniform(0.3, 1), turn))
    if rng.random() < 0.4:  # bladder, sometimes with contrast agent
        size = (rng.uniform(30, 50), 35, 30)
        bodies.append(_body((0, -20, hips_mm - 20), size, WATER_PER_MM * rng.uniform(0.3, 1.5)))
    return bodies


def _hip(rng: np.random.Generator, side: int, hips_mm: float) -> list[Ellipsoid]:
    """Iliac wing, joint, femur and pubic rami of one side."""
    bone, x = BONE_EXCESS_PER_MM, float(side)
    wing = _turn("xyz", (0, x * -18, x * -45 + rng.normal(0, 4)))
    head = np.array([x * rng.uniform(84, 94), 5.0, hips_mm - 20])
    shaft = head + (x * 48, 6, -150)
    return [
        _body((x * 88, 35, hips_mm + 45), (52, 8, 62), bone * 0.55, wing),
        _body((x * 100, 25, hips_mm + 85), (34, 7, 12), bone * 0.7, wing),
        _body(head, (24, 24, 24), bone * 0.5),
        _body(head + (x * 4, 4, 8), (30, 30, 30), bone * 0.28),
        _body(head + (x * 28, 4, -20), (30, 13, 14), bone * 0.5, _turn("y", x * 40)),
        _body(shaft, (15, 15, 135), bone * 0.55),
        _body(shaft, (8, 8, 130), -bone * 0.3),  # marrow
        _body((x * 38, -15, hips_mm - 40), (42, 9, 10), bone * 0.6, _turn("y", x * -20)),
        _body((x * 50, 0, hips_mm - 75), (38, 10, 11), bone * 0.6, _turn("y", x * 30)),
    ]


def _laboratory(rng: np.random.Generator) -> list[Body]:
    """A bench phantom: a plate, and a few things that lie about."""
    plate = _body((0, 0, 0), (400, rng.uniform(20, 90), 400), WATER_PER_MM * rng.uniform(0.2, 1))
    blobs = [_blob(rng, 90, (10, 70), WATER_PER_MM * rng.uniform(-0.2, 0.3)) for _ in range(rng.integers(0, 5))]
    return [plate, *blobs]
