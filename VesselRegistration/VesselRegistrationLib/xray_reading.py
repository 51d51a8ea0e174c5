"""Reads an X-ray run from a file: DICOM of any transfer syntax that GDCM decodes, or a picture with geometry beside it.

What leaves this module are pixels, numbers, listed codes and the file's own name: names, identifiers, dates, times,
places and free texts of the header are neither kept nor logged nor repeated in errors.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from VesselRegistrationLib.geometry_overrides import GIVEN, GeometryOverrides
from VesselRegistrationLib.xray_geometry import read_geometry
from VesselRegistrationLib.xray_header import (
    FLOAT_PIXEL_DATA,
    MALFORMED,
    PIXEL_DATA,
    Header,
    code,
    codes,
    numbers,
    quiet_pydicom,
    warn,
)
from VesselRegistrationLib.xray_pixels import PixelElement, read_pixels
from VesselRegistrationLib.xray_run import Origin, Shutter, Sourced, XRayRun
from VesselRegistrationLib.xray_table import patient_position
from VesselRegistrationLib.xray_timing import evenly, frame_times
from VesselSegmentationLib.errors import InputError

_UID = "1.2.840.10008.5.1.4.1.1."
KINDS = {
    _UID + "12.1": "X-ray angiography (XA)",
    _UID + "12.1.1": "Enhanced XA",
    _UID + "12.2": "X-ray fluoroscopy (RF)",
    _UID + "12.2.1": "Enhanced XRF",
    _UID + "12.3": "X-ray angiography (XA), biplane",
    _UID + "1": "computed radiography (CR)",
    _UID + "1.1": "digital X-ray (DX)",
    _UID + "1.1.1": "digital X-ray (DX)",
    _UID + "7": "secondary capture",
    _UID + "7.2": "secondary capture",
    _UID + "7.3": "secondary capture",
    _UID + "7.4": "secondary capture",
}
ENHANCED = frozenset({_UID + "12.1.1", _UID + "12.2.1"})
X_RAY_MODALITIES = frozenset({"XA", "RF", "XRF", "DX", "CR", "RG", "DF", "DS", "OT", "SC"})
OTHER_MODALITIES = {
    "CT": "a CT image",
    "MR": "an MR image",
    "PT": "a PET image",
    "NM": "a nuclear medicine image",
    "US": "an ultrasound image",
    "IVUS": "an ultrasound image from inside a vessel",
    "OCT": "an optical coherence image",
    "MG": "a mammogram",
    "ECG": "an ECG",
    "HD": "a recording of blood pressures",
    "SEG": "a segmentation",
    "SR": "a report",
    "PR": "a presentation state",
    "DOC": "a document",
    "RTDOSE": "a radiotherapy dose",
    "RTPLAN": "a radiotherapy plan",
    "RTSTRUCT": "a radiotherapy structure set",
    "RTIMAGE": "a radiotherapy image",
}
OTHER_CLASSES = {
    _UID + "2": OTHER_MODALITIES["CT"],
    _UID + "2.1": OTHER_MODALITIES["CT"],
    _UID + "4": OTHER_MODALITIES["MR"],
    _UID + "4.1": OTHER_MODALITIES["MR"],
    _UID + "13.1.1": "a 3-D volume made from X-ray runs",
    "1.2.840.10008.1.3.10": "an index of other files (DICOMDIR)",
}
INTENSITY_RELATIONSHIPS = frozenset({"LIN", "LOG", "DISP", "DRM", "SQRT", "OTHER"})
PLANES = {
    "SINGLE PLANE": "single",
    "MONOPLANE": "single",
    "SINGLE A": "frontal (A)",
    "SINGLE B": "lateral (B)",
    "BIPLANE A": "frontal (A)",
    "BIPLANE B": "lateral (B)",
    "PLANE A": "frontal (A)",
    "PLANE B": "lateral (B)",
}
EXPECTED = "this expects an X-ray run (XA, RF, DX ..., or a PNG, JPEG, TIFF, NRRD or MetaImage picture)"


def read_xray_run(path: Path | str, overrides: GeometryOverrides | None = None) -> XRayRun:
    """Reads one run; what the file is, is seen from its content and not from its name.

    `overrides` win over the header. Raises `InputError` with one line for anything that is no readable X-ray run.
    Values that are missing do not hinder reading: they are refused by name when something needs them.
    """
    path = Path(path)
    start = _first_bytes(path)
    given = overrides or GeometryOverrides()
    if looks_like_dicom(start):
        return _read_dicom(path, given)
    from VesselRegistrationLib.image_reading import picture_format, read_picture

    found = picture_format(start)
    if found is not None:
        return read_picture(path, found, given)
    is_text = bool(start) and all(byte >= 32 or byte in b"\t\r\n\f" for byte in start)
    raise InputError(f"{path.name} is {'a text file' if is_text else 'of an unknown format'}; {EXPECTED}.")


def looks_like_dicom(start: bytes) -> bool:
    """DICOM with its preamble, or without: then the first element is of group 2 or 8, little endian."""
    has_first_element = start[:2] in (b"\x02\0", b"\x08\0") and start[3:4] == b"\0" and len(start) > 64
    return start[128:132] == b"DICM" or has_first_element


def _first_bytes(path: Path) -> bytes:
    if path.is_dir():
        count = _count_dicom_files(path)
        hint = f"It holds {count} DICOM files; name one of them" if count else "Name a file"
        raise InputError(f"{path.name or path} is a folder. {hint}.")
    try:
        with path.open("rb") as file:
            start = file.read(1024)
    except FileNotFoundError:
        raise InputError(f"There is no file {path}. Check the name.") from None
    except PermissionError:
        raise InputError(f"{path.name} may not be read: permission denied. Change its permissions.") from None
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror or 'unknown error'}.") from error
    if not start:
        raise InputError(f"{path.name} is empty. Copy or export the run again.")
    return start


def _count_dicom_files(folder: Path) -> int:
    count = 0
    try:
        for entry in folder.iterdir():
            if entry.is_file():
                with entry.open("rb") as file:
                    count += file.read(132)[128:] == b"DICM"
    except OSError:
        return count
    return count


def _read_dicom(path: Path, overrides: GeometryOverrides) -> XRayRun:
    warnings: list[str] = []
    with quiet_pydicom():
        header, element = _read_header(path)
        kind, modality = _kind(header, path.name)
        if element is None:
            raise InputError(
                f"{path.name} holds no pixel data: (7FE0,0010) PixelData is missing. The file is truncated, or was "
                "exported without its picture; export it again."
            )
        if element.tag in FLOAT_PIXEL_DATA:
            raise InputError(f"{path.name} stores floating point pixels; 8 to 16 bit integers are supported.")
        frames, pixels = read_pixels(path, header, element, warnings)
        geometry, geometry_warnings = read_geometry(header, len(frames), pixels.rows, pixels.columns, overrides)
        times, interval = frame_times(header, len(frames), warnings)
        plane = _plane(header)
        run: dict[str, Any] = {
            "kind": kind,
            "modality": modality,
            "bits_stored": pixels.bits_stored,
            "intensity_relationship": _intensity_relationship(header),
            "photometric": pixels.photometric,
            "plane": plane,
            "patient_position": patient_position(header),
            "shutter": _shutter(header),
        }
    if plane == "lateral (B)":
        warn(warnings, "Lateral plane: its isocentre may lie some millimetres off the frontal one.")
    if overrides.frame_time_ms is not None:
        times = evenly(len(frames), overrides.frame_time_ms)
        interval = Sourced(overrides.frame_time_ms, "ms", Origin.USER, GIVEN)
    return XRayRun(path.stem, frames, times, geometry, interval, warnings=(*geometry_warnings, *warnings), **run)


def _read_header(path: Path) -> tuple[Header, PixelElement | None]:
    """The data set up to the pixels, and where they lie."""
    from pydicom.errors import InvalidDicomError
    from pydicom.filereader import read_partial

    found: list[PixelElement] = []

    def is_pixels(tag: Any, vr: str | None, length: int) -> bool:
        if tag == PIXEL_DATA or tag in FLOAT_PIXEL_DATA:
            found.append(PixelElement(int(tag), file.tell(), length))
            return True
        return False

    try:
        with path.open("rb") as file:
            dataset = read_partial(file, is_pixels, force=True)
    except zlib.error:
        raise InputError(f"{path.name} is truncated: its deflated data end early. Copy or export it again.") from None
    except (*MALFORMED, InvalidDicomError, OSError, EOFError, MemoryError, RecursionError):
        raise InputError(f"{path.name} has a damaged DICOM header that cannot be read. Export it again.") from None
    is_enhanced = str(dataset.get("SOPClassUID", "")) in ENHANCED or "PerFrameFunctionalGroupsSequence" in dataset
    return Header(dataset, is_enhanced), found[0] if found else None


def _kind(header: Header, name: str) -> tuple[str, str]:
    """What the file is, as (kind, modality). Raises `InputError` for what is no X-ray run."""
    try:
        sop_class = str(header.dataset.get("SOPClassUID") or "")
        if not sop_class:
            sop_class = str(header.dataset.file_meta.get("MediaStorageSOPClassUID") or "")
    except MALFORMED:
        sop_class = ""
    modality = code(header.dataset, "Modality", X_RAY_MODALITIES | OTHER_MODALITIES.keys(), "unknown")
    other = OTHER_CLASSES.get(sop_class) or OTHER_MODALITIES.get(modality)
    if other is not None:
        raise InputError(f"{name} is {other}; {EXPECTED}.")
    kind = KINDS.get(sop_class)
    if kind is None and modality not in X_RAY_MODALITIES:
        raise InputError(f"{name} is DICOM, but of no kind of X-ray that is known here; {EXPECTED}.")
    return kind or f"X-ray image ({modality})", modality if modality != "unknown" else ""


def _intensity_relationship(header: Header) -> str:
    item = header.macro(0, "FramePixelDataPropertiesSequence")
    for dataset in (item, header.dataset):
        found = code(dataset, "PixelIntensityRelationship", INTENSITY_RELATIONSHIPS, "OTHER")
        if found:
            return found
    return ""


def _plane(header: Header) -> str:
    third = codes(header.dataset, "ImageType")[2:3] or codes(header.dataset, "PlaneIdentification")[:1]
    return PLANES.get(third[0], "") if third else ""


def _shutter(header: Header) -> Shutter | None:
    """PS3.3 C.7.6.11; stored positions count from 1."""
    dataset = header.macro(0, "FrameDisplayShutterSequence") or header.dataset
    shapes = codes(dataset, "ShutterShape")
    edges = [numbers(dataset, f"Shutter{edge}Edge") for edge in ("LeftVertical", "RightVertical", *_HORIZONTAL)]
    rectangle = None
    if "RECTANGULAR" in shapes and all(edges):
        rectangle = (edges[0][0] - 1, edges[1][0] - 1, edges[2][0] - 1, edges[3][0] - 1)
    center, radius = numbers(dataset, "CenterOfCircularShutter"), numbers(dataset, "RadiusOfCircularShutter")
    circle = None
    if "CIRCULAR" in shapes and len(center) == 2 and radius:
        circle = (center[1] - 1, center[0] - 1, radius[0])
    vertices = numbers(dataset, "VerticesOfThePolygonalShutter") if "POLYGONAL" in shapes else ()
    polygon = tuple((column - 1, row - 1) for row, column in zip(vertices[::2], vertices[1::2]))
    if rectangle is None and circle is None and not polygon:
        return None
    return Shutter(rectangle, circle, polygon)


_HORIZONTAL = ("UpperHorizontal", "LowerHorizontal")
