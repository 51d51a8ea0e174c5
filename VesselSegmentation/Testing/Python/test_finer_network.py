"""A network of stride 4 for finer pictures that starts from a trained one of stride 2."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, interpolate, pixel_shuffle

from VesselSegmentationLib.attention import attention_map
from VesselSegmentationLib.branch_bundle import NAME
from VesselSegmentationLib.difference_branch import DifferenceBranch
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.dru_net_shape import side_of
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.finer_network import finer, main
from VesselSegmentationLib.segmenter import VesselSegmenter
from VesselSegmentationLib.training import INPUTS
from VesselSegmentationLib.weights import NetworkMetadata, load_network, save_network


def trained(stride: int = 2, width: int = 6) -> DruNet:
    torch.manual_seed(3)
    network = DruNet(width, stride=stride)
    for _ in range(5):
        network(torch.randn(2, 1, 64, 64))
    return network.eval()


def test_it_gives_every_pixel_the_logit_of_the_one_that_it_is_a_part_of() -> None:
    before = trained()
    after = finer(before)
    fine = torch.randn(2, 1, 128, 192)
    with torch.no_grad():
        expected = interpolate(before(avg_pool2d(fine, 2)), scale_factor=2.0, mode="nearest")
        torch.testing.assert_close(after(fine), expected, rtol=1e-4, atol=1e-5)
    assert (before.shape.side, after.shape.side) == (256, 512)


def test_the_command_writes_a_bundle_that_looks_at_512_pixels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = trained()
    words = NetworkMetadata("DruNet", source.hyper_parameters(), inputs=INPUTS.format(256), scores={"dsc": 1})
    save_network(source, tmp_path / "trained", words)
    assert main([str(tmp_path / "trained"), "--output", str(tmp_path / "start")]) == 0
    assert "stride 4" in capsys.readouterr().out
    network, metadata = load_network(tmp_path / "start")
    assert (side_of(network), metadata.scores) == (512, {})
    document = json.loads((tmp_path / "start/configs/metadata.json").read_text())
    assert "512 x 512" in document["image_classes"]
    assert document["network_data_format"]["inputs"]["image"]["spatial_shape"] == [512, 512]
    inference = json.loads((tmp_path / "start/configs/inference.json").read_text())
    assert inference["preprocessing"]["transforms"][0]["side"] == 512


def test_a_branch_is_made_finer_likewise_and_gone_on_with(tmp_path: Path) -> None:
    """Its maps stay what they were; what it adds to the logits is repeated."""
    torch.manual_seed(5)
    branch = DifferenceBranch(3, 6, stride=2, network_sha256="0" * 64).eval()
    torch.nn.init.normal_(branch.head.conv.weight)
    save_network(branch, tmp_path / "trained", NetworkMetadata(NAME, branch.hyper_parameters()), half=False)
    assert main([str(tmp_path / "trained"), "--output", str(tmp_path / "start")]) == 0
    after, _metadata = load_network(tmp_path / "start", NAME)
    fine = torch.randn(1, 2, 128, 128)
    with torch.no_grad():
        maps, logits = branch(avg_pool2d(fine, 2))
        finer_maps, finer_logits = after(fine)
    for mine, theirs in zip(finer_maps, maps, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-2, atol=1e-3)
    expected = interpolate(pixel_shuffle(logits, 2), scale_factor=2.0, mode="nearest")
    torch.testing.assert_close(pixel_shuffle(finer_logits, 4), expected, rtol=1e-2, atol=1e-2)


def test_frames_of_any_size_are_segmented_and_explained_with_it(tmp_path: Path) -> None:
    network = finer(trained())
    save_network(network, tmp_path, NetworkMetadata("DruNet", network.hyper_parameters()))
    frame = np.random.default_rng(1).integers(0, 255, (300, 200), dtype=np.uint8)
    segmenter = VesselSegmenter.from_folder(tmp_path)
    assert segmenter.side == 512
    assert segmenter.probability(frame).shape == frame.shape
    assert attention_map(segmenter.network, frame).shape == frame.shape


@pytest.mark.parametrize("stride", [1, 4])
def test_another_stride_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], stride: int) -> None:
    source = trained(stride)
    with pytest.raises(InputError, match=f"Only a DRU-Net of stride 2 .* has {stride}"):
        finer(source)
    save_network(source, tmp_path / "trained", NetworkMetadata("DruNet", source.hyper_parameters()))
    assert main([str(tmp_path / "trained"), "--output", str(tmp_path / "start")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("finer_network: ")
    assert "Traceback" not in error
    assert not (tmp_path / "start").exists()


def test_a_first_block_of_other_parts_is_refused() -> None:
    with pytest.raises(InputError, match="width 16 cannot be made finer"):
        finer(trained(width=16))
