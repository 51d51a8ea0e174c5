"""Model-to-image matching: the affine that lays the projected model on the vessels of a frame.

The moving image is the model's silhouette inside the region of interest, the fixed image the vessel mask. The affine
CNN proposes a matrix; so do a search over shifts, turns and sizes and the projection as it lies. All proposals are
improved by a few dozen steps on the multi-scale Dice loss with a prior on the matrix, and the best one is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from VesselRegistrationLib.affine import RegionOfInterest, decompose, pixels_to_normalized
from VesselRegistrationLib.affine_cnn import AffineCnn
from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.matching_loss import match_objective
from VesselRegistrationLib.matching_start import searched_starts
from VesselRegistrationLib.spatial_transformer import warp, warp_normalized
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.metrics import Overlap, overlap_metrics
from VesselSegmentationLib.preprocessing import NetworkGrid

POOR_DSC = 0.3
"""Below this Dice the two pictures hardly share anything and the match is refused."""
SUSPECT_ANISOTROPY = 1.25
"""A stretch ratio beyond this cannot come from a small error of the view."""


@dataclass(frozen=True)
class MatchSettings:
    """How long and from where the match is sought."""

    use_network: bool = True
    searched_starts: int = 4
    """Proposals taken from the search over shifts, turns and sizes; 0: none."""
    steps: int = 80
    """Improvement steps per proposal; 0 leaves the network's matrix as it is, as in the paper."""
    step_size: float = 0.02
    prior_weight: float = 0.05
    """Weight of `prior_loss` beside the Dice loss."""


@dataclass(frozen=True)
class AffineMatch:
    """The matrix of equation 4 and how well it lays the model on the vessels."""

    moving_to_fixed: FloatArray
    """(3, 3) from the pixels of the moving image (the region of interest) to those of the frame."""
    projection_to_frame: FloatArray
    """(3, 3), the same match from the pixels of the whole projection to those of the frame."""
    overlap: Overlap
    """Of the carried silhouette with the vessel mask, on the frame's pixels."""
    warped: NDArray[np.bool_]
    """(rows, columns): the silhouette where the match puts it."""
    start: str
    """Which proposal it grew from: `network`, `search` or `projection`."""
    warnings: tuple[str, ...]


class AffineMatcher:
    """Matches with a trained affine CNN; without one (None), from the other starts alone."""

    def __init__(self, network: AffineCnn | None, side: int = 128) -> None:
        self.network = network.eval() if network is not None else None
        self.side = network.settings.input_size if network is not None else side

    @classmethod
    def from_folder(cls, folder: Path | str) -> AffineMatcher:
        """The matcher with the weights of a network folder. Raises WeightsError."""
        from VesselRegistrationLib.matching_network import load_matching_network

        return cls(load_matching_network(Path(folder)))

    def match(
        self,
        silhouette: NDArray[np.bool_],
        vessels: NDArray[np.floating] | NDArray[np.bool_],
        roi: RegionOfInterest,
        settings: MatchSettings = MatchSettings(),
    ) -> AffineMatch:
        """Match the silhouette (rows, columns) inside `roi` to a vessel mask or probability of the same shape.

        Raises InputError when the shapes differ or either picture is empty.
        """
        moving_frame = _inside(silhouette, roi)
        _check_pictures(moving_frame, vessels, roi)
        grid = NetworkGrid.of(moving_frame, self.side)
        moving, fixed = (_as_batch(grid.coverage_to_network(picture)) for picture in (moving_frame, vessels))
        matrices, names = self._starts(moving, fixed, settings)
        matrix, best = _improve(moving, fixed, matrices, settings)
        projection_to_frame = to_frame_pixels(matrix, grid)
        warped = warp_mask(moving_frame, projection_to_frame)
        overlap = overlap_metrics(warped, np.asarray(vessels) >= 0.5)
        return AffineMatch(
            moving_to_fixed=projection_to_frame @ roi.to_frame(),
            projection_to_frame=projection_to_frame,
            overlap=overlap,
            warped=warped,
            start=names[best],
            warnings=_warnings(projection_to_frame, overlap),
        )

    def _starts(self, moving: Tensor, fixed: Tensor, settings: MatchSettings) -> tuple[Tensor, list[str]]:
        """Proposed matrices (K, 3, 3), normalized, and where each comes from."""
        matrices, names = [torch.eye(3)[None]], ["projection"]
        if settings.searched_starts:
            found = searched_starts(moving, fixed, settings.searched_starts)
            matrices.append(found)
            names += ["search"] * len(found)
        if self.network is not None and settings.use_network:
            with torch.inference_mode():
                proposed = self.network(moving, fixed)
                if settings.searched_starts:
                    best = matrices[1][:1]
                    closer = warp_normalized(moving, best, (self.side, self.side))
                    proposed = torch.cat([proposed, self.network(closer, fixed) @ best])
            matrices.append(proposed.clone())
            names += ["network"] * len(proposed)
        if settings.steps == 0 and "network" in names:
            return matrices[-1][:1], ["network"]
        return torch.cat(matrices), names


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


