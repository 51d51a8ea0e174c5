"""A start for a DRU-Net of stride 4, which looks at 512 x 512, from a trained one of stride 2 that looks at 256 x 256.

Only the outermost convolutions change: each pixel of the finer picture enters with a quarter of the weight of the pixel
that it is a part of, and takes that one's logit. All between lies on the same 128 x 128 positions as before, so it is
as quick. What comes out marks the same vessels, their edges in steps of two pixels; how to mark them finer is still to
be learnt (`train segmentation --start`, with a pool of `--size 512`). A branch for differences is made finer likewise
(`train difference --branch`).

python -m VesselSegmentationLib.finer_network TRAINED --output START
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from VesselSegmentationLib.difference_branch import DifferenceBranch
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.small_commands import exit_code_of, parser_of
from VesselSegmentationLib.weights import load_network, save_network

COARSE, FINE = 2, 4
Network = DruNet | DifferenceBranch


def finer(trained: Network) -> Network:
    """The network or branch with stride 4.

    Raises InputError unless it has stride 2, and a first block wider than the pixels that it takes then.
    """
    shape = trained.shape
    if shape.stride != COARSE:
        raise InputError(f"Only a DRU-Net of stride {COARSE} can be made finer; this one has {shape.stride}.")
    network = type(trained)(**{**trained.hyper_parameters(), "stride": FINE})  # type: ignore[arg-type]
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
    trained, metadata = load_network(folder)
    if not isinstance(trained, Network):
        raise InputError(f"{folder} holds a {metadata.network}, not a DRU-Net or a branch of one.")
    with torch.no_grad():
        network = finer(trained)
    new = dataclasses.replace(
        metadata,
        hyper_parameters=network.hyper_parameters(),
        inputs=metadata.inputs.replace("256 x 256", "512 x 512"),
        description=f"{metadata.description} Rearranged to stride {FINE}, to be trained on.",
        scores={},
    )
    save_network(network, output, new)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = parser_of("VesselSegmentationLib.finer_network", __doc__)
    parser.add_argument("trained", type=Path, metavar="TRAINED", help="folder of a network or branch, stride 2")
    parser.add_argument("--output", type=Path, required=True, help="network folder to write")
    options = parser.parse_args(arguments)

    def work() -> str:
        make_finer(options.trained, options.output)
        return f"{options.output}: stride {FINE}."

    return exit_code_of("finer_network", work)


if __name__ == "__main__":
    sys.exit(main())
