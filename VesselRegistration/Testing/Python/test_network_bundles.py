"""Network folders are MONAI bundles: described as MONAI wants it, run by its command, and written whole by training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jsonschema import ValidationError, validate
from monai.bundle import ConfigWorkflow, run, verify_net_in_out

from VesselRegistrationLib import matching_network
from VesselRegistrationLib.affine_cnn import AffineCnn, AffineCnnSettings
from VesselRegistrationLib.matching import AffineMatcher, MatchSettings, RegionOfInterest
from VesselRegistrationLib.network_bundles import main, make_bundle
from VesselSegmentationLib.branch_bundle import FOLDER
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import InputError, WeightsError
from VesselSegmentationLib.metrics import overlap_metrics
from VesselSegmentationLib.overlay import write_png
from VesselSegmentationLib.resources import matching_network_folder, segmentation_network_folder
from VesselSegmentationLib.segmenter import VesselSegmenter
from VesselSegmentationLib.weights import NetworkMetadata, load_metadata, load_network, save_network

ROOT = Path(__file__).resolve().parents[3]
TRUSTED = "ignore:parsing config_file:UserWarning"
WORD, WORDS, NUMBER = {"type": "string", "minLength": 1}, {"type": "object"}, {"type": "integer", "minimum": 1}
VERSION = {"type": "string", "pattern": r"^\d+\.\d+(\.\d+)?"}
TENSOR = {
    "type": "object",
    "required": ["type", "format", "num_channels", "spatial_shape", "dtype", "value_range", "is_patch_data"],
    "properties": {
        "type": {"enum": ["image", "series", "tuples", "probabilities"]},
        "format": WORD,
        "modality": WORD,
        "num_channels": NUMBER,
        "spatial_shape": {"type": "array", "minItems": 1, "items": {"anyOf": [NUMBER, WORD]}},
        "dtype": {"enum": ["float32", "float16", "int32", "uint8"]},
        "value_range": {"type": "array", "maxItems": 2, "items": {"type": "number"}},
        "is_patch_data": {"type": "boolean"},
        "channel_def": {"type": "object", "patternProperties": {r"^\d+$": WORD}, "additionalProperties": False},
    },
}
SCHEMA = {
    "type": "object",
    "required": [
        *("version", "changelog", "monai_version", "pytorch_version", "numpy_version", "required_packages_version"),
        *("task", "description", "authors", "copyright", "data_source", "data_type", "intended_use", "eval_metrics"),
        *("references", "network_data_format"),
    ],
    "properties": {
        **dict.fromkeys(("version", "monai_version", "pytorch_version", "numpy_version"), VERSION),
        **dict.fromkeys(("task", "description", "authors", "copyright", "data_source", "intended_use"), WORD),
        "schema": {"type": "string", "pattern": "^https://"},
        "changelog": {"type": "object", "minProperties": 1, "additionalProperties": WORD},
        "required_packages_version": {"type": "object", "additionalProperties": VERSION},
        "eval_metrics": WORDS,
        "references": {"type": "array", "items": WORD},
        "network_data_format": {
            "type": "object",
            "required": ["inputs", "outputs"],
            "additionalProperties": {"type": "object", "minProperties": 1, "additionalProperties": TENSOR},
        },
    },
}
"""What MONAI's bundle specification asks of metadata.json, in its own words."""


def shipped() -> list[Path]:
    return [segmentation_network_folder(), segmentation_network_folder() / FOLDER, matching_network_folder()]


