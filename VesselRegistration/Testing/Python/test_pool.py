"""A pool of training views: the same for every number of processes, finished or marked as not."""

import json
from pathlib import Path

import numpy as np
import pytest

from VesselRegistrationLib.simulation import pool
from VesselRegistrationLib.simulation.pool import REGIONS, PoolRequest, generate_pool, patient_views
from VesselSegmentationLib.errors import InputError, OutputError
from VesselSegmentationLib.frame_subtraction import LEVEL

PATIENTS, VIEWS, SIZE, SEED = 3, 2, 64, 318
"""The patients of this seed are a phantom, a coronary tree and another phantom."""
ARRAYS = ("frames", "masks", "models", "patients", "regions")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return generate_pool(tmp_path_factory.mktemp("pool") / "new", PATIENTS, VIEWS, SEED, processes=1, size=SIZE)


def loaded(folder: Path) -> dict[str, np.ndarray]:
    return {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in ARRAYS}


def test_a_pool_holds_what_its_index_says(folder) -> None:
    index, arrays = json.loads((folder / "index.json").read_text()), loaded(folder)
    assert [index[name] for name in ("seed", "patients", "views", "size")] == [SEED, PATIENTS, VIEWS, SIZE]
    for name in ("frames", "masks", "models"):
        assert arrays[name].shape == (PATIENTS * VIEWS, SIZE, SIZE)
        assert arrays[name].dtype == np.uint8
    assert arrays["patients"].tolist() == [0, 0, 1, 1, 2, 2]
    assert [REGIONS[region] for region in arrays["regions"]] == ["phantom"] * 2 + ["coronary"] * 2 + ["phantom"] * 2


def test_masks_and_models_are_zeros_and_ones_and_masks_lie_on_models(folder) -> None:
    from scipy.ndimage import binary_dilation

    arrays = loaded(folder)
    assert set(np.unique(arrays["masks"])) == set(np.unique(arrays["models"])) == {0, 1}
    for mask, model in zip(arrays["masks"], arrays["models"], strict=True):
        assert not (mask.astype(bool) & ~binary_dilation(model)).any()
    assert all(frame.std() > 2 for frame in arrays["frames"])


def test_two_processes_make_the_same_pool_as_one(folder, tmp_path) -> None:
    other = generate_pool(tmp_path, PATIENTS, VIEWS, SEED, processes=2, size=SIZE)
    first, second = loaded(folder), loaded(other)
    assert all(np.array_equal(first[name], second[name]) for name in ARRAYS)


def test_a_patient_depends_on_its_request_alone(folder) -> None:
    views = patient_views(PoolRequest(SEED, 2, VIEWS, SIZE))
    assert views.number == 2
    assert np.array_equal(views.frames, loaded(folder)["frames"][4:])
    assert not np.array_equal(views.frames, patient_views(PoolRequest(SEED + 1, 2, VIEWS, SIZE)).frames)


def test_the_index_comes_last_so_that_an_unfinished_pool_has_none(folder, tmp_path, monkeypatch) -> None:
    (tmp_path / "index.json").write_text("{}")

    def full_disk(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(pool.np, "save", full_disk)
    with pytest.raises((OSError, OutputError), match="No space"):
        generate_pool(tmp_path, 1, 1, SEED, processes=1, size=SIZE)
    assert (tmp_path / "frames.npy").exists()
    assert not (tmp_path / "index.json").exists()


@pytest.mark.parametrize(
    "bad", [{"patients": 0}, {"views": 0}, {"processes": 0}, {"size": 63}, {"patients": -3}, {"seed": -1}]
)
def test_numbers_that_make_no_pool_are_refused(tmp_path, bad) -> None:
    wanted = {"patients": 1, "views": 1, "seed": 1, "processes": 1, "size": 64} | bad
    with pytest.raises(InputError, match=str(next(iter(bad.values())))):
        generate_pool(tmp_path / "none", **wanted)
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="file"):
        generate_pool(tmp_path / "file" / "pool", 1, 1, 1, processes=1, size=64)


def test_a_pool_may_be_of_some_regions_only(tmp_path) -> None:
    folder = generate_pool(tmp_path, 2, 1, SEED + 2, processes=1, size=64, regions=("coronary", "phantom"))
    assert [REGIONS[region] for region in np.load(folder / "regions.npy")] == ["phantom", "coronary"]
    assert json.loads((folder / "index.json").read_text())["regions"] == ["coronary", "phantom"]


def test_differences_show_the_vessels_and_what_has_not_moved_is_grey(tmp_path) -> None:
    folder = generate_pool(tmp_path, 2, 3, SEED, processes=2, size=96, has_differences=True)
    arrays = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in (*ARRAYS, "differences")}
    masks, differences = arrays["masks"].astype(bool), arrays["differences"].astype(float)
    assert differences.shape == (6, 96, 96)
    assert json.loads((folder / "index.json").read_text())["differences"] is True
    assert all(mask.any() for mask in masks)
    for mask, change in zip(masks, differences, strict=True):
        assert np.median(change[mask]) < np.median(change[~mask]) - 25
        assert abs(np.median(change[~mask]) / 255 - LEVEL) < 0.15
    views = patient_views(PoolRequest(SEED, 1, 3, 96, has_differences=True))
    assert np.array_equal(views.differences, arrays["differences"][3:])


def test_a_pool_without_differences_has_none(folder) -> None:
    assert not (folder / "differences.npy").exists()
    assert patient_views(PoolRequest(SEED, 2, VIEWS, SIZE)).differences.shape == (0, SIZE, SIZE)


@pytest.mark.parametrize(("regions", "named"), [(("upper", "knee"), "upper, knee"), ((), "no region")])
def test_unknown_regions_make_no_pool(tmp_path, regions, named) -> None:
    with pytest.raises(InputError, match=f"{named}.*upper, lower, coronary, phantom"):
        generate_pool(tmp_path / "none", 1, 1, 1, processes=1, size=64, regions=regions)
    assert not (tmp_path / "none").exists()
