"""The edge of the diaphragm in the picture: bright lung above, dark body below, moving with the breath."""

from __future__ import annotations

import dataclasses

import numpy as np

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.simulation.bodies import Ellipsoid
from VesselRegistrationLib.simulation.extras import Extras

HEART_PER_DIAPHRAGM = 0.6
"""How far coronary arteries move along the body for 1 mm of the diaphragm (Danias et al., AJR 1999: 0.6)."""


def sample_domes(rng: np.random.Generator, c_arm: CArm, extras: Extras) -> tuple[Ellipsoid, ...]:
    """One dome or, in a third of the views, both, with their tops in the lower half of the picture."""
    right, up, beam = c_arm.axes_lps()
    field_mm = c_arm.pixel_size_at_isocenter_mm() * c_arm.rows
    dark = rng.uniform(*extras.dome_absorbance)
    across, down = rng.uniform(-0.45, 0.45), rng.uniform(0.02, 0.42)
    domes = []
    for side in range(1 + int(rng.random() < 0.35)):
        semi_axes = np.array([rng.uniform(70, 105), rng.uniform(75, 95), rng.uniform(55, 85)])
        extent = float(np.linalg.norm(semi_axes * up))  # of the outline, along the picture's columns
        place = across * field_mm if side == 0 else (across - np.copysign(0.9, across)) * field_mm
        height = -down * field_mm - (rng.uniform(5, 20) if side else 0)
        center = right * place + up * (height - extent) + beam * rng.uniform(-30, 30)
        thickness = 2 / float(np.linalg.norm(beam / semi_axes))
        domes.append(Ellipsoid(center, semi_axes, dark / thickness))
    return tuple(domes)


def breathed(dome: Ellipsoid, heart_mm: float) -> Ellipsoid:
    """The dome when breathing has moved the heart by so much towards the head."""
    center = dome.center_lps + (0.0, 0.0, heart_mm / HEART_PER_DIAPHRAGM)
    return dataclasses.replace(dome, center_lps=center)
