"""DRU-Net, the deep residual U-Net that marks vessels in an X-ray frame (Li et al. 2021, section II-B).

What the paper says, and is built here: a 2D encoder of four residual blocks, each followed by 2x2 max-pooling; a
residual block has two 3x3 convolutions, each followed by batch normalization and ReLU, and adds its input to its
output; a decoder that up-samples the maps of the lower level and concatenates the encoder's maps of the same level.

What it does not say, and is chosen here:
    widths        `width` channels on the first level, doubled per level (32-64-128-256, bottleneck 512).
    bottom        one more residual block between encoder and decoder; one residual block after each concatenation.
    addition      where a block's input and output differ in channels, a 1x1 convolution projects the input.
    up-sampling   nearest (the default of Keras, which the paper used) or bilinear, without trained weights; training
                  with nearest is a fifth faster on a CPU.
    end           a 1x1 convolution to LOGITS; the probability of vessel is their sigmoid.
    stride        1 as in the paper, or 2: four neighboring pixels enter as four channels of half the picture's side,
                  and four logits per position are laid out again at the end (space to depth and back). With twice
                  the width these are the blocks of stride 1 without the outermost level, which cost a third of the
                  time, and with one more at the bottom: four times the weights, and a view twice as wide.

Every part is MONAI's: `ResidualUnit` with `adn_ordering="NA"` is convolution, normalization, activation, twice, plus
its own addition after the last activation.
"""

from __future__ import annotations

import torch
from monai.networks.blocks import Convolution, ResidualUnit, UpSample
from torch import nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from VesselSegmentationLib.dru_net_shape import DruNetShape


def residual_block(in_channels: int, out_channels: int) -> ResidualUnit:
    """Two times (3x3 convolution, batch norm, ReLU), then the block's input is added to its output."""
    return ResidualUnit(
        spatial_dims=2,
        in_channels=in_channels,
        out_channels=out_channels,
        kernel_size=3,
        subunits=2,
        adn_ordering="NA",
        act="relu",
        norm="batch",
    )


def upsampling(mode: str) -> UpSample:
    """Doubles the sides of feature maps without trained weights."""
    return UpSample(
        spatial_dims=2,
        scale_factor=2,
        mode="nontrainable",
        pre_conv=None,
        interp_mode=mode,
        align_corners=False if mode == "bilinear" else None,
    )


class DruNet(nn.Module):
    """Frame (N, in_channels, H, W), standardized, to logits (N, out_channels, H, W).

    H and W are multiples of 16 times the stride.

    The weights start from torch's defaults: call `torch.manual_seed` first for the same start twice.
    Raises InputError for a width, channel count, up-sampling mode or picture size it cannot take.
    """

    def __init__(
        self,
        width: int = 32,
        in_channels: int = 1,
        out_channels: int = 1,
        upsampling_mode: str = "nearest",
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.shape = DruNetShape(width, in_channels, out_channels, upsampling_mode, stride)
        self.width, self.upsampling_mode, self.stride = width, upsampling_mode, stride
        self.encoder = nn.ModuleList(residual_block(*channels) for channels in self.shape.encoder_channels())
        self.pool = nn.MaxPool2d(2)
        self.bottleneck = residual_block(*self.shape.widths[-2:])
        self.up = upsampling(upsampling_mode)
        self.decoder = nn.ModuleList(residual_block(*channels) for channels in self.shape.decoder_channels())
        self.head = Convolution(2, width, self.shape.channels_out, kernel_size=1, conv_only=True)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Logits of the vessel class, one per pixel."""
        return pixel_shuffle(self.decoded(*self.encoded(frames)), self.stride)

    def encoded(self, frames: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Maps of the bottleneck, and those that the decoder takes over, from the full resolution down."""
        self.shape.check_input(tuple(frames.shape))
        maps = pixel_unshuffle(frames, self.stride)
        skipped: list[torch.Tensor] = []
        for block in self.encoder:
            maps = block(maps)
            skipped.append(maps)
            maps = self.pool(maps)
        return self.bottleneck(maps), skipped

    def decoded(self, maps: torch.Tensor, skipped: list[torch.Tensor]) -> torch.Tensor:
        """Logits from what `encoded` gives, those of a position's pixels as channels."""
        for block, beside in zip(self.decoder, reversed(skipped), strict=True):
            maps = block(torch.cat([self.up(maps), beside], dim=1))
        logits: torch.Tensor = self.head(maps)
        return logits

    def hyper_parameters(self) -> dict[str, int | str]:
        """What rebuilds this network: `DruNet(**network.hyper_parameters())`."""
        return self.shape.hyper_parameters()
