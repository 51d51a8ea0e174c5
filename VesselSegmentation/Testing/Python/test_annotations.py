"""Masks of PixelAnnotationTool and 3D Slicer are read as they were drawn; what is unclear is refused with a remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from VesselSegmentationLib.annotation_table import read_table
from VesselSegmentationLib.annotations import annotation_path, read_annotation
from VesselSegmentationLib.datasets import FolderDataset, split_by_patient
from VesselSegmentationLib.errors import InputError

SHAPE = (30, 40)


def vessel() -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[5:20, 10:14] = True
    mask[18:20, 10:30] = True
    return mask


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def three_channels(labels: np.ndarray) -> np.ndarray:
    """As PixelAnnotationTool saves labels."""
    return np.repeat(labels.astype(np.uint8)[:, :, None], 3, axis=2)


def colored(background: tuple[int, int, int], color: tuple[int, int, int]) -> np.ndarray:
    return np.where(vessel()[..., None], np.array(color, np.uint8), np.array(background, np.uint8))


def watershed() -> np.ndarray:
    """Background 1, vessel 2, and 255 where two regions or the picture's border meet."""
    labels = np.where(vessel(), 2, 1)
    labels[0] = labels[-1] = labels[:, 0] = labels[:, -1] = 255
    labels[5:20, 14] = 255
    return labels


def segmentation(path: Path, layers: list[np.ndarray], segments: list[tuple[str, int, int]], **more: str) -> Path:
    """A .seg.nrrd as 3D Slicer writes it: one layer, or a list of them before the three axes."""
    rows, columns = layers[0].shape
    is_list = len(layers) > 1
    fields = {
        "type": "unsigned char",
        "dimension": "4" if is_list else "3",
        "space": "left-posterior-superior",
        "sizes": f"{f'{len(layers)} ' if is_list else ''}{columns} {rows} 1",
        "space directions": f"{'none ' if is_list else ''}(1,0,0) (0,1,0) (0,0,1)",
        "kinds": f"{'list ' if is_list else ''}domain domain domain",
        "encoding": "raw",
        "space origin": "(0,0,0)",
    }
    lines = ["NRRD0004", *(f"{key}: {value}" for key, value in fields.items())]
    for number, (name, value, layer) in enumerate(segments):
        own = {
            "ID": f"Segment_{number + 1}",
            "Name": name,
            "LabelValue": value,
            "Layer": layer,
            "Extent": "0 1 0 1 0 0",
        }
        lines += [f"Segment{number}_{key}:={value}" for key, value in own.items()]
    lines += [f"Segmentation_{key}:={value}" for key, value in more.items()]
    voxels = np.stack(layers, axis=-1).astype(np.uint8).tobytes()
    path.write_bytes(("\n".join(lines) + "\n\n").encode() + voxels)
    return path


def label_map(path: Path, labels: np.ndarray) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(labels.astype(np.uint8)[None]), str(path))
    return path


@pytest.mark.parametrize(
    ("pixels", "label"),
    [
        (vessel(), None),
        (vessel().astype(np.uint8), None),
        (vessel().astype(np.uint8) * 255, None),
        (vessel().astype(np.uint16) * 65535, None),
        (three_channels(vessel() * 2), None),
        (three_channels(vessel() * 2), "2"),
        (np.where(vessel(), 3, 1).astype(np.uint8), "3"),
        (np.where(vessel(), 200, 40 * (np.arange(40) % 3)).astype(np.uint8) + np.uint8(55) * vessel(), None),  # soft
        (colored((0, 0, 0), (255, 0, 0)), None),
        (colored((0, 90, 0), (255, 0, 0)), "#FF0000"),
    ],
)
def test_a_mask_beside_the_frame_may_be_binary_labels_or_colors(
    tmp_path: Path, pixels: np.ndarray, label: str | None
) -> None:
    path = save(tmp_path / "a_mask.png", pixels)
    assert np.array_equal(read_annotation(path, SHAPE, label), vessel())


def test_the_indices_of_a_palette_are_labels(tmp_path: Path) -> None:
    picture = Image.fromarray(np.where(vessel(), 2, 1).astype(np.uint8), mode="P")
    picture.putpalette([0, 0, 0, 0, 0, 0, 9, 9, 9])  # label 1 is as black as 0, and 2 nearly
    picture.save(tmp_path / "a_mask.png")
    assert np.array_equal(read_annotation(tmp_path / "a_mask.png", SHAPE, "2"), vessel())


