"""Other ways to project a mesh, with their best settings, to compare the project's own with.

A surface renderer (VTK) gives a silhouette. Rays through the mesh as a volume give a path length: diffdrr's renderers
and a plain ray march in torch. Everything that is done once for many views is done at construction.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import grid_sample

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.vessel_model import VesselModel
from VesselRegistrationLib.vtk_bridge import polydata_from_arrays

FloatArray = NDArray[np.float64]
Rays = tuple[torch.Tensor, torch.Tensor]
"""Source (3,) and pixels (N, 3), LPS mm from the isocentre."""
SAMPLES_PER_VOXEL_SIDE = 2
"""Each voxel holds the share of 2 x 2 x 2 points inside the mesh: an edge softer, and truer, than inside or outside."""


class NotAvailable(Exception):
    """This computer cannot run a baseline; the message says why."""


class SurfaceRenderer:
    """VTK's off-screen rendering of a mesh, read back as a silhouette. One window, one actor; only the camera moves.

    No lighting, no multisampling, points in single precision. The C-arm must have square pixels and its principal point
    in the middle. Raises NotAvailable without an off-screen OpenGL.
    """

    def __init__(self, model: VesselModel, rows: int, culls_back_faces: bool) -> None:
        from vtkmodules.util.numpy_support import numpy_to_vtk
        from vtkmodules.vtkCommonCore import vtkPoints, vtkUnsignedCharArray
        from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper, vtkRenderer

        surface = polydata_from_arrays(model.points_lps, model.triangles)
        points = vtkPoints()
        points.SetData(numpy_to_vtk(model.points_lps.astype(np.float32), deep=True))
        surface.SetPoints(points)
        self._window = _off_screen_window()
        mapper = vtkPolyDataMapper()
        mapper.SetInputData(surface)
        mapper.ScalarVisibilityOff()
        mapper.StaticOn()
        actor = vtkActor()
        actor.SetMapper(mapper)
        actor.GetProperty().SetInterpolationToFlat()
        actor.GetProperty().LightingOff()
        actor.GetProperty().SetColor(1, 1, 1)
        actor.GetProperty().SetBackfaceCulling(culls_back_faces)
        self._renderer = vtkRenderer()
        self._renderer.AddActor(actor)
        self._window.SetMultiSamples(0)
        self._window.SwapBuffersOff()
        self._window.SetSize(rows, rows)
        self._window.AddRenderer(self._renderer)
        self._pixels = vtkUnsignedCharArray()
        self._reach_mm = float(np.linalg.norm(model.points_lps, axis=1).max()) + 1

    def silhouette(self, c_arm: CArm) -> NDArray[np.bool_]:
        """Pixels (rows, columns) that show the mesh."""
        from vtkmodules.util.numpy_support import vtk_to_numpy

        camera = self._renderer.GetActiveCamera()
        camera.SetPosition(*c_arm.source_lps())
        camera.SetFocalPoint(0, 0, 0)
        camera.SetViewUp(*c_arm.axes_lps()[1])
        camera.SetViewAngle(2 * np.degrees(np.arctan(c_arm.rows * c_arm.spacing_mm[0] / 2 / c_arm.sid_mm)))
        camera.SetClippingRange(c_arm.sod_mm - self._reach_mm, c_arm.sod_mm + self._reach_mm)
        self._window.Render()
        self._window.GetRGBACharPixelData(0, 0, c_arm.columns - 1, c_arm.rows - 1, 0, self._pixels)
        seen = vtk_to_numpy(self._pixels).reshape(c_arm.rows, c_arm.columns, 4)
        # OpenGL's rows run upwards, and a camera at the source sees the mirror image of the picture on the detector.
        return seen[::-1, ::-1, 0] > 0

    def device(self) -> str:
        """What draws, in OpenGL's words."""
        lines = self._window.ReportCapabilities().splitlines()
        found = [line.split(":", 1)[1].strip() for line in lines if line.startswith("OpenGL renderer string")]
        return f"{self._window.GetClassName()}, {found[0] if found else 'unknown OpenGL'}"


def _off_screen_window() -> Any:
    import vtkmodules.vtkRenderingOpenGL2 as opengl

    if sys.platform != "linux":
        from vtkmodules.vtkRenderingCore import vtkRenderWindow

        window = vtkRenderWindow()
        window.OffScreenRenderingOn()
        return window
    if not hasattr(opengl, "vtkEGLRenderWindow"):
        raise NotAvailable("this build of VTK has no EGL")
    for library in ("libEGL.so.1", "libGL.so.1"):
        try:
            ctypes.CDLL(library)
        except OSError:
            raise NotAvailable(f"{library} is not installed (Debian: libegl1, libgl1)") from None
    return opengl.vtkEGLRenderWindow()


@dataclass(frozen=True)
class Volume:
    """The share of each voxel that is inside a mesh."""

    shares: torch.Tensor
    """(z, y, x), 0 to 1."""
    first_lps: torch.Tensor
    """Center of the first voxel, (x, y, z) mm."""
    spacing_mm: torch.Tensor
    """(x, y, z)."""

    def voxels(self, points_lps: torch.Tensor) -> torch.Tensor:
        """(..., 3) LPS mm as (x, y, z) voxel indices."""
        return (points_lps - self.first_lps) / self.spacing_mm

    def size(self) -> torch.Tensor:
        """Voxels along (x, y, z)."""
        return torch.tensor(self.shares.shape[::-1], dtype=torch.float32)


