"""Vessel models are written whole, or refused in one clear line with nothing left behind."""

from __future__ import annotations

import numpy as np
import pytest

from VesselRegistrationLib.model_reading import VesselModel, read_vessel_model, vessel_model_from_arrays
from VesselRegistrationLib.model_writing import write_vessel_model
from VesselSegmentationLib.errors import InputError, OutputError


@pytest.fixture
def model() -> VesselModel:
    """A tetrahedron with edges of 20 mm along the axes."""
    points = 20.0 * np.concatenate([np.zeros((1, 3)), np.eye(3)])
    return vessel_model_from_arrays(points, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]))


def test_writing_refuses_other_endings_missing_folders_and_empty_models(tmp_path, model):
    with pytest.raises(InputError, match=r"'.step' are not written; use one of .stl"):
        write_vessel_model(model, tmp_path / "vessel.step")
    with pytest.raises(OutputError, match="does not exist; create it first"):
        write_vessel_model(model, tmp_path / "none" / "vessel.stl")
    with pytest.raises(InputError, match="no triangles, so there is nothing to write"):
        write_vessel_model(VesselModel(model.points_lps, model.triangles[:0], False), tmp_path / "vessel.stl")
    folder = tmp_path / "folder.stl"
    folder.mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write_vessel_model(model, folder)
    assert [p.name for p in tmp_path.iterdir()] == ["folder.stl"]


def test_writing_replaces_an_existing_file_whole(tmp_path, model):
    path = tmp_path / "vessel.stl"
    path.write_bytes(b"old" * 10000)
    write_vessel_model(model, path)
    assert path.stat().st_size == 84 + 50 * 4
    assert read_vessel_model(str(path)).is_closed
