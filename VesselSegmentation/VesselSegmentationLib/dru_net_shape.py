"""What fixes the shape of a DRU-Net, apart from the library that it is built with."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.preprocessing import NETWORK_SIDE

LEVELS = 4
"""Residual blocks of the encoder, hence halvings of the picture."""
UPSAMPLING_MODES = ("nearest", "bilinear")
STRIDES = (1, 2, 4)
BRANCH_CHANNELS = 2
"""Frame and difference."""


@dataclass(frozen=True)
class DruNetShape:
    """Widths, channels, up-sampling and stride of a DRU-Net. Raises InputError for values it cannot take."""

    width: int = 32
    """Channels of the first level, doubled per level; the paper's layout is 32."""
    in_channels: int = 1
    out_channels: int = 1
    upsampling_mode: str = "nearest"
    stride: int = 1
    """The picture's pixels, along each side, that lie in one position of the first level: 1 in the paper. With 2, four
    neighbors enter as four channels, and as many logits per position are laid side by side again (pixel shuffle)."""

    def __post_init__(self) -> None:
        for name, most in (("width", 256), ("in_channels", 64), ("out_channels", 64)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise InputError(f"DRU-Net {name} {value!r} must be a whole number from 1 to {most}.")
        if self.upsampling_mode not in UPSAMPLING_MODES:
            raise InputError(
                f"DRU-Net up-sampling {self.upsampling_mode!r} must be one of {', '.join(UPSAMPLING_MODES)}."
            )
        if isinstance(self.stride, bool) or self.stride not in STRIDES:
            raise InputError(f"DRU-Net stride {self.stride!r} must be one of {', '.join(map(str, STRIDES))}.")

    @property
    def widths(self) -> list[int]:
        """Channels of the encoder's levels and, last, of the bottleneck."""
        return [self.width * 2**level for level in range(LEVELS + 1)]

    @property
    def channels_in(self) -> int:
        """Channels that the first level takes."""
        return self.in_channels * self.stride**2

    @property
    def channels_out(self) -> int:
        """Channels that the last convolution gives."""
        return self.out_channels * self.stride**2

    @property
    def side(self) -> int:
        """Of the square picture that it looks at: 256 as in the paper; with stride 4 twice that, for finer edges."""
        return max(NETWORK_SIDE, 128 * self.stride)

    @property
    def side_multiple(self) -> int:
        """What the picture's sides must be multiples of."""
        return int(self.stride * 2**LEVELS)

    def encoder_channels(self) -> list[tuple[int, int]]:
        """Channels into and out of each encoder block, from the full resolution down."""
        return list(zip([self.channels_in, *self.widths], self.widths[:LEVELS]))

    def decoder_channels(self) -> list[tuple[int, int]]:
        """Channels into (those from below first, then those of the same level) and out of each block, upwards."""
        return [(self.widths[level + 1] + self.widths[level], self.widths[level]) for level in reversed(range(LEVELS))]

    def check_input(self, shape: tuple[int, ...]) -> None:
        """Raise InputError unless a network of this shape takes a tensor of that one."""
        if len(shape) != 4 or shape[1] != self.in_channels:
            raise InputError(f"DRU-Net takes (N, {self.in_channels}, H, W), not a tensor of {shape}.")
        if shape[2] % self.side_multiple or shape[3] % self.side_multiple:
            raise InputError(
                f"DRU-Net takes sides that are multiples of {self.side_multiple}, not {shape[2:]}; "
                "resize the frame first (preprocessing.NetworkGrid)."
            )

    def hyper_parameters(self) -> dict[str, int | str]:
        """As plain numbers and words."""
        return asdict(self)


def side_of(network: object) -> int:
    """Of the square picture that a network looks at: 256 where it has no shape that says so."""
    shape = getattr(network, "shape", None)
    return shape.side if isinstance(shape, DruNetShape) else NETWORK_SIDE


@dataclass(frozen=True)
class BranchShape:
    """Width of a branch, and what of its network it must fit. Raises InputError for values it cannot take."""

    width: int = 16
    network_width: int = 32
    stride: int = 2
    network_sha256: str = ""
    """Of the weights that it was trained beside."""

    def __post_init__(self) -> None:
        self.encoder_shape()
        DruNetShape(self.network_width)
        if not isinstance(self.network_sha256, str):
            raise InputError(f"The network of a branch is named by its SHA-256, not by {self.network_sha256!r}.")

    def encoder_shape(self) -> DruNetShape:
        """Of the branch's own encoder, as that of a DRU-Net."""
        return DruNetShape(self.width, in_channels=BRANCH_CHANNELS, stride=self.stride)

    def tie_channels(self) -> list[tuple[int, int]]:
        """Channels into and out of each tie, from the full resolution down, the bottleneck last."""
        return list(zip(self.encoder_shape().widths, DruNetShape(self.network_width).widths, strict=True))
