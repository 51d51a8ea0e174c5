"""Model-to-image matching: the affine that lays the projected model on the vessels of a frame.

The moving image is the model's silhouette inside the region of interest, the fixed image the vessel mask. The affine
CNN proposes a matrix; so do a search over shifts, turns and sizes and the projection as it lies. All proposals are
improved by a few steps on their mutual information with a prior on the matrix, on small pictures, then by the outlines
of both (`matching_outline`); the best one is kept and ends with a few steps of mutual information. How well the picture
fixes it is worked out from the curvature of that.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from VesselRegistrationLib.affine import RegionOfInterest, decompose
from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.matching_ambiguity import Ambiguity, ambiguity_of
from VesselRegistrationLib.matching_descent import descend
from VesselRegistrationLib.matching_grids import known_window, region_on_grid, to_frame_pixels
from VesselRegistrationLib.matching_objective import (
    COARSE_SCALES,
    FINE_SCALES,
    USUAL_PRIOR,
    MatchObjective,
    Picture,
    Prior,
    Window,
    average,
    matrices_of,
    numbers_of,
)
from VesselRegistrationLib.matching_outline import OutlineMatches, Outlines
from VesselRegistrationLib.matching_start import searched_starts
from VesselRegistrationLib.spatial_transformer import warp
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.metrics import Overlap, overlap_metrics
from VesselSegmentationLib.preprocessing import NetworkGrid
from VesselSegmentationLib.runtime import bfloat16_is_native

if TYPE_CHECKING:
    from VesselRegistrationLib.affine_cnn import AffineCnn  # MONAI, which a pose does without

MOST_UNEXPLAINED = 0.64
"""A match that leaves more of the vessels' outline unexplained is refused."""
POOR_DSC = 0.3
"""Below this Dice the two pictures hardly share anything: said of a match; refused where outlines cannot judge."""
SUSPECT_ANISOTROPY = 1.25
"""A stretch ratio beyond this cannot come from a small error of the view."""
MATCH_SIDE = 128
"""Rows and columns of the pictures that a match is improved on, whatever the frame's."""
COARSE_FACTOR = 2
"""All proposals are first improved on pictures averaged by this factor; the best ones then on the whole ones."""
COARSE_SCALE = (0.1, 0.1, 0.05, 0.05, 0.04, 0.04)
FINE_SCALE = (0.03, 0.03, 0.03, 0.03, 0.012, 0.012)
"""First reach of a step: rotation, logarithm of the scale, stretch, shear, and shift as a share of the side."""
LAST_STEPS = 4
"""Of mutual information on the whole pictures, from what the outlines say. More lead away from it again."""
OUTLINE_SIDE = 256
"""Rows and columns of the masks whose outlines are matched."""
INFORMATION_WEIGHT = 0.5
"""Of the mutual information against the outline that is left unexplained (logarithms), when the best is chosen."""
LEAST_UNEXPLAINED = 0.02
"""Keeps the logarithm of the unexplained share finite."""
AMBIGUOUS_SHARE = 0.04
"""A match that the picture fixes to no better than this share of its longer side is warned about."""


@dataclass(frozen=True)
class MatchSettings:
    """How long and from where the match is sought."""

    use_network: bool = True
    searched_starts: int = 16
    """Proposals taken from the search over shifts, turns and sizes; 0: none."""
    steps: int = 5
    """Of mutual information per proposal, before the outlines. More bring proposals to the same place, and fewer find
    the right one. 0 leaves the network's matrix as it is, as in the paper."""
    prior: Prior = USUAL_PRIOR
    """What keeps the match physical."""


@dataclass(frozen=True)
class AffineMatch:
    """The matrix of equation 4 and how well it lays the model on the vessels."""

    moving_to_fixed: FloatArray
    """(3, 3) from the pixels of the moving image (the region of interest) to those of the frame."""
    projection_to_frame: FloatArray
    """(3, 3), the same match from the pixels of the whole projection to those of the frame."""
    overlap: Overlap
    """Of the carried silhouette with the vessel mask, on the frame's pixels."""
    unexplained: float
    """Of the vessels' outline, 0 to 1: see `Outlines.unexplained`. NaN where there is hardly any, without steps, and
    for a pose."""
    warped: NDArray[np.bool_]
    """(rows, columns): the silhouette where the match puts it."""
    start: str
    """Which proposal it grew from: `network`, `search` or `projection`; `pose`: it is a pose's own affine."""
    ambiguity: Ambiguity | None
    """How well the picture fixes the match; None for the affine of a pose, which has errors in mm."""
    warnings: tuple[str, ...]


