"""Annotated frames to learn from: any object with `len(dataset)` and `dataset[i] -> (frame, mask)`.

Frame: uint8 (256, 256), vessels dark. Mask: bool or uint8 0/1 (256, 256).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from VesselSegmentationLib.annotation_table import TABLE_FILE, TableRow, read_table
from VesselSegmentationLib.annotations import (
    FRAME_SUFFIXES,
    PICTURE_ENDINGS,
    annotation_path,
    frame_path,
    is_annotation,
    read_annotation,
    read_grey,
)
from VesselSegmentationLib.errors import InputError

Sample = tuple[NDArray[np.uint8], NDArray[np.generic]]

HELD_OUT_SHARE = 0.08
"""Of the patients, who are validated on where none are named."""


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
        return type(self)(self.folder, self.indices[np.isin(self.patients[self.indices], patients)])

    def split(self, held_out_share: float = HELD_OUT_SHARE) -> tuple[PoolDataset, PoolDataset]:
        """(rest, held out): the last patients in number order, at least one, are held out."""
        rest, held_out = _split_patients(self.patients[self.indices], held_out_share, self.folder)
        return self.of_patients(rest), self.of_patients(held_out)


class DifferencePool(PoolDataset):
    """A pool whose differences.npy, of the same shape, shows what changed in each frame since contrast agent came.

    Its items are (2, 256, 256) uint8, frame and difference, with the mask.
    """

    def __init__(self, folder: Path | str, indices: Sequence[int] | NDArray[np.integer] | None = None) -> None:
        super().__init__(folder, indices)
        self.differences = self._mapped("differences.npy")
        if self.differences.shape != self.frames.shape or self.differences.dtype != np.uint8:
            raise InputError(
                f"{self.folder}: differences.npy {self.differences.shape} {self.differences.dtype} must be uint8 "
                f"of the frames' shape {self.frames.shape}; make the pool again, with --differences."
            )

    def __getitem__(self, index: int, /) -> Sample:
        frame, mask = super().__getitem__(index)
        return np.stack([frame, np.asarray(self.differences[self.indices[index]])]), mask


@dataclass(frozen=True)
class _AnnotatedFrame:
    """Files of one frame, whose it is and what of the mask is vessel."""

    name: str
    frame: Path
    mask: Path
    patient: str
    view: str
    label: str | None


class FolderDataset:
    """A folder of frames with annotations beside them (see `annotations`), brought to 256 x 256 when read.

    A table (see `annotation_table`), by default the folder's patients.csv, says whose frames they are and then must
    name all annotated ones; without any every frame is a patient of its own, and frames without annotation are left
    out.
    """

    def __init__(
        self,
        folder: Path | str,
        side: int = 256,
        table: Path | str | None = None,
        label: str | None = None,
    ) -> None:
        """Find the files; pictures are read later.

        `label` says which one is vessel in masks of several, where the table does not. Raises InputError for missing
        frames or masks and frames of nobody.
        """
        self.folder, self.side = Path(folder), side
        path = Path(table) if table is not None else self.folder / TABLE_FILE
        rows = read_table(path) if table is not None or path.is_file() else None
        annotated = self._annotated()
        if rows is None:
            self._frames = [self._found(TableRow(0, name, name), label, self.folder) for name in annotated]
        else:
            listed = {row.name for row in rows}
            unknown = [name for name in annotated if name not in listed]
            if unknown:
                raise InputError(
                    f"{path} names no patient for {unknown[0]}{_others(unknown)}: add a line, or move the frame away."
                )
            self._frames = [self._found(row, label, path) for row in rows]
        if not self._frames:
            raise InputError(f"{self.folder} holds no frame with a mask: expected NAME.png beside NAME_mask.png.")

    def _annotated(self) -> list[str]:
        """Names of the frames in the folder that have an annotation."""
        pictures = sorted(path for path in self.folder.glob("*") if path.suffix.lower() in FRAME_SUFFIXES)
        frames = {path.stem: None for path in pictures if not is_annotation(path)}
        for path in pictures:
            ending = next((ending for ending in PICTURE_ENDINGS if path.name.endswith(ending)), None)
            if ending is not None and path.name[: -len(ending)] not in frames:
                name = path.name[: -len(ending)]
                raise InputError(f"{self.folder / name}.png is missing beside its mask {path.name}.")
        return [name for name in frames if annotation_path(self.folder, name) is not None]

    def _found(self, row: TableRow, label: str | None, table: Path) -> _AnnotatedFrame:
        where = f"{table}, line {row.line}: " if row.line else ""
        frame = frame_path(self.folder, row.name)
        if frame is None:
            raise InputError(f"{where}{self.folder / row.name}.png is missing; correct the name, or remove the line.")
        mask = self.folder / row.mask if row.mask else annotation_path(self.folder, row.name)
        if mask is None or not mask.is_file():
            missing = mask or f"{self.folder / row.name}_mask.png"
            raise InputError(
                f"{where}the mask {missing} of {frame.name} is missing; annotate the frame, or leave it out."
            )
        return _AnnotatedFrame(row.name, frame, mask, row.patient, row.view, row.label or label)

    @property
    def names(self) -> list[str]:
        """Names of the frames, without suffix."""
        return [one.name for one in self._frames]

    @property
    def patients(self) -> NDArray[np.str_]:
        """Whose each frame is."""
        return np.array([one.patient for one in self._frames])

    @property
    def views(self) -> NDArray[np.str_]:
        """The field of view of each frame, in small letters; empty where the table says none."""
        return np.array([one.view for one in self._frames])

    def __len__(self) -> int:
        return len(self._frames)

    def split(self, held_out_share: float = HELD_OUT_SHARE) -> tuple[FolderDataset, FolderDataset]:
        """(rest, held out), by patient: the last patients in order, at least one, are held out."""
        rest, held_out = _split_patients(self.patients, held_out_share, self.folder)
        return self.of_patients(rest), self.of_patients(held_out)

    def of_patients(self, patients: Sequence[str] | NDArray[Any]) -> FolderDataset:
        """The frames of some patients only."""
        return self._part(np.isin(self.patients, patients))

    def of_view(self, view: str) -> FolderDataset:
        """The frames of one field of view. Raises InputError when there is none."""
        if view not in self.views:
            known = ", ".join(sorted(set(self.views.tolist()) - {""})) or "none"
            raise InputError(
                f"{self.folder} has no frame of the field of view {view!r} (the table names {known}): correct the "
                "column, or choose another field of view."
            )
        return self._part(self.views == view)

    def _part(self, kept: NDArray[np.bool_]) -> FolderDataset:
        part = copy.copy(self)
        part._frames = [one for one, is_kept in zip(self._frames, kept, strict=True) if is_kept]
        return part

    def check(self) -> None:
        """Read every frame and mask once. Raises InputError for the first one that cannot be used."""
        for index in range(len(self)):
            self.picture(index)

    def picture(self, index: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Frame and mask in the frame's own size."""
        one = self._frames[index]
        frame = read_grey(one.frame)
        return frame, read_annotation(one.mask, frame.shape, one.label)

    def __getitem__(self, index: int, /) -> Sample:
        from VesselSegmentationLib.preprocessing import NetworkGrid

        frame, mask = self.picture(index)
        grid = NetworkGrid.of(frame, self.side)
        return grid.grey_to_network(frame), grid.mask_to_network(mask)


