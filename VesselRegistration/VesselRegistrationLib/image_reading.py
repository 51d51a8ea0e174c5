"""Reads pictures that carry no C-arm geometry: PNG, JPEG, TIFF (pages are frames), NRRD and MetaImage.

Pillow decodes the first three, SimpleITK the last two. The geometry comes from `<name>.geometry.json` beside the
picture (see `geometry_overrides`) and from arguments. A picture's own resolution says nothing about the detector and is
not used. Brightness is taken as shown.
"""

from __future__ import annotations

import warnings as python_warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.geometry_overrides import GIVEN, GeometryOverrides, apply_overrides, read_sidecar
from VesselRegistrationLib.xray_detector import Picture, middle_of_picture
from VesselRegistrationLib.xray_pixels import luminance
from VesselRegistrationLib.xray_run import FrameGeometry, Origin, Sourced, XRayRun
from VesselRegistrationLib.xray_timing import ASSUMED_INTERVAL_MS, evenly
from VesselSegmentationLib.errors import InputError

Pixels = NDArray[Any]

SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"NRRD000", "NRRD"),
)
SIMPLEITK_READERS = {"NRRD": "NrrdImageIO", "MetaImage": "MetaImageIO"}
TIFF_PHOTOMETRIC, TIFF_ZERO_IS_WHITE = 262, 0


def picture_format(start: bytes) -> str | None:
    """`PNG`, `JPEG`, `TIFF`, `NRRD`, `MetaImage` or None, from the first bytes of a file."""
    for signature, name in SIGNATURES:
        if start.startswith(signature):
            return name
    is_meta_image = b"NDims" in start and b"=" in start and start.lstrip()[:1].isalpha()
    return "MetaImage" if is_meta_image else None


def read_picture(path: Path, file_format: str, overrides: GeometryOverrides) -> XRayRun:
    """A picture, or a stack of them, as a run. Raises `InputError` for pictures that cannot be decoded or used."""
    decode = _with_simpleitk if file_format in SIMPLEITK_READERS else _with_pillow
    decoded = decode(path, file_format)
    frames = _as_frames(decoded, path.name)
    warnings: list[str] = []
    sidecar = read_sidecar(path)
    if sidecar is None and not overrides.values():
        warnings.append(f"A {file_format} picture holds no geometry, and no {path.stem}.geometry.json lies beside it.")
    beside = _per_frame(sidecar or [GeometryOverrides()], len(frames), path)
    geometry = _geometry(frames, beside, overrides)
    interval = _interval(len(frames), overrides.over(beside[0]), warnings)
    step = 0.0 if interval.value is None else interval.number
    return XRayRun(
        name=path.stem,
        frames=frames,
        frame_times_ms=evenly(len(frames), step),
        geometry=geometry,
        frame_interval=interval,
        kind=f"{file_format} picture",
        bits_stored=8 if frames.dtype == np.uint8 else max(8, int(frames.max()).bit_length()),
        warnings=tuple(warnings),
    )


def _per_frame(beside: list[GeometryOverrides], count: int, path: Path) -> list[GeometryOverrides]:
    """What lies beside the picture, once per frame."""
    if len(beside) not in (1, count):
        raise InputError(
            f'{path.stem}.geometry.json has {len(beside)} "frames" and the picture {count}; '
            "give one entry per frame, or none."
        )
    return beside * count if len(beside) == 1 else beside


def _geometry(frames: Pixels, sidecar: list[GeometryOverrides], given: GeometryOverrides) -> tuple[FrameGeometry, ...]:
    spacing = given.over(sidecar[0]).spacing_mm
    absent = "not in the picture"
    empty = FrameGeometry(
        primary_angle=Sourced.missing("deg", absent),
        secondary_angle=Sourced.missing("deg", absent),
        sid=Sourced.missing("mm", absent),
        sod=Sourced.missing("mm", absent),
        spacing=Sourced.missing("mm", absent),
        principal_point=middle_of_picture(Picture(frames.shape[1], frames.shape[2]), min(spacing) if spacing else None),
        table=Sourced.missing("mm", absent),
    )
    source = "the .geometry.json beside the picture"
    beside = tuple(apply_overrides((empty,), values, source)[0] for values in sidecar)
    return apply_overrides(beside, given, GIVEN)


