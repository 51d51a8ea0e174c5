"""PLY (Stanford polygon) files, text and binary, read with numpy: VTK's reader crashes on a file that is cut short.

A text file is turned into the binary layout with every number a double, so that one reader serves both.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from VesselSegmentationLib.errors import InputError

TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
INDEX_NAMES = ("vertex_indices", "vertex_index")


@dataclass(frozen=True)
class PlyPolygons:
    """Points and polygons as they are in the file."""

    points: NDArray[np.float64]
    """(N, 3)."""
    sizes: NDArray[np.int64]
    """(F,) corners per polygon."""
    indices: NDArray[np.int64]
    """(sum of sizes,) the polygons' corners, one after the other."""
    comments: str
    """The comment lines of the header."""


@dataclass(frozen=True)
class _Property:
    name: str
    kind: np.dtype[Any]
    length_kind: np.dtype[Any] | None
    """Type of the list's length; None for a single number."""


@dataclass(frozen=True)
class _Element:
    name: str
    count: int
    properties: tuple[_Property, ...]


def read_ply(content: bytes) -> PlyPolygons:
    """Read the vertices and faces of a PLY file.

    Raises:
        InputError: no PLY, no faces, a header that makes no sense, or fewer numbers than it declares.
    """
    text_mode, elements, comments, position = _header(content)
    if text_mode:
        try:
            content = np.array(content[position:].split(), dtype=np.bytes_).astype("<f8").tobytes()
        except ValueError as error:
            raise InputError("has something other than numbers among its points; export the model again") from error
        position = 0
    points = None
    for element in elements:
        if element.name == "face":
            if points is None:
                raise InputError("has its faces before its points; export the model again")
            sizes, indices = _faces(content, position, element)
            return PlyPolygons(points, sizes, indices, comments)
        records, position = _records(content, position, element)
        if element.name == "vertex":
            points = _points(records)
    raise InputError("holds only points, not a surface: export the vessels as a surface model")


def _header(content: bytes) -> tuple[bool, list[_Element], str, int]:
    """Whether the file is text, its elements, its comments, and where the data begin."""
    end = content.find(b"end_header")
    line_end = content.find(b"\n", end)
    if not content.startswith(b"ply") or end < 0 or line_end < 0:
        raise InputError("has no PLY header; export the model again")
    order = ""
    comments: list[str] = []
    elements: list[tuple[str, int, list[_Property]]] = []
    for line in content[:end].decode("latin-1").splitlines()[1:]:
        words = line.split() or [""]
        try:
            if words[0] == "comment":
                comments.append(line)
            elif words[0] == "format":
                order = "text" if words[1] == "ascii" else ORDERS[words[1]]
            elif words[0] == "element":
                elements.append((words[1], int(words[2]), []))
            elif words[0] == "property":
                elements[-1][2].append(_property(words, order))
        except (IndexError, KeyError, ValueError) as error:
            raise InputError(f"has a header line that makes no sense ({line.strip()!r}); export it again") from error
    if not order or any(count < 0 for _, count, _ in elements):
        raise InputError("has a header without a format or with a negative count; export the model again")
    found = [_Element(name, count, tuple(properties)) for name, count, properties in elements if count]
    return order == "text", found, "\n".join(comments), line_end + 1


def _property(words: list[str], order: str) -> _Property:
    """One `property` line of the header."""
    is_list = words[1] == "list"
    kinds = [TYPES[word] for word in (words[2:4] if is_list else words[1:2])]
    dtypes = [np.dtype("<f8" if order == "text" else order + kind) for kind in kinds]
    return _Property(words[4 if is_list else 2], dtypes[-1], dtypes[0] if is_list else None)


def _layout(element: _Element, length: int = 0) -> np.dtype[Any]:
    """The layout of one record whose lists have the given length."""
    fields: list[tuple[str, np.dtype[Any]] | tuple[str, np.dtype[Any], tuple[int]]] = []
    for number, item in enumerate(element.properties):
        if item.length_kind is None:
            fields.append((f"{number}", item.kind))
        else:
            fields += [(f"{number} length", item.length_kind), (f"{number}", item.kind, (length,))]
    return np.dtype(fields)


