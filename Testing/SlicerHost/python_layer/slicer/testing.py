"""`slicer.testing`: runs unit tests inside the application."""

from __future__ import annotations

import sys
import unittest


def exitSuccess() -> None:
    """Nothing: the application ends by itself in testing mode."""


def exitFailure(message: str = "") -> None:
    """Fail the run.

    Raises:
        Exception: always; the host then exits with code 1.
    """
    raise Exception(message)


def runUnitTest(path: str | list[str], testname: str) -> None:
    """Run every test case of a module, found by its name in `path` (a folder or a list of folders)."""
    sys.path.extend([path] if isinstance(path, str) else path)
    line = "-" * 43
    print(f"{line}\npath: {path}\ntestname: {testname}\n{line}")
    suite = unittest.defaultTestLoader.loadTestsFromName(testname)
    if not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful():
        exitFailure()
