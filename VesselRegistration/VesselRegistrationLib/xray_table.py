"""Where the table stands, from the header, as LPS mm of the patient: (to the left, to the back, to the head).

What lies on the table moves by the difference of two positions; the positions themselves count from a point that each
machine chooses. Sources, first found:

* GE, private, creator `DLX_SERIE_01`: (0019,xx21) vertical, (0019,xx22) longitudinal, (0019,xx23) lateral. Measured
  with a phantom, head first and supine: lateral to L, vertical to P, longitudinal to S.
* Enhanced XA, PS3.3 C.8.19.6.13.1.3: (0018,9466/9467/9468) X to the left, Y down, Z to the head of the table.
* Enhanced XA, PS3.3 C.8.19.6.11: (300A,0128) downwards, (300A,0129) `longitudinal` towards LAO, (300A,012A) `lateral`
  towards CRA. So here, and below, longitudinal means to the left of the patient and lateral to the head: both are
  named after an operator who stands beside the table.
* Philips, private, creator `Philips X-ray Imaging DD 001`: (2003,xx2E) > the same three tags, but with the axes of
  radiotherapy (IEC 61217), where these tags come from: lateral to L, longitudinal to S, vertical upwards.

Increments of plain XA (PS3.3 C.8.7.4): (0018,1137) longitudinal towards +90 degrees of the primary angle, which is the
patient's left; (0018,1136) lateral towards +90 degrees of the secondary angle, which is the head. The standard does not
say which way (0018,1135) vertical counts; down is supposed, as in C.8.19.6.11, and said.

The equipment's axes are turned into the patient's by Patient Position (0018,5100). The increments of plain XA need
this for the vertical alone: their other axes are those of the positioner angles, which are the patient's.

Uncertainty: 0.5 mm for GE (stored to 0.1 mm; play of the drive), 1 mm for the other positions and for increments,
5 mm where an axis or the patient's position is supposed.
"""

from __future__ import annotations

from VesselRegistrationLib.xray_header import (
    Header,
    code,
    number,
    numbers,
    private_item,
    private_numbers,
    tag_text,
    warn,
)
from VesselRegistrationLib.xray_run import INCREMENTS, Origin, Sourced

GE_CREATOR = "DLX_SERIE_01"
PHILIPS_CREATOR = "Philips X-ray Imaging DD 001"

# Signs by which the table's axes (left, down, head of a patient lying head first, supine) meet the patient's L, P, S.
PATIENT_SIGNS = {"HFS": (1, 1, 1), "HFP": (-1, -1, 1), "FFS": (-1, 1, -1), "FFP": (1, -1, -1)}
PATIENT_POSITIONS = frozenset({*PATIENT_SIGNS, "HFDR", "HFDL", "FFDR", "FFDL"})

Vector = tuple[float, float, float]


def table_positions(header: Header, frames: int, warnings: list[str]) -> tuple[list[Sourced], bool]:
    """The table's position per frame, and whether it counts from the first frame only."""
    increments = _increments(header, frames, warnings)
    positions = [_absolute(header, frame, warnings) for frame in range(frames if header.is_enhanced else 1)]
    positions = positions if header.is_enhanced else positions * frames
    if increments is None:
        return positions, False
    is_relative = positions[0].value is None
    return [_moved(position, *increment) for position, increment in zip(positions, increments)], is_relative


def _moved(position: Sourced, offset: Vector, is_assumed: bool) -> Sourced:
    uncertainty = max(position.uncertainty or 0.0, 5.0 if is_assumed else 1.0)
    if position.value is None:
        origin = Origin.ASSUMED if is_assumed else Origin.HEADER
        return Sourced(offset, "mm", origin, "(0018,1135/1136/1137) increments alone", uncertainty)
    start = position.numbers
    value = (start[0] + offset[0], start[1] + offset[1], start[2] + offset[2])
    origin = Origin.ASSUMED if is_assumed else position.origin
    return Sourced(value, "mm", origin, position.source + INCREMENTS, uncertainty)


