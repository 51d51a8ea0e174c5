"""What the small commands, `python -m VesselSegmentationLib.averaging` and its kin, share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from VesselSegmentationLib.errors import UserError


def parser_of(module: str, help_text: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the module's own text."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=help_text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def exit_code_of(name: str, work: Callable[[], str]) -> int:
    """Do the work and print what it returns: 0. An error of the user's is one line, no traceback: 2."""
    try:
        print(work())
    except UserError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    return 0
