"""What one frame says about the pose: the middle lines and the outlines of its vessels, as fields to be looked up.

All lengths that come out are millimetres in the plane of the isocentre, so that residuals of several views can be
added. The frame is worked on at a side of at most `WORKING_SIDE` pixels, which is what the network sees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.pose.geometry_uncertainty import GeometryUncertainty
from VesselRegistrationLib.pose.pose_model import spread_over, tangents
from VesselRegistrationLib.xray_run import XRayRun

WORKING_SIDE = 256
SMALLEST_PIECE_PX = 16
SMALLEST_PIECE_SHARE = 0.02
"""Pieces of the mask that cover fewer pixels, or less of the whole mask, are taken for noise."""
EDGE_POINTS = 700
SLOPE_BLUR_PX = 1.0
SURE_SLOPE = 0.3
"""Fall of the probability per pixel, so blurred, at the outline of a vessel whose border is sure."""
LEAST_SURE = 0.3
"""Weight of an outline where the probability hardly falls."""


@dataclass(frozen=True)
class PoseView:
    """One frame to be explained by a pose."""

    c_arm: CArm
    probability: NDArray[np.floating]
    """Of vessel, on the frame's pixels (rows, columns); a mask of 0 and 1 will do."""
    table_shift_lps: FloatArray = field(default_factory=lambda: np.zeros(3))
    """How far the table has moved since the pose that is asked for, (3,) mm: the model stands so much further on."""
    uncertainty: GeometryUncertainty = GeometryUncertainty()
    """How well the C-arm is known beside those of other views."""

    @classmethod
    def of_frame(
        cls, run: XRayRun, frame: int, probability: NDArray[np.floating], table_shift_lps: FloatArray
    ) -> PoseView:
        """A run's frame, as sure of its C-arm as its header lets one be. Raises what `XRayRun.c_arm` does."""
        c_arm = run.c_arm(frame)
        return cls(c_arm, probability, table_shift_lps, GeometryUncertainty.of(run.geometry[frame], c_arm))


@dataclass(frozen=True)
class MiddleLines:
    """The vessels' middle lines; what a search asks of them is worked out when it does."""

    points: FloatArray
    """(M, 2) pixels, column and row."""
    skeleton: NDArray[np.bool_]
    """(rows, columns): the same."""

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> MiddleLines:
        """Of vessels (rows, columns)."""
        from skimage.morphology import skeletonize

        skeleton = np.asarray(skeletonize(mask), dtype=bool)
        rows, columns = np.nonzero(skeleton)
        return cls(np.stack([columns, rows], axis=1).astype(float), skeleton)

    @cached_property
    def normals(self) -> FloatArray:
        """(M, 2) unit vectors across them."""
        along = tangents(self.points) if len(self.points) else self.points
        return np.stack([-along[:, 1], along[:, 0]], axis=1)

    @cached_property
    def nearest(self) -> NDArray[np.int64]:
        """(rows, columns): index of the nearest of the points."""
        from scipy.ndimage import distance_transform_edt

        number = np.zeros(self.skeleton.shape, dtype=np.int64)
        if not len(self.points):
            return number
        at = distance_transform_edt(~self.skeleton, return_distances=False, return_indices=True)
        number[self.skeleton] = np.arange(len(self.points))
        return np.asarray(number[at[0], at[1]])


@dataclass(frozen=True)
class Evidence:
    """The vessels of one view. Pixels are (column, row) of the working picture."""

    c_arm: CArm
    """Of the working picture."""
    table_shift_lps: FloatArray
    uncertainty: GeometryUncertainty
    pixel_mm: float
    """Of the working picture, in the plane of the isocentre."""
    mask: NDArray[np.bool_]
    middle: MiddleLines
    distance: NDArray[np.float32]
    """(rows, columns): signed distance to the outlines in pixels, positive outside vessels."""
    slope: NDArray[np.float32]
    """(2, rows, columns): its slope along columns and rows."""
    edge: FloatArray
    """(K, 2) points on the outlines, between pixels."""
    edge_normals: FloatArray
    """(K, 2) unit vectors out of the vessels."""
    edge_weights: FloatArray
    """(K,) from 0 to 1: how sure the network is of where the outline runs."""
    sureness: NDArray[np.float32]
    """(rows, columns): the same of the nearest point of the outlines."""
    foreground_share: float
    """Share of the frame that is vessel, before noise was taken out."""

    @property
    def is_empty(self) -> bool:
        """No vessel that could guide anything."""
        return len(self.middle.points) < 10 or len(self.edge) < 10


