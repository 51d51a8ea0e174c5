"""Draws the icons of the extension and its modules: an aortic arch and its own shadow in an X-ray frame.

    python Resources/Icons/draw_icon.py            # 128 x 128, where the extension and the modules have them
    python Resources/Icons/draw_icon.py FOLDER     # elsewhere

VesselRegistration: the model of the vessel over its shadow, its outline going on over the rest.
VesselSegmentation: the shadow, and the pixels found in it as a flat mask with an edge of its own.

All lengths are pixels of the 128 x 128 icon, (x, y) from its top left corner; it is drawn larger and then reduced.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter

Array = NDArray[np.float64]

SIZE = 128
OVERSAMPLING = 8
ROOT = Path(__file__).resolve().parents[2]

# Centerlines as (x, y, radius): the aorta from its root to the diaphragm, then the three branches of the arch.
VESSELS = (
    ((54, 97, 9.5), (51, 91, 12.4), (45, 82, 12.2), (40, 70, 11.2), (40, 57, 11), (47, 46, 10.8), (60, 41, 10.4),
     (73, 44, 9.8), (82, 54, 9.3), (85.5, 68, 9), (86, 88, 8.5), (84, 128, 7.8)),
    ((50, 45, 6.2), (45, 33, 5.4), (40, 23, 5), (34, 3, 4.6)),
    ((62, 42, 5), (63, 28, 4.3), (61, 16, 4.1), (59, 0, 3.8)),
    ((73, 45, 5.4), (80, 31, 4.7), (88, 22, 4.4), (104, 12, 4.1)),
)  # fmt: skip
FIELD_CENTER, FIELD_RADIUS = (64.0, 64.0), 55.0

MODEL_COLOR = np.array([0.94, 0.31, 0.16])
OUTLINE_COLOR = np.array([0.20, 0.93, 0.98])
MASK_COLOR = np.array([0.30, 0.86, 0.36])
MASK_EDGE_COLOR = np.array([0.90, 1.00, 0.72])
LIGHT = np.array([-0.45, -0.60, 0.66])


def pixel_grid() -> tuple[Array, Array]:
    """x and y of every pixel of the enlarged drawing."""
    centers = (np.arange(SIZE * OVERSAMPLING) + 0.5) / OVERSAMPLING
    x, y = np.meshgrid(centers, centers)
    return x, y


def smooth_step(values: Array, low: float, high: float) -> Array:
    """0 below low, 1 above high, smooth between; low may be the greater."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def along(vessel: tuple[tuple[float, float, float], ...], step: float = 0.5) -> Array:
    """(x, y, radius) at equal steps along a vessel. Shape (N, 3)."""
    knots = np.array(vessel, dtype=float)
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(knots[:, :2], axis=0).T))])
    return np.asarray(PchipInterpolator(length, knots)(np.arange(0, length[-1], step)))


