"""Masks lie on the frame's own pixels, are quick to come by, and bad frames are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import InputError, WeightsError
from VesselSegmentationLib.inference import fused, thread_count
from VesselSegmentationLib.resources import ENVIRONMENT_VARIABLE
from VesselSegmentationLib.segmenter import VesselSegmenter
from VesselSegmentationLib.weights import NetworkMetadata, save_network


class DarkIsVessel(nn.Module):
    """Stands in for a trained network: a pixel darker than the mean by one deviation is vessel."""

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return -20 * (frames + 1)


def frame_with_vessel(rows: int, columns: int) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    y, x = np.mgrid[:rows, :columns]
    vessel = np.abs(y - 0.5 * rows - 0.2 * (x - 0.3 * columns)) < 0.06 * rows
    noise = np.random.default_rng(0).normal(0, 40, vessel.shape)
    return (2000 - 900 * vessel + noise).astype(np.uint16), vessel


def trained_looking() -> DruNet:
    torch.manual_seed(1)
    network = DruNet(4)
    for _ in range(3):
        network(torch.randn(4, 1, 64, 64))
    return network.eval()


@pytest.mark.parametrize("shape", [(512, 512), (300, 500), (1000, 640), (100, 90)])
def test_the_mask_lies_on_the_vessel_whatever_the_frames_shape(shape: tuple[int, int]) -> None:
    frame, vessel = frame_with_vessel(*shape)
    segmenter = VesselSegmenter(DarkIsVessel())
    mask = segmenter.segment(frame)
    assert mask.shape == shape
    assert mask.dtype == np.bool_
    assert 2 * (mask & vessel).sum() / (mask.sum() + vessel.sum()) > 0.95


def test_probabilities_are_between_0_and_1_on_the_frames_pixels() -> None:
    frame, vessel = frame_with_vessel(200, 320)
    probability = VesselSegmenter(DarkIsVessel()).probability(frame)
    assert probability.shape == (200, 320)
    assert probability.dtype == np.float32
    assert probability.min() >= 0
    assert probability.max() <= 1
    assert probability[vessel].mean() > 0.9


def test_a_higher_threshold_marks_less() -> None:
    frame, _ = frame_with_vessel(200, 320)
    segmenter = VesselSegmenter(trained_looking())
    middle = float(np.median(segmenter.probability(frame)))
    assert segmenter.segment(frame, middle - 0.01).sum() > segmenter.segment(frame, middle + 0.01).sum()
    for threshold in (0.0, 1.0, float("nan")):
        with pytest.raises(InputError, match="threshold"):
            segmenter.segment(frame, threshold)


def test_folding_batch_norm_into_convolutions_changes_nothing_but_rounding() -> None:
    network = trained_looking()
    quick = fused(network)
    image = torch.randn(1, 1, 64, 64)
    assert torch.allclose(quick(image), network(image), atol=1e-5)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in quick.modules())
    assert sum(isinstance(part, nn.BatchNorm2d) for part in network.modules()) == 18


def test_bfloat16_gives_nearly_the_same_probabilities() -> None:
    frame, _ = frame_with_vessel(128, 128)
    network = trained_looking()
    exact = VesselSegmenter(network).probability(frame)
    rough = VesselSegmenter(network, precision="bfloat16").probability(frame)
    assert np.abs(exact - rough).max() < 0.03
    with pytest.raises(InputError, match="float32, bfloat16"):
        VesselSegmenter(network, precision="int3")


def test_the_number_of_threads_is_set_and_restored() -> None:
    former = torch.get_num_threads()
    seen: list[int] = []

    class Watcher(DarkIsVessel):
        def forward(self, frames: torch.Tensor) -> torch.Tensor:
            seen.append(torch.get_num_threads())
            return super().forward(frames)

    VesselSegmenter(Watcher(), threads=former + 1).segment(frame_with_vessel(64, 64)[0])
    assert seen == [former + 1]
    assert torch.get_num_threads() == former
    with pytest.raises(InputError, match="threads 0"), thread_count(0):
        pass


def test_a_run_gives_one_mask_per_frame_and_tells_its_progress() -> None:
    frame, _ = frame_with_vessel(60, 80)
    told: list[float] = []
    run = np.stack([frame, frame[::-1]])
    masks = VesselSegmenter(DarkIsVessel()).segment_run(run, progress=lambda share, _text: told.append(share))
    assert masks.shape == (2, 60, 80)
    assert masks.dtype == np.bool_
    assert told == [0.5, 1.0]
    assert not np.array_equal(masks[0], masks[1])


def test_a_run_can_be_stopped_by_its_progress() -> None:
    frame, _ = frame_with_vessel(60, 80)

    def stop(_share: float, _text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        VesselSegmenter(DarkIsVessel()).segment_run([frame, frame], progress=stop)


def test_runs_without_frames_or_of_mixed_sizes_are_refused() -> None:
    segmenter = VesselSegmenter(DarkIsVessel())
    with pytest.raises(InputError, match="no frame"):
        segmenter.segment_run([])
    with pytest.raises(InputError, match="Frame 1"):
        segmenter.segment_run([np.zeros((64, 64)), np.zeros((64, 65))])


@pytest.mark.parametrize(
    "frame", [np.zeros((4, 64, 64)), np.zeros((64, 64, 3)), np.full((64, 64), np.inf), np.zeros(64), np.zeros((0, 0))]
)
def test_frames_that_are_no_pictures_are_refused(frame: NDArray[np.float64]) -> None:
    with pytest.raises(InputError):
        VesselSegmenter(DarkIsVessel()).segment(frame)


def test_a_constant_frame_has_a_mask_of_its_shape() -> None:
    assert VesselSegmenter(trained_looking()).segment(np.full((70, 90), 5)).shape == (70, 90)


def test_the_shipped_network_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = NetworkMetadata(network="DruNet", hyper_parameters={"width": 4}, description="for the test")
    save_network(trained_looking(), tmp_path / "Models" / "VesselSegmentation", metadata, half=False)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path))
    segmenter = VesselSegmenter.from_folder(threads=1)
    frame, _ = frame_with_vessel(64, 64)
    assert segmenter.metadata is not None
    assert segmenter.metadata.description == "for the test"
    expected = VesselSegmenter(trained_looking()).probability(frame)
    np.testing.assert_allclose(segmenter.probability(frame), expected, atol=1e-5)  # threads add in any order


def test_a_folder_without_network_and_an_unknown_device_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no network"):
        VesselSegmenter.from_folder(tmp_path)
    with pytest.raises(InputError, match="device"):
        VesselSegmenter(DarkIsVessel(), device="quantum")
