"""A rigid pose by intensities, as what a user would take instead: diffdrr's renderer, its gradients, and Adam.

The mesh becomes a volume. Its radiograph at the start, as given and turned in the picture's plane, is laid over the
picture at all shifts by a Fourier transform; the best few of these poses, and the start, are improved by the gradient
of a normalized cross-correlation, over the whole and over patches, as diffdrr defines it, with a coarser volume and few
pixels; the best of them goes on with the whole volume and more pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from projection_baselines import NotAvailable, Volume, pixel_positions, voxelized
from scipy.ndimage import gaussian_filter
from skimage.feature import peak_local_max
from skimage.transform import resize
from torch import Tensor
from torch.nn.functional import avg_pool2d, avg_pool3d, conv2d, pad

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.projection import transform_points
from VesselRegistrationLib.vessel_model import VesselModel

PICTURES = ("probability", "frame")
VARIANCE_FLOOR = 1e-4
"""Added to variances, so that patches without anything in them have no say."""
MARGIN_MM = 60.0
"""Rays are sampled where the model is at the start, and this much nearer and further."""
MOST_VOXELS = 256
"""Along each side of the volume."""
SHADE_SHARE = 0.06
"""Width of the shading that is divided out of a frame, as a share of its side."""


@dataclass(frozen=True)
class Level:
    """How the poses that came this far are improved."""

    poses: int
    side: int
    """Rows and columns of the pictures."""
    samples: int
    """Along each ray."""
    pooled: int
    """Voxels of the volume to a side that are taken as one, so that vessels do not fall between rays."""
    blur_px: float
    steps: int
    turn_rate_rad: float
    shift_rate_mm: float


@dataclass(frozen=True)
class DrrSettings:
    """What diffdrr and the optimizer are asked to do. The defaults are the best of those tried on tuning cases."""

    picture: str = "probability"
    """What the radiograph is compared with: the network's vessel `probability`, or the `frame`, in logarithms."""
    saturation_mm: float = 3.0
    """Path length at which a vessel counts as seen to 63 %; 0: the path length itself."""
    voxel_mm: float = 1.5
    turns_deg: tuple[float, ...] = (-8.0, 0.0, 8.0)
    """In the picture's plane, tried at all shifts up to `most_shift_mm` before the first level."""
    most_shift_mm: float = 40.0
    levels: tuple[Level, ...] = (
        Level(4, 64, 96, 2, 1.5, 40, 0.02, 3.0),
        Level(1, 96, 96, 1, 0.7, 40, 0.005, 0.6),
    )
    patch_px: int = 13
    patch_share: float = 0.5
    """Weight of the correlation over patches; the rest is the whole picture's."""
    prior: float = 0.03
    """What a start that is off by one standard deviation, in one of the six ways, takes from the correlation."""
    turn_sd_deg: float = 6.0
    shift_sd_mm: float = 25.0
    """The standard deviations, those that the project's pose assumes."""


def drr_volume(model: VesselModel, settings: DrrSettings) -> Volume:
    """The model as voxels of at most `voxel_mm`, or of 256 to a side."""
    longest = float(np.ptp(model.points_lps, axis=0).max())
    return voxelized(model, min(MOST_VOXELS, 8 * math.ceil(longest / settings.voxel_mm / 8)))


def pose_by_drr(
    model: VesselModel,
    volume: Volume,
    c_arm: CArm,
    picture: NDArray[np.floating],
    start: FloatArray,
    settings: DrrSettings,
) -> FloatArray:
    """The pose (4, 4) LPS mm whose radiograph correlates best with a picture (rows, columns) of bright vessels.

    Raises NotAvailable where diffdrr is missing.
    """
    render = _renderer()
    placed = transform_points(start, model.points_lps)
    motion = _Motion(start, placed.mean(axis=0), c_arm)
    depths = c_arm.sod_mm + placed @ c_arm.axes_lps()[2]
    reach = (
        max(1.0, depths.min() - MARGIN_MM) / c_arm.sid_mm,
        min(c_arm.sid_mm, depths.max() + MARGIN_MM) / c_arm.sid_mm,
    )
    parameters, scores = torch.zeros(1, 6), torch.zeros(1)
    for number, level in enumerate(settings.levels):
        fixed = _blurred(torch.from_numpy(_resized(picture, level.side))[None, None], level.blur_px)
        seen_by = c_arm.resized(level.side, level.side)
        scene = _Scene(render, pooled(volume, level.pooled), motion, seen_by, reach, level.samples)
        if number == 0:
            parameters = _laid_over(scene, fixed, level, settings)
        else:
            parameters = parameters[scores.argsort(descending=True)[: level.poses]]
        parameters, scores = _climbed(scene, fixed, parameters, level, settings)
    return motion.pose(parameters[scores.argmax()])


