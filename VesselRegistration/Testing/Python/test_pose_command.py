"""`register --method pose` from end to end: one run, several runs, every frame, refusals and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from VesselRegistrationLib.cli.main import main
from VesselRegistrationLib.pose.metrics import projection_distances_mm
from VesselRegistrationLib.simulation.cases import simulate_case, write_case
from VesselRegistrationLib.simulation.truth import read_truth
from VesselRegistrationLib.xray_reading import read_xray_run
from VesselSegmentationLib.overlay import write_png

SCHEMA = Path(__file__).parents[3] / "Resources" / "registration.schema.json"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case")
    write_case(simulate_case("phantom", 3, frames=3, size=192, model_cell_mm=2.0), folder)
    return folder


def register(case: Path, output: Path, *more: object, mask: Path | None = None) -> int:
    masks = ["--mask", mask or case / "masks" / "frame_002.png"]
    arguments = ["register", "--model", case / "model.stl", "--initial-pose", case / "start-pose.json", "--threads", 1]
    return main([str(part) for part in (*arguments, *masks, "--output", output, *more)])


def report_of(output: Path) -> dict[str, object]:
    report = json.loads((output / "registration.json").read_text())
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    return report


def in_plane_mm(case: Path, entry: dict[str, object], frame: int) -> float:
    truth, c_arm = read_truth(case), read_xray_run(case / "run.dcm").c_arm(frame)
    found = np.array(entry["modelToIsocenter"])
    return float(projection_distances_mm(truth.centerline_lps, found, truth.poses[frame], c_arm).mean())


def test_a_pose_is_the_default_and_comes_with_its_errors_in_mm(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register(case, tmp_path, "--xray", case / "run.dcm", "--frame", 2) == 0
    report = report_of(tmp_path)
    (entry,) = report["poses"]
    assert (report["method"], entry["status"], entry["coordinateSystem"]) == ("pose", "registered", "LPS")
    assert in_plane_mm(case, entry, 2) < 1.5
    assert 0 < entry["expectedInPlaneErrorMm"] < entry["inPlaneErrorBoundMm"] < 20
    assert entry["expectedDepthErrorMm"] > 0
    assert entry["affineModelToIsocenter"] is None
    assert np.array(entry["affineProjectionToFrame"]).shape == (3, 3)
    assert "along the beam" in capsys.readouterr().out
    assert (tmp_path / "registered-model.stl").is_file()
    assert (tmp_path / "outline.png").is_file()


def test_without_pictures_the_report_and_the_vessels_are_all_that_is_left(case: Path, tmp_path: Path) -> None:
    chosen = ("--xray", case / "run.dcm", "--frame", 2)
    assert register(case, tmp_path, *chosen) == 0
    mask, poses = (tmp_path / "mask.png").read_bytes(), report_of(tmp_path)["poses"]
    assert register(case, tmp_path, *chosen, "--no-pictures") == 0
    assert {path.name for path in tmp_path.iterdir()} == {"registration.json", "mask.png"}
    assert (tmp_path / "mask.png").read_bytes() == mask
    assert report_of(tmp_path)["poses"] == poses


def test_every_frame_has_its_pose(case: Path, tmp_path: Path) -> None:
    assert register(case, tmp_path, "--xray", case / "run.dcm", "--all-frames") == 0
    assert [entry["frame"] for entry in report_of(tmp_path)["poses"]] == [0, 1, 2]


def test_an_empty_mask_is_refused_with_its_reason_and_no_model_is_left(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png(tmp_path / "empty.png", np.zeros((192, 192), dtype=np.uint8))
    output = tmp_path / "out"
    assert register(case, output, "--xray", case / "run.dcm", "--frame", 1, mask=tmp_path / "empty.png") == 1
    (entry,) = report_of(output)["poses"]
    assert entry["modelToIsocenter"] is None
    assert "No vessels" in entry["reason"]
    assert entry["reason"] in capsys.readouterr().out
    assert not (output / "registered-model.stl").exists()


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (("--frame", 99), "Frame 99"),
        (("--frame", 0, "--all-frames"), "exclude each other"),
        (("--threshold", 0), "--threshold"),
        (("--start-shift", 0), "how far off the start"),
        (("--start-turn", 400), "how far off the start"),
    ],
)
def test_bad_options_get_one_line_and_leave_no_report(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[object, ...], word: str
) -> None:
    assert register(case, tmp_path, "--xray", case / "run.dcm", *more) == 2
    error = capsys.readouterr().err.strip()
    assert word in error
    assert "\n" not in error
    assert not (tmp_path / "registration.json").exists()


@pytest.mark.parametrize(
    ("more", "word"), [(("--frame", 1), "one run"), (("--all-frames",), "one run"), (("--method", "affine"), "one run")]
)
def test_what_is_for_one_run_is_not_taken_for_two(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[object, ...], word: str
) -> None:
    runs = ["--xray", case / "run.dcm", "--xray", case / "run.dcm"]
    assert register(case, tmp_path, *runs, *more) == 2
    assert word in capsys.readouterr().err
