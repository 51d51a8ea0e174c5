"""A training learns, can be repeated and interrupted, and keeps its best weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from VesselSegmentationLib.checkpoint import CHECKPOINT_FILE
from VesselSegmentationLib.errors import InputError, WeightsError
from VesselSegmentationLib.metrics import summarize
from VesselSegmentationLib.training import (
    PRESETS,
    DivergenceError,
    SegmentationTraining,
    SegmentationTrainingSettings,
    evaluate,
    indices_of,
    train_segmentation,
)
from VesselSegmentationLib.weights import load_network


class Blobs:
    """Dark discs on a noisy ground, 64 x 64."""

    def __init__(self, count: int = 16, first: int = 0) -> None:
        self.count, self.first = count, first

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        random = np.random.default_rng(self.first + index)
        column, row, radius = *random.uniform(20, 44, 2), random.uniform(8, 14)
        y, x = np.mgrid[:64, :64]
        mask = (x - column) ** 2 + (y - row) ** 2 < radius**2
        return np.clip(170 - 80 * mask + random.normal(0, 12, mask.shape), 0, 255).astype(np.uint8), mask


def quiet(_share: float, _text: str) -> None:
    pass


def settings(**changes: Any) -> SegmentationTrainingSettings:
    base = {"width": 4, "batch_size": 4, "iterations": 12, "validate_every": 5, "warm_up_iterations": 2, "seed": 7}
    return SegmentationTrainingSettings(**{**base, **changes})


def interrupted_training(folder: Path, after: int, **changes: Any) -> None:
    """A training that was stopped when so many iterations were done."""
    calls = 0

    def interrupt(_share: float, _text: str) -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_segmentation(Blobs(), Blobs(4, 100), settings(**changes), folder, interrupt)


def weights_of(folder: Path) -> bytes:
    return (folder / "models" / "model.safetensors").read_bytes()


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("loss", ["dice", "bce", "dice+ce", "frame-dice+ce"])
def test_a_tiny_training_lowers_its_loss_and_finds_the_blobs(loss: str, tmp_path: Path) -> None:
    chosen = settings(loss=loss, iterations=60, validate_every=20, learning_rate=1e-2, augment="+" in loss)
    report = train_segmentation(Blobs(), Blobs(6, 100), chosen, tmp_path, quiet, training_data="discs made in code")
    log = log_of(tmp_path)
    assert log[-1]["loss"] < 0.7 * log[0]["loss"]
    assert report.scores.dsc.median > 0.8
    assert report.iterations == 60
    network, metadata = load_network(tmp_path, "DruNet")
    assert metadata.training_data == "discs made in code"
    assert metadata.scores["validation"]["dsc"]["median"] == pytest.approx(report.scores.dsc.median, abs=1e-3)
    assert summarize(evaluate(network, Blobs(6, 100))).dsc.median == pytest.approx(report.scores.dsc.median, abs=0.02)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train_segmentation(Blobs(), Blobs(2, 100), settings(iterations=3, seed=seed), tmp_path / name, quiet)
    assert weights_of(tmp_path / "a") == weights_of(tmp_path / "b")
    assert weights_of(tmp_path / "a") != weights_of(tmp_path / "c")


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_an_interrupted_training_that_goes_on_equals_one_that_never_stopped(optimizer: str, tmp_path: Path) -> None:
    chosen = settings(optimizer=optimizer, amp=optimizer == "adamw")
    whole = train_segmentation(Blobs(), Blobs(4, 100), chosen, tmp_path / "whole", quiet)
    interrupted_training(tmp_path / "parts", 7, optimizer=optimizer, amp=optimizer == "adamw")
    assert (tmp_path / "parts" / CHECKPOINT_FILE).is_file()
    assert not (tmp_path / "parts" / "models").exists()
    shares: list[float] = []
    parts = train_segmentation(
        Blobs(), Blobs(4, 100), chosen, tmp_path / "parts", lambda share, _text: shares.append(share)
    )
    assert len(shares) == 12 - 7
    assert weights_of(tmp_path / "parts") == weights_of(tmp_path / "whole")
    assert parts.scores == whole.scores
    assert parts.best_iteration == whole.best_iteration
    assert not (tmp_path / "parts" / CHECKPOINT_FILE).exists()
    for one, other in zip(log_of(tmp_path / "parts"), log_of(tmp_path / "whole"), strict=True):
        assert one["loss"] == other["loss"]
        assert one["validation_dsc_mean"] == other["validation_dsc_mean"]


def test_a_killed_training_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    chosen = settings(checkpoint_minutes=1e-9)
    kept: list[bytes] = []

    def keep(_share: float, _text: str) -> None:
        kept.append((tmp_path / "whole" / CHECKPOINT_FILE).read_bytes())

    train_segmentation(Blobs(), Blobs(4, 100), chosen, tmp_path / "whole", keep)
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / CHECKPOINT_FILE).write_bytes(kept[3])
    train_segmentation(Blobs(), Blobs(4, 100), chosen, tmp_path / "killed", quiet)
    assert weights_of(tmp_path / "killed") == weights_of(tmp_path / "whole")


def test_the_best_weights_are_kept_not_the_last(tmp_path: Path) -> None:
    training = SegmentationTraining(Blobs(), Blobs(4, 100), settings(iterations=6, validate_every=3), tmp_path)
    kept: dict[str, torch.Tensor] = {}

    def keep(share: float, text: str) -> None:
        if training.state.iteration == 3:
            training.state.best_score = 2.0  # nothing later can be better
            kept.update({name: value.clone() for name, value in training.state.best.items()})

    report = training.train(keep, "")
    network, _ = load_network(tmp_path)
    assert report.best_iteration == 3
    assert report.iterations == 6
    for name, value in network.state_dict().items():
        assert torch.allclose(value.float(), kept[name].float(), rtol=1e-3, atol=1e-6)


def test_a_checkpoint_of_other_settings_or_of_no_training_is_refused(tmp_path: Path) -> None:
    interrupted_training(tmp_path, after=1)
    with pytest.raises(InputError, match=r"other settings \(learning_rate, loss\)"):
        SegmentationTraining(Blobs(), Blobs(4, 100), settings(loss="bce", learning_rate=1.0), tmp_path)
    with pytest.raises(WeightsError, match="delete it to start anew"):
        SegmentationTraining(Blobs(), Blobs(4, 100), settings(width=8), tmp_path)
    (tmp_path / CHECKPOINT_FILE).write_bytes(b"rubbish")
    with pytest.raises(WeightsError, match="delete it to start anew"):
        SegmentationTraining(Blobs(), Blobs(4, 100), settings(), tmp_path)


def test_time_ends_a_training_too(tmp_path: Path) -> None:
    chosen = settings(iterations=None, minutes=0.005)
    report = train_segmentation(Blobs(), Blobs(2, 100), chosen, tmp_path, quiet)
    assert 1 <= report.iterations < 200
    assert report.seconds >= 0.3


def test_a_diverging_training_stops_with_advice(tmp_path: Path) -> None:
    chosen = settings(optimizer="sgd", learning_rate=1e30, gradient_clip=None, loss="bce", warm_up_iterations=0)
    with pytest.raises(DivergenceError, match="lower learning_rate"):
        train_segmentation(Blobs(), Blobs(2, 100), chosen, tmp_path, quiet)
    assert not (tmp_path / CHECKPOINT_FILE).exists()


def test_a_training_without_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 to train on"):
        train_segmentation(Blobs(0), Blobs(2), settings(), tmp_path, quiet)


def test_every_epoch_shows_every_frame_once() -> None:
    drawn = np.concatenate([indices_of(iteration, 10, 4, seed=3) for iteration in range(5)])
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))
    assert drawn[:10].tolist() != drawn[10:].tolist()


def test_a_batch_may_be_larger_than_the_data() -> None:
    assert sorted(indices_of(0, 3, 8, seed=0)[:6]) == [0, 0, 1, 1, 2, 2]


def test_the_papers_settings_are_the_papers() -> None:
    lower = SegmentationTrainingSettings.preset("paper_lower")
    upper = SegmentationTrainingSettings.preset("paper_upper")
    assert (lower.field_of_view, lower.loss, lower.learning_rate, lower.batch_size) == ("lower", "dice", 1e-5, 8)
    assert (upper.field_of_view, upper.loss, upper.learning_rate, upper.batch_size) == ("upper", "bce", 0.1, 4)
    assert set(PRESETS) == {"paper_lower", "paper_upper", "recommended"}
    assert SegmentationTrainingSettings.preset("recommended", width=8).width == 8


def test_the_learning_rate_warms_up_and_falls_along_a_half_cosine() -> None:
    chosen = settings(learning_rate=1.0, warm_up_iterations=3)
    assert [chosen.rate_at(iteration, 0.0) for iteration in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert chosen.rate_at(50, 0.5) == pytest.approx(0.5)
    assert chosen.rate_at(99, 1.0) == pytest.approx(0.0)
    assert settings(schedule="constant", learning_rate=1.0).rate_at(50, 0.9) == 1.0


def test_epochs_become_iterations() -> None:
    assert settings(iterations=None, epochs=3).iteration_limit(frames=16) == 12
    assert settings(iterations=5, epochs=3).iteration_limit(frames=16) == 5


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"loss": "focal"}, "loss 'focal'"),
        ({"learning_rate": -1.0}, "learning_rate -1"),
        ({"learning_rate": float("nan")}, "learning_rate nan"),
        ({"batch_size": 0}, "batch_size 0"),
        ({"iterations": None}, "needs an end"),
        ({"minutes": 0}, "minutes 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        settings(**changes)


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="paper_lower, paper_upper, recommended"):
        SegmentationTrainingSettings.preset("best")
