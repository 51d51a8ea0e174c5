"""Training pairs have the truth they say, and a training lowers its error, resumes, and saves what it made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from VesselRegistrationLib.affine_cnn import AffineCnnSettings
from VesselRegistrationLib.matching import AffineMatcher
from VesselRegistrationLib.matching_loss import dice_loss
from VesselRegistrationLib.matching_pairs import PairSettings, make_pairs, random_matrices
from VesselRegistrationLib.matching_training import MatchingPool, MatchingTrainingSettings, train_matching
from VesselRegistrationLib.spatial_transformer import warp_normalized
from VesselSegmentationLib.errors import InputError

CLEAN = PairSettings(lost_patch_share=0.0, false_vessel_share=0.0, cropped_share=0.0)
TINY = AffineCnnSettings(input_size=32, width=4, pooled_size=2, hidden=16)


def blocks(count: int, side: int = 64) -> np.ndarray:
    """Pictures of one L-shaped vessel each, uint8 (count, side, side)."""
    random = np.random.default_rng(4)
    pictures = np.zeros((count, side, side), np.uint8)
    for picture in pictures:
        row, column = random.integers(12, 26, 2)
        picture[row : row + 26, column : column + 5] = 1
        picture[row + 20 : row + 26, column : column + 22] = 1
    return pictures


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """A pool of 8 patients with 6 views each."""
    pictures = blocks(48)
    np.save(tmp_path / "models.npy", pictures)
    np.save(tmp_path / "masks.npy", pictures)
    np.save(tmp_path / "patients.npy", np.repeat(np.arange(8), 6))
    return tmp_path


def settings(**changes: object) -> MatchingTrainingSettings:
    values = {
        "iterations": 40,
        "batch_size": 8,
        "amp": False,
        "network": TINY,
        "pairs": CLEAN,
        "validate_every": 20,
        "learning_rate": 3e-3,
    }
    return MatchingTrainingSettings(**{**values, **changes})  # type: ignore[arg-type]


def silent(share: float, text: str) -> None:
    assert 0 <= share <= 1
    assert text


def test_the_true_matrix_lays_the_moving_picture_on_the_fixed_one() -> None:
    pictures = torch.from_numpy(blocks(6))[:, None]
    pairs = make_pairs(pictures, pictures, 64, torch.Generator().manual_seed(2), CLEAN)
    warped = warp_normalized(pairs.moving, pairs.true_matrix, (64, 64))
    assert dice_loss(pairs.moving, pairs.fixed).mean() > 0.4
    assert dice_loss(warped, pairs.fixed).max() < 0.2


def test_points_lie_on_the_moving_vessel() -> None:
    pictures = torch.from_numpy(blocks(3))[:, None]
    pairs = make_pairs(pictures, pictures, 64, torch.Generator().manual_seed(2), CLEAN)
    pixels = ((pairs.points + 1) * 64 - 1) / 2
    for picture, points in zip(pairs.moving[:, 0], pixels.round().long(), strict=True):
        assert (picture[points[:, 1], points[:, 0]] > 0).float().mean() > 0.95


def test_the_same_seed_draws_the_same_pairs_and_another_seed_others() -> None:
    pictures = torch.from_numpy(blocks(4))[:, None]
    first, again, other = (
        make_pairs(pictures, pictures, 32, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(first.moving, again.moving)
    assert torch.equal(first.fixed, again.fixed)
    assert not torch.equal(first.true_matrix, other.true_matrix)


def test_drawn_matrices_stay_within_the_settings() -> None:
    matrices = random_matrices(500, torch.Generator().manual_seed(1), PairSettings())
    assert matrices[:, :2, 2].abs().max() <= 0.3
    scale = torch.linalg.det(matrices[:, :2, :2]).sqrt()
    assert scale.min() > 0.8
    assert scale.max() < 1.25


def test_spoilt_masks_lose_vessel_and_gain_false_vessel() -> None:
    pictures = torch.from_numpy(blocks(64))[:, None]
    spoilt = make_pairs(
        pictures,
        pictures,
        64,
        torch.Generator().manual_seed(3),
        PairSettings(lost_patch_share=1.0, false_vessel_share=1.0),
    )
    vessel = pictures.float()
    assert (spoilt.fixed * vessel).sum() < 0.95 * vessel.sum()
    assert (spoilt.fixed * (1 - vessel)).sum() > 0


def test_a_short_training_lowers_the_point_error_and_is_usable(pool: Path, tmp_path: Path) -> None:
    folder = tmp_path / "network"
    report = train_matching(MatchingPool.open(pool), settings(iterations=150), folder, silent)
    scores = report["validation"]
    assert scores["point_error_px"]["median"] < 0.85 * scores["start_error_px"]["median"]
    assert AffineMatcher.from_folder(folder).side == 32
    assert not (folder / "checkpoint.safetensors").exists()
    assert json.loads((folder / "report.json").read_text())["iterations"] == 150


def test_the_papers_mode_never_sees_the_true_matrix(pool: Path, tmp_path: Path) -> None:
    paper = MatchingTrainingSettings.paper(iterations=1)
    assert (paper.mode, paper.learning_rate, paper.batch_size) == ("unsupervised", 1e-4, 4)
    assert not paper.multiscale
    report = train_matching(
        MatchingPool.open(pool), settings(mode="unsupervised", iterations=5), tmp_path / "n", silent
    )
    assert report["settings"]["mode"] == "unsupervised"


def test_an_interrupted_training_goes_on_to_the_same_weights(pool: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_matching(MatchingPool.open(pool), settings(), whole, silent)

    def interrupt(share: float, text: str) -> None:
        if share >= 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_matching(MatchingPool.open(pool), settings(), parts, interrupt)
    assert (parts / "checkpoint.safetensors").exists()
    train_matching(MatchingPool.open(pool), settings(), parts, silent)
    first, second = (folder / "models" / "model.safetensors" for folder in (whole, parts))
    assert first.read_bytes() == second.read_bytes()


def test_patients_are_never_on_both_sides_of_the_split(pool: Path) -> None:
    opened = MatchingPool.open(pool)
    training, validation = opened.split(0.25)
    assert set(opened.patients[validation]) == {6, 7}
    assert not set(opened.patients[training]) & set(opened.patients[validation])


def test_impossible_settings_and_a_missing_pool_are_refused(tmp_path: Path) -> None:
    for changes in ({"mode": "magic"}, {"iterations": None}, {"batch_size": 1}, {"learning_rate": 0.0}):
        with pytest.raises(InputError):
            settings(**changes)
    with pytest.raises(InputError, match="holds no pool"):
        MatchingPool.open(tmp_path)
