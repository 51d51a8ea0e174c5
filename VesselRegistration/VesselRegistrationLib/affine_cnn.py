"""The affine CNN of Li et al. 2021 (Fig. 4 and its text): two vessel pictures in, equation 4's six numbers out.

Paper: 256 x 256 input; nine convolutions with 32, 64, 64, 128, 128, 128, 128, 256, 256 filters, 5 x 5 first and 3 x 3
after, each followed by batch normalization and ReLU; from the third one on, every other one is followed by a 2 x 2
max-pooling; a fully connected layer of 1024 neurons with ReLU; a last one of six.
Where the paper is silent: moving and fixed picture enter as two channels; the convolutions keep the size; the six
numbers are the matrix from moving to fixed in normalized coordinates, and the last layer starts at the identity (with
torch's own start the picture is warped away and no gradient comes back).
"""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass

import torch
from monai.networks.blocks import Convolution
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from VesselSegmentationLib.errors import InputError

PAPER_FILTERS = (32, 64, 64, 128, 128, 128, 128, 256, 256)
POOLED_AFTER = (2, 4, 6, 8)
"""Indices of the convolutions that a max-pooling follows: the third, fifth, seventh and ninth."""


@dataclass(frozen=True)
class AffineCnnSettings:
    """Size of the network. The defaults are the paper's."""

    input_size: int = 256
    """Rows and columns of both input pictures."""
    width: int = 32
    """Filters of the first convolution; the others keep the paper's proportions."""
    pooled_size: int | None = None
    """Average the last feature maps to this many rows and columns before the first fully connected layer; None: not
    at all, as in the paper."""
    hidden: int = 1024
    """Neurons of the first fully connected layer."""

    def __post_init__(self) -> None:
        if self.input_size < 16 or self.input_size % 16:
            raise InputError(f"Input size {self.input_size} must be a multiple of 16: four max-poolings halve it.")
        if self.width < 1 or self.hidden < 1 or (self.pooled_size is not None and self.pooled_size < 1):
            raise InputError(f"Affine CNN settings must be positive: {asdict(self)}.")

    @property
    def filters(self) -> tuple[int, ...]:
        """Filters of the nine convolutions."""
        return tuple(max(1, count * self.width // PAPER_FILTERS[0]) for count in PAPER_FILTERS)

    @property
    def flat_features(self) -> int:
        """Inputs of the first fully connected layer."""
        side = self.pooled_size or self.input_size // 16
        return self.filters[-1] * side * side


PAPER = AffineCnnSettings()
RECOMMENDED = AffineCnnSettings(input_size=128, width=16, pooled_size=4, hidden=512)
"""What is shipped: a forty-eighth of the paper's weights. Its accuracy beside the paper's layout is not measured."""


class AffineCnn(nn.Module):
    """(B, 1, S, S) moving and fixed pictures in [0, 1] to (B, 3, 3) moving-to-fixed in normalized coordinates."""

    def __init__(self, settings: AffineCnnSettings = PAPER) -> None:
        super().__init__()
        self.settings = settings
        layers: list[nn.Module] = []
        channels = 2
        for index, count in enumerate(settings.filters):
            kernel = 5 if index == 0 else 3
            layers.append(
                Convolution(2, channels, count, kernel_size=kernel, adn_ordering="NA", norm="BATCH", act="RELU")
            )
            if index in POOLED_AFTER:
                layers.append(nn.MaxPool2d(2))
            channels = count
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(settings.pooled_size) if settings.pooled_size else nn.Identity()
        self.hidden = nn.Linear(settings.flat_features, settings.hidden)
        self.last = nn.Linear(settings.hidden, 6)
        nn.init.zeros_(self.last.weight)
        with torch.no_grad():
            self.last.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))

    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        """Matrix (B, 3, 3); its last row is 0 0 1."""
        features = self.pool(self.features(torch.cat([moving, fixed], dim=1)))
        six = self.last(torch.relu(self.hidden(features.flatten(1)))).float()
        last_row = six.new_tensor([0.0, 0.0, 1.0]).expand(len(six), 1, 3)
        return torch.cat([six.reshape(-1, 2, 3), last_row], dim=1)

    def fused(self) -> AffineCnn:
        """A copy for inference whose convolutions hold their normalization: the same numbers in three quarters of the
        time."""
        network = copy.deepcopy(self).eval()
        for layer in network.features:
            if isinstance(layer, Convolution):
                convolution, norm = layer.get_submodule("conv"), layer.get_submodule("adn.N")
                assert isinstance(convolution, nn.Conv2d)
                assert isinstance(norm, nn.BatchNorm2d)
                layer.add_module("conv", fuse_conv_bn_eval(convolution, norm))
                layer.get_submodule("adn").add_module("N", nn.Identity())
        return network
