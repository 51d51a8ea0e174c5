"""What a user would take instead of a network: the multi-scale vesselness filter of Frangi et al. (MICCAI 1998).

scikit-image's filter on the frame brought to the network's square and freed of its slow shading; what exceeds a share
of the brightest responses is vessel, but for small pieces. The settings were chosen on simulated training frames
(Testing/Benchmarks/frangi_tuning.py), as the network's weights were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselSegmentationLib.preprocessing import NetworkGrid

BRIGHTEST_PERCENTILE = 99.0
DARKEST, BRIGHTEST = 2, 253
"""Grey values from which a pixel counts as clipped."""
EVEN_RANGE = 2
"""Grey levels by which neighbors in a painted shutter differ at most."""
SHUTTER_SHARE, SHUTTER_EDGE_PX = 0.01, 5
"""Least size of a shutter, of the picture's, and how far its edge reaches into the open field."""


@dataclass(frozen=True)
class FrangiSettings:
    """Lengths in pixels of a picture of 256 x 256."""

    widths_px: tuple[float, ...] = (1.5, 3.0, 5.0)
    """Scales of the filter: about half a vessel's width each."""
    background_px: float = 30.0
    """Reach of the shading that is divided out."""
    contrast: float = 0.04
    """Frangi's c: second derivatives below it are noise."""
    threshold: float = 0.1
    """Vessel from this share of the brightest responses."""
    smallest_px: int = 150


def frangi_vessels(frame: NDArray[np.generic], settings: FrangiSettings = FrangiSettings()) -> NDArray[np.bool_]:
    """Vessels (rows, columns) of a frame in which they are dark. Raises InputError as `NetworkGrid` does."""
    grid = NetworkGrid.of(frame)
    found = vessels_of(vesselness(grid.grey_to_network(frame), settings), settings)
    return np.asarray(grid.to_frame(found.astype(np.float32)) >= 0.5)


def vessels_of(response: NDArray[np.float64], settings: FrangiSettings) -> NDArray[np.bool_]:
    """Mask (side, side) of a response of that shape: what exceeds the threshold in pieces that are large enough."""
    from scipy.ndimage import label

    brightest = float(np.percentile(response, BRIGHTEST_PERCENTILE))
    pieces, _ = label(response >= settings.threshold * max(brightest, 1e-9), np.ones((3, 3)))
    is_large = np.bincount(pieces.ravel()) >= settings.smallest_px
    is_large[0] = False
    return np.asarray(is_large[pieces])


def vesselness(grey: NDArray[np.uint8], settings: FrangiSettings) -> NDArray[np.float64]:
    """Response (side, side) to dark ridges in a grey picture (side, side)."""
    from scipy.ndimage import gaussian_filter
    from skimage.filters import frangi

    picture = (grey.astype(float) + 8) / 255
    flat = np.log(picture) - gaussian_filter(np.log(picture), settings.background_px)
    response = frangi(
        flat, sigmas=settings.widths_px, beta=0.5, gamma=settings.contrast, black_ridges=True, mode="nearest"
    )
    return np.asarray(np.where(_shuttered(grey), 0.0, response))


def _shuttered(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Shutters and their edges, the strongest ridges of all: what is clipped, or even, at the border, if large.

    The darkest vessels are clipped as well, so that a pixel's level alone does not tell.
    """
    from scipy.ndimage import binary_dilation, label, maximum_filter, minimum_filter

    even = maximum_filter(grey, 3) - minimum_filter(grey, 3) <= EVEN_RANGE
    shutters = np.zeros(grey.shape, bool)
    for covered in (grey <= DARKEST, grey >= BRIGHTEST, even):
        pieces, _ = label(covered)
        chosen = np.bincount(pieces.ravel()) >= SHUTTER_SHARE * grey.size
        at_border = np.zeros_like(chosen)
        at_border[np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])] = True
        at_border[0] = False
        shutters |= (chosen & at_border)[pieces]
    return np.asarray(binary_dilation(shutters, iterations=SHUTTER_EDGE_PX))
