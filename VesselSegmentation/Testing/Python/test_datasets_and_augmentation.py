"""Annotated frames are read as they are, split by patient, and changed at random but repeatably."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from VesselSegmentationLib.augmentation import Augmentation, AugmentationSettings
from VesselSegmentationLib.datasets import DifferencePool, FolderDataset, PoolDataset
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.overlay import write_png

STILL = dict.fromkeys(AugmentationSettings.__dataclass_fields__, 0.0)


def make_pool(folder: Path, patients: list[int]) -> Path:
    folder.mkdir(exist_ok=True)
    frames = np.random.default_rng(0).integers(0, 255, (len(patients), 32, 32)).astype(np.uint8)
    np.save(folder / "frames.npy", frames)
    np.save(folder / "masks.npy", (frames > 200).astype(np.uint8))
    np.save(folder / "patients.npy", np.array(patients))
    return folder


def test_a_pool_gives_frames_and_masks_from_disk(tmp_path: Path) -> None:
    pool = PoolDataset(make_pool(tmp_path, [1, 1, 2, 3]))
    frame, mask = pool[2]
    assert len(pool) == 4
    assert np.array_equal(frame, np.load(tmp_path / "frames.npy")[2])
    assert np.array_equal(mask, frame > 200)
    assert isinstance(pool.frames, np.memmap)


def test_a_pool_is_split_by_patient(tmp_path: Path) -> None:
    pool = PoolDataset(make_pool(tmp_path, [5, 1, 5, 1, 2, 9, 9, 2]))
    rest, held_out = pool.split(0.25)
    assert set(rest.patients[rest.indices]) == {1, 2, 5}
    assert set(held_out.patients[held_out.indices]) == {9}
    assert len(rest) + len(held_out) == len(pool)
    assert np.array_equal(held_out[0][0], pool[5][0])
    with pytest.raises(InputError, match="one patient"):
        PoolDataset(make_pool(tmp_path, [4, 4])).split()


def test_broken_pools_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"frames\.npy cannot be read"):
        PoolDataset(tmp_path)
    make_pool(tmp_path, [1, 2])
    np.save(tmp_path / "patients.npy", np.array([1]))
    with pytest.raises(InputError, match="1 patients for 2 frames"):
        PoolDataset(tmp_path)
    np.save(tmp_path / "masks.npy", np.zeros((2, 16, 16), np.uint8))
    with pytest.raises(InputError, match="one shape"):
        PoolDataset(tmp_path)
    np.save(tmp_path / "masks.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(InputError, match=r"masks\.npy cannot be read"):
        PoolDataset(tmp_path)


def make_folder(folder: Path) -> Path:
    random = np.random.default_rng(1)
    for name, dtype, top in (("a", np.uint8, 200), ("b", np.uint16, 4000)):
        frame = random.integers(top // 2, top, (60, 100)).astype(dtype)
        mask = np.zeros((60, 100), bool)
        mask[20:40, 30:90] = True
        frame[mask] = frame[mask] // 4
        write_png(folder / f"{name}.png", frame)
        write_png(folder / f"{name}_mask.png", mask)
    return folder


def test_a_pool_with_differences_gives_them_beside_the_frames(tmp_path: Path) -> None:
    make_pool(tmp_path, [1, 1, 2, 3])
    with pytest.raises(InputError, match=r"differences\.npy cannot be read"):
        DifferencePool(tmp_path)
    differences = np.random.default_rng(1).integers(0, 255, (4, 32, 32)).astype(np.uint8)
    np.save(tmp_path / "differences.npy", differences)
    rest, held_out = DifferencePool(tmp_path).split(0.3)
    pictures, mask = held_out[0]
    frames = np.load(tmp_path / "frames.npy")
    np.testing.assert_array_equal(pictures, np.stack([frames[3], differences[3]]))
    np.testing.assert_array_equal(mask, frames[3] > 200)
    assert len(rest) == 3
    np.save(tmp_path / "differences.npy", differences[:3])
    with pytest.raises(InputError, match="make the pool again, with --differences"):
        DifferencePool(tmp_path)


def test_a_difference_moves_with_its_frame_and_shutters_leave_it_unchanged() -> None:
    frames, masks = torch.zeros(6, 1, 64, 64), torch.zeros(6, 1, 64, 64)
    masks[:, :, 20:40, 24:34] = 1
    both = torch.cat([frames + 0.5, -2 * masks], dim=1)
    only_moved = AugmentationSettings(**{**STILL, "rotation_deg": 20.0, "shift": 0.1})
    changed, moved = Augmentation(only_moved)(both, masks, torch.Generator().manual_seed(4))
    assert torch.equal(changed[:, 1:] <= -1, moved > 0)
    shut = AugmentationSettings(**{**STILL, "shutter_share": 1.0, "shutter_width": 0.9})
    changed, left = Augmentation(shut)(both, masks, torch.Generator().manual_seed(4))
    torch.testing.assert_close(changed[:, 1:], -2 * left, atol=1e-3, rtol=0)


def test_one_channel_is_changed_as_it_is_with_another_beside_it() -> None:
    frames, masks = torch.rand(3, 1, 64, 64), torch.zeros(3, 1, 64, 64)
    still_open = AugmentationSettings(shutter_share=0.0)
    alone, _ = Augmentation(still_open)(frames, masks, torch.Generator().manual_seed(4))
    both = torch.cat([frames, torch.zeros_like(frames)], dim=1)
    together, _ = Augmentation(still_open)(both, masks, torch.Generator().manual_seed(4))
    assert torch.equal(together[:, :1], alone)
    assert 0 < together[:, 1:].std() < 0.2


def test_a_folder_of_pngs_is_brought_to_the_networks_size(tmp_path: Path) -> None:
    dataset = FolderDataset(make_folder(tmp_path), side=64)
    assert dataset.names == ["a", "b"]
    for index in range(2):
        frame, mask = dataset[index]
        assert frame.shape == mask.shape == (64, 64)
        assert frame.dtype == np.uint8
        assert frame[mask].mean() < 60 < frame[13:51][~mask[13:51]].mean()
        assert mask.sum() == pytest.approx(20 * 60 * 0.64**2, rel=0.1)


def test_patients_of_a_folder_come_from_its_table_or_are_the_frames_themselves(tmp_path: Path) -> None:
    make_folder(tmp_path)
    assert FolderDataset(tmp_path).patients.tolist() == ["a", "b"]
    (tmp_path / "patients.csv").write_text("a,P1\n")
    with pytest.raises(InputError, match=r"patients\.csv names no patient for b: add a line"):
        FolderDataset(tmp_path)
    (tmp_path / "patients.csv").write_text("a,P1\nb,P2\n")
    assert FolderDataset(tmp_path).patients.tolist() == ["P1", "P2"]


def test_broken_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no frame with a mask"):
        FolderDataset(tmp_path)
    make_folder(tmp_path)
    (tmp_path / "b.png").write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"b\.png cannot be read"):
        FolderDataset(tmp_path)[1]
    write_png(tmp_path / "b.png", np.zeros((5, 5), np.uint8))
    with pytest.raises(InputError, match="differ in size"):
        FolderDataset(tmp_path)[1]
    (tmp_path / "b.png").unlink()
    with pytest.raises(InputError, match=r"b\.png is missing"):
        FolderDataset(tmp_path)


def batch(count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    masks = ((x - 35) ** 2 + (y - 28) ** 2 < 100).float().repeat(count, 1, 1, 1)
    return 0.8 - 0.6 * masks, masks


def test_the_same_seed_changes_a_batch_the_same_way_and_another_otherwise() -> None:
    results = [Augmentation()(*batch(), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    assert not torch.equal(results[0][0], results[2][0])


def test_each_picture_is_changed_in_its_own_way_and_the_originals_stay() -> None:
    frames, masks = batch()
    changed, _ = Augmentation()(frames, masks, torch.Generator().manual_seed(3))
    assert len({round(float(one.mean()), 6) for one in changed}) == 6
    assert torch.equal(frames, batch()[0])
    assert torch.equal(masks, batch()[1])


def test_changed_frames_stay_in_range_and_masks_stay_masks() -> None:
    frames, masks = Augmentation()(*batch(32), torch.Generator().manual_seed(4))
    assert frames.shape == masks.shape == (32, 1, 64, 64)
    assert 0 <= frames.min() <= frames.max() <= 1
    assert set(masks.unique().tolist()) == {0.0, 1.0}


def test_the_mask_moves_with_the_frame() -> None:
    settings = AugmentationSettings(**{**STILL, "rotation_deg": 20, "log_scale": 0.2, "shear": 0.1, "shift": 0.1})
    frames, masks = Augmentation(settings)(*batch(16), torch.Generator().manual_seed(5))
    assert torch.equal(frames < 0.5, masks > 0.5)
    assert not torch.equal(masks[0], batch()[1][0])


def test_without_any_reach_nothing_changes() -> None:
    frames, masks = Augmentation(AugmentationSettings(**STILL))(*batch(), torch.Generator().manual_seed(6))
    assert torch.allclose(frames, batch()[0], atol=1e-5)
    assert torch.equal(masks, batch()[1])


def test_shutters_hide_the_vessel_from_the_mask_too() -> None:
    settings = AugmentationSettings(**{**STILL, "shutter_share": 1.0, "shutter_width": 0.6})
    frames, masks = Augmentation(settings)(*batch(16), torch.Generator().manual_seed(7))
    closed = (frames == 0) | (frames == 1)
    assert closed.any()
    assert not masks[closed].any()
    assert masks.sum() < batch(16)[1].sum()


def test_vessels_stay_darker_than_their_surroundings() -> None:
    settings = AugmentationSettings(shutter_share=0.0, noise=0.0)
    frames, masks = Augmentation(settings)(*batch(32), torch.Generator().manual_seed(8))
    for frame, mask in zip(frames, masks):
        if mask.sum() > 50:
            assert frame[mask > 0].mean() < frame[mask == 0].mean()


def test_a_folder_is_split_by_patient(tmp_path: Path) -> None:
    for name in "abcd":
        write_png(tmp_path / f"{name}.png", np.full((32, 32), ord(name), np.uint8))
        write_png(tmp_path / f"{name}_mask.png", np.eye(32, dtype=bool))
    (tmp_path / "patients.csv").write_text("a,p1\nb,p2\nc,p1\nd,p2\n")
    rest, held_out = FolderDataset(tmp_path).split(0.5)
    assert rest.names == ["a", "c"]
    assert held_out.names == ["b", "d"]
    assert held_out.picture(1)[0][0, 0] == ord("d")


def test_mirrored_pictures_are_the_same_but_for_left_and_right() -> None:
    frames, masks = batch()
    settings = AugmentationSettings(**{**STILL, "mirrored_share": 1.0})
    mirrored, mirrored_masks = Augmentation(settings)(frames, masks, torch.Generator().manual_seed(9))
    torch.testing.assert_close(mirrored, frames.flip(-1), atol=1e-4, rtol=0)
    torch.testing.assert_close(mirrored_masks, masks.flip(-1))


def test_some_pictures_are_turned_far_and_the_others_stay_nearly_upright() -> None:
    column = torch.arange(64.0).expand(1, 1, 64, 64) / 63
    frames = column.expand(200, 1, 64, 64).contiguous()
    settings = AugmentationSettings(**{**STILL, "any_angle_share": 0.25})
    turned, _ = Augmentation(settings)(frames, torch.zeros_like(frames), torch.Generator().manual_seed(10))
    middle = turned[:, 0, 16:48, 16:48]
    slope = middle.diff(dim=-1).mean(dim=(1, 2)) * 63
    assert 0.7 < (slope > 0.99).float().mean() < 0.87
    assert slope.min() < -0.8
