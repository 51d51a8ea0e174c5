"""Training of the branch by which a DRU-Net learns what changed in a frame since contrast agent came.

As the training of the network itself (`training`), on pools with differences; the network's own weights stay as they
are. The branch is saved, and says beside which weights it was trained.
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from VesselSegmentationLib.branch_bundle import NAME
from VesselSegmentationLib.difference_branch import DifferenceBranch, GuidedDruNet
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.training import OUTPUTS, SegmentationTraining, network_to_train
from VesselSegmentationLib.training_settings import SegmentationTrainingSettings
from VesselSegmentationLib.weights import NetworkMetadata, load_metadata, load_network

INPUTS = (
    "X-ray frame as the network beside takes it, and its difference from one before contrast agent, {0} x {0}, 0 where "
    "nothing has changed (VesselSegmentationLib.frame_subtraction)"
)


class DifferenceTraining(SegmentationTraining):
    """Of a branch beside the network that `settings.start` names."""

    def make_network(self, settings: SegmentationTrainingSettings) -> GuidedDruNet:
        """The frozen network with a new branch."""
        if settings.start is None:
            raise InputError("A branch is trained beside a network: name its folder as start.")
        network, sha256 = network_to_train(settings), load_metadata(settings.start).sha256
        branch = DifferenceBranch(network_width=network.width, stride=network.stride, network_sha256=sha256)
        if settings.branch is not None:
            _take_over(Path(settings.branch), branch)
        return GuidedDruNet(network, branch)

    def described_network(self) -> NetworkMetadata:
        """Of the branch."""
        assert isinstance(self.network, GuidedDruNet)
        return NetworkMetadata(
            network=NAME,
            hyper_parameters=self.network.branch.hyper_parameters(),
            description="Branch of a DRU-Net that sees what changed since contrast agent came.",
            inputs=INPUTS.format(self.settings.side),
            outputs=OUTPUTS,
        )

    def saved(self, network: nn.Module) -> nn.Module:
        """The branch alone."""
        assert isinstance(network, GuidedDruNet)
        return network.branch


def _take_over(folder: Path, branch: DifferenceBranch) -> None:
    """The weights of a trained branch, whichever network it was trained beside."""
    former, _metadata = load_network(folder, NAME)
    assert isinstance(former, DifferenceBranch)
    kinds = [(shape.width, shape.network_width, shape.stride) for shape in (former.shape, branch.shape)]
    if kinds[0] != kinds[1]:
        raise InputError(
            f"{folder} is a branch of (width, network's width, stride) {kinds[0]}, and {kinds[1]} is asked for: "
            "choose another one, or none."
        )
    branch.load_state_dict(former.state_dict())
