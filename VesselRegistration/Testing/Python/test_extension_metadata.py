"""The Extensions Index's rules, each kept by this extension and noticed when it is broken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import check_extension_metadata as check
import pytest

ROOT = Path(__file__).resolve().parents[3]
ENTRY = "VesselRegistration.json"


@pytest.fixture
def extension(tmp_path: Path) -> Path:
    """A copy of what the Index looks at."""
    for name in (ENTRY, "CMakeLists.txt", "README.md", "LICENSE", "VesselRegistration.png"):
        shutil.copy(ROOT / name, tmp_path / name)
    for module in ("VesselSegmentation", "VesselRegistration"):
        (tmp_path / module).mkdir()
        (tmp_path / module / f"{module}.py").touch()
    shutil.copytree(ROOT / "Resources" / "Screenshots", tmp_path / "Resources" / "Screenshots")
    return tmp_path


def with_entry(**values: object) -> Callable[[Path], None]:
    """Changes keys of the entry; None takes one away."""

    def change(root: Path) -> None:
        entry = json.loads((root / ENTRY).read_text())
        entry.update(values)
        (root / ENTRY).write_text(json.dumps({key: value for key, value in entry.items() if value is not None}))

    return change


def with_text(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Replaces text of a file."""

    def change(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new))

    return change


def without(name: str) -> Callable[[Path], None]:
    """Takes a file away."""
    return lambda root: (root / name).unlink()


def test_this_extension_breaks_no_rule(extension: Path) -> None:
    assert check.problems(ROOT) == []
    assert check.problems(extension) == []


BROKEN = {
    "no entry": (without(ENTRY), "no entry VesselRegistration.json"),
    "an entry that is no JSON": (with_text(ENTRY, "{", ""), "not JSON"),
    "lines that end with CR": (with_text(ENTRY, ",\n", ",\r\n"), "CR"),
    "a key too many": (with_entry(homepage="here"), "unknown key homepage"),
    "no category": (with_entry(category=None), "lacks category"),
    "a category of one's own": (with_entry(category="Fluoroscopy"), "category Fluoroscopy"),
    "another schema": (with_entry(**{"$schema": "https://example.org/schema-v9.json"}), "schema"),
    "a tier that is text": (with_entry(tier="1"), "tier is '1'"),
    "a tier beyond the last": (with_entry(tier=6), "tier 6"),
    "an address without a scheme": (with_entry(scm_url="SlicerVesselRegistration"), "not an https or git address"),
    "a repository that does not start with Slicer": (
        with_entry(scm_url="https://github.com/VesselRegistration/Vessels.git"),
        "does not start with Slicer",
    ),
    "a project of another name": (with_text("CMakeLists.txt", "project(Vessel", "project(Slicer"), "project("),
    "dependencies told twice in two ways": (with_entry(build_dependencies=[]), "EXTENSION_DEPENDS"),
    "no icon address": (with_text("CMakeLists.txt", "set(EXTENSION_ICONURL", "set(ICON"), "EXTENSION_ICONURL"),
    "an address split over two lines": (
        with_text("CMakeLists.txt", "set(EXTENSION_ICONURL ", "set(EXTENSION_ICONURL\n  "),
        "EXTENSION_ICONURL",
    ),
    "a home page elsewhere": (with_text("CMakeLists.txt", '_HOMEPAGE "https', '_HOMEPAGE "http'), "EXTENSION_HOMEPAGE"),
    "a screenshot that is not there": (
        with_text("CMakeLists.txt", "/Resources/Screenshots/", "/Resources/Nowhere/"),
        "which is not in the repository",
    ),
    "a long description": (with_text("CMakeLists.txt", "finds", "finds " + "and finds " * 60), "EXTENSION_DESCRIPTION"),
    "an icon of another size": (
        lambda root: shutil.copy(next(root.glob("Resources/Screenshots/*.png")), root / "VesselRegistration.png"),
        "not a PNG of 128 x 128",
    ),
    "an icon that is no picture": (
        lambda root: (root / "VesselRegistration.png").write_text("png"),
        "The icon is None",
    ),
    "no license": (without("LICENSE"), "LICENSE"),
    "no license in the README": (with_text("README.md", "Apache", "own"), "license"),
    "a module the README does not tell of": (
        with_text("README.md", "VesselSegmentation", "Segmentation"),
        "the module VesselSegmentation",
    ),
    "no picture in the README": (with_text("README.md", "![", "["), "no picture"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_rule_is_told(extension: Path, case: str) -> None:
    change, told = BROKEN[case]
    change(extension)
    found = check.problems(extension)
    assert any(told in problem for problem in found), found


def test_an_extension_may_not_be_named_after_slicer() -> None:
    content = (ROOT / ENTRY).read_bytes()
    assert list(check.entry_problems(content, "VesselRegistration")) == []
    assert any("starts with Slicer" in problem for problem in check.entry_problems(content, "SlicerVessels"))


def test_a_repository_that_is_too_large_is_told(extension: Path) -> None:
    with (extension / "large.bin").open("wb") as file:
        file.truncate(61 * 2**20)
    assert any("more than 60" in problem for problem in check.problems(extension))
