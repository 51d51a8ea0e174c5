"""Vessels of a frame with the help of an earlier frame of its run, one from before contrast agent came.

What both frames show, bones, catheters and the border of the picture, is taken away as in digital subtraction; what
contrast agent has darkened stays. Bodies move between frames and leave bright and dark bands: so the earlier frame is
moved as a whole to where it differs least, and the network looks at the frame itself, too. The mean of both logits
decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselSegmentationLib.fullest_frame import frames_to_try, fullest

Picture = NDArray[np.generic]
Segment = Callable[[Picture], NDArray[np.floating]]
"""Probability of vessel (rows, columns) of a frame of that shape."""

FRAMES_LOOKED_AT = 4
"""So many frames before the one with most vessel are looked at for one without."""
MOST_SHARED = 0.2
"""Of a frame's vessels, what may be marked in one that counts as without contrast. A network marks some bones and
catheters in both; where contrast has begun to run it marks a quarter and more."""
DARKEST = 0.03
"""Added to greys of 0 to 1 before their logarithm is taken, for the noise of dark pixels."""
LEAST_DEPTH = 0.1
"""Change of the logarithm: the window is not opened further than this for fainter contrast."""
MARGIN = 1.1
"""How much wider the window is below than the contrast's depth."""
UNCHANGED = 65.0
"""Percentile of all changes that is taken for none: exposure control makes pictures brighter as contrast comes, which
covers up to half of them."""
LEVEL = 0.7
"""Where no change is, as a share of the greys."""
BLUR_OF_512_PX = 1.0
LARGEST_LOGIT = 9.0
SHIFT_SIDE, SHIFT_PARTS, SHIFT_BAND_PX = 256, 8, (1.5, 8.0)
"""A shift is looked for in a picture of this side, by parts of its pixels, in structures between these two widths."""
LARGEST_SHIFT = 0.15
"""Share of the side: a larger one is not the same view."""
STEP_PX = 4
"""Every fourth pixel of every fourth row tells how much two frames differ."""


@dataclass(frozen=True)
class SubtractingSegmenter:
    """Segments frames of one run, with frames of it from before contrast agent came."""

    segment: Segment
    """That of a single frame, whichever network or filter it is."""
    without_contrast: tuple[Picture, ...]
    """(rows, columns) each; of several the most similar one is taken away, since hearts beat and patients breathe."""

    @classmethod
    def of_run(cls, segment: Segment, frame: Picture, earlier: Iterable[Picture]) -> SubtractingSegmenter | None:
        """With those of the earlier frames that show none of the frame's vessels; None when there is none."""
        candidates = [picture for picture in earlier if picture.shape == frame.shape]
        if not candidates:
            return None
        vessels = segment(frame) >= 0.5
        if not vessels.any():
            return None
        shared = MOST_SHARED * vessels.sum()
        without = tuple(picture for picture in candidates if ((segment(picture) >= 0.5) & vessels).sum() <= shared)
        return cls(segment, without) if without else None

    def __call__(self, frame: Picture) -> NDArray[np.floating]:
        """Probability of vessel (rows, columns) of a frame of the run."""
        own = self.segment(frame)
        mask = min(self.without_contrast, key=lambda picture: _difference(frame, picture))
        if np.array_equal(mask, frame):
            return own
        return _between(own, self.segment(subtracted(frame, moved_onto(mask, frame))))


def with_earlier_frames(
    segment: Segment,
    frames: Sequence[Picture] | Picture,
    first: int = 0,
    before: Callable[[int], list[int]] | None = None,
) -> Segment:
    """`segment` with those of a run's frames that show nothing of the fullest one's vessels; as it is without such.

    Args:
        frames: (F, rows, columns) in their order.
        first: of those that are to be segmented; the ones before are only there to be subtracted.
        before: of a frame, the ones to look at; default: `frames_before`.
    """
    places = [first + index for index in frames_to_try(len(frames) - first)]
    chosen = places[0]
    if len(places) > 1:
        chosen = places[fullest([float((segment(np.asarray(frames[index])) >= 0.5).mean()) for index in places])]
    earlier = [np.asarray(frames[index]) for index in (before or frames_before)(chosen)]
    return SubtractingSegmenter.of_run(segment, np.asarray(frames[chosen]), earlier) or segment


