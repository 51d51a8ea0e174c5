"""A command whose process was there before it: started by one line, ended by the end of its input."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from VesselRegistrationLib.cli import standby

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def waiting() -> Iterator[subprocess.Popen[str]]:
    """The process, in an environment as the panels give it."""
    folders = os.pathsep.join(str(ROOT / name) for name in ("VesselRegistration", "VesselSegmentation"))
    environment = {**os.environ, "PYTHONPATH": folders, "VESSEL_REGISTRATION_PROGRESS": "json"}
    command = [sys.executable, "-m", "VesselRegistrationLib.cli.standby"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, env=environment, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def inspected(file: Path) -> tuple[int, str, str]:
    """Exit code, output and errors of a process that waited; its input stays open, as its closing would stop it."""
    with waiting() as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(json.dumps(["inspect", str(file)]) + "\n\n")
        process.stdin.flush()
        output, errors = process.stdout.read(), process.stderr.read()
        return process.wait(60), output, errors


def test_one_line_makes_it_the_command() -> None:
    code, output, errors = inspected(ROOT / "Resources" / "SampleCase" / "run.dcm")
    assert (code, errors) == (0, "")
    assert "512 x 512" in output


def test_a_command_that_cannot_be_done_says_so_as_ever() -> None:
    code, _output, errors = inspected(Path("nowhere.dcm"))
    assert code == 2
    assert "nowhere.dcm" in errors
    assert len(errors.strip().splitlines()) == 1


@pytest.mark.parametrize("half", ["", '["inspect"'])
def test_it_ends_when_nobody_wants_it(half: str) -> None:
    with waiting() as process:
        output, errors = process.communicate(half, timeout=120)
    assert (process.returncode, output, errors) == (0, "", "")


@pytest.mark.parametrize("line", ["inspect", '{"inspect": 1}', "[1]"])
def test_a_line_that_is_no_list_of_words_is_refused(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(standby, "LOADED", ())
    reading, writing = os.pipe()
    os.write(writing, f"{line}\n".encode())
    with os.fdopen(reading) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert standby.run() == 2
    os.close(writing)
    assert "no JSON list of arguments" in capsys.readouterr().err


def test_what_cannot_be_loaded_is_left_to_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby, "LOADED", ("no_such_module_anywhere",))
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert standby.run() == 0


@pytest.mark.parametrize("name", standby.LOADED)
def test_what_is_loaded_ahead_is_there(name: str) -> None:
    assert importlib.import_module(name).__name__ == name


def test_a_pose_does_without_monai_which_takes_longer_to_load_than_the_pose_to_find() -> None:
    names = ", ".join(standby.LOADED)
    code = f"import sys, {names}; print(sorted({{'monai', 'ignite', 'matplotlib'}} & set(sys.modules)))"
    folders = os.pathsep.join(str(ROOT / name) for name in ("VesselRegistration", "VesselSegmentation"))
    environment = {**os.environ, "PYTHONPATH": folders}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
