"""From a DICOM header to the geometry of each frame, with the source and the uncertainty of every value.

Angles (PS3.3 C.8.7.5.1.2, C.8.7.5.1.3)
    (0018,1510/1511) belong to the first frame; (0018,1520/1521) hold either one mean change from frame to frame or one
    offset from the first value per frame. Enhanced XA stores each frame's angles in (0018,9405). Relative to the
    patient: LAO and CRA positive. 2 degrees: they are measured against the table's axis and a patient who does not lie
    straight, and the arm sags.
SID, SOD
    (0018,1110), (0018,1111), or (0018,9476) of Enhanced XA; fractions are kept. With one of them and (0018,1114), their
    ratio, the other is recovered. SID 3 mm: the receptor lies behind its cover. SOD 5 mm: nominal. Recovered: 10 mm.
Spacing, principal point
    See `xray_detector`.
Table
    See `xray_table`.

Zero or negative distances and malformed values count as missing. What was recovered or supposed is also a warning.
"""

from __future__ import annotations

import dataclasses
import math

from VesselRegistrationLib.geometry_overrides import GIVEN, GeometryOverrides, apply_overrides
from VesselRegistrationLib.xray_detector import Picture, detector_spacing, orientation_warnings, principal_point
from VesselRegistrationLib.xray_header import Header, number, positive, tag_text, warn
from VesselRegistrationLib.xray_run import INCREMENTS, FrameGeometry, Origin, Sourced
from VesselRegistrationLib.xray_table import offsets, table_positions

ANGLE_UNCERTAINTY_DEG = 2.0
SID_UNCERTAINTY_MM, SOD_UNCERTAINTY_MM, RECOVERED_UNCERTAINTY_MM = 3.0, 5.0, 10.0


def read_geometry(
    header: Header, frames: int, rows: int, columns: int, given: GeometryOverrides | None = None
) -> tuple[tuple[FrameGeometry, ...], list[str]]:
    """The geometry of each frame, and what the user should know of it.

    Values given by the user win, and others are recovered from them: SOD from a given SID, for example.
    """
    warnings: list[str] = []
    given = given or GeometryOverrides()
    picture = Picture(rows, columns)
    primary = _angles(header, "PositionerPrimaryAngle", 180.0, frames, warnings)
    secondary = _angles(header, "PositionerSecondaryAngle", 90.0, frames, warnings)
    tables, is_relative = table_positions(header, frames, warnings)
    result: list[FrameGeometry] = []
    for frame in range(frames):
        if frame and not header.is_enhanced:
            # Plain XA has one detector and one distance for the whole run.
            fixed = result[0]
        else:
            sid, sod = _distances(header, frame, given, warnings)
            spacing = _user(given.spacing_mm)
            if spacing is None:
                spacing = detector_spacing(header, frame, picture, _ratio(sid, sod), warnings)
            point = principal_point(header, frame, picture, spacing, warnings)
            angles = primary[frame], secondary[frame]
            fixed = FrameGeometry(*angles, sid, sod, spacing, point, tables[frame], is_relative)
        result.append(
            dataclasses.replace(
                fixed, primary_angle=primary[frame], secondary_angle=secondary[frame], table=tables[frame]
            )
        )
    final = apply_overrides(tuple(result), given, GIVEN)
    _warn_of_tilts(header, final[0], warnings)
    return final, warnings


def _angles(header: Header, keyword: str, limit: float, frames: int, warnings: list[str]) -> list[Sourced]:
    if header.is_enhanced:
        items = [header.macro(frame, "PositionerPositionSequence") for frame in range(frames)]
        angles = [_angle(number(item, keyword), tag_text(keyword)) for item in items]
    else:
        angles = _plain_angles(header, keyword, frames, warnings)
    if any(isinstance(angle.value, float) and abs(angle.value) > limit for angle in angles):
        warn(warnings, f"{tag_text(keyword)} leaves the range of +-{limit:g} degrees. Check it.")
    return angles


def _plain_angles(header: Header, keyword: str, frames: int, warnings: list[str]) -> list[Sourced]:
    start = number(header.dataset, keyword)
    if start is None:
        return [Sourced.missing("deg")] * frames
    steps = offsets(header, f"{keyword}Increment", frames, warnings)
    source = tag_text(keyword)
    return [_angle(start + step, source + INCREMENTS if any(steps) else source) for step in steps]


