"""`register --from-run`: the pose of one run is the start on another, where model and tables allow it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pydicom
import pytest

from VesselRegistrationLib.cli.main import main
from VesselRegistrationLib.model_reading import read_vessel_model
from VesselRegistrationLib.pose_carrying import read_found_pose
from VesselRegistrationLib.simulation.cases import simulate_case, write_case
from VesselRegistrationLib.simulation.truth import read_truth
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.overlay import write_png

SCHEMA = Path(__file__).parents[3] / "Resources" / "registration.schema.json"
MOVE_LPS = (4.0, -17.7, 30.0)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is registered from its true pose, and the same picture with the table moved (`moved.dcm`)."""
    folder = tmp_path_factory.mktemp("case")
    write_case(simulate_case("phantom", 3, frames=3, size=192, model_cell_mm=2.0), folder)
    write_png(folder / "empty.png", np.zeros((192, 192), dtype=np.uint8))
    moved = pydicom.dcmread(folder / "run.dcm")
    table = moved.private_block(0x0019, "DLX_SERIE_01")
    for element, step in zip((0x23, 0x21, 0x22), MOVE_LPS, strict=True):
        table[element].value = f"{float(table[element].value) + step:g}"
    moved.save_as(folder / "moved.dcm")
    del moved[table.get_tag(0x21)]
    moved.save_as(folder / "no-table.dcm")
    pose = {"coordinateSystem": "LPS", "modelToIsocenter": read_truth(folder).poses[2].tolist()}
    (folder / "true.json").write_text(json.dumps(pose))
    mask = ("--mask", folder / "masks" / "frame_002.png", "--frame", 2, "--start-shift", 3, "--start-turn", 1)
    given = ("--initial-pose", folder / "true.json", *mask)
    assert register(folder, folder / "run.dcm", folder / "first", *given) == 0
    return folder


def register(case: Path, run: Path, output: Path, *more: object) -> int:
    given = ("register", "--model", case / "model.stl", "--xray", run, "--threads", 1, "--output", output)
    return main([str(part) for part in (*given, *more)])


def report_of(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "registration.json").read_text())
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    return report


def changed(case: Path, path: Path, **changes: object) -> Path:
    """The report of the case with its pose, its model or itself changed."""
    report = copy.deepcopy(report_of(case / "first"))
    report["model"] |= changes.pop("model", {})  # type: ignore[arg-type]
    report |= changes.pop("report", {})  # type: ignore[arg-type]
    if report["poses"]:
        report["poses"][0] |= changes
    path.write_text(json.dumps(report))
    return path


def test_a_pose_is_carried_by_as_much_as_the_table_moved(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = report_of(case / "first")["poses"][0]
    given = ("--from-run", case / "first" / "registration.json", "--mask", case / "empty.png", "--frame", 0)
    assert register(case, case / "moved.dcm", tmp_path, *given) == 1  # refused: nothing to see, but it has a start
    start = np.array(report_of(tmp_path)["poses"][0]["startModelToIsocenter"])
    np.testing.assert_allclose(start[:3, 3] - np.array(first["modelToIsocenter"])[:3, 3], MOVE_LPS, atol=1e-5)
    np.testing.assert_allclose(start[:3, :3], np.array(first["modelToIsocenter"])[:3, :3], atol=1e-8)
    assert "carried with the table" in capsys.readouterr().out


def test_a_report_says_how_well_its_pose_is_known(case: Path, tmp_path: Path) -> None:
    model = read_vessel_model(case / "model.stl")
    found = read_found_pose(case / "first" / "registration.json", model)
    assert 2.0 <= found.turn_deg <= 6.0
    assert 5.0 <= found.shift_mm <= 25.0
    sure = (np.eye(6) * 1e-6).tolist()
    assert read_found_pose(changed(case, tmp_path / "sure.json", poseCovariance=sure), model).shift_mm < 5.1
    unsure = changed(case, tmp_path / "unsure.json", poseCovariance=None, expectedDepthErrorMm=None)
    assert read_found_pose(unsure, model).shift_mm == 25.0


def test_a_pose_that_was_put_by_hand_is_carried_too(case: Path, tmp_path: Path) -> None:
    matrix = np.eye(4)
    matrix[:3, 3] = (1, 2, 3)
    path = changed(case, tmp_path / "by-hand.json", status="adjusted", adjustedModelToIsocenter=matrix.tolist())
    found = read_found_pose(path, read_vessel_model(case / "model.stl"))
    np.testing.assert_allclose(found.model_to_isocenter, matrix)
    assert (found.turn_deg, found.shift_mm) == (6.0, 25.0)  # the errors are those of the pose that was found


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"status": "refused", "reason": "No vessels were found", "modelToIsocenter": None}, "No vessels were found"),
        ({"method": "affine", "modelToIsocenter": None}, "only an affine"),
        ({"modelToIsocenter": [[1, 2], [3, 4]]}, "4 x 4"),
        ({"modelToIsocenter": "identity"}, "not a matrix"),
        ({"coordinateSystem": "RAS"}, "coordinateSystem 'RAS'"),
        ({"table": None}, "table position is not known"),
        ({"table": {"positionLpsMm": [1, 2], "source": "x", "isRelative": False}}, "table position that is none"),
        (
            {"table": {"positionLpsMm": [1, 2, 3], "source": "another machine", "isRelative": False}},
            "different sources",
        ),
        ({"table": {"positionLpsMm": [1, 2, 3], "source": "x", "isRelative": True}}, "counts from the first frame"),
        ({"report": {"poses": []}}, "holds no pose at all"),
        ({"report": {"schemaVersion": 99}}, "is of version 99, 1 is read here"),
        ({"model": {"boundsLpsMm": [[0, 0, 0], [50, 50, 50]]}}, "another model"),
        ({"model": {"boundsLpsMm": None, "triangles": 4}}, "another model"),
    ],
)
def test_what_cannot_be_carried_is_refused_in_one_line(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], word: str
) -> None:
    path = changed(case, tmp_path / "report.json", **copy.deepcopy(changes))
    assert register(case, case / "moved.dcm", tmp_path / "out", "--from-run", path) == 2
    error = capsys.readouterr().err.strip()
    assert word in error
    assert "\n" not in error
    assert not (tmp_path / "out" / "registration.json").exists()


def test_a_run_without_a_table_gets_no_pose_from_another(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = case / "first" / "registration.json"
    assert register(case, case / "no-table.dcm", tmp_path, "--from-run", report) == 2
    assert "--initial-pose" in capsys.readouterr().err
    both = ("--from-run", report, "--initial-pose", case / "true.json")
    assert register(case, case / "moved.dcm", tmp_path, *both) == 2
    assert "give one of them" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "word"),
    [("{", "no registration.json"), ("[]", "no registration.json"), ("[" * 100_000, "no registration.json")],
)
def test_another_kind_of_file_is_refused(case: Path, tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "other.json").write_text(text)
    model = read_vessel_model(case / "model.stl")
    with pytest.raises(InputError, match=word):
        read_found_pose(tmp_path / "other.json", model)
    with pytest.raises(InputError, match="cannot be read"):
        read_found_pose(tmp_path / "nowhere.json", model)
