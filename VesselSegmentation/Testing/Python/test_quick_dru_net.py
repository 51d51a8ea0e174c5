"""The network rearranged for use computes what the trained one does, and takes no weights but its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.dru_net_shape import DruNetShape
from VesselSegmentationLib.errors import InputError, WeightsError
from VesselSegmentationLib.quick_dru_net import QuickDruNet, load_quick_dru_net, rearranged
from VesselSegmentationLib.weights import NetworkMetadata, save_network


def trained_looking(**choices: object) -> DruNet:
    """A network whose batch norms have seen data, so that folding them matters."""
    torch.manual_seed(2)
    network = DruNet(**{"width": 3, **choices})  # type: ignore[arg-type]
    for _ in range(3):
        network(3 * torch.randn(2, network.shape.in_channels, 64, 64) - 1)
    return network.eval()


def saved(network: DruNet, folder: Path) -> Path:
    save_network(network, folder, NetworkMetadata("DruNet", network.hyper_parameters()), half=False)
    return folder


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize(("in_channels", "width", "out_channels"), [(1, 3, 1), (2, 3, 2), (1, 1, 1), (3, 3, 1)])
def test_logits_are_those_of_the_trained_network_up_to_the_borders(
    mode: str, in_channels: int, width: int, out_channels: int
) -> None:
    network = trained_looking(width=width, in_channels=in_channels, out_channels=out_channels, upsampling_mode=mode)
    quick = QuickDruNet.of(network)
    for shape in ((1, in_channels, 32, 48), (3, in_channels, 16, 16)):
        frames = torch.randn(shape)
        with torch.inference_mode():
            torch.testing.assert_close(quick(frames), network(frames), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("channels", [1, 2])
def test_logits_are_those_of_a_network_with_a_stride(channels: int) -> None:
    network = trained_looking(in_channels=channels, out_channels=channels, stride=2)
    frames = torch.randn(2, channels, 32, 96)
    with torch.inference_mode():
        torch.testing.assert_close(QuickDruNet.of(network)(frames), network(frames), atol=1e-5, rtol=1e-5)


def test_nothing_is_left_of_batch_norms_and_gradients() -> None:
    quick = QuickDruNet.of(trained_looking())
    assert not any(isinstance(part, nn.BatchNorm2d) for part in quick.modules())
    assert not any(parameter.requires_grad for parameter in quick.parameters())
    assert not quick.training


def test_the_frames_and_the_trained_network_are_left_as_they_were() -> None:
    network = trained_looking()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    frames = torch.randn(1, 1, 32, 32)
    kept = frames.clone()
    QuickDruNet.of(network)(frames)
    assert torch.equal(frames, kept)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_folder_gives_the_network_and_its_metadata(tmp_path: Path) -> None:
    network = trained_looking()
    quick, metadata = load_quick_dru_net(saved(network, tmp_path))
    frames = torch.randn(1, 1, 32, 32)
    torch.testing.assert_close(quick(frames), network(frames), atol=1e-5, rtol=1e-5)
    assert metadata.hyper_parameters["width"] == 3


def test_other_networks_are_used_with_their_batch_norms_folded() -> None:
    quick = QuickDruNet.of(trained_looking())
    assert rearranged(quick) is quick
    assert isinstance(rearranged(trained_looking()), QuickDruNet)
    other = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).eval()
    frames = torch.randn(1, 1, 8, 8)
    assert torch.equal(rearranged(other)(frames), other(frames))


def test_missing_further_and_misshapen_weights_are_named() -> None:
    network = trained_looking()
    shape = network.shape
    weights = network.state_dict()
    with pytest.raises(WeightsError, match=r"head\.conv\.bias are missing"):
        QuickDruNet({name: value for name, value in weights.items() if name != "head.conv.bias"}, shape)
    with pytest.raises(WeightsError, match=r"hold extra\.weight"):
        QuickDruNet({**weights, "extra.weight": torch.zeros(1)}, shape)
    with pytest.raises(WeightsError, match=r"encoder\.0\.conv\.unit0\.conv\.weight are \(3, 1, 3, 3\), not \(4,"):
        QuickDruNet(weights, DruNetShape(width=4))


@pytest.mark.parametrize("change", [{"width": 4}, {"width": 0}, {"width": "3"}, {"depth": 9}, {"upsampling_mode": "x"}])
def test_a_folder_whose_description_does_not_fit_is_refused_with_a_remedy(
    tmp_path: Path, change: dict[str, object]
) -> None:
    path = saved(trained_looking(), tmp_path) / "configs" / "metadata.json"
    document = json.loads(path.read_text())
    document["network"]["hyper_parameters"].update(change)
    path.write_text(json.dumps(document))
    with pytest.raises(WeightsError, match="Train the network again"):
        load_quick_dru_net(tmp_path)


def test_a_changed_byte_of_the_weights_is_noticed(tmp_path: Path) -> None:
    path = saved(trained_looking(), tmp_path) / "models" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="was changed after saving"):
        load_quick_dru_net(tmp_path)


def test_segmenting_imports_neither_monai_nor_other_heavy_libraries(tmp_path: Path) -> None:
    saved(trained_looking(), tmp_path)
    code = (
        "import sys, numpy\n"
        "from VesselSegmentationLib.segmenter import VesselSegmenter\n"
        f"VesselSegmenter.from_folder({str(tmp_path)!r}).segment(numpy.eye(32))\n"
        "print(*({'monai', 'ignite', 'scipy', 'matplotlib', 'skimage', 'openvino'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=None)
    assert done.stdout.strip() == ""


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="width True"):
        DruNetShape(width=True)
    with pytest.raises(InputError, match="up-sampling 'cubic'"):
        DruNetShape(upsampling_mode="cubic")
    with pytest.raises(InputError, match=r"multiples of 16, not \(30, 32\)"):
        DruNetShape().check_input((1, 1, 30, 32))
