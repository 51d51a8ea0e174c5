"""Path lengths and silhouettes against closed formulas, whatever the triangulation."""

import numpy as np
import pytest

from VesselRegistrationLib.c_arm import CArm, ProjectionMode
from VesselRegistrationLib.projection import _crossings, path_length_mm, project_model, silhouette
from VesselRegistrationLib.vessel_model import VesselModel
from VesselSegmentationLib.errors import InputError

C_ARM = CArm(0, 0, 1000, 750, 256, 256, (0.8, 0.8))
OBLIQUE = CArm(33, -21, 1000, 750, 256, 256, (0.8, 0.8))


def mesh_of(source) -> tuple[np.ndarray, np.ndarray]:
    """Points and triangles of a vtk source, duplicate points merged."""
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    source.SetOutputPointsPrecision(vtk.vtkAlgorithm.DOUBLE_PRECISION)
    triangulate, clean = vtk.vtkTriangleFilter(), vtk.vtkCleanPolyData()
    triangulate.SetInputConnection(source.GetOutputPort())
    clean.SetInputConnection(triangulate.GetOutputPort())
    clean.Update()
    output = clean.GetOutput()
    triangles = vtk_to_numpy(output.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return vtk_to_numpy(output.GetPoints().GetData()).copy(), triangles.copy()


def sphere(radius: float, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    import vtk

    source = vtk.vtkSphereSource()
    source.SetRadius(radius)
    source.SetThetaResolution(resolution)
    source.SetPhiResolution(resolution)
    return mesh_of(source)


def box(size: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    import vtk

    source = vtk.vtkCubeSource()
    source.SetXLength(size[0])
    source.SetYLength(size[1])
    source.SetZLength(size[2])
    return mesh_of(source)


def tube(radius: float, length: float, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    import vtk

    source = vtk.vtkCylinderSource()  # along y, capped
    source.SetRadius(radius)
    source.SetHeight(length)
    source.SetResolution(resolution)
    return mesh_of(source)


def rays(c_arm: CArm) -> tuple[np.ndarray, np.ndarray]:
    """Source (3,) and unit directions (rows, columns, 3) of the pixel rays, LPS."""
    column0, row0 = c_arm.center_px
    across = (np.arange(c_arm.columns) - column0) * c_arm.spacing_mm[1]
    down = (np.arange(c_arm.rows) - row0) * c_arm.spacing_mm[0]
    right, up, beam = c_arm.axes_lps()
    direction = across[None, :, None] * right - down[:, None, None] * up + c_arm.sid_mm * beam
    return c_arm.source_lps(), direction / np.linalg.norm(direction, axis=2, keepdims=True)


def chord_of_sphere(c_arm: CArm, radius: float) -> np.ndarray:
    source, direction = rays(c_arm)
    middle = -direction @ source
    return 2 * np.sqrt(np.maximum(middle**2 - (source @ source - radius**2), 0))


def chord_of_box(c_arm: CArm, size: tuple[float, float, float]) -> np.ndarray:
    source, direction = rays(c_arm)
    with np.errstate(divide="ignore"):
        one, two = ((sign * np.array(size) / 2 - source) / direction for sign in (-1, 1))
    enter, leave = np.minimum(one, two).max(axis=2), np.maximum(one, two).min(axis=2)
    return np.maximum(leave - enter, 0)


def chord_of_tube_along_y(c_arm: CArm, radius: float, length: float) -> np.ndarray:
    source, direction = rays(c_arm)
    a = (direction[..., [0, 2]] ** 2).sum(axis=2)
    b = direction[..., [0, 2]] @ source[[0, 2]]
    root = np.sqrt(np.maximum(b**2 - a * (source[[0, 2]] @ source[[0, 2]] - radius**2), 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        side = np.where(root > 0, np.stack([-b - root, -b + root]) / a, np.nan)
        ends = np.sort((np.array([-1, 1])[:, None, None] * length / 2 - source[1]) / direction[None, ..., 1], axis=0)
    inside = np.minimum(side[1], ends[1]) - np.maximum(side[0], ends[0])
    return np.nan_to_num(np.maximum(inside, 0))


@pytest.mark.parametrize("c_arm", [C_ARM, OBLIQUE])
def test_a_sphere_is_as_long_as_its_chord(c_arm: CArm) -> None:
    points, triangles = sphere(20, 160)
    length, truth = path_length_mm(points, triangles, c_arm), chord_of_sphere(c_arm, 20)
    inner = truth > 8  # at the rim the facets of the mesh, not the projection, make the difference
    assert np.abs(length - truth)[inner].max() < 0.06
    assert length.max() == pytest.approx(40, abs=0.02)


@pytest.mark.parametrize("c_arm", [C_ARM, OBLIQUE])
def test_a_box_is_exact_to_a_thousandth_of_a_millimetre(c_arm: CArm) -> None:
    points, triangles = box((30, 60, 45))
    truth = chord_of_box(c_arm, (30, 60, 45))
    length = path_length_mm(points, triangles, c_arm)
    assert np.abs(length - truth).max() < 2e-3
    assert len(triangles) == 12


def test_a_tube_is_as_long_as_its_chord_from_the_side_and_obliquely() -> None:
    points, triangles = tube(6, 80, 360)
    for c_arm in (CArm(85, 0, 1000, 750, 256, 256, (0.8, 0.8)), CArm(50, 25, 1000, 750, 256, 256, (0.8, 0.8))):
        length, truth = path_length_mm(points, triangles, c_arm), chord_of_tube_along_y(c_arm, 6, 80)
        inner = truth > 3
        assert inner.sum() > 1000
        assert np.median(np.abs(length - truth)[inner]) < 0.005
        assert np.percentile(np.abs(length - truth)[inner], 99) < 0.1


def halved(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every triangle cut into four at the middles of its edges."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
    corners = np.stack([a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca], axis=1).reshape(-1, 3)
    return corners, np.arange(len(corners)).reshape(-1, 3)


def test_twelve_triangles_and_200_000_of_the_same_box_give_the_same_picture() -> None:
    coarse = fine = box((50, 50, 50))
    for _ in range(7):
        fine = halved(*fine)
    assert len(coarse[1]) == 12
    assert len(fine[1]) == 12 * 4**7
    a, b = (path_length_mm(*mesh, OBLIQUE) for mesh in (coarse, fine))
    assert np.count_nonzero((a > 0) != (b > 0)) <= 4  # a pixel on the very border may fall either way
    assert np.abs(a - b).max() < 2e-2
    assert np.median(np.abs(a - b)[a > 0]) < 1e-3


@pytest.mark.parametrize("mode", list(ProjectionMode))
def test_no_ray_leaves_a_closed_mesh_without_having_entered_it(mode: ProjectionMode) -> None:
    points, triangles = sphere(25, 90)
    wavy = points * (1 + 0.2 * np.sin(points @ np.array([[0.3, 0.1, -0.2]]).T * 2))
    for primary in range(-60, 61, 20):
        c_arm = CArm(primary, primary / 3, 1000, 750, 200, 300, (0.5, 0.5))
        balance = sum(
            np.bincount(part.pixel, part.facing, 200 * 300) for part in _crossings(wavy, triangles, c_arm, mode)
        )
        assert np.count_nonzero(balance) == 0


def test_a_parallel_view_of_a_box_shows_its_depth_everywhere() -> None:
    points, triangles = box((30, 60, 45))
    length = path_length_mm(points, triangles, C_ARM, ProjectionMode.PARALLEL)
    np.testing.assert_allclose(length[length > 0], 60, atol=1e-3)
    # 30 x 45 mm at 0.6 mm per pixel at the isocentre.
    assert np.count_nonzero(length) == 50 * 75


def test_lengths_add_up_in_the_overlap_of_two_models() -> None:
    points, triangles = sphere(10, 60)
    shifted = points + np.array([0, 40.0, 0])
    together = path_length_mm(
        np.concatenate([points, shifted]), np.concatenate([triangles, triangles + len(points)]), C_ARM
    )
    apart = path_length_mm(points, triangles, C_ARM) + path_length_mm(shifted, triangles, C_ARM)
    np.testing.assert_allclose(together, apart, atol=1e-3)


def test_a_model_partly_outside_the_detector_is_cut_not_wrapped() -> None:
    points, triangles = box((40, 40, 40))
    moved = points + np.array([75.0, 0, 0])
    wide = CArm(0, 0, 1000, 750, 256, 512, (0.8, 0.8))
    narrow = path_length_mm(moved, triangles, C_ARM)
    np.testing.assert_allclose(narrow, path_length_mm(moved, triangles, wide)[:, 128:384], atol=1e-3)
    assert narrow[:, 0].max() == 0
    assert narrow[:, -1].max() > 0


def test_an_off_centre_principal_point_moves_the_picture() -> None:
    points, triangles = box((30, 60, 45))
    moved = CArm(0, 0, 1000, 750, 256, 256, (0.8, 0.8), principal_point_px=(137.5, 107.5))
    expected = np.roll(path_length_mm(points, triangles, C_ARM), (-20, 10), axis=(0, 1))
    np.testing.assert_allclose(path_length_mm(points, triangles, moved) > 0, expected > 0)


def test_the_silhouette_is_where_the_path_length_is_positive_and_needs_no_closed_mesh() -> None:
    points, triangles = sphere(20, 40)
    length = path_length_mm(points, triangles, C_ARM)
    closed = silhouette(points, triangles, C_ARM)
    assert np.count_nonzero(closed != (length > 0)) <= 2
    front_half = triangles[points[triangles].mean(axis=1)[:, 1] < 0]
    assert np.count_nonzero(silhouette(points, front_half, C_ARM)) > 0.95 * np.count_nonzero(closed)


def test_an_open_model_has_a_silhouette_but_no_path_length() -> None:
    points, triangles = sphere(20, 40)
    projection = project_model(VesselModel(points, triangles[:-5].astype(np.int32), is_closed=False), C_ARM)
    assert projection.path_length_mm is None
    assert projection.silhouette.any()


def test_a_pose_moves_the_model_before_it_is_projected() -> None:
    points, triangles = sphere(10, 40)
    model = VesselModel(points, triangles.astype(np.int32), is_closed=True)
    pose = np.eye(4)
    pose[:3, 3] = (12, 0, 0)
    columns = np.flatnonzero(project_model(model, C_ARM, pose).silhouette.any(axis=0))
    assert columns.mean() == pytest.approx(127.5 + 12 / 0.6, abs=0.5)


def test_a_model_behind_the_source_is_refused_with_the_number_of_its_points() -> None:
    points, triangles = box((30, 60, 45))
    with pytest.raises(InputError, match="4 of 8 model points lie behind the X-ray source"):
        path_length_mm(points + np.array([0, 750.0, 0]), triangles, C_ARM)


def test_a_model_beside_the_detector_gives_an_empty_picture() -> None:
    points, triangles = box((30, 60, 45))
    assert path_length_mm(points + np.array([500.0, 0, 0]), triangles, C_ARM).max() == 0
