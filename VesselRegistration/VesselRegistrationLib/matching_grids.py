"""Between a frame's pixels and the squares on which a match is sought: matrices and regions."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from VesselRegistrationLib.affine import RegionOfInterest, pixels_to_normalized
from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.matching_objective import Window
from VesselSegmentationLib.preprocessing import NetworkGrid


def to_frame_pixels(matrix: Tensor, grid: NetworkGrid) -> FloatArray:
    """A normalized matrix on the network's square as a matrix in the frame's own pixels (3, 3)."""
    normalized = pixels_to_normalized(grid.side, grid.side)
    in_pixels = np.linalg.inv(normalized) @ matrix.double().numpy() @ normalized
    return np.asarray(grid.network_to_frame() @ in_pixels @ grid.frame_to_network())


def to_normalized(frame_matrix: FloatArray, grid: NetworkGrid) -> Tensor:
    """Inverse of `to_frame_pixels`."""
    normalized = pixels_to_normalized(grid.side, grid.side)
    on_square = grid.frame_to_network() @ frame_matrix @ grid.network_to_frame()
    return torch.from_numpy(normalized @ on_square @ np.linalg.inv(normalized)).float()


def region_on_grid(roi: RegionOfInterest, silhouette: NDArray[np.bool_], grid: NetworkGrid) -> RegionOfInterest:
    """The region on the network's square; an edge of the frame is moved to that of the square."""
    rows, columns = silhouette.shape
    to_grid = grid.frame_to_network()
    corners = np.array([[roi.x, roi.y, 1], [roi.x + roi.width, roi.y + roi.height, 1]]) - (0.5, 0.5, 0)
    (left, top, _one), (right, bottom, _other) = np.rint(corners @ to_grid.T + 0.5).astype(int)
    left, top = (0 if edge == 0 else low for edge, low in ((roi.x, left), (roi.y, top)))
    right = grid.side if roi.x + roi.width == columns else right
    bottom = grid.side if roi.y + roi.height == rows else bottom
    return RegionOfInterest(int(left), int(top), int(right - left), int(bottom - top))


def known_window(silhouette: NDArray[np.bool_], roi: RegionOfInterest, grid: NetworkGrid) -> Window:
    """Edges of where the moving picture shows all of the model: the frame's, or the region's where it cuts it off."""
    rows, columns = silhouette.shape
    right, bottom = roi.x + roi.width, roi.y + roi.height
    edges = np.array(
        [
            [roi.x if silhouette[:, : roi.x].any() else 0, roi.y if silhouette[: roi.y].any() else 0, 1],
            [
                right if silhouette[:, right:].any() else columns,
                bottom if silhouette[bottom:].any() else rows,
                1,
            ],
        ],
        dtype=float,
    )
    edges[:, :2] -= 0.5
    (left, top, _one), (last, low, _other) = edges @ grid.frame_to_network().T
    return float(left), float(top), float(last), float(low)
