"""A trained DRU-Net rearranged for use: the same function as `dru_net.DruNet`, in fewer and cheaper operations.

    batch norm     folded into the convolution before it
    decoder        never concatenates: a convolution of concatenated maps is the sum of one convolution of each
    up-sampling    a 3x3 convolution of maps doubled by repetition is a transposed 4x4 convolution of stride 2, which
                   does with 4 products where the convolution takes 9; a 1x1 convolution is done before the doubling
    one channel    enters twice, once with weights 0: torch loses the layout channels last on maps of one channel
    libraries      torch alone; importing MONAI takes longer than segmenting dozens of frames

The logits agree with those of `DruNet` up to rounding. It cannot be trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_shuffle, pixel_unshuffle
from torch.nn.utils.fusion import fuse_conv_bn_weights

from VesselSegmentationLib.dru_net_shape import DruNetShape
from VesselSegmentationLib.errors import InputError, WeightsError
from VesselSegmentationLib.inference import fused
from VesselSegmentationLib.weights import REMEDY, NetworkMetadata, load_tensors

if TYPE_CHECKING:
    from VesselSegmentationLib.dru_net import DruNet

NAME = "DruNet"
BATCH_NORM_EPSILON = 1e-5
"""MONAI's and torch's default."""


class QuickDruNet(nn.Module):
    """Frame (N, in_channels, H, W), standardized, to logits (N, out_channels, H, W); for inference only."""

    def __init__(self, weights: Mapping[str, Tensor], shape: DruNetShape) -> None:
        """Take the `state_dict` of a DruNet of that shape.

        Raises WeightsError when a tensor is missing, too many, or of another shape.
        """
        super().__init__()
        self.shape = shape
        left = {name: value.float() for name, value in weights.items() if not name.endswith("num_batches_tracked")}
        self._spare = 1 if shape.channels_in == 1 else 0
        self.encoder = nn.ModuleList(
            QuickBlock(left, f"encoder.{index}", *channels, spare=0 if index else self._spare)
            for index, channels in enumerate(shape.encoder_channels())
        )
        self.pool = nn.MaxPool2d(2)
        self.bottleneck = QuickBlock(left, "bottleneck", shape.widths[-2], shape.widths[-1])
        self.decoder = nn.ModuleList(
            _JoiningBlock(left, f"decoder.{index}", *channels, shape.upsampling_mode)
            for index, channels in enumerate(shape.decoder_channels())
        )
        self.head = convolution(*taken(left, "head.conv", shape.width, shape.channels_out, 1))
        if left:
            raise WeightsError(f"The weights hold {min(left)}, which no DRU-Net of {shape} has.")
        self.eval().requires_grad_(False)

    @classmethod
    def of(cls, network: DruNet) -> QuickDruNet:
        """The same function as a network that can be trained; weights are copied."""
        return cls(network.state_dict(), network.shape)

    def forward(self, frames: Tensor) -> Tensor:
        """Logits of the vessel class, one per pixel."""
        return pixel_shuffle(self.decoded(*self.encoded(frames)), self.shape.stride)

    def encoded(self, frames: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Maps of the bottleneck, and those that the decoder takes over, from the full resolution down."""
        maps = pixel_unshuffle(frames, self.shape.stride)
        maps = torch.cat([maps, maps], dim=1) if self._spare else maps
        skipped: list[Tensor] = []
        for block in self.encoder:
            maps = block(maps)
            skipped.append(maps)
            maps = self.pool(maps)
        return self.bottleneck(maps), skipped

    def decoded(self, maps: Tensor, skipped: list[Tensor]) -> Tensor:
        """Logits from what `encoded` gives, those of a position's pixels as channels."""
        for block, beside in zip(self.decoder, reversed(skipped), strict=True):
            maps = block(maps, beside)
        logits: Tensor = self.head(maps)
        return logits


def load_quick_dru_net(folder: Path | str) -> tuple[QuickDruNet, NetworkMetadata]:
    """The DRU-Net of a network folder (see VesselSegmentationLib.weights) for use, and its metadata.

    Raises WeightsError when a file is missing, changed, or belongs to another network.
    """
    weights, metadata = load_tensors(folder, NAME)
    try:
        return QuickDruNet(weights, DruNetShape(**metadata.hyper_parameters)), metadata
    except (InputError, TypeError) as error:
        raise WeightsError(f"{folder} describes an impossible {NAME}: {error} {REMEDY}") from error
    except WeightsError as error:
        raise WeightsError(f"{folder} does not fit its description: {error} {REMEDY}") from None


def rearranged(network: nn.Module) -> nn.Module:
    """The network for use: a DruNet as a QuickDruNet, any other with its batch norms folded (`inference.fused`)."""
    if isinstance(network, QuickDruNet):
        return network
    from VesselSegmentationLib.dru_net import DruNet

    return QuickDruNet.of(network) if isinstance(network, DruNet) else fused(network)