class AffineMatcher:
    """Matches with a trained affine CNN; without one (None), from the other starts alone."""

    def __init__(self, network: AffineCnn | None) -> None:
        self.network = network.eval() if network is not None else None
        if self.network is not None:
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._quick = _quick(self.network) if self.network is not None else None
        self.side = network.settings.input_size if network is not None else MATCH_SIDE

    @classmethod
    def from_folder(cls, folder: Path | str) -> AffineMatcher:
        """The matcher with the weights of a network folder. Raises WeightsError."""
        from VesselRegistrationLib.matching_network import load_matching_network

        return cls(load_matching_network(Path(folder)).fused())

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
        grid = NetworkGrid.of(moving_frame, MATCH_SIDE)
        moving, fixed = (_floats(grid.coverage_to_network(picture)) for picture in (moving_frame, vessels))
        network = self._quick if settings.steps else self.network
        proposed = self._proposal(network, moving_frame, vessels) if network and settings.use_network else None
        with _one_thread():
            starts, names = _starts(moving, fixed, proposed, settings, grid)
            known = known_window(silhouette, roi, grid)
            outlines = _OutlinesOfMatch.of(silhouette, vessels, roi, settings.prior, grid)
            best = _improved(moving, fixed, outlines, starts, settings, known, grid)
            projection_to_frame = grid.network_to_frame() @ best.matrix @ grid.frame_to_network()
            warped = warp_mask(moving_frame, projection_to_frame)
        overlap = overlap_metrics(warped, np.asarray(vessels) >= 0.5)
        return AffineMatch(
            moving_to_fixed=projection_to_frame @ roi.to_frame(),
            projection_to_frame=projection_to_frame,
            overlap=overlap,
            unexplained=best.unexplained,
            warped=warped,
            start=names[best.start],
            ambiguity=best.ambiguity,
            warnings=_warnings(projection_to_frame, overlap, best.ambiguity, max(warped.shape)),
        )

    def _proposal(self, network: AffineCnn, silhouette: NDArray[np.bool_], vessels: NDArray[np.generic]) -> FloatArray:
        """The network's matrix (3, 3), in the frame's pixels."""
        grid, dtype = NetworkGrid.of(silhouette, self.side), network.last.weight.dtype
        pictures = (_as_batch(grid.coverage_to_network(picture)).to(dtype) for picture in (silhouette, vessels))
        with torch.inference_mode():
            matrix = network(*pictures)[0]
        return to_frame_pixels(matrix, grid)


def _quick(network: AffineCnn) -> AffineCnn:
    """The network in bfloat16 where the computer has it, which takes half the time: off by some tenths of a pixel, and
    what it proposes is improved anyway."""
    return copy.deepcopy(network).to(torch.bfloat16) if bfloat16_is_native() else network


def _starts(
    moving: Picture, fixed: Picture, proposed: FloatArray | None, settings: MatchSettings, grid: NetworkGrid
) -> tuple[FloatArray, list[str]]:
    """Matrices (K, 3, 3) in the match's pixels to start from, and where each comes from.

    `proposed` is the network's (3, 3), in the frame's pixels.
    """
    starts: list[tuple[str, FloatArray]] = []
    if proposed is not None:
        starts.append(("network", grid.frame_to_network() @ proposed @ grid.network_to_frame()))
    if settings.steps or not starts:
        starts.append(("projection", np.eye(3)))
    if settings.searched_starts and settings.steps:
        small = (average(moving, COARSE_FACTOR), average(fixed, COARSE_FACTOR))
        found = _grown(searched_starts(*small, settings.searched_starts, settings.prior))
        starts += [("search", matrix) for matrix in found]
    return np.array([matrix for _name, matrix in starts]), [name for name, _matrix in starts]


