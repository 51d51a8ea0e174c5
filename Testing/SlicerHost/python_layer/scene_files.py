"""Scenes and single nodes on disk: .mrml, .mrb, folders, and each node's own format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
import vtk

from .errors import missing

_BUNDLES = (".mrb", ".zip", ".xar")


def readScene(properties: dict[str, Any], messages: Any) -> list[Any] | None:
    """Add a scene to the present one, or replace it ("clear")."""
    unknown = set(properties) - {"fileName", "clear"}
    if unknown:
        raise missing(f"scene property '{sorted(unknown)[0]}'")
    path = Path(properties["fileName"]).resolve()
    scene = slicer.mrmlScene
    before = {node.GetID() for node in slicer.util.getNodesByClass("vtkMRMLNode")}
    clear = bool(properties.get("clear"))
    if path.suffix.lower() in _BUNDLES:
        succeeded = scene.ReadFromMRB(str(path), clear, messages)
    else:
        scene.SetURL(str(path))
        succeeded = scene.Connect(messages) if clear else scene.Import(messages)
    if not succeeded:
        return None
    nodes = slicer.util.getNodesByClass("vtkMRMLNode")
    return [node for node in nodes if node.GetID() not in before]


def writeScene(path: Path, messages: Any) -> bool:
    """Write the scene: alone (.mrml), with its data in one file (.mrb), or with its data into a folder."""
    scene = slicer.mrmlScene
    path = path.resolve()
    if path.suffix.lower() == ".mrml":
        scene.SetURL(str(path))
        scene.SetRootDirectory(str(path.parent))
        return bool(scene.Commit(str(path), messages))
    if path.suffix.lower() == ".mrb":
        return bool(scene.WriteToMRB(str(path), None, messages))
    path.mkdir(parents=True, exist_ok=True)
    return bool(slicer.app.applicationLogic().SaveSceneToSlicerDataBundleDirectory(str(path), None, messages))


def writeNode(node: Any, path: Path, properties: dict[str, Any], messages: Any) -> bool:
    """Write a node; its storage node remembers the file.

    Raises:
        NotImplementedError: DICOM files, which the library cannot write without ending the process.
    """
    _refuse(path, properties, {"nodeID", "fileName", "fileType", "useCompression", "fileFormat"})
    if node.GetStorageNode() is None:
        node.AddDefaultStorageNode(str(path))
    storage = node.GetStorageNode()
    if storage is None:
        messages.AddMessage(vtk.vtkCommand.ErrorEvent, f"Node {node.GetName()} cannot be written to a file")
        return False
    storage.SetFileName(str(path))
    storage.SetURI(None)
    if "useCompression" in properties:
        storage.SetUseCompression(int(properties["useCompression"]))
    written = bool(storage.WriteData(node))
    messages.AddMessages(storage.GetUserMessages())
    return written


def exportNode(node: Any, path: Path, properties: Any, harden: bool, messages: Any) -> bool:
    """Write a copy of a node, in world coordinates when `harden`; the node itself stays as it is."""
    if not isinstance(properties, dict):
        raise missing("export of nodes with a list of properties")
    _refuse(path, properties, {"fileFormat", "useCompression", "nodeID", "fileName"})
    scene = slicer.vtkMRMLScene()
    slicer.mrmlScene.CopyRegisteredNodesToScene(scene)
    copy = scene.AddNewNodeByClass(node.GetClassName(), node.GetName())
    copy.CopyContent(node)
    if harden and node.IsA("vtkMRMLTransformableNode") and node.GetParentTransformNode():
        transform = vtk.vtkGeneralTransform()
        node.GetParentTransformNode().GetTransformToWorld(transform)
        copy.ApplyTransform(transform)
    storage = copy.CreateDefaultStorageNode()
    if storage is None:
        return False
    storage.UnRegister(None)
    storage.SetFileName(str(path))
    if "useCompression" in properties:
        storage.SetUseCompression(int(properties["useCompression"]))
    scene.AddNode(storage)
    copy.SetAndObserveStorageNodeID(storage.GetID())
    written = bool(storage.WriteData(copy))
    messages.AddMessages(storage.GetUserMessages())
    return written


def _refuse(path: Path, properties: dict[str, Any], known: set[str]) -> None:
    if path.suffix.lower() == ".dcm":
        raise missing("writer of DICOM files (the library ends the process when asked)")
    unknown = set(properties) - known
    if unknown:
        raise missing(f"file property '{sorted(unknown)[0]}'")
