"""X-ray runs as DICOM files, for the tests of how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from VesselRegistrationLib.xray_reading import read_xray_run
from VesselRegistrationLib.xray_run import XRayRun
from VesselSegmentationLib.errors import InputError

XA = "1.2.840.10008.5.1.4.1.1.12.1"
ENHANCED_XA = "1.2.840.10008.5.1.4.1.1.12.1.1"
XRF = "1.2.840.10008.5.1.4.1.1.12.2"
CT = "1.2.840.10008.5.1.4.1.1.2"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7.4"

RANDOM = np.random.default_rng(3)
FRAMES_8 = RANDOM.integers(0, 256, (3, 16, 20), dtype=np.uint8)
FRAMES_12 = RANDOM.integers(0, 4096, (3, 16, 20), dtype=np.uint16)
BITS_12 = {"BitsStored": 12, "HighBit": 11}


def data_set(frames: NDArray[Any], sop_class: str = XA, syntax: str = ExplicitVRLittleEndian, **values: Any) -> Dataset:
    """A run with geometry; `values` add to it or replace it, None removes."""
    result = Dataset()
    result.file_meta = FileMetaDataset()
    result.file_meta.MediaStorageSOPClassUID = result.SOPClassUID = sop_class
    result.file_meta.MediaStorageSOPInstanceUID = result.SOPInstanceUID = generate_uid()
    result.file_meta.TransferSyntaxUID = syntax
    result.Modality = "XA"
    result.PositionerPrimaryAngle, result.PositionerSecondaryAngle = "30", "-20"
    result.DistanceSourceToDetector, result.DistanceSourceToPatient = "1000", "750"
    result.ImagerPixelSpacing = ["0.4", "0.4"]
    result.PatientPosition = "HFS"
    result.FrameTime = "66.6667"
    result.NumberOfFrames, result.Rows, result.Columns = frames.shape[:3]
    result.SamplesPerPixel = 3 if frames.ndim == 4 else 1
    result.PhotometricInterpretation = "RGB" if frames.ndim == 4 else "MONOCHROME2"
    if frames.ndim == 4:
        result.PlanarConfiguration = 0
    result.BitsAllocated = result.BitsStored = 8 * frames.dtype.itemsize
    result.HighBit = result.BitsStored - 1
    result.PixelRepresentation = int(frames.dtype.kind == "i")
    result.PixelData = frames.tobytes()
    result["PixelData"].VR = "OB" if frames.dtype.itemsize == 1 else "OW"
    for keyword, value in values.items():
        if value is None:
            delattr(result, keyword)
        else:
            setattr(result, keyword, value)
    return result


def saved(path: Path, content: Dataset) -> Path:
    content.save_as(path, enforce_file_format=True)
    return path


def read(folder: Path, frames: NDArray[Any], **values: Any) -> XRayRun:
    return read_xray_run(saved(folder / "run.dcm", data_set(frames, **values)))


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as refused:
        read_xray_run(path)
    assert "\n" not in str(refused.value)
    return str(refused.value)
