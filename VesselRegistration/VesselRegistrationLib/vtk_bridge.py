"""Between numpy and VTK: meshes in both directions, and VTK's complaints as text instead of on the console.

Single VTK modules are imported, inside the functions that need them: the whole of VTK takes seconds and a display.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from VesselSegmentationLib.errors import InputError

if TYPE_CHECKING:
    from vtkmodules.vtkCommonCore import vtkStringOutputWindow
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData


@contextmanager
def captured_messages() -> Iterator[vtkStringOutputWindow]:
    """Collect what VTK would print. VTK has one output window per process, so this is for one thread at a time."""
    from vtkmodules.vtkCommonCore import vtkLogger, vtkOutputWindow, vtkStringOutputWindow

    window = vtkStringOutputWindow()
    previous = vtkOutputWindow.GetInstance()
    verbosity = vtkLogger.GetCurrentVerbosityCutoff()
    vtkOutputWindow.SetInstance(window)
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        yield window
    finally:
        vtkLogger.SetStderrVerbosity(vtkLogger.ConvertToVerbosity(verbosity))
        vtkOutputWindow.SetInstance(previous)


def first_error(window: vtkStringOutputWindow) -> str | None:
    """The first error that VTK reported, in one line without its source file and address, or None."""
    output = window.GetOutput()  # bytes where a message quotes what is no UTF-8
    text = output.decode("latin-1") if isinstance(output, bytes) else str(output)
    if "ERROR:" not in text:
        return None
    lines = [line.strip() for line in text.split("ERROR:", 1)[1].splitlines()[1:]]
    message = next((line for line in lines if line), "unknown error")
    return "".join(c for c in message.split("): ", 1)[-1] if c.isprintable())


def polydata_from_arrays(points: NDArray[np.float64], triangles: NDArray[Any]) -> vtkPolyData:
    """A vtkPolyData that owns copies of (N, 3) points and (M, 3) triangles."""
    return polydata_from_polygons(points, np.full(len(triangles), 3), np.asarray(triangles).reshape(-1))


def polydata_from_polygons(points: NDArray[np.float64], sizes: NDArray[Any], indices: NDArray[Any]) -> vtkPolyData:
    """A vtkPolyData of polygons with `sizes` corners each, `indices` being the corners one after the other."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

    vtk_points = vtkPoints()
    vtk_points.SetData(numpy_to_vtk(np.ascontiguousarray(points, dtype=np.float64), deep=True))
    cells = vtkCellArray()
    cells.SetData(
        numpy_to_vtkIdTypeArray(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), deep=True),
        numpy_to_vtkIdTypeArray(np.ascontiguousarray(indices, dtype=np.int64), deep=True),
    )
    surface = vtkPolyData()
    surface.SetPoints(vtk_points)
    surface.SetPolys(cells)
    return surface


def arrays_from_polydata(surface: vtkPolyData) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points (N, 3) and triangles (M, 3) of a vtkPolyData; polygons and strips are cut into triangles.

    Raises:
        InputError: no points, no polygons, or a polygon that refers to a point that does not exist.
    """
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkFiltersCore import vtkTriangleFilter

    count = int(surface.GetNumberOfPoints())
    if count == 0:
        raise InputError("holds no points: export the surface again")
    polygon_sizes = _checked_sizes(surface.GetPolys(), count)
    strip_sizes = _checked_sizes(surface.GetStrips(), count)
    if len(polygon_sizes) + len(strip_sizes) == 0:
        others = int(surface.GetNumberOfLines()) + int(surface.GetNumberOfVerts())
        what = "only points or lines" if others else f"{count} points but no triangles"
        raise InputError(f"holds {what}, not a surface: export the vessels as a surface model")
    if len(strip_sizes) or np.any(polygon_sizes != 3):
        cutter = vtkTriangleFilter()
        cutter.PassVertsOff()
        cutter.PassLinesOff()
        cutter.SetInputData(surface)
        cutter.Update()
        surface = cutter.GetOutput()
    with np.errstate(invalid="ignore"):  # NaN is counted and refused later
        points = vtk_to_numpy(surface.GetPoints().GetData()).astype(np.float64)
    cells = surface.GetPolys()
    if cells.GetNumberOfCells() == 0:
        raise InputError("holds polygons of fewer than three corners only: export the vessels as a surface model")
    starts = vtk_to_numpy(cells.GetOffsetsArray()).astype(np.int64)
    starts = starts[:-1][np.diff(starts) == 3]  # the filter passes polygons of one or two corners on
    triangles = vtk_to_numpy(cells.GetConnectivityArray())[starts[:, None] + np.arange(3)].astype(np.int64)
    return points, triangles


def _checked_sizes(cells: vtkCellArray, point_count: int) -> NDArray[np.int64]:
    """Corners per cell, once every index is known to be in range: VTK's filters do not check and crash."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    if cells is None or cells.GetNumberOfCells() == 0:
        return np.zeros(0, dtype=np.int64)
    offsets = vtk_to_numpy(cells.GetOffsetsArray()).astype(np.int64)
    connectivity = vtk_to_numpy(cells.GetConnectivityArray())
    sizes = np.diff(offsets)
    if offsets[0] != 0 or offsets[-1] != len(connectivity) or np.any(sizes < 0):
        raise InputError("holds a damaged list of polygons: export the model again")
    wrong = int(np.count_nonzero((connectivity < 0) | (connectivity >= point_count)))
    if wrong:
        raise InputError(
            f"refers {wrong} times to points that do not exist (it has {point_count}); it is damaged: export it again"
        )
    return np.asarray(sizes, dtype=np.int64)