def gather_evidence(view: PoseView, threshold: float = 0.5) -> Evidence:
    """Middle lines and outlines of the vessels of a view, vessel being where the probability reaches `threshold`."""
    probability = np.clip(np.asarray(view.probability, dtype=np.float32) * (0.5 / threshold), 0, 1)
    probability, c_arm = _working_picture(probability, view.c_arm)
    share = float((probability >= 0.5).mean())
    mask = _without_specks(probability >= 0.5)
    distance, slope = _signed_distance(mask)
    edge, normals = _edge_points(mask, distance, slope)
    sureness = _sureness(probability, mask)
    cells = np.clip(np.rint(edge).astype(int), 0, (mask.shape[1] - 1, mask.shape[0] - 1))
    return Evidence(
        c_arm=c_arm,
        table_shift_lps=np.asarray(view.table_shift_lps, dtype=float),
        uncertainty=view.uncertainty,
        pixel_mm=c_arm.pixel_size_at_isocenter_mm(),
        mask=mask,
        middle=MiddleLines.of(mask),
        distance=distance,
        slope=slope,
        edge=edge,
        edge_normals=normals,
        edge_weights=np.asarray(sureness[cells[:, 1], cells[:, 0]], dtype=float),
        sureness=sureness,
        foreground_share=share,
    )


def _working_picture(probability: NDArray[np.float32], c_arm: CArm) -> tuple[NDArray[np.float32], CArm]:
    from skimage.transform import resize

    longest = max(probability.shape)
    if longest <= WORKING_SIDE:
        return probability, c_arm
    rows, columns = (max(8, round(side * WORKING_SIDE / longest)) for side in probability.shape)
    small = resize(probability, (rows, columns), order=1, anti_aliasing=True, preserve_range=True)
    return np.asarray(small, dtype=np.float32), c_arm.resized(rows, columns)


def _without_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import label

    pieces, count = label(mask, np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    is_kept = sizes >= max(SMALLEST_PIECE_PX, SMALLEST_PIECE_SHARE * mask.sum())
    is_kept[0] = False
    return np.asarray(is_kept[pieces])


def _signed_distance(mask: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distance to the mask's outline in pixels, positive outside, a little smoothed; and its slope."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    if not mask.any() or mask.all():
        far = np.full(mask.shape, float(max(mask.shape)), dtype=np.float32)
        return far, np.zeros((2, *mask.shape), dtype=np.float32)
    outside, inside = distance_transform_edt(~mask), distance_transform_edt(mask)
    distance = np.asarray(gaussian_filter(outside - inside - np.sign(outside - inside) * 0.5, 0.5), dtype=np.float32)
    down, right = np.gradient(distance)
    return distance, np.stack([right, down])


def _sureness(probability: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """From `LEAST_SURE` to 1, (rows, columns): how steeply the probability falls at the nearest point of the outline.

    A network that is sure falls from vessel to none within two pixels; what it guesses of a wide, faint vessel fades
    out, and the threshold might have put the outline elsewhere.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_gradient_magnitude

    rim = _rim(mask)
    if not rim.any():
        return np.ones(mask.shape, dtype=np.float32)
    steep = gaussian_gradient_magnitude(probability, SLOPE_BLUR_PX)
    at = distance_transform_edt(~rim, return_distances=False, return_indices=True)
    return np.asarray(np.clip(steep[at[0], at[1]] / SURE_SLOPE, LEAST_SURE, 1), dtype=np.float32)


def _edge_points(
    mask: NDArray[np.bool_], distance: NDArray[np.float32], slope: NDArray[np.float32]
) -> tuple[FloatArray, FloatArray]:
    """Points (K, 2) on the outline and unit vectors (K, 2) out of it; the picture's border is no outline."""
    rows, columns = np.nonzero(_rim(mask))
    chosen = spread_over(len(rows), EDGE_POINTS)
    rows, columns = rows[chosen], columns[chosen]
    normals = slope[:, rows, columns].T.astype(float)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    pixels = np.stack([columns, rows], axis=1) - normals * distance[rows, columns, None]
    return np.asarray(pixels), normals


def _rim(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The outermost pixels of the vessels; those at the picture's border are none."""
    from scipy.ndimage import binary_erosion

    return np.asarray(mask & ~binary_erosion(mask, border_value=1))
