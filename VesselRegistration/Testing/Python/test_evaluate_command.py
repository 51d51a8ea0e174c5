"""`vessel-registration evaluate`: the same result for any number of processes, and nothing left of what failed."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from VesselRegistrationLib import matching_network
from VesselRegistrationLib.affine_cnn import AffineCnn, AffineCnnSettings
from VesselRegistrationLib.cli import main
from VesselRegistrationLib.evaluation import EvaluationSettings
from VesselRegistrationLib.evaluation_runs import NetworkFolders, SimulatedRuns, _interrupts_held_back
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.overlay import write_png
from VesselSegmentationLib.weights import NetworkMetadata, save_network

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> NetworkFolders:
    """Small untrained networks: what is tested is the way, not the scores."""
    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(1)
    segmentation, settings = DruNet(width=2), AffineCnnSettings(32, 2, None, 8)
    save_network(segmentation, folder / "seg", NetworkMetadata("DruNet", segmentation.hyper_parameters()))
    metadata = NetworkMetadata(matching_network.NAME, dataclasses.asdict(settings))
    save_network(AffineCnn(settings), folder / "match", metadata)
    return NetworkFolders(folder / "seg", folder / "match")


def options_of(folders: NetworkFolders) -> list[str]:
    """The command line's words for these networks."""
    return ["--segmentation-network", str(folders.segmentation), "--matching-network", str(folders.matching)]


def evaluate(*arguments: object) -> int:
    """Exit code of the command; argparse's own exit counts as one."""
    try:
        return main(["evaluate", *(str(argument) for argument in arguments)])
    except SystemExit as stop:
        return int(stop.code or 0)


@pytest.fixture
def annotated(tmp_path: Path) -> Path:
    """Two frames with masks, of different sizes."""
    folder = tmp_path / "annotated"
    random = np.random.default_rng(1)
    for name, shape in (("a", (96, 80)), ("b", (64, 64))):
        frame = random.normal(150, 10, shape)
        frame[:, 30:36] -= 80
        write_png(folder / f"{name}.png", np.clip(frame, 0, 255).astype(np.uint8))
        mask = np.zeros(shape, bool)
        mask[:, 30:36] = True
        write_png(folder / f"{name}_mask.png", mask)
    return folder


def test_two_processes_score_as_one_does(folders: NetworkFolders) -> None:
    settings = EvaluationSettings(("phantom",), 2, size=128)
    with SimulatedRuns(folders, settings, workers=1) as runs:
        alone = list(runs.scores())
    assert [score.seed for score in alone] == list(settings.seeds)
    with SimulatedRuns(folders, settings, workers=2) as runs:
        # NaN is not equal to itself; the words for it are.
        assert repr(list(runs.scores())) == repr(alone)
        [frame] = runs.frames([("phantom", settings.seeds[1])])
    assert repr(frame.score) == repr(alone[1])
    assert frame.image.shape == frame.truth.shape == frame.found.shape == frame.start.shape == (128, 128)


def test_less_than_one_worker_is_refused(folders: NetworkFolders) -> None:
    with pytest.raises(InputError, match="0 workers"):
        SimulatedRuns(folders, EvaluationSettings(("phantom",), 1), workers=0)


def test_ctrl_c_ends_all_processes_and_leaves_nothing(folders: NetworkFolders, tmp_path: Path) -> None:
    words = ["evaluate", "--regions", "phantom", "--patients", "9", "--workers", "2", "--output", str(tmp_path / "out")]
    paths = os.pathsep.join(str(ROOT / name) for name in ("VesselSegmentation", "VesselRegistration"))
    with subprocess.Popen(
        [sys.executable, "-m", "VesselRegistrationLib.cli", *words, *options_of(folders)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.1)  # the folder aside is made first
        time.sleep(4)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to the command and its workers
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output == ""
    assert "Traceback" not in errors
    assert errors.strip().splitlines()[-1].endswith("cancelled; nothing half-written was left behind")
    assert list(tmp_path.iterdir()) == []


def _start_while_interrupted(said: list[str]) -> None:
    """Starts a process that interrupts itself, while this one is interrupted, and keeps what it says."""
    to_itself = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('goes on')"
    with _interrupts_held_back():
        signal.raise_signal(signal.SIGINT)
        said.append(subprocess.run([sys.executable, "-c", to_itself], capture_output=True, text=True).stdout.strip())


def test_ctrl_c_while_processes_are_started_is_obeyed_by_their_parent() -> None:
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        _start_while_interrupted(said)
    assert said == ["goes on"]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_annotated_frames_are_evaluated_beside_the_frangi_filter(
    folders: NetworkFolders, annotated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "report"
    assert evaluate("--images", annotated, "--output", output, "--baselines", *options_of(folders)) == 0
    assert "| frames | Frangi filter | 2 |" in capsys.readouterr().out
    assert {path.name for path in output.iterdir()} == {
        *("evaluation.json", "evaluation.md", "evaluation-vessels.png", "evaluation-vessels.jpg")
    }
    document = json.loads((output / "evaluation.json").read_text())
    assert [frame["name"] for frame in document["frames"]] == ["a", "b"]
    assert document["frames"][0]["frangi"]["dsc"] is not None
    assert document["command"].startswith(f"vessel-registration evaluate --images {annotated} --baselines --segm")
    assert list(document["networks"]) == ["segmentation"]


def test_what_cannot_be_evaluated_is_one_line_and_leaves_no_file(
    folders: NetworkFolders, annotated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, empty, file = tmp_path / "out", tmp_path / "empty", tmp_path / "file"
    empty.mkdir()
    file.write_text("")
    for words, message in (
        (["--patients", 0], "--patients 0 must be 1 or more"),
        (["--workers", 0], "--workers 0 must be 1 or more"),
        (["--threads", 0], "--threads 0 must be 1 or more"),
        (["--regions", "lower", "lower"], "none of them twice"),
        (["--images", empty], "holds no frame with a mask"),
        (["--images", tmp_path / "nowhere"], "holds no frame with a mask"),
        (["--segmentation-network", empty], str(empty)),
        (["--matching-network", folders.segmentation], "AffineCnn"),
        (["--output", file], "Choose another folder"),
    ):
        assert evaluate("--output", output, *words) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1, lines
        assert message in lines[0]
        assert not output.exists()
    assert evaluate("--output", output, "--generator", "none") == 2
    assert "invalid choice: 'none'" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"annotated", "empty", "file"}


def test_baselines_without_their_libraries_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "SimpleITK" else object())
    assert evaluate("--output", tmp_path / "out", "--baselines") == 2
    assert "--baselines needs SimpleITK" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
