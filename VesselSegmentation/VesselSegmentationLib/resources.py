"""Where the project's own data lie: the folder `Resources` with networks and the sample case."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from VesselSegmentationLib.errors import WeightsError

ENVIRONMENT_VARIABLE = "VESSEL_REGISTRATION_RESOURCES"
SEGMENTATION_NETWORK = Path("Models") / "VesselSegmentation"
MATCHING_NETWORK = Path("Models") / "ModelToImageMatching"


def resource_folder() -> Path:
    """The folder `Resources`: the environment's, else beside the source tree, else of the installation.

    A folder counts when it holds `Models`. Raises WeightsError when there is none, or when the environment variable
    VESSEL_REGISTRATION_RESOURCES names a folder that does not exist.
    """
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        if not Path(named).is_dir():
            raise WeightsError(f"{ENVIRONMENT_VARIABLE} names {named}, which is no folder: correct or unset it.")
        return Path(named)
    beside = [parent / "Resources" for parent in Path(__file__).resolve().parents[:4]]
    installed = Path(sys.prefix) / "share" / "vessel-registration" / "Resources"
    for folder in (*beside, installed):
        if (folder / "Models").is_dir():
            return folder
    raise WeightsError(
        f"The folder Resources with the networks was found neither beside the sources nor in {installed}: "
        f"install the project again, or set {ENVIRONMENT_VARIABLE} to it."
    )


def segmentation_network_folder() -> Path:
    """Folder of the shipped segmentation network."""
    return resource_folder() / SEGMENTATION_NETWORK


def matching_network_folder() -> Path:
    """Folder of the shipped model-to-image matching network."""
    return resource_folder() / MATCHING_NETWORK
