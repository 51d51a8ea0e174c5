"""The project's Resources folder is found, or its absence is explained."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from VesselSegmentationLib import resources
from VesselSegmentationLib.errors import OutputError, WeightsError
from VesselSegmentationLib.files import write_atomically


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(resources.ENVIRONMENT_VARIABLE, str(tmp_path))
    assert resources.resource_folder() == tmp_path
    assert resources.segmentation_network_folder() == tmp_path / "Models" / "VesselSegmentation"
    assert resources.matching_network_folder() == tmp_path / "Models" / "ModelToImageMatching"


def test_a_wrong_environment_variable_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(resources.ENVIRONMENT_VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(WeightsError, match="gone, which is no folder"):
        resources.resource_folder()


def test_the_source_tree_comes_before_the_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(resources.ENVIRONMENT_VARIABLE, raising=False)
    beside = tmp_path / "tree" / "Resources"
    installed = tmp_path / "prefix" / "share" / "vessel-registration" / "Resources"
    module = tmp_path / "tree" / "VesselSegmentation" / "VesselSegmentationLib" / "resources.py"
    monkeypatch.setattr(resources, "__file__", str(module))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    with pytest.raises(WeightsError, match=r"install the project again, or set VESSEL_REGISTRATION_RESOURCES"):
        resources.resource_folder()
    (installed / "Models").mkdir(parents=True)
    assert resources.resource_folder() == installed
    (beside / "Models").mkdir(parents=True)
    assert resources.resource_folder() == beside


def test_a_file_is_replaced_as_a_whole_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = write_atomically(tmp_path / "new" / "file.txt", "first")
    write_atomically(path, b"second")
    assert path.read_text() == "second"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_atomically(tmp_path / "file.txt", "old")

    def full(_self: Path, data: bytes) -> int:
        raise OSError(28, f"No space left for {len(data)} bytes")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match=r"Cannot write .*file\.txt: No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
