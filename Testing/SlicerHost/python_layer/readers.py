"""Readers of single files; each returns the nodes it made, or None when it failed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import slicer
import vtk

from .errors import missing

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
_VOLUME_KEYS = frozenset({
    "fileName", "name", "labelmap", "singleFile", "center", "discardOrientation", "autoWindowLevel", "show",
    "colorNodeID", "fileNames",
})  # fmt: skip
# Bits of vtkSlicerVolumesLogic's loading options.
_LABELMAP, _CENTERED, _SINGLE, _AUTO_WINDOW, _NO_ORIENTATION = 1, 2, 4, 8, 16


def _only(properties: dict[str, Any], *known: str) -> None:
    unknown = set(properties) - {"fileName", "nodeID", *known}
    if unknown:
        raise missing(f"file property '{sorted(unknown)[0]}'")


def _name(properties: dict[str, Any]) -> str:
    return str(properties.get("name") or Path(properties["fileName"]).name.partition(".")[0])


def _uniqueName(properties: dict[str, Any]) -> str:
    return slicer.mrmlScene.GenerateUniqueName(_name(properties))


def readVolume(properties: dict[str, Any], messages: Any) -> list[Any] | None:
    """Volumes: NRRD, NIfTI, MetaImage, DICOM through slicer-core; pictures through VTK."""
    if set(properties) - _VOLUME_KEYS - {"nodeID"}:
        raise missing(f"volume property '{sorted(set(properties) - _VOLUME_KEYS)[0]}'")
    name = properties.get("name") or slicer.mrmlScene.GetUniqueNameByString(_name(properties))
    if str(properties["fileName"]).lower().endswith(PICTURES):
        node = _readPicture(properties, name, messages)
    else:
        node = _readArchetype(properties, name, messages)
    if node is None:
        return None
    if properties.get("colorNodeID") and node.GetDisplayNode():
        node.GetDisplayNode().SetAndObserveColorNodeID(properties["colorNodeID"])
    if properties.get("show", True):
        _show(node)
    return [node]


def _readArchetype(properties: dict[str, Any], name: str, messages: Any) -> Any:
    options = (
        _LABELMAP * bool(properties.get("labelmap"))
        | _CENTERED * bool(properties.get("center"))
        | _SINGLE * bool(properties.get("singleFile"))
        | _AUTO_WINDOW * bool(properties.get("autoWindowLevel", True))
        | _NO_ORIENTATION * bool(properties.get("discardOrientation"))
    )
    files = vtk.vtkStringArray()
    for file in properties.get("fileNames") or ():
        files.InsertNextValue(str(file))
    logic = slicer.modules.volumes.logic()
    node = logic.AddArchetypeVolume(str(properties["fileName"]), name, options, files)
    if node is None:
        messages.AddMessage(vtk.vtkCommand.ErrorEvent, f"Failed to read volume {properties['fileName']}")
    return node


def _show(node: Any) -> None:
    selection = slicer.app.applicationLogic().GetSelectionNode()
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        selection.SetActiveLabelVolumeID(node.GetID())
    else:
        selection.SetActiveVolumeID(node.GetID())
    slicer.app.applicationLogic().PropagateVolumeSelection()


def _siblings(path: Path) -> list[Path]:
    """Pictures of the same numbered series, in order: the application reads them as the slices of one volume."""
    number = re.search(r"(\d+)(?=\D*$)", path.stem)
    if number is None:
        return [path]
    before, after = path.stem[: number.start()], path.stem[number.end() :]
    pattern = re.compile(rf"{re.escape(before)}(\d+){re.escape(after)}{re.escape(path.suffix)}$")
    found = [(int(m.group(1)), p) for p in path.parent.iterdir() if (m := pattern.match(p.name))]
    return [p for _, p in sorted(found)]


def _readPicture(properties: dict[str, Any], name: str, messages: Any) -> Any:
    """A picture as a volume, read by ITK as in the application: i to the right, j down, LPS axes."""
    import SimpleITK as sitk

    path = Path(properties["fileName"])
    files = [Path(f) for f in properties.get("fileNames") or ()]
    files = files or ([path] if properties.get("singleFile") else _siblings(path))
    try:
        image = sitk.ReadImage([str(file) for file in files])
    except RuntimeError as error:
        messages.AddMessage(vtk.vtkCommand.ErrorEvent, f"Failed to read picture {path}: {error}")
        return None
    colored = image.GetNumberOfComponentsPerPixel() > 1
    kind = "LabelMapVolume" if properties.get("labelmap") else ("VectorVolume" if colored else "ScalarVolume")
    node = slicer.mrmlScene.AddNewNodeByClass(f"vtkMRML{kind}Node", name)
    slicer.util.updateVolumeFromArray(node, sitk.GetArrayFromImage(image))
    node.SetSpacing(image.GetSpacing())
    if not properties.get("discardOrientation"):
        node.SetIJKToRASDirections(-1, 0, 0, 0, -1, 0, 0, 0, 1)
    if properties.get("center"):
        raise missing("centering of pictures")
    node.CreateDefaultDisplayNodes()
    node.AddDefaultStorageNode()
    return node


def readSegmentation(properties: dict[str, Any], messages: Any) -> list[Any] | None:
    """Segmentations."""
    _only(properties, "name", "autoOpacities", "colorNodeID")
    colors = slicer.mrmlScene.GetNodeByID(properties.get("colorNodeID") or "")
    name = properties.get("name") or ""
    logic = slicer.modules.segmentations.logic()
    file = str(properties["fileName"])
    opacities = bool(properties.get("autoOpacities", True))
    node = logic.LoadSegmentationFromFile(file, opacities, name, colors, messages)
    return None if node is None else [node]


def readModel(properties: dict[str, Any], messages: Any) -> list[Any] | None:
    """Surface models; "coordinateSystem" is 0 for RAS and 1 for LPS, where the file does not say."""
    _only(properties, "name", "coordinateSystem")
    lps = slicer.vtkMRMLStorageNode.CoordinateSystemLPS
    system = properties.get("coordinateSystem", lps)
    node = slicer.modules.models.logic().AddModel(str(properties["fileName"]), system, messages)
    if node is None:
        return None
    if properties.get("name"):
        node.SetName(slicer.mrmlScene.GenerateUniqueName(properties["name"]))
    return [node]


def readTransform(properties: dict[str, Any], messages: Any) -> list[Any] | None:
    """Transforms."""
    _only(properties)
    node = slicer.modules.transforms.logic().AddTransform(str(properties["fileName"]), slicer.mrmlScene, messages)
    return None if node is None else [node]


def readMarkups(properties: dict[str, Any], messages: Any) -> list[Any] | None:
    """Markups."""
    _only(properties, "name")
    identifier = slicer.modules.markups.logic().LoadMarkups(
        str(properties["fileName"]), properties.get("name") or "", messages
    )
    return [slicer.mrmlScene.GetNodeByID(identifier)] if identifier else None


def readTable(properties: dict[str, Any], messages: Any) -> list[Any] | None:
    """Tables."""
    _only(properties, "name")
    logic = slicer.modules.tables.logic()
    node = logic.AddTable(str(properties["fileName"]), _name(properties), True, "", messages)
    return None if node is None else [node]


def readText(properties: dict[str, Any], messages: Any) -> list[Any] | None:
    """Texts."""
    _only(properties, "name")
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", _uniqueName(properties))
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextStorageNode")
    storage.SetFileName(str(properties["fileName"]))
    node.SetAndObserveStorageNodeID(storage.GetID())
    if storage.ReadData(node):
        return [node]
    slicer.mrmlScene.RemoveNode(node)
    slicer.mrmlScene.RemoveNode(storage)
    return None


def readSequence(properties: dict[str, Any], messages: Any) -> list[Any] | None:
    """Sequences, with a browser of their own that shows the first item."""
    _only(properties, "name", "show", "colorNodeID")
    node = slicer.modules.sequences.logic().AddSequence(str(properties["fileName"]), messages)
    if node is None:
        return None
    if properties.get("name"):
        node.SetName(slicer.mrmlScene.GenerateUniqueName(properties["name"]))
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", f"{node.GetName()} browser")
    browser.SetAndObserveMasterSequenceNodeID(node.GetID())
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    proxy = browser.GetProxyNode(node)
    if proxy is not None and proxy.IsA("vtkMRMLVolumeNode") and properties.get("show", True):
        _show(proxy)
    return [node]


def readColors(properties: dict[str, Any], messages: Any) -> list[Any] | None:
    """Color tables."""
    _only(properties, "name")
    node = slicer.modules.colors.logic().LoadColorFile(str(properties["fileName"]), _name(properties), messages)
    return None if node is None else [node]