def frames_before(frame: int, alike: Callable[[int], bool] = lambda _: True) -> list[int]:
    """Earlier frames of a run to look at for one without contrast agent: the first one and others, evenly spread.

    Only those that are `alike`, as when table and C-arm have not moved since.
    """
    places = [index for index in range(frame) if alike(index)]
    chosen = np.linspace(0, len(places) - 1, min(FRAMES_LOOKED_AT, len(places))).astype(int)
    return [places[index] for index in chosen]


def moved_onto(mask: Picture, frame: Picture) -> Picture:
    """The mask moved by as much as the picture has moved since; as it is where that makes it no more alike.

    By the peak of the correlation of what is neither noise nor smooth, away from the border: shutters stand still.
    """
    from scipy.ndimage import shift
    from skimage.registration import phase_cross_correlation

    reduction = max(1, max(frame.shape) // SHIFT_SIDE)
    still, now = (_fine_structure(_logarithm(picture, mask), reduction) for picture in (mask, frame))
    if not still.any() or not now.any():
        return mask
    down, right = phase_cross_correlation(now, still, upsample_factor=SHIFT_PARTS, normalization=None)[0]
    if max(abs(down), abs(right)) > LARGEST_SHIFT * max(now.shape):
        return mask
    moved = shift(mask.astype(np.float32), (down * reduction, right * reduction), order=1, mode="nearest")
    moved = moved.astype(mask.dtype)
    return moved if _difference(frame, moved) < _difference(frame, mask) else mask


def _fine_structure(picture: NDArray[np.float32], reduction: int) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter
    from skimage.measure import block_reduce

    small = block_reduce(picture, reduction, np.mean)
    window = np.outer(np.hanning(small.shape[0]), np.hanning(small.shape[1]))
    fine, coarse = SHIFT_BAND_PX
    return np.asarray(window * (gaussian_filter(small, fine) - gaussian_filter(small, coarse)), dtype=np.float32)


def subtracted(frame: Picture, mask: Picture) -> NDArray[np.uint8]:
    """What has changed since the mask, (rows, columns) in 8 bits: darkened is dark, unchanged a middle grey."""
    from scipy.ndimage import gaussian_filter

    change = _logarithm(frame, mask) - _logarithm(mask, mask)
    smooth = gaussian_filter(change, BLUR_OF_512_PX * max(frame.shape) / 512)
    darkest, unchanged = np.percentile(smooth[::2, ::2], (1, UNCHANGED))
    depth = MARGIN * max(LEAST_DEPTH, float(unchanged - darkest))
    greys = LEVEL * (1 + (change - np.float32(unchanged)) / depth)
    return np.asarray(np.rint(np.clip(greys, 0, 1) * 255), dtype=np.uint8)


def _logarithm(picture: Picture, mask: Picture) -> NDArray[np.float32]:
    """Of greys relative to the mask's, so that frames of any number of bits come out alike."""
    sample = np.asarray(mask[::STEP_PX, ::STEP_PX], dtype=np.float32)
    lowest, highest = float(sample.min()), float(np.percentile(sample, 99))
    relative = (np.asarray(picture, dtype=np.float32) - lowest) / max(highest - lowest, 1e-6)
    return np.asarray(np.log(np.maximum(relative, 0) + DARKEST), dtype=np.float32)


def _difference(frame: Picture, other: Picture) -> float:
    apart = frame[::STEP_PX, ::STEP_PX].astype(np.float32) - other[::STEP_PX, ::STEP_PX].astype(np.float32)
    return float(np.median(np.abs(apart)))


def _between(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float32]:
    """Probability of the mean logit."""
    logits = (_logit(first) + _logit(second)) / 2
    return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float32)


def _logit(probability: NDArray[np.floating]) -> NDArray[np.float32]:
    least = 1 / (1 + np.exp(LARGEST_LOGIT))
    inside = np.clip(np.asarray(probability, dtype=np.float32), least, 1 - least)
    return np.asarray(np.log(inside / (1 - inside)), dtype=np.float32)
