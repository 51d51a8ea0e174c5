"""Simulated ellipsoids against closed formulas and meshes; random fields."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.projection import path_length_mm
from VesselRegistrationLib.simulation.bodies import Ellipsoid, absorbance, chord_mm, clouds, pixel_rays
from VesselRegistrationLib.simulation.tissue import make_tissue

FRONT = CArm(0, 0, 1000, 750, 95, 97, (2.0, 2.0))
OBLIQUE = CArm(33, -21, 1000, 750, 95, 97, (2.0, 2.0))
TURN = Rotation.from_euler("xyz", (25, -40, 65), degrees=True).as_matrix()

ROUND = Ellipsoid(np.zeros(3), np.full(3, 30.0), 0.02)
OFF_AXIS = Ellipsoid(np.array([22.0, -35.0, 14.0]), np.array([30.0, 12.0, 20.0]), 0.02)
TURNED = Ellipsoid(np.array([-18.0, 30.0, 9.0]), np.array([35.0, 10.0, 18.0]), 0.02, TURN)
THIN = Ellipsoid(np.array([10.0, 5.0, -12.0]), np.array([30.0, 4.0, 5.0]), 0.02, TURN)
SINGLE_PRECISION_MM2 = 1.5
"""How exact the square of a chord is some 750 mm from the source: 0.1 mm in the middle, 1 mm where a ray grazes."""
BODIES = {"round": ROUND, "off-axis": OFF_AXIS, "turned": TURNED, "thin": THIN}


def chord_by_distance(body: Ellipsoid, c_arm: CArm) -> np.ndarray:
    """Chords in double precision from each ray's distance to the middle of the unit sphere that the body becomes."""
    column0, row0 = c_arm.center_px
    across = (np.arange(c_arm.columns) - column0) * c_arm.spacing_mm[1]
    down = (np.arange(c_arm.rows) - row0) * c_arm.spacing_mm[0]
    right, up, beam = c_arm.axes_lps()
    ray = across[None, :, None] * right - down[:, None, None] * up + c_arm.sid_mm * beam
    ray /= np.linalg.norm(ray, axis=2, keepdims=True)
    turn = np.eye(3) if body.rotation is None else body.rotation
    start = (turn.T @ (c_arm.source_lps() - body.center_lps)) / body.semi_axes_mm
    along = ray @ turn / body.semi_axes_mm
    stretch = np.linalg.norm(along, axis=2)
    distance = np.linalg.norm(np.cross(start, along), axis=2) / stretch
    return 2 * np.sqrt(np.maximum(1 - distance**2, 0)) / stretch


def mesh_of(body: Ellipsoid, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """The body as a closed mesh: a sphere of vtk, stretched, turned and moved."""
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    source, clean = vtk.vtkSphereSource(), vtk.vtkCleanPolyData()
    source.SetRadius(1.0)
    source.SetThetaResolution(resolution)
    source.SetPhiResolution(resolution)
    source.SetOutputPointsPrecision(vtk.vtkAlgorithm.DOUBLE_PRECISION)
    clean.SetInputConnection(source.GetOutputPort())
    clean.Update()
    sphere = vtk_to_numpy(clean.GetOutput().GetPoints().GetData())
    triangles = vtk_to_numpy(clean.GetOutput().GetPolys().GetConnectivityArray()).reshape(-1, 3)
    turn = np.eye(3) if body.rotation is None else body.rotation
    return (sphere * body.semi_axes_mm) @ turn.T + body.center_lps, triangles.copy()


def chord(body: Ellipsoid, c_arm: CArm) -> np.ndarray:
    return chord_mm(body, *pixel_rays(c_arm))


def test_rays_run_from_the_source_through_what_the_camera_projects_onto_their_pixel() -> None:
    source, directions = pixel_rays(OBLIQUE)
    points = source + 800 * directions[:, [3, 50, 94], [7, 48, 96]].T
    projected = OBLIQUE.project(points)[:, :2]
    np.testing.assert_allclose(projected, [(7, 3), (48, 50), (96, 94)], atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=0), 1, atol=1e-6)


@pytest.mark.parametrize(("angles", "axis"), [((0, 0), 1), ((90, 0), 0), ((0, 90), 2)])
def test_the_central_ray_of_each_view_is_inside_for_two_semi_axes(angles, axis) -> None:
    body = Ellipsoid(np.zeros(3), np.array([11.0, 23.0, 31.0]), 0.02)
    c_arm = CArm(*angles, 1000, 750, 5, 5, (2.0, 2.0))
    assert chord(body, c_arm)[2, 2] == pytest.approx(2 * body.semi_axes_mm[axis], abs=0.03)


