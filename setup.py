"""Adds Resources/ to an installed copy, under <prefix>/share/vessel-registration/; the rest is in pyproject.toml.

Walked here because `data-files` in pyproject.toml takes no folder trees.
"""

from __future__ import annotations

from pathlib import Path

from setuptools import setup

SHARE = "share/vessel-registration"
PICTURES_ONLY = {"Icons", "Screenshots"}


def resource_files() -> list[tuple[str, list[str]]]:
    """(installed folder, its files), for every folder of Resources/ that the library reads at run time."""
    root = Path("Resources")
    by_folder: dict[str, list[str]] = {}
    for path in sorted(root.rglob("*")):
        place = path.relative_to(root)
        if path.is_file() and place.parts[0] not in PICTURES_ONLY and "__pycache__" not in place.parts:
            by_folder.setdefault((Path(SHARE) / place.parent).as_posix(), []).append(path.as_posix())
    return list(by_folder.items())


setup(data_files=resource_files())
