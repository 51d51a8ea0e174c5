"""What fixes the shape of a DRU-Net, apart from the library that it is built with."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from VesselSegmentationLib.errors import InputError

LEVELS = 4
"""Residual blocks of the encoder, hence halvings of the picture."""
SIDE_MULTIPLE = 2**LEVELS
UPSAMPLING_MODES = ("nearest", "bilinear")


@dataclass(frozen=True)
class DruNetShape:
    """Widths, channels and up-sampling of a DRU-Net. Raises InputError for values it cannot take."""

    width: int = 32
    """Channels of the first level, doubled per level; the paper's layout is 32."""
    in_channels: int = 1
    out_channels: int = 1
    upsampling_mode: str = "nearest"

    def __post_init__(self) -> None:
        for name, most in (("width", 256), ("in_channels", 64), ("out_channels", 64)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise InputError(f"DRU-Net {name} {value!r} must be a whole number from 1 to {most}.")
        if self.upsampling_mode not in UPSAMPLING_MODES:
            raise InputError(
                f"DRU-Net up-sampling {self.upsampling_mode!r} must be one of {', '.join(UPSAMPLING_MODES)}."
            )

    @property
    def widths(self) -> list[int]:
        """Channels of the encoder's levels and, last, of the bottleneck."""
        return [self.width * 2**level for level in range(LEVELS + 1)]

    def encoder_channels(self) -> list[tuple[int, int]]:
        """Channels into and out of each encoder block, from the full resolution down."""
        return list(zip([self.in_channels, *self.widths], self.widths[:LEVELS]))

    def decoder_channels(self) -> list[tuple[int, int]]:
        """Channels into (those from below first, then those of the same level) and out of each block, upwards."""
        return [(self.widths[level + 1] + self.widths[level], self.widths[level]) for level in reversed(range(LEVELS))]

    def check_input(self, shape: tuple[int, ...]) -> None:
        """Raise InputError unless a network of this shape takes a tensor of that one."""
        if len(shape) != 4 or shape[1] != self.in_channels:
            raise InputError(f"DRU-Net takes (N, {self.in_channels}, H, W), not a tensor of {shape}.")
        if shape[2] % SIDE_MULTIPLE or shape[3] % SIDE_MULTIPLE:
            raise InputError(
                f"DRU-Net takes sides that are multiples of {SIDE_MULTIPLE}, not {shape[2:]}; "
                "resize the frame first (preprocessing.NetworkGrid)."
            )

    def hyper_parameters(self) -> dict[str, int | str]:
        """As plain numbers and words."""
        return asdict(self)