def _others(names: Sequence[str]) -> str:
    return f" and {len(names) - 1} others" if len(names) > 1 else ""


def split_by_patient(
    data: FolderDataset, held_out_share: float, validation: Sequence[str] = (), test: Sequence[str] = ()
) -> tuple[FolderDataset, FolderDataset, FolderDataset | None]:
    """(training, validation, test) of whole patients, as Li et al. 2021, table I.

    Test patients are the named ones (None without any), validated on are the named ones, else the last of the others.
    Raises InputError for patients nobody knows or in two parts.
    """
    known = set(data.patients.tolist())
    for part, names in (("validation", validation), ("test", test)):
        unknown = [name for name in names if name not in known]
        if unknown:
            some = ", ".join(sorted(known)[:20]) + (", ..." if len(known) > 20 else "")
            raise InputError(f"The {part} patient {unknown[0]!r} has no frame in {data.folder}; patients are {some}.")
    both = sorted(set(validation) & set(test))
    if both:
        raise InputError(f"Patient {both[0]!r} is for validation and for test: a whole patient is in one part only.")
    others = sorted(known - set(test))
    if not others or (validation and not set(others) - set(validation)):
        raise InputError(f"No patient of {data.folder} is left to train on: name fewer for validation and test.")
    rest = data.of_patients(others)
    tested = data.of_patients(test) if test else None
    if not validation:
        return *rest.split(held_out_share), tested
    return rest.of_patients(sorted(set(others) - set(validation))), rest.of_patients(validation), tested
