"""Named points on model and pictures: read or refused in one line, a start for the pose, and a measure of it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.cli.main import main
from VesselRegistrationLib.pose.landmark_fit import MarkedView, align_landmarks, triangulated
from VesselRegistrationLib.pose.landmarks import read_landmarks
from VesselRegistrationLib.pose.metrics import in_picture, named_target_errors_mm
from VesselRegistrationLib.pose.rigid import motion_matrix
from VesselRegistrationLib.projection import transform_points
from VesselRegistrationLib.simulation.cases import simulate_case, write_case
from VesselRegistrationLib.simulation.truth import read_truth
from VesselRegistrationLib.xray_reading import read_xray_run
from VesselSegmentationLib.errors import InputError

SCHEMA = Path(__file__).parents[3] / "Resources" / "registration.schema.json"
FRONT = CArm(10.0, 5.0, 1000.0, 750.0, 512, 512, (0.4, 0.4))
SIDE = CArm(-50.0, 5.0, 1000.0, 750.0, 512, 512, (0.4, 0.4))
POINTS = {"left ostium": [20.0, -10.0, 30.0], "right ostium": [-25.0, 5.0, 28.0], "annulus": [0.0, 8.0, -20.0]}
MODEL = np.array(list(POINTS.values()))


def view_of(c_arm: CArm, pose: np.ndarray, points: np.ndarray = MODEL, shift: np.ndarray | None = None) -> MarkedView:
    table = np.zeros(3) if shift is None else shift
    return MarkedView(c_arm, points, c_arm.project(transform_points(pose, points) + table)[:, :2], table)


def moved(turn_deg: float, axis: np.ndarray, shift: np.ndarray) -> np.ndarray:
    return motion_matrix(np.concatenate([np.radians(turn_deg) * axis, shift]), np.zeros(3))


def content(**changes: object) -> dict[str, object]:
    pictures = [{"run": "run1", "frame": 3, "points": {"annulus": [100.5, 80.0]}}]
    return {"coordinateSystem": "LPS", "model": POINTS, "pictures": pictures, **changes}


def written(path: Path, what: object) -> Path:
    path.write_text(what if isinstance(what, str) else json.dumps(what))
    return path


def markups(*points: dict[str, object], frame: object = "LPS", **more: object) -> dict[str, object]:
    return {"markups": [{"type": "Fiducial", "coordinateSystem": frame, "controlPoints": list(points), **more}]}


def test_points_in_lps_and_in_ras_read_the_same(tmp_path: Path) -> None:
    ras = {name: [-x, -y, z] for name, (x, y, z) in POINTS.items()}
    for frame, points in (("LPS", POINTS), ("RAS", ras)):
        found = read_landmarks(written(tmp_path / "l.json", content(coordinateSystem=frame, model=points)))
        assert list(found.model_lps) == list(POINTS)
        np.testing.assert_allclose(np.array(list(found.model_lps.values())), MODEL)
    (marks,) = found.pictures
    assert (marks.run, marks.frame, marks.points_px["annulus"].tolist()) == ("run1", 3, [100.5, 80.0])


@pytest.mark.parametrize(("frame", "position"), [("LPS", [0.0, 8.0, -20.0]), ("RAS", [0.0, -8.0, -20.0])])
def test_points_that_slicer_saved_come_in_lps_by_name(tmp_path: Path, frame: str, position: list[float]) -> None:
    placed = {"label": "annulus", "position": position, "positionStatus": "defined"}
    waiting = {"label": "apex", "position": [0, 0, 0], "positionStatus": "undefined"}
    written(tmp_path / "points.mrk.json", markups(placed, waiting, frame=frame, coordinateUnits="mm"))
    found = read_landmarks(written(tmp_path / "l.json", content(model="points.mrk.json")))
    assert list(found.model_lps) == ["annulus"]
    np.testing.assert_allclose(found.model_lps["annulus"], POINTS["annulus"])


POINT = {"label": "annulus", "position": [0.0, 8.0, -20.0]}


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ("no json", "not readable JSON"),
        ("[1]", "is no landmarks file"),
        ({"markups": []}, "points of the model alone"),
        (content(model=3), '"model" and "pictures" are needed'),
        (content(coordinateSystem="XYZ"), "coordinateSystem 'XYZ'"),
        (content(model={"annulus": [1, 2]}), "needs 3 numbers"),
        (content(model={"annulus": [1, 2, float("nan")]}), "not finite"),
        (content(model={"annulus": [1, 2, True]}), "needs 3 numbers"),
        (content(model="points.json"), ".mrk.json"),
        (content(model="nowhere.mrk.json"), "cannot be read"),
        (content(pictures=[]), "at least one shared name"),
        (content(pictures=[{"run": "run1", "points": {}}]), "at least one shared name"),
        (content(pictures=[{"points": {}}]), 'its "run"'),
        (content(pictures=[{"run": "run1", "points": {"apex": [1, 2]}}]), "'apex' of run1 is not marked on the model"),
        (content(pictures=[{"run": "run1", "points": {"annulus": [1, 2, 3]}}]), "needs 2 numbers"),
        (content(pictures=[{"run": "run1", "points": {"annulus": [1, float("inf")]}}]), "not finite"),
        (content(pictures=[{"run": "run1", "points": [1, 2]}]), "not as list"),
        (content(pictures=[{"run": "run1", "frame": -1, "points": {"annulus": [1, 2]}}]), "frame -1"),
        (content(pictures=2 * [{"run": "run1", "points": {"annulus": [1, 2]}}]), "twice"),
    ],
)
def test_what_is_no_landmarks_file_is_refused_by_what_is_wrong(tmp_path: Path, what: object, word: str) -> None:
    with pytest.raises(InputError) as error:
        read_landmarks(written(tmp_path / "l.json", what))
    assert word in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ({"markups": 1}, "no list of markups"),
        (markups(POINT, POINT), "more than one point named annulus"),
        (markups(POINT, frame=None), "coordinateSystem None"),
        (markups(POINT, coordinateUnits="cm"), "in mm"),
        (markups(), "no placed point"),
        (markups({"label": "annulus"}), "needs 3 numbers"),
        ({"markups": [{"controlPoints": 3}]}, "no list of points"),
    ],
)
def test_what_slicer_would_not_save_is_refused(tmp_path: Path, what: object, word: str) -> None:
    written(tmp_path / "points.mrk.json", what)
    with pytest.raises(InputError, match=word):
        read_landmarks(written(tmp_path / "l.json", content(model="points.mrk.json")))


def test_one_pair_shifts_the_model_in_the_picture_and_leaves_turn_and_depth() -> None:
    start = np.eye(4)
    true = moved(0, FRONT.axes_lps()[0], FRONT.axes_lps()[0] * 35 + FRONT.axes_lps()[1] * -20)
    found, left = align_landmarks([view_of(FRONT, true, MODEL[:1])], start)
    assert left < 0.01
    np.testing.assert_allclose(found[:3, :3], np.eye(3), atol=1e-4)
    np.testing.assert_allclose(found[:3, 3], true[:3, 3], atol=0.05)
    assert abs(found[:3, 3] @ FRONT.axes_lps()[2]) < 0.01


def test_two_pairs_also_turn_it_in_the_picture() -> None:
    right, up, beam = FRONT.axes_lps()
    true = moved(25, beam, right * 30 + up * 12)
    found, left = align_landmarks([view_of(FRONT, true, MODEL[:2])], np.eye(4))
    assert left < 0.5
    turned = np.degrees(np.arccos((np.trace(found[:3, :3].T @ true[:3, :3]) - 1) / 2))
    assert turned < 3
    assert max(named_target_errors_mm({"a": MODEL[0], "b": MODEL[1]}, found, true).values()) < 3


def test_three_pairs_in_two_views_tell_the_pose_across_a_table_move() -> None:
    true = moved(5, np.array([0.6, 0.0, 0.8]), np.array([12.0, -30.0, 8.0]))
    views = [view_of(FRONT, true), view_of(SIDE, true, shift=np.array([3.0, -12.0, 20.0]))]
    found, left = align_landmarks(views, np.eye(4))
    assert left < 0.5
    assert max(named_target_errors_mm(dict(zip(POINTS, MODEL, strict=True)), found, true).values()) < 1.0


def test_names_taken_for_one_another_leave_a_large_rest() -> None:
    view = view_of(FRONT, np.eye(4))
    _, left = align_landmarks([MarkedView(FRONT, MODEL, view.marks_px[[1, 0, 2]], np.zeros(3))], np.eye(4))
    assert left > 8
    with pytest.raises(InputError, match="No landmark"):
        align_landmarks([], np.eye(4))


def test_a_point_in_two_views_has_a_place_unless_they_are_alike() -> None:
    point, shift = np.array([[12.0, -30.0, 18.0]]), np.array([3.0, -12.0, 20.0])
    front = (FRONT, FRONT.project(point)[0, :2], np.zeros(3))
    side = (SIDE, SIDE.project(point + shift)[0, :2], shift)
    np.testing.assert_allclose(triangulated([front, side]), point[0], atol=1e-9)
    assert triangulated([front, front]) is None
    assert triangulated([front]) is None


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case with three points of its centreline as landmarks, marked to a tenth of a pixel."""
    folder = tmp_path_factory.mktemp("case")
    write_case(simulate_case("phantom", 3, frames=3, size=192, model_cell_mm=2.0), folder)
    truth, c_arm = read_truth(folder), read_xray_run(folder / "run.dcm").c_arm(2)
    shown = truth.centerline_lps[in_picture(truth.centerline_lps, truth.poses[2], c_arm)]
    points = shown[np.linspace(0, len(shown) - 1, 3).astype(int)]
    marks = np.round(c_arm.project(transform_points(truth.poses[2], points))[:, :2], 1)
    model = dict(zip(POINTS, points.tolist(), strict=True))
    pictures = [{"run": "run.dcm", "frame": 2, "points": dict(zip(POINTS, marks.tolist(), strict=True))}]
    written(folder / "landmarks.json", {"coordinateSystem": "LPS", "model": model, "pictures": pictures})
    return folder


