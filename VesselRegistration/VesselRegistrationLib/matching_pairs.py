"""Training pairs for the affine CNN: a whole model's silhouette moved by a known affine, and a vessel mask as found.

The mask shows the part of the tree that contrast fills; the silhouette shows the whole model. On top of that the mask
loses patches, gains false vessels and ragged edges, and the silhouette is cut to a region of interest, as it happens
in use. Everything is drawn from one `torch.Generator`: the same seed gives the same pairs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from VesselRegistrationLib.spatial_transformer import invert_affine, warp_normalized


@dataclass(frozen=True)
class PairSettings:
    """How far the model is moved and how much the mask is spoilt. Uniform ranges, +- the value."""

    rotation_deg: float = 15.0
    log_scale: float = 0.2
    anisotropy: float = 0.06
    shear: float = 0.06
    shift: float = 0.3
    """In normalized units: 0.3 is 15 % of the picture's side."""
    lost_patch_share: float = 0.5
    false_vessel_share: float = 0.3
    cropped_share: float = 0.5


@dataclass(frozen=True)
class Pairs:
    """A batch of moving and fixed pictures (B, 1, S, S) in [0, 1] with the true matrices (B, 3, 3), normalized."""

    moving: Tensor
    fixed: Tensor
    true_matrix: Tensor
    points: Tensor
    """(B, N, 2): places on the moving silhouette, normalized, where errors are measured."""


def make_pairs(
    models: Tensor, masks: Tensor, side: int, generator: torch.Generator, settings: PairSettings | None = None
) -> Pairs:
    """Pairs from whole-model silhouettes and vessel masks at one true pose, both (B, 1, H, W) of 0 and 1.

    The moving picture is the silhouette carried by the inverse of a random matrix, so that matrix lays it back.
    """
    settings = settings or PairSettings()
    factor = models.shape[-1] // side
    models, masks = avg_pool2d(models.float(), factor), avg_pool2d(masks.float(), factor)
    true_matrix = random_matrices(len(models), generator, settings)
    moving = warp_normalized(models, invert_affine(true_matrix), (side, side))
    moving = _cropped(moving, generator, settings.cropped_share)
    fixed = _spoilt(masks, generator, settings)
    return Pairs(moving, fixed, true_matrix, points_on(moving, generator))


def random_matrices(count: int, generator: torch.Generator, settings: PairSettings) -> Tensor:
    """Random moving-to-fixed matrices (B, 3, 3), normalized: turn, size, stretch, shear and shift."""

    def uniform(reach: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * reach

    angle, scale = uniform(math.radians(settings.rotation_deg)), uniform(settings.log_scale).exp()
    stretch, shear = uniform(settings.anisotropy), uniform(settings.shear)
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    turn = torch.stack([torch.stack([cosine, -sine], -1), torch.stack([sine, cosine], -1)], -2)
    one = torch.ones(count)
    deform = torch.stack([torch.stack([one + stretch, shear], -1), torch.stack([shear, one - stretch], -1)], -2)
    matrix = torch.eye(3).repeat(count, 1, 1)
    matrix[:, :2, :2] = turn @ deform
    matrix[:, 0, 2], matrix[:, 1, 2] = uniform(settings.shift), uniform(settings.shift)
    return matrix


def points_on(pictures: Tensor, generator: torch.Generator, count: int = 32) -> Tensor:
    """Random places (B, count, 2) on each picture's foreground, normalized; anywhere when it is empty."""
    batch, side = len(pictures), pictures.shape[-1]
    weight = pictures.flatten(1).clamp(min=0) + 1e-6
    chosen = torch.multinomial(weight, count, replacement=True, generator=generator)
    x, y = chosen % side, chosen // side
    return (torch.stack([x, y], dim=-1).float() * 2 + 1).div(side).sub(1).reshape(batch, count, 2)


def _cropped(moving: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """Some pictures keep only a random rectangle that covers a good part of them, as a drawn region does."""
    side = moving.shape[-1]
    axis = (torch.arange(side) * 2 + 1) / side - 1
    count = len(moving)
    half = 0.45 + 0.55 * torch.rand(count, 2, generator=generator)
    middle = (torch.rand(count, 2, generator=generator) * 2 - 1) * (1 - half)
    across = ((axis[None] - middle[:, :1]).abs() <= half[:, :1])[:, None, None, :]
    down = ((axis[None] - middle[:, 1:]).abs() <= half[:, 1:])[:, None, :, None]
    cropped = moving * (across & down)
    chosen = torch.rand(count, generator=generator) < share
    # A region that misses most of the model is no task; leave the picture whole then.
    kept = cropped.sum(dim=(1, 2, 3)) > 0.35 * moving.sum(dim=(1, 2, 3))
    return torch.where((chosen & kept)[:, None, None, None], cropped, moving)


def _spoilt(masks: Tensor, generator: torch.Generator, settings: PairSettings) -> Tensor:
    """Ragged edges everywhere, patches lost in some, other pictures' vessels added to some."""
    count, side = len(masks), masks.shape[-1]
    field = interpolate(torch.rand(count, 1, side // 8, side // 8, generator=generator), (side, side), mode="bilinear")
    lost = (field < 0.25) & (torch.rand(count, 1, 1, 1, generator=generator) < settings.lost_patch_share)
    ragged = torch.rand(count, 1, side, side, generator=generator)
    spoilt = masks * ~lost * (0.8 + 0.2 * (ragged > 0.3))
    others = masks.roll(1, dims=0)
    patch = interpolate(torch.rand(count, 1, 4, 4, generator=generator), (side, side), mode="bilinear") > 0.68
    false = patch & (torch.rand(count, 1, 1, 1, generator=generator) < settings.false_vessel_share)
    return torch.maximum(spoilt, others * false).clamp(0, 1)
