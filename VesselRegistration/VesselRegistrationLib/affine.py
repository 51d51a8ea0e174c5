"""2-D affine matrices between the pixels of two images (equation 4), and what they mean in mm and degrees.

Convention
    Matrices are 3 x 3 and act on columns (x, y, 1): x to the right, y downwards, pixel centres at integers.
    `moving_to_fixed` carries the pixels of the moving image (the projection in its region of interest) to those of
    the fixed image (the frame).
    Normalized coordinates run from -1 to 1 between the outer edges of the border pixels (torch's
    `align_corners=False`): x_n = (2 x + 1) / width - 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from VesselRegistrationLib.c_arm import CArm, FloatArray, ProjectionMode
from VesselSegmentationLib.errors import InputError


@dataclass(frozen=True)
class RegionOfInterest:
    """A rectangle of whole pixels: `x`, `y` is its first column and row."""

    x: int
    y: int
    width: int
    height: int

    def checked(self, rows: int, columns: int) -> RegionOfInterest:
        """Itself, if it lies within an image of that size; otherwise raises InputError."""
        if self.width < 2 or self.height < 2:
            raise InputError(f"The region of interest {self} is smaller than 2 x 2 pixels. Draw a larger one.")
        if self.x < 0 or self.y < 0 or self.x + self.width > columns or self.y + self.height > rows:
            raise InputError(
                f"The region of interest {self} does not lie within the frame of {columns} x {rows} pixels. "
                f"Choose X from 0, Y from 0, X + W up to {columns} and Y + H up to {rows}."
            )
        return self

    def to_frame(self) -> FloatArray:
        """Matrix from the region's own pixels to those of the image it was cut from."""
        return translation(self.x, self.y)

    def __str__(self) -> str:
        return f"X {self.x} Y {self.y} W {self.width} H {self.height}"


@dataclass(frozen=True)
class AffineParts:
    """An affine's linear part as rotation, scale and what no rigid motion in the picture plane can do."""

    rotation_deg: float
    """Counter-clockwise as seen in the picture."""
    scale: float
    """Square root of the determinant; negative determinants (mirrors) give NaN."""
    anisotropy: float
    """Ratio of the largest to the smallest stretch, >= 1; 1 for a similarity."""


def translation(x: float, y: float) -> FloatArray:
    """The matrix that adds (x, y)."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def pixels_to_normalized(rows: int, columns: int) -> FloatArray:
    """From pixels to normalized coordinates. Example: pixel (0, 0) of a 4 x 4 image is (-0.75, -0.75)."""
    return np.array([[2 / columns, 0.0, 1 / columns - 1], [0.0, 2 / rows, 1 / rows - 1], [0.0, 0.0, 1.0]])


def apply(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """Points (N, 2) carried by a 3 x 3 affine."""
    return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2])


def decompose(matrix: FloatArray) -> AffineParts:
    """Rotation, scale and anisotropy of an affine in square pixels.

    Example (tested): a turn by 90 degrees clockwise in the picture with scale 2 gives (-90, 2, 1).
    """
    linear = matrix[:2, :2]
    stretches = np.linalg.svd(linear, compute_uv=False)
    angle = math.atan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])
    determinant = float(np.linalg.det(linear))
    return AffineParts(
        rotation_deg=-math.degrees(angle),  # rows run downwards, so a positive matrix angle turns clockwise
        scale=math.sqrt(determinant) if determinant > 0 else math.nan,
        anisotropy=float(stretches[0] / stretches[1]) if stretches[1] > 0 else math.inf,
    )


def frame_affine_to_isocenter(
    frame_affine: FloatArray, c_arm: CArm, mode: ProjectionMode = ProjectionMode.PERSPECTIVE
) -> FloatArray:
    """The 3-D affine (4 x 4, LPS mm from the isocentre) whose picture is the given affine of the picture.

    Every point keeps its depth and moves across the beam so that its new projection is `frame_affine` times its old
    one. It is not a rigid motion: it shows the matched model in 3-D, it does not say where the vessel is.
    """
    column0, row0 = c_arm.center_px
    row_spacing, column_spacing = c_arm.spacing_mm
    axes = c_arm.axes_lps(mode)
    is_perspective = mode is ProjectionMode.PERSPECTIVE
    scale = c_arm.sid_mm if is_perspective else c_arm.magnification
    # From (right, up, w) to homogeneous pixels times w; w is the depth in perspective and 1 in a parallel view.
    to_pixels = np.array([[scale / column_spacing, 0.0, column0], [0.0, -scale / row_spacing, row0], [0.0, 0.0, 1.0]])
    across = np.linalg.inv(to_pixels) @ frame_affine @ to_pixels
    result = np.eye(4)
    if is_perspective:
        source = c_arm.source_lps()
        result[:3, :3] = axes.T @ across @ axes
        result[:3, 3] = source - result[:3, :3] @ source
    else:
        keep_depth = np.eye(3)
        keep_depth[:2, :2] = across[:2, :2]
        result[:3, :3] = axes.T @ keep_depth @ axes
        result[:3, 3] = axes.T @ [across[0, 2], across[1, 2], 0.0]
    return result
