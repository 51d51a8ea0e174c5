"""What a long command says of itself while it works: a bar for a reader at a terminal, lines of JSON for a program.

With the environment variable VESSEL_REGISTRATION_PROGRESS=json each report is one line on standard output,
{"progress": 0.35, "message": "frame 4 of 10", ...}, and the command ends as if interrupted (exit code 130) when its
standard input closes after a first line was read from it. So the parent can end it gracefully on every system, and it
does not outlive a parent that has died.
"""

from __future__ import annotations

import _thread
import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

ENVIRONMENT_VARIABLE = "VESSEL_REGISTRATION_PROGRESS"

Item = TypeVar("Item")


def is_reporting() -> bool:
    """Whether a program reads our standard output."""
    return os.environ.get(ENVIRONMENT_VARIABLE) == "json"


def report(fraction: float, message: str, **values: Any) -> None:
    """One line of JSON with the share done (0 to 1), a few words and plain values; nothing at a terminal."""
    if is_reporting():
        line = {"progress": round(min(max(float(fraction), 0.0), 1.0), 4), "message": message, **values}
        print(json.dumps(line), flush=True)


def each(items: Iterable[Item], total: int, unit: str, description: str) -> Iterator[Item]:
    """The items, one after the other, with a report after each: "frame 3 of 10". `unit` is one word."""
    from tqdm import tqdm

    for index, item in enumerate(
        tqdm(items, total=total, unit=unit, desc=description, leave=False, disable=is_reporting())
    ):
        yield item
        report((index + 1) / total, f"{unit} {index + 1} of {total}")


def stop_with_parent() -> None:
    """Let the closing of standard input interrupt this process, once a line came through it. Only when reporting."""
    if is_reporting() and sys.stdin is not None:
        threading.Thread(target=_watch_standard_input, daemon=True).start()


def _watch_standard_input() -> None:
    try:
        descriptor = sys.stdin.fileno()
        # Straight from the descriptor: a buffered reader would hold a lock that the interpreter wants when it ends.
        if not os.read(descriptor, 1):
            return  # closed from the start: nobody is there who could close it
        while os.read(descriptor, 64):
            pass
    except (OSError, ValueError):
        return
    _thread.interrupt_main()
