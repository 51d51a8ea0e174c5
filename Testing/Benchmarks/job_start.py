"""How long a panel's Register takes on the sample case: a new process, and one that waited with its libraries loaded.

    .venv/bin/python Testing/Benchmarks/job_start.py [--repeats 5]

In turns, each from the command's sending to the process's end; also the memory of the one that waits.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOADING_S = 30.0
"""Longer than loading takes on a slow computer."""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    fresh, waited, memory = [], [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        arguments = register_arguments(Path(folder))
        for _ in range(options.repeats):
            fresh.append(seconds_of(started("VesselRegistrationLib.cli", arguments), b"\n"))
            process = started("VesselRegistrationLib.cli.standby", [])
            memory = wait_until_loaded(process)
            waited.append(seconds_of(process, json.dumps(arguments).encode() + b"\n\n"))
    print(
        f"a new process {statistics.median(fresh):.1f} s, one that waited {statistics.median(waited):.1f} s (medians)"
    )
    print(f"ratio {statistics.median(a / b for a, b in zip(fresh, waited, strict=True)):.1f}; it holds {memory:.0f} MB")


def register_arguments(folder: Path) -> list[str]:
    """As the panel gives them."""
    case = ROOT / "Resources" / "SampleCase"
    files = ["--model", case / "model.stl", "--xray", case / "run.dcm", "--initial-pose", case / "start-pose.json"]
    return ["register", *map(str, files), "--frame", "5", "--no-pictures", "--output", str(folder)]


def started(module: str, arguments: list[str]) -> subprocess.Popen[bytes]:
    libraries = os.pathsep.join(str(ROOT / name) for name in ("VesselRegistration", "VesselSegmentation"))
    environment = {**os.environ, "PYTHONPATH": libraries, "VESSEL_REGISTRATION_PROGRESS": "json"}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)


def seconds_of(process: subprocess.Popen[bytes], line: bytes) -> float:
    """From sending a line to the end."""
    begin = time.perf_counter()
    assert process.stdin
    process.stdin.write(line)
    process.stdin.flush()
    if process.wait() != 0:
        raise SystemExit(f"Registering ended with {process.returncode}.")
    return time.perf_counter() - begin


def wait_until_loaded(process: subprocess.Popen[bytes]) -> float:
    """Until it sleeps on its input for a while; returns the MB that it holds."""
    spent, end = -1.0, time.monotonic() + LOADING_S
    while time.monotonic() < end:
        time.sleep(1)
        before, spent = spent, processor_seconds(process)
        if spent == before:
            break
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def processor_seconds(process: subprocess.Popen[bytes]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