def test_the_watershed_result_is_taken_rather_than_the_strokes(tmp_path: Path) -> None:
    save(tmp_path / "a_mask.png", three_channels(np.eye(30, 40)))
    save(tmp_path / "a_color_mask.png", colored((0, 0, 9), (255, 0, 0)))
    assert annotation_path(tmp_path, "a") == tmp_path / "a_mask.png"
    path = save(tmp_path / "a_watershed_mask.png", three_channels(watershed()))
    assert annotation_path(tmp_path, "a") == path
    assert np.array_equal(read_annotation(path, SHAPE, "2"), watershed() == 2)
    only_vessel = save(tmp_path / "b_watershed_mask.png", three_channels(np.where(watershed() == 1, 0, watershed())))
    assert np.array_equal(read_annotation(only_vessel, SHAPE), watershed() == 2)


def test_a_color_mask_is_read_when_there_is_nothing_else(tmp_path: Path) -> None:
    path = save(tmp_path / "a_color_mask.png", colored((0, 0, 0), (0, 0, 255)))
    assert annotation_path(tmp_path, "a") == path
    assert np.array_equal(read_annotation(path, SHAPE), vessel())


@pytest.mark.parametrize("name", ["a.nrrd", "a-label.nrrd", "a_mask.nrrd", "a.nii.gz", "a_mask.nii.gz"])
def test_slicers_label_maps_are_read_by_value(tmp_path: Path, name: str) -> None:
    path = label_map(tmp_path / name, vessel() * 4)
    assert annotation_path(tmp_path, "a") == path
    assert np.array_equal(read_annotation(path, SHAPE), vessel())
    label_map(path, np.where(vessel(), 4, np.eye(30, 40)))
    assert np.array_equal(read_annotation(path, SHAPE, "4"), vessel())


@pytest.mark.parametrize("label", ["Vessel", "vessel", " 2"])
def test_slicers_segments_are_read_by_name_or_value(tmp_path: Path, label: str) -> None:
    labels = np.where(vessel(), 2, np.eye(30, 40))
    path = segmentation(tmp_path / "a.seg.nrrd", [labels], [("Catheter", 1, 0), ("Vessel", 2, 0)])
    assert np.array_equal(read_annotation(path, SHAPE, label), vessel())


def test_overlapping_segments_lie_in_layers(tmp_path: Path) -> None:
    layers = [np.ones(SHAPE), vessel().astype(float)]
    path = segmentation(tmp_path / "a.seg.nrrd", layers, [("Heart", 1, 0), ("Vessel", 1, 1)])
    assert np.array_equal(read_annotation(path, SHAPE, "Vessel"), vessel())
    assert read_annotation(path, SHAPE, "Heart").all()
    with pytest.raises(InputError, match="several segments '1'"):
        read_annotation(path, SHAPE, "1")
    broken = segmentation(tmp_path / "b.seg.nrrd", [np.ones(SHAPE)], [("Vessel", 1, 1)])
    with pytest.raises(InputError, match="lacks the layer"):
        read_annotation(broken, SHAPE)


def test_a_cropped_segmentation_is_put_back_in_its_place(tmp_path: Path) -> None:
    part = vessel()[4:21, 8:31]
    offset = {"ReferenceImageExtentOffset": "8 4 0"}
    path = segmentation(tmp_path / "a.seg.nrrd", [part], [("Vessel", 1, 0)], **offset)
    assert np.array_equal(read_annotation(path, SHAPE), vessel())
    with pytest.raises(InputError, match="differ in size"):
        read_annotation(path, (20, 40))


def test_frames_without_vessel_have_empty_masks_whatever_the_label(tmp_path: Path) -> None:
    nothing = np.zeros(SHAPE, np.uint8)
    nothing_marked = segmentation(tmp_path / "b.seg.nrrd", [np.zeros((1, 1))], [("Vessel", 1, 0)])
    for path in (save(tmp_path / "a_mask.png", nothing), label_map(tmp_path / "c.nrrd", nothing)):
        assert not read_annotation(path, SHAPE, "2").any()
    empty = read_annotation(nothing_marked, SHAPE)
    assert empty.shape == SHAPE
    assert not empty.any()