def vessel_surface(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Height of the surface above the plane of the vessels (0 outside), path length inside, distance to the edge."""
    height = np.zeros_like(x)
    path_length = np.zeros_like(x)
    edge = np.full_like(x, np.inf)
    for vessel in VESSELS:
        own_height = np.zeros_like(x)
        for center_x, center_y, radius in along(vessel):
            rows = slice(*np.clip(((center_y + np.array([-18, 18])) * OVERSAMPLING).astype(int), 0, x.shape[0]))
            columns = slice(*np.clip(((center_x + np.array([-18, 18])) * OVERSAMPLING).astype(int), 0, x.shape[1]))
            distance = np.hypot(x[rows, columns] - center_x, y[rows, columns] - center_y)
            np.minimum(edge[rows, columns], distance - radius, out=edge[rows, columns])
            ball = np.sqrt(np.clip(radius**2 - distance**2, 0, None))
            np.maximum(own_height[rows, columns], ball, out=own_height[rows, columns])
        np.maximum(height, own_height, out=height)
        path_length = np.maximum(path_length, 2 * own_height)
    return height, path_length, edge


def xray(x: Array, y: Array, path_length: Array) -> Array:
    """Brightness of the X-ray frame: the collimated field, spine, ribs and the contrast-filled vessels' shadow."""
    radius = np.hypot(x - FIELD_CENTER[0], y - FIELD_CENTER[1])
    brightness = 0.80 - 0.26 * (radius / FIELD_RADIUS) ** 2
    brightness -= 0.10 * np.exp(-(((x - 66) / 11) ** 2)) * (0.75 + 0.25 * np.cos(2 * np.pi * y / 15))
    for top in range(6, 128, 19):
        middle = top + 0.010 * (x - 64) ** 2
        brightness -= 0.055 * np.exp(-(((y - middle) / 3.0) ** 2))
    brightness *= np.exp(-0.040 * gaussian_filter(path_length, 0.6 * OVERSAMPLING))
    field = smooth_step(radius, FIELD_RADIUS + 0.8, FIELD_RADIUS - 0.8)
    return np.asarray(0.055 + field * (brightness - 0.055))


def shaded_model(height: Array) -> Array:
    """The vessel model lit from the upper left. Shape (rows, columns, 3)."""
    slope_y, slope_x = np.gradient(gaussian_filter(height, 0.35 * OVERSAMPLING) * OVERSAMPLING)
    normal = np.stack([-slope_x, -slope_y, np.ones_like(height)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    diffuse = np.clip(normal @ LIGHT, 0, 1)[..., None]
    shine = np.clip(normal @ (LIGHT + [0, 0, 1]) / np.linalg.norm(LIGHT + [0, 0, 1]), 0, 1)[..., None] ** 40
    color = MODEL_COLOR * (0.42 + 0.72 * diffuse) + np.array([0.10, 0.16, 0.02]) * diffuse
    return np.asarray(np.clip(color + 0.55 * shine * np.array([1.0, 0.92, 0.80]), 0, 1))


def mix(below: Array, above: Array, share: Array) -> Array:
    """`above` laid over `below` with a share of 0 to 1 per pixel."""
    return np.asarray(below + share[..., None] * (above - below))


def registration(x: Array, y: Array, picture: Array, height: Array, edge: Array, field: Array) -> Array:
    """The X-ray picture with the model laid over its vessel. Shape (rows, columns, 3)."""
    # The model ends below the arch; its outline goes on over the vessel that the X-ray shows.
    inside = smooth_step(edge, 0.4, -0.4) * field * smooth_step(y + 0.35 * (x - 64), 100, 92)
    picture = mix(picture, shaded_model(height), inside)
    outline = smooth_step(np.abs(edge - 0.9), 1.2, 0.6) * field
    return mix(picture, OUTLINE_COLOR, 0.92 * outline)


def segmentation(x: Array, y: Array, picture: Array, height: Array, edge: Array, field: Array) -> Array:
    """The X-ray picture with the vessel masked, but for its lower right part. Shape (rows, columns, 3)."""
    found = np.maximum(smooth_step(y + 0.35 * (x - 64), 75, 74), smooth_step(x, 69, 68)) * field
    picture = mix(picture, MASK_COLOR, 0.80 * smooth_step(edge, 0.4, -0.4) * found)
    return mix(picture, MASK_EDGE_COLOR, smooth_step(np.abs(edge), 1.5, 0.9) * found)


def draw(overlay: Callable[[Array, Array, Array, Array, Array, Array], Array]) -> Image.Image:
    """An icon, RGBA, 128 x 128: the framed X-ray picture with what `overlay` lays over it."""
    x, y = pixel_grid()
    height, path_length, edge = vessel_surface(x, y)
    picture = xray(x, y, path_length)[..., None] * np.array([0.93, 0.98, 1.04])
    field = smooth_step(np.hypot(x - FIELD_CENTER[0], y - FIELD_CENTER[1]), FIELD_RADIUS + 0.5, FIELD_RADIUS - 0.5)
    picture = overlay(x, y, picture, height, edge, field)
    frame = np.maximum(np.abs(x - 64), np.abs(y - 64)) - 63
    corner = np.hypot(np.clip(np.abs(x - 64) - 43, 0, None), np.clip(np.abs(y - 64) - 43, 0, None)) - 20
    frame = np.maximum(frame, corner)
    picture = mix(picture, np.array([0.42, 0.48, 0.55]), smooth_step(frame, -2.6, -2.0))
    rgba = np.concatenate([np.clip(picture, 0, 1), smooth_step(frame, 0.4, -0.4)[..., None]], axis=-1)
    large = Image.fromarray(np.round(rgba * 255).astype(np.uint8), "RGBA")
    return large.resize((SIZE, SIZE), Image.Resampling.BOX)


def main() -> None:
    for name, overlay in (("VesselRegistration", registration), ("VesselSegmentation", segmentation)):
        icon = draw(overlay)
        folders = [Path(sys.argv[1])] if len(sys.argv) > 1 else [ROOT / name / "Resources" / "Icons"]
        if len(sys.argv) == 1 and name == "VesselRegistration":
            folders.append(ROOT)
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            icon.save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
