"""One frame from model and run to match: what is registered, what is refused, and what is not computable."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from VesselRegistrationLib.affine import RegionOfInterest, apply
from VesselRegistrationLib.matching import AffineMatcher, MatchSettings
from VesselRegistrationLib.pose.pose_model import PoseModel
from VesselRegistrationLib.pose_registration import register_views
from VesselRegistrationLib.projection import project_model, transform_points
from VesselRegistrationLib.registration import (
    FrameRegistration,
    RegistrationSettings,
    Status,
    automatic_roi,
    register_frame,
)
from VesselRegistrationLib.registration_pictures import (
    frame_pictures,
    projection_picture,
    summary_figure,
    summary_sheet,
)
from VesselRegistrationLib.simulation.cases import SimulatedCase, simulate_case
from VesselRegistrationLib.xray_run import Origin, Sourced
from VesselSegmentationLib.errors import InputError, MissingGeometryError

MATCHER = AffineMatcher(None)


@pytest.fixture(scope="module")
def case() -> SimulatedCase:
    return simulate_case("phantom", 11, frames=3, size=256, model_cell_mm=2.0)


def shifted(case: SimulatedCase, right_mm: float, up_mm: float) -> np.ndarray:
    """The true pose of the last frame, moved across the beam."""
    pose = case.poses[2].copy()
    right, up, _ = case.c_arm.axes_lps()
    pose[:3, 3] += right_mm * right + up_mm * up
    return pose


def registered(case: SimulatedCase, pose: np.ndarray, probability: np.ndarray | None = None) -> FrameRegistration:
    truth = project_model(case.model, case.c_arm, case.poses[2]).silhouette.astype(np.float32)
    found = truth if probability is None else probability
    return register_frame(case.model, case.run(), 2, lambda _: found, MATCHER, None, pose)


def test_a_shifted_model_is_laid_back_on_its_vessels(case: SimulatedCase) -> None:
    result = registered(case, shifted(case, 9, -6))
    assert result.status is Status.REGISTERED
    assert result.reason == ""
    assert result.match is not None
    points = case.centerline_lps
    truth = case.c_arm.project(transform_points(case.poses[2], points))[:, :2]
    start = case.c_arm.project(transform_points(result.model_to_isocenter, points))[:, :2]
    inside = np.all((truth > 0) & (truth < 255) & (start > 0) & (start < 255), axis=1)
    before = np.linalg.norm(start - truth, axis=1)[inside].mean()
    after = np.linalg.norm(apply(result.match.projection_to_frame, start) - truth, axis=1)[inside].mean()
    assert before > 10
    assert after < 0.3 * before


def test_the_matched_model_in_3d_projects_where_the_match_says(case: SimulatedCase) -> None:
    result = registered(case, shifted(case, 9, -6))
    assert result.match is not None
    points = case.centerline_lps
    start = case.c_arm.project(transform_points(result.model_to_isocenter, points))[:, :2]
    carried = case.c_arm.project(result.matched_points_lps(points))[:, :2]
    np.testing.assert_allclose(carried, apply(result.match.projection_to_frame, start), atol=1e-6)


def test_an_empty_and_a_flooded_mask_are_refused_with_a_reason(case: SimulatedCase) -> None:
    empty = registered(case, case.poses[2], np.zeros((256, 256), np.float32))
    flooded = registered(case, case.poses[2], np.ones((256, 256), np.float32))
    assert empty.status is flooded.status is Status.REFUSED
    assert "No vessels were found" in empty.reason
    assert "covers 100% of the frame" in flooded.reason
    assert empty.match is flooded.match is None
    assert set(frame_pictures(empty)) == {"frame.png", "mask.png", "projection.png"}


def test_a_mask_of_something_else_is_refused(case: SimulatedCase) -> None:
    speckle = (np.random.default_rng(1).random((256, 256)) > 0.985).astype(np.float32)
    result = registered(case, case.poses[2], speckle)
    assert result.status is Status.REFUSED
    assert "of the vessels' outline (36% is needed)" in result.reason


@pytest.mark.parametrize("region", ["upper", "coronary"])
def test_what_of_the_outline_is_explained_decides_not_the_overlap(region: str) -> None:
    case = simulate_case(region, 7, frames=3, size=256, model_cell_mm=2.0)
    truth = project_model(case.model, case.c_arm, case.poses[2]).silhouette.astype(np.float32)
    start, filled = shifted(case, 9, -6), truth.copy()
    filled[80:] = 0
    partly, mirrored = (registered(case, start, vessels) for vessels in (filled, np.ascontiguousarray(truth[:, ::-1])))
    assert partly.match is not None
    assert mirrored.match is not None
    assert partly.status is Status.REGISTERED
    assert partly.match.unexplained < 0.45
    assert mirrored.status is Status.REFUSED
    assert mirrored.match.overlap.dsc > 0.3


def test_without_steps_the_overlap_decides(case: SimulatedCase) -> None:
    truth = project_model(case.model, case.c_arm, case.poses[2]).silhouette.astype(np.float32)

    def result(pose: np.ndarray) -> FrameRegistration:
        settings = RegistrationSettings(match=MatchSettings(steps=0))
        return register_frame(case.model, case.run(), 2, lambda _: truth, MATCHER, None, pose, settings)

    near, far = result(case.poses[2]), result(shifted(case, 60, 40))
    assert near.status is Status.REGISTERED
    assert near.match is not None
    assert np.isnan(near.match.unexplained)
    assert far.status is Status.REFUSED
    assert "DSC of only" in far.reason


def test_a_higher_threshold_marks_less_vessel(case: SimulatedCase) -> None:
    truth = project_model(case.model, case.c_arm, case.poses[2]).silhouette
    soft = np.where(truth, 0.6, 0.1).astype(np.float32)
    soft[:, :128] = np.where(truth[:, :128], 0.9, 0.1)
    low, high = (
        register_frame(
            case.model,
            case.run(),
            2,
            lambda _: soft,
            MATCHER,
            None,
            case.poses[2],
            RegistrationSettings(threshold=threshold),
        )
        for threshold in (0.5, 0.8)
    )
    assert high.vessels.sum() < low.vessels.sum()
    assert not high.vessels[:, 128:].any()


def test_the_automatic_region_is_the_models_box_with_a_margin() -> None:
    silhouette = np.zeros((200, 300), bool)
    silhouette[50:150, 100:220] = True
    assert automatic_roi(silhouette) == RegionOfInterest(x=94, y=45, width=132, height=110)
    silhouette[0, 0] = silhouette[-1, -1] = True
    assert automatic_roi(silhouette) == RegionOfInterest(0, 0, 300, 200)


def test_a_model_outside_the_picture_is_said_to_be_there(case: SimulatedCase) -> None:
    with pytest.raises(InputError, match="wholly outside the picture"):
        registered(case, shifted(case, 400, 0))


def test_a_frame_that_does_not_exist_is_refused(case: SimulatedCase) -> None:
    with pytest.raises(InputError, match="frames 0 to 2"):
        register_frame(case.model, case.run(), 3, lambda image: image.astype(np.float32), MATCHER)


def test_a_run_without_sid_cannot_be_projected_and_says_so(case: SimulatedCase) -> None:
    run = case.run()
    blind = dataclasses.replace(run.geometry[0], sid=Sourced.missing("mm"))
    without = dataclasses.replace(run, geometry=(blind,) * 3)
    assert blind.sid.origin is Origin.MISSING
    with pytest.raises(MissingGeometryError, match="source-to-detector distance"):
        register_frame(case.model, without, 2, lambda image: image.astype(np.float32), MATCHER)


def test_the_projection_is_darker_where_the_ray_is_longer(case: SimulatedCase) -> None:
    projection = project_model(case.model, case.c_arm, case.poses[2])
    picture = projection_picture(projection)[:, :, 0].astype(int)
    length = projection.path_length_mm
    assert length is not None
    thick, thin = length > np.percentile(length[length > 0], 80), (length > 0) & (length < 2)
    assert picture[thick].mean() < picture[thin].mean() < picture[length == 0].mean()


def test_the_summary_sheet_is_a_picture_for_registered_and_refused_frames(case: SimulatedCase) -> None:
    for result in (registered(case, case.poses[2]), registered(case, case.poses[2], np.zeros((256, 256), np.float32))):
        assert summary_sheet(result).startswith(b"\x89PNG")


def test_the_titles_of_the_summary_sheet_stay_over_their_pictures(case: SimulatedCase) -> None:
    model, start = PoseModel.of(case.model), case.poses[2]
    by_pose = register_views(model, [(case.run(), 2)], lambda _: case.masks[2].astype(np.float32), start)[0]
    assert by_pose.pose is not None
    for result in (registered(case, start), by_pose):
        figure = summary_figure(result)
        figure.canvas.draw()
        for axes in figure.axes:
            title, picture = axes.title.get_window_extent(), axes.get_window_extent()
            assert picture.x0 - 5 <= title.x0 < title.x1 <= picture.x1 + 5, axes.get_title()
            assert not any(title.overlaps(other.get_window_extent()) for other in figure.axes), axes.get_title()
