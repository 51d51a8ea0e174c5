"""The demonstration's picture: where the model lay before, where it lies now, and where it truly is."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.registration_pictures import OUTLINE_RGB
from VesselSegmentationLib.overlay import colored, grey_rgb, outline

TRUTH_RGB = (0, 220, 255)
BoolArray = NDArray[np.bool_]


def before_and_after(
    frame: NDArray[np.generic], true: BoolArray, shown: Sequence[tuple[str, BoolArray | None]]
) -> bytes:
    """A PNG file's content: per panel a title and the model's silhouette (None: refused), and the true outline."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.2 * len(shown), 6.9), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    axes = np.atleast_1d(figure.subplots(1, len(shown)))
    for panel, (title, silhouette) in zip(axes, shown, strict=True):
        picture = colored(grey_rgb(frame), _line(true), TRUTH_RGB, 1.0)
        if silhouette is not None:
            picture = colored(picture, _line(silhouette), OUTLINE_RGB, 1.0)
        panel.imshow(picture)
        panel.set_title(title, fontsize=12)
        panel.axis("off")
    words = "Outlines: amber the model, blue where it truly is. Simulated patient. Research use only."
    figure.text(0.5, 0.012, words, ha="center", fontsize=10, color="0.3")
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.045, top=0.94, wspace=0.03)
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _line(mask: BoolArray) -> BoolArray:
    """The mask's outline, wide enough to be seen where a page shows the picture small."""
    from scipy.ndimage import binary_dilation

    return np.asarray(binary_dilation(outline(mask), np.ones((2, 2))))
