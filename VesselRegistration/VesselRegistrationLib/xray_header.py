"""Looking values up in a DICOM header: only numbers and listed codes come out, never free text.

Whatever is malformed counts as absent, so that one bad value does not cost the whole run. Messages name tags and
never repeat what a header holds: it may hold a patient's name where a number belongs.
"""

from __future__ import annotations

import contextlib
import logging
import math
import struct
import warnings as python_warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PIXEL_DATA = 0x7FE00010
FLOAT_PIXEL_DATA = (0x7FE00008, 0x7FE00009)

MALFORMED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
    struct.error,
)
"""What pydicom raises when a stored value does not fit its type."""


@dataclass(frozen=True)
class Header:
    """A data set without its pixels."""

    dataset: Any
    is_enhanced: bool
    """Values lie in functional groups, shared or per frame (PS3.3 C.7.6.16)."""

    def macro(self, frame: int, sequence: str) -> Any:
        """The item of a functional group that holds for a frame: its own, else the shared one, else None."""
        for groups in (
            self._group("PerFrameFunctionalGroupsSequence", frame),
            self._group("SharedFunctionalGroupsSequence", 0),
        ):
            item = first_item(groups, sequence)
            if item is not None:
                return item
        return None

    def _group(self, sequence: str, index: int) -> Any:
        try:
            groups = self.dataset.get(sequence)
            return groups[index] if groups is not None and 0 <= index < len(groups) else None
        except MALFORMED:
            return None


def first_item(dataset: Any, sequence: str | int) -> Any:
    """First item of a sequence by keyword or tag, or None."""
    if dataset is None:
        return None
    try:
        element = dataset.get(sequence)
        items = element.value if hasattr(element, "value") else element
        return items[0] if items and hasattr(items[0], "get") else None
    except MALFORMED:
        return None


def tag_text(keyword: str) -> str:
    """`ImagerPixelSpacing` to `(0018,1164) ImagerPixelSpacing`."""
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword) or 0
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {keyword}"


def numbers(dataset: Any, keyword: str) -> tuple[float, ...]:
    """The finite numbers an element holds; empty when it is absent, empty or holds anything else."""
    if dataset is None:
        return ()
    try:
        return _as_numbers(dataset.get(keyword))
    except MALFORMED:
        return ()


def number(dataset: Any, keyword: str) -> float | None:
    """The first number an element holds."""
    found = numbers(dataset, keyword)
    return found[0] if found else None


def positive(dataset: Any, keyword: str, warnings: list[str]) -> float | None:
    """The first number when it is above zero. Zero and less stand for `not known`, and are warned of."""
    value = number(dataset, keyword)
    if value is not None and value <= 0:
        warn(warnings, f"{tag_text(keyword)} holds {value:g}, which is not possible; it counts as missing.")
        return None
    return value


def pair(dataset: Any, keyword: str) -> tuple[float, float] | None:
    """Two positive numbers; one alone counts for both."""
    found = numbers(dataset, keyword)[:2]
    if not found or min(found) <= 0:
        return None
    return found[0], found[-1]


def private_numbers(dataset: Any, group: int, creator: str, element: int) -> tuple[float, ...]:
    """Numbers in a private element, only when the private creator of its block is the expected one."""
    try:
        return _as_numbers(dataset.private_block(group, creator)[element].value)
    except MALFORMED:
        return ()


def private_item(dataset: Any, group: int, creator: str, element: int) -> Any:
    """First item of a private sequence, with the same check."""
    try:
        items = dataset.private_block(group, creator)[element].value
        return items[0] if items and hasattr(items[0], "get") else None
    except MALFORMED:
        return None


def codes(dataset: Any, keyword: str) -> tuple[str, ...]:
    """The codes an element holds, upper case. For comparing with listed codes only: they may hold anything."""
    if dataset is None:
        return ()
    try:
        value = dataset.get(keyword)
    except MALFORMED:
        return ()
    values = [value] if isinstance(value, str) else list(value) if hasattr(value, "__iter__") else []
    return tuple(text.strip().upper() for text in values if isinstance(text, str))


def code(dataset: Any, keyword: str, allowed: frozenset[str], other: str = "") -> str:
    """The first code when it is a listed one; `other` when it is not; empty when there is none."""
    found = codes(dataset, keyword)
    if not found or not found[0]:
        return ""
    return found[0] if found[0] in allowed else other


def warn(warnings: list[str], text: str) -> None:
    """Adds a warning once."""
    if text not in warnings:
        warnings.append(text)


@contextlib.contextmanager
def quiet_pydicom() -> Iterator[None]:
    """pydicom without warnings and log lines, which may repeat what a header holds."""
    from pydicom import config

    logger = logging.getLogger("pydicom")
    disabled, mode = logger.disabled, config.settings.reading_validation_mode
    logger.disabled = True
    config.settings.reading_validation_mode = config.IGNORE
    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = disabled
        config.settings.reading_validation_mode = mode


def _as_numbers(value: Any) -> tuple[float, ...]:
    if value is None:
        return ()
    if isinstance(value, bytes):
        value = value.decode("ascii").strip("\0 ").split("\\")
    elif isinstance(value, (str, int, float)):
        value = [value]
    found = tuple(float(single) for single in value)
    return found if all(math.isfinite(single) for single in found) else ()
