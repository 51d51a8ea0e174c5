"""Surface files: VTP, legacy VTK, OBJ and text STL read by VTK; binary STL and PLY by numpy.

VTK's readers accept much that is no surface and say little; so each file is checked first for what it claims to be.
Frames follow 3D Slicer: a file is in LPS unless it says `SPACE=RAS`, in the header (STL, VTK) or a comment (OBJ, PLY),
or in a field data array called SPACE (VTP). An OBJ comment of Mimics and 3-matic may also give the length unit.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from VesselSegmentationLib.errors import InputError

from .ply_files import read_ply
from .vessel_model import ModelFrame
from .vtk_bridge import arrays_from_polydata, captured_messages, first_error, polydata_from_polygons

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkPolyData

STL_HEADER_BYTES = 84
STL_TRIANGLE_BYTES = 50
HEAD_BYTES = 4096


@dataclass(frozen=True)
class SurfaceFile:
    """What a file holds, in the file's own frame and unit."""

    points: NDArray[np.float64]
    """(N, 3)."""
    triangles: NDArray[np.int64]
    """(M, 3)."""
    frame: ModelFrame | None
    """The frame that the file names, or None."""
    unit_in_mm: float | None
    """The length unit that the file names, or None."""


def read_surface_file(path: Path) -> SurfaceFile:
    """Read points and triangles as they are in the file.

    Raises:
        InputError: missing, a folder, empty, of another format than its name says, damaged, or without a surface.
            The message begins with the path.
    """
    extension = path.suffix.lower()
    if not path.exists():
        raise InputError(f"{path}: there is no such file; check the path")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the model file inside it ({_EXTENSIONS})")
    if extension not in _READERS:
        raise InputError(f"{path}: models with the ending '{extension}' are not read; use one of {_EXTENSIONS}")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror}); check its permissions") from error
    if not head.strip():
        raise InputError(f"{path}: is empty; export the model again")
    try:
        return _READERS[extension](path, head)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _read_stl(path: Path, head: bytes) -> SurfaceFile:
    from vtkmodules.vtkIOGeometry import vtkSTLReader

    declared = _check_stl(path, head)
    if declared is None:
        reader = vtkSTLReader()
        reader.MergingOff()  # points are merged later, in double precision
        points, triangles, _ = _run(reader, path, "STL")
        return SurfaceFile(points, triangles, _named_frame(head.split(b"facet", 1)[0]), None)
    # numpy, because VTK refuses a binary file with a few bytes behind its triangles
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    table = np.fromfile(path, record, declared, offset=STL_HEADER_BYTES)
    with np.errstate(invalid="ignore"):  # NaN is counted and refused later
        points = table["corners"].reshape(-1, 3).astype(np.float64)
    return SurfaceFile(points, np.arange(len(points)).reshape(-1, 3), _named_frame(head[:80]), None)


def _check_stl(path: Path, head: bytes) -> int | None:
    """The number of triangles that a binary STL declares, None for a text STL; errors for anything else."""
    size = path.stat().st_size
    declared = struct.unpack_from("<I", head, 80)[0] if len(head) >= STL_HEADER_BYTES else 0
    needed = STL_HEADER_BYTES + STL_TRIANGLE_BYTES * declared
    if declared and size == needed:
        return int(declared)
    if head.lstrip().lower().startswith(b"solid") and _looks_like_text(head):
        _check_text_stl(path, size)
        return None
    if _looks_like_text(head):
        raise InputError(f"is text, not an STL model (it starts with {_quoted(head)}); export the model again")
    if size < STL_HEADER_BYTES:
        raise InputError(f"has {size} bytes, too few for an STL model; export the model again")
    if declared == 0:
        raise InputError("declares no triangles; export the model again")
    if size > needed:
        return int(declared)
    held = (size - STL_HEADER_BYTES) // STL_TRIANGLE_BYTES
    raise InputError(f"is cut short: it declares {declared} triangles and holds {held}; copy or export it again")


def _check_text_stl(path: Path, size: int) -> None:
    """Check that a text STL has triangles and an end."""
    with path.open("rb") as file:
        start = file.read(65536).lower()
        file.seek(max(0, size - HEAD_BYTES))
        tail = file.read().lower()
    if b"facet" not in start:
        raise InputError("has no triangles; export the model again")
    if b"endsolid" not in tail:
        raise InputError("is cut short: a text STL ends with 'endsolid'; copy or export it again")


def _read_vtp(path: Path, head: bytes) -> SurfaceFile:
    from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

    if b"<VTKFile" not in head:
        raise InputError(f"is not a VTP model (it starts with {_quoted(head)}); export the model again")
    kind = re.search(rb"<VTKFile[^>]*\btype\s*=\s*[\"'](\w+)", head)
    if kind and kind.group(1) != b"PolyData":
        raise InputError(f"holds {kind.group(1).decode()}, not PolyData; export the vessels as a surface model")
    points, triangles, surface = _run(vtkXMLPolyDataReader(), path, "VTP")
    space = surface.GetFieldData().GetAbstractArray("SPACE")
    named = space is not None and hasattr(space, "GetValue") and space.GetNumberOfValues() > 0
    value = f"SPACE={space.GetValue(0)}".encode() if named else b""
    return SurfaceFile(points, triangles, _named_frame(value), None)


