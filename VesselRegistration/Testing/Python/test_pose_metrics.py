"""The field's error measures on cases that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.pose import metrics
from VesselSegmentationLib.errors import InputError

FRONT = CArm(0.0, 0.0, 1000.0, 750.0, 512, 512, (0.4, 0.2))
"""Looks along -P: right is L, up is S, and the beam runs to A (-y). Rows are 0.4 mm, columns 0.2 mm."""
MIDDLE = np.zeros((1, 3))


def shifted(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, 3] = (x, y, z)
    return pose


def test_a_shift_is_the_error_of_every_point_in_space() -> None:
    points = np.array([[0.0, 0.0, 0.0], [10.0, -50.0, 20.0]])
    np.testing.assert_allclose(metrics.target_errors_mm(points, shifted(3, 4, 12), np.eye(4)), [13, 13])


def test_a_shift_splits_into_what_the_picture_shows_and_what_it_hides() -> None:
    parts = metrics.error_parts_mm(MIDDLE, shifted(3, -12, 4), np.eye(4), FRONT)
    np.testing.assert_allclose(parts, [[5, 12]])


def test_projections_are_compared_in_the_plane_of_the_isocenter() -> None:
    across = metrics.projection_distances_mm(MIDDLE, shifted(3, 0, 4), np.eye(4), FRONT)
    np.testing.assert_allclose(across, [5.0])
    # The point (10, -50, 0) is 800 mm from the source: a shift of 8 mm shows as 8 * 750 / 800 = 7.5 mm.
    deep = metrics.projection_distances_mm(np.array([[10.0, -50, 0]]), shifted(8), np.eye(4), FRONT)
    np.testing.assert_allclose(deep, [7.5])


def test_pixels_that_are_not_square_count_as_they_are() -> None:
    distances = metrics.picture_distances_mm(np.array([[20.0, 0], [0, 10.0]]), np.zeros((2, 2)), FRONT)
    np.testing.assert_allclose(distances, [20 * 0.2 * 0.75, 10 * 0.4 * 0.75])


def test_a_move_along_the_beam_is_no_reprojection_error_in_the_middle_and_a_little_aside() -> None:
    along = shifted(0, -10, 0)
    assert metrics.reprojection_distances_mm(MIDDLE, along, np.eye(4), FRONT)[0] == pytest.approx(0)
    assert metrics.projection_distances_mm(MIDDLE, along, np.eye(4), FRONT)[0] == pytest.approx(0)
    # The true point (100, 0, 0) and the ray through (100, -10, 0) from the source at (0, 750, 0).
    aside = metrics.reprojection_distances_mm(np.array([[100.0, 0, 0]]), along, np.eye(4), FRONT)
    np.testing.assert_allclose(aside, [100 * 10 / np.hypot(100, 760)])


def test_a_move_across_the_beam_is_the_distance_from_the_ray() -> None:
    errors = metrics.reprojection_distances_mm(MIDDLE, shifted(30), np.eye(4), FRONT)
    np.testing.assert_allclose(errors, [750 * 30 / np.hypot(750, 30)])


def test_the_means_come_together() -> None:
    points = np.array([[0.0, 0, 0], [0.0, 0, 0]])
    errors = metrics.pose_errors(points, shifted(3, -12, 4), np.eye(4), FRONT)
    assert (errors.mtre_mm, errors.in_plane_mm, errors.depth_mm) == pytest.approx((13, 5, 12))
    assert errors.mpd_mm == pytest.approx(5 * 750 / 762)
    assert errors.mrpd_mm < 5


def test_named_points_have_errors_by_name() -> None:
    turn = np.diag([-1.0, -1, 1, 1])  # half a turn about the head-foot axis
    points = {"ostium": np.array([5.0, 0, 0]), "bifurcation": np.array([0.0, 0, 70])}
    assert metrics.named_target_errors_mm(points, turn, np.eye(4)) == {"ostium": 10.0, "bifurcation": 0.0}
    assert metrics.named_target_errors_mm({}, turn, np.eye(4)) == {}


def test_points_outside_the_picture_are_told() -> None:
    points = np.array([[0.0, 0, 0], [0.0, 0, 200], [0.0, 800, 0]])  # the last one is behind the source
    assert metrics.in_picture(points, np.eye(4), FRONT).tolist() == [True, False, False]


def test_success_counts_refused_ones_as_failures() -> None:
    assert metrics.success_share([0.5, 2.9, 3.0, float("nan")], 3.0) == 0.5
    assert np.isnan(metrics.success_share([], 3.0))
    assert metrics.root_mean_square([3.0, 4.0]) == pytest.approx(np.sqrt(12.5))
    assert np.isnan(metrics.root_mean_square([]))


def test_the_capture_range_ends_before_the_first_interval_that_fails() -> None:
    starts = [0.5, 1.5, 1.6, 2.5, 3.5]
    assert metrics.capture_range_mm(starts, [1, 1, 1, 9, 1], 3.0) == 2.0
    assert metrics.capture_range_mm(starts, [1, 1, 1, 1, 1], 3.0) == 3.5
    assert metrics.capture_range_mm(starts, [float("nan"), 1, 1, 1, 1], 3.0) == 0.0
    # 19 of 20 succeed in the first interval, 18 of 20 in the second.
    many = [0.5] * 20 + [1.5] * 20
    assert metrics.capture_range_mm(many, [1] * 19 + [9] + [1] * 18 + [9] * 2, 3.0) == 1.0
    assert metrics.capture_range_mm([0.5, 7.5], [1, 1], 3.0, bin_mm=5.0) == 7.5
    assert np.isnan(metrics.capture_range_mm([], [], 3.0))


@pytest.mark.parametrize(
    ("starts", "errors", "bin_mm"), [([1.0], [1.0, 2.0], 1.0), ([-1.0], [1.0], 1.0), ([1.0], [1.0], 0.0)]
)
def test_what_gives_no_capture_range_is_refused(starts: list[float], errors: list[float], bin_mm: float) -> None:
    with pytest.raises(InputError):
        metrics.capture_range_mm(starts, errors, 3.0, bin_mm=bin_mm)


@pytest.mark.parametrize("points", [np.zeros((0, 3)), np.zeros(3), np.full((1, 3), np.nan)])
def test_errors_need_points(points: np.ndarray) -> None:
    with pytest.raises(InputError, match="points"):
        metrics.pose_errors(points, np.eye(4), np.eye(4), FRONT)
