"""A network of stride 2 that starts from a trained one of stride 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.restriding import fit_end, main, restrided
from VesselSegmentationLib.training import PoolDataset, Samples
from VesselSegmentationLib.weights import NetworkMetadata, load_network, save_network


def trained(width: int = 4) -> DruNet:
    torch.manual_seed(3)
    network = DruNet(width)
    for _ in range(5):
        network(torch.randn(2, 1, 64, 64))
    return network.eval()


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    folder, rng = tmp_path / "pool", np.random.default_rng(1)
    folder.mkdir()
    np.save(folder / "frames.npy", rng.integers(40, 200, (12, 64, 64), dtype=np.uint8))
    np.save(folder / "masks.npy", rng.integers(0, 2, (12, 64, 64), dtype=np.uint8))
    np.save(folder / "patients.npy", np.arange(12, dtype=np.int32) // 2)
    return folder


def test_the_inner_blocks_compute_what_they_did() -> None:
    before, after = trained(), restrided(trained()).eval()
    maps = torch.randn(1, 8, 32, 32)
    for mine, theirs in zip(after.encoder[1:], [*before.encoder[2:], before.bottleneck]):
        torch.testing.assert_close(mine(maps), theirs(maps))
        maps = mine(maps)
    assert after.width == 8
    assert after.stride == 2


def test_the_new_bottom_starts_as_if_it_were_not_there() -> None:
    block = restrided(trained()).eval().decoder[0]
    below, beside = torch.randn(1, 128, 4, 4), torch.randn(1, 64, 4, 4)
    given = block(torch.cat([below, beside], dim=1))
    assert (given - beside).abs().mean() < 0.2 * beside.abs().mean()


def test_the_end_is_fitted_to_the_logits(pool: Path) -> None:
    """Where the wanted logits are a linear function of the last maps, the fit finds it."""
    source = trained()
    torch.nn.init.zeros_(source.head.conv.weight)
    torch.nn.init.constant_(source.head.conv.bias, -1.5)
    network = restrided(source).eval()
    fit_end(network, source, Samples(PoolDataset(pool)), seed=1)
    with torch.no_grad():
        logits = network(torch.randn(1, 1, 64, 64))
    assert (logits + 1.5).abs().max() < 0.3


def test_the_command_writes_a_network_to_start_from(
    tmp_path: Path, pool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = trained()
    save_network(source, tmp_path / "trained", NetworkMetadata("DruNet", source.hyper_parameters(), scores={"dsc": 1}))
    command = [
        str(tmp_path / "trained"),
        "--pool",
        str(pool),
        "--iterations",
        "20",
        "--output",
        str(tmp_path / "start"),
    ]
    assert main(command) == 0
    assert "of the variance" in capsys.readouterr().out
    network, metadata = load_network(tmp_path / "start")
    assert network.hyper_parameters() == {**source.hyper_parameters(), "width": 8, "stride": 2}
    assert metadata.scores == {}


def test_a_network_with_a_stride_is_refused(tmp_path: Path, pool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="Only a DRU-Net of stride 1 .* has 2"):
        restrided(DruNet(4, stride=2))
    assert main([str(tmp_path / "none"), "--pool", str(pool), "--output", str(tmp_path / "start")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("restriding: ")
    assert "Traceback" not in error
    assert not (tmp_path / "start").exists()