def warp_mask(mask: NDArray[np.bool_], matrix: FloatArray) -> NDArray[np.bool_]:
    """A mask (rows, columns) carried by a pixel matrix onto pixels of the same shape."""
    moving = torch.from_numpy(mask.astype(np.float32))[None, None]
    rows, columns = mask.shape
    carried = warp(moving, torch.from_numpy(np.asarray(matrix, dtype=np.float64))[None], (rows, columns))
    return np.asarray(carried[0, 0].numpy() >= 0.5)


def _inside(silhouette: NDArray[np.bool_], roi: RegionOfInterest) -> NDArray[np.bool_]:
    """The silhouette with nothing outside the region of interest."""
    roi.checked(*silhouette.shape)
    inside = np.zeros_like(silhouette, dtype=bool)
    window = (slice(roi.y, roi.y + roi.height), slice(roi.x, roi.x + roi.width))
    inside[window] = silhouette[window]
    return inside


def _check_pictures(moving: NDArray[np.bool_], vessels: NDArray[np.generic], roi: RegionOfInterest) -> None:
    if moving.shape != vessels.shape:
        raise InputError(
            f"The projection has {moving.shape[1]} x {moving.shape[0]} pixels and the vessel mask "
            f"{vessels.shape[1]} x {vessels.shape[0]}. Both must be on the frame's pixels."
        )
    if not moving.any():
        raise InputError(f"The region of interest {roi} holds no part of the projected model. Move it onto the model.")
    if not (np.asarray(vessels) >= 0.5).any():
        raise InputError(
            "The vessel mask is empty: no vessel was found in this frame. Choose a frame with contrast agent, "
            "a lower threshold, or give a mask."
        )


def _as_batch(picture: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture, dtype=np.float32))[None, None]


def _improve(moving: Tensor, fixed: Tensor, starts: Tensor, settings: MatchSettings) -> tuple[Tensor, int]:
    """All starts improved side by side; the best matrix (3, 3) and the index of its start."""
    count, size = len(starts), (moving.shape[2], moving.shape[3])
    movings, fixeds = moving.expand(count, -1, -1, -1), fixed.expand(count, -1, -1, -1)
    center = _centroid(moving)
    # Turns and sizes act about the model's own middle, so that they do not also shift it.
    parameters = _about(starts, center).clone().requires_grad_(True)
    optimizer = torch.optim.Adam([parameters], lr=settings.step_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(settings.steps, 1), eta_min=1e-4)

    def losses() -> tuple[Tensor, Tensor]:
        matrices = _around(parameters, center)
        warped = warp_normalized(movings, matrices, size)
        return match_objective(warped, fixeds, matrices, settings.prior_weight), matrices

    for _ in range(settings.steps):
        optimizer.zero_grad()
        losses()[0].sum().backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        loss, matrices = losses()
    best = int(loss.argmin())
    return matrices[best].detach(), best


def _centroid(picture: Tensor) -> Tensor:
    """Normalized (x, y) of the middle of a (1, 1, S, S) picture."""
    side = picture.shape[-1]
    axis = (torch.arange(side) * 2 + 1) / side - 1
    weight = picture[0, 0] / picture.sum()
    return torch.stack([(weight.sum(0) * axis).sum(), (weight.sum(1) * axis).sum()])


def _about(matrices: Tensor, center: Tensor) -> Tensor:
    """Six numbers (K, 2, 3): the linear part, and where the center goes relative to where it was."""
    shift = matrices[:, :2, :2] @ center + matrices[:, :2, 2] - center
    return torch.cat([matrices[:, :2, :2], shift[:, :, None]], dim=2)


def _around(parameters: Tensor, center: Tensor) -> Tensor:
    """Inverse of `_about`: (K, 3, 3)."""
    linear = parameters[:, :, :2]
    shift = parameters[:, :, 2] + center - linear @ center
    last = parameters.new_tensor([0.0, 0.0, 1.0]).expand(len(parameters), 1, 3)
    return torch.cat([torch.cat([linear, shift[:, :, None]], dim=2), last], dim=1)


def _warnings(projection_to_frame: FloatArray, overlap: Overlap) -> tuple[str, ...]:
    parts, found = decompose(projection_to_frame), []
    if parts.anisotropy > SUSPECT_ANISOTROPY:
        found.append(
            f"The match stretches the model {parts.anisotropy:.2f} times more in one direction than across it; "
            "no movement of the patient or the C-arm does that."
        )
    if abs(parts.rotation_deg) > 30 or not 0.6 < parts.scale < 1.6:
        found.append(
            f"The match turns the model by {parts.rotation_deg:.0f} degrees and scales it by {parts.scale:.2f}; "
            "check the angles, SID, SOD and spacing of the run."
        )
    if overlap.dsc < POOR_DSC:
        found.append(f"The matched model overlaps the vessels poorly (DSC {overlap.dsc:.2f}).")
    return tuple(found)
