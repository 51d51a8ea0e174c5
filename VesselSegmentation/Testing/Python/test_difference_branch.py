"""The branch for what changed since contrast agent came: beside its network, trained, saved, rearranged for use."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from VesselSegmentationLib import branch_bundle
from VesselSegmentationLib.difference_branch import DifferenceBranch, GuidedDruNet
from VesselSegmentationLib.difference_training import DifferenceTraining
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.dru_net_shape import BranchShape
from VesselSegmentationLib.errors import InputError, WeightsError
from VesselSegmentationLib.frame_subtraction import LEVEL, subtracted
from VesselSegmentationLib.quick_difference import QuickGuidedDruNet, has_branch, load_guided
from VesselSegmentationLib.quick_dru_net import QuickDruNet, load_quick_dru_net
from VesselSegmentationLib.run_subtraction import SubtractingSegmenter
from VesselSegmentationLib.segmenter import VesselSegmenter
from VesselSegmentationLib.training import SegmentationTrainingSettings
from VesselSegmentationLib.weights import NetworkMetadata, load_metadata, load_network, save_network

WIDTH, STRIDE = 4, 2


def network() -> DruNet:
    """One whose batch norms have seen data."""
    torch.manual_seed(2)
    made = DruNet(WIDTH, stride=STRIDE)
    for _ in range(3):
        made(3 * torch.randn(2, 1, 64, 64) - 1)
    return made.eval()


def branch(sha256: str = "", is_tied: bool = True) -> DifferenceBranch:
    """One that has seen data, and whose ties, if wished, are not zero any more."""
    torch.manual_seed(3)
    made = DifferenceBranch(3, WIDTH, STRIDE, sha256)
    for _ in range(3):
        made(torch.randn(2, 2, 64, 64))
    if is_tied:
        for tie in (*made.ties, made.head):
            for parameter in tie.parameters():
                torch.nn.init.normal_(parameter, std=0.3)
    return made.eval()


def saved_network(folder: Path) -> str:
    """Saves `network()`; returns the SHA-256 of its weights."""
    made = network()
    return save_network(made, folder, NetworkMetadata("DruNet", made.hyper_parameters()), half=False).sha256


def saved_branch(folder: Path, made: DifferenceBranch) -> None:
    metadata = NetworkMetadata(branch_bundle.NAME, made.hyper_parameters())
    save_network(made, folder / branch_bundle.FOLDER, metadata, half=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A network with its branch."""
    saved_branch(tmp_path, branch(saved_network(tmp_path)))
    return tmp_path


def test_a_new_branch_changes_nothing() -> None:
    both, alone = torch.randn(2, 2, 64, 32), network()
    guided = GuidedDruNet(alone, branch(is_tied=False)).eval()
    assert torch.equal(guided(both), alone(both[:, :1]))


def test_a_branch_sees_the_difference() -> None:
    guided, both = GuidedDruNet(network(), branch()).eval(), torch.randn(1, 2, 64, 64)
    other = torch.cat([both[:, :1], -both[:, 1:]], dim=1)
    assert not torch.allclose(guided(both), guided(other), atol=1e-2)


def test_training_leaves_the_network_as_it_is_its_statistics_too() -> None:
    guided = GuidedDruNet(network(), branch(is_tied=False)).train()
    before = {name: value.clone() for name, value in guided.network.state_dict().items()}
    optimizer = torch.optim.SGD([one for one in guided.parameters() if one.requires_grad], 0.1)
    guided(torch.randn(2, 2, 64, 64)).square().mean().backward()
    optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in guided.network.state_dict().items())
    assert guided.branch.head.conv.weight.abs().max() > 0


@pytest.mark.parametrize("wrong", [{"network_width": 5}, {"stride": 1}])
def test_a_branch_of_another_network_does_not_fit(wrong: dict[str, int]) -> None:
    other = DifferenceBranch(**{"width": 3, "network_width": WIDTH, "stride": STRIDE, **wrong})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="does not fit"):
        GuidedDruNet(network(), other)
    with pytest.raises(WeightsError, match="not for a network"):
        QuickGuidedDruNet(QuickDruNet.of(network()), other.state_dict(), other.shape)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"network_width": True}, {"stride": 3}, {"network_sha256": 7}])
def test_impossible_shapes_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match=str(next(iter(wrong.values())))):
        BranchShape(**wrong)  # type: ignore[arg-type]


def test_rearranged_for_use_it_computes_the_same() -> None:
    alone, beside = network(), branch()
    quick = QuickGuidedDruNet(QuickDruNet.of(alone), beside.state_dict(), beside.shape)
    both = torch.randn(3, 2, 64, 32)
    with torch.inference_mode():
        expected = GuidedDruNet(alone, beside).eval()(both)
        torch.testing.assert_close(quick(both), expected, atol=1e-5, rtol=1e-5)


def test_weights_that_are_too_many_or_too_few_are_refused() -> None:
    quick, beside = QuickDruNet.of(network()), branch()
    weights = dict(beside.state_dict())
    with pytest.raises(WeightsError, match="other"):
        QuickGuidedDruNet(quick, {**weights, "other": torch.zeros(1)}, beside.shape)
    del weights["ties.2.conv.bias"]
    with pytest.raises(WeightsError, match=r"ties\.2\.conv\.bias are missing"):
        QuickGuidedDruNet(quick, weights, beside.shape)


