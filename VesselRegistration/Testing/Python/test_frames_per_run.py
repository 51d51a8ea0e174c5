"""Several frames of a run solved together: which ones, and what they may and may not do to the result."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from VesselRegistrationLib.cli.main import main
from VesselRegistrationLib.cli.register_vessels import companions
from VesselRegistrationLib.pose.estimation import PoseModel
from VesselRegistrationLib.pose.metrics import projection_distances_mm
from VesselRegistrationLib.pose_registration import register_views
from VesselRegistrationLib.projection import project_model
from VesselRegistrationLib.registration import FrameRegistration, Status
from VesselRegistrationLib.simulation.cases import SimulatedCase, simulate_case, write_case

FRAMES, FRAME, SIZE = 4, 1, 256


def run_of(areas: list[int]) -> SimpleNamespace:
    """A run whose frames are their own probability of vessel, with so many percent of it sure."""
    frames = np.zeros((len(areas), 10, 10))
    for frame, area in zip(frames, areas, strict=True):
        frame.flat[:area] = 0.9
    return SimpleNamespace(frames=frames, frame_count=len(frames))


@pytest.mark.parametrize(
    ("areas", "frame", "count", "found"),
    [
        ([40] * 9, 4, 0, []),
        ([40] * 9, 4, 2, [2, 6]),
        ([40] * 9, 4, 3, [2, 6, 0]),
        ([40] * 9, 8, 2, [6, 4]),
        ([40] * 9, 4, 8, [2, 6, 0, 8]),
        ([0, 5, 10, 20, 40, 40, 39, 40, 40], 4, 2, [6, 8]),
        ([40, 1, 40, 1, 40, 1, 40, 1, 40], 4, 2, [2, 6]),
        ([40], 0, 2, []),
        ([0] * 9, 4, 2, []),
    ],
)
def test_companions_are_the_nearest_frames_that_show_about_as_much(areas, frame, count, found) -> None:
    assert companions(run_of(areas), frame, lambda picture: picture, count) == found


@pytest.fixture(scope="module")
def case() -> SimulatedCase:
    return simulate_case("phantom", 5, frames=FRAMES, size=SIZE)


def registered(
    case: SimulatedCase, others: list[int], spoilt: tuple[int, ...] = ()
) -> tuple[list[FrameRegistration], list[int]]:
    """The frame, solved with others, and the frames whose vessels were asked for; `spoilt` ones are mirrored."""
    run, asked = case.run(), []
    number = {run.frames[frame].tobytes(): frame for frame in range(FRAMES)}

    def segment(image: np.ndarray) -> np.ndarray:
        frame = number[image.tobytes()]
        asked.append(frame)
        shown = project_model(case.model, case.c_arm, case.poses[frame]).silhouette.astype(np.float32)
        return np.ascontiguousarray(shown[:, ::-1]) if frame in spoilt else shown

    start = case.poses[FRAME].copy()
    start[:3, 3] += (6, -4, 5)
    return register_views(PoseModel.of(case.model), [(run, FRAME)], segment, start, companions=[others]), asked


def in_plane_mm(case: SimulatedCase, result: FrameRegistration) -> float:
    found = result.rigid_model_to_isocenter
    assert found is not None
    return float(projection_distances_mm(case.centerline_lps, found, case.poses[FRAME], case.c_arm).mean())


def test_only_the_frame_asked_for_is_reported_under_one_runs_name(case) -> None:
    results, asked = registered(case, [0, 3])
    assert [result.frame for result in results] == [FRAME]
    assert set(asked) == {FRAME, 0, 3}
    assert results[0].status is Status.REGISTERED
    assert results[0].joint_runs == (case.run().name,)
    assert in_plane_mm(case, results[0]) < 1.0


def test_a_frame_that_contradicts_is_left_out(case) -> None:
    [alone], _ = registered(case, [])
    [result], _ = registered(case, [3], spoilt=(3,))
    assert result.status is Status.REGISTERED
    assert alone.rigid_model_to_isocenter is not None
    np.testing.assert_allclose(result.rigid_model_to_isocenter, alone.rigid_model_to_isocenter)
    assert result.match is not None
    assert not any("other runs" in text for text in result.match.warnings)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--frames-per-run", "0"], "--frames-per-run 0 must be from 1 to 9"),
        (["--frames-per-run", "10"], "--frames-per-run 10 must be"),
        (["--frames-per-run", "3", "--all-frames"], "--all-frames takes each frame by itself"),
        (["--frames-per-run", "3", "--method", "affine"], "--method affine takes each frame by itself"),
        (["--frames-per-run", "3", "--mask", "mask.png"], "--mask takes each frame by itself"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(tmp_path, capsys, words, named) -> None:
    given = ["--model", "none.stl", "--xray", "none.dcm", "--output", str(tmp_path / "out")]
    assert main(["register", *given, *words]) == 2
    assert named in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_takes_more_frames_and_reports_one(tmp_path, capsys) -> None:
    import json

    write_case(simulate_case("phantom", 3, frames=6, size=192, model_cell_mm=2.0), tmp_path / "case")
    paths = ["--model", str(tmp_path / "case" / "model.stl"), "--xray", str(tmp_path / "case" / "run.dcm")]
    code = main(["register", *paths, "--frames-per-run", "3", "--output", str(tmp_path / "out")])
    assert code == 0
    assert len(json.loads((tmp_path / "out" / "registration.json").read_text())["poses"]) == 1
    assert "Traceback" not in capsys.readouterr().err
