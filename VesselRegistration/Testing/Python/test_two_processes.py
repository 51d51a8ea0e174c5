"""Two processes that share every batch train what one process trains.

Run by torchrun, this file is one of the processes; run by pytest, it starts them and does the same alone. The exact
comparison is in float64: in float32 sums in another order round differently, and a training magnifies that step by
step, as it does between two kinds of processor.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from VesselRegistrationLib import matching_training
from VesselRegistrationLib.affine_cnn import AffineCnnSettings
from VesselRegistrationLib.cli.main import main
from VesselRegistrationLib.matching_pairs import Pairs
from VesselSegmentationLib import training
from VesselSegmentationLib.distributed import gathered, is_first, process_group
from VesselSegmentationLib.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
TINY = AffineCnnSettings(input_size=32, width=4, pooled_size=2, hidden=16)
COMMON: dict[str, Any] = {"batch_size": 4, "iterations": 5, "validate_every": 2, "amp": False}


def make_pool(folder: Path) -> Path:
    """Dark discs of 10 patients with 10 views each, 64 x 64; for matching the same masks."""
    random = np.random.default_rng(3)
    rows, columns = np.mgrid[:64, :64]
    middles, radii = random.uniform(20, 44, (2, 100, 1, 1)), random.uniform(8, 14, (100, 1, 1))
    masks = (columns - middles[0]) ** 2 + (rows - middles[1]) ** 2 < radii**2
    frames = np.clip(170 - 80 * masks + random.normal(0, 12, masks.shape), 0, 255)
    np.save(folder / "frames.npy", frames.astype(np.uint8))
    for name in ("masks", "models"):
        np.save(folder / f"{name}.npy", masks.astype(np.uint8))
    np.save(folder / "patients.npy", np.repeat(np.arange(10), 10))
    return folder


class ExactSegmentation(training.SegmentationTraining):
    """In float64, but for the making of pictures and the loss."""

    def prepare(self, *batch: Any, **more: Any) -> tuple[torch.Tensor, torch.Tensor]:
        frames, masks = super().prepare(*batch, **more)
        return frames.double(), masks

    def prepare_held_out(self, *batch: Any, **more: Any) -> tuple[torch.Tensor, torch.Tensor]:
        frames, masks = super().prepare_held_out(*batch, **more)
        return frames.double(), masks


class ExactMatching(matching_training.MatchingTraining):
    """In float64, but for the making of pairs and the loss."""

    def prepare(self, *batch: Any, **more: Any) -> tuple[torch.Tensor, Pairs, tuple[torch.Tensor], dict[str, Any]]:
        moving, pairs, (fixed,), keywords = super().prepare(*batch, **more)
        return moving.double(), pairs, (fixed.double(),), keywords

    def prepare_held_out(self, *batch: Any, **more: Any) -> Any:
        moving, pairs, (fixed,), keywords = super().prepare_held_out(*batch, **more)
        return moving.double(), pairs, (fixed.double(),), keywords


def train_exactly(pool: Path, output: Path) -> None:
    """Both networks, 5 iterations each; the weights go to `output` in float64."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (training, matching_training):
            original = module.network_to_train

            def in_float64(settings: Any, original: Any = original) -> Any:
                return original(settings).double()

            patch.setattr(module, "network_to_train", in_float64)
        dataset, held_out = training.PoolDataset(pool).split(0.2)
        settings = training.SegmentationTrainingSettings(**COMMON, width=2, optimizer="sgd", learning_rate=0.05)
        segmentation = ExactSegmentation(dataset, held_out, settings, output / "segmentation")
        views = matching_training.MatchingPool.open(pool)
        paired = matching_training.MatchingTrainingSettings(**COMMON, network=TINY)
        views = matching_training.MatchingPool(views.models, views.masks, np.repeat(np.arange(2), 50))
        matching = ExactMatching(views, paired, output / "matching")
    for loop, name in ((segmentation, "segmentation"), (matching, "matching")):
        loop.train(lambda _share, _text: None, "")
        if is_first():
            state = {name: value.contiguous() for name, value in loop._network.state_dict().items()}
            save_file(state, output / f"{name}.safetensors")


def train_by_command(pool: Path, output: Path) -> int:
    """The command itself, in float32."""
    settings = ["--width", "2", "--batch-size", "4", "--iterations", "2", "--threads", "1", "--device", "cpu"]
    more = ["--precision", "float32", "--optimizer", "sgd", "--learning-rate", "1e-3"]
    return main(["train", "segmentation", "--pool", str(pool), *settings, *more, "--output", str(output / "command")])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Folders of what one and two processes trained, and what the two printed."""
    pool = make_pool(tmp_path_factory.mktemp("pool"))
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    train_exactly(pool, one)
    assert train_by_command(pool, one) == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    paths = [str(ROOT / "VesselSegmentation"), str(ROOT / "VesselRegistration")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    words = [__file__, str(pool), str(two)]
    with subprocess.Popen(
        [*torchrun, *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # torchrun alone would leave its processes behind
            raise
    assert process.returncode == 0, errors
    return one, two, output


@pytest.mark.parametrize("name", ["segmentation", "matching"])
def test_two_processes_train_the_same_weights_as_one(name: str, trained: tuple[Path, Path, str]) -> None:
    one, two = (load_file(folder / f"{name}.safetensors") for folder in trained[:2])
    assert max(float(value.abs().max()) for value in one.values()) > 0.1
    for key, value in one.items():
        assert torch.allclose(value, two[key], rtol=1e-9, atol=1e-11), key
    logs = [(folder / name / "log.jsonl").read_text().splitlines() for folder in trained[:2]]
    for first, second in zip(*([json.loads(line) for line in lines] for lines in logs), strict=True):
        assert first["loss"] == pytest.approx(second["loss"], rel=1e-6)


def test_the_command_works_alike_and_one_process_speaks(trained: tuple[Path, Path, str]) -> None:
    one, two = (load_file(folder / "command" / "models" / "model.safetensors") for folder in trained[:2])
    for name, value in one.items():
        assert torch.allclose(value.float(), two[name].float(), rtol=2e-3, atol=1e-4), name
    assert trained[2].count("2 iterations; 10 frames") == 1
    reports = [json.loads((folder / "command" / "report.json").read_text()) for folder in trained[:2]]
    assert reports[0]["validation"]["dsc"] == pytest.approx(reports[1]["validation"]["dsc"], abs=1e-3)


def test_alone_nothing_is_gathered_and_every_batch_is_its_own() -> None:
    values = torch.arange(3.0)
    assert gathered(values) is values
    with process_group("cpu") as device:
        assert device == "cpu"


def test_a_batch_that_cannot_be_dealt_out_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from VesselSegmentationLib import distributed

    monkeypatch.setattr(distributed, "process_count", lambda: 3)
    with pytest.raises(InputError, match="Batch size 8 cannot be dealt out to 3 processes"):
        distributed.share_of(8)


if __name__ == "__main__":
    pool_folder, output_folder = map(Path, sys.argv[1:])
    with process_group("cpu"):
        train_exactly(pool_folder, output_folder)
        code = train_by_command(pool_folder, output_folder)
    sys.exit(code)
