"""Random changes to training pictures, a whole batch at once, so that two CPU cores keep up with the network.

Each picture of the batch draws its own change: position (rotation, mirror, scale, shear, shift), shading that varies
slowly across the picture, contrast curve, blur, noise (white and grained) and shutters. Some pictures are turned by any
angle: in an upright chest what runs level is a rib, and a network that sees no other picture learns to leave out every
vessel that does. No inversion: contrast agent is dark.

Everything is drawn from one `torch.Generator`, so a seed fixes the batch.
"""

from __future__ import annotations

import math
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


class Augmentation:
    """Callable on frames (N, 1, H, W) from 0 to 1 and masks (N, 1, H, W) of 0 and 1; returns changed copies."""

    def __init__(self, settings: AugmentationSettings | None = None) -> None:
        self.settings = settings or AugmentationSettings()
        self._resample = AffineTransform(
            mode="bilinear", padding_mode="reflection", align_corners=False, normalized=True, reverse_indexing=False
        )

    def __call__(
        self, frames: torch.Tensor, masks: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Apply every change once. The generator must live on the CPU."""
        frames, masks = self._moved(frames, masks, generator)
        frames = self._regraded(frames, generator)
        frames = self._degraded(frames, generator)
        return self._shuttered(frames, masks, generator)

    def _uniform(self, count: int, reach: float, generator: torch.Generator) -> torch.Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * reach

    def _moved(
        self, frames: torch.Tensor, masks: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        s, count = self.settings, len(frames)
        any_angle = torch.rand(count, generator=generator) < s.any_angle_share
        reach = torch.where(any_angle, math.pi, math.radians(s.rotation_deg))
        angle = self._uniform(count, 1.0, generator) * reach
        scale = self._uniform(count, s.log_scale, generator).exp()
        shear = self._uniform(count, s.shear, generator)
        cosine, sine = angle.cos() * scale, angle.sin() * scale
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0], theta[:, 0, 1] = cosine, -sine + shear
        theta[:, 1, 0], theta[:, 1, 1] = sine, cosine
        theta[torch.rand(count, generator=generator) < s.mirrored_share, :, 0] *= -1
        theta[:, 0, 2] = self._uniform(count, 2 * s.shift, generator)
        theta[:, 1, 2] = self._uniform(count, 2 * s.shift, generator)
        both = self._resample(torch.cat([frames, masks], dim=1), theta.to(frames))
        return both[:, :1], (both[:, 1:] >= 0.5).to(masks.dtype)

    def _regraded(self, frames: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        s, count = self.settings, len(frames)
        shading = (torch.rand(count, 1, 4, 4, generator=generator) * 2 - 1) * s.shading
        shading = shading * torch.rand(count, 1, 1, 1, generator=generator)
        smooth = functional.interpolate(shading.to(frames), frames.shape[-2:], mode="bilinear", align_corners=True)
        contrast = self._uniform(count, s.log_contrast, generator).exp().to(frames).view(-1, 1, 1, 1)
        brightness = self._uniform(count, s.brightness, generator).to(frames).view(-1, 1, 1, 1)
        gamma = self._uniform(count, s.log_gamma, generator).exp().to(frames).view(-1, 1, 1, 1)
        return ((frames + smooth - 0.5) * contrast + (0.5 + brightness)).clamp(1e-4, 1).pow(gamma)

    def _degraded(self, frames: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        s, count = self.settings, len(frames)
        blurred = torch.rand(count, generator=generator) < s.blur_share
        sigma = 0.3 + (s.blur_px - 0.3) * float(torch.rand(1, generator=generator))
        if blurred.any():
            frames = frames.clone()
            frames[blurred] = GaussianFilter(2, sigma, truncated=3.0).to(frames.device)(frames[blurred])
        amount = (torch.rand(count, generator=generator) ** 2 * s.noise).to(frames).view(-1, 1, 1, 1)
        noise = torch.randn(frames.shape, generator=generator).to(frames)
        grained = torch.rand(count, generator=generator) < 0.5
        if grained.any():
            noise[grained] = 2 * functional.avg_pool2d(noise[grained], 3, stride=1, padding=1)
        return (frames + noise * amount).clamp(0, 1)

    def _shuttered(
        self, frames: torch.Tensor, masks: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        s, (count, _, rows, columns) = self.settings, frames.shape
        chosen = torch.rand(count, generator=generator) < s.shutter_share
        widths = torch.rand(count, 4, generator=generator) * s.shutter_width
        white = torch.rand(count, generator=generator) < 0.3
        for index in chosen.nonzero().flatten().tolist():
            top, bottom, left, right = (
                int(width * side) for width, side in zip(widths[index].tolist(), (rows, rows, columns, columns))
            )
            open_part = (slice(top, rows - bottom), slice(left, columns - right))
            closed = torch.ones(rows, columns, dtype=torch.bool, device=frames.device)
            closed[open_part] = False
            frames[index, 0][closed] = float(white[index])
            masks[index, 0][closed] = 0
        return frames, masks
