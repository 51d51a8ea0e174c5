"""`train`: a killed training goes on without loss, a grid makes its table, and impossible wishes are refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from VesselRegistrationLib.cli import progress
from VesselRegistrationLib.cli.main import main
from VesselSegmentationLib.weights import load_network

ROOT = Path(__file__).resolve().parents[3]
QUICK = ["--width", "2", "--batch-size", "2", "--threads", "1", "--device", "cpu"]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark discs of 4 patients with 4 views each, 32 x 32; for matching the same masks, 128 x 128."""
    folder = tmp_path_factory.mktemp("pool")
    random = np.random.default_rng(3)
    rows, columns = np.mgrid[:128, :128]
    middles, radii = random.uniform(40, 88, (2, 16, 1, 1)), random.uniform(16, 28, (16, 1, 1))
    masks = (columns - middles[0]) ** 2 + (rows - middles[1]) ** 2 < radii**2
    frames = np.clip(170 - 80 * masks + random.normal(0, 12, masks.shape), 0, 255)
    np.save(folder / "frames.npy", frames.astype(np.uint8)[:, ::4, ::4])
    np.save(folder / "masks.npy", masks.astype(np.uint8)[:, ::4, ::4])
    np.save(folder / "patients.npy", np.repeat(np.arange(4), 4))
    np.save(folder / "differences.npy", np.where(masks, 40, 178).astype(np.uint8)[:, ::4, ::4])
    (folder / "matching").mkdir()
    for name in ("models", "masks"):
        np.save(folder / "matching" / f"{name}.npy", masks.astype(np.uint8))
    np.save(folder / "matching" / "patients.npy", np.repeat(np.arange(4), 4))
    return folder


@pytest.fixture(autouse=True)
def no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VESSEL_REGISTRATION_QUIET", "1")


def train(*words: object) -> int:
    return main(["train", *map(str, words)])


def test_a_killed_training_goes_on_to_the_same_weights(pool: Path, tmp_path: Path) -> None:
    words = ["segmentation", "--pool", pool, *QUICK, "--iterations", 14, "--validate-every", 4]
    words += ["--checkpoint-minutes", 1e-9]
    assert train(*words, "--output", tmp_path / "whole") == 0
    command = [sys.executable, "-m", "VesselRegistrationLib.cli", "train", *words, "--output", tmp_path / "killed"]
    paths = [str(ROOT / "VesselSegmentation"), str(ROOT / "VesselRegistration")]
    environment = {**os.environ, progress.ENVIRONMENT_VARIABLE: "json", "PYTHONPATH": os.pathsep.join(paths)}
    with subprocess.Popen([*map(str, command)], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line).get("iteration", 0) >= 5:
                process.kill()
                break
    assert (tmp_path / "killed" / "checkpoint.safetensors").is_file()
    assert not (tmp_path / "killed" / "report.json").exists()
    assert train(*words, "--output", tmp_path / "killed") == 0
    whole, killed = (tmp_path / name / "models" / "model.safetensors" for name in ("whole", "killed"))
    assert whole.read_bytes() == killed.read_bytes()


def test_several_pools_are_trained_on_together_without_splitting_a_patient(pool: Path, tmp_path: Path) -> None:
    words = ["segmentation", *QUICK, "--iterations", 1, "--loss", "frame-dice+ce", "--network-version", "7.1"]
    words += ["--stride", 2, "--validation-frames", 1]
    assert train(*words, "--pool", pool, pool, "--output", tmp_path / "both") == 0
    network, both = load_network(tmp_path / "both")
    assert network.stride == 2
    assert both.version == "7.1"
    assert train(*words, "--pool", pool, "--output", tmp_path / "one") == 0
    _network, one = load_network(tmp_path / "one")
    assert both.scores["validation"]["frames"] == 2 * one.scores["validation"]["frames"]


