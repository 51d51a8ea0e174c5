"""A simulated run as a multi-frame XA DICOM file (PS3.3 A.14), marked as simulated wherever a reader may look."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

from VesselSegmentationLib.files import write_atomically

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from VesselRegistrationLib.simulation.cases import SimulatedCase

XA_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.12.1"
NOTE = "Simulated image, not a patient"
GE_TABLE_CREATOR = "DLX_SERIE_01"
"""Private creator under which GE angiography machines keep their table's position (0019,xx21/22/23)."""


def write_xa(case: SimulatedCase, path: Path | str) -> Path:
    """Write the case's frames and geometry; pixels are run-length encoded, without loss. Raises OutputError."""
    from pydicom import dcmwrite
    from pydicom.uid import RLELossless

    dataset = _dataset(case)
    # pydicom takes the pixels of a single frame without an axis of frames.
    pixels = case.frames if len(case.frames) > 1 else case.frames[0]
    dataset.compress(RLELossless, arr=pixels, generate_instance_uid=False)
    content = io.BytesIO()
    dcmwrite(content, dataset, enforce_file_format=True)
    return write_atomically(path, content.getvalue())


def _dataset(case: SimulatedCase) -> Dataset:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    pixels = hashlib.sha256(case.frames.tobytes()).hexdigest()

    def uid(what: str) -> UID:
        """The same for the same pixels, so that a file made twice is the same file; another for any others."""
        return generate_uid(entropy_srcs=["vessel-registration", case.region, str(case.seed), pixels, what])

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = UID(XA_IMAGE_STORAGE)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = uid("instance")
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid("study"), uid("series")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "SINGLE PLANE"]
    dataset.Modality = "XA"
    dataset.Manufacturer = "vessel-registration (simulation)"
    dataset.PatientName, dataset.PatientID = "SIMULATED^PATIENT", "SIMULATED"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.StudyDate = dataset.StudyTime = ""
    dataset.ReferringPhysicianName = dataset.AccessionNumber = dataset.StudyID = ""
    dataset.ImageComments = dataset.SeriesDescription = NOTE
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.PatientPosition = "HFS"
    _add_geometry(dataset, case)
    _add_pixels(dataset, case)
    return dataset


def _add_geometry(dataset: Dataset, case: SimulatedCase) -> None:
    c_arm = case.c_arm
    dataset.RadiationSetting = "GR"  # an acquisition, as runs with contrast agent are
    dataset.KVP = dataset.XRayTubeCurrent = dataset.ExposureTime = ""
    dataset.PositionerMotion = "STATIC"
    dataset.PositionerPrimaryAngle = f"{c_arm.primary_angle_deg:g}"
    dataset.PositionerSecondaryAngle = f"{c_arm.secondary_angle_deg:g}"
    dataset.DistanceSourceToDetector = f"{c_arm.sid_mm:g}"
    dataset.DistanceSourceToPatient = f"{c_arm.sod_mm:g}"
    dataset.EstimatedRadiographicMagnificationFactor = f"{c_arm.magnification:.6f}"
    dataset.ImagerPixelSpacing = [f"{value:.6f}" for value in c_arm.spacing_mm]
    dataset.FieldOfViewShape = "RECTANGLE"
    side = [c_arm.columns * c_arm.spacing_mm[1], c_arm.rows * c_arm.spacing_mm[0]]
    dataset.FieldOfViewDimensions = [round(length) for length in side]
    dataset.TableMotion = "STATIC"
    lateral, vertical, longitudinal = case.table_lps
    block = dataset.private_block(0x0019, GE_TABLE_CREATOR, create=True)
    block.add_new(0x21, "DS", f"{vertical:g}")
    block.add_new(0x22, "DS", f"{longitudinal:g}")
    block.add_new(0x23, "DS", f"{lateral:g}")


def _add_pixels(dataset: Dataset, case: SimulatedCase) -> None:
    from VesselRegistrationLib.simulation.cases import FRAME_TIME_MS

    count, rows, columns = case.frames.shape
    dataset.NumberOfFrames = count
    dataset.FrameIncrementPointer = 0x00181063
    dataset.FrameTime = f"{FRAME_TIME_MS:.4f}"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelIntensityRelationship = "DISP"
    dataset.PixelData = case.frames.tobytes()
    dataset["PixelData"].VR = "OB"
