"""The rigid pose: found in mm from one view and from two, followed through a run, refused where it cannot be told."""

from __future__ import annotations

import dataclasses
import threading
from functools import cache

import numpy as np
import pytest

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.pose import cine
from VesselRegistrationLib.pose.affine_and_pose import pose_affine, pose_from_affine
from VesselRegistrationLib.pose.cine import follow_run
from VesselRegistrationLib.pose.estimation import (
    PoseEstimate,
    PoseModel,
    PoseSettings,
    PoseView,
    estimate_pose,
    pose_in_view,
)
from VesselRegistrationLib.pose.pose_model import shared_edges
from VesselRegistrationLib.pose.refusal import trust
from VesselRegistrationLib.pose.rigid import motion_between, motion_matrix, shifted, stepped
from VesselRegistrationLib.projection import silhouette, transform_points
from VesselRegistrationLib.registration import Status
from VesselRegistrationLib.simulation.anatomy import Branch
from VesselRegistrationLib.simulation.meshing import mesh_branches
from VesselSegmentationLib.errors import InputError

FRONT = CArm(10.0, 5.0, 1000.0, 750.0, 192, 192, (1.2, 1.2))
SIDE = dataclasses.replace(FRONT, primary_angle_deg=-45.0)
QUICK = PoseSettings(turns=32, candidates=6, refined=2)


def tube(name: str, points: list[tuple[float, float, float]], radius: float, parent: str | None) -> Branch:
    along = np.linspace(0, len(points) - 1, 60)
    path = np.stack([np.interp(along, np.arange(len(points)), np.array(points)[:, axis]) for axis in range(3)], axis=1)
    return Branch(name, path, np.full(60, radius), parent)


@cache
def tree(wider_mm: float = 0.0) -> PoseModel:
    branches = (
        tube("trunk", [(0, 0, 55), (4, -6, 15), (0, 0, -15)], 6.0 + wider_mm, None),
        tube("left", [(0, 0, -15), (22, 8, -35), (30, -12, -60)], 4.0 + wider_mm, "trunk"),
        tube("right", [(0, 0, -15), (-18, -12, -40), (-34, 6, -55)], 3.5 + wider_mm, "trunk"),
        tube("side", [(4, -6, 15), (30, -22, 22), (42, -10, 40)], 3.0 + wider_mm, "trunk"),
    )
    return PoseModel.of(mesh_branches(branches, 1.6))


@cache
def straight_tube() -> PoseModel:
    return PoseModel.of(mesh_branches((tube("trunk", [(0, 0, 130), (0, 0, 0), (0, 0, -130)], 6.0, None),), 2.0))


def true_pose(shift: tuple[float, float, float] = (9.0, -6.0, 7.0)) -> np.ndarray:
    return motion_matrix(np.array([*np.radians([4.0, -3.0, 5.0]), *shift]), np.zeros(3))


def view_of(model: PoseModel, c_arm: CArm, pose: np.ndarray, table: tuple[float, float, float] = (0, 0, 0)) -> PoseView:
    shift = np.array(table, dtype=float)
    points = transform_points(pose, model.model.points_lps) + shift
    seen = silhouette(points, model.model.triangles, c_arm)
    return PoseView(c_arm, seen.astype(np.float32), shift)


def in_plane_mm(model: PoseModel, found: np.ndarray, true: np.ndarray, c_arm: CArm) -> float:
    one, other = (c_arm.project(transform_points(pose, model.centerline_lps))[:, :2] for pose in (found, true))
    return float(np.linalg.norm(one - other, axis=1).mean() * c_arm.pixel_size_at_isocenter_mm())


def mtre_mm(model: PoseModel, found: np.ndarray, true: np.ndarray) -> float:
    one, other = (transform_points(pose, model.centerline_lps) for pose in (found, true))
    return float(np.linalg.norm(one - other, axis=1).mean())


@cache
def from_one_view() -> PoseEstimate:
    return estimate_pose(tree(), [view_of(tree(), FRONT, true_pose())], np.eye(4), QUICK)


def test_one_view_tells_the_pose_in_the_picture_and_says_that_it_hardly_sees_the_depth() -> None:
    found = from_one_view()
    assert found.status is Status.REGISTERED, found.reason
    assert in_plane_mm(tree(), found.model_to_isocenter, true_pose(), FRONT) < 0.5
    assert found.expected_depth_error_mm > 2 * found.expected_in_plane_error_mm
    assert found.expected_in_plane_error_mm < found.in_plane_error_bound_mm < 5
    np.testing.assert_allclose(
        found.model_to_isocenter[:3, :3] @ found.model_to_isocenter[:3, :3].T, np.eye(3), atol=1e-9
    )


