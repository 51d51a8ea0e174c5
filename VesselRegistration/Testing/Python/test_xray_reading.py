"""Reading DICOM runs: transfer syntaxes, bit depths, polarity, and broken files."""

from __future__ import annotations

import io
import logging
import os
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)
from xray_files import (
    BITS_12,
    CT,
    ENHANCED_XA,
    FRAMES_8,
    FRAMES_12,
    RANDOM,
    SECONDARY_CAPTURE,
    XA,
    XRF,
    data_set,
    read,
    refusal,
    saved,
)

from VesselRegistrationLib.geometry_overrides import GeometryOverrides
from VesselRegistrationLib.xray_reading import read_xray_run
from VesselRegistrationLib.xray_run import Origin
from VesselSegmentationLib.errors import InputError, MissingGeometryError

# Transfer syntaxes


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_uncompressed_runs_are_read_as_they_are(tmp_path: Path, syntax: str) -> None:
    run = read(tmp_path, FRAMES_8, syntax=syntax)
    assert np.array_equal(run.frames, FRAMES_8)
    assert run.frames.dtype == np.uint8
    assert (run.frame_count, run.rows, run.columns) == (3, 16, 20)
    assert run.name == "run"
    assert run.c_arm(2).sid_mm == 1000


def test_rle_runs_are_decoded(tmp_path: Path) -> None:
    content = data_set(FRAMES_12, **BITS_12)
    content.compress(RLELossless)
    run = read_xray_run(saved(tmp_path / "run.dcm", content))
    assert np.array_equal(run.frames, FRAMES_12)
    assert run.frames.dtype == np.uint16


@pytest.mark.parametrize(("compressor", "syntax"), [("JPEG", "JPEG Lossless"), ("JPEG2000", "JPEG 2000")])
def test_lossless_jpeg_runs_are_decoded(tmp_path: Path, compressor: str, syntax: str) -> None:
    path = tmp_path / "run.dcm"
    image = sitk.GetImageFromArray(FRAMES_12)
    image.SetMetaData("0008|0016", XA)
    image.SetMetaData("0008|0060", "XA")
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetFileName(str(path))
    writer.UseCompressionOn()
    writer.SetCompressor(compressor)
    writer.Execute(image)
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID.name.startswith(syntax)
    assert np.array_equal(read_xray_run(path).frames, FRAMES_12)


def baseline_jpeg(frames: NDArray[np.uint8]) -> Dataset:
    pages = []
    for frame in frames:
        page = io.BytesIO()
        Image.fromarray(frame).save(page, "JPEG", quality=95)
        pages.append(page.getvalue())
    content = data_set(frames, syntax=JPEGBaseline8Bit)
    content.PixelData = encapsulate(pages)
    content["PixelData"].is_undefined_length = True
    return content


def test_baseline_jpeg_runs_are_decoded_with_small_loss(tmp_path: Path) -> None:
    row, column = np.mgrid[:32, :40]
    frames = np.stack([(5 * column + row + 10 * shift).astype(np.uint8) for shift in range(3)])
    run = read_xray_run(saved(tmp_path / "run.dcm", baseline_jpeg(frames)))
    assert np.abs(run.frames.astype(int) - frames).max() <= 3


def test_a_file_without_preamble_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run"
    content = data_set(FRAMES_8, syntax=ImplicitVRLittleEndian)
    del content.file_meta
    content.save_as(path, implicit_vr=True, little_endian=True)
    assert np.array_equal(read_xray_run(path).frames, FRAMES_8)


# Pixels


def test_a_single_frame_is_a_run_of_one(tmp_path: Path) -> None:
    run = read(tmp_path, FRAMES_8[:1], NumberOfFrames=None)
    assert run.frames.shape == (1, 16, 20)
    assert run.frame_times_ms.tolist() == [0.0]


def test_bits_above_the_stored_ones_are_ignored(tmp_path: Path) -> None:
    run = read(tmp_path, FRAMES_12 | 0xF000, **BITS_12)
    assert np.array_equal(run.frames, FRAMES_12)
    assert run.bits_stored == 12


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_signed_pixels_start_at_zero(tmp_path: Path, photometric: str) -> None:
    signed = FRAMES_12.astype(np.int16) - 2048
    run = read(tmp_path, signed, PhotometricInterpretation=photometric, **BITS_12)
    assert np.array_equal(run.frames, FRAMES_12 if photometric == "MONOCHROME2" else 4095 - FRAMES_12)
    assert run.frames.dtype == np.uint16


