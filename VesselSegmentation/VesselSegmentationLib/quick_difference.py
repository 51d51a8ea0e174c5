"""A trained DRU-Net with its difference branch, rearranged for use as in `quick_dru_net`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from VesselSegmentationLib.branch_bundle import FOLDER, NAME
from VesselSegmentationLib.bundle_layout import metadata_path
from VesselSegmentationLib.dru_net_shape import BranchShape
from VesselSegmentationLib.errors import InputError, WeightsError
from VesselSegmentationLib.quick_dru_net import QuickBlock, QuickDruNet, convolution, taken
from VesselSegmentationLib.weights import REMEDY, NetworkMetadata, load_tensors


class QuickGuidedDruNet(nn.Module):
    """Frame, standardized, and difference (N, 2, H, W) to logits (N, 1, H, W); for inference only."""

    def __init__(self, network: QuickDruNet, weights: Mapping[str, Tensor], shape: BranchShape) -> None:
        """Take the `state_dict` of a DifferenceBranch of that shape.

        Raises WeightsError when a tensor is missing, too many, or of another shape, or the network has another shape.
        """
        super().__init__()
        if (shape.network_width, shape.stride) != (network.shape.width, network.shape.stride):
            raise WeightsError(f"The branch {shape} is not for a network {network.shape}.")
        self.network, self.stride, encoder = network, shape.stride, shape.encoder_shape()
        left = {name: value.float() for name, value in weights.items() if not name.endswith("num_batches_tracked")}
        self.encoder = nn.ModuleList(
            QuickBlock(left, f"encoder.{index}", *channels) for index, channels in enumerate(encoder.encoder_channels())
        )
        self.bottleneck = QuickBlock(left, "bottleneck", *encoder.widths[-2:])
        self.pool = nn.MaxPool2d(2)
        self.ties = nn.ModuleList(
            convolution(*taken(left, f"ties.{index}.conv", *channels, 1))
            for index, channels in enumerate(shape.tie_channels())
        )
        self.head = convolution(*taken(left, "head.conv", shape.width, shape.stride**2, 1))
        if left:
            raise WeightsError(f"The weights hold {min(left)}, which no branch of {shape} has.")
        self.eval().requires_grad_(False)

    def forward(self, both: Tensor) -> Tensor:
        """Logits of the vessel class, one per pixel."""
        maps, found = pixel_unshuffle(both, self.stride), []
        for block in self.encoder:
            maps = block(maps)
            found.append(maps)
            maps = self.pool(maps)
        found.append(self.bottleneck(maps))
        *added, deepest = (tie(part) for tie, part in zip(self.ties, found, strict=True))
        maps, skipped = self.network.encoded(both[:, :1])
        joined = [beside + more for beside, more in zip(skipped, added, strict=True)]
        return pixel_shuffle(self.network.decoded(maps + deepest, joined) + self.head(found[0]), self.stride)


def has_branch(folder: Path) -> bool:
    """Whether a network's folder holds a difference branch."""
    return metadata_path(folder / FOLDER).is_file()


def load_guided(folder: Path, network: QuickDruNet, sha256: str) -> tuple[QuickGuidedDruNet, NetworkMetadata]:
    """The network of a folder, whose weights have that SHA-256, with its branch, and what the branch says of itself.

    Raises WeightsError when the branch cannot be used, or was trained beside other weights.
    """
    weights, metadata = load_tensors(folder / FOLDER, NAME)
    try:
        shape = BranchShape(**metadata.hyper_parameters)
        if shape.network_sha256 != sha256:
            raise WeightsError(
                f"{folder / FOLDER} was trained beside another network: train it again, or remove it to do without."
            )
        return QuickGuidedDruNet(network, weights, shape), metadata
    except (InputError, TypeError) as error:
        raise WeightsError(f"{folder / FOLDER} describes an impossible {NAME}: {error} {REMEDY}") from error