def test_a_pool_of_coarser_pictures_than_the_network_looks_at_is_refused(
    pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("segmentation", "--pool", pool, *QUICK, "--stride", 4, "--output", tmp_path / "out") == 2
    assert "frames of 32 x 32, and the network looks at 512 x 512: make the pool with --size 512" in (
        capsys.readouterr().err
    )


def test_a_grid_is_trained_and_its_table_shown(pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["segmentation", "--pool", pool, *QUICK, "--iterations", 2, "--output", tmp_path, "--grid"]
    assert train(*words, "learning_rate=1e-5,1e-3", "loss=dice,bce") == 0
    assert "| learning_rate | loss | median DSC |" in capsys.readouterr().out
    rows = json.loads((tmp_path / "grid.json").read_text())
    assert [(row["learning_rate"], row["loss"]) for row in rows] == [
        *((1e-5, "dice"), (1e-5, "bce"), (1e-3, "dice"), (1e-3, "bce"))
    ]
    for row in rows:
        load_network(tmp_path / row["folder"])
        assert 0 <= row["median DSC"] <= 1


def test_matching_is_trained_fine_tuned_and_put_in_a_grid(pool: Path, tmp_path: Path) -> None:
    words = ["matching", "--pool", pool / "matching", "--threads", 1, "--batch-size", 2, "--iterations", 1]
    assert train(*words, "--width", 2, "--tensorboard", "--output", tmp_path / "first") == 0
    assert list((tmp_path / "first" / "tensorboard").iterdir())
    start = ["--start", tmp_path / "first"]
    assert train(*words, *start, "--output", tmp_path / "second", "--grid", "mode=supervised,unsupervised") == 0
    rows = json.loads((tmp_path / "second" / "grid.json").read_text())
    assert [row["mode"] for row in rows] == ["supervised", "unsupervised"]
    assert rows[0]["point error px"] > 0
    tuned, _metadata = load_network(tmp_path / "second" / rows[0]["folder"])
    assert tuned.settings.width == 2  # type: ignore[union-attr]


def test_a_branch_for_differences_is_trained_beside_a_network_and_used_with_it(pool: Path, tmp_path: Path) -> None:
    from VesselSegmentationLib.segmenter import VesselSegmenter

    assert train("segmentation", "--pool", pool, *QUICK, "--iterations", 1, "--output", tmp_path) == 0
    words = ["difference", "--pool", pool, pool, "--start", tmp_path, "--threads", 1, "--device", "cpu"]
    output = tmp_path / "difference"
    assert train(*words, "--batch-size", 2, "--iterations", 2, "--network-version", "7", "--output", output) == 0
    assert VesselSegmenter.from_folder(tmp_path).sees_differences
    metadata = load_network(output)[1]
    assert (metadata.version, metadata.training_data) == ("7", "32 frames of simulated patients")
    words += ["--batch-size", 2, "--iterations", 1, "--branch"]
    assert train(*words, output, "--output", tmp_path / "again") == 0
    assert train(*words, tmp_path, "--output", tmp_path / "refused") == 2


def test_a_pool_without_differences_trains_no_branch(
    pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("difference", "--pool", pool / "matching", "--iterations", 1, "--output", tmp_path) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_matching_takes_one_pool(pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = [pool / "matching", pool / "matching"]
    assert train("matching", "--pool", *both, "--iterations", 1, "--output", tmp_path) == 2
    assert "one pool, not 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["segmentation", "--recipe", "paper"], "--recipe paper is for matching"),
        (["matching", "--recipe", "paper-lower"], "--recipe paper-lower is for segmentation"),
        (["matching", "--loss", "dice", "--workers", "1"], "--loss, --workers: for segmentation only"),
        (["matching", "--network-version", "2"], "--network-version: for segmentation only"),
        (["segmentation", "--branch", "folder"], "--branch: for `train difference` only"),
        (["difference", "--branch", "folder"], "There is no network in folder"),
        (["difference", "--recipe", "paper"], "--recipe: the branch for differences has one recipe"),
        (["difference", "--width", "8", "--epochs", "2"], "--width, --epochs: the branch for differences has"),
        (["segmentation", "--start", "folder", "--width", "8"], "leave --width and --stride out"),
        (["segmentation", "--start", "folder", "--stride", "2"], "leave --width and --stride out"),
        (["segmentation", "--grid", "stride=2,4"], "--grid: stride 4 takes pictures of 512 x 512"),
        (["segmentation", "--precision", "float16", "--device", "cpu"], "needs a graphics card"),
        (["segmentation", "--grid", "learning_rate=0,1"], "learning_rate 0.0 must be a positive number"),
        (["segmentation", "--patience", "0"], "patience 0"),
    ],
)
def test_impossible_wishes_are_refused_in_one_line(
    words: list[str], named: str, pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(*words, "--pool", pool, "--iterations", 1, "--output", tmp_path) == 2
    error = capsys.readouterr().err.strip()
    assert named in error
    assert len(error.splitlines()) == 1
