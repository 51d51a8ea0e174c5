"""Checks the extension's description against the rules of Slicer's Extensions Index, without the network.

Asks of VesselRegistration.json, CMakeLists.txt, README.md and the files they name what the Index asks of a new entry,
and what its reviewers ask beside. Prints a sentence for each rule that is broken and returns 1 if there is any.
"""

from __future__ import annotations

import json
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
NAME = "VesselRegistration"
REQUIRED_KEYS = {"$schema": str, "category": str, "scm_url": str}
OPTIONAL_KEYS = {
    "scm_revision": str,
    "scm_type": str,
    "build_dependencies": list,
    "build_subdirectory": str,
    "enabled": bool,
    "tier": int,
}
SCHEMA = re.compile(r"https://\S+/slicer-extension-catalog-entry-schema-v1\.0\.1\.json#?")
# Those of the Index's categories that this extension could stand in; a new one would be refused.
CATEGORIES = {"Cardiac", "IGT", "Registration", "Segmentation", "Vascular Modeling Toolkit"}
LICENSES = ("LICENSE", "LICENSE.txt", "License.txt", "COPYING", "COPYING.txt")
LARGEST_REPOSITORY_MIB = 60
LONGEST_DESCRIPTION = 400
LONGEST_DESCRIPTION_SENTENCES = 3


def entry_problems(content: bytes, name: str) -> Iterator[str]:
    """What is wrong with an entry of the Index, given as the bytes of its file and the file's name without ending."""
    if b"\r" in content:
        yield "The entry's lines end with CR; the Index takes LF alone."
    try:
        entry = json.loads(content)
    except ValueError as error:
        yield f"The entry is not JSON: {error}."
        return
    allowed = {**REQUIRED_KEYS, **OPTIONAL_KEYS}
    for key in sorted(REQUIRED_KEYS.keys() - entry.keys()):
        yield f"The entry lacks {key}."
    for key, value in entry.items():
        if key not in allowed:
            yield f"The entry has the unknown key {key}."
        elif type(value) is not allowed[key]:
            yield f"The entry's {key} is {value!r}, not a {allowed[key].__name__}."
    yield from value_problems(entry)
    if name.lower().startswith("slicer"):
        yield f"The extension's name {name} starts with Slicer."