def _interval(frames: int, given: GeometryOverrides, warnings: list[str]) -> Sourced:
    if given.frame_time_ms is not None:
        return Sourced(given.frame_time_ms, "ms", Origin.USER, GIVEN)
    if frames == 1:
        return Sourced.missing("ms", "one frame only")
    warnings.append("The pictures say no frame rate; 15 frames per second are supposed.")
    return Sourced(ASSUMED_INTERVAL_MS, "ms", Origin.ASSUMED, "15 frames per second")


def _with_pillow(path: Path, file_format: str) -> Pixels:
    """(F, rows, columns) or (F, rows, columns, 3)."""
    from PIL import Image, ImageSequence

    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")
            with Image.open(path, formats=[file_format]) as picture:
                pages = [_page(page) for page in ImageSequence.Iterator(picture)]
    except (Image.DecompressionBombError, EOFError, LookupError, OSError, SyntaxError, TypeError, ValueError) as error:
        raise InputError(
            f"{path.name} cannot be decoded as {file_format}; it is truncated, damaged or of an unusual kind. "
            "Copy or export it again."
        ) from error
    if len({page.shape for page in pages}) != 1:
        raise InputError(f"{path.name} holds pages of different sizes; the frames of a run must be equal.")
    return np.stack(pages)


def _page(page: Any) -> Pixels:
    """One Pillow page as an array."""
    if page.mode == "1":
        return np.asarray(page.convert("L"))
    if page.mode == "LA":
        return np.asarray(page)[..., 0]
    if page.mode in ("L", "I", "F"):
        return np.array(page)
    if page.mode.startswith("I;16"):
        pixels = np.array(page).astype(np.uint16)
        tags = getattr(page, "tag_v2", None)
        # Pillow turns this around for 8 bits only.
        is_inverted = tags is not None and tags.get(TIFF_PHOTOMETRIC) == TIFF_ZERO_IS_WHITE
        return 65535 - pixels if is_inverted else pixels
    return np.asarray(page.convert("RGB"))


def _with_simpleitk(path: Path, file_format: str) -> Pixels:
    import SimpleITK as sitk

    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        reader = sitk.ImageFileReader()
        reader.SetImageIO(SIMPLEITK_READERS[file_format])
        reader.SetFileName(str(path))
        image = reader.Execute()
    except RuntimeError as error:
        raise InputError(
            f"{path.name} cannot be decoded as {file_format}; it is truncated, damaged or lacks its data file. "
            "Copy or export it again."
        ) from error
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)
    decoded: Pixels = sitk.GetArrayFromImage(image)
    kind = "NRRD_kinds[pixel]"
    if image.HasMetaDataKey(kind) and image.GetMetaData(kind) == "list":
        # A sequence written by 3D Slicer: the frames are the components of each pixel.
        return np.moveaxis(decoded, -1, 0).reshape(decoded.shape[-1], *decoded.shape[-3:-1])
    if image.GetNumberOfComponentsPerPixel() > 1:
        channels = decoded[..., :3] if decoded.shape[-1] >= 3 else decoded[..., :1].repeat(3, axis=-1)
        return channels.reshape(-1, *channels.shape[-3:])
    return decoded.reshape(-1, *decoded.shape[-2:]) if decoded.ndim in (2, 3) else decoded


def _as_frames(decoded: Pixels, name: str) -> Pixels:
    """(F, rows, columns), uint8 or uint16."""
    if decoded.dtype.kind not in "ui":
        raise InputError(f"{name} holds {decoded.dtype} pixels; save it with 8 or 16 bit integers.")
    if decoded.ndim == 4 and decoded.shape[-1] == 3:
        decoded = luminance(decoded)
    if decoded.ndim != 3 or decoded.size == 0:
        raise InputError(f"{name} holds an array of {decoded.shape}; frames x rows x columns are expected.")
    if decoded.dtype in (np.uint8, np.uint16):
        return decoded
    lowest = min(0, int(decoded.min()))
    if int(decoded.max()) - lowest > 65535:
        raise InputError(f"{name} holds values from {decoded.min()} to {decoded.max()}; save it with 8 or 16 bits.")
    return (decoded.astype(np.int64) - lowest).astype(np.uint16)
