"""Child processes of Slicer's own Python, with the libraries to import, in a folder of their own, and their end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

OUTPUT_FILE, ERROR_FILE = "stdout.log", "stderr.log"
"""In the process's folder: what it prints goes to files, for a pipe that nobody reads in time would stop it."""


def pythonExecutable() -> str:
    """The Python that runs child processes: in the application PythonSlicer, which sets up Slicer's libraries."""
    return shutil.which("PythonSlicer") or sys.executable


def libraryFolders() -> list[str]:
    """Folders to import both libraries from: one in an installed extension, two in a source tree."""
    here = Path(__file__).resolve().parents[1]
    beside = here.parent / "VesselRegistration"
    return [str(folder) for folder in (here, beside) if folder.is_dir()]


def startModule(module: str, arguments: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start `python -m module arguments`, its input a pipe. Raises OSError when Python cannot be started."""
    command = [pythonExecutable(), "-m", module, *arguments]
    with (folder / OUTPUT_FILE).open("wb") as output, (folder / ERROR_FILE).open("wb") as errors:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=errors, env=_environment(), **_ownGroup()
        )


def sendLine(process: subprocess.Popen[bytes], line: str = "") -> None:
    """Write a line to the input of a process; one that has ended does not hear it."""
    with contextlib.suppress(OSError):
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()


def closeInput(process: subprocess.Popen[bytes]) -> None:
    """What a process that listens takes as the wish to stop."""
    with contextlib.suppress(OSError):
        process.stdin.close()


def killTree(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all that it has started. Nothing when they are gone."""
    if os.name == "nt":
        if process.poll() is None:
            command = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
            subprocess.run(command, capture_output=True, check=False, creationflags=subprocess.CREATE_NO_WINDOW)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)


def _environment() -> dict[str, str]:
    """The application's, so that what is installed into it is found, with the libraries and the JSON reports."""
    environment = dict(os.environ)
    former = [environment["PYTHONPATH"]] if environment.get("PYTHONPATH") else []
    environment["PYTHONPATH"] = os.pathsep.join([*libraryFolders(), *former])
    environment.update(VESSEL_REGISTRATION_PROGRESS="json", PYTHONIOENCODING="utf-8", PYTHONUNBUFFERED="1")
    return environment


def _ownGroup() -> dict[str, Any]:
    """Arguments of Popen by which the child and all that it starts can be ended together, without a console window."""
    if os.name == "nt":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