def test_two_views_with_a_table_move_between_them_tell_the_pose_in_space() -> None:
    views = [view_of(tree(), FRONT, true_pose()), view_of(tree(), SIDE, true_pose(), (0.0, -12.0, 8.0))]
    found = estimate_pose(tree(), views, np.eye(4), QUICK)
    assert found.status is Status.REGISTERED, found.reason
    assert mtre_mm(tree(), found.model_to_isocenter, true_pose()) < 0.5
    assert found.expected_depth_error_mm < from_one_view().expected_depth_error_mm
    np.testing.assert_allclose(pose_in_view(found, views[1])[:3, 3] - found.model_to_isocenter[:3, 3], [0, -12, 8])


def test_a_breath_between_two_views_is_told_from_an_error_of_the_pose() -> None:
    breath = (0.0, -1.0, 5.0)
    breathed = np.array(true_pose())
    breathed[:3, 3] += breath
    views = [view_of(tree(), FRONT, true_pose()), view_of(tree(), SIDE, breathed)]
    found = estimate_pose(tree(), views, np.eye(4), QUICK)
    assert found.status is Status.REGISTERED, found.reason
    for number, true in enumerate((true_pose(), breathed)):
        seen = found.in_view(number)
        assert mtre_mm(tree(), seen.model_to_isocenter, true) < 1.5
        assert seen.in_view(number) is seen
    apart = found.in_view(1).model_to_isocenter[:3, 3] - found.in_view(0).model_to_isocenter[:3, 3]
    assert 2.5 < apart[2] < 5.5


def test_a_tree_that_is_partly_filled_is_found_all_the_same() -> None:
    view = view_of(tree(), FRONT, true_pose())
    filled = view.probability.copy()
    filled[:, 112:] = 0
    found = estimate_pose(tree(), [dataclasses.replace(view, probability=filled)], np.eye(4), QUICK)
    assert in_plane_mm(tree(), found.model_to_isocenter, true_pose(), FRONT) < 1.5


@pytest.mark.parametrize(("wider_mm", "where"), [(1.5, "outside"), (-1.2, "inside")])
def test_a_model_wider_or_narrower_than_the_vessel_is_laid_on_its_middle_and_told(wider_mm: float, where: str) -> None:
    seen = view_of(tree(), FRONT, true_pose())
    half_hidden = seen.probability.copy()
    half_hidden[:, :80] = 0  # so that walls on one side weigh more
    found = estimate_pose(tree(wider_mm), [dataclasses.replace(seen, probability=half_hidden)], np.eye(4), QUICK)
    assert found.status is Status.REGISTERED, found.reason
    assert in_plane_mm(tree(), found.model_to_isocenter, true_pose(), FRONT) < 0.8
    told, side = found.warnings[0].removeprefix("The model's outline lies about ").split(" mm ")
    assert float(told) == pytest.approx(abs(wider_mm), abs=0.4)
    assert side.startswith(where)
    assert from_one_view().warnings == ()


def test_errors_are_larger_for_points_further_from_what_is_seen_and_color_each_point() -> None:
    view = view_of(tree(), FRONT, true_pose())
    points = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 400.0]])
    errors = from_one_view().point_errors_mm(points, view)
    assert errors.shape == (2, 2)
    assert np.all(errors[1] > errors[0])


@pytest.mark.parametrize(("share", "word"), [(0.0, "No vessels"), (1.0, "not a vessel tree")])
def test_an_empty_and_a_flooded_mask_are_refused_with_their_reason(share: float, word: str) -> None:
    view = PoseView(FRONT, np.full((192, 192), share, dtype=np.float32))
    found = estimate_pose(tree(), [view], np.eye(4), QUICK)
    assert found.is_refused
    assert word in found.reason
    assert np.isnan(found.expected_in_plane_error_mm)
    assert np.isnan(found.point_errors_mm(np.zeros((2, 3)), view)).all()


def test_a_straight_tube_that_runs_out_of_the_picture_is_refused_for_it_slides_along_itself() -> None:
    pose = motion_matrix(np.array([0, 0, 0, 6.0, 0, 15.0]), np.zeros(3))
    small = dataclasses.replace(FRONT, primary_angle_deg=0.0, secondary_angle_deg=0.0, spacing_mm=(0.8, 0.8))
    found = estimate_pose(straight_tube(), [view_of(straight_tube(), small, pose)], np.eye(4), QUICK)
    assert found.is_refused
    assert "cannot tell" in found.reason


def test_the_picture_of_another_tree_is_refused() -> None:
    other = view_of(tree(), FRONT, true_pose())
    upside_down = dataclasses.replace(other, probability=np.ascontiguousarray(other.probability[::-1]))
    found = estimate_pose(tree(), [upside_down], np.eye(4), QUICK)
    assert found.is_refused
    assert "outline" in found.reason


