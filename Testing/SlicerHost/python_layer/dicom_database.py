"""`slicer.dicomDatabase`: a table of DICOM files that tests fill; there is no database behind it."""

from __future__ import annotations

from .errors import Strict


class DICOMDatabase(Strict):
    """Stand-in for ctkDICOMDatabase: knows the files it is told, by their instance UID."""

    MISSING = frozenset({
        "patients", "studiesForPatient", "seriesForStudy", "filesForSeries", "instanceValue", "fileValue", "insert",
        "removeSeries", "removePatient", "databaseFilename", "databaseDirectory", "openDatabase", "closeDatabase",
        "instancesForSeries", "cacheTag", "fieldForSeries", "descriptionForSeries", "nameForPatient", "allFiles",
        "connect", "disconnect", "loadFileHeader", "headerValue", "seriesForFile", "instanceForFile",
    })  # fmt: skip

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._seal()

    @property
    def isOpen(self) -> bool:
        """Always open."""
        return True

    def addFile(self, instanceUid: str, path: str, /) -> None:
        """Tell the database of a file (of the host alone: the application indexes folders)."""
        self._files[str(instanceUid)] = str(path)

    def fileForInstance(self, instanceUid: str, /) -> str:
        """Path of the file with this SOP instance UID; empty when unknown."""
        return self._files.get(instanceUid, "")
