"""`train segmentation --images` learns from whole patients of a table and is tested on others; bad data is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from VesselRegistrationLib.cli.main import main
from VesselSegmentationLib.overlay import write_png
from VesselSegmentationLib.weights import load_metadata

TINY = ["--iterations", "2", "--width", "2", "--batch-size", "2", "--threads", "1", "--device", "cpu"]


def annotated(folder: Path, count: int = 8) -> Path:
    """Two frames of each patient, labels 1 (background) and 2 (vessel), the first patients seen from below."""
    random = np.random.default_rng(3)
    lines = ["file,patient,view"]
    for index in range(count):
        labels = np.ones((48, 48), np.uint8)
        labels[:, 5 + 4 * index : 10 + 4 * index] = 2
        frame = random.integers(120, 200, labels.shape).astype(np.uint8)
        write_png(folder / f"f{index}.png", np.where(labels == 2, frame // 2, frame).astype(np.uint8))
        write_png(folder / f"f{index}_mask.png", labels)
        lines.append(f"f{index}.png,P{index // 2},{'lower' if index < 6 else 'upper'}")
    (folder / "patients.csv").write_text("\n".join(lines))
    return folder


def train(folder: Path, output: Path, *words: str | Path) -> int:
    options = ["train", "segmentation", "--images", folder, "--output", output, *TINY, *words]
    return main([str(word) for word in options])


def test_test_patients_are_kept_apart_and_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = annotated(tmp_path / "images")
    table = (images / "patients.csv").rename(tmp_path / "who.csv")
    chosen = ("--table", table, "--label", "2", "--test-patients", "P0", "P2", "--validation-patients", "P1")
    assert train(images, tmp_path / "out", *chosen) == 0
    split = json.loads((tmp_path / "out" / "split.json").read_text())
    assert {name: part["patients"] for name, part in split.items()} == {
        "training": ["P3"],
        "validation": ["P1"],
        "test": ["P0", "P2"],
    }
    assert split["test"]["frames"] == ["f0", "f1", "f4", "f5"]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["validation"]["frames"], report["test"]["frames"]) == (2, 4)
    assert load_metadata(tmp_path / "out").scores["test"] == report["test"]
    said = capsys.readouterr().out
    assert "train on: 2 of 1 patients; to validate on: 2 of 1 patients, to test on: 4 of 2 patients" in said
    assert "4 frames of test patients" in said


def test_the_field_of_view_chooses_frames_of_the_table(tmp_path: Path) -> None:
    images = annotated(tmp_path / "images")
    assert train(images, tmp_path / "out", "--recipe", "paper-lower", "--label", "2") == 0
    split = json.loads((tmp_path / "out" / "split.json").read_text())
    assert [part["patients"] for part in split.values()] == [["P0", "P1"], ["P2"]]
    assert load_metadata(tmp_path / "out").description.endswith("lower field of view.")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "f0_mask.png has several labels (1, 2): say which one is vessel; give --label"),
        (["--label", "5"], "has no label '5', only 1, 2"),
        (["--label", "2", "--test-patients", "P7"], "test patient 'P7' has no frame"),
        (
            ["--label", "2", "--test-patients", "P1", "--validation-patients", "P1"],
            "'P1' is for validation and for test",
        ),
        (["--label", "2", "--table", "nowhere.csv"], "nowhere.csv cannot be read as a table"),
    ],
)
def test_bad_data_is_refused_in_one_line_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    images = annotated(tmp_path / "images")
    assert train(images, tmp_path / "out", *words) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1
    assert not list((tmp_path / "out").glob("*"))


def test_options_for_own_frames_need_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--pool", str(tmp_path), "--output", str(tmp_path / "out"), "--test-patients", "P1", "--label", "2"]
    assert main(["train", "segmentation", "--minutes", "1", *options]) == 2
    assert "--label, --test-patients: for frames of your own; give --images" in capsys.readouterr().err
    assert main(["train", "matching", "--minutes", "1", *options]) == 2
    assert "--label, --test-patients: for segmentation only" in capsys.readouterr().err


def test_the_help_tells_recipes_and_data(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for word in ("paper-lower: Dice, 1e-5, 8", "paper-upper: cross-entropy, 0.1, 4", "--test-patients", "the last 8%,"):
        assert word in said


def test_evaluate_reads_the_same_annotations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import SimpleITK as sitk

    images = annotated(tmp_path / "images", 2)
    lines = ["file,patient,label", "f0.png,P0,2", "f1.png,P0,"]
    (images / "patients.csv").write_text("\n".join(lines))
    (images / "f1_mask.png").unlink()
    labels = np.zeros((1, 48, 48), np.uint8)
    labels[:, :, 9:14] = 1
    sitk.WriteImage(sitk.GetImageFromArray(labels), str(images / "f1.nii.gz"))
    assert main(["evaluate", "--images", str(images), "--output", str(tmp_path / "out"), "--threads", "1"]) == 0
    document = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert "f1" in json.dumps(document)
    (images / "f1.nii.gz").unlink()
    assert main(["evaluate", "--images", str(images), "--output", str(tmp_path / "out"), "--threads", "1"]) == 2
    assert "f1_mask.png of f1.png is missing" in capsys.readouterr().err
