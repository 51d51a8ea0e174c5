"""The Python packages that the modules need: checked without importing them, installed only when the user agrees."""

from __future__ import annotations

import logging
import platform
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

TORCH = "torch>=2.8"
REQUESTER = "Vessel Registration"
INSTALL_ERRORS = (RuntimeError, OSError, TypeError, ValueError, AttributeError, subprocess.CalledProcessError)
"""What a failed installation has been seen to raise, half-installed packages included."""


def requirementsFile() -> Path:
    """The list of packages, beside the module files."""
    return Path(__file__).resolve().parents[1] / "Resources" / "requirements.txt"


def requirements() -> list[str]:
    """What must be there, torch apart: "monai>=1.5" and so on."""
    lines = requirementsFile().read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def isSatisfied(requirement: str) -> bool:
    """Whether a package is installed at its floor. A package without a version is not installed properly."""
    from packaging.requirements import Requirement
    from packaging.version import InvalidVersion, Version

    wanted = Requirement(requirement)
    try:
        return wanted.specifier.contains(Version(metadata.version(wanted.name) or ""), prereleases=True)
    except (metadata.PackageNotFoundError, InvalidVersion, TypeError):
        return False


def missingPackages() -> list[str]:
    """Requirements that are not met, without torch."""
    return [requirement for requirement in requirements() if not isSatisfied(requirement)]


def dependencyReport() -> str:
    """Versions of Python and of all packages, one per line, for a report of a problem."""
    lines = [f"Python {platform.python_version()} {platform.system()} {platform.machine()}"]
    for requirement in [TORCH, *requirements()]:
        name = requirement.split(">=")[0]
        try:
            lines.append(f"{name} {metadata.version(name)}" + ("" if isSatisfied(requirement) else f" ({requirement})"))
        except metadata.PackageNotFoundError:
            lines.append(f"{name}: not installed ({requirement})")
    return "\n".join(lines)


def ensureDependencies(tell: Callable[[str], None] | None = None) -> bool:
    """Whether everything needed is installed, after asking and installing what is not.

    tell: gets one line when the answer is False (default: the application's status bar). Never raises: to decline is a
    normal outcome, and so is a computer without network.
    """
    try:
        problem = _ensureTorch() or _ensurePackages()
    except INSTALL_ERRORS as error:
        logging.warning("Installation failed: %s", error)
        problem = _("The Python packages could not be installed ({error}). {byHand}").format(
            error=" ".join(str(error).split()) or type(error).__name__, byHand=installByHand()
        )
    if problem:
        (tell or slicer.util.showStatusMessage)(problem)
    return not problem


def installByHand() -> str:
    """What to do on a computer without network."""
    wanted = " ".join(f'"{requirement}"' for requirement in missingPackages())
    if not wanted:
        return _("Without network: install the PyTorch extension from a file in the Extensions Manager.")
    return _("Without network: fetch the wheels elsewhere and run PythonSlicer -m pip install {packages}").format(
        packages=wanted
    )


def _ensureTorch() -> str:
    """Install torch through the PyTorch extension; what is wrong, or ""."""
    if isSatisfied(TORCH):
        return ""
    try:
        import PyTorchUtils
    except ImportError:
        return _(
            "PyTorch is needed: install the extension PyTorch in the Extensions Manager, restart Slicer and try again."
        )
    message = _("PyTorch is needed to find vessels. It is some hundred megabytes to several gigabytes. Install it now?")
    if not _agrees(message):
        return _("PyTorch was not installed, so nothing was computed.")
    PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=False, torchVersionRequirement=">=2.8")
    if isSatisfied(TORCH):
        return ""
    return _("PyTorch was not installed. Open the module PyTorch Util, install it there and restart Slicer.")


def _ensurePackages() -> str:
    """Install the other packages; what is wrong, or ""."""
    missing = missingPackages()
    if not missing:
        return ""
    declined = _("The Python packages {packages} were not installed, so nothing was computed.").format(
        packages=", ".join(missing)
    )
    packaging = _slicerPackaging()
    if packaging is not None:
        try:
            packaging.pip_ensure(missing, requester=REQUESTER)
        except RuntimeError as error:
            # How pip_ensure says that the user declined.
            logging.info("%s", error)
            return declined
    else:
        question = _("These Python packages are needed and will be installed into Slicer: {packages}. Continue?")
        if not _agrees(question.format(packages=", ".join(missing))):
            return declined
        slicer.util.pip_install(missing)
    return declined if missingPackages() else ""


def _agrees(question: str) -> bool:
    return bool(slicer.util.confirmOkCancelDisplay(question, REQUESTER))


def _slicerPackaging() -> Any | None:
    """`slicer.packaging` of Slicer 5.12 and later."""
    try:
        import slicer.packaging as packaging
    except ImportError:
        return None
    return packaging if hasattr(packaging, "pip_ensure") else None
