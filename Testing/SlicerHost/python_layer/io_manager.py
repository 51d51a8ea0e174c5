"""`slicer.app.coreIOManager()`: reads files into nodes and writes nodes to files, through slicer-core's logics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
import vtk

from . import readers, scene_files
from .errors import missing
from .signals import SignalSource

_READERS: dict[str, Callable[..., Any]] = {
    "VolumeFile": readers.readVolume,
    "SegmentationFile": readers.readSegmentation,
    "ModelFile": readers.readModel,
    "TransformFile": readers.readTransform,
    "MarkupsFile": readers.readMarkups,
    "TableFile": readers.readTable,
    "TextFile": readers.readText,
    "SequenceFile": readers.readSequence,
    "ColorTableFile": readers.readColors,
    "SceneFile": scene_files.readScene,
}
# The first that fits decides, so the longer endings stand first.
_TYPES = (
    ("SceneFile", (".mrml", ".mrb")),
    ("SegmentationFile", (".seg.nrrd", ".seg.nhdr", ".seg.vtm")),
    ("SequenceFile", (".seq.nrrd", ".seq.nhdr", ".seq.mrb", ".seq.mha")),
    ("MarkupsFile", (".mrk.json", ".fcsv")),
    ("VolumeFile", (".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".nii", ".dcm", ".ima", *readers.PICTURES)),
    ("ModelFile", (".vtk", ".vtp", ".stl", ".ply", ".obj", ".vtu", ".g", ".byu", ".meta", ".ucd")),
    ("TransformFile", (".tfm", ".h5", ".hdf5", ".mat", ".txf")),
    ("TableFile", (".tsv", ".csv", ".schema.csv")),
    ("ColorTableFile", (".ctbl", ".color")),
    ("TextFile", (".txt", ".xml", ".json")),
)
_WRITERS = {
    "vtkMRMLSegmentationNode": "SegmentationFile",
    "vtkMRMLVolumeNode": "VolumeFile",
    "vtkMRMLModelNode": "ModelFile",
    "vtkMRMLTransformNode": "TransformFile",
    "vtkMRMLMarkupsNode": "MarkupsFile",
    "vtkMRMLTableNode": "TableFile",
    "vtkMRMLTextNode": "TextFile",
    "vtkMRMLSequenceNode": "SequenceFile",
    "vtkMRMLColorNode": "ColorTableFile",
}


def _contains(fileName: str, mark: bytes) -> bool:
    """Whether the head of a file holds a mark."""
    try:
        with open(fileName, "rb") as file:
            return mark in file.read(1 << 16)
    except OSError:
        return False


class IOManager(SignalSource):
    """Stand-in for qSlicerIOManager; the dialogs exist only in the application."""

    SIGNALS = ("newFileLoaded(qSlicerIO::IOProperties)", "fileSaved(qSlicerIO::IOProperties)")
    MISSING = frozenset({
        "openDialog", "openAddDataDialog", "openAddVolumesDialog", "openSaveDataDialog", "openAddSceneDialog",
        "openLoadSceneDialog", "openScreenshotDialog", "openSceneViewsDialog", "registerDialog", "registerIO",
        "readers", "writers", "reader", "writer", "fileOptions", "fileWriterOptions", "fileDescriptions",
        "fileWriterDescriptions", "examineFileInfoList", "explodeMultiFrame", "qSlicerIO", "favorites", "setFavorites",
        "allReadableFileExtensions", "allWritableFileExtensions", "dragEnterEvent", "dropEvent", "saveScene",
        "completeSlicerWritableFileNameSuffix", "fileTypeFromDescription", "defaultSceneFileType",
    })  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._seal()

    def fileType(self, fileName: str, /) -> str:
        """Type of a file, by its name; NRRD and JSON files are looked into."""
        lower = str(fileName).lower()
        kind = next((kind for kind, endings in _TYPES if lower.endswith(endings)), "NoFile")
        if kind == "VolumeFile" and lower.endswith((".nrrd", ".nhdr")) and _contains(fileName, b"Segment0_ID:="):
            return "SegmentationFile"
        if kind == "TextFile" and lower.endswith(".json") and _contains(fileName, b"/markups-schema-"):
            return "MarkupsFile"
        return kind

    def loadNodes(self, fileType: str, properties: dict[str, Any], loaded: Any = None, messages: Any = None, /) -> bool:
        """Read a file into the scene.

        Args:
            fileType: such as "VolumeFile".
            properties: "fileName" and what the reader takes.
            loaded: vtkCollection that gets the nodes.
            messages: vtkMRMLMessageCollection that gets the reasons of a failure.
        """
        if fileType not in _READERS:
            raise missing(f"reader for '{fileType}' ({properties.get('fileName')})")
        messages = messages if messages is not None else slicer.vtkMRMLMessageCollection()
        if not Path(properties["fileName"]).exists():
            messages.AddMessage(vtk.vtkCommand.ErrorEvent, f"File does not exist: {properties['fileName']}")
            return False
        nodes = _READERS[fileType](dict(properties), messages)
        if nodes is None:
            return False
        for node in nodes:
            if loaded is not None:
                loaded.AddItem(node)
        self._signals["newFileLoaded(qSlicerIO::IOProperties)"].emit(properties)
        return True

    def loadScene(self, fileName: str, clear: bool = True, messages: Any = None, /) -> bool:
        """Read a scene; by default the present one is closed first."""
        return self.loadNodes("SceneFile", {"fileName": fileName, "clear": clear}, None, messages)

    def loadFile(self, fileName: str, messages: Any = None, /) -> bool:
        """Read a file of whatever type."""
        return self.loadNodes(self.fileType(fileName), {"fileName": fileName}, None, messages)

    def fileWriterFileType(self, node: Any, fileFormat: str = "", /) -> str:
        """Type of the file a node is written to."""
        return next((kind for name, kind in _WRITERS.items() if node.IsA(name)), "NoFile")

    def fileWriterExtensions(self, node: Any, /) -> tuple[str, ...]:
        """Formats a node can be written to, as ``"Text (.ending)"``."""
        storage = node.CreateDefaultStorageNode()
        if storage is None:
            return ()
        storage.UnRegister(None)
        types = storage.GetSupportedWriteFileTypes()
        return tuple(types.GetValue(i) for i in range(types.GetNumberOfValues()))

    def extractKnownExtension(self, fileName: str, node: Any, /) -> str:
        """The longest ending of the name that is a format of the node; empty when there is none."""
        endings = (slicer.vtkDataFileFormatHelper.GetFileExtensionFromFormatString(f)
                   for f in self.fileWriterExtensions(node))  # fmt: skip
        fitting = [ending for ending in endings if ending != ".*" and str(fileName).lower().endswith(ending)]
        return max(fitting, key=len, default="")

    def stripKnownExtension(self, fileName: str, node: Any, /) -> str:
        """The name without its known ending."""
        ending = self.extractKnownExtension(fileName, node)
        return str(fileName)[: len(str(fileName)) - len(ending)] if ending else str(fileName)

    def forceFileNameValidCharacters(self, fileName: str, /) -> str:
        """The name with what file systems do not take replaced by underscores."""
        return "".join(c if c.isalnum() or c in "@_-+^(). $#!&%" else "_" for c in fileName).strip()

    def saveNodes(self, fileType: str, properties: dict[str, Any], messages: Any = None, /) -> bool:
        """Write a node ("nodeID") or the scene to "fileName"."""
        messages = messages if messages is not None else slicer.vtkMRMLMessageCollection()
        path = Path(str(properties["fileName"]))
        path.parent.mkdir(parents=True, exist_ok=True)
        if fileType == "SceneFile":
            saved = scene_files.writeScene(path, messages)
        else:
            node = slicer.mrmlScene.GetNodeByID(properties["nodeID"])
            saved = node is not None and scene_files.writeNode(node, path, properties, messages)
        if saved:
            self._signals["fileSaved(qSlicerIO::IOProperties)"].emit(properties)
        return bool(saved)

    def exportNodes(self, nodeIds: list[str], fileNames: list[str], properties: Any, harden: bool = False,
                    messages: Any = None, /) -> bool:  # fmt: skip
        """Write copies of nodes; their own storage nodes stay as they are."""
        messages = messages if messages is not None else slicer.vtkMRMLMessageCollection()
        pairs = list(zip(nodeIds, fileNames))
        scene = slicer.mrmlScene
        written = [scene_files.exportNode(scene.GetNodeByID(i), Path(str(f)), properties, harden, messages)
                   for i, f in pairs]  # fmt: skip
        return all(written)

    def addDefaultStorageNodes(self) -> None:
        """Give each storable node of the scene a storage node."""
        for node in slicer.util.getNodesByClass("vtkMRMLStorableNode"):
            if node.GetSaveWithScene() and node.GetStorageNode() is None:
                node.AddDefaultStorageNode()
