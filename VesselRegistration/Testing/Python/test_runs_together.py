"""Several runs solved together, and one that spoils the rest."""

from __future__ import annotations

import numpy as np
import pytest

from VesselRegistrationLib.pose.estimation import PoseModel
from VesselRegistrationLib.pose.metrics import projection_distances_mm
from VesselRegistrationLib.pose_registration import register_views
from VesselRegistrationLib.projection import project_model
from VesselRegistrationLib.registration import FrameRegistration, Status
from VesselRegistrationLib.simulation.cases import SimulatedCase, simulate_runs

FRAME = 1


@pytest.fixture(scope="module")
def cases() -> list[SimulatedCase]:
    return simulate_runs("phantom", 5, 2, frames=2, size=256)


def vessels_of(case: SimulatedCase, up_mm: float = 0) -> np.ndarray:
    pose = case.poses[FRAME].copy()
    pose[2, 3] += up_mm
    return project_model(case.model, case.c_arm, pose).silhouette.astype(np.float32)


def registered(cases: list[SimulatedCase], vessels: list[np.ndarray]) -> list[FrameRegistration]:
    """Both runs, each of which shows these vessels; the start is a little off."""
    runs = [case.run() for case in cases]
    pictures = {run.frames[FRAME].tobytes(): picture for run, picture in zip(runs, vessels, strict=True)}
    start = cases[0].poses[FRAME].copy()
    start[:3, 3] += (6, -4, 5)
    model = PoseModel.of(cases[0].model)
    return register_views(model, [(run, FRAME) for run in runs], lambda image: pictures[image.tobytes()], start)


def in_plane_mm(case: SimulatedCase, result: FrameRegistration) -> float:
    found = result.rigid_model_to_isocenter
    assert found is not None
    return float(projection_distances_mm(case.centerline_lps, found, case.poses[FRAME], case.c_arm).mean())


def test_runs_that_agree_are_solved_together(cases: list[SimulatedCase]) -> None:
    results = registered(cases, [vessels_of(case) for case in cases])
    assert [result.status for result in results] == [Status.REGISTERED] * 2
    assert {result.joint_runs for result in results} == {tuple(case.run().name for case in cases)}
    assert max(in_plane_mm(case, result) for case, result in zip(cases, results, strict=True)) < 1.0


@pytest.mark.parametrize("what", ["mirrored", "empty"])
def test_a_run_that_spoils_the_rest_is_refused_alone(cases: list[SimulatedCase], what: str) -> None:
    good, other = (vessels_of(case) for case in cases)
    spoilt = np.ascontiguousarray(other[:, ::-1]) if what == "mirrored" else np.zeros_like(other)
    first, second = registered(cases, [good, spoilt])
    assert first.status is Status.REGISTERED
    assert len(first.joint_runs) == 1
    assert in_plane_mm(cases[0], first) < 1.0
    assert first.match is not None
    assert any("Solved without the other runs: together they are refused" in text for text in first.match.warnings)
    assert second.status is Status.REFUSED
    assert second.reason


def test_a_heartbeat_between_runs_is_followed_and_a_greater_distance_contradicts(cases: list[SimulatedCase]) -> None:
    beaten = registered(cases, [vessels_of(cases[0]), vessels_of(cases[1], up_mm=8)])
    assert [result.status for result in beaten] == [Status.REGISTERED] * 2
    assert len(beaten[0].joint_runs) == 2
    assert in_plane_mm(cases[0], beaten[0]) < 1.0
    assert beaten[1].rigid_model_to_isocenter is not None
    assert beaten[1].rigid_model_to_isocenter[2, 3] - cases[1].poses[FRAME][2, 3] == pytest.approx(8, abs=1.0)
    apart = registered(cases, [vessels_of(cases[0]), vessels_of(cases[1], up_mm=20)])
    refused = [result for result in apart if result.status is Status.REFUSED]
    assert len(refused) == 1
    assert f"It contradicts the surest of the runs ({cases[0].run().name})" in refused[0].reason


def test_runs_of_which_none_can_be_registered_are_refused_together(cases: list[SimulatedCase]) -> None:
    results = registered(cases, [np.zeros((256, 256), np.float32)] * 2)
    assert [result.status for result in results] == [Status.REFUSED] * 2
    assert all("No vessels were found" in result.reason for result in results)
