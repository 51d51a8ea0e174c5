"""Pixel spacing on the detector and the pixel that the central beam meets, from the header.

Detector spacing, first found:

1. (0018,1164) ImagerPixelSpacing: at the receptor, never corrected for magnification (PS3.3 10.7.1). 0.5 %: rounding
   and bending of the picture; image intensifiers distort more.
2. Size of the field of view / pixels: (0018,1149) FieldOfViewDimensions, or (0018,9461) of Enhanced XA. Recovers what
   real runs leave out (200 mm / 512 = 0.390625). 2.5 %: the sizes are nominal. (0018,1162) IntensifierSize is the whole
   receptor and not the stored part of it (204.8 mm in the same runs), so it is never used.
3. (0028,0030) PixelSpacing x SID / SOD, last and only when both distances are known: it lies in the patient, at a depth
   nobody states, and may be calibrated on a catheter. 15 %.

Principal point, first found:

1. (0018,9430) PositionOfIsocenterProjection of Enhanced XA, carried from detector elements to pixels of the picture by
   element spacing, origin, rotation and flip of the field of view (PS3.3 C.8.19.5, C.8.19.6.2). 1 mm on the detector.
2. The middle of the active or physical detector, carried in the same way: the C-arm is built to meet it. 2 mm.
3. The middle of the picture, ((columns - 1) / 2, (rows - 1) / 2), as plain XA supposes (PS3.17 FFF.2.1.5.2). 3 mm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from VesselRegistrationLib.xray_header import Header, code, codes, number, numbers, pair, tag_text, warn
from VesselRegistrationLib.xray_run import Origin, Sourced

SPACING_HEADER, SPACING_FIELD_OF_VIEW, SPACING_IN_PATIENT = 0.005, 0.025, 0.15


@dataclass(frozen=True)
class Picture:
    """Size of the stored picture, pixels."""

    rows: int
    columns: int


def detector_spacing(
    header: Header, frame: int, picture: Picture, magnification: float | None, warnings: list[str]
) -> Sourced:
    """(row, column) spacing on the detector, mm."""
    fov, fov_source = _field_of_view_spacing(header, frame, picture, warnings)
    for dataset in (header.macro(frame, "FramePixelDataPropertiesSequence"), header.dataset):
        stated = pair(dataset, "ImagerPixelSpacing")
        if stated is not None:
            _compare_with_field_of_view(stated, fov, warnings)
            uncertainty = SPACING_HEADER * max(stated)
            return Sourced(stated, "mm", Origin.HEADER, tag_text("ImagerPixelSpacing"), uncertainty)
    absent = f"{tag_text('ImagerPixelSpacing')} is missing"
    if fov is not None:
        warn(warnings, f"{absent}: the detector spacing is recovered from the field of view.")
        return Sourced(fov, "mm", Origin.FALLBACK, fov_source, SPACING_FIELD_OF_VIEW * max(fov))
    in_patient = pair(header.dataset, "PixelSpacing") or pair(
        header.macro(frame, "PixelMeasuresSequence"), "PixelSpacing"
    )
    if in_patient is not None and magnification is not None:
        warn(warnings, f"{absent}: the detector spacing is a guess from {tag_text('PixelSpacing')}. Check it.")
        value = (in_patient[0] * magnification, in_patient[1] * magnification)
        source = f"{tag_text('PixelSpacing')} x SID / SOD"
        return Sourced(value, "mm", Origin.FALLBACK, source, SPACING_IN_PATIENT * max(value))
    if in_patient is not None:
        return Sourced.missing("mm", f"{tag_text('PixelSpacing')} lies in the patient and needs SID and SOD")
    return Sourced.missing("mm")


def _field_of_view_spacing(
    header: Header, frame: int, picture: Picture, warnings: list[str]
) -> tuple[tuple[float, float] | None, str]:
    for dataset, keyword in (
        (header.macro(frame, "FieldOfViewSequence"), "FieldOfViewDimensionsInFloat"),
        (header.macro(frame, "FieldOfViewSequence"), "FieldOfViewDimensions"),
        (header.dataset, "FieldOfViewDimensions"),
    ):
        size = pair(dataset, keyword)
        if size is not None:
            return _spacing_of(size, picture, len(numbers(dataset, keyword)) == 1, warnings), (
                f"{tag_text(keyword)} / {'Rows' if picture.rows == picture.columns else 'Rows, Columns'}"
            )
    return None, ""


def _spacing_of(
    size: tuple[float, float], picture: Picture, is_diameter: bool, warnings: list[str]
) -> tuple[float, float] | None:
    """Spacing from the size of the field of view, mm. The standard's `row dimension followed by column` is read both
    ways by vendors; the reading with square pixels is the right one."""
    if is_diameter:
        spacing = size[0] / max(picture.rows, picture.columns)
        return spacing, spacing
    rows, columns = picture.rows, picture.columns
    readings = [(size[0] / rows, size[1] / columns), (size[1] / rows, size[0] / columns)]
    row_spacing, column_spacing = min(readings, key=lambda spacing: abs(spacing[0] - spacing[1]))
    if abs(row_spacing - column_spacing) > 0.02 * max(row_spacing, column_spacing):
        warn(warnings, f"The field of view ({size[0]:g} x {size[1]:g} mm) does not fit the picture; it is not used.")
        return None
    return row_spacing, column_spacing


def _compare_with_field_of_view(
    stated: tuple[float, float], fov: tuple[float, float] | None, warnings: list[str]
) -> None:
    if fov is not None and abs(stated[0] / fov[0] - 1) > 0.05:
        warn(
            warnings,
            f"{tag_text('ImagerPixelSpacing')} {stated[0]:g} mm and the field of view ({fov[0]:g} mm per pixel) "
            "disagree; the former is used. Check it.",
        )


def principal_point(header: Header, frame: int, picture: Picture, spacing: Sourced, warnings: list[str]) -> Sourced:
    """(column, row) that the central beam meets, pixels."""
    _warn_of_rotation(header, frame, warnings)
    target = _beam_on_detector(header)
    if target is not None and isinstance(spacing.value, tuple):
        (row, column), origin, source, millimeters = target
        point = _element_to_pixel(header, frame, (row, column), picture, (spacing.numbers[0], spacing.numbers[1]))
        if point is not None:
            if not (0 <= point[0] < picture.columns and 0 <= point[1] < picture.rows):
                warn(warnings, "The central beam falls outside the picture, by the header. Check the principal point.")
            return Sourced(point, "px", origin, source, round(millimeters / min(spacing.numbers), 2))
    return middle_of_picture(picture, min(spacing.numbers) if isinstance(spacing.value, tuple) else None)


def middle_of_picture(picture: Picture, pixel_mm: float | None) -> Sourced:
    """The principal point when nothing else is known."""
    middle = ((picture.columns - 1) / 2, (picture.rows - 1) / 2)
    # Without a spacing: one part in a hundred of the width is about 3 mm on a usual detector.
    uncertainty = round(3.0 / pixel_mm, 2) if pixel_mm else round(0.01 * picture.columns, 2)
    return Sourced(middle, "px", Origin.ASSUMED, "middle of the picture (PS3.17 FFF.2.1.5.2)", uncertainty)


def _beam_on_detector(header: Header) -> tuple[tuple[float, float], Origin, str, float] | None:
    """(row, column) of the central beam in physical detector elements, centres at integers from the top left one."""
    dataset = header.dataset
    stated = numbers(dataset, "PositionOfIsocenterProjection")
    if len(stated) == 2:
        return (stated[0], stated[1]), Origin.HEADER, tag_text("PositionOfIsocenterProjection"), 1.0
    element = pair(dataset, "DetectorElementSpacing")
    if element is None:
        return None
    corner = numbers(dataset, "DetectorActiveOrigin")
    for keyword, start in (("DetectorActiveDimensions", corner), ("PhysicalDetectorSize", (0.0, 0.0))):
        size = pair(dataset, keyword)
        if size is not None and len(start) == 2:
            middle = (start[0] + size[0] / element[0] / 2 - 0.5, start[1] + size[1] / element[1] / 2 - 0.5)
            return middle, Origin.FALLBACK, f"middle of the detector, {tag_text(keyword)}", 2.0
    return None


def _element_to_pixel(
    header: Header, frame: int, element: tuple[float, float], picture: Picture, spacing: tuple[float, float]
) -> tuple[float, float] | None:
    """(row, column) in detector elements to (column, row) in pixels of the picture.

    The field of view starts at an element, holds the stored pixels, and was turned clockwise and then mirrored before
    it was stored (PS3.3 C.8.11.4.1.1). Positions are counted from corners between, and from centres before and after.
    """
    holder = _field_of_view(header, frame)
    origin = numbers(holder, "FieldOfViewOrigin")
    element_spacing = pair(header.dataset, "DetectorElementSpacing")
    if len(origin) != 2 or element_spacing is None:
        return None
    turn, flip = _turn_and_flip(header, frame)
    # A quarter turn exchanges rows and columns: undo that for size and spacing of what lay on the detector.
    swapped = turn in (90, 270)
    row_spacing, column_spacing = (spacing[1], spacing[0]) if swapped else spacing
    rows, columns = (picture.columns, picture.rows) if swapped else (picture.rows, picture.columns)
    row = (element[0] + 0.5 - origin[0]) * element_spacing[0] / row_spacing
    column = (element[1] + 0.5 - origin[1]) * element_spacing[1] / column_spacing
    if turn == 90:
        row, column = column, rows - row
    elif turn == 180:
        row, column = rows - row, columns - column
    elif turn == 270:
        row, column = columns - column, row
    if flip:
        column = picture.columns - column
    shift = numbers(header.macro(frame, "FramePixelDataPropertiesSequence"), "PixelDataAreaOriginRelativeToFOV")
    if len(shift) == 2:
        row, column = row - shift[0], column - shift[1]
    return column - 0.5, row - 0.5


def _field_of_view(header: Header, frame: int) -> Any:
    """Where origin, rotation and flip are stored: the frame's field of view, or the top level."""
    return header.macro(frame, "FieldOfViewSequence") or header.dataset