def test_the_same_seed_gives_the_same_pose() -> None:
    view = view_of(tree(), FRONT, true_pose())
    again = estimate_pose(tree(), [view], np.eye(4), QUICK)
    np.testing.assert_array_equal(again.model_to_isocenter, from_one_view().model_to_isocenter)


def test_a_run_is_followed_and_an_empty_frame_in_it_is_flagged_without_losing_the_next() -> None:
    poses = [true_pose((9.0 + 1.5 * np.sin(frame), -6.0, 7.0 + 2 * np.sin(2 * frame))) for frame in range(5)]
    views = [view_of(tree(), FRONT, pose) for pose in poses]
    views[3] = PoseView(FRONT, np.zeros((192, 192), dtype=np.float32))
    seen: list[tuple[int, int]] = []
    found = follow_run(tree(), views, np.eye(4), QUICK, lambda done, total: seen.append((done, total)))
    assert [estimate.is_refused for estimate in found] == [False, False, False, True, False]
    for frame in (0, 1, 2, 4):
        assert in_plane_mm(tree(), found[frame].model_to_isocenter, poses[frame], FRONT) < 0.7
    assert seen[-1] == (5, 5)


def test_a_run_without_vessels_is_refused_frame_by_frame() -> None:
    views = [PoseView(FRONT, np.zeros((192, 192), dtype=np.float32))] * 3
    assert all(estimate.is_refused for estimate in follow_run(tree(), views, np.eye(4), QUICK))


def views_with(amounts: list[int]) -> list[PoseView]:
    """Each with so many pixels of vessel."""
    pictures = np.zeros((len(amounts), 192, 192), dtype=np.float32)
    for picture, amount in zip(pictures, amounts, strict=True):
        picture.flat[:amount] = 1
    return [PoseView(FRONT, picture) for picture in pictures]


def followed_by_search(
    monkeypatch: pytest.MonkeyPatch, amounts: list[int], solved: int | None
) -> tuple[list[int], list[PoseEstimate]]:
    """Vessel in the frames that were searched when only the one with `solved` can be, and what came of all."""
    searched: list[int] = []

    def search(model, views, start, settings) -> PoseEstimate:
        searched.append(int(views[0].probability.sum()))
        found = dataclasses.replace(from_one_view(), status=Status.REGISTERED)
        return found if searched[-1] == solved else without_good_fit(found)

    def without_good_fit(found: PoseEstimate) -> PoseEstimate:
        return dataclasses.replace(found, status=Status.REFUSED, reason="it cannot tell")

    monkeypatch.setattr(cine, "estimate_pose", search)
    monkeypatch.setattr(cine, "improve_pose", lambda *_: without_good_fit(from_one_view()))
    seen: list[tuple[int, int]] = []
    found = follow_run(tree(), views_with(amounts), np.eye(4), QUICK, lambda *done: seen.append(done))
    assert seen[-1] == (len(amounts), len(amounts))
    return searched, found


def test_where_contrast_fades_out_only_fuller_frames_are_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    amounts = [15, 20, 100, 40, 25, 49, 45]
    searched, found = followed_by_search(monkeypatch, amounts, solved=100)
    assert searched[0] == 100
    assert sorted(searched[1:]) == [20, 40, 49]  # both directions at once: 40 then 49, and 20
    assert [estimate.is_refused for estimate in found] == [amount != 100 for amount in amounts]
    assert all("it cannot tell" in estimate.reason for estimate in found if estimate.is_refused)


def test_of_a_run_that_cannot_be_solved_the_fullest_frames_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    amounts = [10, 90, 20, 80, 30, 70, 40, 60, 50]
    searched, found = followed_by_search(monkeypatch, amounts, solved=None)
    assert searched == [90, 80, 70, 60, 50, 40]
    assert all(estimate.is_refused and "it cannot tell" in estimate.reason for estimate in found)


def test_a_pose_that_no_other_full_frame_has_was_found_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    amounts = [30, 90, 60, 80, 55]
    searched, found = followed_by_search(monkeypatch, amounts, solved=90)
    assert all(estimate.is_refused for estimate in found)
    assert "does not hold in others" in found[1].reason
    assert [amount for amount in amounts if amount not in searched] == []


