"""From header values to the geometry of each frame: every fallback, every sign, every refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.sequence import Sequence
from xray_headers import COMPLETE, dataset, enhanced, first, header, without

from VesselRegistrationLib.geometry_overrides import GeometryOverrides
from VesselRegistrationLib.xray_geometry import read_geometry
from VesselRegistrationLib.xray_header import Header
from VesselRegistrationLib.xray_run import Origin, Sourced
from VesselSegmentationLib.errors import InputError, MissingGeometryError


def test_a_complete_header_gives_a_c_arm_with_fractions_kept() -> None:
    geometry, warnings = first(**COMPLETE)
    c_arm = geometry.c_arm(512, 512)
    assert (c_arm.primary_angle_deg, c_arm.secondary_angle_deg) == (30.0, -20.5)
    assert (c_arm.sid_mm, c_arm.sod_mm) == (1000.25, 788.2679)
    assert c_arm.spacing_mm == (0.4, 0.3)
    assert c_arm.center_px == (255.5, 255.5)
    assert geometry.spacing.source == "(0018,1164) ImagerPixelSpacing"
    assert geometry.spacing.origin is Origin.HEADER
    assert geometry.sid.source == "(0018,1110) DistanceSourceToDetector"
    assert not warnings


def test_each_value_carries_an_uncertainty() -> None:
    geometry, _ = first(**COMPLETE)
    for name in ("primary_angle", "secondary_angle", "sid", "sod", "spacing", "principal_point"):
        assert getattr(geometry, name).uncertainty > 0


def test_missing_values_are_refused_by_name_with_the_way_to_give_them() -> None:
    geometry, _ = first(ImagerPixelSpacing=["0.4", "0.4"])
    with pytest.raises(MissingGeometryError, match=r"primary angle, secondary angle.*SID.*SOD.*Give primaryAngleDeg"):
        geometry.c_arm(512, 512)
    geometry, _ = first(**without("DistanceSourceToDetector"))
    with pytest.raises(MissingGeometryError) as refused:
        geometry.c_arm(512, 512)
    assert "sidMm" in str(refused.value)
    assert "primaryAngleDeg" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "DOE^JANE", "1e400"])
def test_malformed_numbers_count_as_missing(text: str) -> None:
    broken = dataset(**without("PositionerPrimaryAngle"))
    broken.add_new("PositionerPrimaryAngle", "LO", text)
    geometry, warnings = read_geometry(Header(broken, False), 1, 64, 64)
    assert geometry[0].primary_angle.origin is Origin.MISSING
    assert "DOE" not in repr((geometry, warnings))


@pytest.mark.parametrize("value", ["0", "-5"])
def test_impossible_distances_count_as_missing_and_are_warned_of(value: str) -> None:
    geometry, warnings = first(**without(DistanceSourceToDetector=value))
    assert geometry.sid.origin is Origin.MISSING
    assert any("(0018,1110)" in warning for warning in warnings)


# Spacing


def test_the_field_of_view_recovers_a_missing_spacing_and_the_intensifier_does_not() -> None:
    values = without("ImagerPixelSpacing", FieldOfViewDimensions=["200", "200"], IntensifierSize="204.8")
    geometry, warnings = first(**values)
    assert geometry.spacing.numbers == (0.390625, 0.390625)
    assert geometry.spacing.origin is Origin.FALLBACK
    assert geometry.spacing.source == "(0018,1149) FieldOfViewDimensions / Rows"
    assert any("recovered from the field of view" in warning for warning in warnings)
    geometry, _ = first(**without("ImagerPixelSpacing", IntensifierSize="204.8"))
    assert geometry.spacing.origin is Origin.MISSING


@pytest.mark.parametrize("size", [["150", "200"], ["200", "150"]])
def test_both_orders_of_an_oblong_field_of_view_give_square_pixels(size: list[str]) -> None:
    geometry, _ = first(rows=384, columns=512, **without("ImagerPixelSpacing", FieldOfViewDimensions=size))
    assert geometry.spacing.numbers == (0.390625, 0.390625)


def test_a_field_of_view_that_does_not_fit_the_picture_is_not_used() -> None:
    geometry, warnings = first(rows=512, columns=512, **without("ImagerPixelSpacing", FieldOfViewDimensions=[200, 150]))
    assert geometry.spacing.origin is Origin.MISSING
    assert any("does not fit" in warning for warning in warnings)


def test_pixel_spacing_is_a_last_labelled_guess_with_magnification() -> None:
    values = without("ImagerPixelSpacing", PixelSpacing=["0.3", "0.3"])
    geometry, warnings = first(**values)
    assert geometry.spacing.numbers[0] == pytest.approx(0.3 * 1000.25 / 788.2679)
    assert geometry.spacing.origin is Origin.FALLBACK
    assert geometry.spacing.uncertainty is not None
    assert geometry.spacing.uncertainty > 0.1 * geometry.spacing.numbers[0]
    assert any("guess" in warning for warning in warnings)
    both, _ = first(**without(PixelSpacing=["0.3", "0.3"]))
    assert both.spacing.numbers == (0.4, 0.3)


def test_pixel_spacing_without_magnification_is_not_used() -> None:
    geometry, _ = first(**without("ImagerPixelSpacing", "DistanceSourceToPatient", PixelSpacing=["0.3", "0.3"]))
    assert geometry.spacing.origin is Origin.MISSING
    assert "needs SID and SOD" in geometry.spacing.source


def test_a_spacing_that_contradicts_the_field_of_view_is_warned_of() -> None:
    _, warnings = first(**without(FieldOfViewDimensions=["300", "300"]))
    assert any("disagree" in warning for warning in warnings)


# Distances


def test_the_magnification_recovers_sod_or_sid() -> None:
    factor = {"EstimatedRadiographicMagnificationFactor": "1.25"}
    geometry, warnings = first(**without("DistanceSourceToPatient", **factor))
    assert geometry.sod.number == pytest.approx(800.2)
    assert geometry.sod.origin is Origin.FALLBACK
    assert geometry.sod.source.startswith("(0018,1110) DistanceSourceToDetector / (0018,1114)")
    assert any("SOD is missing" in warning for warning in warnings)
    geometry, _ = first(**without("DistanceSourceToDetector", **factor))
    assert geometry.sid.number == pytest.approx(788.2679 * 1.25)


def test_a_magnification_that_contradicts_the_distances_is_warned_of() -> None:
    _, warnings = first(**without(EstimatedRadiographicMagnificationFactor="1.5"))
    assert any("(0018,1114)" in warning for warning in warnings)


def test_sod_beyond_sid_is_warned_of_and_refused() -> None:
    geometry, warnings = first(**without(DistanceSourceToPatient="1200"))
    assert any("one of them is wrong" in warning for warning in warnings)
    with pytest.raises(InputError, match="SOD 1200"):
        geometry.c_arm(512, 512)


# Angles


def angles(frames: int, increment: Any) -> list[float]:
    values = without(PositionerPrimaryAngleIncrement=increment)
    geometry, _ = read_geometry(header(**values), frames, 8, 8)
    return [frame.primary_angle.number for frame in geometry]


def test_one_angle_increment_is_the_change_from_frame_to_frame() -> None:
    assert angles(4, "1.5") == [30.0, 31.5, 33.0, 34.5]


def test_many_angle_increments_are_offsets_from_the_first_value() -> None:
    assert angles(3, ["0", "2", "-4"]) == [30.0, 32.0, 26.0]


def test_a_wrong_count_of_increments_is_ignored_and_warned_of() -> None:
    values = without(PositionerPrimaryAngleIncrement=["0", "1"])
    geometry, warnings = read_geometry(header(**values), 3, 8, 8)
    assert [frame.primary_angle.number for frame in geometry] == [30.0] * 3
    assert any("(0018,1520)" in warning and "2 numbers for 3 frames" in warning for warning in warnings)


def test_each_frame_of_a_turning_run_has_its_own_c_arm() -> None:
    values = without(PositionerPrimaryAngleIncrement="2", PositionerSecondaryAngleIncrement=["0", "1", "2"])
    geometry, _ = read_geometry(header(**values), 3, 8, 8)
    last = geometry[2].c_arm(8, 8)
    assert (last.primary_angle_deg, last.secondary_angle_deg) == (34.0, -18.5)


def test_angles_out_of_range_are_warned_of() -> None:
    _, warnings = first(**without(PositionerSecondaryAngle="120"))
    assert any("(0018,1511)" in warning for warning in warnings)


def test_a_mirrored_patient_orientation_is_warned_of() -> None:
    _, warnings = first(**without(PatientOrientation=["R", "F"]))
    assert any("mirrored" in warning for warning in warnings)
    _, warnings = first(**without(PatientOrientation=["L", "F"]))
    assert not warnings
    _, warnings = first(**without(PatientOrientation=["L", "H"]))
    assert any("upside down" in warning for warning in warnings)
    _, warnings = first(**without("PositionerPrimaryAngle", PositionerPrimaryAngle="90", PatientOrientation=["P", "F"]))
    assert not warnings


# Principal point

DETECTOR: dict[str, Any] = {
    "DetectorElementSpacing": ["0.2", "0.2"],
    "DetectorActiveOrigin": ["0", "0"],
    "DetectorActiveDimensions": ["204.8", "204.8"],
}


def point(rows: int, columns: int, **values: Any) -> tuple[float, ...]:
    geometry, _ = read_geometry(
        header(**without(ImagerPixelSpacing=["0.4", "0.4"], **DETECTOR, **values)), 1, rows, columns
    )
    return geometry[0].principal_point.numbers


def test_a_centered_field_of_view_has_its_principal_point_in_the_middle() -> None:
    assert point(500, 500, FieldOfViewOrigin=["12", "12"]) == pytest.approx((249.5, 249.5))


def test_the_field_of_view_origin_shifts_the_principal_point() -> None:
    # 20 elements of 0.2 mm further down and 10 to the right: 10 and 5 pixels of 0.4 mm.
    assert point(480, 480, FieldOfViewOrigin=["52", "42"]) == pytest.approx((239.5 - 5, 239.5 - 10))


@pytest.mark.parametrize(
    ("turn", "flip", "expected"),
    [
        ("0", "YES", (239.5 + 5, 239.5 - 10)),
        ("90", "NO", (239.5 + 10, 239.5 - 5)),
        ("180", "NO", (239.5 + 5, 239.5 + 10)),
        ("270", "NO", (239.5 - 10, 239.5 + 5)),
        ("90", "YES", (239.5 - 10, 239.5 - 5)),
    ],
)
def test_rotation_and_flip_carry_the_principal_point_along(turn: str, flip: str, expected: tuple[float, float]) -> None:
    found = point(480, 480, FieldOfViewOrigin=["52", "42"], FieldOfViewRotation=turn, FieldOfViewHorizontalFlip=flip)
    assert found == pytest.approx(expected)


def test_rotation_of_a_field_of_view_matches_turning_an_array() -> None:
    rows, columns = 300, 400
    picture = np.zeros((rows, columns))
    picture[120, 310] = 1
    corner = {"FieldOfViewOrigin": ["0", "0"], "PositionOfIsocenterProjection": [240.5, 620.5]}
    for turns in range(4):
        stored = np.rot90(picture, -turns)
        row, column = np.argwhere(stored)[0]
        found = point(*stored.shape, FieldOfViewRotation=str(90 * turns), **corner)
        assert found == pytest.approx((column, row))
        mirrored = point(*stored.shape, FieldOfViewRotation=str(90 * turns), FieldOfViewHorizontalFlip="YES", **corner)
        assert mirrored == pytest.approx((stored.shape[1] - 1 - column, row))


def test_without_detector_values_the_principal_point_is_assumed_in_the_middle() -> None:
    geometry, _ = first(rows=100, columns=200, **without(FieldOfViewOrigin=["7", "7"]))
    assert geometry.principal_point.numbers == (99.5, 49.5)
    assert geometry.principal_point.origin is Origin.ASSUMED


def test_a_mirrored_field_of_view_is_warned_of() -> None:
    _, warnings = first(**without(FieldOfViewRotation="0", FieldOfViewHorizontalFlip="YES"))
    assert any("mirrored" in warning and "check left and right" in warning for warning in warnings)


# Enhanced XA


def test_enhanced_headers_are_read_from_shared_and_per_frame_groups() -> None:
    geometry, _ = read_geometry(Header(enhanced(), True), 2, 500, 500)
    second = geometry[1].c_arm(500, 500)
    assert (second.primary_angle_deg, second.secondary_angle_deg) == (10.0, -5.0)
    assert (second.sid_mm, second.sod_mm) == (1001.0, 750.5)
    assert second.spacing_mm == (0.4, 0.4)
    assert geometry[0].sod.source == "(0018,9402) DistanceSourceToIsocenter"


def test_enhanced_headers_give_the_isocentre_on_the_detector() -> None:
    geometry, _ = read_geometry(Header(enhanced(), True), 2, 500, 500)
    # 5 elements of 0.2 mm to the right of the middle: 2.5 pixels of 0.4 mm.
    assert geometry[0].principal_point.numbers == pytest.approx((252.0, 249.5))
    assert geometry[0].principal_point.origin is Origin.HEADER


def test_enhanced_table_positions_are_longitudinal_to_the_left_and_lateral_to_the_head() -> None:
    geometry, _ = read_geometry(Header(enhanced(), True), 2, 500, 500)
    assert geometry[1].table.numbers == (3.0, 21.0, 40.0)
    assert not geometry[1].table_is_relative


def test_the_isocentre_reference_system_goes_before_the_table_top() -> None:
    found = enhanced()
    found.SharedFunctionalGroupsSequence[0].IsocenterReferenceSystemSequence = Sequence(
        [
            dataset(
                TableXPositionToIsocenter=1.0,
                TableYPositionToIsocenter=2.0,
                TableZPositionToIsocenter=3.0,
                TableHeadTiltAngle=5.0,
            )
        ]
    )
    geometry, warnings = read_geometry(Header(found, True), 2, 500, 500)
    assert geometry[0].table.numbers == (1.0, 2.0, 3.0)
    assert any("tilted" in warning for warning in warnings)


def test_enhanced_frames_without_angles_are_missing_not_zero() -> None:
    found = enhanced()
    del found.PerFrameFunctionalGroupsSequence[1].PositionerPositionSequence
    geometry, _ = read_geometry(Header(found, True), 2, 500, 500)
    assert geometry[1].primary_angle.origin is Origin.MISSING
    assert geometry[0].primary_angle.number == 0.0


# Given by the user


def test_given_values_win_and_keep_the_motion_of_the_run() -> None:
    values = without(PositionerPrimaryAngleIncrement="2")
    given = GeometryOverrides(primary_angle_deg=-10, sid_mm=1100, spacing_mm=(0.2, 0.2), table_lps_mm=(1, 2, 3))
    geometry, _ = read_geometry(header(**values), 3, 8, 8, given)
    assert [frame.primary_angle.number for frame in geometry] == [-10.0, -8.0, -6.0]
    assert geometry[2].sid == Sourced(1100, "mm", Origin.USER, "given by the user")
    assert geometry[0].spacing.numbers == (0.2, 0.2)
    assert geometry[1].table.numbers == (1, 2, 3)
    assert geometry[0].sod.origin is Origin.HEADER


def test_given_distances_serve_the_fallbacks_too() -> None:
    values = {"EstimatedRadiographicMagnificationFactor": "1.25", "PixelSpacing": ["0.3", "0.3"]}
    geometry, _ = read_geometry(header(**values), 1, 8, 8, GeometryOverrides(sid_mm=1000))
    assert geometry[0].sod.number == pytest.approx(800)
    assert geometry[0].spacing.numbers == pytest.approx((0.375, 0.375))


@pytest.mark.parametrize(
    "wrong",
    [
        {"sid_mm": 700, "sod_mm": 750},
        {"primary_angle_deg": 200},
        {"secondary_angle_deg": float("nan")},
        {"spacing_mm": (0.4,)},
        {"spacing_mm": (0.4, -0.4)},
        {"table_lps_mm": (1, 2)},
        {"sid_mm": "1000"},
        {"sod_mm": True},
    ],
)
def test_impossible_given_values_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="must be"):
        GeometryOverrides(**wrong)
