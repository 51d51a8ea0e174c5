"""Adds Resources/ to an installed copy, as <prefix>/share/vessel-registration/Resources; the rest is in pyproject.toml.

Walked here because `data-files` in pyproject.toml takes no folder trees. An editable installation reads the source
tree's own Resources/ and gets no copy, which would only grow old.
"""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import setup

INSTALLED = Path("share/vessel-registration")
NOT_READ = {"Icons", "Screenshots", "CMakeLists.txt"}


def resource_files() -> list[tuple[str, list[str]]]:
    """(installed folder, its files), for every folder of Resources/ that the library reads at run time."""
    root = Path("Resources")
    by_folder: dict[str, list[str]] = {}
    for path in sorted(root.rglob("*")):
        place = path.relative_to(root)
        if path.is_file() and place.parts[0] not in NOT_READ and "__pycache__" not in place.parts:
            by_folder.setdefault((INSTALLED / path.parent).as_posix(), []).append(path.as_posix())
    return list(by_folder.items())


setup(data_files=[] if "editable_wheel" in sys.argv else resource_files())
