"""Writes the file lists of the CMakeLists.txt: CMake packages exactly what they name, and takes no wildcards.

`make sources` rewrites each list between `set(NAME` and `)` with the files that git knows, so `git add` comes first.
With --check, prints the lists that differ and returns 1. Packages, resources and tests are found by where they lie:

    <Module>/<Module>.py, <Module>/<Module>{Lib,MRML,Widgets}/**.py   MODULE_PYTHON_SCRIPTS
    <Module>/Resources/**                                            MODULE_PYTHON_RESOURCES
    <Module>/Testing/Python/*Test.py                                 TEST_SCRIPTS
    Testing/SlicerHost/Tests/test_*.py                               TEST_SCRIPTS
    Resources/**, but for icons and screenshots                      RESOURCE_FILES
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = ("VesselSegmentation", "VesselRegistration")
PACKAGE_KINDS = ("Lib", "MRML", "Widgets")
HOST_TESTS = Path("Testing/SlicerHost/Tests")
NOT_PACKAGED = {"Icons", "Screenshots", "CMakeLists.txt"}
LEFT_BY_TOOLS = {".venv", ".git", "build", "demo-output", "__pycache__"}


def project_files(root: Path = ROOT) -> list[Path]:
    """Files that git knows, or, in an unpacked archive, all but what tools leave behind; relative to `root`, sorted."""
    if (root / ".git").exists() and shutil.which("git"):
        names = subprocess.run(
            ["git", "-c", f"safe.directory={root}", "ls-files"], cwd=root, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        return sorted(Path(name) for name in names if (root / name).is_file())
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(path for path in found if not LEFT_BY_TOOLS & set(path.parts))


def below(files: Iterable[Path], folder: Path, pattern: str = "*") -> list[str]:
    """The files below a folder whose names match, relative to it, folder by folder."""
    names = (file.relative_to(folder) for file in files if folder in file.parents and file.match(pattern))
    return [name.as_posix() for name in sorted(names, key=lambda name: (name.parent.as_posix(), name.name))]


def expected_lists(root: Path = ROOT) -> dict[tuple[str, str], list[str]]:
    """(CMakeLists.txt, name of the list) and what the list must hold."""
    files = project_files(root)
    lists: dict[tuple[str, str], list[str]] = {}
    for module in MODULES:
        scripts = below(files, Path(module), "*.py")
        packages = tuple(f"{module}{kind}/" for kind in PACKAGE_KINDS)
        packaged = [name for name in scripts if name == f"{module}.py" or name.startswith(packages)]
        resources = [f"Resources/{name}" for name in below(files, Path(module, "Resources"))]
        lists[f"{module}/CMakeLists.txt", "MODULE_PYTHON_SCRIPTS"] = packaged
        lists[f"{module}/CMakeLists.txt", "MODULE_PYTHON_RESOURCES"] = resources
        tests = below(files, Path(module, "Testing/Python"), "*Test.py")
        lists[f"{module}/Testing/Python/CMakeLists.txt", "TEST_SCRIPTS"] = tests
    lists[f"{HOST_TESTS.as_posix()}/CMakeLists.txt", "TEST_SCRIPTS"] = below(files, HOST_TESTS, "test_*.py")
    data = [name for name in below(files, Path("Resources")) if Path(name).parts[0] not in NOT_PACKAGED]
    lists["Resources/CMakeLists.txt", "RESOURCE_FILES"] = data
    return lists


def list_pattern(name: str) -> re.Pattern[str]:
    """Finds `set(NAME ...)`: what opens the list, what it holds, what closes it."""
    return re.compile(rf"^(set\({name}\n)(.*?)(^  \))", re.MULTILINE | re.DOTALL)


def listed(text: str, name: str) -> list[str] | None:
    """What a CMakeLists.txt lists under a name; None when it has no such list."""
    match = list_pattern(name).search(text)
    return None if match is None else match.group(2).split()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="change nothing; return 1 when a list differs")
    check = parser.parse_args(arguments).check
    different = 0
    for (file, name), expected in expected_lists().items():
        path = ROOT / file
        text = path.read_text(encoding="utf-8")
        found = listed(text, name)
        if found is None:
            print(f"{file} has no list {name}.")
            return 2
        if found == expected:
            continue
        different += 1
        lines = "".join(f"  {entry}\n" for entry in expected)
        for sign, names in (("+", set(expected) - set(found)), ("-", set(found) - set(expected))):
            print(*(f"{file}: {name}: {sign} {entry}" for entry in sorted(names)), sep="\n", end="\n" if names else "")
        if not check:
            changed = list_pattern(name).sub(lambda match: f"{match.group(1)}{lines}{match.group(3)}", text)  # noqa: B023
            path.write_text(changed, encoding="utf-8")
    return 1 if check and different else 0


if __name__ == "__main__":
    sys.exit(main())
