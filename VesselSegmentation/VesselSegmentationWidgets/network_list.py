"""The user's own networks: a folder that holds some, and those trained here. Kept in the application's settings."""

from __future__ import annotations

import json
from pathlib import Path

import qt

from VesselSegmentationMRML import networks

FOLDER_KEY = "VesselSegmentation/NetworksFolder"
TRAINED_KEY = "VesselSegmentation/TrainedNetworks"


def folder() -> str:
    """The folder of own networks; "" when none was chosen."""
    return str(qt.QSettings().value(FOLDER_KEY, "") or "")


def setFolder(path: str) -> None:
    """Remember the folder of own networks: one network, or several in folders of their own."""
    qt.QSettings().setValue(FOLDER_KEY, path)


def trained() -> list[str]:
    """Folders of the networks that were trained here."""
    try:
        paths = json.loads(str(qt.QSettings().value(TRAINED_KEY, "[]") or "[]"))
    except ValueError:
        return []
    return [str(path) for path in paths] if isinstance(paths, list) else []


def addTrained(path: Path | str) -> None:
    """Remember a network that was trained here."""
    paths = [known for known in trained() if known != str(path)] + [str(path)]
    qt.QSettings().setValue(TRAINED_KEY, json.dumps(paths))


def ownNetworks() -> list[Path]:
    """All of the user's networks that exist, each once."""
    chosen = Path(folder()) if folder() else None
    found = [chosen] if chosen and networks.isNetwork(chosen) else networks.networksIn(chosen) if chosen else []
    found += [Path(path) for path in trained() if networks.isNetwork(path)]
    return list(dict.fromkeys(found))


def defaultOutput(name: str) -> str:
    """A folder for a new network: beside the others, else in the home folder."""
    return str(Path(folder() or Path.home() / "VesselNetworks") / f"{name or 'vessels'}-network")
