"""What `register` cannot use is said in one line that names it, with exit code 2, and nothing is written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from VesselRegistrationLib.cli.main import main
from VesselRegistrationLib.simulation.cases import simulate_case, write_case
from VesselRegistrationLib.simulation.truth import read_truth
from VesselSegmentationLib.overlay import write_png


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated case, its true pose, a copy of its run and another run of the same name."""
    folder = tmp_path_factory.mktemp("case")
    write_case(simulate_case("phantom", 3, frames=2, size=128, model_cell_mm=3.0), folder)
    pose = {"coordinateSystem": "LPS", "modelToIsocenter": read_truth(folder).poses[1].tolist()}
    (folder / "true.json").write_text(json.dumps(pose))
    (folder / "note.txt").write_text("not a run")
    shutil.copy(folder / "run.dcm", folder / "copy.dcm")
    write_png(folder / "picture" / "run.png", np.zeros((64, 64), dtype=np.uint8))
    view = {"primaryAngleDeg": 40, "secondaryAngleDeg": 0, "sidMm": 1000, "sodMm": 750, "spacingMm": 1.0}
    (folder / "picture" / "run.geometry.json").write_text(json.dumps(view))
    write_png(folder / "empty.png", np.zeros((128, 128), dtype=np.uint8))
    return folder


def register(case: Path, output: Path, *more: object) -> int:
    """Exit code of `register` at the true pose; argparse's own exit counts as one."""
    given = ("--model", case / "model.stl", "--xray", case / "run.dcm", "--initial-pose", case / "true.json")
    try:
        return main([str(part) for part in ("register", *given, "--threads", 1, "--output", output, *more)])
    except SystemExit as stop:
        return int(stop.code or 0)


def landmarks(case: Path, path: Path, **changes: Any) -> Path:
    """A landmarks file of the case: one point that is in the picture."""
    point = read_truth(case).centerline_lps[0].tolist()
    marks = [{"run": "run", "frame": 1, "points": {"apex": [64, 64]}}]
    path.write_text(json.dumps({"coordinateSystem": "LPS", "model": {"apex": point}, "pictures": marks} | changes))
    return path


def assert_refused(case: Path, output: Path, capsys: pytest.CaptureFixture[str], words: str, *more: object) -> None:
    """One line with the words, exit code 2, nothing written."""
    assert register(case, output, *more) == 2
    error = capsys.readouterr().err.strip()
    assert words in error
    assert "\n" not in error
    assert not output.is_dir() or not any(output.iterdir())


def test_the_same_case_without_a_mistake_is_registered(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marks = landmarks(case, tmp_path / "marks.json")
    good = ("--landmarks", marks, "--no-start-landmarks", "--mask", case / "masks" / "frame_001.png", "--frame", 1)
    assert register(case, tmp_path / "out", *good, "--start-shift", 3, "--start-turn", 1) == 0
    assert "landmarks off in the picture, mm: apex" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "registration.json").read_text())["poses"][0]["status"] == "registered"


def test_a_refused_frame_tells_its_reason_and_no_overlap(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register(case, tmp_path, "--mask", case / "empty.png", "--frame", 1) == 1
    said = capsys.readouterr().out
    assert "No vessels were found" in said
    assert "DSC" not in said
    assert "nan" not in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--start-shift", -3], "--start-shift -3 must lie between 0 and 1000 mm"),
        (["--start-shift", "nan"], "--start-shift nan must lie between 0 and 1000 mm"),
        (["--start-shift", "inf"], "--start-shift inf must lie between 0 and 1000 mm"),
        (["--start-turn", 0], "--start-turn 0 must lie between 0 and 180 degrees"),
        (["--start-turn", 3, "--method", "affine"], "--start-turn 3 is for --method pose"),
        (["--start-shift", "a bit"], "argument --start-shift: invalid float value: 'a bit'. See vessel-registration"),
        (["--method", "poses"], "invalid choice: 'poses'"),
        (["--threads", 0], "--threads 0 must be 1 or more"),
        (["--frame", 99], "Frame 99 is not in the run: it has frames 0 to 1"),
        (["--frame", -1], "Frame -1 is not in the run"),
        (["--frame", 1, "--all-frames"], "--frame 1 and --all-frames exclude each other"),
        (["--start-landmarks"], "--start-landmarks needs --landmarks"),
    ],
)
def test_options_that_make_no_sense_are_named(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[object], words: str
) -> None:
    mask = ("--mask", case / "masks" / "frame_001.png")
    assert_refused(case, tmp_path / "out", capsys, words, *mask, *options)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("run.dcm", "The runs run and run are the same pictures"),
        ("copy.dcm", "The runs run and copy are the same pictures"),
        ("note.txt", "note.txt is a text file"),
        ("nowhere.dcm", "Check the name"),
    ],
)
def test_a_second_run_that_tells_nothing_is_named(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    assert_refused(case, tmp_path / "out", capsys, words, "--xray", case / name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"model":', "not readable JSON"),
        ("[" * 100_000, "not readable JSON"),
        ({"pictures": []}, "at least one shared name is needed"),
        ({"pictures": [{"run": "run", "points": {"ostium": [1, 2]}}]}, "'ostium' of run is not marked on the model"),
        ({"pictures": [{"run": "lao", "points": {"apex": [1, 2]}}]}, "marks no point on run, but on lao"),
        ({"pictures": [{"run": "run", "frame": 7, "points": {"apex": [1, 2]}}]}, "which has frames 0 to 1"),
        ({"pictures": [{"run": "run", "points": {"apex": [1, 2000]}}]}, "lies outside run"),
    ],
)
def test_landmarks_that_cannot_be_used_are_named(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: Any, words: str
) -> None:
    marks = tmp_path / "marks.json"
    if isinstance(text, str):
        marks.write_text(text)
    else:
        landmarks(case, marks, **text)
    assert_refused(case, tmp_path / "out", capsys, words, "--landmarks", marks)


def test_landmarks_of_a_run_whose_name_two_runs_have_are_refused(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--landmarks", landmarks(case, tmp_path / "marks.json"), "--xray", case / "picture" / "run.png")
    assert_refused(case, tmp_path / "out", capsys, "2 runs are named so; rename the files", *more)


def test_a_folder_that_cannot_be_written_is_named_before_any_work(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("kept")
    assert_refused(case, tmp_path / "file", capsys, "Choose another folder")
    assert_refused(case, tmp_path / "file" / "below", capsys, "Choose another folder")
    assert (tmp_path / "file").read_text() == "kept"
