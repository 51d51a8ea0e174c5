"""Long work in a child process: the command line under Slicer's own Python, with progress, cancel and its last words.

    job = Job(onProgress=..., onFinished=..., onFailed=..., onCancelled=...)
    job.arguments = logic.segmentationArguments(volume, job.folder, ...)
    job.start()

Output goes to files that a timer of the main thread reads, so no thread of ours ever touches a node or a widget.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from VesselSegmentationWidgets import standby
from VesselSegmentationWidgets.child_process import (
    ERROR_FILE,
    OUTPUT_FILE,
    closeInput,
    killTree,
    sendLine,
    startModule,
)

POLL_MS = 100
GRACE_SECONDS = 4.0
"""How long a cancelled job may save its state before it is killed."""
LAST_LINES = 20
PROGRAM = "vessel-registration: "
TRACEBACK = "Traceback (most recent call last)"
"""Python too ends with code 1 after an exception that nobody expected, like a command that refuses its result."""

_running: list[Job] = []


class Job:
    """One run of `vessel-registration` in a child process. Callbacks run in the main thread.

    onProgress(dict): "progress" from 0 to 1, "message", and what else the command reports.
    onFinished(exitCode): 0 done, 1 done but refused. onFailed(message): one line. onCancelled(): by `cancel`.
    Results lie in `folder`, a temporary folder that is removed when the callback has returned.
    """

    def __init__(
        self,
        arguments: list[str] | None = None,
        *,
        onProgress: Callable[[dict[str, Any]], None] | None = None,
        onFinished: Callable[[int], None] | None = None,
        onFailed: Callable[[str], None] | None = None,
        onCancelled: Callable[[], None] | None = None,
    ) -> None:
        self.arguments = list(arguments or [])
        self._standby = standby.take()
        self.folder = self._standby.folder if self._standby else standby.newFolder()
        self.exitCode: int | None = None
        self.lastLines: list[str] = []
        self._onProgress, self._onFinished = onProgress, onFinished
        self._onFailed, self._onCancelled = onFailed, onCancelled
        self._process: subprocess.Popen[bytes] | None = None
        self._timer: Any = None
        self._read, self._half = 0, b""
        self._started = 0.0
        self._killAt: float | None = None

    @property
    def running(self) -> bool:
        """Whether the child process is at work."""
        return self._process is not None and self.exitCode is None

    @property
    def cancelling(self) -> bool:
        """Whether the job was told to stop and has not yet ended."""
        return self.running and self._killAt is not None

    @property
    def processId(self) -> int | None:
        """Of the child process; None before `start`."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the child process. Raises OSError when Python cannot be started."""
        arguments = [str(argument) for argument in self.arguments]
        logging.info("Job: %s", " ".join(arguments))
        # The clock of the file system, which tells files of this job from older ones.
        os.utime(self.folder)
        self._started = self.folder.stat().st_mtime
        waiting, self._standby = self._standby, None
        if waiting is not None and waiting.isThere:
            self._process = waiting.process
            sendLine(self._process, json.dumps(arguments))
        else:
            self._process = startModule("VesselRegistrationLib.cli", arguments, self.folder)
        sendLine(self._process)  # from now on, closing this pipe means: stop
        _running.append(self)
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self.poll)
        self._timer.start()

    def cancel(self, force: bool = False) -> None:
        """Ask the job to stop; it is killed with all its processes after some seconds, or at once with `force`.

        `onCancelled` is called when it has ended. With `force` this waits for the end.
        """
        if not self.running:
            self.discard()
            return
        if self._killAt is None:
            self._killAt = time.monotonic() + GRACE_SECONDS
            closeInput(self._process)
        if force:
            killTree(self._process)
            self.poll()

    def discard(self) -> None:
        """Remove the folder of a job that is not running."""
        if self._standby is not None:
            self._standby.end()
            self._standby = None
        if not self.running:
            shutil.rmtree(self.folder, ignore_errors=True)

    def wait(self, seconds: float = 600) -> bool:
        """Let the application go on until the job has ended; False when it has not by then. For scripts and tests."""
        end = time.monotonic() + seconds
        while self.running and time.monotonic() < end:
            slicer.app.processEvents()
            self.poll()
            time.sleep(0.02)
        return not self.running

    def poll(self) -> None:
        """Report progress and the end; called by the timer."""
        if not self.running:
            return
        code = self._process.poll()
        self._readProgress()
        if code is None:
            if self._killAt is not None and time.monotonic() > self._killAt:
                killTree(self._process)
            return
        self._end(code)

    def _readProgress(self) -> None:
        with (self.folder / OUTPUT_FILE).open("rb") as file:
            file.seek(self._read)
            new = file.read()
        self._read += len(new)
        *lines, self._half = (self._half + new).split(b"\n")
        for line in lines:
            if line.startswith(b'{"progress"') and self._onProgress and self._killAt is None:
                try:
                    values = json.loads(line)
                except ValueError:
                    continue
                self._onProgress(values)

    def _end(self, code: int) -> None:
        self._timer.stop()
        self._timer = None
        # What the command has started ends with it, even if it ended badly.
        killTree(self._process)
        closeInput(self._process)
        self.exitCode = code
        if self in _running:
            _running.remove(self)
        errors = self.folder / ERROR_FILE
        self.lastLines = _lastLines(errors)
        try:
            self._tell(code, TRACEBACK in errors.read_text(encoding="utf-8", errors="replace"))
        finally:
            if code != 0:
                self._removeHalfWritten()
            self.discard()

    def _tell(self, code: int, isDefect: bool) -> None:
        if self._killAt is not None:
            if self._onCancelled:
                self._onCancelled()
        elif code == 0 or (code == 1 and not isDefect):
            if self._onFinished:
                self._onFinished(code)
        else:
            message = failureMessage(code, self.lastLines)
            logging.warning("Job failed (%s): %s", code, " | ".join(self.lastLines))
            if self._onFailed:
                self._onFailed(message)

    def _removeHalfWritten(self) -> None:
        """Files that the command was writing aside in its output folder when it was killed."""
        if "--output" not in self.arguments[:-1]:
            return
        output = Path(self.arguments[self.arguments.index("--output") + 1])
        for path in output.rglob(".*.partial"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime >= self._started:
                    path.unlink()

    @staticmethod
    def cancelAll() -> None:
        """End every job at once: the scene closes, a module is reloaded or the application quits."""
        for job in list(_running):
            job.cancel(True)


def failureMessage(code: int, lines: list[str]) -> str:
    """One line for the user about a command that did not finish."""
    words = [line for line in lines if line.startswith(PROGRAM)]
    if words:
        return words[-1][len(PROGRAM) :]
    last = lines[-1] if lines else ""
    if "No module named" in last or "DLL load failed" in last or "cannot open shared object" in last:
        return _("A Python package cannot be loaded ({problem}). Install it again and restart Slicer.").format(
            problem=last
        )
    if "MemoryError" in last or "out of memory" in last or code in (-9, 137):
        return _("The computation ran out of memory. Close other programs, or choose the device CPU.")
    return _("The computation ended with code {code}: {problem}").format(code=code, problem=last or _("no message"))


def _lastLines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return [line.rstrip() for line in text.replace("\r", "\n").splitlines() if line.strip()][-LAST_LINES:]
