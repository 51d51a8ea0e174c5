"""What makes a trained network quick on a CPU: batch norm folded into convolutions, threads set on purpose."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from VesselSegmentationLib.errors import InputError


@contextmanager
def thread_count(threads: int | None) -> Iterator[None]:
    """Torch on so many threads, the former number restored afterwards. None leaves it alone.

    More threads than free cores make a network tens of times slower, not faster.
    """
    if threads is not None and threads < 1:
        raise InputError(f"The number of threads {threads} must be 1 or more.")
    former = torch.get_num_threads()
    try:
        if threads is not None:
            torch.set_num_threads(threads)
        yield
    finally:
        torch.set_num_threads(former)


def fused(network: nn.Module) -> nn.Module:
    """Copy of a network in evaluation mode whose MONAI `Convolution` blocks do without their batch norm.

    The outputs stay the same up to rounding. The copy is for inference only: it cannot be trained on.
    """
    from monai.networks.blocks import Convolution

    quick = copy.deepcopy(network).eval()
    for block in quick.modules():
        if not isinstance(block, Convolution):
            continue
        convolution, after = block.conv, getattr(block, "adn", None)
        if not isinstance(after, nn.Sequential) or not isinstance(convolution, nn.Conv2d):
            continue
        name, first = next(after.named_children())
        if isinstance(first, nn.BatchNorm2d):
            block.conv = fuse_conv_bn_eval(convolution, first)
            setattr(after, name, nn.Identity())
    for parameter in quick.parameters():
        parameter.requires_grad_(False)
    return quick