def test_monochrome1_is_turned_so_that_absorption_is_dark(tmp_path: Path) -> None:
    run = read(tmp_path, FRAMES_8, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(run.frames, 255 - FRAMES_8)
    assert run.photometric == "MONOCHROME1"
    run = read(tmp_path, FRAMES_12, PhotometricInterpretation="MONOCHROME1", **BITS_12)
    assert np.array_equal(run.frames, 4095 - FRAMES_12)


def test_the_sign_of_the_intensity_relationship_decides_on_polarity(tmp_path: Path) -> None:
    run = read(tmp_path, FRAMES_8, PixelIntensityRelationshipSign=-1)
    assert np.array_equal(run.frames, 255 - FRAMES_8)
    assert any("(0028,1041)" in warning for warning in run.warnings)
    run = read(tmp_path, FRAMES_8, PhotometricInterpretation="MONOCHROME1", PixelIntensityRelationshipSign=-1)
    assert np.array_equal(run.frames, 255 - FRAMES_8)
    assert not run.warnings


@pytest.mark.parametrize(("slope", "intercept"), [("2", "-100"), ("0.5", "-100.25")])
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_a_rescale_leaves_the_stored_values(tmp_path: Path, slope: str, intercept: str, photometric: str) -> None:
    run = read(
        tmp_path,
        FRAMES_12,
        RescaleSlope=slope,
        RescaleIntercept=intercept,
        PhotometricInterpretation=photometric,
        **BITS_12,
    )
    assert np.array_equal(run.frames, FRAMES_12 if photometric == "MONOCHROME2" else 4095 - FRAMES_12)


def test_a_negative_slope_turns_the_polarity(tmp_path: Path) -> None:
    run = read(tmp_path, FRAMES_12, RescaleSlope="-1", RescaleIntercept="4095", **BITS_12)
    assert np.array_equal(run.frames, 4095 - FRAMES_12)


def test_color_captures_become_luminance(tmp_path: Path) -> None:
    color = RANDOM.integers(0, 256, (2, 16, 20, 3), dtype=np.uint8)
    run = read(tmp_path, color, sop_class=SECONDARY_CAPTURE, Modality="OT")
    assert run.frames.shape == (2, 16, 20)
    assert np.array_equal(run.frames, np.rint(color @ np.array([0.299, 0.587, 0.114])).astype(np.uint8))
    assert run.kind == "secondary capture"


# What a run says of itself


def test_harmless_facts_are_kept(tmp_path: Path) -> None:
    run = read(
        tmp_path,
        FRAMES_8,
        PixelIntensityRelationship="DRM",
        ImageType=["ORIGINAL", "PRIMARY", "BIPLANE B"],
        ShutterShape="RECTANGULAR",
        ShutterLeftVerticalEdge="3",
        ShutterRightVerticalEdge="18",
        ShutterUpperHorizontalEdge="2",
        ShutterLowerHorizontalEdge="15",
    )
    assert (run.modality, run.intensity_relationship, run.patient_position) == ("XA", "DRM", "HFS")
    assert run.plane == "lateral (B)"
    assert any("isocentre" in warning for warning in run.warnings)
    assert run.shutter is not None
    visible = run.shutter.visible(16, 20)
    # Columns 4 to 17 and rows 3 to 14, counted from 1, lie between the edges.
    assert visible.sum() == 14 * 12
    assert visible[2, 3]
    assert not visible[1, 3]
    assert not visible[2, 2]
    assert run.frame_interval.source == "(0018,1063) FrameTime"


def test_circular_and_polygonal_shutters_are_read(tmp_path: Path) -> None:
    run = read(
        tmp_path,
        FRAMES_8,
        ShutterShape=["CIRCULAR", "POLYGONAL"],
        CenterOfCircularShutter=["8", "10"],
        RadiusOfCircularShutter="5",
        VerticesOfThePolygonalShutter=["1", "1", "1", "20", "8", "20", "8", "1"],
    )
    assert run.shutter is not None
    assert run.shutter.circle == (9.0, 7.0, 5.0)
    visible = run.shutter.visible(16, 20)
    assert visible[5, 9]
    assert not visible[11, 9]
    assert not visible[5, 2]


def test_a_run_without_geometry_is_readable_and_refuses_by_name(tmp_path: Path) -> None:
    absent = {"PositionerPrimaryAngle": None, "DistanceSourceToDetector": None, "ImagerPixelSpacing": None}
    run = read(tmp_path, FRAMES_8, **absent)
    with pytest.raises(MissingGeometryError, match=r"primary angle.*SID.*detector spacing"):
        run.c_arm()
    given = GeometryOverrides(primary_angle_deg=5, sid_mm=1000, spacing_mm=(0.4, 0.4))
    assert read_xray_run(tmp_path / "run.dcm", given).c_arm().primary_angle_deg == 5


def test_a_plain_fluoroscopy_run_is_read_and_its_tilt_said(tmp_path: Path) -> None:
    run = read(
        tmp_path,
        FRAMES_8,
        sop_class=XRF,
        Modality="RF",
        PositionerPrimaryAngle=None,
        PositionerSecondaryAngle=None,
        ColumnAngulation="10",
    )
    assert run.kind == "X-ray fluoroscopy (RF)"
    assert any("(0018,1450)" in warning for warning in run.warnings)
    with pytest.raises(MissingGeometryError, match="primaryAngleDeg, secondaryAngleDeg"):
        run.c_arm()


def test_an_enhanced_run_has_a_c_arm_per_frame(tmp_path: Path) -> None:
    content = data_set(FRAMES_12, sop_class=ENHANCED_XA, **BITS_12)
    for keyword in ("PositionerPrimaryAngle", "PositionerSecondaryAngle", "ImagerPixelSpacing"):
        delattr(content, keyword)
    groups = []
    for frame in range(3):
        positioner, group = Dataset(), Dataset()
        positioner.PositionerPrimaryAngle, positioner.PositionerSecondaryAngle = str(10 * frame), "5"
        group.PositionerPositionSequence = Sequence([positioner])
        groups.append(group)
    properties, shared = Dataset(), Dataset()
    properties.ImagerPixelSpacing = ["0.2", "0.2"]
    properties.PixelIntensityRelationship, properties.PixelIntensityRelationshipSign = "LIN", -1
    shared.FramePixelDataPropertiesSequence = Sequence([properties])
    content.PerFrameFunctionalGroupsSequence = Sequence(groups)
    content.SharedFunctionalGroupsSequence = Sequence([shared])
    run = read_xray_run(saved(tmp_path / "run.dcm", content))
    assert run.kind == "Enhanced XA"
    assert [run.c_arm(frame).primary_angle_deg for frame in range(3)] == [0.0, 10.0, 20.0]
    assert run.c_arm().spacing_mm == (0.2, 0.2)
    assert run.intensity_relationship == "LIN"
    assert np.array_equal(run.frames, 4095 - FRAMES_12)


def test_a_given_frame_time_wins(tmp_path: Path) -> None:
    path = saved(tmp_path / "run.dcm", data_set(FRAMES_8))
    run = read_xray_run(path, GeometryOverrides(frame_time_ms=100))
    assert run.frame_times_ms.tolist() == [0.0, 100.0, 200.0]
    assert run.frame_interval.origin is Origin.USER


def test_frames_outside_the_run_are_refused(tmp_path: Path) -> None:
    run = read(tmp_path, FRAMES_8)
    for frame in (-1, 3):
        with pytest.raises(InputError, match="frames 0 to 2"):
            run.c_arm(frame)


# Broken and foreign files


def test_an_uncompressed_file_cut_short_says_how_many_bytes_are_missing(tmp_path: Path) -> None:
    path = saved(tmp_path / "run.dcm", data_set(FRAMES_8))
    path.write_bytes(path.read_bytes()[:-500])
    assert refusal(path).startswith("run.dcm is truncated: ")
    assert "expected 960 bytes of pixels, found 460" in refusal(path)


def test_a_compressed_file_cut_short_says_how_many_frames_are_whole(tmp_path: Path) -> None:
    path = saved(tmp_path / "run.dcm", baseline_jpeg(FRAMES_8))
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    assert "is truncated: expected the compressed pixels of 3 frames, found 2 whole ones" in refusal(path)


def test_every_cut_of_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    for number, content in enumerate((data_set(FRAMES_8), baseline_jpeg(FRAMES_8))):
        path = saved(tmp_path / f"run{number}.dcm", content)
        whole = path.read_bytes()
        for size in range(1, len(whole) - 16, 61):
            path.write_bytes(whole[:size])
            assert refusal(path)


def test_a_deflated_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "run.dcm", data_set(FRAMES_8, syntax=DeflatedExplicitVRLittleEndian))
    path.write_bytes(path.read_bytes()[:-300])
    assert "truncated" in refusal(path)