def _records(content: bytes, position: int, element: _Element) -> tuple[dict[str, NDArray[np.float64]], int]:
    """The columns of an element without lists, and where the next element begins."""
    if any(item.length_kind is not None for item in element.properties):
        raise InputError(f"has lists in its element '{element.name}', which is not read; export it as another format")
    layout = _layout(element)
    end = position + layout.itemsize * element.count
    if end > len(content):
        raise _cut_short(element, max(0, len(content) - position) // max(1, layout.itemsize))
    table = np.frombuffer(content, layout, element.count, position)
    with np.errstate(invalid="ignore"):  # NaN is counted and refused later
        return {item.name: table[f"{n}"].astype(np.float64) for n, item in enumerate(element.properties)}, end


def _points(columns: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """(N, 3) coordinates."""
    missing = [axis for axis in "xyz" if axis not in columns]
    if missing:
        raise InputError(f"has points without {', '.join(missing)}; export the model again")
    return np.stack([columns[axis] for axis in "xyz"], axis=1)


def _faces(content: bytes, position: int, element: _Element) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sizes and indices of the polygons; in one go where all have the same size, one by one otherwise."""
    lists = [n for n, item in enumerate(element.properties) if item.length_kind is not None]
    number = next((n for n in lists if element.properties[n].name in INDEX_NAMES), None)
    if number is None:
        raise InputError("has faces without a list of points (vertex_indices); export the model again")
    _, lengths = _walk(content, position, element, number, 1)
    layout = _layout(element, lengths[0])
    if len(lists) == 1 and position + layout.itemsize * element.count <= len(content):
        table = np.frombuffer(content, layout, element.count, position)
        if np.all(table[f"{number} length"] == lengths[0]):
            indices = _whole_numbers(table[f"{number}"].reshape(-1))
            return np.full(element.count, lengths[0], dtype=np.int64), indices
    starts, lengths = _walk(content, position, element, number, element.count)
    kind = element.properties[number].kind
    pieces = [np.frombuffer(content, kind, length, start) for start, length in zip(starts, lengths)]
    return np.array(lengths, dtype=np.int64), _whole_numbers(np.concatenate(pieces))


def _walk(content: bytes, position: int, element: _Element, number: int, count: int) -> tuple[list[int], list[int]]:
    """Where list `number` of each of the first `count` records begins, and its length."""
    starts: list[int] = []
    lengths: list[int] = []
    readers = [None if item.length_kind is None else _reader(item.length_kind) for item in element.properties]
    for record in range(count):
        for n, (item, reader) in enumerate(zip(element.properties, readers)):
            length = 1
            if reader is not None:
                if position + reader.size > len(content):
                    raise _cut_short(element, record)
                value = reader.unpack_from(content, position)[0]
                length = int(value) if 0 <= value <= len(content) else len(content)
                position += reader.size
            if n == number:
                starts.append(position)
                lengths.append(length)
            position += length * item.kind.itemsize
            if position > len(content):
                raise _cut_short(element, record)
    return starts, lengths


def _reader(kind: np.dtype[Any]) -> struct.Struct:
    """The struct that reads one number of a numpy type; both use the same letters."""
    return struct.Struct(kind.str[0].replace("|", "<") + kind.char)


def _whole_numbers(values: NDArray[Any]) -> NDArray[np.int64]:
    """Indices as int64; -1 (never valid) where a text file has something that is no whole number."""
    if values.dtype.kind != "f":
        return values.astype(np.int64)
    numbers = values.astype(np.float64)
    whole = np.isfinite(numbers) & (numbers == np.floor(numbers)) & (np.abs(numbers) < 2**53)
    return np.where(whole, numbers, -1.0).astype(np.int64)


def _cut_short(element: _Element, held: int) -> InputError:
    return InputError(
        f"is cut short: it declares {element.count} of '{element.name}' and holds {held}; copy or export it again"
    )
