"""CMake packages and tests what it lists: the lists and the folders must agree."""

from __future__ import annotations

import ast
from pathlib import Path

import list_sources
import pytest

ROOT = Path(__file__).resolve().parents[3]


LISTS = list_sources.expected_lists()
REGISTERED = [
    (Path(file).parent / entry).as_posix()
    for (file, name), found in LISTS.items()
    if name == "TEST_SCRIPTS"
    for entry in found
]
MODULE_FILES = [f"{module}/{module}.py" for module in list_sources.MODULES]
PYTEST_FILES = [path.as_posix() for path in list_sources.project_files() if path.match("test_*.py")]
TEST_FILES = sorted({*REGISTERED, *MODULE_FILES, *PYTEST_FILES})


@pytest.mark.parametrize(("file", "name"), LISTS)
def test_a_list_names_every_file_and_no_other(file: str, name: str) -> None:
    assert list_sources.listed((ROOT / file).read_text(encoding="utf-8"), name) == LISTS[file, name]


def test_the_lists_cover_modules_their_packages_networks_and_the_sample_case() -> None:
    for module in ("VesselSegmentation", "VesselRegistration"):
        scripts = LISTS[f"{module}/CMakeLists.txt", "MODULE_PYTHON_SCRIPTS"]
        assert {f"{module}{kind}/__init__.py" for kind in ("Lib", "MRML", "Widgets")} <= set(scripts)
        assert f"{module}.py" in scripts
        resources = LISTS[f"{module}/CMakeLists.txt", "MODULE_PYTHON_RESOURCES"]
        assert {f"Resources/UI/{module}.ui", f"Resources/Icons/{module}.png"} <= set(resources)
    data = LISTS["Resources/CMakeLists.txt", "RESOURCE_FILES"]
    needed = {"Models/VesselSegmentation/configs/metadata.json", "SampleCase/run.dcm", "registration.schema.json"}
    assert needed <= set(data)
    assert not [name for name in data if name.startswith(("Icons", "Screenshots"))]


def test_a_file_that_is_not_listed_and_one_that_is_gone_are_both_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "CMakeLists.txt").write_text("set(NAMES\n  old.py\n  same.py\n  )\n")
    monkeypatch.setattr(list_sources, "ROOT", tmp_path)
    monkeypatch.setattr(list_sources, "expected_lists", lambda: {("CMakeLists.txt", "NAMES"): ["new.py", "same.py"]})
    assert list_sources.main(["--check"]) == 1
    assert capsys.readouterr().out == "CMakeLists.txt: NAMES: + new.py\nCMakeLists.txt: NAMES: - old.py\n"
    assert "old.py" in (tmp_path / "CMakeLists.txt").read_text()
    assert list_sources.main([]) == 0
    assert (tmp_path / "CMakeLists.txt").read_text() == "set(NAMES\n  new.py\n  same.py\n  )\n"
    assert list_sources.main(["--check"]) == 0


def test_modules_in_one_folder_do_not_overwrite_each_other() -> None:
    """Both modules, and what they share, are staged and installed in one folder."""
    seen: set[str] = set()
    for (_, name), entries in LISTS.items():
        if name != "TEST_SCRIPTS":
            staged = {f"Resources/{entry}" if name == "RESOURCE_FILES" else entry for entry in entries}
            assert not seen & staged
            seen |= staged


def asserting_tests(path: Path) -> dict[str, bool]:
    """A file's functions and methods test_*, and whether each asserts, itself or through a function of its own file."""
    functions = {
        node.name: node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }

    def asserts(name: str, seen: frozenset[str] = frozenset()) -> bool:
        nodes = list(ast.walk(functions[name]))
        called = {
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for node in nodes
            if isinstance(node, ast.Call)
        }
        if any(isinstance(node, ast.Assert) for node in nodes):
            return True
        if any(other.startswith(("assert", "fail")) or other == "raises" for other in called):
            return True
        return any(asserts(other, seen | {name}) for other in called & functions.keys() - seen - {name})

    return {name: asserts(name) for name in functions if name.startswith("test_")}


@pytest.mark.parametrize("name", TEST_FILES)
def test_every_test_asserts(name: str) -> None:
    tests = asserting_tests(ROOT / name)
    assert tests, "no test in it"
    assert [test for test, asserts in tests.items() if not asserts] == []


def test_a_test_without_an_assertion_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "LazyTest.py"
    path.write_text(
        "class Lazy:\n"
        "    def test_nothing(self):\n        print('fine')\n"
        "    def test_itself(self):\n        self.assertEqual(1, 1)\n"
        "    def test_by_another(self):\n        self.checked()\n"
        "    def checked(self):\n        assert self\n"
    )
    assert asserting_tests(path) == {"test_nothing": False, "test_itself": True, "test_by_another": True}