def register(case: Path, output: Path, *more: object) -> int:
    given = ["register", "--model", case / "model.stl", "--xray", case / "run.dcm", "--threads", 1, "--output", output]
    return main([str(part) for part in (*given, "--mask", case / "masks" / "frame_002.png", *more)])


def test_landmarks_are_start_frame_and_measure_of_a_registration(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register(case, tmp_path, "--landmarks", case / "landmarks.json") == 0
    report = json.loads((tmp_path / "registration.json").read_text())
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    (entry,) = report["poses"]
    marked = json.loads((case / "landmarks.json").read_text())["pictures"][0]
    assert entry["frame"] == marked["frame"]
    assert set(entry["landmarks"]["inPlaneErrorMm"]) == set(marked["points"])
    assert entry["landmarks"]["inPlaneRmsMm"] < 3
    assert entry["landmarks"]["targetErrorMm"] == {}
    assert entry["landmarks"]["targetRmsMm"] is None
    printed = capsys.readouterr().out
    assert "start: laid on the landmarks" in printed
    assert "root mean square" in printed


def test_landmarks_may_measure_alone_and_serve_the_affine_too(case: Path, tmp_path: Path) -> None:
    given = ("--landmarks", case / "landmarks.json", "--initial-pose", case / "start-pose.json")
    assert register(case, tmp_path, *given, "--no-start-landmarks", "--method", "affine", "--steps", 2) in (0, 1)
    (entry,) = json.loads((tmp_path / "registration.json").read_text())["poses"]
    start = json.loads((case / "start-pose.json").read_text())["modelToIsocenter"]
    np.testing.assert_allclose(entry["startModelToIsocenter"], start)
    assert ("landmarks" in entry) == (entry["status"] == "registered")


@pytest.mark.parametrize(
    ("marks", "word"),
    [
        ({"run": "other", "points": {"annulus": [5, 5]}}, "marks no point on run, but on other"),
        ({"run": "run", "points": {"annulus": [192.0, 5]}}, "outside run"),
        ({"run": "run", "frame": 3, "points": {"annulus": [5, 5]}}, "frame 3 is not in run"),
    ],
)
def test_marks_that_are_not_of_the_run_get_one_line(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], marks: dict[str, object], word: str
) -> None:
    file = written(tmp_path / "l.json", content(pictures=[marks]))
    assert register(case, tmp_path / "out", "--landmarks", file) == 2
    error = capsys.readouterr().err.strip()
    assert word in error
    assert "\n" not in error
    assert register(case, tmp_path / "out", "--start-landmarks") == 2
    assert "--landmarks" in capsys.readouterr().err
