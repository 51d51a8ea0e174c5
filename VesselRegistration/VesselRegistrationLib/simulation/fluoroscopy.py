"""From what rays lose on their way to the grey values on the screen: exposure, detector, display, shutters.

Beer-Lambert: a ray through absorbance A leaves exp(-A) of its photons. Scatter adds a smooth glow, the detector blurs,
photons are counted (Poisson, as a normal distribution of that variance), and the machine turns counts into grey values
by a linear, logarithmic or power curve, evens out the brightness and sharpens edges, as vendors do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.simulation.bodies import Picture

REFERENCE_SIZE = 256
"""Blurs in pixels are stated for a picture of this size and scaled to others."""
CURVES = ("linear", "log", "power")


@dataclass(frozen=True)
class FluoroscopySettings:
    """One machine's setting, the same for all frames of a run."""

    scatter_to_primary: float = 0.5
    scatter_reach: float = 0.1
    """Blur of the scatter, as a share of the picture's side."""
    blur_px: float = 0.5
    photons: float = 2000.0
    """Mean photons per pixel of a 256-pixel picture behind median tissue: noise is 1 / sqrt(photons)."""
    noise_grain_px: float = 0.0
    """Blur of the noise; 0: white."""
    curve: str = "log"
    power: float = 1.0
    evened: float = 0.0
    """Share of the slow brightness changes that the machine takes out."""
    evened_reach: float = 0.06
    sharpening: float = 0.0
    sharpening_px: float = 1.5
    window: tuple[float, float, float, float] = (0.5, 99.5, 0.1, 0.1)
    """Percentiles that become black and white, and how much wider than that the window is below and above."""
    gamma: float = 1.0
    white: float = 235.0


@dataclass(frozen=True)
class Shutters:
    """Blades in front of the picture; `closed` is where they are, `glow` how far bright scatter leaks past them."""

    closed: NDArray[np.bool_]
    value: float
    glow: float
    softness_px: float


def sample_settings(rng: np.random.Generator) -> FluoroscopySettings:
    """A random machine and exposure, from faint and noisy fluoroscopy to bright cine."""
    curve = str(rng.choice(CURVES, p=[0.4, 0.35, 0.25]))
    return FluoroscopySettings(
        scatter_to_primary=rng.uniform(0.1, 1.2),
        scatter_reach=rng.uniform(0.06, 0.15),
        blur_px=rng.uniform(0.3, 1.3),
        photons=10 ** rng.uniform(2.5, 5.0),
        noise_grain_px=max(0.0, rng.uniform(-0.3, 0.7)),
        curve=curve,
        power=rng.uniform(0.4, 1.2),
        evened=rng.uniform(0.3, 0.95) if rng.random() < 0.35 else 0.0,
        evened_reach=rng.uniform(0.03, 0.12),
        sharpening=rng.uniform(0.3, 1.8) if rng.random() < 0.5 else 0.0,
        sharpening_px=rng.uniform(0.8, 3),
        window=(rng.uniform(0, 1.5), rng.uniform(98, 100), rng.uniform(0, 0.25), rng.uniform(0, 0.25)),
        gamma=float(np.exp(rng.normal(0, 0.25))) if rng.random() < 0.5 else 1.0,
        white=rng.uniform(200, 255),
    )


def beam_intensity(absorbance: Picture, settings: FluoroscopySettings) -> Picture:
    """What reaches the detector, scatter and blur included, where 1 is the unattenuated beam. (rows, columns)."""
    from scipy.ndimage import gaussian_filter

    size = absorbance.shape[0]
    primary = np.exp(-absorbance)
    scatter = gaussian_filter(primary, settings.scatter_reach * size)
    intensity = primary + settings.scatter_to_primary * scatter
    return np.asarray(gaussian_filter(intensity, settings.blur_px * size / REFERENCE_SIZE), dtype=np.float32)


def counted_photons(intensity: Picture, settings: FluoroscopySettings, rng: np.random.Generator) -> Picture:
    """An intensity relative to the picture's median, with the noise of counting photons. (rows, columns)."""
    from scipy.ndimage import gaussian_filter

    unit = intensity.shape[0] / REFERENCE_SIZE
    noise = rng.normal(size=intensity.shape).astype(np.float32)
    if settings.noise_grain_px > 0:
        noise = gaussian_filter(noise, settings.noise_grain_px * unit)
        noise /= noise.std()
    # A pixel of a finer detector catches fewer photons, so its noise is larger.
    per_pixel = settings.photons / unit**2
    counted = intensity + noise * np.sqrt(np.maximum(intensity, 0.02) / per_pixel)
    return np.asarray(np.maximum(counted, 1e-3), dtype=np.float32)


