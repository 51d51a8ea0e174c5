"""Grey frames and the masks that people drew on them, from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from VesselSegmentationLib.errors import InputError


def read_grey(path: Path) -> NDArray[np.generic]:
    """A picture (rows, columns) of 8 or 16 bits; colors become grey. Raises InputError when it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            grey = image if image.mode.startswith("I") or image.mode == "L" else image.convert("L")
            pixels: NDArray[np.generic] = np.array(grey)
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"{path} cannot be read as a picture ({error}).") from error
    return pixels
