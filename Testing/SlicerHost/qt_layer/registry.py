"""All stand-ins for CTK, qMRML and qSlicer widgets by name."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from PySide6.QtCore import QObject

from .binding import classFor

_MODULES = (
    *(f"widgets.{name}" for name in ("numbers", "ranges", "collapsible", "paths", "buttons")),
    *(f"mrml.{name}" for name in ("base", "node_combo_box", "node_lists", "segment_selector", "sequences")),
    *(f"mrml.{name}" for name in ("transforms", "quantities", "markups_place")),
    *(f"views.{name}" for name in ("controllers", "slice_view", "threed_view", "table_view", "plot_view")),
    "views.layout_manager",
    "main_window",
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
