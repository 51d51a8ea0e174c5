"""What some pictures show and others do not: subtraction, burnt-in text, guiding catheters, diaphragms, plaques.

Each is drawn from a stream of its own, a pure function of the state that the caller's generator is in, which is left
as it was. A share of 0 gives the very pictures that there were before the feature, and no share changes another
feature's draws.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np

from VesselSegmentationLib.errors import InputError


class Stream(IntEnum):
    """Keys of the streams; never used twice, so that a feature's draws stay as they are when others come."""

    SUBTRACTION = 1
    TEXT = 2
    GUIDE = 3
    DOME = 4
    VERTEBRAE = 5
    CALCIFICATION = 6
    STRAIGHT_TUBES = 7


@dataclass(frozen=True)
class Extras:
    """Shares from 0 to 1 (of pictures, or of runs), and ranges (least, greatest) of how the features look."""

    subtraction: float = 0.10
    """Digital subtraction: the logarithm of an earlier frame without contrast is taken away."""
    text: float = 0.15
    """Words and numbers burnt in."""
    guide: float = 0.30
    """Coronary region: a guiding catheter through the aorta to an ostium."""
    dome: float = 0.30
    """Upper and coronary regions: the edge of the diaphragm in the picture."""
    waisted_vertebrae: float = 0.70
    """Of patients: vertebral bodies with a waist and flat end plates instead of ellipsoids."""
    calcification: float = 0.25
    """Of patients: calcified plaques in the walls."""
    straight_tubes: float = 0.0
    """Of phantoms: thin, with straight tubes added. Only pools to train on have them (generators.TRAINING)."""
    mask_shift_px: tuple[float, float] = (0.0, 2.0)
    """How far breathing has moved the body between mask and picture, in pixels of 256."""
    text_height_px: tuple[float, float] = (7.0, 12.0)
    """In pixels of 256."""
    guide_width_mm: tuple[float, float] = (2.0, 2.7)
    """Outer diameter: 6 to 8 French."""
    dome_absorbance: tuple[float, float] = (0.15, 0.7)
    """What the body below the lung absorbs across its middle, more than the lung."""
    plaque_absorbance: tuple[float, float] = (0.05, 0.25)
    """What a plaque absorbs that a ray crosses at a right angle; more along it."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, tuple):
                low, high = value
                if not 0 <= low <= high < np.inf:
                    raise InputError(f"{item.name} of {value} is no range. Give two numbers from 0, the lesser first.")
            elif not 0 <= value <= 1:  # false for NaN too
                raise InputError(f"{item.name} of {value:g} is no share. Give a number from 0 to 1.")

    @classmethod
    def none(cls) -> Extras:
        """All shares 0."""
        return cls(subtraction=0, text=0, guide=0, dome=0, waisted_vertebrae=0, calcification=0, straight_tubes=0)


def own_stream(rng: np.random.Generator, stream: Stream) -> np.random.Generator:
    """A new generator that depends on the state of `rng` and the stream's key; `rng` stays as it is."""
    return np.random.default_rng([*copy.deepcopy(rng).integers(2**63, size=2).tolist(), int(stream)])


def drawn(rng: np.random.Generator, stream: Stream, share: float) -> np.random.Generator | None:
    """The stream's generator, to draw the feature from, with a chance of `share`; None otherwise."""
    own = own_stream(rng, stream)
    return own if own.random() < share else None
