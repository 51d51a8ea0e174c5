"""Vessel models are read from the usual surface files, in the right frame and unit, or refused in one clear line."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest

from VesselRegistrationLib.model_reading import (
    LengthUnit,
    ModelFrame,
    UnitsQuestion,
    VesselModel,
    read_vessel_model,
    summarize,
    vessel_model_from_arrays,
)
from VesselRegistrationLib.model_writing import write_vessel_model
from VesselSegmentationLib.errors import InputError

EXTENSIONS = [".stl", ".vtp", ".vtk", ".obj", ".ply"]
FLIP = np.array([-1.0, -1.0, 1.0])


@pytest.fixture
def model() -> VesselModel:
    """A closed box of 30 x 20 x 100 mm, away from the origin."""
    bits = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)], dtype=float)
    quads = np.array([(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])
    return vessel_model_from_arrays(
        np.array([5.5, -12.25, 7.0]) + bits * [30, 20, 100], np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    )


def corners(model: VesselModel) -> np.ndarray:
    """Points in a fixed order: a file may hold them in any."""
    return np.unique(np.round(model.points_lps, 4), axis=0)


def text_stl(model: VesselModel, header: str = "vessel") -> str:
    """The model as a text STL."""
    facets = [
        "facet normal 0 0 0\nouter loop\n"
        + "".join(f"vertex {x:.9g} {y:.9g} {z:.9g}\n" for x, y, z in model.points_lps[triangle])
        + "endloop\nendfacet\n"
        for triangle in model.triangles
    ]
    return f"solid {header}\n{''.join(facets)}endsolid\n"


def refusal(path: Path, **arguments) -> str:
    """The message that reading the file ends with."""
    with pytest.raises(InputError) as caught:
        read_vessel_model(path, **arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("frame", list(ModelFrame))
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_model_survives_a_round_trip_in_either_frame(tmp_path, model, extension, frame):
    path = tmp_path / f"vessel{extension}"
    write_vessel_model(model, path, frame)
    again = read_vessel_model(path)
    assert np.allclose(corners(again), corners(model), atol=1e-4)
    assert again.is_closed
    assert again.warnings == ()
    assert summarize(again)["volume_mm3"] == pytest.approx(60000, rel=1e-6)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_file_that_says_ras_holds_flipped_coordinates(tmp_path, model, extension):
    path = tmp_path / f"vessel{extension}"
    write_vessel_model(model, path, ModelFrame.RAS)
    flipped = read_vessel_model(path, frame=ModelFrame.LPS)  # takes the numbers as they are
    assert np.allclose(corners(flipped), np.unique(np.round(model.points_lps * FLIP, 4), axis=0), atol=1e-4)
    assert "the file says that it is in RAS; read as LPS, as asked" in flipped.warnings


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_the_frame_is_named_in_the_file_as_slicer_does(tmp_path, model, extension):
    for frame in ModelFrame:
        path = tmp_path / f"vessel-{frame.value}{extension}"
        write_vessel_model(model, path, frame)
        head = path.read_bytes()[:2000]
        expected = b'Name="SPACE"' if extension == ".vtp" else f"SPACE={frame.value}".encode()
        assert expected in head


def test_a_text_stl_is_in_lps_unless_its_first_line_says_ras(tmp_path, model):
    plain, ras = tmp_path / "plain.stl", tmp_path / "ras.stl"
    plain.write_text(text_stl(model))
    ras.write_text(text_stl(model, "3D Slicer output. SPACE=RAS"))
    assert np.allclose(corners(read_vessel_model(plain)), corners(model))
    assert np.allclose(corners(read_vessel_model(ras)), np.unique(model.points_lps * FLIP, axis=0))
    assert len(read_vessel_model(plain).points_lps) == 8


def test_a_given_frame_decides_for_a_file_that_names_none(tmp_path, model):
    path = tmp_path / "vessel.stl"
    path.write_text(text_stl(model))
    read = read_vessel_model(path, frame=ModelFrame.RAS)
    assert np.allclose(corners(read), np.unique(model.points_lps * FLIP, axis=0))
    assert read.warnings == ()


def test_a_binary_stl_may_begin_with_solid_and_have_bytes_behind_its_triangles(tmp_path, model):
    path = tmp_path / "vessel.stl"
    write_vessel_model(model, path)
    content = path.read_bytes()
    path.write_bytes(b"solid vessel".ljust(80) + content[80:] + b"\0\0\0")
    assert np.allclose(corners(read_vessel_model(path)), corners(model), atol=1e-4)


def test_the_ending_may_be_written_in_capitals(tmp_path, model):
    path = tmp_path / "VESSEL.STL"
    write_vessel_model(model, path)
    assert read_vessel_model(path).is_closed


def test_quads_strips_and_polygons_are_cut_into_triangles(tmp_path):
    path = tmp_path / "vessel.vtk"
    points = "0 0 0 30 0 0 30 30 0 0 30 0 0 0 30 30 0 30 30 30 30 0 30 30"
    path.write_text(
        f"# vtk DataFile Version 3.0\nbox\nASCII\nDATASET POLYDATA\nPOINTS 8 float\n{points}\n"
        "POLYGONS 4 20\n4 0 3 2 1\n4 4 5 6 7\n4 0 1 5 4\n4 2 3 7 6\n"
        "TRIANGLE_STRIPS 2 10\n4 0 4 3 7\n4 1 2 5 6\n"
    )
    read = read_vessel_model(path)
    assert len(read.triangles) == 12
    assert read.is_closed
    assert summarize(read)["volume_mm3"] == pytest.approx(27000)


def test_obj_faces_may_be_quads_with_normals_and_share_no_points(tmp_path):
    path = tmp_path / "vessel.obj"
    quads = ["1 4 3 2", "5 6 7 8", "1 2 6 5", "3 4 8 7", "1 5 8 4", "2 3 7 6"]
    faces = "".join("f " + " ".join(f"{i}//{n}" for i in quad.split()) + "\n" for n, quad in enumerate(quads, 1))
    points = [(0, 0, 0), (30, 0, 0), (30, 30, 0), (0, 30, 0), (0, 0, 30), (30, 0, 30), (30, 30, 30), (0, 30, 30)]
    path.write_text("".join(f"v {x} {y} {z}\n" for x, y, z in points) + "vn 0 0 1\n" * 6 + faces)
    read = read_vessel_model(path)
    assert len(read.points_lps) == 8
    assert summarize(read)["volume_mm3"] == pytest.approx(27000)


@pytest.mark.parametrize("order", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_ply_may_be_text_or_binary_with_faces_of_any_size(tmp_path, order):
    points = [(0, 0, 0), (30, 0, 0), (30, 30, 0), (0, 30, 0), (0, 0, 30), (30, 0, 30), (30, 30, 30), (0, 30, 30)]
    faces = [(0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (2, 3, 7, 6), (0, 4, 7, 3), (1, 2, 6), (1, 6, 5)]
    header = (
        f"ply\nformat {order} 1.0\ncomment SPACE=RAS\nelement vertex 8\nproperty double x\nproperty double y\n"
        "property uchar red\nproperty double z\nelement face 7\nproperty uchar flag\n"
        "property list uchar int vertex_index\nend_header\n"
    )
    if order == "ascii":
        body = "".join(f"{x} {y} 255 {z}\n" for x, y, z in points)
        body += "".join(f"1 {len(face)} {' '.join(map(str, face))}\n" for face in faces)
        content = body.encode()
    else:
        sign = "<" if "little" in order else ">"
        content = b"".join(struct.pack(f"{sign}ddBd", x, y, 255, z) for x, y, z in points)
        content += b"".join(struct.pack(f"{sign}BB{len(face)}i", 1, len(face), *face) for face in faces)
    path = tmp_path / "vessel.ply"
    path.write_bytes(header.encode() + content)
    read = read_vessel_model(path)
    assert read.is_closed
    assert summarize(read)["volume_mm3"] == pytest.approx(27000)
    assert read.points_lps.min(axis=0).tolist() == [-30, -30, 0]


@pytest.mark.parametrize(
    ("scale", "unit"), [(0.001, LengthUnit.M), (0.1, LengthUnit.CM)], ids=["meters", "centimeters"]
)
def test_an_impossible_size_gets_a_question_and_its_answer_reads_the_model(tmp_path, model, scale, unit):
    path = tmp_path / "vessel.obj"
    write_vessel_model(VesselModel(model.points_lps * scale, model.triangles, True), path)
    with pytest.raises(UnitsQuestion) as caught:
        read_vessel_model(path)
    size = math.dist((0, 0, 0), (30, 20, 100)) * scale
    assert caught.value.suggestion is unit
    assert f"{size:.3g} mm across" in str(caught.value)
    assert f"units={unit.value}" in str(caught.value)
    assert "--model-units mm|cm|m" in str(caught.value)
    assert np.allclose(corners(read_vessel_model(path, units=unit)), corners(model))


def test_a_size_that_no_unit_explains_is_questioned_and_mm_can_be_insisted_on(tmp_path, model):
    path = tmp_path / "vessel.stl"
    write_vessel_model(VesselModel(model.points_lps * 1000, model.triangles, True), path)
    message = refusal(path)
    assert "1.06e+05 mm across" in message
    assert "no unit of mm, cm and m explains that" in message
    assert summarize(read_vessel_model(path, units=LengthUnit.MM))["extent_mm"] == pytest.approx([3e4, 2e4, 1e5])


def test_the_unit_that_an_obj_names_is_used(tmp_path, model):
    path = tmp_path / "vessel.obj"
    write_vessel_model(VesselModel(model.points_lps / 1000, model.triangles, True), path)
    comment = b"# vertex coordinates are measured in units, where 1 unit = 1000.000000 mm\n"
    path.write_bytes(comment + path.read_bytes())
    assert np.allclose(corners(read_vessel_model(path)), corners(model))
    insisted = read_vessel_model(path, units=LengthUnit.CM)
    assert insisted.warnings[0] == "the file gives its unit as 1000 mm; read as cm, as asked"


def test_an_unknown_unit_or_frame_is_refused_and_a_known_one_may_be_given_by_name(tmp_path, model):
    path = tmp_path / "vessel.stl"
    write_vessel_model(model, path)
    with pytest.raises(InputError, match="'inch' is no length unit; use one of mm, cm, m"):
        read_vessel_model(path, units="inch")
    with pytest.raises(InputError, match="'LAS' is no model frame; use one of LPS, RAS"):
        read_vessel_model(path, frame="LAS")
    assert read_vessel_model(path, units="mm", frame="LPS").is_closed


def test_an_open_tube_from_a_file_is_capped_and_says_so(tmp_path, model):
    path = tmp_path / "vessel.vtp"
    sides = np.ptp(model.points_lps[model.triangles][:, :, 2], axis=1) > 0
    write_vessel_model(VesselModel(model.points_lps, model.triangles[sides], False), path)
    read = read_vessel_model(path)
    assert read.is_closed
    assert read.warnings == ("2 holes capped, largest 36.1 mm across",)
    assert summarize(read)["volume_mm3"] == pytest.approx(60000)


def test_a_missing_file_a_folder_and_an_unknown_ending_are_refused(tmp_path):
    assert refusal(tmp_path / "gone.stl") == "there is no such file; check the path"
    folder = tmp_path / "folder.stl"
    folder.mkdir()
    assert refusal(folder).startswith("is a folder; give the model file inside it")
    other = tmp_path / "vessel.dcm"
    other.write_bytes(b"x")
    assert refusal(other) == "models with the ending '.dcm' are not read; use one of .stl, .vtp, .vtk, .obj, .ply"


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_an_empty_file_is_refused(tmp_path, extension):
    path = tmp_path / f"vessel{extension}"
    path.write_bytes(b"")
    assert refusal(path) == "is empty; export the model again"


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_text_called_a_model_is_refused_and_quoted(tmp_path, extension, capfd):
    path = tmp_path / f"vessel{extension}"
    path.write_text("Dear colleague,\nthe model follows tomorrow.\n" * 20)
    message = refusal(path)
    assert "'Dear colleague,'" in message
    assert "export the model again" in message
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_random_bytes_called_a_model_are_refused_in_silence(tmp_path, extension, capfd):
    path = tmp_path / f"vessel{extension}"
    path.write_bytes(np.random.default_rng(0).bytes(3000))
    refusal(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("part", [0.4, 0.7, 0.95])
@pytest.mark.parametrize("extension", [".stl", ".vtp", ".vtk", ".ply"])
def test_a_file_cut_short_is_refused_in_silence(tmp_path, model, extension, part, capfd):
    path = tmp_path / f"vessel{extension}"
    write_vessel_model(model, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    assert "again" in refusal(path) or "surface" in refusal(path)
    assert capfd.readouterr() == ("", "")


def test_a_binary_stl_cut_short_tells_how_much_is_there(tmp_path, model):
    path = tmp_path / "vessel.stl"
    write_vessel_model(model, path)
    path.write_bytes(path.read_bytes()[:-120])
    assert refusal(path) == "is cut short: it declares 12 triangles and holds 9; copy or export it again"


def test_a_text_stl_cut_short_or_without_triangles_is_refused(tmp_path, model):
    path = tmp_path / "vessel.stl"
    path.write_text(text_stl(model)[:-100])
    assert refusal(path).startswith("is cut short: a text STL ends with 'endsolid'")
    path.write_text("solid nothing\nendsolid nothing\n")
    assert refusal(path) == "has no triangles; export the model again"


def test_a_binary_stl_that_declares_no_triangles_is_refused(tmp_path):
    path = tmp_path / "vessel.stl"
    path.write_bytes(bytes(84))
    assert refusal(path) == "declares no triangles; export the model again"


def test_points_and_lines_alone_are_no_surface(tmp_path):
    head = "# vtk DataFile Version 3.0\ncenterline\nASCII\nDATASET POLYDATA\nPOINTS 3 float\n0 0 0 0 0 50 0 0 99\n"
    line, cloud = tmp_path / "line.vtk", tmp_path / "cloud.vtk"
    line.write_text(head + "LINES 1 4\n3 0 1 2\n")
    cloud.write_text(head)
    assert refusal(line).startswith("holds only points or lines, not a surface")
    assert refusal(cloud).startswith("holds 3 points but no triangles")
    obj, ply = tmp_path / "cloud.obj", tmp_path / "cloud.ply"
    obj.write_text("v 0 0 0\nv 0 0 50\nl 1 2\n")
    ply.write_text(
        "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n"
        "end_header\n0 0 0\n"
    )
    assert refusal(obj).startswith("holds only points or lines, not a surface")
    assert refusal(ply).startswith("holds only points, not a surface")


def test_an_image_in_a_vtk_file_is_named(tmp_path):
    path = tmp_path / "image.vtk"
    path.write_text("# vtk DataFile Version 3.0\nct\nASCII\nDATASET STRUCTURED_POINTS\nDIMENSIONS 2 2 2\n")
    assert refusal(path) == "holds STRUCTURED_POINTS, not POLYDATA; export the vessels as a surface model"
    grid = tmp_path / "grid.vtp"
    grid.write_text('<?xml version="1.0"?>\n<VTKFile type="UnstructuredGrid" version="0.1"></VTKFile>\n')
    assert refusal(grid) == "holds UnstructuredGrid, not PolyData; export the vessels as a surface model"


def test_polygons_that_do_not_add_up_or_point_nowhere_are_refused(tmp_path):
    path = tmp_path / "vessel.vtk"
    head = "# vtk DataFile Version 3.0\nbox\nASCII\nDATASET POLYDATA\nPOINTS 3 float\n0 0 0 0 0 50 0 9 99\n"
    path.write_text(head + "POLYGONS 1 4\n700 0 1 2\n")
    assert refusal(path) == "holds a damaged list of polygons: export the model again"
    path.write_text(head + "POLYGONS 1 4\n3 0 1 7\n")
    assert refusal(path).startswith("refers 1 times to points that do not exist (it has 3)")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"float x", b"float q", "has points without x"),
        (b"float x", b"flout x", "header line that makes no sense"),
        (b"element face 12", b"element face 99", "is cut short: it declares 99 of 'face' and holds 12"),
        (b"vertex_indices", b"vertex_weights", "faces without a list of points"),
        (b"binary_little_endian", b"morse", "header line that makes no sense"),
    ],
)
def test_a_ply_header_that_is_wrong_is_named(tmp_path, model, old, new, message):
    path = tmp_path / "vessel.ply"
    write_vessel_model(model, path)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    assert message in refusal(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("extension", [".stl", ".vtp", ".vtk", ".ply"])
def test_points_that_are_not_numbers_are_counted_with_the_remedy(tmp_path, model, extension, value):
    path = tmp_path / f"vessel{extension}"
    points = model.points_lps.copy()
    points[0, 2] = value
    write_vessel_model(VesselModel(points, model.triangles, True), path)
    message = refusal(path)
    assert "points are no usable numbers" in message
    assert "export the model again" in message


def test_the_summary_can_be_written_as_json_and_has_no_volume_for_an_open_surface(tmp_path, model):
    summary = json.loads(json.dumps(summarize(model)))
    assert summary == {
        "points": 8,
        "triangles": 12,
        "pieces": 1,
        "extent_mm": [30.0, 20.0, 100.0],
        "closed": True,
        "area_mm2": 2 * (600 + 2000 + 3000),
        "volume_mm3": 60000.0,
        "warnings": [],
    }
    sheet = vessel_model_from_arrays(np.array([[0, 0, 0], [30, 0, 0], [0, 30, 0]]), np.array([[0, 1, 2]]))
    assert summarize(sheet)["volume_mm3"] is None
    assert summarize(sheet)["closed"] is False


def test_a_path_with_spaces_and_accents_works(tmp_path, model):
    for extension in EXTENSIONS:
        path = tmp_path / f"Gefäß modèle 血管{extension}"
        write_vessel_model(model, path)
        assert read_vessel_model(path).is_closed
