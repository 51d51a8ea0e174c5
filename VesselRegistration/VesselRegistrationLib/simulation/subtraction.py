"""Digital subtraction: what contrast has changed since an earlier frame, the mask, and what motion changed with it.

Both frames are exposed and counted on their own. The difference of their logarithms is shown around a middle grey;
vessels are dark. Where the body has moved between them, bright and dark bands stay along its edges.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from VesselRegistrationLib.simulation.bodies import Picture
from VesselRegistrationLib.simulation.extras import Extras
from VesselRegistrationLib.simulation.fluoroscopy import (
    REFERENCE_SIZE,
    FluoroscopySettings,
    beam_intensity,
    counted_photons,
    sharpened,
)

LEAST_DEPTH = 0.2
"""Absorbance: the window is not opened further than this for fainter contrast, as that would show noise alone."""


@dataclass(frozen=True)
class Subtraction:
    """How one run is subtracted."""

    seed: int
    """Of the mask's noise, which is the same behind all frames of a run."""
    shift_px: tuple[float, float]
    """Columns and rows, in pixels of 256, by which the body lay elsewhere when the mask was taken."""
    averaged: int
    """Frames averaged to the mask."""
    level: float
    """Where no change is, as a share of the greys."""
    width: float
    """How much wider the window is below than the contrast's depth."""


def sample_subtraction(rng: np.random.Generator, extras: Extras) -> Subtraction:
    """A random subtraction; breathing moves the body mostly along its length."""
    length, direction = rng.uniform(*extras.mask_shift_px), rng.normal(np.pi / 2, 0.5) + np.pi * rng.integers(2)
    return Subtraction(
        seed=int(rng.integers(2**31)),
        shift_px=(float(length * np.cos(direction)), float(length * np.sin(direction))),
        averaged=int(rng.integers(1, 5)),
        level=float(rng.uniform(0.5, 0.75)),
        width=float(rng.uniform(0.9, 1.7)),
    )


def subtraction_dose(settings: FluoroscopySettings, rng: np.random.Generator) -> FluoroscopySettings:
    """The machine's settings for a subtracted run: at least the dose of an acquisition, for the noise adds up."""
    return dataclasses.replace(settings, photons=max(settings.photons, 10 ** rng.uniform(3.7, 5)))


def mask_frames(
    surroundings: Picture, subtraction: Subtraction, settings: FluoroscopySettings, breath_px: float, reference: float
) -> tuple[Picture, Picture]:
    """The mask with its noise, and without it, relative to a reference intensity.

    Args:
        surroundings: absorbance of all but contrast in the present frame. (rows, columns).
        breath_px: how many rows of 256 the body has moved since the run began.
        reference: the intensity that is 1, the present frame's too.
    """
    across, down = subtraction.shift_px
    unit = surroundings.shape[0] / REFERENCE_SIZE
    clean = beam_intensity(moved(surroundings, across * unit, (down + breath_px) * unit), settings) / reference
    several = dataclasses.replace(settings, photons=settings.photons * subtraction.averaged)
    return counted_photons(clean, several, np.random.default_rng(subtraction.seed)), clean


def moved(picture: Picture, across_px: float, down_px: float) -> Picture:
    """The picture moved by so much in its middle row, half as much at its top, half as much again at its bottom."""
    from scipy.ndimage import map_coordinates

    rows, columns = np.indices(picture.shape, dtype=np.float32)
    share = 0.5 + rows / picture.shape[0]
    places = [rows - down_px * share, columns - across_px * share]
    return np.asarray(map_coordinates(picture, places, order=1, mode="nearest"), dtype=np.float32)


def difference(counted: Picture, mask: Picture, settings: FluoroscopySettings) -> Picture:
    """Logarithm of a frame less that of its mask, sharpened as the machine does: contrast is negative."""
    floor = np.float32(1e-3)
    return sharpened(np.log(np.maximum(counted, floor)) - np.log(np.maximum(mask, floor)), settings)


def difference_limits(change: Picture, subtraction: Subtraction) -> tuple[float, float]:
    """What becomes black and white, so that no change is at the level."""
    depth = subtraction.width * max(LEAST_DEPTH, -float(np.percentile(change, 1)))
    return -depth, depth * (1 / subtraction.level - 1)


def difference_values(change: Picture, limits: tuple[float, float], settings: FluoroscopySettings) -> Picture:
    """A difference as grey values from 0 to the machine's white. (rows, columns)."""
    low, high = limits
    return np.asarray(np.clip((change - low) / (high - low), 0, 1) * settings.white, dtype=np.float32)