@pytest.fixture
def segmentation(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    network = DruNet(2)
    network(torch.randn(4, 1, 32, 32))
    with torch.no_grad():  # a mask that is neither empty nor full
        logits = network.eval()(torch.randn(1, 1, 64, 64))
        network.head.conv.bias -= logits.median()
    save_network(network, tmp_path / "seg", NetworkMetadata("DruNet", network.hyper_parameters(), description="Small"))
    return tmp_path / "seg"


@pytest.fixture
def matching(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    network = AffineCnn(AffineCnnSettings(input_size=32, width=2, pooled_size=2, hidden=4))
    torch.nn.init.normal_(network.last.weight, std=0.05)
    hyper_parameters = {"input_size": 32, "width": 2, "pooled_size": 2, "hidden": 4}
    save_network(network, tmp_path / "match", NetworkMetadata(matching_network.NAME, hyper_parameters))
    return tmp_path / "match"


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    random = np.random.default_rng(1)
    for name, shape in (("a", (60, 100)), ("b", (96, 80))):
        mask = np.zeros(shape, bool)
        mask[20:50, 10:70] = True
        frame = random.integers(120, 200, shape).astype(np.uint8)
        write_png(tmp_path / "frames" / f"{name}.png", np.where(mask, frame // 3, frame).astype(np.uint8))
        write_png(tmp_path / "frames" / f"{name}_mask.png", mask)
    return tmp_path / "frames"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    model = np.zeros((40, 60), bool)
    model[10:30, 20:24] = model[18:22, 10:50] = True
    write_png(tmp_path / "pairs" / "one_model.png", model)
    write_png(tmp_path / "pairs" / "one_mask.png", np.roll(model, 3, axis=0))
    return tmp_path / "pairs"


def picture(path: Path) -> np.ndarray:
    from PIL import Image

    with Image.open(path) as image:
        return np.array(image)


def command(bundle: Path, config: str, *arguments: str) -> str:
    """`python -m monai.bundle run`, in the bundle's folder; what it says."""
    libraries = os.pathsep.join(str(ROOT / name) for name in ("VesselSegmentation", "VesselRegistration"))
    environment = {**os.environ, "PYTHONPATH": libraries, "OMP_NUM_THREADS": "1"}
    words = ["run", "--config_file", f"configs/{config}", "--bundle_root", ".", *arguments]
    done = subprocess.run(
        [sys.executable, "-m", "monai.bundle", *words], cwd=bundle, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_process(bundle: Path, config: str, **arguments: Any) -> None:
    run(config_file=str(bundle / "configs" / config), bundle_root=str(bundle), **arguments)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_shipped_bundles_are_described_as_monai_asks(index: int) -> None:
    folder = shipped()[index]
    document = json.loads((folder / "configs" / "metadata.json").read_text(encoding="utf-8"))
    validate(document, SCHEMA)
    with pytest.raises(ValidationError):
        validate({**document, "network_data_format": {"inputs": {"image": {}}, "outputs": {}}}, SCHEMA)
    parts = load_metadata(folder).parts()
    assert parts is not None
    assert document["network_data_format"] == parts.network_data_format
    for name, config in parts.configs.items():
        assert json.loads((folder / "configs" / name).read_text(encoding="utf-8")) == config
    load_network(folder)
    assert (folder / "docs" / "README.md").read_text(encoding="utf-8").startswith("# ")


def test_the_command_marks_vessels_as_the_segmenter_does(segmentation: Path, frames: Path, tmp_path: Path) -> None:
    command(segmentation, "inference.json", "--dataset_dir", str(frames), "--output_dir", str(tmp_path / "masks"))
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == ["a.png", "b.png"]
    segmenter = VesselSegmenter.from_folder(segmentation)
    for name in ("a", "b"):
        written = picture(tmp_path / "masks" / f"{name}.png")
        expected = segmenter.segment(picture(frames / f"{name}.png"))
        assert set(np.unique(written)) == {0, 255}
        assert (written[expected] == 255).mean() > 0.995
        assert (written[~expected] == 0).mean() > 0.995


def test_the_command_scores_annotated_frames(segmentation: Path, frames: Path, tmp_path: Path) -> None:
    said = command(segmentation, "evaluate.json", "--dataset_dir", str(frames), "--output_dir", str(tmp_path / "out"))
    document = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert document == json.loads(said[said.index("{") : said.rindex("}") + 1])
    segmenter = VesselSegmenter.from_folder(segmentation)
    for name, dsc in document["dsc_of"].items():
        mask = segmenter.segment(picture(frames / f"{name}.png"))
        truth = picture(frames / f"{name}_mask.png") > 0
        assert dsc == pytest.approx(overlap_metrics(mask, truth).dsc, abs=0.005)
    assert document["frames"] == 2


@pytest.mark.parametrize("config", ["inference.json", "evaluate.json"])
def test_monai_finds_all_that_it_asks_of_a_workflow(
    segmentation: Path, matching: Path, frames: Path, pairs: Path, config: str
) -> None:
    for bundle, data, shape in ((segmentation, frames, [256, 256]), (matching, pairs, [32, 32])):
        workflow = ConfigWorkflow(
            config_file=str(bundle / "configs" / config),
            workflow_type="infer",
            logging_file=False,
            bundle_root=str(bundle),
            dataset_dir=str(data),
        )
        workflow.initialize()
        assert workflow.check_properties() == []
        assert workflow.spatial_shape == shape


@pytest.mark.filterwarnings(TRUSTED)
def test_the_networks_tensors_are_those_of_the_metadata(segmentation: Path) -> None:
    configs = segmentation / "configs"

    def verify() -> None:
        verify_net_in_out(
            net_id="network_def",
            meta_file=str(configs / "metadata.json"),
            config_file=str(configs / "inference.json"),
            device="cpu",
            bundle_root=str(segmentation),
        )

    verify()
    document = json.loads((configs / "metadata.json").read_text())
    document["network_data_format"]["outputs"]["pred"]["num_channels"] = 2
    (configs / "metadata.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match="output channel number"):
        verify()


@pytest.mark.filterwarnings(TRUSTED)
def test_a_matching_bundle_carries_the_model_as_the_network_alone_does(
    matching: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_process(matching, "inference.json", dataset_dir=str(pairs), output_dir=str(tmp_path / "out"))
    found = json.loads((tmp_path / "out" / "one.json").read_text())["projectionToFrame"]
    model, mask = (picture(pairs / f"one_{kind}.png") > 0 for kind in ("model", "mask"))
    alone = MatchSettings(steps=0, searched_starts=0)
    expected = AffineMatcher.from_folder(matching).match(model, mask, RegionOfInterest(0, 0, 60, 40), alone)
    np.testing.assert_allclose(found, expected.projection_to_frame, atol=1e-3)
    assert ((picture(tmp_path / "out" / "one.png") > 0) == expected.warped).mean() > 0.995
    in_process(matching, "evaluate.json", dataset_dir=str(pairs), output_dir=str(tmp_path / "out"))
    scores = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert scores["dsc_of"]["one"] == pytest.approx(expected.overlap.dsc, abs=0.005)
    assert '"dsc_of"' in capsys.readouterr().out


@pytest.mark.filterwarnings(TRUSTED)
def test_training_by_the_bundle_leaves_a_whole_bundle(segmentation: Path, frames: Path, tmp_path: Path) -> None:
    settings = {"iterations": 1, "batch_size": 1, "validate_every": 1}
    new = tmp_path / "new"
    chosen = {"dataset_dir": str(frames), "settings": settings, "start": str(segmentation)}
    in_process(segmentation, "train.json", output_dir=str(new), **chosen)
    assert load_metadata(new).hyper_parameters["width"] == 2
    validate(json.loads((new / "configs" / "metadata.json").read_text()), SCHEMA)
    in_process(new, "inference.json", dataset_dir=str(frames), output_dir=str(tmp_path / "masks"))
    assert (tmp_path / "masks" / "a.png").is_file()


@pytest.mark.filterwarnings(TRUSTED)
def test_the_matching_bundle_trains_on_a_pool(matching: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    pool.mkdir()
    views = np.zeros((72, 64, 64), np.uint8)
    views[:, 20:40, 10:50] = 1
    for name, values in (("models", views), ("masks", views), ("patients", np.repeat(np.arange(2), 36))):
        np.save(pool / f"{name}.npy", values)
    settings = {"iterations": 1, "batch_size": 2, "validate_every": 1}
    chosen = {"dataset_dir": str(pool), "settings": settings, "start": str(matching)}
    in_process(matching, "train.json", output_dir=str(tmp_path / "new"), **chosen)
    assert load_metadata(tmp_path / "new").hyper_parameters["width"] == 2
    with pytest.raises(RuntimeError) as caught:
        in_process(matching, "train.json", output_dir=str(tmp_path / "no"), recipe="best", **chosen)
    assert "recipe 'best' is unknown" in str(caught.value.__cause__)


@pytest.mark.filterwarnings(TRUSTED)
def test_changed_weights_and_empty_folders_are_refused(segmentation: Path, matching: Path, tmp_path: Path) -> None:
    from VesselRegistrationLib import matching_workflow
    from VesselSegmentationLib import segmentation_workflow

    with pytest.raises(InputError, match="holds no PNG, JPEG or TIFF frame"):
        segmentation_workflow.frames_in(tmp_path)
    with pytest.raises(InputError, match="holds no pair"):
        matching_workflow.pairs_in(tmp_path)
    write_png(tmp_path / "x_model.png", np.eye(40, dtype=bool))
    write_png(tmp_path / "x_mask.png", np.eye(50, dtype=bool))
    with pytest.raises(InputError, match="differ in size"):
        matching_workflow.ReadPair(32)(matching_workflow.pairs_in(tmp_path)[0])
    path = segmentation / "models" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    with pytest.raises(WeightsError, match="changed after saving"):
        segmentation_workflow.trained_network(segmentation)
    with pytest.raises(WeightsError, match="'AffineCnn', not 'DruNet'"):
        segmentation_workflow.trained_network(matching)


def former_layout(bundle: Path, folder: Path) -> Path:
    """The network as it was saved before its folder was a bundle."""
    document = json.loads((bundle / "configs" / "metadata.json").read_text())
    document["format"] = "vessel-registration network 1"
    document["network_data_format"] = {"inputs": "frames", "outputs": "logits"}
    for name in ("schema", "changelog", "image_classes", "pred_classes", "required_packages_version"):
        del document[name]
    (folder / "models").mkdir(parents=True)
    (folder / "metadata.json").write_text(json.dumps(document))
    (folder / "report.json").write_text("{}")
    (folder / "models" / "model.safetensors").write_bytes((bundle / "models" / "model.safetensors").read_bytes())
    return folder


def test_a_folder_of_the_former_layout_is_read_and_becomes_a_bundle(
    segmentation: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = former_layout(segmentation, tmp_path / "old")
    _network, before = load_network(old)
    assert before.inputs == "frames"
    (tmp_path / "card.md").write_text("# Card\n")
    shipped_folder = tmp_path / "shipped"
    assert main([str(old), str(shipped_folder), "--card", str(tmp_path / "card.md")]) == 0
    assert "is a bundle in" in capsys.readouterr().out
    after = load_metadata(shipped_folder)
    assert (after.sha256, after.outputs) == (before.sha256, "logits")
    assert (shipped_folder / "docs" / "README.md").read_text() == "# Card\n"
    assert json.loads((shipped_folder / "report.json").read_text()) == {}
    assert (old / "metadata.json").is_file()
    make_bundle(old, old)
    assert not (old / "metadata.json").exists()
    assert load_metadata(old) == after


def test_a_former_folder_copied_over_a_bundle_counts_and_can_be_brought_up_to_date(
    segmentation: Path, matching: Path, tmp_path: Path
) -> None:
    import shutil

    old = former_layout(segmentation, tmp_path / "old")
    shutil.copytree(old, matching, dirs_exist_ok=True)
    assert load_network(matching)[1].network == "DruNet"
    make_bundle(matching, matching, "# Card\n")
    assert not (matching / "metadata.json").exists()
    assert load_network(matching, "DruNet")[1].sha256 == load_metadata(segmentation).sha256
    assert "ReadFrame" in (matching / "configs" / "inference.json").read_text()
    assert (matching / "docs" / "README.md").read_text() == "# Card\n"


def test_a_bundle_in_anothers_place_does_not_keep_its_card(segmentation: Path, matching: Path, tmp_path: Path) -> None:
    old = former_layout(segmentation, tmp_path / "old")
    make_bundle(old, matching)
    assert "DruNet" in (matching / "docs" / "README.md").read_text()


def test_a_report_names_folders_and_not_where_they_lay(segmentation: Path, tmp_path: Path) -> None:
    settings = {"start": str(tmp_path / "version-1"), "branch": "begun", "loss": "dice+ce", "minutes": 35.0}
    (segmentation / "report.json").write_text(json.dumps({"mean_of": [{"settings": settings}]}))
    make_bundle(segmentation, tmp_path / "bundle")
    told = json.loads((tmp_path / "bundle" / "report.json").read_text())
    assert told == {"mean_of": [{"settings": settings | {"start": "version-1"}}]}


def test_a_report_that_cannot_be_read_leaves_nothing_behind(segmentation: Path, tmp_path: Path) -> None:
    (segmentation / "report.json").write_text("{")
    with pytest.raises(WeightsError, match=r"report\.json cannot be read .*take the report that the training wrote"):
        make_bundle(segmentation, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_what_is_no_network_makes_no_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), str(tmp_path / "new")]) == 2
    assert main([str(segmentation_network_folder()), str(tmp_path / "new"), "--card", str(tmp_path / "no.md")]) == 2
    said = capsys.readouterr().err.splitlines()
    assert "There is no network in" in said[0]
    assert "no.md cannot be read" in said[1]
    assert not (tmp_path / "new").exists()
