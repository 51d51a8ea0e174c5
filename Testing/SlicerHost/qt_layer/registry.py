"""All stand-ins for CTK, qMRML and qSlicer widgets by name."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from PySide6.QtCore import QObject

from .binding import classFor

_MODULES = (
    "widgets.numbers", "widgets.ranges", "widgets.collapsible", "widgets.paths", "widgets.buttons",
    "mrml.base", "mrml.node_combo_box", "mrml.sequences", "mrml.quantities", "mrml.segment_selector", "mrml.transforms",
    "views.controllers", "views.slice_view", "views.threed_view",
    "views.layout_manager", "main_window",
)


@cache
def standIns() -> dict[str, type]:
    """The PySide6 class of each stand-in."""
    found: dict[str, type] = {}
    for name in _MODULES:
        module = importlib.import_module(f"{__package__}.{name}")
        for member in vars(module).values():
            if isinstance(member, type) and issubclass(member, QObject) and member.__module__ == module.__name__:
                if member.__name__.startswith(("ctk", "qMRML", "qSlicer")):
                    found[member.__name__] = member
    return found


def standInNamed(name: str, prefix: str) -> Any:
    """The wrapper class of a stand-in, None when there is none of that name."""
    qtClass = standIns().get(name) if name.startswith(prefix) else None
    return None if qtClass is None else classFor(qtClass)


def standInNames(prefix: str) -> list[str]:
    """The names that begin with *prefix*."""
    return sorted(name for name in standIns() if name.startswith(prefix))
