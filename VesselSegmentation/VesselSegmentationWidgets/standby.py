"""One child process that has its libraries loaded before a job needs it: half of a registration's time is their import.

It waits while a panel is open, is given to the next job, and a new one is started when that job has ended.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import slicer

from VesselSegmentationWidgets import child_process, dependencies

MODULE = "VesselRegistrationLib.cli.standby"


@dataclass(frozen=True)
class Standby:
    """A process that waits for its command, and the folder in which that will work."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def isThere(self) -> bool:
        """Whether it still waits."""
        return self.process.poll() is None

    def end(self) -> None:
        """It is not needed."""
        child_process.closeInput(self.process)
        child_process.killTree(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


_waiting: Standby | None = None


def prepare() -> None:
    """Let a process wait, unless one does, packages are missing, or the application runs tests."""
    if slicer.app.testingEnabled() or dependencies.missingPackages():
        return
    start()


def start() -> None:
    """Let a process wait, unless one does. Where none can be started, jobs begin as well, but later."""
    global _waiting
    if _waiting is not None and _waiting.isThere:
        return
    release()
    folder = newFolder()
    try:
        _waiting = Standby(folder, child_process.startModule(MODULE, [], folder))
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)


def take() -> Standby | None:
    """The process that waits, for a job that from now on cares for it; None when there is none."""
    global _waiting
    taken, _waiting = _waiting, None
    if taken is not None and not taken.isThere:
        taken.end()
        return None
    return taken


def release() -> None:
    """No panel is open: end what waits."""
    if (left := take()) is not None:
        left.end()


def newFolder() -> Path:
    """A temporary folder for one job."""
    return Path(tempfile.mkdtemp(prefix="VesselRegistration-"))
