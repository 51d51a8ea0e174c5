"""A frame of any size onto the network's 256x256 pixels and back, with the pixel mapping that goes with it.

Square frames are simply resized, as in Li et al. 2021. Others keep their shape: the longer side fills the square and
the rest is left at the frame's mean grey, half on either side.

Pixel coordinates are (column, row) with centers at integers. Along each axis, with s the ratio of sides::

    x_network = (x_frame + 0.5) s - 0.5 + offset
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.intensity import intensity_window, standardize, windowed

NETWORK_SIDE = 256
"""Rows and columns of the network's input (Li et al. 2021, section II-B)."""


@dataclass(frozen=True)
class NetworkGrid:
    """Where a frame of `rows` x `columns` pixels lies on the network's square of `side` pixels.

    Example (tested): `NetworkGrid(512, 1024)` fills 256 columns and the rows 64 to 191; frame pixel (0, 0) lies at
    (-0.375, 63.625).
    """

    rows: int
    columns: int
    side: int = NETWORK_SIDE

    def __post_init__(self) -> None:
        if min(self.rows, self.columns) < 2 or max(self.rows, self.columns) > 64 * min(self.rows, self.columns):
            raise InputError(f"A frame of {self.columns} x {self.rows} pixels is no X-ray picture: use whole frames.")
        if self.side < 16 or self.side % 16:
            raise InputError(f"The network's side {self.side} must be a multiple of 16.")

    @classmethod
    def of(cls, frame: NDArray[np.generic], side: int = NETWORK_SIDE) -> NetworkGrid:
        """The grid for one frame (rows, columns)."""
        if frame.ndim != 2:
            raise InputError(f"A frame must be (rows, columns), not of shape {frame.shape}; pass one grey frame.")
        return cls(frame.shape[0], frame.shape[1], side)

    @property
    def content_shape(self) -> tuple[int, int]:
        """Rows and columns that the frame covers on the network's square."""
        longest = max(self.rows, self.columns)
        rows, columns = (max(1, round(length * self.side / longest)) for length in (self.rows, self.columns))
        return rows, columns

    @property
    def offset(self) -> tuple[int, int]:
        """First row and column that the frame covers on the network's square."""
        rows, columns = self.content_shape
        return (self.side - rows) // 2, (self.side - columns) // 2

    @property
    def content(self) -> tuple[slice, slice]:
        """The part of the network's square that the frame covers."""
        (rows, columns), (top, left) = self.content_shape, self.offset
        return slice(top, top + rows), slice(left, left + columns)

    def frame_to_network(self) -> NDArray[np.float64]:
        """3x3 matrix from (column, row, 1) of the frame to (column, row, 1) of the network's square."""
        (rows, columns), (top, left) = self.content_shape, self.offset
        across, down = columns / self.columns, rows / self.rows
        return np.array([[across, 0, 0.5 * across - 0.5 + left], [0, down, 0.5 * down - 0.5 + top], [0, 0, 1]])

    def network_to_frame(self) -> NDArray[np.float64]:
        """Inverse of `frame_to_network`."""
        forward = self.frame_to_network()
        across, down = 1 / forward[0, 0], 1 / forward[1, 1]
        return np.array([[across, 0, -forward[0, 2] * across], [0, down, -forward[1, 2] * down], [0, 0, 1]])

    def to_network(self, image: ArrayLike) -> NDArray[np.float32]:
        """Grey frame (rows, columns) of any real type to the network's standardized input, (side, side) float32.

        Shrinking averages (no aliasing). Raises InputError for another shape or values that are not finite.
        """
        import torch

        picture = self._checked(image)
        small = _resize(picture, self.content_shape)
        unit = torch.from_numpy(windowed(small, *intensity_window(small)))[None, None]
        network = np.zeros((self.side, self.side), np.float32)
        network[self.content] = standardize(unit)[0, 0].numpy()
        return network

    def grey_to_network(self, image: ArrayLike) -> NDArray[np.uint8]:
        """Grey frame (rows, columns) to (side, side) uint8 for training pools: windowed, not standardized."""
        small = _resize(self._checked(image), self.content_shape)
        unit = windowed(small, *intensity_window(small))
        network = np.full((self.side, self.side), 128, np.uint8)
        network[self.content] = np.rint(unit * 255).astype(np.uint8)
        return network

    def mask_to_network(self, mask: ArrayLike) -> NDArray[np.bool_]:
        """Mask (rows, columns) to (side, side): vessel where at least half of a network pixel is covered."""
        small = _resize(self._checked(np.asarray(mask).astype(np.uint8)), self.content_shape)
        network = np.zeros((self.side, self.side), bool)
        network[self.content] = small >= 0.5
        return network

    def coverage_to_network(self, mask: ArrayLike) -> NDArray[np.float32]:
        """Mask or probability (rows, columns) to (side, side): the share of each network pixel that is vessel.

        Unlike `mask_to_network` it keeps vessels that are thinner than a network pixel.
        """
        network = np.zeros((self.side, self.side), np.float32)
        network[self.content] = _resize(self._checked(np.asarray(mask, dtype=np.float32)), self.content_shape)
        return network

    def to_frame(self, network_image: ArrayLike) -> NDArray[np.float32]:
        """Picture on the network's square (probabilities, attention) to the frame's pixels, bilinear, float32."""
        picture = np.asarray(network_image)
        if picture.shape != (self.side, self.side):
            raise InputError(f"Expected a network picture of {self.side} x {self.side}, not {picture.shape}.")
        return _resize(picture[self.content], (self.rows, self.columns))

    def _checked(self, image: ArrayLike) -> NDArray[np.generic]:
        picture = np.asarray(image)
        if picture.shape != (self.rows, self.columns):
            raise InputError(f"Expected a frame of {self.rows} rows x {self.columns} columns, not {picture.shape}.")
        if picture.dtype.kind not in "buif":
            raise InputError(f"A frame of {picture.dtype} values is no grey picture; convert it to numbers.")
        if picture.dtype.kind == "f" and not np.isfinite(picture).all():
            raise InputError("The frame holds values that are not finite (NaN or infinity); replace them first.")
        return picture


def _resize(image: NDArray[np.generic], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Bilinear when growing, averaging when shrinking (a triangle as wide as a target pixel and its neighbors)."""
    import torch

    picture = np.ascontiguousarray(image, dtype=np.float32)
    if picture.shape == shape:
        return picture.copy()
    tensor = torch.from_numpy(picture)[None, None]
    resized = torch.nn.functional.interpolate(tensor, size=shape, mode="bilinear", align_corners=False, antialias=True)
    small: NDArray[np.float32] = resized[0, 0].numpy()
    return small