def value_problems(entry: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the values of an entry's keys."""
    if not SCHEMA.fullmatch(str(entry.get("$schema"))):
        yield f"The schema is {entry.get('$schema')}, not that of version 1.0.1."
    if entry.get("category") not in CATEGORIES:
        yield f"The category {entry.get('category')} is none of {', '.join(sorted(CATEGORIES))}."
    if not 1 <= int(entry.get("tier", 1)) <= 5:
        yield f"The tier {entry.get('tier')} is not 1 to 5."
    address = urlsplit(str(entry.get("scm_url")))
    if address.scheme not in ("https", "git") or not address.netloc:
        yield f"scm_url {entry.get('scm_url')} is not an https or git address."
    repository = Path(address.path).name
    if not repository.startswith("Slicer"):
        yield f"The repository's name {repository} does not start with Slicer."


def cmake_value(text: str, name: str) -> str | None:
    """The quoted or single word that CMakeLists.txt sets a variable to; None when it does not, or in another form."""
    match = re.search(rf'^set\({name} (?:"([^"]*)"|([^\s")]+))\)$', text, re.MULTILINE)
    return None if match is None else match.group(1) or match.group(2) or ""


def cmake_problems(text: str, entry: dict[str, Any], name: str) -> Iterator[str]:
    """What is wrong with the extension's description in CMakeLists.txt, alone and beside the entry."""
    project = re.search(r"project\s*\(\s*([^\s)]+)", text)
    if project is None or project.group(1) != name:
        yield f"CMakeLists.txt does not say project({name}), the name of the entry's file."
    values = {}
    for key in ("HOMEPAGE", "CATEGORY", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS", "TIER"):
        values[key] = cmake_value(text, f"EXTENSION_{key}")
        if not values[key]:
            yield f"CMakeLists.txt does not set EXTENSION_{key} in one line."
    depends = set((values["DEPENDS"] or "").split()) - {"NA"}
    if depends != set(entry.get("build_dependencies", [])):
        yield f"EXTENSION_DEPENDS is {sorted(depends)}, build_dependencies {entry.get('build_dependencies')}."
    for key, cmake_key in (("category", "CATEGORY"), ("tier", "TIER")):
        if str(entry.get(key)) != values[cmake_key]:
            yield f"EXTENSION_{cmake_key} is {values[cmake_key]}, and {key} {entry.get(key)}."
    description = values["DESCRIPTION"] or ""
    sentences = len(re.findall(r"[.!?](?:\s|$)", description))
    if len(description) > LONGEST_DESCRIPTION or not 1 <= sentences <= LONGEST_DESCRIPTION_SENTENCES:
        yield f"EXTENSION_DESCRIPTION has {len(description)} letters and {sentences} sentences; make it one or two."


def address_problems(text: str, entry: dict[str, Any], root: Path) -> Iterator[str]:
    """Whether the addresses in CMakeLists.txt are the entry's repository and name pictures that are in this one."""
    home = str(entry.get("scm_url")).removesuffix(".git")
    if cmake_value(text, "EXTENSION_HOMEPAGE") != home:
        yield f"EXTENSION_HOMEPAGE is not {home}."
    raw = home.replace("//github.com/", "//raw.githubusercontent.com/") + f"/{entry.get('scm_revision', 'main')}/"
    icon = cmake_value(text, "EXTENSION_ICONURL") or ""
    for address in (icon, *(cmake_value(text, "EXTENSION_SCREENSHOTURLS") or "").split()):
        if not address.startswith(raw) or not address.endswith((".png", ".jpg")):
            yield f"{address} is not a picture below {raw}."
        elif not (root / address.removeprefix(raw)).is_file():
            yield f"{address} names {address.removeprefix(raw)}, which is not in the repository."
    size = png_size(root / icon.removeprefix(raw))
    if size != (128, 128):
        yield f"The icon is {size}, not a PNG of 128 x 128 pixels."


def png_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a PNG in pixels; None when the file is none."""
    header = path.read_bytes()[:24] if path.is_file() else b""
    if len(header) < 24 or header[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    width, height = struct.unpack(">II", header[16:])
    return width, height


def repository_problems(root: Path, name: str, modules: list[str]) -> Iterator[str]:
    """What is wrong with the repository's own files: licence, size, and what README.md tells."""
    if not any((root / file).is_file() for file in LICENSES):
        yield f"There is none of {', '.join(LICENSES)}."
    left_by_tools = {".git", ".venv", "build", "demo-output", "__pycache__"}
    left_by_tools |= {".mypy_cache", ".pytest_cache", ".ruff_cache"}
    files = [path for path in root.rglob("*") if not left_by_tools & set(path.relative_to(root).parts)]
    size = sum(path.stat().st_size for path in files if path.is_file()) / 2**20
    if size > LARGEST_REPOSITORY_MIB:
        yield f"The repository has {size:.0f} MiB, more than {LARGEST_REPOSITORY_MIB}."
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    if name not in text:
        yield f"README.md does not name the extension {name}."
    for module in modules:
        if not re.search(rf"\b{module}\b(?!Lib|MRML|Widgets|/)", text):
            yield f"README.md does not tell what the module {module} does."
    if not re.search(r"!\[[^\]]+\]\([^)]+\)|<img ", text):
        yield "README.md shows no picture."
    if "Apache" not in text:
        yield "README.md does not name the license."


def modules_of(text: str, root: Path) -> list[str]:
    """The modules that CMakeLists.txt adds: sub-folders that hold a Python file of their own name."""
    folders = re.findall(r"^add_subdirectory\((\w+)\)$", text, re.MULTILINE)
    return [folder for folder in folders if (root / folder / f"{folder}.py").is_file()]


def problems(root: Path = ROOT, name: str = NAME) -> list[str]:
    """Every rule that the repository at `root` breaks, a sentence each."""
    entry_file = root / f"{name}.json"
    if not entry_file.is_file():
        return [f"There is no entry {entry_file.name}."]
    content = entry_file.read_bytes()
    found = list(entry_problems(content, name))
    if any("not JSON" in problem for problem in found):
        return found
    entry = json.loads(content)
    text = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    modules = modules_of(text, root)
    if not modules:
        found.append("CMakeLists.txt adds no module.")
    return [
        *found,
        *cmake_problems(text, entry, name),
        *address_problems(text, entry, root),
        *repository_problems(root, name, modules),
    ]


def main() -> int:
    found = problems()
    print(*found, f"{NAME}.json and what it names: {len(found)} rules broken.", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
