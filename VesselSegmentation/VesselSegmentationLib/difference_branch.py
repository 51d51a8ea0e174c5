"""What a DRU-Net is told of the difference from a frame before contrast agent: a branch beside its encoder.

The branch is an encoder of its own, narrower, that sees frame and difference. What it finds on each level is added to
what the network has found there (as ControlNet does, Zhang et al. 2023): to the maps that the decoder takes over, to
those of the bottleneck, and to the logits. The network keeps its weights, which makes its masks of single frames what
they were, and the ties begin at zero, so training begins at them, too.
"""

from __future__ import annotations

from dataclasses import asdict

import torch
from monai.networks.blocks import Convolution
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from VesselSegmentationLib.dru_net import DruNet, residual_block
from VesselSegmentationLib.dru_net_shape import BranchShape
from VesselSegmentationLib.errors import InputError


class DifferenceBranch(nn.Module):
    """Frame and difference (N, 2, H, W) to what is added on each level, and to the logits (before their shuffle)."""

    def __init__(self, width: int = 16, network_width: int = 32, stride: int = 2, network_sha256: str = "") -> None:
        super().__init__()
        self.shape = BranchShape(width, network_width, stride, network_sha256)
        encoder = self.shape.encoder_shape()
        self.encoder = nn.ModuleList(residual_block(*channels) for channels in encoder.encoder_channels())
        self.bottleneck = residual_block(*encoder.widths[-2:])
        self.pool = nn.MaxPool2d(2)
        self.ties = nn.ModuleList(_tie(*channels) for channels in self.shape.tie_channels())
        self.head = _tie(width, stride**2)

    def forward(self, both: Tensor) -> tuple[list[Tensor], Tensor]:
        """The added maps, from the full resolution down, and the added logits."""
        self.shape.encoder_shape().check_input(tuple(both.shape))
        maps, found = pixel_unshuffle(both, self.shape.stride), []
        for block in self.encoder:
            maps = block(maps)
            found.append(maps)
            maps = self.pool(maps)
        found.append(self.bottleneck(maps))
        return [tie(part) for tie, part in zip(self.ties, found)], self.head(found[0])

    def hyper_parameters(self) -> dict[str, int | str]:
        """What rebuilds this branch: `DifferenceBranch(**branch.hyper_parameters())`."""
        return asdict(self.shape)


class GuidedDruNet(nn.Module):
    """Frame, standardized, and difference (N, 2, H, W) to logits (N, 1, H, W): a frozen DRU-Net and its branch."""

    def __init__(self, network: DruNet, branch: DifferenceBranch) -> None:
        super().__init__()
        if (network.width, network.stride) != (branch.shape.network_width, branch.shape.stride):
            raise InputError(
                f"A branch for width {branch.shape.network_width} and stride {branch.shape.stride} does not fit a "
                f"DRU-Net of width {network.width} and stride {network.stride}."
            )
        self.network, self.branch = network.eval().requires_grad_(False), branch

    def train(self, mode: bool = True) -> GuidedDruNet:
        """The branch alone is trained; the network's statistics stay as they are."""
        super().train(mode)
        self.network.eval()
        return self

    def forward(self, both: Tensor) -> Tensor:
        """Logits of the vessel class, one per pixel."""
        added, logits = self.branch(both)
        network = self.network
        with torch.no_grad():
            maps, skipped = network.encoded(both[:, :1])
        maps = maps + added.pop()
        joined = [beside + more for beside, more in zip(skipped, added, strict=True)]
        return pixel_shuffle(network.decoded(maps, joined) + logits, network.stride)


def _tie(before: int, after: int) -> Convolution:
    """A 1x1 convolution that begins at zero."""
    tie = Convolution(2, before, after, kernel_size=1, conv_only=True)
    for parameter in tie.parameters():
        nn.init.zeros_(parameter)
    return tie
