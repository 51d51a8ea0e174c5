"""CMake packages what it lists: the lists and the folders must agree."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("module", ["VesselSegmentation", "VesselRegistration"])
def test_every_library_file_is_listed_and_every_listed_file_exists(module: str) -> None:
    text = (ROOT / module / "CMakeLists.txt").read_text()
    listed = set(re.findall(r"^\s+(\S+\.py)$", text, re.MULTILINE))
    present = {path.relative_to(ROOT / module).as_posix() for path in (ROOT / module / f"{module}Lib").rglob("*.py")}
    assert listed == present


def test_what_cmake_installs_of_the_resources_exists() -> None:
    text = (ROOT / "Resources" / "CMakeLists.txt").read_text()
    names = re.search(r"DIRECTORY (.+)\n", text)
    assert names is not None
    for name in [*names.group(1).split(), "registration.schema.json"]:
        assert (ROOT / "Resources" / name).exists(), name
    assert "registration.schema.json" in text
