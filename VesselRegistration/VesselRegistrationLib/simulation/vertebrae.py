"""A spine whose bodies are waisted, with thin end plates and a denser rim, as they look in an X-ray picture.

Sizes are rounded from common anatomical knowledge: thoracic bodies 18 to 24 mm high and 26 to 36 mm wide, lumbar ones
24 to 30 mm high and 40 to 54 mm wide, with discs of 3 to 6 and 7 to 12 mm.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.simulation.bodies import Body, Ellipsoid, Spool


class _Sizes(NamedTuple):
    """Ranges in mm; widths are halved."""

    height: tuple[float, float]
    disc: tuple[float, float]
    half_width: tuple[float, float]


SIZES = {"thoracic": _Sizes((18, 24), (3, 6), (13, 18)), "lumbar": _Sizes((24, 30), (7, 12), (20, 27))}
PLATE_MM = 0.9
"""Half the thickness of an end plate, with the calcified cartilage."""


def waisted_vertebrae(
    rng: np.random.Generator, kind: str, spine: FloatArray, low_mm: float, high_mm: float
) -> list[Body]:
    """Vertebrae of a kind ("thoracic", "lumbar") from low to high along a gently bent spine.

    Args:
        spine: (2,) where the spine runs, left and posterior, mm.
        low_mm: where it begins, towards the head.
        high_mm: where it ends.
    """
    from scipy.spatial.transform import Rotation

    sizes = SIZES[kind]
    height, disc, width = (rng.uniform(*span) for span in sizes)
    depth, waist = width * rng.uniform(0.68, 0.8), rng.uniform(0.8, 0.9)
    density, plates, bend = rng.uniform(0.018, 0.036), rng.uniform(0.25, 0.75), rng.normal(0, 6)
    bodies: list[Body] = []
    z = low_mm + rng.uniform(0, height)
    while z < high_mm:
        along = (z - low_mm) / (high_mm - low_mm)
        grown = 1.05 - 0.1 * along  # smaller towards the head
        center = np.array([spine[0] + bend * np.sin(np.pi * along), spine[1] + 6 * np.cos(2 * np.pi * along), z])
        turn = np.asarray(Rotation.from_euler("xyz", rng.normal(0, 2.5, 3), degrees=True).as_matrix())
        size = np.array([width, depth, 0.5 * height]) * grown
        bodies += _vertebra(center, size, turn, waist, (density, plates))
        z += (height + disc) * grown
    return bodies


def _vertebra(
    center: FloatArray, size: FloatArray, turn: FloatArray, waist: float, densities: tuple[float, float]
) -> list[Body]:
    """Body, end plates, pedicles, articular, transverse and spinous processes.

    `size` (3,) is half of the body's; `densities` are the body's per mm and, as a share of it, the end plates'.
    """
    (width, depth, half), (density, plates) = size, densities

    def at(left: float, back: float, up: float) -> FloatArray:
        return np.asarray(center + turn @ np.array([left, back, up]))

    def knob(place: FloatArray, semi_axes: tuple[float, float, float], share: float) -> Ellipsoid:
        return Ellipsoid(place, np.array(semi_axes), share * density, turn)

    inner = size * (0.86, 0.86, 0.94)
    found: list[Body] = [
        Spool(center, size, density, turn, waist),
        Spool(center, inner, -0.35 * density, turn, waist),  # spongy inside
    ]
    for side in (-1, 1):
        plate = np.array([0.96 * width, 0.96 * depth, PLATE_MM])
        found.append(Spool(at(0, 0, side * (half - PLATE_MM)), plate, plates * density, turn))
        found.append(knob(at(side * 0.62 * width, 1.25 * depth, 0.3 * half), (0.17 * width, 9, 0.42 * half), 1.5))
        found.append(knob(at(side * 0.7 * width, 1.9 * depth, -0.7 * half), (0.2 * width, 6, 0.75 * half), 0.8))
        found.append(knob(at(side * 1.35 * width, 1.7 * depth, 0.25 * half), (0.6 * width, 5, 0.28 * half), 0.7))
    found.append(knob(at(0, 2.4 * depth, -0.6 * half), (0.12 * width, 16, 0.7 * half), 0.9))
    return found
