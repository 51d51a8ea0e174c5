"""What went wrong in Python code that Qt called: printed, remembered, never propagated into C++."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any

#: One entry per exception raised in a slot, a timer callback or an overridden event handler (the formatted traceback).
slotErrors: list[str] = []


def recordException() -> None:
    """Print the exception being handled (through sys.excepthook) and remember it."""
    kind, error, trace = sys.exc_info()
    if kind is None or error is None:
        return
    slotErrors.append("".join(traceback.format_exception(kind, error, trace)))
    sys.excepthook(kind, error, trace)
    sys.stderr.flush()


def guarded(function: Callable[..., Any], *args: Any) -> Any:
    """Call *function*; an exception is printed and remembered, and None is returned."""
    try:
        return function(*args)
    except Exception:  # noqa: BLE001 - a slot may raise anything, and Qt must not see it
        recordException()
        return None
