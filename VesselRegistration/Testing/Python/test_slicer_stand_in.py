"""The stand-in for Slicer's build tree stages what is listed, refuses what is not there, and starts the host as Slicer
starts itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
STAND_IN = ROOT / "Testing" / "SlicerHost" / "cmake"
pytestmark = pytest.mark.skipif(shutil.which("cmake") is None, reason="there is no cmake")

TOP = """
cmake_minimum_required(VERSION 3.16.3...3.28)
project(Small NONE)
find_package(Slicer REQUIRED)
include(${Slicer_USE_FILE})
add_subdirectory(Module)
include(${Slicer_EXTENSION_GENERATE_CONFIG})
"""
MODULE = """
slicerMacroBuildScriptedModule(
  NAME Module
  SCRIPTS Module.py ModuleLib/deep/logic
  RESOURCES Resources/UI/Module.ui
  WITH_GENERIC_TESTS
  )
slicer_add_python_unittest(SCRIPT Module.py)
slicer_add_python_test(SCRIPT script.py SLICER_ARGS --disable-modules SCRIPT_ARGS one two)
"""
FILES = ("Module.py", "script.py", "ModuleLib/deep/logic.py", "ModuleLib/unlisted.py", "Resources/UI/Module.ui")
STAGED = "lib/Slicer-5.13/qt-scripted-modules"


class Extension:
    """A small extension, its build tree, and a Python whose output and exit status are the test's to choose."""

    def __init__(self, folder: Path) -> None:
        self.source, self.build, self.python = folder / "source", folder / "build", folder / "python"
        self.module = self.source / "Module"
        for name in FILES:
            (self.module / name).parent.mkdir(parents=True, exist_ok=True)
            (self.module / name).write_text(name)
        (self.source / "CMakeLists.txt").write_text(TOP)
        self.lists(MODULE)
        self.python_that('echo "Ran 3 tests in 0.1s"')

    def lists(self, text: str) -> None:
        (self.module / "CMakeLists.txt").write_text(text)

    def python_that(self, does: str) -> None:
        self.python.write_text(f"#!/bin/sh\n{does}\n")
        self.python.chmod(0o755)

    def run(self, *command: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=folder or self.source, capture_output=True, text=True, check=False)

    def configure(self, *options: str) -> subprocess.CompletedProcess[str]:
        settings = (f"-DSlicer_DIR={STAND_IN}", f"-DSlicerHost_PYTHON={self.python}", *options)
        return self.run("cmake", "-S", self.source, "-B", self.build, *settings)

    def staged(self) -> set[str]:
        folder = self.build / STAGED
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

    def tests(self) -> dict[str, dict[str, Any]]:
        done = self.run("ctest", "--show-only=json-v1", folder=self.build)
        return {test["name"]: test for test in json.loads(done.stdout)["tests"]}


@pytest.fixture
def extension(tmp_path: Path) -> Extension:
    return Extension(tmp_path)


def test_exactly_the_listed_files_are_staged_below_their_folders(extension: Extension) -> None:
    done = extension.configure()
    assert done.returncode == 0, done.stderr
    assert extension.staged() == {"Module.py", "ModuleLib/deep/logic.py", "Resources/UI/Module.ui"}


def test_a_module_may_be_staged_in_a_folder_of_its_own(extension: Extension) -> None:
    extension.lists("slicerMacroBuildScriptedModule(NAME Module SCRIPTS Module.py WITH_SUBDIR)")
    assert extension.configure().returncode == 0
    assert extension.staged() == {"Module/Module.py"}


def test_what_a_list_no_longer_names_is_no_longer_staged(extension: Extension) -> None:
    extension.configure()
    extension.lists("slicerMacroBuildScriptedModule(NAME Module SCRIPTS Module.py)")
    assert extension.configure().returncode == 0
    assert extension.staged() == {"Module.py"}


def test_a_changed_file_is_staged_again_by_the_build(extension: Extension) -> None:
    extension.configure()
    (extension.module / "Module.py").write_text("changed")
    assert extension.run("cmake", "--build", extension.build).returncode == 0
    assert (extension.build / STAGED / "Module.py").read_text() == "changed"


