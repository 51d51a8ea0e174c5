"""Signals of the objects that are not Qt objects here: the application, the module manager, the modules.

They connect as the application's do: ``obj.connect("signal(args)", slot)`` with the full signature, which returns False
and prints for an unknown one, or ``obj.signal.connect(slot)``.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

from .errors import Strict, errorLog

Slot = Callable[..., Any]


class Signal:
    """A list of slots; a slot that raises is reported and does not stop the others."""

    def __init__(self, signature: str) -> None:
        self.signature = signature
        self._slots: list[Slot] = []

    def connect(self, slot: Slot) -> bool:
        """Call `slot` at each emission."""
        if not callable(slot):
            raise TypeError(f"{self.signature}: the slot is not callable: {slot!r}")
        self._slots.append(slot)
        return True

    def disconnect(self, slot: Slot | None = None) -> bool:
        """Stop calling `slot` (all slots when None); False when it was not connected."""
        if slot is None:
            self._slots.clear()
            return True
        if slot not in self._slots:
            return False
        self._slots.remove(slot)
        return True

    def emit(self, *arguments: Any) -> None:
        """Call the slots, each with as many of the arguments as it takes."""
        for slot in list(self._slots):
            try:
                slot(*arguments[: _acceptedCount(slot, len(arguments))])
            except Exception:  # noqa: BLE001  a slot must not stop the others: printed, and the exit code tells
                errorLog.reportCurrent()

    def __call__(self, *arguments: Any) -> None:
        self.emit(*arguments)


def _acceptedCount(slot: Slot, given: int) -> int:
    try:
        parameters = inspect.signature(slot).parameters.values()
    except (TypeError, ValueError):
        return given
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return given
    return min(given, sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters))


class SignalSource(Strict):
    """A stand-in with signals, listed in `SIGNALS` by their full signature."""

    SIGNALS: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._signals = {signature: Signal(signature) for signature in self.SIGNALS}
        for signature, signal in self._signals.items():
            setattr(self, signature.partition("(")[0], signal)

    def connect(self, signature: str, slot: Slot, /) -> bool:
        """Connect by signature; an unknown one prints and returns False."""
        signal = self._find(signature)
        return signal is not None and signal.connect(slot)

    def disconnect(self, signature: str, slot: Slot | None = None, /) -> bool:
        """Disconnect by signature."""
        signal = self._find(signature)
        return signal is not None and signal.disconnect(slot)

    def _find(self, signature: str) -> Signal | None:
        signal = self._signals.get(signature.replace(" ", ""))
        if signal is None:
            print(f"{type(self).__name__} has no signal '{signature}'", file=sys.stderr)
        return signal
