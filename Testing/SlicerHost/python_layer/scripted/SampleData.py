"""Stand-in for the Sample Data module: registration of data sets, and "download" of local files only."""

from __future__ import annotations

import logging
import os
import shutil
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctk
import qt
import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleWidget


def downloadFromURL(uris: Any = None, fileNames: Any = None, nodeNames: Any = None, checksums: Any = None,
                    loadFiles: Any = None, customDownloader: Any = None, loadFileTypes: Any = None,
                    loadFileProperties: dict[str, Any] | None = None) -> list[Any]:  # fmt: skip
    """Fetch files and load them; nodes or paths are returned."""
    return SampleDataLogic().downloadFromURL(
        uris, fileNames, nodeNames, checksums, loadFiles, customDownloader, loadFileTypes, loadFileProperties or {}
    )


def downloadSample(sampleName: str) -> Any:
    """Load a registered data set; its first node is returned."""
    return SampleDataLogic().downloadSample(sampleName)


def downloadSamples(sampleName: str) -> list[Any]:
    """Load a registered data set; its nodes are returned."""
    return SampleDataLogic().downloadSamples(sampleName)


class SampleData(ScriptedLoadableModule):
    """The module."""

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        parent.title = "Sample Data"
        parent.categories = ["Informatics"]
        parent.helpText = "Registers sample data sets. On the test host nothing is downloaded."


class SampleDataWidget(ScriptedLoadableModuleWidget):
    """A button for each data set, named ``<sampleName>PushButton``, in a box for each category."""

    def setup(self) -> None:
        super().setup()
        self.logic = SampleDataLogic()
        for category, sources in sorted(_registered().items()):
            box = ctk.ctkCollapsibleGroupBox()
            box.title = self.logic.categoryTitle(category)
            box.name = f"{category}CollapsibleGroupBox"
            box.setProperty("sampleDataCategory", category)
            self.layout.addWidget(box)
            column = qt.QVBoxLayout(box)
            for source in sources:
                column.addWidget(self._button(source))

    def _button(self, source: SampleDataSource) -> Any:
        button = qt.QToolButton()
        button.setText(source.sampleDescription or source.nodeNames[0])
        if source.thumbnailFileName and os.path.exists(source.thumbnailFileName):
            button.setIcon(qt.QIcon(source.thumbnailFileName))
        button.name = f"{source.sampleName}PushButton"
        fetch = source.customDownloader or self.logic.downloadFromSource
        button.connect("clicked()", lambda: fetch(source))
        return button


class SampleDataSource:
    """One data set: a list of files, each with what to do with it."""

    def __init__(self, sampleName: str | None = None, sampleDescription: str | None = None, uris: Any = None,
                 fileNames: Any = None, nodeNames: Any = None, checksums: Any = None, loadFiles: Any = None,
                 customDownloader: Callable[..., Any] | None = None, thumbnailFileName: str | None = None,
                 loadFileTypes: Any = None, loadFileProperties: dict[str, Any] | None = None,
                 loadFileType: Any = None) -> None:  # fmt: skip
        self.sampleName = sampleName
        self.sampleDescription = sampleName if sampleDescription is None else sampleDescription
        self.customDownloader = customDownloader
        self.thumbnailFileName = thumbnailFileName
        self.loadFileProperties = loadFileProperties or {}
        columns = [fileNames, nodeNames, loadFiles, _oneOf(loadFileTypes, loadFileType), checksums]
        if isinstance(uris, str):
            uris, columns = [uris], [[column] for column in columns]
        else:
            columns[1:] = [_spread(column, len(uris)) for column in columns[1:]]
        if any(len(column) != len(uris) for column in columns):
            raise ValueError(f"All fields of sample data source must have the same length: {uris}, {columns}")
        self.uris = uris
        self.fileNames, self.nodeNames, self.loadFiles, self.loadFileTypes, self.checksums = columns

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SampleDataSource) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


def _oneOf(loadFileTypes: Any, loadFileType: Any) -> Any:
    if loadFileType is not None and loadFileTypes is not None:
        raise ValueError("loadFileType and loadFileTypes cannot be specified at the same time")
    return loadFileTypes if loadFileType is None else loadFileType


