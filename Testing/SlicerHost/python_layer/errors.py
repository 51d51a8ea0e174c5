"""Errors of the host: what it lacks, and whether anything went wrong unseen.

The application prints an exception raised in a slot and carries on; under ``--testing`` its exit code is 1 all the
same. The host does the same through `sys.excepthook`, which Qt slots and VTK observers call for such exceptions.
"""

from __future__ import annotations

import sys
import traceback
from types import TracebackType
from typing import Any


class ErrorLog:
    """Remembers that an exception reached the top of the call stack."""

    def __init__(self) -> None:
        self.occurred = False

    def report(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Print an exception nobody caught, and remember it (same arguments as `sys.excepthook`)."""
        sys.stdout.flush()
        traceback.print_exception(kind, error, trace)
        sys.stderr.flush()
        self.occurred = True

    def reportCurrent(self) -> None:
        """Report the exception being handled."""
        kind, error, trace = sys.exc_info()
        if kind is not None and error is not None:
            self.report(kind, error, trace)

    def install(self) -> None:
        """Make this log the last stop of exceptions in slots, timers and observers."""
        sys.excepthook = self.report


errorLog = ErrorLog()


def missing(what: str) -> NotImplementedError:
    """The error for something the application has and the host lacks."""
    return NotImplementedError(f"The test host has no {what}; only the Slicer application has.")


class Strict:
    """Base of the stand-ins: no new attributes from outside, and a clear word on what the host lacks.

    `MISSING` holds names the application has and the host does not; asking for one raises NotImplementedError,
    any other unknown name AttributeError, as in the application.
    """

    MISSING: frozenset[str] = frozenset()
    _sealed = False

    def _seal(self) -> None:
        object.__setattr__(self, "_sealed", True)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._sealed and not hasattr(type(self), name) and name not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no attribute '{name}'")
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name in type(self).MISSING:
            raise missing(f"{type(self).__name__}.{name}")
        raise AttributeError(f"{type(self).__name__} has no attribute '{name}'")
