"""`train patient`: a network folder comes out, an interrupted training goes on, impossible wishes are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from VesselRegistrationLib.cli import train_command, training_patient
from VesselRegistrationLib.cli.main import main
from VesselRegistrationLib.model_writing import write_vessel_model
from VesselRegistrationLib.simulation.anatomy import Branch
from VesselRegistrationLib.simulation.meshing import mesh_branches
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.segmenter import VesselSegmenter
from VesselSegmentationLib.weights import NetworkMetadata, load_metadata, save_network


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 80 mm, another of 90 mm, and a tiny network to start from."""
    found = tmp_path_factory.mktemp("patient")
    for name, length in (("model", 80), ("other", 90)):
        tube = Branch("tube", np.linspace((300, 5, 0), (320, 5, length), 50), np.full(50, 4.0), None)
        write_vessel_model(mesh_branches((tube,), 2.0), found / f"{name}.stl")
    network = DruNet(2)
    save_network(network, found / "start", NetworkMetadata("DruNet", network.hyper_parameters()), half=False)
    return found


@pytest.fixture(autouse=True)
def few_views(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VESSEL_REGISTRATION_QUIET", "1")
    monkeypatch.setattr(training_patient, "LEAST_VIEWS", 2)
    monkeypatch.setattr(training_patient, "HELD_OUT_VIEWS", 2)


def train(folder: Path, output: Path, *words: object, model: str = "model.stl", iterations: object = 2) -> int:
    """The command with quick settings."""
    quick = ["--start", folder / "start", "--iterations", iterations, "--batch-size", 2, "--threads", 1]
    given = ["--model", folder / model, "--region", "lower", *quick, "--device", "cpu", "--output", output]
    return main(["train", "patient", *map(str, (*given, *words))])


def test_a_network_for_one_patient_comes_out(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(folder, tmp_path, "--angles", -30, 10, "--angles", 0, 0) == 0
    assert "2 other views of this model: median DSC" in capsys.readouterr().out
    assert load_metadata(tmp_path).training_data == "2 simulated views of one patient's model"
    assert json.loads((tmp_path / "patient.json").read_text())["anglesDeg"] == [[-30, 10], [0, 0]]
    mask = VesselSegmenter.from_folder(tmp_path, "cpu").segment(np.full((64, 64), 90, np.uint8))
    assert mask is not None
    assert not (tmp_path / "checkpoint.safetensors").exists()


def test_an_interrupted_training_goes_on_for_the_same_patient_alone(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_share: float, _text: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train_command, "_reporter", lambda _loop, _share: interrupt)
        assert train(folder, tmp_path) == 130
    assert (tmp_path / "checkpoint.safetensors").is_file()
    assert train(folder, tmp_path, model="other.stl") == 2
    assert "is of another model, region or other angles" in capsys.readouterr().err
    assert train(folder, tmp_path) == 0
    assert train(folder, tmp_path / "whole") == 0
    together, whole = (where / "models" / "model.safetensors" for where in (tmp_path, tmp_path / "whole"))
    assert together.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--minutes", "0"], "minutes 0.0 must be a positive number"),
        (["--minutes", "-2"], "minutes -2.0 must be a positive number"),
        (["--model", "missing.stl"], "missing.stl"),
        (["--pool", "folder"], "--pool: not for `train patient`"),
        (["--grid", "learning_rate=1,2"], "--grid: not for `train patient`"),
        (["--recipe", "paper-lower"], "--recipe paper-lower is not for `train patient`"),
        (["--width", "8"], "--width: not for `train patient`"),
        (["--angles", "0", "120"], "angles 0 and 120 make no view"),
        (["--start", "nowhere"], "nowhere"),
    ],
)
def test_impossible_wishes_are_refused_in_one_line(
    words: list[str], named: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(folder, tmp_path, *words) == 2
    _says_in_one_line(named, capsys)


def test_what_is_no_mesh_and_what_has_no_volume_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "words.stl").write_text("no mesh at all")
    assert train(folder, tmp_path, model="words.stl") == 2
    _says_in_one_line("words.stl", capsys)
    flat = "v 0 0 0\nv 100 0 0\nv 100 90 0\nv 0 90 0\nf 1 2 3\nf 1 3 4\n"
    (folder / "flat.obj").write_text(flat)
    assert train(folder, tmp_path, model="flat.obj") == 2
    _says_in_one_line("volume", capsys)


def test_model_and_region_belong_to_one_patient(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "patient", "--output", str(tmp_path)]) == 2
    _says_in_one_line("needs --model and --region", capsys)
    assert main(["train", "segmentation", "--region", "lower", "--output", str(tmp_path)]) == 2
    _says_in_one_line("--region: for `train patient` only", capsys)
    assert main(["train", "segmentation", "--angle-spread", "0", "--output", str(tmp_path)]) == 2
    _says_in_one_line("--angle-spread: for `train patient` only", capsys)


def _says_in_one_line(named: str, capsys: pytest.CaptureFixture[str]) -> None:
    error = capsys.readouterr().err.strip()
    assert named in error
    assert len(error.splitlines()) == 1
