"""Frames with what has changed in them since contrast agent came, as `register` finds it in a run.

The frame from before shows the same body with all devices, moved as a whole: by breath, heart and muscles, mostly along
its length. The difference is that of `VesselSegmentationLib.frame_subtraction`, its search for the shift included.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.simulation.generators import Generator
from VesselRegistrationLib.simulation.scene import RenderedFrame, Scene, render, with_fixed_window
from VesselRegistrationLib.vessel_model import VesselModel
from VesselSegmentationLib.frame_subtraction import moved_onto, subtracted

MOVED_SHARE, MOST_MOVED_MM = 0.8, 5.0
"""So many bodies have moved, evenly by up to so much."""
BREATH_MM = 2.0
"""Standard deviation of how much further the diaphragm has moved than the body."""


def without_subtraction(generator: Generator) -> Generator:
    """The generator whose machines show no frames that are subtracted already."""
    return dataclasses.replace(generator, extras=dataclasses.replace(generator.extras, subtraction=0.0))


def frame_and_difference(
    scene: Scene, filled: VesselModel, rng: np.random.Generator
) -> tuple[RenderedFrame, NDArray[np.uint8]]:
    """A frame of filled vessels, and its difference from one before contrast agent, (rows, columns)."""
    run = with_fixed_window(scene, filled, rng)
    pixel_mm = run.c_arm.pixel_size_at_isocenter_mm()
    length = rng.uniform(0, MOST_MOVED_MM) if rng.random() < MOVED_SHARE else 0.0
    direction = rng.normal(np.pi / 2, 0.5) + np.pi * rng.integers(2)
    breath_mm = rng.normal(0, BREATH_MM)
    frame = render(run, filled, rng)
    body_px = (length * np.cos(direction) / pixel_mm, length * np.sin(direction) / pixel_mm)
    before = render(dataclasses.replace(run, body_px=body_px), None, rng, dilution=0.0, breath_mm=breath_mm).picture
    return frame, subtracted(frame.picture, moved_onto(before, frame.picture)).picture