def _spread(column: Any, count: int) -> Any:
    return [column] * count if column is None or isinstance(column, str) else column


def _registered() -> dict[str, list[SampleDataSource]]:
    if not hasattr(slicer.modules, "sampleDataSources"):
        slicer.modules.sampleDataSources = {}
    return slicer.modules.sampleDataSources


class SampleDataLogic:
    """Keeps `slicer.modules.sampleDataSources` and fetches what stands in it."""

    def __init__(self, logMessage: Callable[..., None] | None = None) -> None:
        if logMessage:
            self.logMessage = logMessage  # type: ignore[method-assign]
        self.builtInCategoryName = "General"
        self.downloadPercent = 0
        _registered()

    @staticmethod
    def registerCustomSampleDataCategory(category: str, title: str) -> None:
        """Give a category a title to show."""
        if not hasattr(slicer.modules, "sampleDataSourceCategories"):
            slicer.modules.sampleDataSourceCategories = {}
        slicer.modules.sampleDataSourceCategories.setdefault(category, {})["title"] = title

    @staticmethod
    def registerCustomSampleDataSource(
        category: str = "Custom", sampleName: str | None = None, uris: Any = None, fileNames: Any = None,
        nodeNames: Any = None, customDownloader: Any = None, thumbnailFileName: str | None = None,
        loadFileTypes: Any = None, loadFiles: Any = None, loadFileProperties: dict[str, Any] | None = None,
        checksums: Any = None, loadFileType: Any = None,
    ) -> None:  # fmt: skip
        """Register a data set, once."""
        source = SampleDataSource(
            sampleName=sampleName, uris=uris, fileNames=fileNames, nodeNames=nodeNames,
            thumbnailFileName=thumbnailFileName, loadFileTypes=_oneOf(loadFileTypes, loadFileType),
            loadFiles=loadFiles, loadFileProperties=loadFileProperties, checksums=checksums,
            customDownloader=customDownloader,
        )  # fmt: skip
        sources = _registered().setdefault(category, [])
        if source not in sources:
            sources.append(source)

    @staticmethod
    def categoryTitle(category: str) -> str:
        """Title of a category to show."""
        known = getattr(slicer.modules, "sampleDataSourceCategories", {})
        return known.get(category, {}).get("title", category)

    @staticmethod
    def sampleDataSourcesByCategory(category: str | None = None) -> Any:
        """All data sets by category, or the list of one category."""
        return _registered() if category is None else _registered().get(category, [])

    @staticmethod
    def isSampleDataSourceRegistered(category: str, sampleDataSource: SampleDataSource) -> bool:
        """Whether a data set is registered."""
        if not isinstance(sampleDataSource, SampleDataSource):
            raise TypeError(f"unsupported sampleDataSource type '{type(sampleDataSource)}'")
        return sampleDataSource in _registered().get(category, [])

    def sourceForSampleName(self, sampleName: str) -> SampleDataSource | None:
        """The data set of this name."""
        return next((s for sources in _registered().values() for s in sources if s.sampleName == sampleName), None)

    def categoryForSource(self, a_source: SampleDataSource) -> str | None:
        """The category of a data set."""
        return next((category for category, sources in _registered().items() if a_source in sources), None)

    def logMessage(self, message: str, logLevel: int = logging.DEBUG) -> None:
        """Log a message."""
        logging.log(logLevel, message)

    def downloadFileIntoCache(self, uri: str, name: str, checksum: str | None = None,
                              forceDownload: bool = False) -> str:  # fmt: skip
        """Copy a local file into the cache.

        Raises:
            NotImplementedError: the address is not one of a local file.
            ValueError: the file is missing or its checksum is not the one given.
        """
        address = urllib.parse.urlparse(uri)
        if address.scheme != "file":
            raise NotImplementedError(f"The test host downloads nothing: {uri}")
        origin = Path(urllib.request.url2pathname(address.path))
        target = Path(slicer.mrmlScene.GetCacheManager().GetRemoteCacheDirectory()) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not origin.is_file():
            raise ValueError(f"Failed to download {uri} to {target}")
        if forceDownload or checksum or not target.exists():
            shutil.copyfile(origin, target)
        algorithm, digest = slicer.util.extractAlgoAndDigest(checksum)
        if algorithm is not None and slicer.util.computeChecksum(algorithm, str(target)) != digest:
            target.unlink()
            raise ValueError(f"Checksum verification failed for {uri}")
        self.downloadPercent = 100
        return str(target)

    def downloadSourceIntoCache(self, source: SampleDataSource) -> list[str]:
        """Copy all files of a data set into the cache."""
        files = zip(source.uris, source.fileNames, source.checksums)
        return [self.downloadFileIntoCache(uri, name, checksum) for uri, name, checksum in files]

    def downloadFromSource(self, source: SampleDataSource, maximumAttemptsCount: int = 3,
                           forceDownload: bool = False) -> list[Any]:  # fmt: skip
        """Fetch a data set and load what is to be loaded; nodes, or paths where there are none, are returned."""
        nodes: list[Any] = []
        paths: list[str] = []
        named = any(name is not None for name in source.nodeNames)
        rows = zip(source.uris, source.fileNames, source.nodeNames, source.checksums, source.loadFiles,
                   source.loadFileTypes)  # fmt: skip
        for uri, given, nodeName, checksum, load, kind in rows:
            base, ending = os.path.splitext(os.path.basename(given or urllib.parse.urlparse(uri).path))
            if nodeName is None and load is not False and not named:
                nodeName = base
            fileName = given or f"{nodeName or base}-{uuid.uuid4().hex}{ending}"
            path = self.downloadFileIntoCache(uri, fileName, checksum, forceDownload)
            if kind == "ZipFile" or (kind is None and nodeName is None and ending.lower() == ".zip"):
                raise NotImplementedError("The test host unpacks no sample archives.")
            if load is False or (kind == "SceneFile" and not load):
                nodes.append(path)
            elif kind == "SceneFile":
                slicer.util.loadNodeFromFile(path, kind, dict(source.loadFileProperties))
                nodes.append(path)
            elif nodeName:
                nodes.append(self.loadNode(path, nodeName, kind, dict(source.loadFileProperties)))
            else:
                paths.append(path)
        return nodes or paths

    def downloadFromURL(self, uris: Any = None, fileNames: Any = None, nodeNames: Any = None, checksums: Any = None,
                        loadFiles: Any = None, customDownloader: Any = None, loadFileTypes: Any = None,
                        loadFileProperties: dict[str, Any] | None = None,
                        forceDownload: bool = False) -> list[Any]:  # fmt: skip
        """Fetch files that are not registered."""
        source = SampleDataSource(
            uris=uris,
            fileNames=fileNames,
            nodeNames=nodeNames,
            loadFiles=loadFiles,
            loadFileTypes=loadFileTypes,
            loadFileProperties=loadFileProperties,
            checksums=checksums,
            customDownloader=customDownloader,
        )
        return self.downloadFromSource(source, forceDownload=forceDownload)

    def downloadSample(self, sampleName: str) -> Any:
        """Load a registered data set; its first node is returned."""
        return self.downloadSamples(sampleName)[0]

    def downloadSamples(self, sampleName: str) -> list[Any]:
        """Load a registered data set; its nodes are returned. A custom downloader is for the button only."""
        source = self.sourceForSampleName(sampleName)
        return [] if source is None else self.downloadFromSource(source)

    def loadNode(self, uri: str, name: str, fileType: str | None = None,
                 fileProperties: dict[str, Any] | None = None) -> Any:  # fmt: skip
        """Load a file; the node no longer remembers the file in the cache."""
        node = slicer.util.loadNodeFromFile(uri, fileType, {**(fileProperties or {}), "name": name})
        storage = node.GetStorageNode() if node.IsA("vtkMRMLStorableNode") else None
        if storage is not None:
            slicer.mrmlScene.RemoveNode(storage)
            node.SetAndObserveStorageNodeID(None)
        return node
