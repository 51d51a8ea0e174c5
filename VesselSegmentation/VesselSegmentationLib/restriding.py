"""A start for a DRU-Net of stride 2 and twice the width, from a trained one of stride 1.

Apart from the outermost level, which goes, and one new level at the bottom the two have the same blocks, and the
trained ones keep their weights:

    stride 1, width 16   frame  16  32  64  128  (256)  128  64  32  16  logits
    stride 2, width 32            32  64  128  256  (512)  256  128  64  32   logits of four pixels each

The block above the new bottom starts as if there were none: what comes from below enters with weights near 0 and the
maps beside it pass. The first block learns, by its mean squared error, to give what the trained network's second block
gives; the last convolution is the least-squares fit to the trained network's logits. What comes out knows most of what
was known, and is meant to be trained on (`train segmentation --start`).

python -m VesselSegmentationLib.restriding TRAINED --pool POOL --output START
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import mse_loss, pixel_unshuffle

from VesselSegmentationLib.datasets import PoolDataset
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.intensity import standardize
from VesselSegmentationLib.small_commands import exit_code_of, parser_of
from VesselSegmentationLib.training import Samples, stacked
from VesselSegmentationLib.weights import load_network, save_network

BATCH = 8
LEARNING_RATE = 3e-3
FITTED_FRAMES = 128
"""Frames that the last convolution is fitted to."""
LOGIT_BOUND = 6.0
"""Logits further from 0 say nothing more, and least squares would care for little else."""


def restrided(trained: DruNet) -> DruNet:
    """The trained blocks in a network of stride 2; its first block and its end are still to be learnt.

    Raises InputError unless the network has stride 1.
    """
    if trained.stride != 1:
        raise InputError(f"Only a DRU-Net of stride 1 can be given stride 2; this one has {trained.stride}.")
    network = DruNet(
        2 * trained.width, trained.shape.in_channels, trained.shape.out_channels, trained.upsampling_mode, stride=2
    )
    inner = [*trained.encoder[2:], trained.bottleneck]
    for mine, theirs in zip(network.encoder[1:], inner):
        mine.load_state_dict(theirs.state_dict())
    for mine, theirs in zip(network.decoder[1:], trained.decoder[:-1]):
        mine.load_state_dict(theirs.state_dict())
    _pass_beside(network.decoder[0])
    return network


def _pass_beside(block: nn.Module) -> None:
    """Let a decoder's block give the maps beside it, and the last of its batch norms start at 0."""
    weights = block.state_dict()
    kernel = weights["residual.weight"]
    after, before = kernel.shape[:2]
    kernel.zero_()
    kernel[:, before - after :, 0, 0] = torch.eye(after)
    weights["residual.bias"].zero_()
    weights["conv.unit1.adn.N.weight"].fill_(0.1)
    weights["conv.unit1.adn.N.bias"].zero_()


def learn_first_block(network: DruNet, trained: DruNet, dataset: Samples, iterations: int, seed: int) -> float:
    """Train the first block to give what `trained` has after its second; returns the share of variance left."""
    block = network.encoder[0].train()
    optimizer = torch.optim.AdamW(block.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, iterations)
    rng, left = np.random.default_rng(seed), 1.0
    for _ in range(iterations):
        frames = _frames(dataset, rng.choice(len(dataset), BATCH, replace=False))
        with torch.no_grad():
            wanted = trained.encoder[1](trained.pool(trained.encoder[0](frames)))
        loss = mse_loss(block(pixel_unshuffle(frames, network.stride)), wanted)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        left += 0.05 * (loss.item() / wanted.var().item() - left)
    block.eval()
    return left


def fit_end(network: DruNet, trained: DruNet, dataset: Samples, seed: int) -> None:
    """Least-squares fit of the last convolution to the logits of `trained`, which are bounded first."""
    maps: list[Tensor] = []
    taken = network.head.register_forward_pre_hook(lambda _module, inputs: maps.append(inputs[0]))
    channels = network.shape.width + 1
    square, right = torch.zeros(channels, channels), torch.zeros(channels, network.shape.channels_out)
    order = np.random.default_rng(seed).permutation(len(dataset))[:FITTED_FRAMES]
    with torch.no_grad():
        for start in range(0, len(order), BATCH):
            frames = _frames(dataset, order[start : start + BATCH])
            network(frames)
            logits = trained(frames).clamp(-LOGIT_BOUND, LOGIT_BOUND)
            features = torch.cat([maps.pop(), torch.ones_like(logits[:, :1, ::2, ::2])], dim=1)
            rows = features.permute(0, 2, 3, 1).reshape(-1, channels)
            square += rows.T @ rows / len(rows)
            right += rows.T @ pixel_unshuffle(logits, network.stride).permute(0, 2, 3, 1).flatten(0, 2) / len(rows)
        taken.remove()
        solved = torch.linalg.lstsq(square + 1e-4 * square.trace() / channels * torch.eye(channels), right).solution
    network.head.load_state_dict({"conv.weight": solved[:-1].T[:, :, None, None], "conv.bias": solved[-1]})


def _frames(dataset: Samples, indices: NDArray[np.integer]) -> Tensor:
    return standardize(stacked([dataset[int(index)] for index in indices])["image"])


def restride(folder: Path, pool: Path, output: Path, iterations: int = 300, seed: int = 1) -> float:
    """Make the start in `output`; returns the share of variance that the first block does not explain."""
    trained, metadata = load_network(folder, "DruNet")
    assert isinstance(trained, DruNet)
    torch.manual_seed(seed)
    network = restrided(trained.eval()).eval()
    dataset = Samples(PoolDataset(pool).split()[0])
    left = learn_first_block(network, trained, dataset, iterations, seed)
    fit_end(network, trained, dataset, seed)
    new = dataclasses.replace(
        metadata,
        hyper_parameters=network.hyper_parameters(),
        description=f"{metadata.description} Rearranged to stride 2, to be trained on.",
        scores={},
    )
    save_network(network, output, new)
    return left


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = parser_of("VesselSegmentationLib.restriding", __doc__)
    parser.add_argument("trained", type=Path, metavar="TRAINED", help="network folder, stride 1")
    parser.add_argument("--pool", type=Path, required=True, help="simulated views to fit on")
    parser.add_argument("--iterations", type=int, default=300, help="for the first block (default: %(default)s)")
    parser.add_argument("--output", type=Path, required=True, help="network folder to write")
    options = parser.parse_args(arguments)

    def work() -> str:
        left = restride(options.trained, options.pool, options.output, options.iterations)
        return f"{options.output}: the first block leaves {left:.1%} of the variance."

    return exit_code_of("restriding", work)


if __name__ == "__main__":
    sys.exit(main())
