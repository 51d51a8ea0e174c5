"""One X-ray frame taken away from another one, as in digital subtraction angiography.

Bodies move between the two and leave bright and dark bands: so the earlier frame is moved as a whole to where it
differs least. The difference of two frames has the noise of both, and where contrast is faint that is all there is to
be seen: so it is blurred until contrast stands out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.generic]

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
NETWORK_SCALE = 3.0
"""Of the greys' distance from there, from 0 to 1, for a network: darkened as contrast agent does it is -2."""
BLURS_OF_512_PX = (0.0, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
"""Standard deviations in a picture of 512 x 512: the first that leaves little noise is taken."""
LEAST_BLUR_OF_512_PX = 1.0
"""Of what is measured."""
SMOOTH_OF_512_PX = 8.0
"""What is left of a difference when what is smoother than this is taken away counts as noise."""
MOST_NOISE = 0.12
"""Of the contrast's depth."""
NO_CHANGE = 1e-4
"""Of the logarithm: black borders change by nothing at all, and tell nothing of noise."""
SHIFT_SIDE, SHIFT_PARTS, SHIFT_BAND_PX = 256, 8, (1.5, 8.0)
"""A shift is looked for in a picture of this side, by parts of its pixels, in structures between these two widths."""
LARGEST_SHIFT = 0.15
"""Share of the side: a larger one is not the same view."""
STEP_PX = 4
"""Every fourth pixel of every fourth row tells how much two frames differ."""


@dataclass(frozen=True)
class Subtraction:
    """What has changed between two frames."""

    picture: NDArray[np.uint8]
    """(rows, columns): darkened is dark, unchanged a middle grey."""
    darkened: NDArray[np.float32]
    """(rows, columns): by how much of what contrast agent darkens at most, 0 to 1."""


def subtracted(frame: Picture, mask: Picture) -> Subtraction:
    """What has changed in a frame since the mask, of the same shape and number of bits."""
    from scipy.ndimage import gaussian_filter, gaussian_filter1d

    change = _logarithm(frame, mask) - _logarithm(mask, mask)
    scale = max(frame.shape) / 512
    steady = gaussian_filter(change, LEAST_BLUR_OF_512_PX * scale)
    rows = gaussian_filter1d(change, SMOOTH_OF_512_PX * scale, axis=0)[::2]
    smooth = gaussian_filter1d(rows, SMOOTH_OF_512_PX * scale, axis=1)[:, ::2]
    for blur in BLURS_OF_512_PX:
        seen = steady if blur == LEAST_BLUR_OF_512_PX else gaussian_filter(change, blur * scale)
        measured = seen if blur >= LEAST_BLUR_OF_512_PX else steady
        darkest, unchanged = np.percentile(measured[::2, ::2], (1, UNCHANGED)).astype(np.float32)
        depth = MARGIN * max(LEAST_DEPTH, float(unchanged - darkest))
        if _noise(seen[::2, ::2] - smooth) <= MOST_NOISE * depth:
            break
    greys = np.clip(LEVEL * (1 + (seen - unchanged) / depth), 0, 1)
    darkened = np.clip((unchanged - measured) / depth, 0, 1)
    return Subtraction(np.asarray(np.rint(greys * 255), dtype=np.uint8), np.asarray(darkened, dtype=np.float32))


def network_values(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The picture of a subtraction, of any shape, as a network takes it: 0 where nothing has changed."""
    return np.asarray((picture.astype(np.float32) / 255 - LEVEL) * NETWORK_SCALE, dtype=np.float32)


def _noise(rough: NDArray[np.float32]) -> float:
    """Standard deviation of most of what changed, whatever the rest does."""
    size = np.abs(rough)
    size = size[size > NO_CHANGE]
    return 1.4826 * float(np.median(size)) if size.size else 0.0


def difference(frame: Picture, other: Picture) -> float:
    """By how much the greys of two frames differ: half of their pixels by more, half by less."""
    apart = frame[::STEP_PX, ::STEP_PX].astype(np.float32) - other[::STEP_PX, ::STEP_PX].astype(np.float32)
    return float(np.median(np.abs(apart)))


def likeness(frame: Picture, other: Picture, left_out: NDArray[np.bool_]) -> float:
    """Correlation of two frames' greys, -1 to 1, where nothing is `left_out`; 0 where one of them is blank there."""
    from skimage.measure import block_reduce

    size = (STEP_PX, STEP_PX)
    kept = ~block_reduce(left_out, size, np.any)
    greys = [block_reduce(picture.astype(np.float32), size, np.mean)[kept] for picture in (frame, other)]
    if not kept.any() or min(float(np.ptp(part)) for part in greys) == 0:
        return 0.0
    return float(np.corrcoef(*greys)[0, 1])


def moved_onto(mask: Picture, frame: Picture, still: NDArray[np.float32] | None = None) -> Picture:
    """The mask moved by as much as the picture has moved since; as it is where that makes it no more alike.

    By the peak of the correlation of what is neither noise nor smooth, away from the border: shutters stand still.
    `still` is `fine_structure(mask, mask)`, where it is known.
    """
    from scipy.ndimage import shift
    from skimage.registration import phase_cross_correlation

    still, now = fine_structure(mask, mask) if still is None else still, fine_structure(frame, mask)
    if not still.any() or not now.any():
        return mask
    down, right = phase_cross_correlation(now, still, upsample_factor=SHIFT_PARTS, normalization=None)[0]
    if max(abs(down), abs(right)) > LARGEST_SHIFT * max(now.shape):
        return mask
    pixels = _reduction(frame)
    moved = shift(mask.astype(np.float32), (down * pixels, right * pixels), order=1, mode="nearest")
    moved = moved.astype(mask.dtype)
    return moved if difference(frame, moved) < difference(frame, mask) else mask


def fine_structure(picture: Picture, mask: Picture) -> NDArray[np.float32]:
    """What is neither noise nor smooth in a picture, at a side of about `SHIFT_SIDE`, greys relative to the mask's."""
    from scipy.ndimage import gaussian_filter
    from skimage.measure import block_reduce

    small = block_reduce(_logarithm(picture, mask), _reduction(picture), np.mean)
    window = np.outer(np.hanning(small.shape[0]), np.hanning(small.shape[1]))
    fine, coarse = SHIFT_BAND_PX
    return np.asarray(window * (gaussian_filter(small, fine) - gaussian_filter(small, coarse)), dtype=np.float32)


def _reduction(picture: Picture) -> int:
    """Pixels of a picture to one of those by which a shift is looked for."""
    return max(1, max(picture.shape) // SHIFT_SIDE)


def _logarithm(picture: Picture, mask: Picture) -> NDArray[np.float32]:
    """Of greys relative to the mask's, so that frames of any number of bits come out alike."""
    sample = np.asarray(mask[::STEP_PX, ::STEP_PX], dtype=np.float32)
    lowest, highest = float(sample.min()), float(np.percentile(sample, 99))
    relative = (np.asarray(picture, dtype=np.float32) - lowest) / max(highest - lowest, 1e-6)
    return np.asarray(np.log(np.maximum(relative, 0) + DARKEST), dtype=np.float32)