def test_a_segmenter_finds_the_branch_in_its_network_s_folder(folder: Path) -> None:
    segmenter = VesselSegmenter.from_folder(folder)
    frame = np.random.default_rng(1).integers(0, 255, (80, 60)).astype(np.uint8)
    same = np.full(frame.shape, round(LEVEL * 255), np.uint8)
    darker = np.where(np.arange(60) < 30, 0, same).astype(np.uint8)
    assert segmenter.sees_differences
    assert segmenter.with_difference(frame, same).shape == frame.shape
    assert not np.allclose(segmenter.with_difference(frame, same), segmenter.with_difference(frame, darker), atol=1e-2)
    np.testing.assert_array_equal(segmenter(frame), segmenter.probability(frame))


def test_single_frames_are_segmented_as_without_the_branch(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    alone = tmp_path_factory.mktemp("alone")
    saved_network(alone)
    frame = np.random.default_rng(1).integers(0, 255, (64, 64)).astype(np.uint8)
    one, other = VesselSegmenter.from_folder(folder), VesselSegmenter.from_folder(alone)
    np.testing.assert_array_equal(one.probability(frame), other.probability(frame))
    assert not other.sees_differences
    with pytest.raises(InputError, match="train difference"):
        other.with_difference(frame, frame)


def test_what_changed_in_a_run_goes_through_the_branch(folder: Path) -> None:
    segmenter = VesselSegmenter.from_folder(folder)
    before = np.random.default_rng(1).integers(100, 140, (64, 64)).astype(np.uint8)
    frame = before.copy()
    frame[20:40, 30:36] = (frame[20:40, 30:36] * 0.5).astype(np.uint8)
    expected = segmenter.with_difference(frame, subtracted(frame, before).picture)
    np.testing.assert_array_equal(SubtractingSegmenter(segmenter, (before,))(frame), expected)
    weighed = SubtractingSegmenter(segmenter.probability, (before,))(frame)
    assert not np.allclose(weighed, expected, atol=1e-2)


def test_a_branch_trained_beside_other_weights_is_refused(folder: Path) -> None:
    quick, metadata = load_quick_dru_net(folder)
    assert has_branch(folder)
    guided, branch = load_guided(folder, quick, metadata.sha256)
    assert isinstance(guided, QuickGuidedDruNet)
    assert branch.network == branch_bundle.NAME
    with pytest.raises(WeightsError, match="another network: train it again, or remove it"):
        load_guided(folder, quick, "0" * 64)


def test_a_tampered_branch_is_refused(folder: Path) -> None:
    path = folder / branch_bundle.FOLDER / "models" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="was changed after saving"):
        VesselSegmenter.from_folder(folder)


def test_a_folder_with_another_network_for_a_branch_is_refused(folder: Path) -> None:
    saved_network(folder / branch_bundle.FOLDER)
    with pytest.raises(WeightsError, match="DruNet"):
        VesselSegmenter.from_folder(folder)


class Changed:
    """Squares that only the difference shows, 64 x 64."""

    def __init__(self, count: int = 16, first: int = 0) -> None:
        self.seeds = range(first, first + count)

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        random, mask = np.random.default_rng(self.seeds[index]), np.zeros((64, 64), bool)
        row, column = random.integers(8, 36, 2)
        mask[row : row + 20, column : column + 20] = True
        frame = np.clip(random.normal(130, 20, mask.shape), 0, 255)
        return np.stack([frame, np.where(mask, 30, LEVEL * 255)]).astype(np.uint8), mask


def test_training_learns_from_the_difference_and_saves_the_branch_alone(tmp_path: Path) -> None:
    sha256 = saved_network(tmp_path)
    settings = SegmentationTrainingSettings(
        start=str(tmp_path), batch_size=4, iterations=60, validate_every=20, warm_up_iterations=2, learning_rate=0.01
    )
    output = tmp_path / branch_bundle.FOLDER
    training = DifferenceTraining(Changed(), Changed(4, 100), settings, output)
    report = training.train(lambda _share, _text: None, "squares")
    assert report.scores.dsc.median > 0.8
    metadata = load_metadata(output)
    assert metadata.network == branch_bundle.NAME
    assert metadata.hyper_parameters["network_sha256"] == sha256
    assert isinstance(load_network(output, branch_bundle.NAME)[0], DifferenceBranch)
    assert VesselSegmenter.from_folder(tmp_path).sees_differences
    again = DifferenceTraining(
        Changed(), Changed(4, 100), dataclasses.replace(settings, branch=str(output)), tmp_path / "again"
    )
    assert isinstance(again.network, GuidedDruNet)
    saved = load_network(output, branch_bundle.NAME)[0].state_dict()
    torch.testing.assert_close(dict(again.network.branch.state_dict()), dict(saved))


def test_a_branch_of_another_size_is_not_gone_on_with(tmp_path: Path) -> None:
    saved_network(tmp_path)
    other = DifferenceBranch(3, 6, 1)
    save_network(other, tmp_path / "other", NetworkMetadata(branch_bundle.NAME, other.hyper_parameters()))
    settings = SegmentationTrainingSettings(start=str(tmp_path), branch=str(tmp_path / "other"), iterations=1)
    with pytest.raises(InputError, match=r"is a branch of .* \(3, 6, 1\), and .* is asked for"):
        DifferenceTraining(Changed(), Changed(4, 100), settings, tmp_path / "out")


def test_a_branch_needs_a_network_to_be_trained_beside(tmp_path: Path) -> None:
    settings = SegmentationTrainingSettings(iterations=1)
    with pytest.raises(InputError, match="name its folder as start"):
        DifferenceTraining(Changed(), Changed(4, 100), settings, tmp_path)