@pytest.mark.parametrize(
    ("explained", "apart_mm", "lost", "asked", "is_refused"),
    [(0.9, 10, 0, [], False), (0.2, 1, 0, [90], False), (0.2, 10, 0, [90], True), (0.2, 10, 90, [80], True)],
)
def test_a_hardly_trusted_pose_needs_another_frame_that_agrees(
    monkeypatch: pytest.MonkeyPatch, explained: float, apart_mm: float, lost: int, asked: list[int], is_refused: bool
) -> None:
    """`lost` is the vessel in a frame to which the pose cannot be followed."""
    one = from_one_view()
    quality = dataclasses.replace(one.quality, told=explained, explained=explained, covered=explained, lead=0.0)
    first = dataclasses.replace(one, status=Status.REGISTERED, quality=quality)
    assert (trust(quality, first.expected_in_plane_error_mm) >= cine.SURE_TRUST) == (not asked)
    searched: list[int] = []

    def follow(model, views, last, near) -> PoseEstimate:
        is_lost = views[0].probability.sum() == lost
        status, reason = (Status.REFUSED, "it cannot tell") if is_lost else (Status.REGISTERED, "")
        followed = None if is_lost else quality  # without a fit it is not searched anew
        return dataclasses.replace(first, model_to_isocenter=last, status=status, reason=reason, quality=followed)

    def search(model, views, start, settings) -> PoseEstimate:
        searched.append(int(views[0].probability.sum()))
        pose = shifted(first.model_to_isocenter, np.array([apart_mm * (len(searched) > 1), 0, 0]))
        return dataclasses.replace(first, model_to_isocenter=pose)

    monkeypatch.setattr(cine, "estimate_pose", search)
    monkeypatch.setattr(cine, "improve_pose", follow)
    amounts = [80, 100, 90]
    found = follow_run(tree(), views_with(amounts), np.eye(4), QUICK)
    assert searched == [100, *asked]
    followed = [estimate for estimate, amount in zip(found, amounts, strict=True) if amount != lost]
    assert {estimate.is_refused for estimate in followed} == {is_refused}
    assert all(("contradict each other" in estimate.reason) == is_refused for estimate in followed)
    assert sum(estimate.reason == "it cannot tell" for estimate in found) == (lost > 0)


def test_a_stop_while_a_run_is_followed_leaves_no_thread() -> None:
    views, threads = [view_of(tree(), FRONT, true_pose())] * 5, threading.active_count()

    def stopping(done: int, _: int) -> None:
        if done > 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow_run(tree(), views, np.eye(4), QUICK, stopping)
    assert threading.active_count() == threads


@pytest.mark.parametrize(
    "start", [np.eye(3), np.diag([2.0, 1, 1, 1]), np.diag([-1.0, 1, 1, 1]), np.full((4, 4), np.nan)]
)
def test_a_start_that_is_no_rigid_pose_is_an_error(start: np.ndarray) -> None:
    with pytest.raises(InputError, match="start pose"):
        estimate_pose(tree(), [view_of(tree(), FRONT, true_pose())], start, QUICK)


def test_impossible_settings_and_no_views_are_errors() -> None:
    with pytest.raises(InputError, match="threshold"):
        PoseSettings(threshold=1.0)
    with pytest.raises(InputError, match="at least one turn"):
        PoseSettings(turns=0)
    with pytest.raises(InputError, match="degrees"):
        PoseSettings(start_turn_deg=0)
    with pytest.raises(InputError, match="at least one view"):
        estimate_pose(tree(), [], np.eye(4))


def test_a_pose_and_its_own_affine_lead_to_each_other() -> None:
    pose = true_pose()
    affine = pose_affine(tree(), FRONT, np.eye(4), pose)
    back, alarm = pose_from_affine(tree(), FRONT, np.eye(4), affine)
    assert not alarm
    assert in_plane_mm(tree(), back, pose, FRONT) < 1.0


@pytest.mark.parametrize(
    ("affine", "word"),
    [(np.diag([1.3, 1.0, 1.0]), "stretches"), (np.diag([1.3, 1.3, 1.0]), "scales")],
)
def test_an_affine_that_no_rigid_motion_makes_raises_an_alarm(affine: np.ndarray, word: str) -> None:
    _, alarm = pose_from_affine(tree(), FRONT, np.eye(4), affine)
    assert word in alarm


def test_motions_compose_and_are_recovered_from_two_poses() -> None:
    pivot = np.array([10.0, -5.0, 3.0])
    first, second = np.array([0.1, -0.2, 0.05, 3.0, -1.0, 2.0]), np.array([0.02, 0.01, -0.03, -0.5, 0.4, 0.1])
    whole = stepped(first[None], second[None])[0]
    point = np.array([[40.0, 2.0, -7.0]])
    after_first = transform_points(motion_matrix(first, pivot), point)
    expected = transform_points(motion_matrix(second, pivot + first[3:]), after_first)
    np.testing.assert_allclose(transform_points(motion_matrix(whole, pivot), point), expected, atol=1e-9)
    np.testing.assert_allclose(motion_between(np.eye(4), motion_matrix(whole, pivot), pivot), whole, atol=1e-9)


def test_every_edge_of_a_closed_surface_is_shared_by_two_triangles() -> None:
    edges, owners = shared_edges(np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]]))
    assert sorted(map(tuple, edges.tolist())) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert (owners[:, 0] != owners[:, 1]).all()