def grey_values(counted: Picture, settings: FluoroscopySettings, limits: tuple[float, float] | None = None) -> Picture:
    """Photon counts as grey values from 0 to 255, darker where more was absorbed. (rows, columns).

    `limits` are what becomes black and white, for a run whose window stays; None: those of this picture.
    """
    curved = _curved(counted, settings)
    low, high = limits or _limits(curved, settings)
    shown = np.clip((curved - low) / (high - low), 0, 1) ** settings.gamma
    return np.asarray(shown * settings.white, dtype=np.float32)


def window_limits(counted: Picture, settings: FluoroscopySettings) -> tuple[float, float]:
    """What `grey_values` would make black and white in this picture."""
    return _limits(_curved(counted, settings), settings)


def _curved(counted: Picture, settings: FluoroscopySettings) -> Picture:
    """Counts after the machine's curve, its evening out and its sharpening."""
    from scipy.ndimage import gaussian_filter

    size = counted.shape[0]
    picture = counted
    if settings.curve == "log":
        picture = np.log(picture)
    elif settings.curve == "power":
        picture = picture**settings.power
    if settings.evened:
        slow = gaussian_filter(picture, settings.evened_reach * size)
        picture = picture - settings.evened * (slow - slow.mean())
    return sharpened(picture, settings)


def sharpened(picture: Picture, settings: FluoroscopySettings) -> Picture:
    """The picture with its edges enhanced. (rows, columns)."""
    from scipy.ndimage import gaussian_filter

    if settings.sharpening:
        sigma = settings.sharpening_px * picture.shape[0] / REFERENCE_SIZE
        picture = picture + settings.sharpening * (picture - gaussian_filter(picture, sigma))
    return np.asarray(picture, dtype=np.float32)


def _limits(curved: Picture, settings: FluoroscopySettings) -> tuple[float, float]:
    low_percent, high_percent, below, above = settings.window
    low, high = (float(value) for value in np.percentile(curved, [low_percent, high_percent]))
    span = max(high - low, 1e-6)
    return low - below * span, high + above * span


def sample_shutters(rng: np.random.Generator, size: int) -> Shutters:
    """Blades of random shape, often none: rectangle, rectangle with cut corners, or circle."""
    row, column = np.mgrid[:size, :size]
    kind, closed = rng.random(), np.zeros((size, size), dtype=bool)
    if kind < 0.25:
        left, top, right, bottom = rng.uniform(0, 0.12, 4) * size
        closed = (column < left) | (column > size - right) | (row < top) | (row > size - bottom)
    elif kind < 0.45:
        corner, margin = rng.uniform(0.05, 0.2) * size, rng.uniform(0, 0.03) * size
        across, down = np.minimum(column, size - 1 - column), np.minimum(row, size - 1 - row)
        closed = (across < margin) | (down < margin) | (across + down < corner)
    elif kind < 0.58:
        closed = np.hypot(column - size / 2, row - size / 2) > size * rng.uniform(0.46, 0.56)
    value = 0.0 if rng.random() < 0.75 else rng.uniform(0, 120)
    glow = rng.uniform(0, 0.5) if rng.random() < 0.5 else 0.0
    return Shutters(closed, value, glow, rng.uniform(0.3, 1.2))


def shuttered(picture: Picture, shutters: Shutters) -> Picture:
    """Grey values with the blades in front. (rows, columns)."""
    from scipy.ndimage import gaussian_filter

    if not shutters.closed.any():
        return picture
    unit = picture.shape[0] / REFERENCE_SIZE
    blades = shutters.closed.astype(np.float32)
    if shutters.glow:
        near = gaussian_filter(blades, 3 * unit)
        picture = np.clip(picture * np.where(shutters.closed, 1, 1 + shutters.glow * near), 0, 255)
    soft = gaussian_filter(blades, shutters.softness_px * unit)
    return np.asarray(picture * (1 - soft) + shutters.value * soft, dtype=np.float32)