def refused(path: Path, *parts: str, label: str | None = None) -> None:
    """The one-line error names the file and all the parts."""
    with pytest.raises(InputError) as caught:
        read_annotation(path, SHAPE, label)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    for part in parts:
        assert part in message


def test_what_leaves_open_which_label_is_vessel_is_refused(tmp_path: Path) -> None:
    labels = save(tmp_path / "a_mask.png", np.where(vessel(), 2, 1).astype(np.uint8))
    colors = save(tmp_path / "b_color_mask.png", colored((0, 90, 0), (255, 0, 0)))
    segments = segmentation(tmp_path / "c.seg.nrrd", [vessel()], [("Vessel", 1, 0), ("Catheter", 2, 0)])
    refused(labels, "several labels (1, 2)", "--label")
    refused(colors, "several labels (#005a00, #ff0000)", "--label")
    refused(segments, "several segments (Vessel, Catheter)", "--label")


def test_a_label_that_no_mask_has_is_refused(tmp_path: Path) -> None:
    refused(save(tmp_path / "a_mask.png", vessel()), "no label '7', only 1", label="7")
    refused(save(tmp_path / "b_mask.png", vessel()), "no label 'vessel', only 1", label="vessel")
    segments = segmentation(tmp_path / "c.seg.nrrd", [vessel()], [("Artery", 1, 0)])
    refused(segments, "no segment 'Vessel', only Artery", label="Vessel")
    refused(label_map(tmp_path / "d.nii.gz", vessel() * 3), "no label '1', only 3", label="1")


def test_masks_of_another_size_or_kind_are_refused(tmp_path: Path) -> None:
    refused(save(tmp_path / "a_mask.png", np.eye(20, 40, dtype=bool)), "40 x 20 pixels", "40 x 30", "on the frame")
    refused(label_map(tmp_path / "b.nrrd", np.eye(30, 30)), "30 x 30 pixels", "differ in size")
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((5, *SHAPE), np.uint8)), str(tmp_path / "c.nrrd"))
    refused(tmp_path / "c.nrrd", "5 slices", "this frame alone")
    (tmp_path / "d.nrrd").write_text("no label map")
    refused(tmp_path / "d.nrrd", "cannot be read as a label map")
    (tmp_path / "e_mask.png").write_text("no picture")
    refused(tmp_path / "e_mask.png", "cannot be read as a picture")


def test_two_annotations_of_one_frame_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a_mask.png", vessel())
    label_map(tmp_path / "a.nrrd", vessel())
    with pytest.raises(InputError, match=r"several annotations \(a_mask\.png, a\.nrrd\): keep one"):
        annotation_path(tmp_path, "a")


def annotated(folder: Path, table: str | None = None, frames: str = "abcdef") -> Path:
    """A frame and a mask per letter."""
    for name in frames:
        save(folder / f"{name}.png", np.full(SHAPE, ord(name), np.uint8))
        save(folder / f"{name}_mask.png", vessel())
    if table is not None:
        (folder / "patients.csv").write_text(table)
    return folder


TABLE = "file,patient,view\na.png,P1,lower\nb.png,P1,upper\nc.png,P2,Lower\nd.png,P3,lower\ne.png,P4,upper\nf.png,P4,\n"


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        TABLE.replace(",", ";"),
        TABLE.replace(",", "\t").replace(".png", ""),
        "\ufeff" + TABLE.replace("file", "Name").replace("patient", "Patient ID").replace("view", "field of view"),
        TABLE.replace("\n", "\r\n") + "\r\n",
    ],
)
def test_a_table_says_patient_and_view_in_the_usual_kinds_of_csv(tmp_path: Path, text: str) -> None:
    data = FolderDataset(annotated(tmp_path, text))
    assert data.names == list("abcdef")
    assert data.patients.tolist() == ["P1", "P1", "P2", "P3", "P4", "P4"]
    assert data.views.tolist() == ["lower", "upper", "lower", "lower", "upper", ""]
    assert data.of_view("lower").names == ["a", "c", "d"]
    with pytest.raises(InputError, match=r"'head' \(the table names lower, upper\)"):
        data.of_view("head")