def voxelized(model: VesselModel, size: int) -> Volume:
    """The mesh's bounding box as size^3 voxels; `size` is a multiple of 8."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkImagingStencil import vtkImageStencilToImage, vtkPolyDataToImageStencil

    low, high = model.points_lps.min(axis=0), model.points_lps.max(axis=0)
    fine, spacing = size * SAMPLES_PER_VOXEL_SIDE, (high - low) / size
    stencil = vtkPolyDataToImageStencil()
    stencil.SetInputData(polydata_from_arrays(model.points_lps, model.triangles))
    stencil.SetOutputSpacing(*(spacing / SAMPLES_PER_VOXEL_SIDE))
    stencil.SetOutputOrigin(*(low + spacing / SAMPLES_PER_VOXEL_SIDE / 2))
    image = vtkImageStencilToImage()
    image.SetInputConnection(stencil.GetOutputPort())
    image.SetInsideValue(1)
    image.SetOutsideValue(0)
    image.SetOutputScalarTypeToUnsignedChar()
    shares = np.zeros((size, size, size), dtype=np.float32)
    thick = size // 8  # in eight slabs: the finer grid at once would take eight times the memory
    for first in range(0, size, thick):
        from_z, to_z = first * SAMPLES_PER_VOXEL_SIDE, (first + thick) * SAMPLES_PER_VOXEL_SIDE - 1
        stencil.SetOutputWholeExtent(0, fine - 1, 0, fine - 1, from_z, to_z)
        image.Update()
        inside = vtk_to_numpy(image.GetOutput().GetPointData().GetScalars())
        per_voxel = inside.reshape(thick, SAMPLES_PER_VOXEL_SIDE, size, SAMPLES_PER_VOXEL_SIDE, size, -1)
        shares[first : first + thick] = per_voxel.mean(axis=(1, 3, 5), dtype=np.float32)
    return Volume(torch.from_numpy(shares), _tensor(low + spacing / 2), _tensor(spacing))


def pixel_positions(c_arm: CArm) -> FloatArray:
    """Where the pixels are on the detector, LPS mm from the isocentre. Shape (rows x columns, 3)."""
    right, up, beam = c_arm.axes_lps()
    column0, row0 = c_arm.center_px
    across = ((np.arange(c_arm.columns) - column0) * c_arm.spacing_mm[1])[None, :, None] * right
    upwards = -((np.arange(c_arm.rows) - row0) * c_arm.spacing_mm[0])[:, None, None] * up
    return (c_arm.source_lps() + c_arm.sid_mm * beam + across + upwards).reshape(-1, 3)


@dataclass(frozen=True)
class RayMarch:
    """Path length by sampling the volume along each ray in even steps, trilinear, in torch."""

    volume: Volume
    samples: int = 256
    rays_at_once: int = 4096

    @torch.inference_mode()
    def path_length_mm(self, source_lps: torch.Tensor, pixels_lps: torch.Tensor) -> torch.Tensor:
        """Lengths (N,) from the source (3,) to the pixels (N, 3)."""
        # In grid_sample's coordinates the volume, from its first voxels' outer faces to its last ones', is -1 to 1.
        source = 2 * (self.volume.voxels(source_lps) + 0.5) / self.volume.size() - 1
        steps = (torch.arange(self.samples) + 0.5) / self.samples
        lengths = []
        for pixels in pixels_lps.split(self.rays_at_once):
            rays = 2 * (self.volume.voxels(pixels) + 0.5) / self.volume.size() - 1 - source
            faces = torch.stack([(-1 - source) / rays, (1 - source) / rays])
            near = float(faces.amin(dim=0).amax(dim=1).min().clamp(0, 1))
            far = float(faces.amax(dim=0).amin(dim=1).max().clamp(0, 1))
            points = source + (near + steps * (far - near))[None, :, None] * rays[:, None, :]
            values = grid_sample(self.volume.shares[None, None], points[None, None], align_corners=False)
            step_mm = (pixels - source_lps).norm(dim=1) * ((far - near) / self.samples)
            lengths.append(values[0, 0, 0].sum(dim=1) * step_mm)
        return torch.cat(lengths)


class DiffDrr:
    """Path length by a renderer of diffdrr, given rays of the same C-arm. Raises NotAvailable where diffdrr is missing.

    Only the renderer, which is where the time goes; patches of a size that stays in the processor's cache.
    """

    def __init__(self, volume: Volume, is_exact: bool, samples: int = 256) -> None:
        renderers = _diffdrr_renderers()
        self.volume = volume
        self._render = renderers.Siddon() if is_exact else renderers.Trilinear()
        self._options = {} if is_exact else {"n_points": samples}
        self._rays_at_once = 1024 if is_exact else 4096
        self._density = volume.shares.permute(2, 1, 0)

    @torch.inference_mode()
    def path_length_mm(self, source_lps: torch.Tensor, pixels_lps: torch.Tensor) -> torch.Tensor:
        """Lengths (N,) from the source (3,) to the pixels (N, 3)."""
        source = self.volume.voxels(source_lps)[None, None]
        lengths = []
        for pixels in pixels_lps.split(self._rays_at_once):
            whole_mm = (pixels - source_lps).norm(dim=1)[None, None]
            target = self.volume.voxels(pixels)[None]
            lengths.append(self._render(self._density, source, target, whole_mm, **self._options).flatten())
        return torch.cat(lengths)


def _diffdrr_renderers() -> Any:
    try:
        import diffdrr.renderers
    except ImportError as error:
        raise NotAvailable(f"diffdrr cannot be imported ({error}); see requirements-benchmark.txt") from None
    return diffdrr.renderers


def diffdrr_version() -> str:
    """The installed version, or `not installed`."""
    try:
        return importlib.metadata.version("diffdrr")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def rays(c_arm: CArm) -> Rays:
    """From the source to every pixel, row by row."""
    return _tensor(c_arm.source_lps()), _tensor(pixel_positions(c_arm))


def _tensor(values: FloatArray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).float()
