"""The C-arm formulas against golden values, and what they refuse."""

import dataclasses
import math

import numpy as np
import pytest

from VesselRegistrationLib.c_arm import CArm, ProjectionMode
from VesselSegmentationLib.errors import InputError

SIMPLE = CArm(0, 0, 1000, 750, 512, 512, (0.4, 0.4))

GOLDEN = [
    (0, 0, 1000, 750, 0.4, (10, 0, 0), (288.8333, 255.5, 750)),
    (0, 0, 1000, 750, 0.4, (0, 0, 10), (255.5, 222.1667, 750)),
    (0, 0, 1000, 750, 0.4, (10, -50, 20), (286.75, 193.0, 800)),
    (30, 20, 1000, 750, 0.4, (10, -50, 20), (204.5802, 248.4140, 802.2288)),
    (-26.5, -32.7, 931, 720, 0.390625, (10, -50, 20), (355.7590, 131.7170, 743.0952)),
]


@pytest.mark.parametrize(("primary", "secondary", "sid", "sod", "spacing", "point", "expected"), GOLDEN)
def test_points_project_to_the_golden_pixels_within_a_thousandth(
    primary: float, secondary: float, sid: float, sod: float, spacing: float, point: tuple, expected: tuple
) -> None:
    c_arm = CArm(primary, secondary, sid, sod, 512, 512, (spacing, spacing))
    np.testing.assert_allclose(c_arm.project(np.array([point], float))[0], expected, atol=1e-3)


def test_the_picture_is_seen_from_the_detector() -> None:
    for primary, secondary in ((0, 0), (35, -20), (-90, 10)):
        right, up, beam = dataclasses.replace(
            SIMPLE, primary_angle_deg=primary, secondary_angle_deg=secondary
        ).axes_lps()
        np.testing.assert_allclose(np.cross(right, -up), -beam, atol=1e-12)


def test_at_lao_90_the_detector_stands_at_the_patients_left() -> None:
    beam = dataclasses.replace(SIMPLE, primary_angle_deg=90).axes_lps()[2]
    np.testing.assert_allclose(beam, (1, 0, 0), atol=1e-12)


def test_at_cra_90_the_detector_stands_at_the_head() -> None:
    beam = dataclasses.replace(SIMPLE, secondary_angle_deg=90).axes_lps()[2]
    np.testing.assert_allclose(beam, (0, 0, 1), atol=1e-12)


def test_the_source_lies_a_sod_from_the_isocentre_opposite_the_detector() -> None:
    c_arm = CArm(30, 20, 1000, 750, 512, 512, (0.4, 0.4))
    source = c_arm.source_lps()
    assert np.linalg.norm(source) == pytest.approx(750)
    assert source @ c_arm.axes_lps()[2] == pytest.approx(-750)


def test_a_parallel_view_ignores_depth() -> None:
    near, far = SIMPLE.project(np.array([[10, -80, 5], [10, 80, 5.0]]), ProjectionMode.PARALLEL)
    np.testing.assert_allclose(near[:2], far[:2])
    np.testing.assert_allclose(near[:2], (255.5 + 10 / 0.3, 255.5 - 5 / 0.3))


def test_the_papers_equation_3_only_turns_the_picture_with_the_primary_angle() -> None:
    point = np.array([[10.0, -50, 20]])
    depths = {
        CArm(angle, 15, 1000, 750, 512, 512, (0.4, 0.4)).project(point, ProjectionMode.PAPER_EQUATION_3)[0, 2].round(9)
        for angle in (0, 40, 90)
    }
    # Rot_z(a) Rot_x(b) X has a depth row without a: the same for all three angles, so it is no C-arm.
    assert len(depths) == 1
    turned = CArm(90, 0, 1000, 750, 512, 512, (0.4, 0.4)).project(point, ProjectionMode.PAPER_EQUATION_3)[0]
    # By hand: Rot_z(90) (10, -50, 20) = (50, 10, 20); scale 1000 / 750 / 0.4 = 10 / 3.
    np.testing.assert_allclose(turned, (255.5 + 500 / 3, 255.5 - 100 / 3, 770))


def test_points_behind_the_source_have_no_image() -> None:
    column, row, depth = SIMPLE.project(np.array([[0.0, 800, 0]]))[0]
    assert math.isnan(column)
    assert math.isnan(row)
    assert depth == -50


def test_a_resized_detector_sees_the_same_picture_in_other_pixels() -> None:
    c_arm = CArm(30, 20, 1000, 750, 512, 1024, (0.4, 0.2), principal_point_px=(500.0, 260.0))
    point = np.array([[10.0, -50, 20]])
    column, row, depth = c_arm.project(point)[0]
    small = c_arm.resized(256, 256).project(point)[0]
    np.testing.assert_allclose(small, ((column + 0.5) / 4 - 0.5, (row + 0.5) / 2 - 0.5, depth))


def test_angles_read_as_clinicians_write_them() -> None:
    assert CArm(-26.5, -32.7, 931, 720, 8, 8, (1, 1)).angle_text() == "RAO 26.5 CAU 32.7"
    assert CArm(31.3, 0.1, 931, 720, 8, 8, (1, 1)).angle_text() == "LAO 31.3 CRA 0.1"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sod_mm": 1200.0}, "SOD 1200 mm must lie between 0 and SID 1000 mm"),
        ({"sod_mm": 0.0}, "SOD 0 mm"),
        ({"spacing_mm": (0.4, 0.0)}, "must be positive"),
        ({"rows": 0}, "no area"),
        ({"sid_mm": math.nan}, "not a number"),
    ],
)
def test_an_impossible_geometry_is_refused_with_its_value(change: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        dataclasses.replace(SIMPLE, **change)
