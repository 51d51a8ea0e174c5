"""What a calling program sees of a command: lines of JSON, and an end when it closes the pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from VesselRegistrationLib.cli import main, progress
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.overlay import write_png
from VesselSegmentationLib.weights import NetworkMetadata, save_network

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """Folder of a small untrained network."""
    torch.manual_seed(1)
    small = DruNet(width=2)
    save_network(small, tmp_path / "network", NetworkMetadata("DruNet", small.hyper_parameters()))
    return tmp_path / "network"


def reports(text: str) -> list[dict[str, object]]:
    """The lines of progress in an output."""
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"progress"')]


def test_a_report_is_one_line_of_json_within_0_and_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(progress.ENVIRONMENT_VARIABLE, "json")
    progress.report(1.5, "done", frame=3)
    progress.report(-1, "begun")
    assert reports(capsys.readouterr().out) == [
        {"progress": 1.0, "message": "done", "frame": 3},
        {"progress": 0.0, "message": "begun"},
    ]


def test_at_a_terminal_nothing_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    progress.report(0.5, "half")
    assert list(progress.each("ab", 2, "letter", "read")) == ["a", "b"]
    assert capsys.readouterr().out == ""


def test_each_item_is_reported_when_it_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(progress.ENVIRONMENT_VARIABLE, "json")
    assert list(progress.each("ab", 2, "frame", "read")) == ["a", "b"]
    captured = capsys.readouterr()
    assert [line["message"] for line in reports(captured.out)] == ["frame 1 of 2", "frame 2 of 2"]
    assert captured.err == ""


def test_segmenting_an_array_leaves_arrays_and_reports_every_frame(
    tmp_path: Path, network: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = np.random.default_rng(2).integers(0, 4000, (3, 70, 90)).astype(np.int16)
    np.save(tmp_path / "frames.npy", frames)
    monkeypatch.setenv(progress.ENVIRONMENT_VARIABLE, "json")
    options = ["--array", tmp_path / "frames.npy", "--output", tmp_path / "out", "--segmentation-network", network]
    flags = ["--arrays", "--probability", "--attention", "--threads", "1", "--device", "cpu", "--threshold", "0.4"]
    assert main([str(word) for word in ["segment", *options, *flags]]) == 0
    messages = [line["message"] for line in reports(capsys.readouterr().out)]
    assert messages[-3:] == ["frame 1 of 3", "frame 2 of 3", "frame 3 of 3"]
    masks, probability, attention = (
        np.load(tmp_path / "out" / f"{name}.npy") for name in ("masks", "probability", "attention")
    )
    assert masks.shape == probability.shape == attention.shape == frames.shape
    np.testing.assert_array_equal(masks, probability >= 0.4)
    assert attention.min() >= 0
    assert attention.max() <= 1


@pytest.mark.parametrize("content", [np.zeros((4, 5)), np.zeros((0, 4, 5)), np.array([["a"]]), None])
def test_an_array_that_holds_no_frames_is_refused_in_one_line(
    tmp_path: Path, network: Path, content: np.ndarray | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "frames.npy"
    if content is not None:
        np.save(path, content)
    options = ["--array", path, "--output", tmp_path / "out", "--segmentation-network", network]
    assert main([str(word) for word in ["segment", *options]]) == 2
    error = capsys.readouterr().err.strip()
    assert "frames.npy" in error
    assert len(error.splitlines()) == 1


def annotated_folder(folder: Path, count: int = 6) -> Path:
    """Frames with a dark line each, their masks and three patients."""
    random = np.random.default_rng(3)
    lines = []
    for index in range(count):
        frame = random.integers(120, 200, (64, 64)).astype(np.uint8)
        mask = np.zeros((64, 64), bool)
        mask[:, 10 + 4 * index : 16 + 4 * index] = True
        frame[mask] //= 2
        write_png(folder / f"f{index}.png", frame)
        write_png(folder / f"f{index}_mask.png", mask)
        lines.append(f"f{index},patient{index % 3}")
    (folder / "patients.csv").write_text("\n".join(lines))
    return folder


def test_training_reports_the_loss_of_every_iteration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(progress.ENVIRONMENT_VARIABLE, "json")
    images = annotated_folder(tmp_path / "annotated")
    options = ["train", "segmentation", "--images", images, "--output", tmp_path / "out", "--iterations", 3]
    more = ["--width", 2, "--batch-size", 2, "--threads", 1, "--device", "cpu", "--loss", "dice", "--validate-every", 2]
    assert main([str(word) for word in [*options, *more, "--field-of-view", "upper"]]) == 0
    lines = [line for line in reports(capsys.readouterr().out) if "iteration" in line]
    assert [line["iteration"] for line in lines] == [1, 2, 3]
    assert 0 < lines[0]["loss"] <= 1.5  # type: ignore[operator]
    settings = json.loads((tmp_path / "out" / "report.json").read_text())["settings"]
    assert (settings["loss"], settings["field_of_view"], settings["validate_every"]) == ("dice", "upper", 2)


def test_closing_the_pipe_ends_a_training_that_can_go_on_later(tmp_path: Path) -> None:
    images = annotated_folder(tmp_path / "annotated")
    command = [sys.executable, "-m", "VesselRegistrationLib.cli", "train", "segmentation", "--images", str(images)]
    options = ["--output", str(tmp_path / "out"), "--epochs", "100000", "--width", "2", "--threads", "1"]
    paths = [str(ROOT / "VesselSegmentation"), str(ROOT / "VesselRegistration")]
    environment = {**os.environ, progress.ENVIRONMENT_VARIABLE: "json", "PYTHONPATH": os.pathsep.join(paths)}
    with subprocess.Popen(
        [*command, *options, "--device", "cpu"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert any("iteration" in line for line in process.stdout)
        closed = time.monotonic()
        process.stdin.close()
        assert process.wait(30) == 130
        assert time.monotonic() - closed < 15
        assert process.stderr is not None
        assert "nothing half-written" in process.stderr.read()
    names = {path.name for path in (tmp_path / "out").rglob("*")}
    assert "checkpoint.safetensors" in names
    assert not [name for name in names if name.endswith(".partial")]
