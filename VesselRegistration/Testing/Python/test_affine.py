"""Affine matrices in pixels: regions of interest, normalized coordinates, and what a match means in 3-D."""

import math

import numpy as np
import pytest

from VesselRegistrationLib.affine import (
    RegionOfInterest,
    apply,
    decompose,
    frame_affine_to_isocenter,
    pixels_to_normalized,
    translation,
)
from VesselRegistrationLib.c_arm import CArm, ProjectionMode
from VesselSegmentationLib.errors import InputError


def test_normalized_coordinates_run_between_the_outer_edges_of_the_border_pixels() -> None:
    matrix = pixels_to_normalized(rows=4, columns=8)
    corners = apply(matrix, np.array([[-0.5, -0.5], [7.5, 3.5], [0, 0]]))
    np.testing.assert_allclose(corners, [[-1, -1], [1, 1], [-0.875, -0.75]])


def test_a_region_of_interest_carries_its_pixels_to_the_frame() -> None:
    roi = RegionOfInterest(100, 40, 30, 20).checked(rows=480, columns=640)
    np.testing.assert_allclose(apply(roi.to_frame(), np.array([[0, 0], [29, 19]])), [[100, 40], [129, 59]])


@pytest.mark.parametrize(
    "roi", [(-1, 0, 10, 10), (0, -3, 10, 10), (630, 0, 11, 10), (0, 470, 10, 11), (700, 500, 10, 10)]
)
def test_a_region_outside_the_frame_is_refused_with_the_frames_size(roi: tuple[int, int, int, int]) -> None:
    with pytest.raises(InputError, match="does not lie within the frame of 640 x 480 pixels"):
        RegionOfInterest(*roi).checked(rows=480, columns=640)


@pytest.mark.parametrize("roi", [(5, 5, 1, 10), (5, 5, 10, 0), (5, 5, -4, 10)])
def test_a_region_without_area_is_refused(roi: tuple[int, int, int, int]) -> None:
    with pytest.raises(InputError, match="smaller than 2 x 2"):
        RegionOfInterest(*roi).checked(rows=480, columns=640)


def test_a_turn_and_a_scale_are_told_apart_from_a_stretch() -> None:
    angle = math.radians(20)
    # Rows run downwards: this matrix turns what is seen clockwise.
    turn = np.array([[math.cos(angle), -math.sin(angle), 7], [math.sin(angle), math.cos(angle), 3], [0, 0, 1]])
    parts = decompose(turn @ np.diag([2.0, 2, 1]))
    assert parts.rotation_deg == pytest.approx(-20)
    assert parts.scale == pytest.approx(2)
    assert parts.anisotropy == pytest.approx(1)
    stretched = decompose(np.diag([3.0, 1.5, 1]))
    assert stretched.anisotropy == pytest.approx(2)
    assert stretched.scale == pytest.approx(math.sqrt(4.5))
    assert math.isnan(decompose(np.diag([-1.0, 1, 1])).scale)


@pytest.mark.parametrize("mode", list(ProjectionMode))
def test_the_3d_affine_of_a_match_projects_to_the_match_at_unchanged_depth(mode: ProjectionMode) -> None:
    c_arm = CArm(30, 20, 1000, 750, 512, 400, (0.4, 0.3), principal_point_px=(210.0, 240.0))
    points = np.random.default_rng(1).normal(0, 40, (50, 3))
    match = np.array([[1.1, 0.2, 10], [-0.1, 0.9, 4], [0, 0, 1]])
    affine = frame_affine_to_isocenter(match, c_arm, mode)
    before, after = c_arm.project(points, mode), c_arm.project(points @ affine[:3, :3].T + affine[:3, 3], mode)
    np.testing.assert_allclose(after[:, :2], apply(match, before[:, :2]), atol=1e-9)
    np.testing.assert_allclose(after[:, 2], before[:, 2], atol=1e-9)


def test_no_match_moves_nothing_in_3d() -> None:
    c_arm = CArm(-26.5, -32.7, 931, 720, 512, 512, (0.39, 0.39))
    np.testing.assert_allclose(frame_affine_to_isocenter(np.eye(3), c_arm), np.eye(4), atol=1e-9)


def test_a_shift_in_the_picture_is_a_shift_of_the_isocentre_plane_in_mm() -> None:
    c_arm = CArm(0, 0, 1000, 750, 512, 512, (0.4, 0.4))
    affine = frame_affine_to_isocenter(translation(10, 0), c_arm)
    # 10 pixels of 0.4 mm at the detector are 3 mm at the isocentre, towards the patient's left at 0 / 0.
    np.testing.assert_allclose(affine @ [0, 0, 0, 1], [3, 0, 0, 1], atol=1e-9)
