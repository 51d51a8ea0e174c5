"""A difference branch on disk: a network folder of its own name, `difference` in that of its network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from VesselSegmentationLib.bundle_layout import BundleParts, tensor_format
from VesselSegmentationLib.dru_net_shape import BranchShape

NAME = "DifferenceBranch"
FOLDER = "difference"
"""Of the branch, in the folder of its network."""


def build_branch(**hyper_parameters: Any) -> nn.Module:
    """The branch with these hyper-parameters."""
    from VesselSegmentationLib.difference_branch import DifferenceBranch

    return DifferenceBranch(**hyper_parameters)


def branch_bundle(hyper_parameters: Mapping[str, Any]) -> BundleParts:
    """What its folder says of tensors. It has no workflows: it is used and trained beside its network alone."""
    side = BranchShape(**hyper_parameters).encoder_shape().side
    square = (side, side)
    pictures = {"0": "standardized X-ray frame", "1": "what changed since contrast agent came"}
    vessels = {"0": "logit of contrast-filled vessel, of network and branch together"}
    return BundleParts(
        name="Vessels in X-ray frames: what changed since contrast agent came",
        task="Segmentation of contrast-filled vessels in runs that begin before contrast agent",
        data_type="8-bit or 16-bit grey pictures",
        network_data_format={
            "inputs": {"image": tensor_format("image", "raw", "XA", len(pictures), square, (), pictures)},
            "outputs": {"pred": tensor_format("image", "segmentation", "n/a", 1, square, (), vessels)},
        },
        configs={},
    )