def test_an_installation_holds_what_is_staged(extension: Extension, tmp_path: Path) -> None:
    extension.configure()
    extension.run("cmake", "--build", extension.build)
    assert extension.run("cmake", "--install", extension.build, "--prefix", tmp_path / "there").returncode == 0
    assert (tmp_path / "there" / STAGED / "ModuleLib" / "deep" / "logic.py").is_file()
    assert not (tmp_path / "there" / STAGED / "ModuleLib" / "unlisted.py").exists()


@pytest.mark.parametrize(
    ("lists", "told"),
    [
        ("slicerMacroBuildScriptedModule(NAME Module SCRIPTS Module.py gone.py)", "gone.py"),
        ("slicerMacroBuildScriptedModule(NAME Module SCRIPTS Module.py RESOURCES Resources)", "no file of"),
        ("slicerMacroBuildScriptedModule(NAME Module SCRIPTS ../CMakeLists.txt)", "outside"),
        ("slicerMacroBuildScriptedModule(NAME Module ICONS a.png SCRIPTS Module.py)", "ICONS"),
        ("slicerMacroBuildScriptedModule(SCRIPTS Module.py)", "NAME and SCRIPTS"),
        ("slicer_add_python_unittest(SCRIPT gone.py)", "gone.py"),
        ("slicer_add_python_unittest(SCRIPT Module.py LABELS slow)", "LABELS"),
        ("slicerMacroBuildLoadableModule(NAME Module)", "slicerMacroBuildLoadableModule"),
    ],
)
def test_what_slicer_would_refuse_ends_the_configuration(extension: Extension, lists: str, told: str) -> None:
    extension.lists(lists)
    done = extension.configure()
    assert done.returncode != 0
    assert told in done.stderr


def test_tests_start_the_host_with_slicers_own_arguments(extension: Extension) -> None:
    extension.configure()
    tests = extension.tests()
    assert set(tests) == {"py_nomainwindow_qSlicerModuleModuleGenericTest", "py_Module", "py_script"}
    folders = [
        str(extension.build / f"lib/Slicer-5.13/{kind}-modules") for kind in ("qt-scripted", "cli", "qt-loadable")
    ]
    python, launcher, *arguments = tests["py_Module"]["command"]
    assert (python, Path(launcher).name) == (str(extension.python), "launcher.py")
    assert arguments[:6] == ["--no-splash", "--testing", "--additional-module-paths", *folders]
    paths = f"['{extension.build / 'Module'}', '{extension.module}']"
    code = f"import slicer.testing; slicer.testing.runUnitTest({paths}, 'Module')"
    assert arguments[6:] == ["--python-code", code]
    assert tests["py_script"]["command"][2:] == [
        *("--no-splash", "--testing", "--disable-modules"),
        *("--python-script", str(extension.module / "script.py"), "one", "two"),
    ]
    generic = tests["py_nomainwindow_qSlicerModuleModuleGenericTest"]["command"]
    assert generic[4:8] == ["--no-main-window", "--disable-cli-modules", "--additional-module-path", folders[0]]
    assert folders[1] not in generic


def test_a_test_is_alone_has_its_environment_and_may_not_last_for_ever(extension: Extension) -> None:
    extension.configure("-DSlicerHost_TEST_TIMEOUT=77")
    for test in extension.tests().values():
        properties = {entry["name"]: entry["value"] for entry in test["properties"]}
        assert properties["TIMEOUT"] == 77
        assert properties["RESOURCE_LOCK"] == ["SlicerHost"]
        assert "OMP_NUM_THREADS=1" in properties["ENVIRONMENT"]


def test_a_test_script_that_runs_no_test_fails(extension: Extension) -> None:
    extension.configure()
    assert extension.run("ctest", folder=extension.build).returncode == 0
    extension.python_that('echo "Ran 0 tests in 0.000s"; echo OK')
    done = extension.run("ctest", folder=extension.build)
    assert done.returncode != 0
    assert "0% tests passed, 3 tests failed out of 3" in done.stdout


def test_nothing_is_tested_where_tests_are_turned_off(extension: Extension) -> None:
    extension.lists("slicerMacroBuildScriptedModule(NAME Module SCRIPTS Module.py WITH_GENERIC_TESTS)")
    assert extension.configure("-DBUILD_TESTING=OFF").returncode == 0
    assert extension.tests() == {}
