"""Files that are either whole or absent: written aside in the same folder, then renamed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from VesselSegmentationLib.errors import OutputError


def write_atomically(path: Path | str, content: bytes | str) -> Path:
    """Write bytes, or text as UTF-8, to `path`; a reader sees the old file or the new one, never a part.

    Raises OutputError when the folder cannot be written to.
    """
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(data)
        os.replace(aside, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise OutputError(f"Cannot write {path}: {error.strerror or error}. Choose another folder.") from error
    return path