def test_a_turned_ellipsoid_is_crossed_along_its_turned_axes() -> None:
    quarter = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    body = Ellipsoid(np.zeros(3), np.array([11.0, 23.0, 31.0]), 0.02, quarter)
    assert chord(body, CArm(0, 0, 1000, 750, 5, 5, (2.0, 2.0)))[2, 2] == pytest.approx(22, abs=0.03)


@pytest.mark.parametrize("c_arm", [FRONT, OBLIQUE], ids=["front", "oblique"])
@pytest.mark.parametrize("name", BODIES)
def test_chords_agree_with_the_formula_from_the_distance_of_the_ray(name, c_arm) -> None:
    expected = chord_by_distance(BODIES[name], c_arm)
    found = chord(BODIES[name], c_arm)
    assert expected.max() > 5
    np.testing.assert_allclose(found**2, expected**2, atol=SINGLE_PRECISION_MM2)
    is_well_inside = expected > 0.3 * expected.max()
    np.testing.assert_allclose(found[is_well_inside], expected[is_well_inside], atol=0.1)


@pytest.mark.parametrize("name", BODIES)
def test_chords_agree_with_the_path_length_through_a_mesh_of_the_same_ellipsoid(name) -> None:
    points, triangles = mesh_of(BODIES[name], 160)
    meshed = path_length_mm(points, triangles, OBLIQUE)
    found = chord(BODIES[name], OBLIQUE)
    is_well_inside = meshed > 0.3 * meshed.max()
    # The mesh is inscribed: thinner by some thousandths.
    np.testing.assert_allclose(found[is_well_inside], meshed[is_well_inside], rtol=0.005, atol=0.1)


def test_rays_beside_an_ellipsoid_are_not_inside_it() -> None:
    small = Ellipsoid(np.array([20.0, 0.0, 0.0]), np.full(3, 5.0), 0.02)
    lengths = chord(small, FRONT)
    assert lengths[:, :48].max() == 0
    assert lengths.max() == pytest.approx(10, rel=0.02)


def test_absorbance_adds_what_bodies_add_and_take_away() -> None:
    hole = Ellipsoid(np.zeros(3), np.full(3, 12.0), -0.015)
    both = absorbance([ROUND, hole], FRONT)
    np.testing.assert_allclose(both, 0.02 * chord(ROUND, FRONT) - 0.015 * chord(hole, FRONT), atol=1e-5)
    assert both[47, 48] == pytest.approx(0.02 * 60 - 0.015 * 24, rel=1e-3)
    assert not absorbance([], FRONT).any()


@pytest.mark.parametrize("region", ["upper", "coronary", "lower", "phantom"])
def test_tissue_of_every_region_absorbs_some_and_is_remade_from_its_seed(region) -> None:
    first, again = (make_tissue(region, np.random.default_rng(5)) for _ in range(2))
    picture = absorbance(first.bodies, FRONT)
    assert np.isfinite(picture).all()
    assert picture.mean() > 0.1
    assert np.array_equal(picture, absorbance(again.bodies, FRONT))
    assert region in ("upper", "coronary") or not first.ribs


@pytest.mark.parametrize(("size", "cells", "octaves"), [(64, 4, 4), (97, 3, 2), (128, 20, 3)])
def test_clouds_have_zero_mean_and_unit_spread(size, cells, octaves) -> None:
    field = clouds(np.random.default_rng(2), size, cells, octaves)
    assert field.shape == (size, size)
    assert field.mean() == pytest.approx(0, abs=1e-4)
    assert field.std() == pytest.approx(1, abs=1e-4)


def test_clouds_come_from_the_seed() -> None:
    first, again, other = (clouds(np.random.default_rng(seed), 64, 4) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_clouds_of_more_cells_are_finer() -> None:
    coarse, fine = (clouds(np.random.default_rng(6), 128, cells, 1) for cells in (3, 20))
    assert np.abs(np.diff(fine)).mean() > 3 * np.abs(np.diff(coarse)).mean()


def test_clouds_too_fine_for_the_picture_are_left_out() -> None:
    assert not clouds(np.random.default_rng(6), 32, 20).any()
