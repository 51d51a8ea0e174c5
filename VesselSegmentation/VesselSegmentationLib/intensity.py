"""Grey values of any X-ray frame (8 or 16 bit, linear or logarithmic, shuttered or not) to what a network expects.

Three steps, the same in training and in use:
    1 window        1st and 99th percentile of the pixels inside the shutters become 0 and 1
    2 clip          everything outside the window, shutters included, becomes exactly 0 or 1
    3 standardize   mean 0 and standard deviation 1 over the pixels strictly between 0 and 1

A shutter is what lies within 3 % of the frame's range of its lowest or highest value, where that covers at least 1 %
of the frame and 5 % of its outermost pixels. Vessels are expected to be darker than their surroundings (contrast
agent, MONOCHROME2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

LEVELS = 1024
"""Grey levels that a frame is sorted into to find its percentiles."""
SHUTTER_RANGE = 0.03
"""Shutters of lead are not one grey level, nor are painted ones after a lossy compression."""
SHUTTER_SHARE = 0.01
SHUTTER_EDGE_SHARE = 0.05
PERCENTILES = (1.0, 99.0)
SMALLEST_DEVIATION = 0.02
"""Frames flatter than this share of their window are not blown up to noise."""


def _edge(image: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])


def intensity_window(frame: NDArray[np.generic]) -> tuple[float, float]:
    """Grey values that become 0 and 1. `frame` is (rows, columns) of any real type; low == high when it is constant."""
    lowest, highest = float(frame.min()), float(frame.max())
    if highest <= lowest:
        return lowest, lowest
    if frame.dtype == np.uint8:
        levels, step, start, count = frame, 1.0, 0.0, 256
    else:
        step, start, count = (highest - lowest) / (LEVELS - 1), lowest, LEVELS
        levels = np.rint((frame.astype(np.float32) - np.float32(lowest)) * np.float32(1 / step)).astype(np.int32)
        np.clip(levels, 0, count - 1, out=levels)
    histogram = np.bincount(levels.ravel(), minlength=count)
    edge = np.bincount(_edge(levels), minlength=count)
    occupied = np.flatnonzero(histogram)
    inside = histogram.copy()
    near = max(1, round(SHUTTER_RANGE * (int(occupied[-1]) - int(occupied[0]))))
    for extreme in (slice(occupied[0], occupied[0] + near), slice(occupied[-1] + 1 - near, occupied[-1] + 1)):
        if (
            histogram[extreme].sum() >= SHUTTER_SHARE * frame.size
            and edge[extreme].sum() >= SHUTTER_EDGE_SHARE * edge.sum()
        ):
            inside[extreme] = 0
    if np.count_nonzero(inside) < 2:
        inside = histogram
    share = np.cumsum(inside) / inside.sum()
    low, high = (int(np.searchsorted(share, percent / 100)) for percent in PERCENTILES)
    if high <= low:
        low, high = int(occupied[0]), int(occupied[-1])
    return start + low * step, start + high * step


def windowed(frame: NDArray[np.generic], low: float, high: float) -> NDArray[np.float32]:
    """Steps 1 and 2: `low` to 0, `high` to 1, clipped. All 0 where the window is empty."""
    if high <= low:
        return np.zeros(frame.shape, np.float32)
    scale = np.float32(1 / (high - low))
    return np.clip((frame.astype(np.float32) - np.float32(low)) * scale, 0, 1)


def standardize(frames: torch.Tensor) -> torch.Tensor:
    """Step 3 for (N, 1, H, W) values from 0 to 1: each frame to mean 0 and deviation 1 over its unclipped pixels."""
    inside = ((frames > 0) & (frames < 1)).to(frames.dtype)
    count = inside.sum(dim=(1, 2, 3), keepdim=True).clamp_min(1)
    mean = (frames * inside).sum(dim=(1, 2, 3), keepdim=True) / count
    variance = ((frames - mean).square() * inside).sum(dim=(1, 2, 3), keepdim=True) / count
    return (frames - mean) / variance.sqrt().clamp_min(SMALLEST_DEVIATION)