def test_fewer_frames_than_announced_are_refused(tmp_path: Path) -> None:
    content = baseline_jpeg(FRAMES_8)
    content.NumberOfFrames = 5
    assert "lacks frames: expected the compressed pixels of 5 frames, found 3" in refusal(
        saved(tmp_path / "run.dcm", content)
    )


def test_damaged_compressed_pixels_are_refused(tmp_path: Path) -> None:
    content = baseline_jpeg(FRAMES_8)
    content.PixelData = encapsulate([b"no picture at all"] * 3)
    message = refusal(saved(tmp_path / "run.dcm", content))
    assert "cannot be decoded (JPEG Baseline" in message


def test_a_ct_image_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "slice.dcm", data_set(FRAMES_12[:1], sop_class=CT, Modality="CT"))
    assert refusal(path).startswith("slice.dcm is a CT image; this expects an X-ray run (XA, RF")


def test_zero_frames_and_no_pixels_are_refused(tmp_path: Path) -> None:
    assert "holds no frames" in refusal(saved(tmp_path / "a.dcm", data_set(FRAMES_8, NumberOfFrames="0")))
    assert "no pixel data" in refusal(saved(tmp_path / "b.dcm", data_set(FRAMES_8, PixelData=None)))
    assert "picture size" in refusal(saved(tmp_path / "c.dcm", data_set(FRAMES_8, Rows=0)))
    assert "bits per pixel" in refusal(saved(tmp_path / "d.dcm", data_set(FRAMES_8, BitsAllocated=32, BitsStored=32)))


