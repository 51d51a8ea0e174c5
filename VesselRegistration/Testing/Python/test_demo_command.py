"""`demo` says in mm how far off start, affine and pose are, and draws them beside the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from VesselRegistrationLib.cli.demo_picture import TRUTH_RGB, before_and_after
from VesselRegistrationLib.cli.main import main
from VesselRegistrationLib.simulation.cases import simulate_case, write_case
from VesselRegistrationLib.simulation.truth import read_truth


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case")
    write_case(simulate_case("phantom", 3, frames=3, size=192, model_cell_mm=2.0), folder)
    return folder


def demonstrate(case: Path, output: Path, mask: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> int:
    """The demonstration with given vessels in place of the network's."""
    monkeypatch.setattr("VesselRegistrationLib.cli.options.load_segmenter", lambda _: lambda _: mask.astype(np.float32))
    return main(["demo", "--case", str(case), "--output", str(output), "--threads", "1"])


def test_the_errors_of_start_affine_and_pose_are_told_in_mm(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = read_truth(case)
    assert demonstrate(case, tmp_path, truth.mask(truth.fullest_frame()), monkeypatch) == 0
    printed = capsys.readouterr().out
    for words in ("at the start", "by the paper's affine", "by the pose (mPD)", "(mTRE)", "95 % within", "inlet (TRE)"):
        assert words in printed
    (line,) = [line for line in printed.splitlines() if "by the pose (mPD)" in line]
    assert float(line.split()[-2]) < 1.5
    assert json.loads((tmp_path / "registration.json").read_text())["method"] == "pose"
    with Image.open(tmp_path / "before-after.png") as picture:
        assert picture.size == (1860, 690)
    assert (tmp_path / "summary.png").is_file()


def test_a_refused_demonstration_says_why_and_still_draws_the_start(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert demonstrate(case, tmp_path, np.zeros((192, 192), dtype=bool), monkeypatch) == 1
    printed = capsys.readouterr().out
    assert "refused: No vessels" in printed
    assert "by the pose (mPD)" not in printed
    assert (tmp_path / "before-after.png").is_file()


def test_a_folder_that_holds_no_case_gets_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--case", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    assert "holds no case" in capsys.readouterr().err


def test_the_true_outline_is_in_every_panel(tmp_path: Path) -> None:
    true = np.zeros((128, 128), dtype=bool)
    true[40:90, 40:90] = True
    frame = np.full((128, 128), 100, dtype=np.uint8)
    (tmp_path / "picture.png").write_bytes(before_and_after(frame, true, [("start", ~true), ("refused", None)]))
    with Image.open(tmp_path / "picture.png") as picture:
        pixels = np.array(picture.convert("RGB"))
    is_blue = np.abs(pixels.astype(int) - TRUTH_RGB).max(axis=2) < 60
    middle = pixels.shape[1] // 2
    assert is_blue[:, :middle].sum() > 50
    assert is_blue[:, middle:].sum() > 50
