"""Annotated frames to learn from: any object with `len(dataset)` and `dataset[i] -> (frame, mask)`.

Frame: uint8 (256, 256), vessels dark. Mask: bool or uint8 0/1 (256, 256).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from VesselSegmentationLib.errors import InputError

Sample = tuple[NDArray[np.uint8], NDArray[np.generic]]


class SegmentationDataset(Protocol):
    """What a training needs of its data."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


def _split_patients(patients: NDArray[Any], held_out_share: float, folder: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Names of (the rest, the last ones in order); at least one patient on either side."""
    names = np.unique(patients)
    if len(names) < 2:
        raise InputError(f"{folder} holds one patient only: it cannot be split by patient.")
    count = min(len(names) - 1, max(1, round(held_out_share * len(names))))
    return names[:-count], names[-count:]


class PoolDataset:
    """Frames in two memory-mapped arrays: frames.npy and masks.npy, uint8 (N, 256, 256); optional patients.npy (N,)."""

    def __init__(self, folder: Path | str, indices: Sequence[int] | NDArray[np.integer] | None = None) -> None:
        self.folder = Path(folder)
        self.frames = self._mapped("frames.npy")
        self.masks = self._mapped("masks.npy")
        if self.frames.ndim != 3 or self.frames.shape != self.masks.shape or self.frames.dtype != np.uint8:
            raise InputError(
                f"{self.folder}: frames.npy {self.frames.shape} {self.frames.dtype} and masks.npy {self.masks.shape} "
                "must be uint8 (N, rows, columns) of one shape; make the pool again."
            )
        path = self.folder / "patients.npy"
        self.patients = np.load(path, allow_pickle=False) if path.is_file() else np.arange(len(self.frames))
        if len(self.patients) != len(self.frames):
            raise InputError(f"{path} names {len(self.patients)} patients for {len(self.frames)} frames.")
        self.indices = np.arange(len(self.frames)) if indices is None else np.asarray(indices, dtype=int)

    def _mapped(self, name: str) -> NDArray[np.uint8]:
        path = self.folder / name
        try:
            mapped: NDArray[np.uint8] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read ({error}); choose a folder with a pool of frames.") from error
        return mapped

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int, /) -> Sample:
        where = self.indices[index]
        return np.asarray(self.frames[where]), np.asarray(self.masks[where]) > 0

    def of_patients(self, patients: Sequence[int] | NDArray[np.integer]) -> PoolDataset:
        """The frames of some patients only. Split by patient: frames of one patient resemble each other."""
        return PoolDataset(self.folder, self.indices[np.isin(self.patients[self.indices], patients)])

    def split(self, held_out_share: float = 0.1) -> tuple[PoolDataset, PoolDataset]:
        """(rest, held out): the last patients in number order, at least one, are held out."""
        rest, held_out = _split_patients(self.patients[self.indices], held_out_share, self.folder)
        return self.of_patients(rest), self.of_patients(held_out)


class FolderDataset:
    """A folder of `NAME.png` frames with `NAME_mask.png` masks, brought to 256 x 256 when read.

    `patients.csv` with lines `NAME,PATIENT` is optional; without it every frame is a patient of its own.
    """

    def __init__(self, folder: Path | str, side: int = 256) -> None:
        self.folder, self.side = Path(folder), side
        masks = sorted(self.folder.glob("*_mask.png"))
        self.names = [path.name[: -len("_mask.png")] for path in masks]
        if not self.names:
            raise InputError(f"{self.folder} holds no frame with a mask: expected NAME.png beside NAME_mask.png.")
        for name in self.names:
            if not (self.folder / f"{name}.png").is_file():
                raise InputError(f"{self.folder / name}.png is missing beside its mask {name}_mask.png.")
        self.patients = self._patients()

    def _patients(self) -> NDArray[np.str_]:
        import csv

        path = self.folder / "patients.csv"
        known: dict[str, str] = {}
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                known = {row[0].strip(): row[1].strip() for row in csv.reader(file) if len(row) >= 2}
        return np.array([known.get(name, name) for name in self.names])

    def __len__(self) -> int:
        return len(self.names)

    def split(self, held_out_share: float = 0.1) -> tuple[FolderDataset, FolderDataset]:
        """(rest, held out), by patient: the last patients in order, at least one, are held out."""
        rest, held_out = _split_patients(self.patients, held_out_share, self.folder)
        return self._of_patients(rest), self._of_patients(held_out)

    def _of_patients(self, patients: NDArray[Any]) -> FolderDataset:
        part = copy.copy(self)
        kept = np.isin(self.patients, patients)
        part.names = [name for name, is_kept in zip(self.names, kept, strict=True) if is_kept]
        part.patients = self.patients[kept]
        return part

    def picture(self, index: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Frame and mask in the frame's own size."""
        from PIL import Image, UnidentifiedImageError

        name = self.names[index]
        arrays = []
        for path in (self.folder / f"{name}.png", self.folder / f"{name}_mask.png"):
            try:
                with Image.open(path) as image:
                    grey = image if image.mode.startswith("I") or image.mode == "L" else image.convert("L")
                    arrays.append(np.array(grey))
            except (OSError, UnidentifiedImageError) as error:
                raise InputError(f"{path} cannot be read as a picture ({error}).") from error
        frame, mask = arrays
        if frame.shape != mask.shape:
            raise InputError(f"{name}: frame {frame.shape} and mask {mask.shape} differ in size.")
        return frame, mask > mask.max() / 2

    def __getitem__(self, index: int, /) -> Sample:
        from VesselSegmentationLib.preprocessing import NetworkGrid

        frame, mask = self.picture(index)
        grid = NetworkGrid.of(frame, self.side)
        return grid.grey_to_network(frame), grid.mask_to_network(mask)
