"""What MONAI's engines and our handlers do for a training, apart from learning itself (test_training.py)."""

from __future__ import annotations

import builtins
import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from VesselSegmentationLib.checkpoint import CHECKPOINT_FILE
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import InputError, WeightsError
from VesselSegmentationLib.training import SegmentationTraining, SegmentationTrainingSettings, train_segmentation
from VesselSegmentationLib.training_engine import fits_half, scalars
from VesselSegmentationLib.training_handlers import AutocastInferer, Interruption, autocast_dtype
from VesselSegmentationLib.weights import NetworkMetadata, load_network, save_network

CPU = torch.device("cpu")


class Stripes:
    """A dark stripe on a noisy ground, 32 x 32."""

    def __init__(self, count: int, first: int = 0) -> None:
        self.count, self.first = count, first

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        random = np.random.default_rng(self.first + index)
        mask = np.zeros((32, 32), bool)
        start = random.integers(4, 22)
        mask[:, start : start + 6] = True
        return np.clip(170 - 80 * mask + random.normal(0, 12, mask.shape), 0, 255).astype(np.uint8), mask


def settings(**changes: Any) -> SegmentationTrainingSettings:
    base = {"width": 2, "batch_size": 4, "iterations": 6, "validate_every": 2, "amp": False, "warm_up_iterations": 0}
    return SegmentationTrainingSettings(**{**base, **changes})


def train(folder: Path, **changes: Any) -> Any:
    return train_segmentation(Stripes(8), Stripes(3, 50), settings(**changes), folder, lambda _share, _text: None)


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def weights_of(folder: Path) -> bytes:
    return (folder / "models" / "model.safetensors").read_bytes()


def test_a_training_that_gets_no_better_ends_early_also_when_it_was_interrupted(tmp_path: Path) -> None:
    changes = {"learning_rate": 1e-12, "iterations": 100, "patience": 2, "augment": False, "optimizer": "sgd"}
    report = train(tmp_path / "whole", **changes)
    # The running means of batch normalization still move, so the first validations may differ.
    assert 6 <= report.iterations < 60
    assert report.iterations % 2 == 0

    def interrupt(_share: float, text: str) -> None:
        if text.startswith(f"iteration {report.iterations - 2}"):
            raise KeyboardInterrupt

    chosen = settings(**changes)
    with pytest.raises(KeyboardInterrupt):
        train_segmentation(Stripes(8), Stripes(3, 50), chosen, tmp_path / "parts", interrupt)
    assert train(tmp_path / "parts", **changes).iterations == report.iterations
    assert weights_of(tmp_path / "parts") == weights_of(tmp_path / "whole")


def test_fine_tuning_starts_from_the_network_given(tmp_path: Path) -> None:
    torch.manual_seed(5)
    start = DruNet(width=3, upsampling_mode="bilinear")
    save_network(start, tmp_path / "start", NetworkMetadata("DruNet", start.hyper_parameters()))
    changes = {"learning_rate": 1e-9, "optimizer": "sgd", "iterations": 1}
    train(tmp_path / "tuned", start=str(tmp_path / "start"), **changes)
    tuned, metadata = load_network(tmp_path / "tuned")
    assert metadata.hyper_parameters["width"] == 3
    assert metadata.hyper_parameters["upsampling_mode"] == "bilinear"
    for name, value in start.named_parameters():
        assert torch.allclose(tuned.state_dict()[name], value, atol=1e-3)
    with pytest.raises(WeightsError, match="no network"):
        train(tmp_path / "other", start=str(tmp_path / "missing"), **changes)


def test_events_for_tensorboard_hold_loss_rate_and_scores(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tmp_path, tensorboard=True)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("loss")] == [1, 2, 3, 4, 5, 6]
    assert events.Scalars("learning_rate")[0].value == pytest.approx(2e-3)
    scores = events.Scalars("validation_dsc_median")
    assert [event.step for event in scores] == [2, 4, 6]
    logged = [line["validation_dsc_median"] for line in log_of(tmp_path)]
    assert [event.value for event in scores] == pytest.approx(logged)


