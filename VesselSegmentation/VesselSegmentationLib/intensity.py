"""Grey values of any X-ray frame (8 or 16 bit, linear or logarithmic, shuttered or not) to what a network expects.

Three steps, the same in training and in use:
    1 window        1st and 99th percentile of the pixels inside the shutters become 0 and 1
    2 clip          everything outside the window, shutters included, becomes exactly 0 or 1
    3 standardize   mean 0 and standard deviation 1 over the pixels strictly between 0 and 1

A shutter is told from the frame's histogram and its outermost pixels, by either of two signs:
    painted      one grey level at either end of the histogram, on at least 1 % of the frame and 5 % of its border
    lead         a separate heap at the dark end with a valley after it, on at least 1 % of the frame and 15 % of its
                 border; bright heaps are no shutters but the background of subtracted pictures
It is believed only if it leaves at least 10 % of the frame.

Vessels are expected to be darker than their surroundings (contrast agent, MONOCHROME2); `turned_around` makes such
pictures of those in which they are brighter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

LEVELS = 1024
"""Grey levels that a frame is sorted into to find its percentiles."""
SHUTTER_SHARE, OPEN_SHARE = 0.01, 0.1
PAINTED_RANGE, PAINTED_EDGE_SHARE = 0.005, 0.05
LEAD_RANGE, LEAD_EDGE_SHARE = 0.4, 0.15
VALLEY_WIDTH, VALLEY_DEPTH = 0.02, 0.25
"""A valley: as wide as this share of the range, with less than this share of the pixels of an even histogram."""
PERCENTILES = (1.0, 99.0)
SMALLEST_DEVIATION = 0.02
"""Frames flatter than this share of their window are not blown up to noise."""
CONSTANT = 1e-5
"""A range smaller than this share of the largest value is rounding, not contrast."""


def turned_around(frames: NDArray[np.generic]) -> NDArray[np.generic]:
    """Dark for bright, in the same type and within the same range: frames (F, rows, columns) of one run, or one."""
    if not frames.size:
        return frames
    lowest, highest = frames.min(), frames.max()
    return np.asarray(highest - (frames - lowest), dtype=frames.dtype)


def _edge(image: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])


def _shutter_levels(histogram: NDArray[np.integer], edge: NDArray[np.integer], lead: bool) -> int:
    """How many levels from the start of a histogram (its first level is occupied) belong to a shutter; 0: none."""
    total, levels = histogram.sum(), len(histogram)

    def covers(count: int, edge_share: float) -> bool:
        return bool(histogram[:count].sum() >= SHUTTER_SHARE * total and edge[:count].sum() >= edge_share * edge.sum())

    if lead:
        width = max(2, round(VALLEY_WIDTH * levels))
        inside = np.cumsum(histogram)
        is_valley = inside[width:] - inside[:-width] < VALLEY_DEPTH * width * total / levels
        starts = np.flatnonzero(is_valley[: round(LEAD_RANGE * levels)])
        for valley in np.split(starts, np.flatnonzero(np.diff(starts) > 1) + 1):
            if valley.size and covers(middle := int(valley[0] + valley[-1] + width) // 2, LEAD_EDGE_SHARE):
                return middle
    painted = max(1, round(PAINTED_RANGE * levels))
    return painted if covers(painted, PAINTED_EDGE_SHARE) else 0


def intensity_window(frame: NDArray[np.generic]) -> tuple[float, float]:
    """Grey values that become 0 and 1. `frame` is (rows, columns) of any real type; low == high when it is constant."""
    lowest, highest = float(frame.min()), float(frame.max())
    if highest - lowest <= CONSTANT * max(abs(lowest), abs(highest)):
        return lowest, lowest
    count = int(highest - lowest) + 1 if frame.dtype == np.uint8 else LEVELS
    step = (highest - lowest) / (count - 1)
    levels = np.rint((frame.astype(np.float32) - np.float32(lowest)) * np.float32(1 / step)).astype(np.int32)
    np.clip(levels, 0, count - 1, out=levels)
    histogram = np.bincount(levels.ravel(), minlength=count)
    edge = np.bincount(_edge(levels), minlength=count)
    first = _shutter_levels(histogram, edge, lead=True)
    last = count - _shutter_levels(histogram[::-1], edge[::-1], lead=False)
    inside = histogram.copy()
    inside[:first] = inside[last:] = 0
    if np.count_nonzero(inside) < 2 or inside.sum() < OPEN_SHARE * frame.size:
        inside = histogram
    share = np.cumsum(inside) / inside.sum()
    low, high = (int(np.searchsorted(share, percent / 100)) for percent in PERCENTILES)
    if high <= low:
        low, high = 0, count - 1
    return lowest + low * step, lowest + high * step


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
