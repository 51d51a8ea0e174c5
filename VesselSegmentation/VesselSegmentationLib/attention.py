"""Where the network looks: Grad-CAM maps of a segmentation (Selvaraju et al. 2017; Li et al. 2021, figure 7).

Grad-CAM explains one number. For a segmentation that number is the sum of the logits over the pixels the network
marks as vessel. Its gradient, averaged over a layer's map, weighs that map's channels; what pushes towards vessel is
kept. Coarse by nature: the default layer has one value per 16 x 16 network pixels. Coarser ones say less of where.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from VesselSegmentationLib.dru_net_shape import side_of
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.preprocessing import NetworkGrid


class _ForegroundLogits(nn.Module):
    """The network, with the logits of pixels that are not vessel set to zero, so that a plain sum leaves them out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.network(frames))


def _begin_here(_layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Gradients are wanted of what the layer gives and go no further back: half the time, and half the memory."""
    return tuple(one.detach().requires_grad_() for one in inputs)


def _share_of_largest(attention: torch.Tensor) -> torch.Tensor:
    return attention / attention.max().clamp_min(torch.finfo(attention.dtype).tiny)


def usual_layer(network: nn.Module) -> str:
    """The deepest part of a DRU-Net with one value per 16 x 16 pixels."""
    return "bottleneck" if getattr(network, "stride", 1) == 1 else "decoder.0"


def attention_map(network: nn.Module, frame: ArrayLike, layer: str | None = None) -> NDArray[np.float32]:
    """Attention on the frame's pixels, from 0 to 1 (the frame's largest), float32 (rows, columns).

    All zero where the network finds no vessel in the frame.

    Args:
        network: for example `VesselSegmenter.network`; a copy of it is used.
        layer: name of one of its parts: "bottleneck", "encoder.3", "decoder.0" and so on; None: the `usual_layer`.

    Raises InputError for an unknown layer or anything but one finite grey frame.
    """
    from monai.visualize import GradCAM

    layer = layer or usual_layer(network)
    names = [name for name, _ in network.named_modules() if name]
    if layer not in names:
        blocks = [name for name in names if name.count(".") <= 1 and not name.startswith(("pool", "up"))]
        raise InputError(f"The network has no layer {layer!r}; choose for example one of {', '.join(blocks[:10])}.")
    picture = np.asarray(frame)
    grid = NetworkGrid.of(picture, side_of(network))
    own = copy.deepcopy(network).eval().requires_grad_(False)  # MONAI leaves its hooks and gradients behind
    own.get_submodule(layer).register_forward_pre_hook(_begin_here)
    explain = GradCAM(_ForegroundLogits(own), f"network.{layer}", postprocessing=_share_of_largest)
    tensor = torch.from_numpy(grid.to_network(picture))[None, None]
    with torch.enable_grad():
        attention = explain(tensor, class_idx=0)
    return np.clip(grid.to_frame(torch.as_tensor(attention)[0, 0].detach().numpy()), 0, 1)
