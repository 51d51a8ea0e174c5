"""`slicer.packaging`: what modules ask before they use a Python package. The host never installs anything."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import slicer


def _requirement(text: Any) -> Any:
    from packaging.requirements import Requirement

    return text if isinstance(text, Requirement) else Requirement(text)


def _requirements(given: Any) -> list[Any]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        given = [given]
    return [_requirement(one) for one in given]


def load_requirements(path: str | Path) -> list[Any]:
    """The requirements of a requirements.txt file; empty lines, comment lines and pip options are left out.

    Raises:
        FileNotFoundError: there is no such file.
        InvalidRequirement: a line is no requirement; a comment behind a requirement makes it one, too.
    """
    lines = (line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    return [_requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def load_pyproject_dependencies(path: str | Path) -> list[Any]:
    """Refused."""
    raise NotImplementedError("The test host reads no pyproject.toml.")


def pip_check(requirements: Any) -> bool:
    """Whether all requirements are installed in fitting versions; their own requirements are not followed."""
    return all(_isMet(requirement) for requirement in _requirements(requirements))


def _isMet(requirement: Any) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return bool(requirement.specifier.contains(version, prereleases=True))


def pip_ensure(
    requirements: Any,
    constraints: Any = None,
    skip_packages: list[str] | None = None,
    prompt_install: bool = True,
    prompt_restart: bool = True,
    requester: str | None = None,
    skip_in_testing: bool = True,
    show_progress: bool = True,
) -> list[str] | None:
    """Make sure that requirements are met; nothing is installed in testing mode, as in the application.

    Raises:
        RuntimeError: the user declined.
        NotImplementedError: something would have to be installed.
    """
    lacking = [requirement for requirement in _requirements(requirements) if not _isMet(requirement)]
    if not lacking:
        return None
    names = ", ".join(str(requirement) for requirement in lacking)
    if skip_in_testing and slicer.app.testingEnabled():
        logging.info("Testing mode is enabled: skipping pip_ensure for [%s]", names)
        return None
    if prompt_install and not slicer.util.confirmOkCancelDisplay(f"Install {names}?", requester):
        raise RuntimeError("User declined package installation")
    raise NotImplementedError(f"The test host installs no packages: {names}")


def pip_install(requirements: Any, **kwargs: Any) -> None:
    """Refused."""
    raise NotImplementedError(f"The test host installs no packages: {requirements}")


def pip_uninstall(requirements: Any, **kwargs: Any) -> None:
    """Refused."""
    raise NotImplementedError(f"The test host uninstalls no packages: {requirements}")


def isPipInstallInProgress() -> bool:
    """Never."""
    return False
