"""Write a vessel model to a surface file that names its frame the way 3D Slicer does."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from VesselSegmentationLib.errors import InputError, OutputError

from .vessel_model import ModelFrame, VesselModel
from .vtk_bridge import captured_messages, first_error, polydata_from_arrays

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkPolyData

PRODUCER = "VesselRegistration."


def write_vessel_model(model: VesselModel, path: str | Path, frame: ModelFrame = ModelFrame.LPS) -> None:
    """Write the model to .stl, .vtp, .vtk (legacy), .obj or .ply, in mm.

    `SPACE=LPS` or `SPACE=RAS` goes into the header (STL, VTK), a comment (OBJ, PLY) or a field data array (VTP).
    STL and PLY hold single precision (0.00003 mm at 300 mm), the others double. The file is written aside and renamed.

    Args:
        path: the file; an existing one is replaced.
        frame: the frame of the coordinates in the file; RAS flips the first two.
    Raises:
        InputError: an ending that is not written, or a model without triangles.
        OutputError: the folder is missing or cannot be written to.
    """
    path = Path(path)
    frame = ModelFrame(frame)
    extension = path.suffix.lower()
    if extension not in _WRITERS:
        raise InputError(f"{path}: models with the ending '{extension}' are not written; use one of {_EXTENSIONS}")
    if len(model.triangles) == 0:
        raise InputError(f"{path}: the model has no triangles, so there is nothing to write")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist; create it first")
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give a file name")
    flip = np.array([-1.0, -1.0, 1.0]) if frame is ModelFrame.RAS else np.ones(3)
    aside = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}{extension}")
    try:
        with captured_messages() as window:
            _WRITERS[extension](polydata_from_arrays(model.points_lps * flip, model.triangles), aside, frame)
            problem = first_error(window)
        if problem or not aside.exists():
            raise OutputError(f"{path}: cannot be written ({problem or 'no file appeared'}); choose another folder")
        os.replace(aside, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another folder") from error
    finally:
        aside.unlink(missing_ok=True)


def _title(frame: ModelFrame) -> str:
    return f"{PRODUCER} SPACE={frame.value}"


def _write_stl(surface: vtkPolyData, path: Path, frame: ModelFrame) -> None:
    from vtkmodules.vtkIOGeometry import vtkSTLWriter

    writer = vtkSTLWriter()
    writer.SetHeader(_title(frame))
    writer.SetFileTypeToBinary()
    _finish(writer, surface, path)


def _write_vtp(surface: vtkPolyData, path: Path, frame: ModelFrame) -> None:
    from vtkmodules.vtkCommonCore import vtkStringArray
    from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

    space = vtkStringArray()
    space.SetName("SPACE")
    space.InsertNextValue(frame.value)
    surface.GetFieldData().AddArray(space)
    writer = vtkXMLPolyDataWriter()
    writer.SetDataModeToAppended()
    writer.EncodeAppendedDataOff()
    writer.SetCompressorTypeToZLib()
    _finish(writer, surface, path)


def _write_vtk(surface: vtkPolyData, path: Path, frame: ModelFrame) -> None:
    from vtkmodules.vtkIOLegacy import vtkPolyDataWriter

    writer = vtkPolyDataWriter()
    writer.SetHeader(_title(frame))
    writer.SetFileVersion(42)  # version 5.1 is refused by most programs built before VTK 9
    writer.SetFileTypeToBinary()
    _finish(writer, surface, path)


def _write_ply(surface: vtkPolyData, path: Path, frame: ModelFrame) -> None:
    from vtkmodules.vtkIOPLY import vtkPLYWriter

    writer = vtkPLYWriter()
    writer.AddComment(_title(frame))
    writer.SetFileTypeToBinary()
    _finish(writer, surface, path)


def _write_obj(surface: vtkPolyData, path: Path, frame: ModelFrame) -> None:
    from vtkmodules.vtkIOGeometry import vtkOBJWriter

    _finish(vtkOBJWriter(), surface, path)
    if path.exists():
        path.write_bytes(f"# {_title(frame)}\n".encode() + path.read_bytes())  # the writer takes no comment


_WRITERS: dict[str, Callable[[vtkPolyData, Path, ModelFrame], None]] = {
    ".stl": _write_stl,
    ".vtp": _write_vtp,
    ".vtk": _write_vtk,
    ".obj": _write_obj,
    ".ply": _write_ply,
}
_EXTENSIONS = ", ".join(_WRITERS)


def _finish(writer: Any, surface: vtkPolyData, path: Path) -> None:
    writer.SetInputData(surface)
    writer.SetFileName(str(path))
    writer.Write()
