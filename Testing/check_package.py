"""Checks what an installed extension holds: installs the build tree aside and asks the libraries there.

    check_package.py --cmake cmake --build build/extension --modules lib/Slicer-5.13/qt-scripted-modules

Returns 1 and says why when a listed file is missing, a file is there that no list names, a library file cannot be
imported from the installed files alone, or the networks and the sample case are not found beside them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from list_sources import MODULES, ROOT, expected_lists

PLACES = {"MODULE_PYTHON_SCRIPTS": "", "MODULE_PYTHON_RESOURCES": "", "RESOURCE_FILES": "Resources/"}

# Run by a Python that sees the installed folder before all else. Prints every file imported or found.
QUESTIONS = """
import importlib, pathlib, pkgutil, sys
folder = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(0, str(folder))
for name in sys.argv[2:]:
    package = importlib.import_module(name)
    for found in pkgutil.walk_packages(package.__path__, name + "."):
        if not found.name.endswith("__main__"):
            print(importlib.import_module(found.name).__file__)
from VesselSegmentationLib import resources
print(resources.segmentation_network_folder() / "configs/metadata.json")
print(resources.matching_network_folder() / "configs/metadata.json")
print(resources.resource_folder() / "SampleCase" / "run.dcm")
"""


def listed_files() -> set[str]:
    """Every file that the CMakeLists.txt package, relative to the installed folder of modules."""
    return {
        PLACES[name] + entry for (_, name), entries in expected_lists().items() if name in PLACES for entry in entries
    }


def differences(folder: Path) -> list[str]:
    """How the files below a folder differ from those listed, a sentence each."""
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    listed = listed_files()
    return [
        *(f"{name} is not in the package." for name in sorted(listed - present)),
        *(f"{name} is in the package, and no list names it." for name in sorted(present - listed)),
    ]


def foreign_files(folder: Path) -> list[str]:
    """What the libraries installed in a folder import or find outside of it; raises CalledProcessError on errors."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VESSEL_"))}
    done = subprocess.run(
        [sys.executable, "-B", "-c", QUESTIONS, str(folder), *(f"{module}Lib" for module in MODULES)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = [Path(line) for line in done.stdout.splitlines()]
    lost = [f"{path} was asked for and does not exist." for path in found if not path.is_file()]
    return lost + [f"{path} is not of the package." for path in found if folder.resolve() not in path.parents]


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks what an installed extension holds.")
    parser.add_argument("--cmake", default="cmake", help="CMake's command")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "extension", help="build tree")
    parser.add_argument("--modules", default="lib/Slicer-5.13/qt-scripted-modules", help="where modules are installed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as prefix:
        subprocess.run(
            [options.cmake, "--install", options.build, "--prefix", prefix], stdout=subprocess.DEVNULL, check=True
        )
        folder = Path(prefix) / options.modules
        problems = differences(folder)
        if not problems:
            problems = foreign_files(folder)
        count = sum(path.is_file() for path in folder.rglob("*"))
    print(*problems, f"{count} files installed, {len(problems)} problems.", sep="\n")
    return 1 if problems or not count else 0


if __name__ == "__main__":
    sys.exit(main())
