"""Random changes to training pictures, a whole batch at once, so that two CPU cores keep up with the network.

Each picture of the batch draws its own change: position (rotation, mirror, scale, shear, shift), shading that varies
slowly across the picture, contrast curve, blur, noise (white and grained) and shutters. Some pictures are turned by any
angle: in an upright chest what runs level is a rib, and a network that sees no other picture learns to leave out every
vessel that does. No inversion: contrast agent is dark.

Everything a picture goes through is drawn from its own `torch.Generator`, so a seed fixes the batch, and processes that
share a batch change its pictures as one process would.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from monai.networks.layers import AffineTransform, GaussianFilter
from torch.nn import functional


@dataclass(frozen=True)
class AugmentationSettings:
    """How far a picture may be changed. Lengths are shares of the picture's side, greys shares of the window."""

    rotation_deg: float = 20.0
    any_angle_share: float = 0.25
    mirrored_share: float = 0.5
    log_scale: float = 0.2
    shear: float = 0.1
    shift: float = 0.1
    shading: float = 0.25
    log_gamma: float = 0.5
    log_contrast: float = 0.25
    brightness: float = 0.1
    noise: float = 0.05
    blur_px: float = 1.2
    blur_share: float = 0.3
    shutter_share: float = 0.15
    shutter_width: float = 0.2
    others_log_contrast: float = 0.3
    others_noise: float = 0.15
    """Of channels after the first."""


class Draws:
    """Random numbers for a batch, each picture's from its own generator (on the CPU)."""

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        self._generators = generators

    def share(self, *shape: int) -> torch.Tensor:
        """(N, *shape) from 0 to 1."""
        return torch.stack([torch.rand(shape, generator=generator) for generator in self._generators])

    def within(self, reach: float) -> torch.Tensor:
        """(N,) from -reach to reach."""
        return (self.share() * 2 - 1) * reach

    def normal(self, *shape: int) -> torch.Tensor:
        """(N, *shape), standard normal."""
        return torch.stack([torch.randn(shape, generator=generator) for generator in self._generators])


def _generators_of(generator: torch.Generator, count: int) -> list[torch.Generator]:
    seeds = torch.randint(2**62, (count,), generator=generator).tolist()
    return [torch.Generator().manual_seed(seed) for seed in seeds]


class Augmentation:
    """Callable on frames (N, C, H, W) and masks (N, 1, H, W) of 0 and 1; returns changed copies.

    The first channel is the frame, from 0 to 1. Others show the same place: they are moved as it is, where shutters
    close they say 0, and their contrast and noise are changed by themselves.
    """

    def __init__(self, settings: AugmentationSettings | None = None) -> None:
        self.settings = settings or AugmentationSettings()
        self._resample = AffineTransform(
            mode="bilinear", padding_mode="reflection", align_corners=False, normalized=True, reverse_indexing=False
        )

    def __call__(
        self,
        frames: torch.Tensor,
        masks: torch.Tensor,
        generator: torch.Generator | Sequence[torch.Generator],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Apply every change once. One generator (on the CPU) per picture, or one that seeds theirs."""
        several = _generators_of(generator, len(frames)) if isinstance(generator, torch.Generator) else generator
        draws = Draws(several)
        frames, masks = self._moved(frames, masks, draws)
        first = self._degraded(self._regraded(frames[:, :1], draws), draws)
        if frames.shape[1] > 1:
            first = torch.cat([first, self._changed(frames[:, 1:], draws)], dim=1)
        return self._shuttered(first, masks, draws)

    def _moved(self, frames: torch.Tensor, masks: torch.Tensor, draws: Draws) -> tuple[torch.Tensor, torch.Tensor]:
        s, count = self.settings, len(frames)
        any_angle = draws.share() < s.any_angle_share
        reach = torch.where(any_angle, math.pi, math.radians(s.rotation_deg))
        angle = draws.within(1.0) * reach
        scale = draws.within(s.log_scale).exp()
        shear = draws.within(s.shear)
        cosine, sine = angle.cos() * scale, angle.sin() * scale
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0], theta[:, 0, 1] = cosine, -sine + shear
        theta[:, 1, 0], theta[:, 1, 1] = sine, cosine
        theta[draws.share() < s.mirrored_share, :, 0] *= -1
        theta[:, 0, 2] = draws.within(2 * s.shift)
        theta[:, 1, 2] = draws.within(2 * s.shift)
        both = self._resample(torch.cat([frames, masks], dim=1), theta.to(frames))
        return both[:, :-1], (both[:, -1:] >= 0.5).to(masks.dtype)

    def _regraded(self, frames: torch.Tensor, draws: Draws) -> torch.Tensor:
        s = self.settings
        shading = (draws.share(1, 4, 4) * 2 - 1) * s.shading
        shading = shading * draws.share(1, 1, 1)
        smooth = functional.interpolate(shading.to(frames), frames.shape[-2:], mode="bilinear", align_corners=True)
        contrast = draws.within(s.log_contrast).exp().to(frames).view(-1, 1, 1, 1)
        brightness = draws.within(s.brightness).to(frames).view(-1, 1, 1, 1)
        gamma = draws.within(s.log_gamma).exp().to(frames).view(-1, 1, 1, 1)
        return ((frames + smooth - 0.5) * contrast + (0.5 + brightness)).clamp(1e-4, 1).pow(gamma)

    def _degraded(self, frames: torch.Tensor, draws: Draws) -> torch.Tensor:
        s = self.settings
        blurred = draws.share() < s.blur_share
        sigmas = (0.3 + (s.blur_px - 0.3) * draws.share()).tolist()
        frames = frames.clone()
        for index in blurred.nonzero().flatten().tolist():
            blur = GaussianFilter(2, sigmas[index], truncated=3.0).to(frames.device)
            frames[index : index + 1] = blur(frames[index : index + 1])
        amount = (draws.share() ** 2 * s.noise).to(frames).view(-1, 1, 1, 1)
        noise = draws.normal(*frames.shape[1:]).to(frames)
        grained = draws.share() < 0.5
        if grained.any():
            noise[grained] = 2 * functional.avg_pool2d(noise[grained], 3, stride=1, padding=1)
        return (frames + noise * amount).clamp(0, 1)

    def _changed(self, others: torch.Tensor, draws: Draws) -> torch.Tensor:
        s = self.settings
        contrast = draws.within(s.others_log_contrast).exp().to(others).view(-1, 1, 1, 1)
        amount = (draws.share() ** 2 * s.others_noise).to(others).view(-1, 1, 1, 1)
        return others * contrast + draws.normal(*others.shape[1:]).to(others) * amount

    def _shuttered(self, frames: torch.Tensor, masks: torch.Tensor, draws: Draws) -> tuple[torch.Tensor, torch.Tensor]:
        s, (rows, columns) = self.settings, frames.shape[-2:]
        chosen = draws.share() < s.shutter_share
        widths = draws.share(4) * s.shutter_width
        white = draws.share() < 0.3
        for index in chosen.nonzero().flatten().tolist():
            top, bottom, left, right = (
                int(width * side) for width, side in zip(widths[index].tolist(), (rows, rows, columns, columns))
            )
            open_part = (slice(top, rows - bottom), slice(left, columns - right))
            closed = torch.ones(rows, columns, dtype=torch.bool, device=frames.device)
            closed[open_part] = False
            frames[index, 0][closed] = float(white[index])
            frames[index, 1:, closed] = 0
            masks[index, 0][closed] = 0
        return frames, masks
