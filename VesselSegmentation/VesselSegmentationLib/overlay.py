"""Pictures of results: overlap of masks in color (Li et al. 2021, figure 6), outlines, attention; PNG files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.intensity import intensity_window, windowed

TRUE_POSITIVE_RGB = (255, 255, 0)
"""Yellow."""
FALSE_POSITIVE_RGB = (255, 0, 255)
"""Magenta."""
FALSE_NEGATIVE_RGB = (0, 255, 255)
"""Cyan."""

RgbImage = NDArray[np.uint8]


def grey_rgb(frame: ArrayLike) -> RgbImage:
    """Grey frame of any range to (rows, columns, 3) uint8, windowed as the network sees it; uint8 is left as it is."""
    picture = np.asarray(frame)
    if picture.ndim != 2 or not picture.size:
        raise InputError(f"A frame must be (rows, columns), not of shape {picture.shape}.")
    if picture.dtype != np.uint8:
        picture = np.rint(windowed(picture, *intensity_window(picture)) * 255).astype(np.uint8)
    return np.repeat(picture[:, :, None], 3, axis=2)


def _mask_like(mask: ArrayLike, frame: RgbImage, name: str) -> NDArray[np.bool_]:
    array = np.asarray(mask).astype(bool)
    if array.shape != frame.shape[:2]:
        raise InputError(f"The {name} {array.shape} must have the frame's shape {frame.shape[:2]}.")
    return array


def colored(image: RgbImage, mask: NDArray[np.bool_], color: tuple[int, int, int], opacity: float) -> RgbImage:
    """Copy of an RGB image with `color` laid over the pixels of `mask`; opacity from 0 (unseen) to 1 (solid)."""
    if not 0 <= opacity <= 1:
        raise InputError(f"The opacity {opacity:g} must lie between 0 and 1.")
    result = image.copy()
    blend = (1 - opacity) * image[mask].astype(float) + opacity * np.array(color, dtype=float)
    result[mask] = np.rint(blend).astype(np.uint8)
    return result


def overlap_overlay(frame: ArrayLike, prediction: ArrayLike, truth: ArrayLike, opacity: float = 0.6) -> RgbImage:
    """Hits yellow, false positives magenta, misses cyan over the grey frame. (rows, columns, 3) uint8."""
    image = grey_rgb(frame)
    predicted, true = _mask_like(prediction, image, "prediction"), _mask_like(truth, image, "truth")
    image = colored(image, predicted & true, TRUE_POSITIVE_RGB, opacity)
    image = colored(image, predicted & ~true, FALSE_POSITIVE_RGB, opacity)
    return colored(image, ~predicted & true, FALSE_NEGATIVE_RGB, opacity)


def outline(mask: ArrayLike) -> NDArray[np.bool_]:
    """Pixels of a mask that touch its outside; where the picture's border cuts the mask there is no outline."""
    from scipy.ndimage import binary_erosion

    inside = np.asarray(mask).astype(bool)
    edge: NDArray[np.bool_] = inside & ~binary_erosion(inside, border_value=1)
    return edge


def attention_overlay(frame: ArrayLike, attention: ArrayLike, opacity: float = 0.5) -> RgbImage:
    """Attention from 0 to 1 as a heat map over the grey frame (figure 7 C). (rows, columns, 3) uint8."""
    from matplotlib import colormaps

    image, heat = grey_rgb(frame), np.asarray(attention, dtype=float)
    if heat.shape != image.shape[:2]:
        raise InputError(f"The attention {heat.shape} must have the frame's shape {image.shape[:2]}.")
    colors = 255 * colormaps["jet"](np.clip(heat, 0, 1))[:, :, :3]
    return np.rint((1 - opacity) * image + opacity * colors).astype(np.uint8)


def write_png(path: Path | str, array: ArrayLike) -> Path:
    """Write a mask (bool, as 0 and 255), a grey picture (uint8 or uint16) or an RGB picture (uint8) as PNG.

    Raises InputError for other arrays and OutputError when the file cannot be written.
    """
    from PIL import Image

    picture = np.asarray(array)
    if picture.dtype == np.bool_:
        picture = picture.astype(np.uint8) * np.uint8(255)
    is_grey = picture.ndim == 2 and picture.dtype in (np.uint8, np.uint16)
    is_color = picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8
    if not (is_grey or is_color) or not picture.size:
        raise InputError(f"An array of shape {picture.shape} and type {picture.dtype} is no picture to write as PNG.")
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return write_atomically(path, buffer.getvalue())
