"""Which frame of a run shows most contrast agent, from the area of vessel in some of its frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FRAMES_TRIED = 12
"""Frames looked at to find the one with most contrast agent."""
MOST_ABOVE_NEIGHBORS = 1.1
"""A frame's area of vessel beside that of the frames looked at before and after it."""


def frames_to_try(count: int) -> list[int]:
    """Evenly spread frames of a run of so many, the first and the last among them."""
    spread: list[int] = np.unique(np.linspace(0, count - 1, min(FRAMES_TRIED, count)).astype(int)).tolist()
    return spread


def fullest(areas: Sequence[float]) -> int:
    """Index of the frame that shows most vessel; of several alike the last, when the agent has run furthest."""
    steady = steady_areas(areas)
    return int(np.flatnonzero(steady == steady.max())[-1])


def steady_areas(areas: Sequence[float]) -> NDArray[np.float64]:
    """Each frame's area of vessel (N,), or, where it stands out from its neighbors, what they show of it.

    Contrast does not come for one frame only: what exceeds the median of three frames (at the ends the lesser of two)
    by over a tenth is noise taken for vessel, as in the first frame of a fluoroscopy, before exposure and noise filter
    have settled.
    """
    own = np.asarray(areas, dtype=float)
    if len(own) < 3:
        return own
    inner = np.median([own[:-2], own[1:-1], own[2:]], axis=0)
    steady = np.concatenate([[own[:2].min()], inner, [own[-2:].min()]])
    return np.where(own > MOST_ABOVE_NEIGHBORS * steady, steady, own)
