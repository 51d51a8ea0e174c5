"""Runs pytest as one test of ctest and keeps what it printed: `run_pytest.py LOG [pytest's arguments]`.

ctest shows the output of failed tests only; the log lets others show pytest's closing line when all is well. Returns
pytest's exit status, and 1 when no test passed: a run that only skips proves nothing.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def main() -> int:
    log_path, *arguments = sys.argv[1:]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", *arguments]
    with (
        Path(log_path).open("w", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process,
    ):
        last = ""
        for line in process.stdout or ():
            print(line, end="", flush=True)
            log.write(line)
            last = line
    if process.returncode == 0 and not re.search(r"\b[1-9]\d* passed\b", last):
        print("No test passed.")
        return 1
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
