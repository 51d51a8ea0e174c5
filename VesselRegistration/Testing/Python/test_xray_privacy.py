"""What must never leave the reader: who the patient is, and where."""

from __future__ import annotations

import json
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, generate_uid
from xray_files import FRAMES_8, data_set, saved

from VesselRegistrationLib.inspection import format_inspection, inspect_run
from VesselRegistrationLib.xray_reading import read_xray_run
from VesselSegmentationLib.errors import MissingGeometryError, UserError

SECRETS = {
    "PatientName": "Roe^Richard",
    "PatientID": "MRN-778123",
    "PatientBirthDate": "19610502",
    "StudyDate": "20190314",
    "StudyTime": "104522",
    "InstitutionName": "Saint Elsewhere",
    "InstitutionAddress": "12 Hidden Lane",
    "ReferringPhysicianName": "Strange^Stephen",
    "OperatorsName": "Operator^Olga",
    "StationName": "CATHLAB7",
    "AccessionNumber": "ACC998877",
    "StudyDescription": "TAVI Roe",
    "SeriesDescription": "LCA Roe",
    "ImageComments": "patient Roe coughed",
    "DeviceSerialNumber": "SN554433",
    "ProtocolName": "Roe special",
    "Manufacturer": "Acme of Roe",
    "StudyID": "S4711",
}


def with_secrets(frames: NDArray[Any], **values: Any) -> tuple[Dataset, list[str]]:
    content = data_set(frames, **SECRETS, **values)
    content.StudyInstanceUID = content.SeriesInstanceUID = generate_uid()
    # Text where codes and numbers belong, and a private block.
    content.ImageType = ["ORIGINAL", "PRIMARY", "ROE PLANE"]
    content.add_new("PixelIntensityRelationship", "LO", "ROE RELATION")
    content.add_new("FieldOfViewDimensions", "LO", "ROE WIDTH")
    content.add_new("TableLateralIncrement", "LO", "ROE TABLE")
    content.add_new("PositionerSecondaryAngle", "LO", "ROE ANGLE")
    content.private_block(0x0019, "ROE PRIVATE", create=True).add_new(0x21, "LO", "ROE SECRET")
    secrets = [part for text in SECRETS.values() for part in text.split("^")]
    return content, [*secrets, "ROE", str(content.StudyInstanceUID), str(content.SOPInstanceUID)]


def assert_silent(text: str, secrets: list[str]) -> None:
    for secret in secrets:
        assert secret.lower() not in text.lower()


def test_no_identifier_leaves_the_reader(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    content, secrets = with_secrets(FRAMES_8)
    path = saved(tmp_path / "x.dcm", content)
    assert b"ROE RELATION" in path.read_bytes()
    assert b"Roe^Richard" in path.read_bytes()
    run = read_xray_run(path)
    inspection = inspect_run(run)
    everything = [repr(run), repr(vars(run)), json.dumps(inspection), format_inspection(inspection), caplog.text]
    with pytest.raises(MissingGeometryError) as refused:
        run.c_arm()
    assert_silent("\n".join([*everything, str(refused.value), *capfd.readouterr()]), secrets)
    assert run.intensity_relationship == "OTHER"


@pytest.mark.parametrize("change", ["ct", "zero", "cut", "damaged", "bits", "kind"])
def test_errors_and_their_tracebacks_repeat_no_identifier(
    tmp_path: Path, change: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    content, secrets = with_secrets(FRAMES_8)
    if change == "ct":
        content.Modality = "CT"
    elif change == "zero":
        content.NumberOfFrames = 0
    elif change == "bits":
        content.BitsStored = 40
    elif change == "kind":
        content.SOPClassUID = content.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
        content.Modality = "ROE"
    elif change == "damaged":
        content.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        content.PixelData = encapsulate([b"ROE" * 20] * 3)
        content["PixelData"].is_undefined_length = True
    path = saved(tmp_path / "x.dcm", content)
    if change == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError) as refused:
        read_xray_run(path)
    text = "".join(traceback.format_exception(refused.value))
    assert_silent("\n".join([text, caplog.text, *capfd.readouterr()]), secrets)
