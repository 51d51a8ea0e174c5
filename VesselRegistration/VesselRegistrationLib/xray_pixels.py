"""The pixels of a DICOM run as frames x rows x columns, more absorption darker.

SimpleITK (GDCM) decodes; this module checks beforehand that the pixels are all there, and afterwards undoes what the
decoder adds: the rescale (0028,1052/1053), which no X-ray display needs, and its own inversion of MONOCHROME1. Signed
values are shifted to start at zero. Color becomes luminance (ITU-R BT.601). Overlay planes are ignored.

Polarity: (0028,1041) PixelIntensityRelationshipSign decides when it is there (-1: higher values, less X-ray, hence more
absorption, PS3.3 C.8.11.3.1.2); else MONOCHROME1, and a negative rescale slope, each mean inverted.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.xray_header import MALFORMED, Header, code, number, numbers, quiet_pydicom, warn
from VesselSegmentationLib.errors import InputError

Pixels = NDArray[Any]

UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM, SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
LUMINANCE = (0.299, 0.587, 0.114)
PHOTOMETRIC = frozenset(
    {"MONOCHROME1", "MONOCHROME2", "RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}
)


@dataclass(frozen=True)
class PixelElement:
    """Where the pixels lie in the file."""

    tag: int
    offset: int
    length: int
    """Bytes; `UNDEFINED_LENGTH` for compressed pixels."""


@dataclass(frozen=True)
class PixelFormat:
    """What the header says of the pixels."""

    frames: int
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    is_signed: bool
    photometric: str
    slope: float
    intercept: float

    @property
    def expected_bytes(self) -> int:
        """Size of the uncompressed pixels."""
        samples = 2 if self.photometric == "YBR_FULL_422" and self.samples == 3 else self.samples
        return self.frames * self.rows * self.columns * samples * self.bits_allocated // 8

    @property
    def highest(self) -> int:
        """Largest value that the stored bits hold, once shifted to start at zero."""
        return (1 << self.bits_stored) - 1


def pixel_format(header: Header, name: str) -> PixelFormat:
    """Reads and checks the format. Raises `InputError` naming what is missing or not supported."""
    dataset = header.dataset
    rows, columns = (int(number(dataset, keyword) or 0) for keyword in ("Rows", "Columns"))
    stated_frames = numbers(dataset, "NumberOfFrames")
    frames = int(stated_frames[0]) if stated_frames else 1
    if frames < 1:
        raise InputError(f"{name} holds no frames: (0028,0008) NumberOfFrames is {frames}. Export the run again.")
    if rows < 1 or columns < 1:
        raise InputError(f"{name} says no picture size: (0028,0010) Rows or (0028,0011) Columns is missing or zero.")
    allocated = int(number(dataset, "BitsAllocated") or 0)
    stored = int(number(dataset, "BitsStored") or allocated)
    samples = int(number(dataset, "SamplesPerPixel") or 1)
    if allocated not in (8, 16) or not 1 <= stored <= allocated:
        raise InputError(f"{name} stores {stored} of {allocated} bits per pixel; 8 to 16 bits are supported.")
    if samples not in (1, 3):
        raise InputError(f"{name} stores {samples} samples per pixel; 1 (gray) and 3 (color) are supported.")
    return PixelFormat(
        frames,
        rows,
        columns,
        samples,
        allocated,
        stored,
        is_signed=number(dataset, "PixelRepresentation") == 1,
        photometric=code(dataset, "PhotometricInterpretation", PHOTOMETRIC, "OTHER"),
        slope=number(dataset, "RescaleSlope") or 1.0,
        intercept=number(dataset, "RescaleIntercept") or 0.0,
    )


def read_pixels(path: Path, header: Header, element: PixelElement, warnings: list[str]) -> tuple[Pixels, PixelFormat]:
    """Frames, (F, rows, columns), uint8 or uint16. Raises `InputError` for pixels cut short or not decodable."""
    pixels = pixel_format(header, path.name)
    _check_complete(path, header, element, pixels)
    stored = _decode(path, header, pixels)
    if pixels.samples == 3 or stored.ndim == 4:
        return luminance(stored), pixels
    if pixels.is_signed:
        stored = stored.astype(np.int32) + (1 << (pixels.bits_stored - 1))
    # Copies only when there is something to change: a long run takes hundreds of megabytes.
    if stored.min() < 0 or stored.max() > pixels.highest:
        stored = np.clip(stored, 0, pixels.highest)
    frames = stored.astype(np.uint8 if pixels.bits_allocated == 8 else np.uint16, copy=False)
    if _absorption_is_bright(header, pixels, warnings):
        frames = (pixels.highest - frames).astype(frames.dtype)
    return frames, pixels


def _absorption_is_bright(header: Header, pixels: PixelFormat, warnings: list[str]) -> bool:
    is_inverted = (pixels.photometric == "MONOCHROME1") != (pixels.slope < 0)
    item = header.macro(0, "FramePixelDataPropertiesSequence")
    sign = number(item, "PixelIntensityRelationshipSign") or number(header.dataset, "PixelIntensityRelationshipSign")
    if sign not in (1, -1):
        return is_inverted
    if (sign == -1) != is_inverted:
        warn(
            warnings,
            "(0028,1041) PixelIntensityRelationshipSign and (0028,0004) PhotometricInterpretation disagree on what is "
            "dark; the former is used. Check that vessels with contrast are dark.",
        )
    return sign == -1


def luminance(stored: Pixels) -> Pixels:
    """Gray from color, (..., 3) to (...), same type."""
    gray = sum(weight * stored[..., channel].astype(np.float32) for channel, weight in enumerate(LUMINANCE))
    return np.asarray(np.rint(gray)).astype(stored.dtype)


def _check_complete(path: Path, header: Header, element: PixelElement, pixels: PixelFormat) -> None:
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    if element.length == UNDEFINED_LENGTH:
        with path.open("rb") as file:
            found, is_cut = count_fragments(file, element.offset, os.fstat(file.fileno()).st_size)
        if found < pixels.frames:
            raise InputError(
                f"{path.name} {'is truncated' if is_cut else 'lacks frames'}: expected the compressed pixels of "
                f"{pixels.frames} frames, found {found} whole ones. Copy or export the run again."
            )
        return
    syntax = getattr(getattr(header.dataset, "file_meta", None), "TransferSyntaxUID", None)
    if syntax == DeflatedExplicitVRLittleEndian:
        # Inflated while the header was read: a length that is stated is then also there, or inflating fails.
        available = element.length
    else:
        available = min(element.length, max(0, path.stat().st_size - element.offset))
    if available < pixels.expected_bytes:
        raise InputError(
            f"{path.name} is truncated: it should hold {pixels.frames} frames of {pixels.columns} x {pixels.rows}, "
            f"expected {pixels.expected_bytes} bytes of pixels, found {available}. Copy or export the run again."
        )


def count_fragments(file: BinaryIO, offset: int, size: int) -> tuple[int, bool]:
    """Whole fragments of encapsulated pixels (PS3.5 A.4), and whether the last one is cut or the end is missing.

    The first item is the offset table and holds no pixels.
    """
    items = 0
    while True:
        file.seek(offset)
        start = file.read(8)
        if len(start) < 8:
            return max(0, items - 1), True
        group, tag, length = struct.unpack("<HHL", start)
        if (group, tag) == SEQUENCE_END:
            return max(0, items - 1), False
        if (group, tag) != ITEM or offset + 8 + length > size:
            return max(0, items - 1), True
        items += 1
        offset += 8 + length


def _decode(path: Path, header: Header, pixels: PixelFormat) -> Pixels:
    """Stored values, (F, rows, columns) or (F, rows, columns, 3), before any rescale and inversion."""
    import SimpleITK as sitk

    shape = (pixels.frames, pixels.rows, pixels.columns)
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        reader = sitk.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(path))
        stored: Pixels = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError:
        # GDCM has no inversion of signed MONOCHROME1, among others; pydicom itself decodes what is not compressed.
        return _decode_with_pydicom(path, header, pixels)
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)
    if stored.shape[:3] != shape or stored.shape[3:] not in ((), (3,)):
        raise InputError(f"{path.name} decodes to {stored.shape} pixels, but its header says {shape}. Export it again.")
    if stored.ndim == 4:
        return stored
    if pixels.slope != 1 or pixels.intercept != 0:
        stored = np.rint((stored - pixels.intercept) / pixels.slope).astype(np.int32)
    if pixels.photometric == "MONOCHROME1":
        # The decoder mirrors the stored range, which for signed values is symmetric about -1/2.
        stored = -1 - stored.astype(np.int32) if pixels.is_signed else pixels.highest - stored.astype(np.int32)
    return stored


def _decode_with_pydicom(path: Path, header: Header, pixels: PixelFormat) -> Pixels:
    from pydicom import dcmread

    shape = (pixels.frames, pixels.rows, pixels.columns)
    try:
        with quiet_pydicom():
            decoded: Pixels = dcmread(path, force=True).pixel_array
        stored = decoded.reshape((*shape, 3) if pixels.samples == 3 else shape)
    except (*MALFORMED, OSError, RuntimeError):
        # What a decoder says may repeat the header, so it is left behind.
        raise InputError(
            f"The pixels of {path.name} cannot be decoded ({syntax_name(header)}). "
            "Export the run uncompressed or as JPEG lossless."
        ) from None
    if pixels.samples == 3:
        return stored
    # Bits above the stored ones may hold anything; the highest stored one is the sign.
    stored = stored.astype(np.int32) & pixels.highest
    sign = 1 << (pixels.bits_stored - 1)
    return (stored ^ sign) - sign if pixels.is_signed else stored


def syntax_name(header: Header) -> str:
    """Name of the transfer syntax when it is a standard one."""
    syntax = getattr(getattr(header.dataset, "file_meta", None), "TransferSyntaxUID", None)
    if syntax is None or syntax.is_private or not syntax.is_transfer_syntax or syntax.name == str(syntax):
        return "unknown transfer syntax"
    return str(syntax.name)