def _turn_and_flip(header: Header, frame: int) -> tuple[int, bool]:
    holder = _field_of_view(header, frame)
    turn = round(number(holder, "FieldOfViewRotation") or 0.0) % 360
    return turn, code(holder, "FieldOfViewHorizontalFlip", frozenset({"YES"})) == "YES"


def _warn_of_rotation(header: Header, frame: int, warnings: list[str]) -> None:
    """A turned or mirrored field of view should still be stored heads-up and as seen from the detector; say it."""
    turn, flip = _turn_and_flip(header, frame)
    if turn or flip:
        done = " and ".join([*([f"turned by {turn} degrees"] if turn else []), *(["mirrored"] if flip else [])])
        warn(
            warnings,
            f"The picture was {done} after it left the detector. It is taken to be upright and seen from the detector; "
            "check left and right.",
        )
    if turn % 90:
        warn(warnings, "The field of view is turned by no quarter turn; its principal point is not reliable.")


def orientation_warnings(header: Header, right_lps: Any, warnings: list[str]) -> None:
    """Compares (0020,0020) PatientOrientation with the image axes that the angles ask for."""
    found = codes(header.dataset, "PatientOrientation")
    if len(found) != 2 or not found[0] or not found[1]:
        return
    sideways = "L" if right_lps[0] > 0 else "R"
    if abs(right_lps[1]) > abs(right_lps[0]):
        sideways = "P" if right_lps[1] > 0 else "A"
    opposite = {"L": "R", "R": "L", "P": "A", "A": "P", "F": "H"}
    if found[0][0] == opposite[sideways]:
        warn(warnings, "By (0020,0020) PatientOrientation the picture is mirrored left to right against its angles.")
    if found[1][0] == opposite["F"]:
        warn(warnings, "By (0020,0020) PatientOrientation the picture is upside down.")
