"""A start for a DRU-Net of stride 4, which looks at 512 x 512, from a trained one of stride 2 that looks at 256 x 256.

Only the outermost convolutions change: each pixel of the finer picture enters with a quarter of the weight of the pixel
that it is a part of, and takes that one's logit. All between lies on the same 128 x 128 positions as before, so it is
as quick. What comes out marks the same vessels, their edges in steps of two pixels; how to mark them finer is still to
be learnt (`train segmentation --start`, with a pool of `--size 512`).

python -m VesselSegmentationLib.finer_network TRAINED --output START
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.small_commands import exit_code_of, parser_of
from VesselSegmentationLib.weights import load_network, save_network

COARSE, FINE = 2, 4


def finer(trained: DruNet) -> DruNet:
    """The network with stride 4. Raises InputError unless it has stride 2, and other than 4 or 16 filters."""
    if trained.stride != COARSE:
        raise InputError(f"Only a DRU-Net of stride {COARSE} can be made finer; this one has {trained.stride}.")
    shape = trained.shape
    network = DruNet(shape.width, shape.in_channels, shape.out_channels, shape.upsampling_mode, FINE)
    weights, wanted = trained.state_dict(), network.state_dict()
    if weights.keys() != wanted.keys():  # a block whose input is as wide as its output adds it as it is
        raise InputError(f"A DRU-Net of width {shape.width} cannot be made finer: its first block has other parts.")
    for name, tensor in weights.items():
        for axis in range(tensor.ndim):
            if tensor.shape[axis] != wanted[name].shape[axis]:  # what takes pixels (axis 1), or gives their logits
                tensor = _repeated(tensor, axis) / (FINE // COARSE) ** (2 * axis)
        weights[name] = tensor
    network.load_state_dict(weights)
    return network.eval()


def _repeated(tensor: Tensor, axis: int) -> Tensor:
    """Channels of 2 x 2 pixels along the axis as those of 4 x 4, each pixel's for its four parts."""
    of_pixels = tensor.movedim(axis, 0)
    squares = of_pixels.reshape(-1, COARSE, COARSE, *of_pixels.shape[1:])
    for direction in (1, 2):
        squares = squares.repeat_interleave(FINE // COARSE, dim=direction)
    return squares.flatten(0, 2).movedim(0, axis).contiguous()


def make_finer(folder: Path, output: Path) -> None:
    """Write the start in `output`. Raises WeightsError or InputError for a network that it cannot be made of."""
    trained, metadata = load_network(folder, "DruNet")
    assert isinstance(trained, DruNet)
    with torch.no_grad():
        network = finer(trained)
    new = dataclasses.replace(
        metadata,
        hyper_parameters=network.hyper_parameters(),
        description=f"{metadata.description} Rearranged to stride {FINE}, to be trained on.",
        scores={},
    )
    save_network(network, output, new)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = parser_of("VesselSegmentationLib.finer_network", __doc__)
    parser.add_argument("trained", type=Path, metavar="TRAINED", help="network folder, stride 2")
    parser.add_argument("--output", type=Path, required=True, help="network folder to write")
    options = parser.parse_args(arguments)

    def work() -> str:
        make_finer(options.trained, options.output)
        return f"{options.output}: stride {FINE}."

    return exit_code_of("finer_network", work)


if __name__ == "__main__":
    sys.exit(main())
