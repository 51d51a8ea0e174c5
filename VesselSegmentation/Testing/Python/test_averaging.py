"""The mean of several trainings' weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from VesselSegmentationLib.averaging import average_networks, main
from VesselSegmentationLib.datasets import HELD_OUT_SHARE
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.weights import NetworkMetadata, load_network, save_network


def saved(folder: Path, value: float, width: int = 8) -> Path:
    network = DruNet(width=width)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(value)
    save_network(network, folder, NetworkMetadata("DruNet", network.hyper_parameters(), scores={"dsc": 0.9}))
    report = {"settings": {"start": "trainings/first"}, "iterations": 7}
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    return folder


def test_weights_are_the_mean_and_scores_are_not_handed_on(tmp_path: Path) -> None:
    folders = [saved(tmp_path / "first", 0.25), saved(tmp_path / "second", 0.75)]
    average_networks(folders, tmp_path / "mean")
    network, metadata = load_network(tmp_path / "mean")
    assert all(torch.allclose(parameter, torch.tensor(0.5)) for parameter in network.parameters())
    assert metadata.scores == {}
    assert "mean of the weights of first, second" in metadata.training_data


def test_shares_draw_the_mean_to_one_of_them(tmp_path: Path) -> None:
    folders = [saved(tmp_path / "further", 0.75), saved(tmp_path / "start", 0.25)]
    assert main([*map(str, folders), "--shares", "3", "1", "--output", str(tmp_path / "mean")]) == 0
    network, metadata = load_network(tmp_path / "mean")
    assert all(torch.allclose(parameter, torch.tensor(0.625)) for parameter in network.parameters())
    assert "further, start by shares of 3, 1" in metadata.training_data
    report = json.loads((tmp_path / "mean" / "report.json").read_text(encoding="utf-8"))
    assert [part["share"] for part in report["mean_of"]] == [0.75, 0.25]


@pytest.mark.parametrize(
    ("shares", "words"),
    [((1.0,), "2 networks need as many shares, not 1"), ((1.0, 0.0), "share 0 "), ((1.0, float("nan")), "share nan")],
)
def test_shares_that_do_not_fit_are_named(tmp_path: Path, shares: tuple[float, ...], words: str) -> None:
    folders = [saved(tmp_path / "first", 0.25), saved(tmp_path / "second", 0.75)]
    with pytest.raises(InputError, match=words):
        average_networks(folders, tmp_path / "mean", shares=shares)
    assert not (tmp_path / "mean").exists()


def test_the_mean_is_scored_on_the_patients_that_training_holds_out(tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    pool.mkdir()
    rng = np.random.default_rng(1)
    np.save(pool / "frames.npy", rng.integers(40, 200, (30, 32, 32), dtype=np.uint8))
    np.save(pool / "masks.npy", rng.integers(0, 2, (30, 32, 32), dtype=np.uint8))
    np.save(pool / "patients.npy", np.arange(30, dtype=np.int32))
    folders = [saved(tmp_path / "first", 0.25), saved(tmp_path / "second", 0.75)]
    metadata = average_networks(folders, tmp_path / "mean", "0.3.0", pool)
    assert metadata.version == "0.3.0"
    assert metadata.scores["validation"]["frames"] == round(HELD_OUT_SHARE * 30) == 2


def test_the_report_names_the_parts_by_checksum_and_tells_no_paths(tmp_path: Path) -> None:
    folders = [saved(tmp_path / "first", 0.25), saved(tmp_path / "second", 0.75)]
    assert main([*map(str, folders), "--output", str(tmp_path / "mean")]) == 0
    text = (tmp_path / "mean" / "report.json").read_text(encoding="utf-8")
    parts = json.loads(text)["mean_of"]
    assert [part["sha256"] for part in parts] == [load_network(folder)[1].sha256 for folder in folders]
    assert parts[0]["settings"]["start"] == "first"
    assert str(tmp_path) not in text


def test_networks_that_differ_have_no_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [saved(tmp_path / "narrow", 0.25), saved(tmp_path / "wide", 0.75, width=16)]
    with pytest.raises(InputError, match="alike"):
        average_networks(folders, tmp_path / "mean")
    assert main([*map(str, folders), "--output", str(tmp_path / "mean")]) == 2
    assert "wide" in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()


def test_one_network_is_no_mean_and_a_missing_one_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = saved(tmp_path / "first", 0.25)
    assert main([str(first), "--output", str(tmp_path / "mean")]) == 2
    assert main([str(first), str(tmp_path / "gone"), "--output", str(tmp_path / "mean")]) == 2
    assert "gone" in capsys.readouterr().err