def pooled(volume: Volume, factor: int) -> Volume:
    """The volume with so many voxels to a side taken as one."""
    shares = avg_pool3d(volume.shares[None, None], factor, ceil_mode=True, count_include_pad=False)[0, 0]
    return Volume(shares, volume.first_lps + volume.spacing_mm * (factor - 1) / 2, volume.spacing_mm * factor)


def bright_vessels(frame: NDArray[np.generic]) -> NDArray[np.float32]:
    """A frame (rows, columns) in logarithms, inverted, without shading: vessels of some tenths on a ground of 0."""
    logarithm = np.log(np.asarray(frame, dtype=np.float32) + 8)
    shade = gaussian_filter(logarithm, SHADE_SHARE * max(logarithm.shape))
    return np.asarray(np.clip(shade - logarithm, 0, 1), dtype=np.float32)


@dataclass(frozen=True)
class _Motion:
    """Six numbers as a pose: a turn (radians, LPS) about the model's middle, a shift along the picture's axes (mm)."""

    start: FloatArray
    pivot_lps: FloatArray
    c_arm: CArm

    def to_model(self, parameters: Tensor, points_lps: Tensor) -> Tensor:
        """Points (N, 3) from the isocentre to the model's coordinates at poses (B, 6): (B, N, 3)."""
        rotation, shift = self._parts(parameters)
        pivot, start = _float(self.pivot_lps), _float(self.start)
        moved_back = (points_lps - pivot - shift[:, None]) @ rotation + pivot
        return (moved_back - start[:3, 3]) @ start[:3, :3]

    def pose(self, parameters: Tensor) -> FloatArray:
        """The pose (4, 4) of one set (6,)."""
        rotation, shift = self._parts(parameters[None])
        motion = np.eye(4)
        motion[:3, :3] = rotation[0].double().numpy()
        motion[:3, 3] = self.pivot_lps - motion[:3, :3] @ self.pivot_lps + shift[0].double().numpy()
        return np.asarray(motion @ self.start)

    def _parts(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        x, y, z = parameters[:, :3].T
        nothing = torch.zeros_like(x)
        skew = torch.stack([nothing, -z, y, z, nothing, -x, -y, x, nothing], dim=1).reshape(-1, 3, 3)
        return torch.linalg.matrix_exp(skew), parameters[:, 3:] @ _float(self.c_arm.axes_lps())


@dataclass(frozen=True)
class _Scene:
    """What is rendered with how many pixels."""

    render: Any
    volume: Volume
    motion: _Motion
    c_arm: CArm
    reach: tuple[float, float]
    """Shares of the way from the source to the detector between which rays are sampled."""
    samples: int

    def path_lengths_mm(self, parameters: Tensor) -> Tensor:
        """Radiographs (B, 1, rows, columns) at poses (B, 6)."""
        pixels, source = _float(pixel_positions(self.c_arm)), _float(self.c_arm.source_lps())[None]
        whole_mm = (pixels - source).norm(dim=1).expand(len(parameters), 1, -1)
        lengths = self.render(
            self.volume.shares.permute(2, 1, 0),
            self.volume.voxels(self.motion.to_model(parameters, source)),
            self.volume.voxels(self.motion.to_model(parameters, pixels)),
            whole_mm,
            n_points=self.samples,
            alphamin=self.reach[0],
            alphamax=self.reach[1],
        )
        return torch.as_tensor(lengths).reshape(len(parameters), 1, self.c_arm.rows, self.c_arm.columns)


@torch.no_grad()
def _laid_over(scene: _Scene, fixed: Tensor, level: Level, settings: DrrSettings) -> Tensor:
    """The start, and the turns and shifts in the picture's plane that correlate best with it: (level.poses, 6)."""
    beam = _float(scene.motion.c_arm.axes_lps()[2])
    turns = torch.zeros(len(settings.turns_deg), 6)
    turns[:, :3] = torch.tensor(settings.turns_deg).deg2rad()[:, None] * beam
    found = _blurred(_seen(scene.path_lengths_mm(turns), settings), level.blur_px)[:, 0]
    found = (found - found.mean(dim=(1, 2), keepdim=True)) / (found.std(dim=(1, 2), keepdim=True) + VARIANCE_FLOOR)
    size = (2 * level.side, 2 * level.side)
    product = torch.fft.rfft2(fixed[0] - fixed.mean(), size) * torch.fft.rfft2(found, size).conj()
    agreement = torch.fft.fftshift(torch.fft.irfft2(product, size), dim=(1, 2)).numpy()
    pixel_mm = scene.c_arm.pixel_size_at_isocenter_mm()
    most = min(level.side - 1, int(settings.most_shift_mm / pixel_mm))
    near = slice(level.side - most, level.side + most + 1)
    best = []
    for turn, scores in zip(turns, agreement[:, near, near], strict=True):
        peaks = peak_local_max(scores, min_distance=2, num_peaks=level.poses, exclude_border=False)
        for row, column in peaks:
            shift = torch.tensor([0, 0, 0, column - most, most - row, 0]) * pixel_mm
            best.append((float(scores[row, column]), turn + shift))
    best.sort(key=lambda one: -one[0])
    return torch.stack([torch.zeros(6), *(pose for _score, pose in best[: level.poses - 1])])


def _climbed(
    scene: _Scene, fixed: Tensor, parameters: Tensor, level: Level, settings: DrrSettings
) -> tuple[Tensor, Tensor]:
    """The best parameters (B, 6) seen on the way up from these, and how well they agree (B,)."""
    turns = parameters[:, :3].clone().requires_grad_()
    shifts = parameters[:, 3:].clone().requires_grad_()
    rates = [(turns, level.turn_rate_rad), (shifts, level.shift_rate_mm)]
    optimizer = torch.optim.Adam([{"params": [values], "lr": rate} for values, rate in rates], maximize=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, level.steps)
    best, scores = parameters.clone(), torch.full((len(parameters),), -math.inf)
    for _step in range(level.steps):
        optimizer.zero_grad()
        now = torch.cat([turns, shifts], dim=1)
        found = _blurred(_seen(scene.path_lengths_mm(now), settings), level.blur_px)
        off = (turns / math.radians(settings.turn_sd_deg)) ** 2 + (shifts / settings.shift_sd_mm) ** 2
        reached = _correlation(found, fixed, settings) - settings.prior * off.sum(dim=1)
        is_better = reached.detach() > scores
        best[is_better], scores[is_better] = now.detach()[is_better], reached.detach()[is_better]
        reached.sum().backward()
        optimizer.step()
        schedule.step()
    return best, scores


def _correlation(found: Tensor, fixed: Tensor, settings: DrrSettings) -> Tensor:
    """Normalized cross-correlation (B,) of (B, 1, rows, columns) with (1, 1, rows, columns), whole and in patches."""
    whole = found.shape[-1]
    patches = _local_correlation(found, fixed, settings.patch_px) if settings.patch_share else torch.zeros(len(found))
    return (1 - settings.patch_share) * _local_correlation(found, fixed, whole) + settings.patch_share * patches


def _local_correlation(found: Tensor, fixed: Tensor, patch: int) -> Tensor:
    def mean(values: Tensor) -> Tensor:
        return avg_pool2d(values, patch, stride=1)

    mean_found, mean_fixed = mean(found), mean(fixed)
    covariance = mean(found * fixed) - mean_found * mean_fixed
    variances = [
        (mean(values**2) - middle**2).clamp(min=0) + VARIANCE_FLOOR
        for values, middle in ((found, mean_found), (fixed, mean_fixed))
    ]
    return torch.as_tensor((covariance / (variances[0] * variances[1]).sqrt()).mean(dim=(1, 2, 3)))


def _seen(lengths_mm: Tensor, settings: DrrSettings) -> Tensor:
    if settings.saturation_mm <= 0:
        return lengths_mm / 10
    return 1 - torch.exp(-lengths_mm / settings.saturation_mm)


def _blurred(pictures: Tensor, sigma_px: float) -> Tensor:
    reach = max(1, math.ceil(2.5 * sigma_px))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma_px) ** 2)
    kernel = kernel / kernel.sum()
    pictures = conv2d(pad(pictures, (reach, reach, 0, 0), mode="replicate"), kernel[None, None, None, :])
    return conv2d(pad(pictures, (0, 0, reach, reach), mode="replicate"), kernel[None, None, :, None])


def _resized(picture: NDArray[np.floating], side: int) -> NDArray[np.float32]:
    small = resize(np.asarray(picture, dtype=np.float32), (side, side), order=1, anti_aliasing=True)
    return np.asarray(small, dtype=np.float32)


def _float(values: FloatArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).float()


def _renderer() -> Any:
    try:
        from diffdrr.renderers import Trilinear
    except ImportError as error:
        raise NotAvailable(f"diffdrr cannot be imported ({error}); see requirements-benchmark.txt") from None
    return Trilinear()