@contextmanager
def _one_thread() -> Iterator[None]:
    """The pictures are small: sharing the work out takes longer than doing it, most of all on a busy computer."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


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
            "The vessel mask is empty: no vessel was found in this frame. Choose a frame in which vessels are dark "
            "with contrast agent, a lower threshold, or give a mask."
        )


def _as_batch(picture: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture, dtype=np.float32))[None, None]


def _floats(picture: NDArray[np.generic]) -> Picture:
    return np.ascontiguousarray(picture, dtype=np.float32)


def _grown(matrices: FloatArray) -> FloatArray:
    """Matrices (K, 3, 3) in pixels of the small pictures, in those of the whole ones."""
    grow = _growth()
    return np.asarray(grow @ matrices @ np.linalg.inv(grow))


def _shrunk(matrices: FloatArray) -> FloatArray:
    """Inverse of `_grown`."""
    grow = _growth()
    return np.asarray(np.linalg.inv(grow) @ matrices @ grow)


def _growth() -> FloatArray:
    factor, edge = float(COARSE_FACTOR), (COARSE_FACTOR - 1) / 2
    return np.array([[factor, 0.0, edge], [0.0, factor, edge], [0.0, 0.0, 1.0]])


@dataclass(frozen=True)
class _OutlinesOfMatch:
    """The outlines on a larger square, with matches in the match's pixels."""

    outlines: Outlines | None
    to_larger: FloatArray
    known: Window
    """On the larger square: where the silhouette shows the whole model."""

    @classmethod
    def of(
        cls,
        silhouette: NDArray[np.bool_],
        vessels: NDArray[np.generic],
        roi: RegionOfInterest,
        prior: Prior,
        grid: NetworkGrid,
    ) -> _OutlinesOfMatch:
        larger = NetworkGrid.of(silhouette, OUTLINE_SIDE)
        return cls(
            outlines=Outlines.of(
                larger.mask_to_network(silhouette),
                larger.coverage_to_network(vessels) >= 0.5,
                region_on_grid(roi, silhouette, larger),
                prior,
            ),
            to_larger=larger.frame_to_network() @ grid.network_to_frame(),
            known=known_window(silhouette, roi, larger),
        )

    def fitted(self, matrices: FloatArray) -> OutlineMatches:
        """The best matches of (K, 3, 3), improved; all as they were, unexplained, where there is hardly any outline."""
        if self.outlines is None:
            count = len(matrices)
            return OutlineMatches(matrices, np.ones(count), np.zeros(count), np.arange(count))
        back = np.linalg.inv(self.to_larger)
        found = self.outlines.fitted(self.to_larger @ matrices @ back)
        return dataclasses.replace(found, matrices=np.asarray(back @ found.matrices @ self.to_larger))

    def unexplained(self, matrix: FloatArray, excess: float) -> float:
        """What a match (3, 3) leaves unexplained; NaN where there is hardly any outline."""
        if self.outlines is None:
            return math.nan
        on_larger = self.to_larger @ matrix @ np.linalg.inv(self.to_larger)
        return self.outlines.unexplained(on_larger, excess, self.known)


@dataclass(frozen=True)
class _Best:
    """The best of the improved starts, in the match's pixels."""

    matrix: FloatArray
    """(3, 3)."""
    start: int
    """Index of the start it grew from."""
    unexplained: float
    ambiguity: Ambiguity


def _improved(
    moving: Picture,
    fixed: Picture,
    outlines: _OutlinesOfMatch,
    starts: FloatArray,
    settings: MatchSettings,
    known: Window,
    grid: NetworkGrid,
) -> _Best:
    """The best match that the starts (K, 3, 3) lead to. `known` is where the moving picture shows the whole model."""
    fine = MatchObjective(moving, fixed, settings.prior, FINE_SCALES, known)
    start, matrix, unexplained = 0, starts[0], math.nan
    if settings.steps:
        found = outlines.fitted(_improved_coarsely(moving, fixed, starts, settings, known))
        values, _slopes = fine(numbers_of(found.matrices, fine.middle))
        best = int((np.log(found.unexplained + LEAST_UNEXPLAINED) + INFORMATION_WEIGHT * values).argmin())
        start = int(found.origins[best])
        unexplained = outlines.unexplained(found.matrices[best], float(found.excess[best]))
        numbers = numbers_of(found.matrices[best : best + 1], fine.middle)
        numbers, _values = descend(fine, numbers, _scale(FINE_SCALE, fine.side), LAST_STEPS)
        matrix = matrices_of(numbers, fine.middle)[0]
    to_frame = float(grid.network_to_frame()[0, 0])
    ambiguity = ambiguity_of(fine, numbers_of(matrix[None], fine.middle)[0], to_frame, _points(moving))
    return _Best(matrix, start, unexplained, ambiguity)


def _improved_coarsely(
    moving: Picture, fixed: Picture, starts: FloatArray, settings: MatchSettings, known: Window
) -> FloatArray:
    """All starts (K, 3, 3) improved by mutual information of the small pictures."""
    small = (average(moving, COARSE_FACTOR), average(fixed, COARSE_FACTOR))
    left, top, right, bottom = ((edge + 0.5) / COARSE_FACTOR - 0.5 for edge in known)
    coarse = MatchObjective(*small, settings.prior, COARSE_SCALES, (left, top, right, bottom))
    numbers = numbers_of(_shrunk(starts), coarse.middle)
    numbers, _values = descend(coarse, numbers, _scale(COARSE_SCALE, coarse.side), settings.steps)
    return _grown(matrices_of(numbers, coarse.middle))


def _scale(shares: tuple[float, ...], side: int) -> FloatArray:
    return np.array([*shares[:4], *(share * side for share in shares[4:])])


def _points(picture: Picture, most: int = 200) -> FloatArray:
    """Pixels (N, 2) of the silhouette, evenly chosen."""
    rows, columns = np.nonzero(picture > 0.5 * picture.max())
    chosen = np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)
    return np.stack([columns[chosen], rows[chosen]], axis=1).astype(float)


def _warnings(projection_to_frame: FloatArray, overlap: Overlap, ambiguity: Ambiguity, side: int) -> tuple[str, ...]:
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
    elif ambiguity.worst_px > AMBIGUOUS_SHARE * side:
        found.append(ambiguity.sentence)
    return tuple(found)