def _absolute(header: Header, frame: int, warnings: list[str]) -> Sourced:
    dataset = header.dataset
    found = [private_numbers(dataset, 0x0019, GE_CREATOR, element) for element in (0x23, 0x21, 0x22)]
    if all(found):
        table = (found[0][0], found[1][0], found[2][0])
        return _for_patient(header, table, "(0019,xx21/xx22/xx23) GE table position", 0.5, warnings)
    item = header.macro(frame, "IsocenterReferenceSystemSequence")
    axes = [number(item, f"Table{axis}PositionToIsocenter") for axis in "XYZ"]
    if None not in axes:
        _warn_of_turned_table(item, warnings)
        return _for_patient(header, _vector(axes), "(0018,9466/9467/9468) table position to isocentre", 1.0, warnings)
    item = header.macro(frame, "TablePositionSequence")
    axes = _table_top(item)
    if None not in axes:
        _warn_of_turned_table(item, warnings)
        return _for_patient(header, _vector(axes), "(300A,0128/0129/012A) table top position", 1.0, warnings)
    axes = _table_top(private_item(dataset, 0x2003, PHILIPS_CREATOR, 0x2E))
    if None not in axes:
        longitudinal, vertical, lateral = _vector(axes)
        source = "(2003,xx2E) > (300A,0128/0129/012A) Philips table position"
        return _for_patient(header, (lateral, -vertical, longitudinal), source, 1.0, warnings)
    return Sourced.missing("mm")


def _table_top(item: object) -> list[float | None]:
    names = ("TableTopLongitudinalPosition", "TableTopVerticalPosition", "TableTopLateralPosition")
    return [number(item, name) for name in names]


def _vector(axes: list[float | None]) -> Vector:
    first, second, third = (float(axis or 0.0) for axis in axes)
    return first, second, third


def _for_patient(header: Header, table: Vector, source: str, uncertainty: float, warnings: list[str]) -> Sourced:
    """Left, down and head of the table as L, P, S of the patient."""
    position = patient_position(header)
    if position and position not in PATIENT_SIGNS:
        warn(warnings, f"The patient lies on a side ({position}); the table position is left out.")
        return Sourced.missing("mm", f"not used with the patient in {position}")
    signs = PATIENT_SIGNS.get(position, (1, 1, 1))
    value = (signs[0] * table[0], signs[1] * table[1], signs[2] * table[2])
    if not position:
        warn(warnings, f"{tag_text('PatientPosition')} is missing; the table is read as if head first, supine.")
        return Sourced(value, "mm", Origin.ASSUMED, source, max(uncertainty, 5.0))
    return Sourced(value, "mm", Origin.HEADER, source, uncertainty)


def patient_position(header: Header) -> str:
    """`HFS`, `FFP`, ... or empty."""
    return code(header.dataset, "PatientPosition", PATIENT_POSITIONS)


def _warn_of_turned_table(item: object, warnings: list[str]) -> None:
    angles = [number(item, name) or 0.0 for name in _TABLE_ANGLES]
    if max(abs(angle) for angle in angles) > 0.5:
        warn(warnings, "The table is turned or tilted; poses are carried along with its translation only.")


_TABLE_ANGLES = ("TableHorizontalRotationAngle", "TableHeadTiltAngle", "TableCradleTiltAngle")


def _increments(header: Header, frames: int, warnings: list[str]) -> list[tuple[Vector, bool]] | None:
    """Per frame: the offset from the first frame in LPS, and whether it rests on a supposed axis. None: no motion."""
    if header.is_enhanced:
        return None
    angle = number(header.dataset, "TableAngle")
    if angle is not None and abs(angle) > 0.5:
        warn(warnings, "The table is tilted; poses are carried along with its translation only.")
    names = ("TableLongitudinalIncrement", "TableVerticalIncrement", "TableLateralIncrement")
    left, down, head = (offsets(header, name, frames, warnings) for name in names)
    if not (any(left) or any(down) or any(head)):
        return None
    position = patient_position(header)
    if any(down):
        warn(warnings, f"{tag_text('TableVerticalIncrement')}: its direction is not standardized; taken as downwards.")
        if position and position not in PATIENT_SIGNS:
            warn(warnings, f"The patient lies on a side ({position}); the vertical motion of the table is left out.")
            down = [0.0] * frames
    back = PATIENT_SIGNS.get(position, (1, 1, 1))[1]
    return [((left[i], back * down[i], head[i]), any(down)) for i in range(frames)]


def offsets(header: Header, keyword: str, frames: int, warnings: list[str]) -> list[float]:
    """Offset of each frame from the first value. PS3.3 C.8.7.5.1.3: one number is the mean change from frame to frame,
    as many numbers as frames are offsets from the first value; any other count is wrong and ignored."""
    found = numbers(header.dataset, keyword)
    if len(found) == frames:
        # With one frame both readings are possible; a change from frame to frame does not touch the only frame.
        return list(found) if frames > 1 else [0.0]
    if len(found) == 1:
        return [found[0] * frame for frame in range(frames)]
    if found:
        warn(warnings, f"{tag_text(keyword)} holds {len(found)} numbers for {frames} frames; it is ignored.")
    return [0.0] * frames
