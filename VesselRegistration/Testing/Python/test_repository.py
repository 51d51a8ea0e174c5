"""What every file of the project must keep to: layout, sizes, no private places, no hidden hosts."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[3]
LAYOUT = (
    *("CMakeLists.txt", "README.md", "VesselRegistration.png", "pyproject.toml", "Makefile", "LICENSE"),
    *("CITATION.cff", "requirements.txt", "requirements-torch.txt", "requirements-dev.txt", ".ci/run"),
    *("VesselSegmentation/CMakeLists.txt", "VesselRegistration/CMakeLists.txt", "Resources/registration.schema.json"),
    *("Resources/SampleCase/run.dcm", "Resources/SampleCase/model.stl", "Resources/SampleCase/truth.json"),
    *("Resources/Models/VesselSegmentation/metadata.json", "Resources/Models/ModelToImageMatching/metadata.json"),
    *("Resources/Models/VesselSegmentation/docs/README.md", "Resources/Models/ModelToImageMatching/docs/README.md"),
)
LONGEST_FILE = 400
LARGEST_FILE_MIB = 10
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def project_files() -> list[Path]:
    """Files that git knows, or, in an unpacked archive, all but what tools leave behind."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        names = subprocess.run(
            ["git", "-c", f"safe.directory={ROOT}", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        return [ROOT / name for name in names if (ROOT / name).is_file()]
    hidden = {".venv", ".git", "build", "demo-output", "__pycache__"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not hidden & set(path.relative_to(ROOT).parts)]


FILES = project_files()
SOURCES = [path for path in FILES if path.suffix == ".py"]


@pytest.mark.parametrize("name", LAYOUT)
def test_the_layout_is_complete(name: str) -> None:
    assert (ROOT / name).is_file()


def test_no_source_file_holds_two_rooms() -> None:
    long = {path.name: count for path in SOURCES if (count := len(path.read_text().splitlines())) > LONGEST_FILE}
    # Tables of cases are long without being complicated.
    assert {name: count for name, count in long.items() if not name.startswith("test_")} == {}


def test_no_file_is_too_large_for_a_repository() -> None:
    large = [path.name for path in FILES if path.stat().st_size > LARGEST_FILE_MIB * 2**20]
    assert large == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    private = re.compile(r"(/home/\w+|/Users/\w+|/root/|C:\\\\Users)")
    texts = [path for path in FILES if path.suffix in {".py", ".md", ".txt", ".toml", ".json", ".sh", ".cff"}]
    assert [path.name for path in texts if path != Path(__file__) and private.search(path.read_text())] == []


def test_requirements_are_pinned_and_name_no_package_host() -> None:
    for path in ROOT.glob("requirements*.txt"):
        for line in path.read_text().splitlines():
            if not line.strip() or line.startswith(("#", "-c ", "-r ")):
                assert not re.search(r"https?://", line.replace(CPU_INDEX, "")), line
                continue
            assert re.match(r"^[A-Za-z0-9._-]+==[^ ]+( ; .+)?$", line), f"{path.name}: {line}"


def test_nothing_is_unpickled() -> None:
    pattern = re.compile(r"^\s*(import pickle|from pickle)|torch\.load\(|allow_pickle=True", re.MULTILINE)
    assert [path.name for path in SOURCES if "Testing" not in path.parts and pattern.search(path.read_text())] == []


def test_the_icon_is_readable_in_the_extension_manager() -> None:
    with Image.open(ROOT / "VesselRegistration.png") as icon:
        assert icon.size == (128, 128)


def test_importing_the_libraries_loads_nothing_heavy() -> None:
    import sys

    code = (
        "import sys\nimport VesselSegmentationLib, VesselRegistrationLib\n"
        "heavy = {'torch', 'monai', 'SimpleITK', 'vtk', 'numpy', 'scipy'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    folders = ":".join(str(ROOT / name) for name in ("VesselSegmentation", "VesselRegistration"))
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": folders}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
