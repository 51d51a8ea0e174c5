"""Which vessel an observer can see: the simulated truth is what a careful annotator would mark, not what is there.

Contrast can be so thin, or a branch so fine, that its shadow drowns in the noise or is lost in the display's window.
Such vessel is in the model and in the beam, and nobody could mark it. Rose's criterion (J. Opt. Soc. Am. 1948, 38:196)
asks that a shadow stands out from the noise by some standard deviations once both are averaged over the shadow; here
both are averaged over two areas, a fine vessel's and a large one's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.simulation.bodies import Picture

REFERENCE_SIZE = 256
"""Lengths and areas in pixels are stated for a picture of this size."""
LEAST_GREY = 8.0
"""Darkening in grey levels of 255. A calibrated screen shows half of it, but not among bones, and of the places
that annotators of real angiograms marked 87 % are darker than this (Testing/Benchmarks/annotated_widths.py)."""
LEAST_DEVIATIONS = 4.0
"""Darkening in standard deviations of the averaged noise. Rose: 3 to 5."""
AVERAGED_PX = (1.0, 3.0)
"""Deviations of the Gaussian averages: as wide as a fine and as a large vessel."""
NOISE_REACH_PX = 8.0
JOINED_PX = 2
"""Pixels of a vessel so near to seen ones count as seen."""
EDGE_SHARE = 0.5
"""A vessel is marked to where it is this share as dark as around its middle: an edge is where it is half as dark."""
SMALLEST_PX = 12
"""Pieces of fewer pixels are not marked."""


def seen_vessel(vessel: NDArray[np.bool_], darkening: Picture, noise: Picture) -> NDArray[np.bool_]:
    """The pixels of `vessel` that can be seen.

    Args:
        vessel: where contrast-filled vessel lies in front of the open field. (rows, columns).
        darkening: how many grey levels it takes from the noiseless picture. (rows, columns).
        noise: the noise of the picture, in grey levels. (rows, columns).
    """
    from scipy.ndimage import binary_dilation, gaussian_filter, generate_binary_structure, label, maximum_filter

    unit = vessel.shape[0] / REFERENCE_SIZE
    seen = np.zeros(vessel.shape, dtype=bool)
    for width in AVERAGED_PX:
        averaged_noise = gaussian_filter(noise, width * unit)
        deviation = np.sqrt(gaussian_filter(averaged_noise**2, NOISE_REACH_PX * unit))
        stands_out = gaussian_filter(darkening, width * unit) >= LEAST_DEVIATIONS * deviation
        seen |= stands_out & (darkening >= LEAST_GREY)
    around, joined = generate_binary_structure(2, 2), max(1, round(JOINED_PX * unit))
    seen = binary_dilation(seen & vessel, around, joined, mask=vessel)
    seen &= darkening >= EDGE_SHARE * maximum_filter(darkening, 2 * joined + 1)
    pieces, _ = label(seen, around)
    is_large = np.bincount(pieces.ravel()) >= SMALLEST_PX * unit**2
    is_large[0] = False
    marked: NDArray[np.bool_] = is_large[pieces]
    return marked
