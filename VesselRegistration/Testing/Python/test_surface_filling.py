"""Contrast in a bare surface: parts are closed, where they should be, and of the right volume."""

from __future__ import annotations

import numpy as np
import pytest

from VesselRegistrationLib.mesh_topology import is_closed, piece_volumes
from VesselRegistrationLib.simulation.anatomy import Branch
from VesselRegistrationLib.simulation.meshing import mesh_branches
from VesselRegistrationLib.simulation.surface_filling import VesselSurface, center_lines, cut_surface, fill_surface
from VesselRegistrationLib.vessel_model import VesselModel


def tube(name: str, first: tuple[float, float, float], last: tuple[float, float, float], radius: float) -> Branch:
    return Branch(name, np.linspace(first, last, 60), np.full(60, radius), None)


@pytest.fixture(scope="module")
def straight() -> VesselModel:
    """A tube of 4 mm radius, 100 mm along z."""
    return mesh_branches((tube("trunk", (0, 0, -50), (0, 0, 50), 4.0),), 1.5)


@pytest.fixture(scope="module")
def forked() -> VesselModel:
    """A Y, and a second tube apart from it."""
    trunk, away = tube("trunk", (0, 0, 60), (0, 0, 0), 5.0), tube("away", (60, 0, 40), (60, 0, 0), 3.0)
    legs = (tube("left", (0, 0, 0), (30, 0, -50), 3.0), tube("right", (0, 0, 0), (-30, 0, -50), 3.0))
    return mesh_branches((trunk, *legs, away), 1.5)


def volume(model: VesselModel) -> float:
    triangles = np.asarray(model.triangles, dtype=np.int64)
    return float(piece_volumes(model.points_lps, triangles, np.zeros(len(triangles), dtype=np.int64)).sum())


def test_half_of_a_tube_has_half_of_its_volume_and_a_flat_lid(straight: VesselModel) -> None:
    half = cut_surface(straight, straight.points_lps[:, 2] - 0.3)
    assert is_closed(np.asarray(half.triangles, dtype=np.int64))
    assert half.points_lps[:, 2].min() == pytest.approx(0.3)
    assert volume(half) == pytest.approx(volume(straight) * (0.5 - 0.3 / 108), rel=0.01)
    other = cut_surface(straight, 0.3 - straight.points_lps[:, 2])
    assert volume(half) + volume(other) == pytest.approx(volume(straight), rel=1e-9)


def test_a_cut_through_points_leaves_a_closed_part(straight: VesselModel) -> None:
    height = straight.points_lps[:, 2]
    part = cut_surface(straight, height - np.sort(height)[len(height) // 2])  # exactly 0 at a point
    assert is_closed(np.asarray(part.triangles, dtype=np.int64))


def test_a_model_wholly_inside_stays_as_it_is(straight: VesselModel) -> None:
    whole = cut_surface(straight, np.ones(len(straight.points_lps)))
    assert np.array_equal(whole.points_lps[whole.triangles], straight.points_lps[straight.triangles])


def test_fillings_are_closed_parts_of_all_sizes(forked: VesselModel) -> None:
    surface, everything = VesselSurface.of(forked), volume(forked)
    parts = [fill_surface(surface, np.random.default_rng(seed)) for seed in range(40)]
    assert all(is_closed(np.asarray(part.triangles, dtype=np.int64)) for part in parts)
    shares = np.array([volume(part) for part in parts]) / everything
    assert shares.min() > 0.04
    assert shares.max() == pytest.approx(1.0)
    assert np.count_nonzero((shares > 0.1) & (shares < 0.7)) >= 8
    again = fill_surface(surface, np.random.default_rng(3))
    assert np.array_equal(again.points_lps, parts[3].points_lps)


def test_side_branches_stay_unfilled_in_some(forked: VesselModel) -> None:
    surface = VesselSurface.of(forked)
    lowest = []
    for seed in range(80):
        points = fill_surface(surface, np.random.default_rng(seed)).points_lps
        lowest.append([bool((points[:, 2] < -40)[side].any()) for side in (points[:, 0] < -15, points[:, 0] > 15)])
    assert {(True, True), (True, False), (False, True)} <= {tuple(one) for one in lowest}


def test_center_lines_run_in_the_middle_of_the_tubes(straight: VesselModel, forked: VesselModel) -> None:
    (only,) = center_lines(VesselSurface.of(straight))
    inner = only.points_lps[4:-4]
    assert np.abs(inner[:, :2]).max() < 1.0
    assert only.length_mm == pytest.approx(105, abs=8)
    assert only.radii_mm[4:-4].mean() == pytest.approx(4.0, abs=0.3)
    assert np.abs(only.radii_mm[4:-4] - 4.0).max() < 1.2
    branches = center_lines(VesselSurface.of(forked))
    assert len(branches) == 3  # the longest way through the Y, its other leg, and the tube apart
    assert max(branch.points_lps[:, 0].min() for branch in branches) > 50