def test_folders_count_their_dicom_files(tmp_path: Path) -> None:
    assert "is a folder. Name a file" in refusal(tmp_path)
    for name in ("a", "b"):
        saved(tmp_path / name, data_set(FRAMES_8))
    (tmp_path / "note.txt").write_text("hello")
    assert "It holds 2 DICOM files; name one of them" in refusal(tmp_path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.dcm").touch()
    assert "is empty" in refusal(tmp_path / "empty.dcm")
    assert "no file" in refusal(tmp_path / "missing.dcm")
    (tmp_path / "text.dcm").write_text("Überlegungen, not a run\n")
    assert "is a text file" in refusal(tmp_path / "text.dcm")
    (tmp_path / "noise.dcm").write_bytes(bytes(range(256)) * 4)
    assert "unknown format" in refusal(tmp_path / "noise.dcm")


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "run.dcm", data_set(FRAMES_8))

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    assert "permission denied" in refusal(path)


# Behaviour of the process


def test_reading_leaves_global_settings_as_they_were(tmp_path: Path) -> None:
    before = sitk.ProcessObject.GetGlobalWarningDisplay(), pydicom.config.settings.reading_validation_mode
    disabled = logging.getLogger("pydicom").disabled
    read(tmp_path, FRAMES_8)
    assert before == (sitk.ProcessObject.GetGlobalWarningDisplay(), pydicom.config.settings.reading_validation_mode)
    assert logging.getLogger("pydicom").disabled == disabled


def test_a_hundred_frames_are_read_in_seconds(tmp_path: Path) -> None:
    frames = np.zeros((100, 512, 512), dtype=np.uint16)
    path = saved(tmp_path / "run.dcm", data_set(frames, PositionerPrimaryAngleIncrement="1", **BITS_12))
    start = time.perf_counter()
    run = read_xray_run(path)
    assert time.perf_counter() - start < 20
    assert run.c_arm(99).primary_angle_deg == 129.0
    os.remove(path)
