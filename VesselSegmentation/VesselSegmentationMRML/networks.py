"""Trained networks on disk, told by their metadata alone: what is shipped, and folders of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from VesselSegmentationMRML.choices import FieldOfView

NETWORK = "DruNet"


def shippedFolder(fieldOfView: FieldOfView = FieldOfView.AUTOMATIC) -> Path:
    """The shipped network of a field of view, or the one that serves all. Raises WeightsError without Resources."""
    from VesselSegmentationLib.resources import segmentation_network_folder

    common = segmentation_network_folder()
    own = common.with_name(f"{common.name}{fieldOfView.value.capitalize()}")
    return own if fieldOfView is not FieldOfView.AUTOMATIC and isNetwork(own) else common


def isNetwork(folder: Path | str) -> bool:
    """Whether a folder describes a vessel segmentation network. Its weights are checked when they are loaded."""
    return _metadata(Path(folder)).get("network", {}).get("name") == NETWORK


def networksIn(folder: Path | str) -> list[Path]:
    """Networks in the folders directly below a folder, by name; none when it does not exist."""
    folder = Path(folder)
    if not folder.is_dir():
        return []
    return sorted(child for child in folder.iterdir() if child.is_dir() and isNetwork(child))


def describe(folder: Path | str) -> str:
    """What a network is and how well it did, in a few words, for a tool tip."""
    document = _metadata(Path(folder))
    if not document:
        return ""
    scores = document.get("eval_metrics", {}).get("validation", {})
    median = scores.get("dsc", {}).get("median")
    measured = f" Median DSC {median:.2f} on {scores['frames']} held-out frames." if median is not None else ""
    return f"{document.get('description', '')} Trained on {document.get('data_source') or 'unknown data'}.{measured}"


def _metadata(folder: Path) -> dict[str, Any]:
    from VesselSegmentationLib.bundle_layout import metadata_path

    try:
        document = json.loads(metadata_path(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) and isinstance(document.get("network", {}), dict) else {}