def _angle(value: float | None, source: str) -> Sourced:
    if value is None:
        return Sourced.missing("deg")
    return Sourced(value, "deg", Origin.HEADER, source, ANGLE_UNCERTAINTY_DEG)


def _distances(header: Header, frame: int, given: GeometryOverrides, warnings: list[str]) -> tuple[Sourced, Sourced]:
    """SID and SOD, each from its own tag or from the other one and their ratio."""
    far = _user(given.sid_mm) or _distance(header, frame, ("DistanceSourceToDetector",), SID_UNCERTAINTY_MM, warnings)
    near = _user(given.sod_mm) or _distance(
        header, frame, ("DistanceSourceToIsocenter", "DistanceSourceToPatient"), SOD_UNCERTAINTY_MM, warnings
    )
    ratio_tag = tag_text("EstimatedRadiographicMagnificationFactor")
    ratio = positive(header.dataset, "EstimatedRadiographicMagnificationFactor", warnings)
    if ratio is not None and ratio <= 1:
        ratio = None
    if far.value is not None and near.value is not None:
        sid, sod = far.number, near.number
        if sod >= sid:
            warn(warnings, f"SOD {sod:g} mm is not below SID {sid:g} mm; one of them is wrong. Give sodMm or sidMm.")
        elif ratio is not None and abs(sid / sod / ratio - 1) > 0.01:
            warn(warnings, f"SID / SOD is {sid / sod:.4g}, but {ratio_tag} says {ratio:.4g}. Check both distances.")
    elif far.value is not None and ratio is not None:
        source = f"{far.source} / {ratio_tag}"
        near = Sourced(far.number / ratio, "mm", Origin.FALLBACK, source, RECOVERED_UNCERTAINTY_MM)
        warn(warnings, "SOD is missing in the header; it is recovered from SID and the magnification.")
    elif near.value is not None and ratio is not None:
        source = f"{near.source} x {ratio_tag}"
        far = Sourced(near.number * ratio, "mm", Origin.FALLBACK, source, RECOVERED_UNCERTAINTY_MM)
        warn(warnings, "SID is missing in the header; it is recovered from SOD and the magnification.")
    return far, near


def _user(value: float | tuple[float, ...] | None) -> Sourced | None:
    return None if value is None else Sourced(value, "mm", Origin.USER, GIVEN)


def _distance(
    header: Header, frame: int, keywords: tuple[str, ...], uncertainty: float, warnings: list[str]
) -> Sourced:
    for dataset in (header.macro(frame, "XRayGeometrySequence"), header.dataset):
        for keyword in keywords:
            value = positive(dataset, keyword, warnings)
            if value is not None:
                return Sourced(value, "mm", Origin.HEADER, tag_text(keyword), uncertainty)
    return Sourced.missing("mm")


def _ratio(sid: Sourced, sod: Sourced) -> float | None:
    if sid.value is None or sod.value is None or sod.number >= sid.number:
        return None
    return sid.number / sod.number


def _warn_of_tilts(header: Header, first: FrameGeometry, warnings: list[str]) -> None:
    """What a header may say and a pinhole camera with two angles cannot show."""
    for keyword in ("DetectorPrimaryAngle", "DetectorSecondaryAngle"):
        if abs(number(header.dataset, keyword) or 0.0) > 0.5:
            warn(warnings, f"{tag_text(keyword)}: the detector is not square to the beam; that tilt is not modeled.")
    if abs(number(header.dataset, "ColumnAngulation") or 0.0) > 0.5:
        warn(warnings, f"{tag_text('ColumnAngulation')}: the beam is oblique to the detector; that is not modeled.")
    isocenter = header.macro(0, "IsocenterReferenceSystemSequence")
    if abs(number(isocenter, "PositionerIsocenterDetectorRotationAngle") or 0.0) > 0.5:
        warn(warnings, "The detector is turned in its plane; the picture is taken to be heads-up all the same.")
    if first.primary_angle.value is not None:
        angle = math.radians(first.primary_angle.number)
        orientation_warnings(header, (math.cos(angle), math.sin(angle), 0.0), warnings)