def _read_vtk(path: Path, head: bytes) -> SurfaceFile:
    from vtkmodules.vtkIOLegacy import vtkPolyDataReader

    if not head.lower().startswith(b"# vtk datafile"):
        raise InputError(f"is not a VTK file (it starts with {_quoted(head)}); export the model again")
    kind = re.search(rb"^\s*DATASET\s+(\w+)", head, re.MULTILINE | re.IGNORECASE)
    if kind and kind.group(1).upper() != b"POLYDATA":
        raise InputError(f"holds {kind.group(1).decode()}, not POLYDATA; export the vessels as a surface model")
    title = head.split(b"\n", 2)[1] if head.count(b"\n") > 1 else b""
    _check_cells(path.read_bytes())
    points, triangles, _ = _run(vtkPolyDataReader(), path, "VTK")
    return SurfaceFile(points, triangles, _named_frame(title), None)


def _check_cells(content: bytes) -> None:
    """Check that the polygons of a legacy VTK file before version 5 add up: VTK crashes where they do not.

    Such a list is a flat row of numbers: how many corners, the corners, how many corners, the corners, ...
    """
    version = re.match(rb"# vtk datafile version\s+(\d+)", content, re.IGNORECASE)
    if not version or int(version.group(1)) >= 5:
        return
    binary = re.search(rb"^\s*BINARY\s*$", content[:HEAD_BYTES], re.MULTILINE | re.IGNORECASE)
    kinds = rb"\n[ \t]*(?:POLYGONS|TRIANGLE_STRIPS|LINES|VERTICES)[ \t]+(\d+)[ \t]+(\d+)[ \t]*\r?\n"
    for found in re.finditer(kinds, content, re.IGNORECASE):
        count, size = int(found.group(1)), int(found.group(2))
        data = content[found.end() :]
        if binary and len(data) < 4 * size:
            raise InputError(f"is cut short: it declares {count} polygons and ends among them; copy or export it again")
        try:
            row = (
                np.frombuffer(data, ">i4", size) if binary else np.array(data.split(None, size)[:size]).astype(np.int64)
            )
        except ValueError as error:
            raise InputError("has something other than numbers among its polygons; export the model again") from error
        if not _adds_up(row, count):
            raise InputError("holds a damaged list of polygons: export the model again")


def _adds_up(row: NDArray[Any], count: int) -> bool:
    """Whether a flat row of `count` polygons, each behind its number of corners, ends where the last one does."""
    if len(row) == 4 * count and np.all(row[::4] == 3):
        return True
    position = 0
    values = row.tolist()
    for _ in range(count):
        if position >= len(values) or values[position] < 0:
            return False
        position += values[position] + 1
    return position == len(values)


def _read_obj(path: Path, head: bytes) -> SurfaceFile:
    from vtkmodules.vtkIOGeometry import vtkOBJReader

    content = path.read_bytes()
    if not re.search(rb"^\s*v\s", content, re.MULTILINE):
        raise InputError(f"is not an OBJ model (it starts with {_quoted(head)}); export the model again")
    if not re.search(rb"^\s*f\s", content, re.MULTILINE):
        raise InputError("holds only points or lines, not a surface: export the vessels as a surface model")
    points, triangles, _ = _run(vtkOBJReader(), path, "OBJ")
    comment = b"\n".join(line for line in head.splitlines() if line.lstrip().startswith(b"#"))
    return SurfaceFile(points, triangles, _named_frame(comment), _named_unit(comment))


def _read_ply(path: Path, head: bytes) -> SurfaceFile:
    if not head.startswith(b"ply"):
        raise InputError(f"is not a PLY model (it starts with {_quoted(head)}); export the model again")
    ply = read_ply(path.read_bytes())
    with captured_messages():
        points, triangles = arrays_from_polydata(polydata_from_polygons(ply.points, ply.sizes, ply.indices))
    return SurfaceFile(points, triangles, _named_frame(ply.comments.encode()), None)


_READERS: dict[str, Callable[[Path, bytes], SurfaceFile]] = {
    ".stl": _read_stl,
    ".vtp": _read_vtp,
    ".vtk": _read_vtk,
    ".obj": _read_obj,
    ".ply": _read_ply,
}
_EXTENSIONS = ", ".join(_READERS)


def _run(reader: Any, path: Path, kind: str) -> tuple[NDArray[np.float64], NDArray[np.int64], vtkPolyData]:
    """Points, triangles and the whole output of a VTK reader; its errors become an InputError."""
    with captured_messages() as window:
        reader.SetFileName(str(path))
        reader.Update()
        problem = first_error(window)
        if problem:
            raise InputError(f"cannot be read as {kind} ({problem}); copy or export it again")
        surface = reader.GetOutput()
        points, triangles = arrays_from_polydata(surface)
    return points, triangles, surface


def _named_frame(text: bytes) -> ModelFrame | None:
    """The frame in `SPACE=RAS` or `SPACE=LPS`, or None."""
    found = re.search(rb"SPACE=(RAS|LPS)", text)
    return ModelFrame(found.group(1).decode()) if found else None


def _named_unit(text: bytes) -> float | None:
    """Millimeters per unit from the OBJ comment of Mimics and 3-matic, `... where 1 unit = 1000.000000 mm`, or None."""
    found = re.search(rb"1 unit\s*=\s*([0-9.eE+-]+)\s*mm\b", text)
    try:
        value = float(found.group(1)) if found else 0.0
    except ValueError:
        return None
    return value if value > 0 else None


def _looks_like_text(head: bytes) -> bool:
    """True where the bytes have no control characters other than white space."""
    return not re.search(rb"[\x00-\x08\x0e-\x1f]", head)


def _quoted(head: bytes) -> str:
    """The first few printable characters, for a message of one line."""
    line = head.strip().splitlines()[0] if head.strip() else b""
    return repr("".join(c for c in line[:24].decode("latin-1") if c.isprintable()))
