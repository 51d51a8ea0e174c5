"""A folder of results that is filled aside and handed over at the end, so that a failed run leaves nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from VesselSegmentationLib.errors import OutputError


@contextmanager
def staged_folder(folder: Path | str, stale: Sequence[str] = ()) -> Iterator[Path]:
    """An empty folder to write files into; they move to `folder` when the block ends without an exception.

    Files in `folder` that match a pattern of `stale` and were not written anew are removed then: those of an earlier
    run. Other files in it are left alone. Raises OutputError, at once, where `folder` cannot be written to.
    """
    folder = Path(folder)
    try:
        aside = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=_existing(folder)))
    except OSError as error:
        raise _refusal(folder, error) from error
    try:
        yield aside
        try:
            _hand_over(aside, folder, stale)
        except OSError as error:
            raise _refusal(folder, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _existing(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists: a place on the same disk."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def _hand_over(aside: Path, folder: Path, stale: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    written = sorted(aside.iterdir())
    for path in written:
        os.replace(path, folder / path.name)
    names = {path.name for path in written}
    for old in {path for pattern in stale for path in folder.glob(pattern)}:
        if old.name not in names:
            old.unlink()


def _refusal(folder: Path, error: OSError) -> OutputError:
    return OutputError(f"Cannot write to the folder {folder}: {error.strerror or error}. Choose another folder.")