def test_without_tensorboard_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("torch.utils.tensorboard"):
            raise ImportError(name)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(InputError, match="pip install tensorboard"):
        train(tmp_path, tensorboard=True)


def test_a_signal_waits_for_the_end_of_the_iteration_and_the_state_is_whole(tmp_path: Path) -> None:
    training = SegmentationTraining(Stripes(8), Stripes(3, 50), settings(), tmp_path)
    original = training.loss

    def signalled(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if training.state.iteration == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(prediction, target)

    training.trainer.loss_function = signalled
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        training.train(lambda _share, _text: None, "")
    assert training.state.iteration == 3
    assert (tmp_path / CHECKPOINT_FILE).is_file()
    assert signal.getsignal(signal.SIGTERM) is before
    train(tmp_path)
    train(tmp_path / "whole")
    assert weights_of(tmp_path) == weights_of(tmp_path / "whole")


def test_a_second_signal_is_obeyed_at_once() -> None:
    interruption = Interruption()
    with interruption.deferred():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interruption.raise_if_asked()
    interruption.raise_if_asked()


def test_a_problem_within_an_iteration_leaves_the_last_checkpoint_alone(tmp_path: Path) -> None:
    training = SegmentationTraining(Stripes(8), Stripes(3, 50), settings(), tmp_path)

    def broken(_prediction: torch.Tensor, _target: torch.Tensor) -> torch.Tensor:
        raise MemoryError

    training.trainer.loss_function = broken
    with pytest.raises(MemoryError):
        training.train(lambda _share, _text: None, "")
    assert not (tmp_path / CHECKPOINT_FILE).exists()


def test_interrupted_between_iteration_and_validation_the_validation_comes_first(tmp_path: Path) -> None:
    training = SegmentationTraining(Stripes(8), Stripes(3, 50), settings(), tmp_path)

    def broken(_prediction: Any, _target: Any) -> torch.Tensor:
        raise OSError("a frame cannot be read")

    training.evaluator.add_event_handler("ITERATION_COMPLETED", lambda _engine: broken(0, 0))
    with pytest.raises(OSError, match="cannot be read"):
        training.train(lambda _share, _text: None, "")
    train(tmp_path)
    assert [line["iteration"] for line in log_of(tmp_path)] == [2, 4, 6]


def test_frames_may_be_read_ahead_by_other_processes(tmp_path: Path) -> None:
    train(tmp_path / "here")
    train(tmp_path / "ahead", workers=1)
    assert weights_of(tmp_path / "here") == weights_of(tmp_path / "ahead")


def test_precision_follows_the_device_and_float16_needs_a_card() -> None:
    assert autocast_dtype("auto", CPU) is torch.bfloat16
    with pytest.raises(InputError, match="needs a graphics card"):
        autocast_dtype("float16", CPU)
    layer, values = nn.Linear(4, 4), torch.ones(2, 4)
    assert AutocastInferer(CPU, torch.bfloat16)(values, layer).dtype is torch.bfloat16
    assert AutocastInferer(CPU, None)(values, layer).dtype is torch.float32


def test_weights_too_large_for_float16_are_known() -> None:
    network = nn.Linear(2, 2)
    assert fits_half(network)
    with torch.no_grad():
        network.weight[0, 0] = 1e6
    assert not fits_half(network)


def test_nested_numbers_become_names_with_underscores() -> None:
    assert scalars({"error": {"median": 2, "words": "no"}, "share": 0.5}) == {"error_median": 2.0, "share": 0.5}


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"patience": 0}, "patience 0"), ({"workers": -1}, "workers -1"), ({"amp_dtype": "float8"}, "amp_dtype 'float8'")],
)
def test_impossible_settings_of_the_engine_are_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        settings(**changes)