def test_a_table_may_lie_elsewhere_and_name_masks_and_labels(tmp_path: Path) -> None:
    folder = annotated(tmp_path / "frames", frames="ab")
    save(folder / "more" / "x.jpg", np.full(SHAPE, 7, np.uint8))
    save(folder / "drawn" / "x vessels.png", np.where(vessel(), 5, 4).astype(np.uint8))
    table = tmp_path / "all.csv"
    table.write_text("name,patient,mask,label\na,P1,,\nb,P2,,\nmore/x.jpg,P3,drawn/x vessels.png,5\n")
    data = FolderDataset(folder, table=table)
    assert data.names == ["a", "b", "more/x"]
    frame, mask = data.picture(2)
    assert abs(int(frame[0, 0]) - 7) < 2
    assert np.array_equal(mask, vessel())
    data.check()


def test_whole_patients_are_trained_validated_and_tested_on(tmp_path: Path) -> None:
    data = FolderDataset(annotated(tmp_path, TABLE))
    training, validation, test = split_by_patient(data, 0.1, test=["P4", "P2"])
    assert test is not None
    assert (training.names, validation.names, test.names) == (["a", "b"], ["d"], ["c", "e", "f"])
    training, validation, test = split_by_patient(data, 0.1, validation=["P1"], test=["P4"])
    assert (training.names, validation.names) == (["c", "d"], ["a", "b"])
    training, validation, test = split_by_patient(data, 0.5)
    assert (training.names, validation.names, test) == (["a", "b", "c"], ["d", "e", "f"], None)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"test": ["P9"]}, r"test patient 'P9' has no frame in .*; patients are P1, P2, P3, P4"),
        ({"validation": ["P9"]}, "validation patient 'P9'"),
        ({"validation": ["P1"], "test": ["P1", "P2"]}, "'P1' is for validation and for test: a whole patient"),
        ({"test": ["P1", "P2", "P3", "P4"]}, "left to train on"),
        ({"validation": ["P1", "P2"], "test": ["P3", "P4"]}, "left to train on"),
        ({"test": ["P1", "P2", "P3"]}, "one patient only"),
    ],
)
def test_patients_that_cannot_be_split_so_are_refused(tmp_path: Path, parts: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_by_patient(FolderDataset(annotated(tmp_path, TABLE)), 0.1, **parts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,P1\n", r"patients\.csv names no patient for b and 4 others: add a line"),
        ("file,patient\na.png,\n", "line 2, names no patient for a: write whose"),
        ("file,patient\n,P1\n", "line 2, names no frame"),
        ("a,P1\nb,P1\na,P2\n", r"lists a in line 1 \(patient P1\) and line 3 \(patient P2\)"),
        ("picture,patient\na.png,P1\n", "no column for the frames: name it file"),
        ("", "lists no frame"),
        ("file,patient\n", "lists no frame"),
        (TABLE + "g.png,P5,\n", r"line 8: .*g\.png is missing; correct the name"),
        (TABLE.replace(",view", ",view,mask") + "h.png,P5,,\n", r"h\.png is missing"),
        (TABLE.replace("view", "mask").replace("lower", "no.png"), r"line 2: the mask .*no\.png of a\.png is missing"),
    ],
)
def test_tables_that_leave_open_whose_frame_it_is_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        FolderDataset(annotated(tmp_path, text))


def test_a_frame_of_the_table_without_a_mask_is_refused(tmp_path: Path) -> None:
    annotated(tmp_path, TABLE)
    (tmp_path / "c_mask.png").unlink()
    with pytest.raises(InputError, match=r"line 4: the mask .*c_mask\.png of c\.png is missing; annotate the frame"):
        FolderDataset(tmp_path)
    with pytest.raises(InputError, match=r"no\.csv cannot be read as a table"):
        read_table(tmp_path / "no.csv")


def test_without_a_table_frames_that_nobody_annotated_are_left_out(tmp_path: Path) -> None:
    annotated(tmp_path, frames="ab")
    save(tmp_path / "c.png", np.zeros(SHAPE, np.uint8))
    save(tmp_path / "d.tif", np.zeros(SHAPE, np.uint8))
    label_map(tmp_path / "d.nii.gz", vessel())
    assert FolderDataset(tmp_path).names == ["a", "b", "d"]


def test_every_mask_is_read_before_a_training(tmp_path: Path) -> None:
    data = FolderDataset(annotated(tmp_path, TABLE))
    data.check()
    save(tmp_path / "e_mask.png", np.eye(20, dtype=bool))
    with pytest.raises(InputError, match=r"e_mask\.png has 20 x 20 pixels"):
        data.check()
