"""Starts the test host as a process of its own, as CMake's tests do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LAUNCHER = HERE.parent / "launcher.py"
MODULES = HERE / "Modules"


def runHost(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the host with these arguments; stdout and stderr stand in `stdout`."""
    return subprocess.run(
        [sys.executable, str(LAUNCHER), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
    )  # fmt: skip


def runCode(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in the host's testing mode, without a main window."""
    return runHost("--testing", "--no-main-window", *arguments, "--python-code", code)
