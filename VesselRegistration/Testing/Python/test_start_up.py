"""Starting the application with the modules costs almost nothing: their files load none of the large packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)

ROOT = Path(__file__).resolve().parents[3]
LAUNCHER = ROOT / "Testing" / "SlicerHost" / "launcher.py"
MODULES = ("VesselSegmentation", "VesselRegistration")
HEAVY = ("numpy", "scipy", "torch", "monai", "SimpleITK", "pydicom", "skimage", "matplotlib", "PIL")
# A module set to None cannot be imported: whoever tries stands at the end of the traceback.
IMPORT_WITHOUT = f"""
import sys
sys.path[:0] = {[str(ROOT / module) for module in MODULES]!r}
sys.modules.update(dict.fromkeys({HEAVY!r}))
import {", ".join(MODULES)}
print("imported", *(module.__file__ for module in ({", ".join(MODULES)})))
"""
LOADED = f"""
import sys, slicer
print("loaded", *(name for name in {HEAVY!r} if sys.modules.get(name)))
print("modules", *(name for name in {MODULES!r} if hasattr(slicer.modules, name.lower())))
"""


def said(code: str, *arguments: str) -> list[str]:
    """What the host prints when it runs a piece of Python."""
    command = [sys.executable, str(LAUNCHER), "--no-splash", "--testing", "--no-main-window", *arguments]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [*command, "--python-code", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_the_module_files_can_be_imported_without_the_large_packages() -> None:
    lines = said(IMPORT_WITHOUT, "--disable-modules")
    places = " ".join(str(ROOT / module / f"{module}.py") for module in MODULES)
    assert f"imported {places}" in lines


def test_a_start_with_the_modules_loads_no_more_large_packages_than_one_without() -> None:
    paths = [str(ROOT / module) for module in MODULES]
    without = said(LOADED, "--disable-scripted-loadable-modules")
    with_modules = said(LOADED, "--additional-module-paths", *paths)
    assert [line for line in without if line.startswith("loaded")] == [
        line for line in with_modules if line.startswith("loaded")
    ]
    assert f"modules {' '.join(MODULES)}" in with_modules