class QuickBlock(nn.Module):
    """`residual_block` of dru_net. So many spare channels more come in, which change nothing."""

    def __init__(self, left: dict[str, Tensor], name: str, before: int, after: int, spare: int = 0) -> None:
        super().__init__()
        kernel, bias = _folded(left, f"{name}.conv.unit0", before, after)
        self.first = convolution(_widened(kernel, spare), bias)
        self.second = convolution(*_folded(left, f"{name}.conv.unit1", after, after))
        if before == after:
            self.residual = convolution(_widened(torch.eye(after)[:, :, None, None], spare), None)
        else:
            kernel, bias = taken(left, f"{name}.residual", before, after, 1)
            self.residual = convolution(_widened(kernel, spare), bias)

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.second(self.first(maps).relu_()).relu_()
        result: Tensor = inner.add_(self.residual(maps))
        return result


class _JoiningBlock(nn.Module):
    """`residual_block` of the maps from below, doubled, and those of the same level, concatenated in this order."""

    def __init__(self, left: dict[str, Tensor], name: str, before: int, after: int, mode: str) -> None:
        super().__init__()
        self.mode = mode
        below = before - after  # the same level has as many channels as the block gives
        kernel, bias = _folded(left, f"{name}.conv.unit0", before, after)
        self.first_beside = convolution(kernel[:, below:], bias)
        self.first_below = _doubling(kernel[:, :below]) if mode == "nearest" else convolution(kernel[:, :below], None)
        self.second = convolution(*_folded(left, f"{name}.conv.unit1", after, after))
        kernel, bias = taken(left, f"{name}.residual", before, after, 1)
        self.residual_beside = convolution(kernel[:, below:], bias)
        self.residual_below = convolution(kernel[:, :below], None)

    def forward(self, below: Tensor, beside: Tensor) -> Tensor:
        raised = below if self.mode == "nearest" else self._doubled(below)
        inner = self.first_beside(beside).add_(self.first_below(raised)).relu_()
        inner = self.second(inner).relu_().add_(self.residual_beside(beside))
        result: Tensor = inner.add_(self._doubled(self.residual_below(below)))
        return result

    def _doubled(self, maps: Tensor) -> Tensor:
        if self.mode == "nearest":
            return interpolate(maps, scale_factor=2.0, mode="nearest")
        return interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)


def taken(left: dict[str, Tensor], name: str, before: int, after: int, side: int) -> tuple[Tensor, Tensor]:
    """Kernel and bias of a convolution, taken out of what is left of the weights."""
    return _one(left, f"{name}.weight", (after, before, side, side)), _one(left, f"{name}.bias", (after,))


def _folded(left: dict[str, Tensor], name: str, before: int, after: int) -> tuple[Tensor, Tensor]:
    """Kernel and bias of a 3x3 convolution that does its batch norm's work, too."""
    kernel, bias = taken(left, f"{name}.conv", before, after, 3)
    scale, shift, mean, variance = (
        _one(left, f"{name}.adn.N.{part}", (after,)) for part in ("weight", "bias", "running_mean", "running_var")
    )
    return fuse_conv_bn_weights(kernel, bias, mean, variance, BATCH_NORM_EPSILON, scale, shift)


def _one(left: dict[str, Tensor], name: str, shape: tuple[int, ...]) -> Tensor:
    found = left.pop(name, None)
    if found is None or tuple(found.shape) != shape:
        raise WeightsError(f"The weights {name} are {'missing' if found is None else tuple(found.shape)}, not {shape}.")
    return found


def _widened(kernel: Tensor, spare: int) -> Tensor:
    return pad(kernel, (0, 0, 0, 0, 0, spare))


def convolution(kernel: Tensor, bias: Tensor | None) -> nn.Conv2d:
    after, before, side, _ = kernel.shape
    layer = nn.Conv2d(before, after, side, padding=side // 2, bias=bias is not None)
    with torch.no_grad():
        layer.weight.copy_(kernel)
        if bias is not None and layer.bias is not None:
            layer.bias.copy_(bias)
    return layer


def _doubling(kernel: Tensor) -> nn.ConvTranspose2d:
    """The transposed convolution that equals doubling by repetition and then the 3x3 convolution, borders too.

    Along an axis, with the kernel k0 k1 k2 : k2, k1 + k2, k0 + k1, k0.
    """
    after, before = kernel.shape[:2]
    turned = kernel.flip(2, 3)
    wide = torch.zeros(after, before, 4, 4)
    for down in (0, 1):
        for right in (0, 1):
            wide[:, :, down : down + 3, right : right + 3] += turned
    layer = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(wide.transpose(0, 1))
    return layer
