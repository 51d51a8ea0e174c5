"""Reading pictures without a header: formats, depths, and geometry from a file beside them or from arguments."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from VesselRegistrationLib.cli import options as shared
from VesselRegistrationLib.geometry_overrides import GeometryOverrides
from VesselRegistrationLib.xray_reading import read_xray_run
from VesselRegistrationLib.xray_run import Origin
from VesselSegmentationLib.errors import InputError, MissingGeometryError

RANDOM = np.random.default_rng(5)
GRAY = RANDOM.integers(0, 256, (16, 20), dtype=np.uint8)
DEEP = RANDOM.integers(0, 4096, (4, 16, 20), dtype=np.uint16)
SIDECAR: dict[str, Any] = {
    "primaryAngleDeg": 30.0,
    "secondaryAngleDeg": -20,
    "sidMm": 1000,
    "sodMm": 750,
    "spacingMm": [0.4, 0.3],
    "principalPointPx": [9.0, 8.0],
    "tableLpsMm": [1, 2, 3],
    "frameTimeMs": 50,
}


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as refused:
        read_xray_run(path)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def beside(path: Path, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    path.with_name(path.stem + ".geometry.json").write_text(text)


# Formats


@pytest.mark.parametrize("name", ["run.png", "run.dat"])
def test_a_gray_png_is_one_frame_whatever_its_name(tmp_path: Path, name: str) -> None:
    Image.fromarray(GRAY).save(tmp_path / name, format="PNG")
    run = read_xray_run(tmp_path / name)
    assert np.array_equal(run.frames, GRAY[None])
    assert (run.kind, run.name, run.bits_stored) == ("PNG picture", "run", 8)


def test_a_picture_with_bright_vessels_is_turned_around_and_nothing_else(tmp_path: Path) -> None:
    Image.fromarray(GRAY).save(tmp_path / "run.png")
    beside(tmp_path / "run.png", SIDECAR)
    parser = argparse.ArgumentParser()
    shared.add_run(parser)
    words = ["--xray", str(tmp_path / "run.png")]
    dark, bright = (shared.read_run(parser.parse_args(given)) for given in (words, [*words, "--bright-vessels"]))
    assert np.array_equal(bright.frames, GRAY.max() - (dark.frames - GRAY.min()))
    assert bright.geometry == dark.geometry


def test_a_16_bit_png_keeps_its_depth(tmp_path: Path) -> None:
    Image.fromarray(DEEP[0]).save(tmp_path / "run.png")
    run = read_xray_run(tmp_path / "run.png")
    assert np.array_equal(run.frames, DEEP[:1])
    assert (run.frames.dtype, run.bits_stored) == (np.uint16, 12)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK"])
def test_colors_and_transparency_become_luminance(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("run.tif" if mode == "CMYK" else "run.png")
    Image.fromarray(GRAY).convert(mode).save(path)
    run = read_xray_run(path)
    assert run.frames.shape == (1, 16, 20)
    assert np.abs(run.frames[0].astype(int) - GRAY).max() <= 1


def test_a_jpeg_is_read_with_small_loss(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(16), np.arange(20)).astype(np.uint8) * 5
    Image.fromarray(smooth).save(tmp_path / "run.jpg", quality=95)
    assert np.abs(read_xray_run(tmp_path / "run.jpg").frames[0].astype(int) - smooth).max() <= 4


def test_the_pages_of_a_tiff_are_frames(tmp_path: Path) -> None:
    pages = [Image.fromarray(page) for page in DEEP]
    pages[0].save(tmp_path / "run.tif", save_all=True, append_images=pages[1:])
    run = read_xray_run(tmp_path / "run.tif")
    assert np.array_equal(run.frames, DEEP)
    assert run.frame_interval.origin is Origin.ASSUMED
    assert len(run.geometry) == 4


def test_a_deep_tiff_whose_zero_is_white_is_turned_around(tmp_path: Path) -> None:
    path = tmp_path / "run.tif"
    Image.fromarray(DEEP[0]).save(path, tiffinfo={262: 0})
    with Image.open(path) as picture:
        assert picture.tag_v2[262] == 0  # type: ignore[attr-defined]
    assert np.array_equal(read_xray_run(path).frames[0], 65535 - DEEP[0])


def test_pages_of_different_sizes_are_refused(tmp_path: Path) -> None:
    Image.fromarray(GRAY).save(tmp_path / "run.tif", save_all=True, append_images=[Image.fromarray(GRAY[:8])])
    assert "different sizes" in refusal(tmp_path / "run.tif")


@pytest.mark.parametrize("extension", ["nrrd", "mha"])
def test_stacks_of_nrrd_and_metaimage_are_frames(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"run.{extension}"
    sitk.WriteImage(sitk.GetImageFromArray(DEEP), str(path))
    assert np.array_equal(read_xray_run(path).frames, DEEP)
    sitk.WriteImage(sitk.GetImageFromArray(DEEP[0]), str(path))
    assert np.array_equal(read_xray_run(path).frames, DEEP[:1])


def test_signed_nrrd_starts_at_zero(tmp_path: Path) -> None:
    signed = np.arange(-100, 220, dtype=np.int16).reshape(16, 20)
    sitk.WriteImage(sitk.GetImageFromArray(signed), str(tmp_path / "run.nrrd"))
    run = read_xray_run(tmp_path / "run.nrrd")
    assert np.array_equal(run.frames[0], signed + 100)
    assert run.frames.dtype == np.uint16


def test_color_in_nrrd_becomes_luminance(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.stack([GRAY] * 3, axis=-1), isVector=True), str(tmp_path / "run.nrrd"))
    assert np.array_equal(read_xray_run(tmp_path / "run.nrrd").frames, GRAY[None])


def test_a_sequence_of_3d_slicer_is_a_stack_of_frames(tmp_path: Path) -> None:
    head = (
        "NRRD0005\ntype: unsigned short\ndimension: 4\nspace: left-posterior-superior\nsizes: 4 20 16 1\n"
        "space directions: none (1,0,0) (0,1,0) (0,0,1)\nkinds: list domain domain domain\nendian: little\n"
        "encoding: raw\nspace origin: (0,0,0)\n\n"
    )
    pixels = np.ascontiguousarray(DEEP[:, None].transpose(1, 2, 3, 0))
    (tmp_path / "run.seq.nrrd").write_bytes(head.encode() + pixels.tobytes())
    assert np.array_equal(read_xray_run(tmp_path / "run.seq.nrrd").frames, DEEP)


def test_floating_point_pictures_are_refused(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(DEEP.astype(np.float32)), str(tmp_path / "run.nrrd"))
    assert "float32" in refusal(tmp_path / "run.nrrd")
    Image.fromarray(GRAY.astype(np.float32)).save(tmp_path / "run.tif")
    assert "float32" in refusal(tmp_path / "run.tif")


@pytest.mark.parametrize("name", ["run.png", "run.jpg", "run.tif", "run.nrrd"])
def test_pictures_cut_short_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    noise = RANDOM.integers(0, 256, (64, 64), dtype=np.uint8)
    if name.endswith("nrrd"):
        sitk.WriteImage(sitk.GetImageFromArray(noise), str(path))
    else:
        Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:1500])
    assert "truncated" in refusal(path)


# Geometry


def test_the_file_beside_a_picture_gives_its_geometry(tmp_path: Path) -> None:
    path = tmp_path / "run.png"
    Image.fromarray(GRAY).save(path)
    beside(path, SIDECAR)
    run = read_xray_run(path)
    c_arm = run.c_arm()
    assert (c_arm.primary_angle_deg, c_arm.secondary_angle_deg, c_arm.sid_mm, c_arm.sod_mm) == (30, -20, 1000, 750)
    assert c_arm.spacing_mm == (0.4, 0.3)
    assert c_arm.center_px == (9.0, 8.0)
    assert run.geometry[0].table.numbers == (1, 2, 3)
    assert run.geometry[0].sid.origin is Origin.USER
    assert "beside" in run.geometry[0].sid.source
    assert not run.warnings


def test_arguments_go_before_the_file_beside(tmp_path: Path) -> None:
    path = tmp_path / "run.png"
    Image.fromarray(GRAY).save(path)
    beside(path, SIDECAR | {"spacingMm": 0.5})
    run = read_xray_run(path, GeometryOverrides(sid_mm=1200))
    assert run.c_arm().sid_mm == 1200
    assert run.geometry[0].sid.source == "given by the user"
    assert run.c_arm().spacing_mm == (0.5, 0.5)


def test_frame_times_come_from_the_file_beside(tmp_path: Path) -> None:
    path = tmp_path / "run.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(DEEP), str(path))
    beside(path, {"frameTimeMs": 50})
    run = read_xray_run(path)
    assert run.frame_times_ms.tolist() == [0.0, 50.0, 100.0, 150.0]
    assert run.frame_interval.origin is Origin.USER


def test_a_picture_alone_is_readable_and_refuses_by_name(tmp_path: Path) -> None:
    path = tmp_path / "run.png"
    Image.fromarray(GRAY).save(path)
    run = read_xray_run(path)
    assert any("run.geometry.json" in warning for warning in run.warnings)
    with pytest.raises(MissingGeometryError, match=r"Give primaryAngleDeg, secondaryAngleDeg, sidMm, sodMm, spacingMm"):
        run.c_arm()


def test_the_file_beside_may_tell_each_frame_apart(tmp_path: Path) -> None:
    path = tmp_path / "run.tif"
    Image.fromarray(GRAY).save(path, save_all=True, append_images=[Image.fromarray(GRAY)])
    common = {"sidMm": 1000, "sodMm": 750, "secondaryAngleDeg": 0, "spacingMm": 0.4, "frameTimeMs": 40}
    frames = [{"primaryAngleDeg": 10, "tableLpsMm": [0, 0, 0]}, {"primaryAngleDeg": 12, "tableLpsMm": [0, 0, 5]}]
    beside(path, {**common, "frames": frames})
    run = read_xray_run(path)
    assert [run.c_arm(frame).primary_angle_deg for frame in (0, 1)] == [10, 12]
    assert [run.c_arm(frame).sid_mm for frame in (0, 1)] == [1000, 1000]
    assert run.geometry[1].table.value == (0, 0, 5)
    assert run.frame_times_ms.tolist() == [0, 40]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "is not JSON"),
        ("[1, 2]", "one JSON object"),
        ({"sid": 1000}, "unknown keys: sid"),
        ({"sidMm": "1000"}, "sidMm must be a number"),
        ({"sidMm": 700, "sodMm": 750}, "sodMm 750 must be smaller"),
        ({"spacingMm": [0.4]}, "spacingMm must be 2 numbers"),
        ({"spacingMm": [0.4, True]}, "spacingMm must be 2 numbers"),
        ('{"primaryAngleDeg": NaN}', "primaryAngleDeg must be a number"),
        ({"principalPointPx": {"x": 1}}, "principalPointPx must be 2 numbers"),
        (" " * 2_000_000, "too large"),
        ({"frames": {}}, "one object of geometry values per frame"),
        ({"frames": [{"sid": 1000}]}, "frame 0 has unknown keys: sid"),
        ({"frames": [{"frameTimeMs": 40}]}, "frameTimeMs is one value for the run"),
        ({"frames": [{"sidMm": 1000}, {"sidMm": 1100}]}, 'has 2 "frames" and the picture 1'),
    ],
)
def test_a_wrong_file_beside_is_refused_with_its_name(tmp_path: Path, content: Any, expected: str) -> None:
    path = tmp_path / "run.png"
    Image.fromarray(GRAY).save(path)
    beside(path, content)
    message = refusal(path)
    assert "run.geometry.json" in message
    assert expected in message
