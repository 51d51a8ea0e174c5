"""The inspection of a run as JSON and as a table."""

from __future__ import annotations

import dataclasses
import json

import numpy as np

from VesselRegistrationLib.inspection import cannot_compute, format_inspection, inspect_run
from VesselRegistrationLib.xray_run import FrameGeometry, Origin, Shutter, Sourced, XRayRun


def known(value: float | tuple[float, ...], unit: str, tag: str, uncertainty: float) -> Sourced:
    return Sourced(value, unit, Origin.HEADER, tag, uncertainty)


GEOMETRY = FrameGeometry(
    primary_angle=known(-26.5, "deg", "(0018,1510) PositionerPrimaryAngle", 2.0),
    secondary_angle=known(-32.7, "deg", "(0018,1511) PositionerSecondaryAngle", 2.0),
    sid=known(931.0, "mm", "(0018,1110) DistanceSourceToDetector", 3.0),
    sod=known(720.0, "mm", "(0018,1111) DistanceSourceToPatient", 5.0),
    spacing=Sourced((0.390625, 0.390625), "mm", Origin.FALLBACK, "(0018,1149) FieldOfViewDimensions / Rows", 0.01),
    principal_point=Sourced((9.5, 7.5), "px", Origin.ASSUMED, "middle of the picture", 7.7),
    table=known((9.2, 66.3, 503.9), "mm", "(0019,xx21/xx22/xx23) GE table position", 0.5),
)


def run(geometry: FrameGeometry = GEOMETRY, frames: int = 2, **values: object) -> XRayRun:
    pixels = np.arange(frames * 16 * 20, dtype=np.uint16).reshape(frames, 16, 20)
    turned = dataclasses.replace(geometry, primary_angle=known(-20.0, "deg", "turned", 2.0))
    return XRayRun(
        name="run5",
        frames=pixels,
        frame_times_ms=np.arange(frames) * 66.7,
        geometry=(geometry, *(turned,) * (frames - 1)),
        frame_interval=Sourced(66.7, "ms", Origin.HEADER, "(0018,1063) FrameTime"),
        warnings=("spacing is missing in the header; recovered from field of view",),
        **values,  # type: ignore[arg-type]
    )


def test_the_inspection_is_json_and_complete() -> None:
    inspection = json.loads(json.dumps(inspect_run(run(intensity_relationship="DRM", shutter=Shutter((1, 18, 1, 14))))))
    assert (inspection["frames"], inspection["rows"], inspection["columns"]) == (2, 16, 20)
    assert (inspection["lowest"], inspection["highest"], inspection["pixelType"]) == (0, 639, "uint16")
    assert inspection["view"] == "RAO 26.5 CAU 32.7"
    assert inspection["intensityRelationship"] == "DRM"
    assert inspection["shutter"]["rectangle"] == [1, 18, 1, 14]
    assert inspection["durationMs"] == 66.7
    assert inspection["cannotCompute"] == []
    by_name = {entry["quantity"]: entry for entry in inspection["geometry"]}
    assert by_name["detector spacing"] == {
        "quantity": "detector spacing",
        "value": [0.390625, 0.390625],
        "uncertainty": 0.01,
        "unit": "mm",
        "origin": "fallback",
        "source": "(0018,1149) FieldOfViewDimensions / Rows",
        "last": None,
        "changes": False,
    }
    assert by_name["primary angle"]["last"] == -20.0
    assert by_name["primary angle"]["changes"]


def test_the_table_names_value_unit_uncertainty_origin_and_source() -> None:
    text = format_inspection(inspect_run(run()))
    spacing = next(line for line in text.splitlines() if line.startswith("detector spacing"))
    for cell in ("0.390625, 0.390625", "+- 0.01", "mm", "fallback", "(0018,1149) FieldOfViewDimensions / Rows"):
        assert cell in spacing
    assert "-26.5 ... -20" in text
    assert "recovered from field of view" in text
    assert "2 frames of 20 x 16 pixels" in text
    assert "not said" in text


def test_the_columns_of_the_table_are_aligned() -> None:
    lines = format_inspection(inspect_run(run())).splitlines()
    head = next(line for line in lines if line.startswith("quantity"))
    for line in lines[lines.index(head) + 1 :][:8]:
        for column in ("value", "unit", "origin", "source"):
            position = head.index(column)
            assert line[position - 1] == " "
            assert line[position] != " "


def test_a_single_frame_says_nothing_of_time() -> None:
    text = format_inspection(inspect_run(run(frames=1)))
    assert "1 frame of" in text
    assert "frame interval" not in text
    assert "duration" not in text


def test_what_cannot_be_computed_names_the_missing_value() -> None:
    lacking = dataclasses.replace(GEOMETRY, sid=Sourced.missing("mm"), table=Sourced.missing("mm"))
    found = cannot_compute(run(lacking))
    assert len(found) == 2
    assert "sidMm" in found[0]
    assert "tableLpsMm" in found[1]
    text = format_inspection(inspect_run(run(lacking)))
    assert "Cannot be computed:" in text
    row = next(line for line in text.splitlines() if line.startswith("source-to-detector distance"))
    assert "missing" in row
    assert json.loads(json.dumps(inspect_run(run(lacking))))["view"] == ""


def test_a_table_counted_from_the_first_frame_carries_to_no_other_run() -> None:
    relative = dataclasses.replace(GEOMETRY, table_is_relative=True)
    assert any("first frame" in line for line in cannot_compute(run(relative)))
