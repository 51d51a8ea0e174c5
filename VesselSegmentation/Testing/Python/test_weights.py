"""Networks on disk come back as they were saved, and are refused when anything about them was changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from VesselSegmentationLib import weights
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import OutputError, WeightsError
from VesselSegmentationLib.weights import NetworkMetadata, load_metadata, load_network, register_network, save_network

METADATA = NetworkMetadata(
    network="DruNet",
    hyper_parameters={"width": 4, "upsampling_mode": "bilinear"},
    training_data="no data: random weights",
    inputs="frame",
    outputs="logit",
    scores={"dsc": 0.5},
)


@pytest.fixture
def network() -> DruNet:
    torch.manual_seed(3)
    module = DruNet(4, upsampling_mode="bilinear")
    module(torch.randn(4, 1, 32, 32))  # batch norm statistics other than those of a new network
    return module.eval()


@pytest.fixture
def folder(network: DruNet, tmp_path: Path) -> Path:
    save_network(network, tmp_path / "net", METADATA, half=False, card="# Card\n")
    return tmp_path / "net"


def change_metadata(folder: Path, *keys: str, value: Any) -> None:
    document = json.loads((folder / "configs" / "metadata.json").read_text())
    part = document
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    (folder / "configs" / "metadata.json").write_text(json.dumps(document))


def test_a_saved_network_comes_back_exactly(network: DruNet, folder: Path) -> None:
    loaded, metadata = load_network(folder, "DruNet")
    image = torch.randn(1, 1, 32, 32)
    assert torch.equal(loaded(image), network(image))
    assert not loaded.training
    assert metadata.scores == {"dsc": 0.5}
    assert metadata.training_data == METADATA.training_data
    assert (folder / "docs" / "README.md").read_text() == "# Card\n"
    assert metadata == load_metadata(folder)


def test_half_precision_halves_the_file_and_loads_as_float32(network: DruNet, folder: Path, tmp_path: Path) -> None:
    save_network(network, tmp_path / "half", METADATA)
    loaded, metadata = load_network(tmp_path / "half")
    image = torch.randn(1, 1, 32, 32)
    sizes = [(path / "models" / "model.safetensors").stat().st_size for path in (tmp_path / "half", folder)]
    assert sizes[0] < 0.65 * sizes[1]
    assert metadata.precision == "float16"
    assert {value.dtype for value in loaded.parameters()} == {torch.float32}
    assert torch.allclose(loaded(image), network(image), atol=5e-3)


def test_the_folder_speaks_monai_bundle_and_holds_no_pickle(folder: Path) -> None:
    document = json.loads((folder / "configs" / "metadata.json").read_text())
    assert {"version", "monai_version", "pytorch_version", "network_data_format", "intended_use"} <= set(document)
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        *("configs/evaluate.json", "configs/inference.json", "configs/metadata.json", "configs/train.json"),
        *("docs/README.md", "models/model.safetensors"),
    ]


def test_a_changed_byte_of_the_weights_is_noticed(folder: Path) -> None:
    path = folder / "models" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"model\.safetensors was changed.*SHA-256.*Train the network again"):
        load_network(folder)


def test_missing_files_are_named_with_a_remedy(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no network in .*nowhere.*Resources folder"):
        load_network(tmp_path / "nowhere")
    (folder / "models" / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"model\.safetensors cannot be read"):
        load_network(folder)


def test_a_network_of_another_kind_is_refused(folder: Path) -> None:
    with pytest.raises(WeightsError, match="'DruNet', not 'AffineNet'"):
        load_network(folder, "AffineNet")


@pytest.mark.parametrize("name", ["os.system", "torch.nn.Linear", "UNet"])
def test_only_registered_names_are_built(folder: Path, name: str) -> None:
    change_metadata(folder, "network", "name", value=name)
    with pytest.raises(WeightsError, match="unknown network.*DruNet"):
        load_network(folder)


@pytest.mark.parametrize("value", [{"width": -4}, {"width": "4"}, {"widht": 4}, {"width": 10**9}, [4], "width=4"])
def test_impossible_hyper_parameters_are_refused(folder: Path, value: object) -> None:
    change_metadata(folder, "network", "hyper_parameters", value=value)
    with pytest.raises(WeightsError, match=r"metadata\.json"):
        load_network(folder)


def test_weights_of_another_width_are_refused(folder: Path) -> None:
    change_metadata(folder, "network", "hyper_parameters", value={"width": 8})
    with pytest.raises(WeightsError, match="does not fit DruNet"):
        load_network(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "other"}', "null", '{"format": 1, "network": 2}'])
def test_broken_metadata_is_refused(folder: Path, text: str) -> None:
    (folder / "configs" / "metadata.json").write_text(text)
    with pytest.raises(WeightsError, match=r"metadata\.json"):
        load_network(folder)


def test_a_file_that_only_claims_to_be_safetensors_is_refused(folder: Path) -> None:
    import hashlib

    path = folder / "models" / "model.safetensors"
    path.write_bytes(b"PK\x03\x04 not tensors at all")
    change_metadata(folder, "weights", "sha256", value=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(WeightsError, match="no safetensors file"):
        load_network(folder)


def test_a_diverged_network_is_not_saved(network: DruNet, tmp_path: Path) -> None:
    nn.init.constant_(network.head.conv.bias, float("nan"))
    with pytest.raises(WeightsError, match="not finite"):
        save_network(network, tmp_path / "bad", METADATA)
    nn.init.constant_(network.head.conv.bias, 1e6)
    with pytest.raises(WeightsError, match="half=False"):
        save_network(network, tmp_path / "bad", METADATA)
    assert not (tmp_path / "bad").exists()


def test_other_libraries_can_register_their_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_BUILDERS", dict(weights._BUILDERS))

    def build(size: int) -> nn.Module:
        return nn.Linear(size, 1)

    register_network("Line", build)
    register_network("Line", build)
    with pytest.raises(ValueError, match="already registered"):
        register_network("Line", lambda size: nn.Linear(size, 2))
    line = nn.Linear(3, 1)
    save_network(line, tmp_path, NetworkMetadata(network="Line", hyper_parameters={"size": 3}), half=False)
    loaded, _ = load_network(tmp_path, "Line")
    assert torch.equal(loaded.state_dict()["weight"], line.weight)


def test_an_unregistered_network_is_not_saved(network: DruNet, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not registered"):
        save_network(network, tmp_path, NetworkMetadata(network="Nobody", hyper_parameters={}))


def test_a_folder_that_cannot_be_written_is_an_output_error(network: DruNet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="Cannot write"):
        save_network(network, tmp_path / "file", METADATA)
