"""What every file of the project must keep to: layout, sizes, no private places, no hidden hosts."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from list_sources import MODULES, project_files
from PIL import Image

ROOT = Path(__file__).resolve().parents[3]
LAYOUT = (
    *("CMakeLists.txt", "README.md", "VesselRegistration.png", "pyproject.toml", "Makefile", "LICENSE"),
    *("CITATION.cff", "requirements.txt", "requirements-torch.txt", "requirements-dev.txt", ".ci/run"),
    *("requirements-host.txt", "VesselRegistration.json", "Resources/registration.schema.json", "scripts/test.sh"),
    *(
        f"{module}/{name}"
        for module in MODULES
        for name in (
            *("CMakeLists.txt", f"{module}.py", f"Resources/UI/{module}.ui", f"Resources/Icons/{module}.png"),
            *(f"{module}{kind}/__init__.py" for kind in ("Lib", "MRML", "Widgets")),
            "Testing/Python/CMakeLists.txt",
        )
    ),
    *("VesselSegmentation/Resources/requirements.txt", "Testing/SlicerHost/launcher.py"),
    *("Resources/SampleCase/run.dcm", "Resources/SampleCase/model.stl", "Resources/SampleCase/truth.json"),
    *(
        f"Resources/Models/{network}/{name}"
        for network in ("VesselSegmentation", "ModelToImageMatching")
        for name in (
            *("configs/metadata.json", "configs/inference.json", "configs/evaluate.json", "configs/train.json"),
            *("models/model.safetensors", "docs/README.md", "report.json"),
        )
    ),
)
LONGEST_FILE = 400
LARGEST_FILE_MIB = 10
LARGEST_WEIGHTS_MB = 30
"""Of all networks that are shipped, together."""
CPU_INDEX = "https://download.pytorch.org/whl/cpu"

FILES = [ROOT / name for name in project_files(ROOT)]
SOURCES = [path for path in FILES if path.suffix == ".py"]


@pytest.mark.parametrize("name", LAYOUT)
def test_the_layout_is_complete(name: str) -> None:
    assert (ROOT / name).is_file()


def test_no_source_file_holds_two_rooms() -> None:
    long = {path.name: count for path in SOURCES if (count := len(path.read_text().splitlines())) > LONGEST_FILE}
    # Tables of cases are long without being complicated.
    assert {name: count for name, count in long.items() if not name.startswith("test_")} == {}


def test_no_file_is_too_large_for_a_repository() -> None:
    weights = [path for path in FILES if path.suffix == ".safetensors"]
    large = [path.name for path in FILES if path not in weights and path.stat().st_size > LARGEST_FILE_MIB * 2**20]
    assert large == []
    assert weights
    assert sum(path.stat().st_size for path in weights) < LARGEST_WEIGHTS_MB * 1e6


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    private = re.compile(r"(/home/\w+|/Users/\w+|/root/|C:\\\\Users)")
    endings = {".py", ".md", ".txt", ".toml", ".json", ".sh", ".cff", ".ui", ".cmake", ".yml"}
    texts = [path for path in FILES if path.suffix in endings]
    assert [path.name for path in texts if path != Path(__file__) and private.search(path.read_text())] == []


def test_requirements_are_pinned_and_name_no_package_host() -> None:
    for path in ROOT.glob("requirements*.txt"):  # Slicer's own, below Resources/, gives floors
        for line in path.read_text().splitlines():
            if not line.strip() or line.startswith(("#", "-c ", "-r ")):
                assert not re.search(r"https?://", line.replace(CPU_INDEX, "")), line
                continue
            assert re.match(r"^[A-Za-z0-9._-]+==[^ ]+( ; .+)?$", line), f"{path.name}: {line}"


def test_the_workflow_installs_what_the_set_up_would_and_runs_what_the_readme_tells() -> None:
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    packages = re.search(r"SYSTEM_PACKAGES=\"([^\"]+)\"", (ROOT / "scripts" / "setup.sh").read_text())
    installed = re.search(r"--no-install-recommends\n\s+(.+)\n", workflow)
    assert packages is not None
    assert installed is not None
    assert set(installed.group(1).split()) == {entry.split("=")[0] for entry in packages.group(1).split()}
    assert "run: .ci/run\n" in workflow
    assert "continue-on-error" not in workflow


def test_nothing_is_unpickled() -> None:
    pattern = re.compile(r"^\s*(import pickle|from pickle)|torch\.load\(|allow_pickle=True", re.MULTILINE)
    assert [path.name for path in SOURCES if "Testing" not in path.parts and pattern.search(path.read_text())] == []


@pytest.mark.parametrize(
    "name", ["VesselRegistration.png", *(f"{module}/Resources/Icons/{module}.png" for module in MODULES)]
)
def test_the_icons_are_of_the_size_that_slicer_shows(name: str) -> None:
    with Image.open(ROOT / name) as icon:
        assert (icon.size, icon.mode) == ((128, 128), "RGBA")


def test_slicer_asks_for_no_more_than_the_libraries_do_and_never_for_torch() -> None:
    """The modules' requirements inside Slicer are floors that pyproject.toml has too; torch comes another way."""
    floors = set(re.findall(r'^    "(.+)",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    text = (ROOT / "VesselSegmentation" / "Resources" / "requirements.txt").read_text()
    asked = {line for line in text.splitlines() if line and not line.startswith("#")}
    assert asked
    assert asked <= floors
    assert not [line for line in asked if re.match(r"(torch|numpy|SimpleITK|vtk)\b", line)]


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
