"""Where headers say that the table stands, and how poses are carried by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.sequence import Sequence
from xray_headers import COMPLETE, dataset, first, header, top, without

from VesselRegistrationLib.geometry_overrides import GeometryOverrides
from VesselRegistrationLib.xray_geometry import read_geometry
from VesselRegistrationLib.xray_header import Header
from VesselRegistrationLib.xray_run import Origin, Sourced, carry_pose, table_shift_lps
from VesselSegmentationLib.errors import InputError, MissingGeometryError


def ge(values: dict[str, Any], creator: str = "DLX_SERIE_01") -> Header:
    result = dataset(**values)
    block = result.private_block(0x0019, creator, create=True)
    for element, text in ((0x21, "84"), (0x22, "503.90"), (0x23, "9.20")):
        block.add_new(element, "DS", text)
    return Header(result, False)


def table(found: Header, frames: int = 1) -> Sourced:
    return read_geometry(found, frames, 8, 8)[0][-1].table


def test_ge_tags_place_the_table_left_back_and_head() -> None:
    found = table(ge(COMPLETE))
    assert found.numbers == (9.2, 84.0, 503.9)
    assert found.origin is Origin.HEADER
    assert found.source.startswith("(0019,")


def test_ge_tags_of_another_creator_are_not_taken_for_a_table() -> None:
    assert table(ge(COMPLETE, "SOMEONE_ELSE")).origin is Origin.MISSING


@pytest.mark.parametrize(
    ("position", "expected"),
    [("HFP", (-9.2, -84.0, 503.9)), ("FFS", (-9.2, 84.0, -503.9)), ("FFP", (9.2, -84.0, -503.9))],
)
def test_the_patients_position_turns_the_tables_axes(position: str, expected: tuple[float, float, float]) -> None:
    assert table(ge(without(PatientPosition=position))).numbers == expected


def test_an_unknown_patient_position_makes_the_table_an_assumption() -> None:
    assert table(ge(without("PatientPosition"))).origin is Origin.ASSUMED
    assert table(ge(without(PatientPosition="HFDL"))).origin is Origin.MISSING


def test_philips_tags_have_the_axes_of_radiotherapy() -> None:
    result = dataset(**COMPLETE)
    block = result.private_block(0x2003, "Philips X-ray Imaging DD 001", create=True)
    block.add_new(0x2E, "SQ", Sequence([top(vertical=-150, longitudinal=-640, lateral=-70)]))
    assert table(Header(result, False)).numbers == (-70.0, 150.0, -640.0)


def test_plain_increments_follow_the_positioner_angles() -> None:
    values = without(
        TableLongitudinalIncrement=["0", "5"], TableLateralIncrement=["0", "7"], TableVerticalIncrement=["0", "0"]
    )
    geometry, _ = read_geometry(header(**values), 2, 8, 8)
    assert geometry[0].table.numbers == (0.0, 0.0, 0.0)
    assert geometry[1].table.numbers == (5.0, 0.0, 7.0)
    assert geometry[1].table.origin is Origin.HEADER
    assert geometry[1].table_is_relative


def test_a_vertical_increment_is_an_assumption_and_said() -> None:
    geometry, warnings = read_geometry(header(**without(TableVerticalIncrement="2")), 3, 8, 8)
    assert geometry[2].table.numbers == (0.0, 4.0, 0.0)
    assert geometry[2].table.origin is Origin.ASSUMED
    assert any("(0018,1135)" in warning for warning in warnings)


def test_increments_add_to_an_absolute_position() -> None:
    found = ge(without(TableLongitudinalIncrement="1"))
    geometry, _ = read_geometry(found, 3, 8, 8)
    assert geometry[2].table.numbers == pytest.approx((11.2, 84.0, 503.9))
    assert not geometry[2].table_is_relative


def test_a_pose_is_carried_by_the_table() -> None:
    pose = np.eye(4)
    pose[:3, 3] = (-7.67613, -23.071107, 13.159327)
    carried = carry_pose(pose, (9.2, 84.0, 503.9), (9.2, 66.3, 503.9))
    assert carried[:3, 3] == pytest.approx((-7.67613, -40.771107, 13.159327))
    assert carried[:3, :3] == pytest.approx(np.eye(3))
    assert pose[1, 3] == -23.071107


@pytest.mark.parametrize(
    ("pose", "position"), [(np.eye(3), (0, 0, 0)), (np.eye(4), (0, 0)), (np.eye(4), (0, 0, np.nan))]
)
def test_what_is_no_pose_or_position_is_not_carried(pose: Any, position: Any) -> None:
    with pytest.raises(InputError):
        carry_pose(pose, position, (0, 0, 0))


def test_table_positions_are_only_compared_when_they_can_be() -> None:
    absolute, moved = ge(COMPLETE), ge(without(TableLongitudinalIncrement=["0", "4"]))
    start = read_geometry(absolute, 1, 8, 8)[0][0]
    end = read_geometry(moved, 2, 8, 8)[0][1]
    assert table_shift_lps(start, end) == pytest.approx((4.0, 0.0, 0.0))
    relative = read_geometry(header(**without(TableLongitudinalIncrement=["0", "4"])), 2, 8, 8)[0]
    assert table_shift_lps(*relative, same_run=True) == pytest.approx((4.0, 0.0, 0.0))
    with pytest.raises(MissingGeometryError, match="first frame"):
        table_shift_lps(start, relative[1])
    missing = first(**COMPLETE)[0]
    with pytest.raises(MissingGeometryError, match="tableLpsMm"):
        table_shift_lps(start, missing)
    given = read_geometry(header(**COMPLETE), 1, 8, 8, GeometryOverrides(table_lps_mm=(0, 0, 0)))[0][0]
    with pytest.raises(MissingGeometryError, match="different sources"):
        table_shift_lps(start, given)
