"""Outlines of masks: points, normals, distances."""

from __future__ import annotations

import numpy as np
import pytest

from VesselRegistrationLib.affine import RegionOfInterest
from VesselRegistrationLib.outlines import Outline


def disc(radius: float, center: tuple[float, float] = (50.3, 47.8), side: int = 100) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    return np.hypot(columns - center[0], rows - center[1]) <= radius


def test_the_points_of_a_disc_lie_on_its_circle_and_look_outwards() -> None:
    outline = Outline.of(disc(20))
    arms = outline.points - (50.3, 47.8)
    np.testing.assert_allclose(np.linalg.norm(arms, axis=1), 20, atol=0.6)
    assert np.linalg.norm(arms, axis=1).mean() == pytest.approx(20, abs=0.2)
    assert ((arms * outline.normals).sum(axis=1) / 20 > 0.95).all()


def test_distances_are_signed_and_the_nearest_point_is_found() -> None:
    outline = Outline.of(disc(20))
    places = np.array([[[50.3, 40.0], [85.0, 47.8], [50.3, 5.0]], [[31.0, 47.8], [300.0, 47.8], [-5.0, 47.8]]])
    distance, slope, is_inside = outline.distance_at(places)
    expected = np.linalg.norm(places - (50.3, 47.8), axis=-1) - 20
    np.testing.assert_allclose(distance[is_inside], expected[is_inside], atol=0.6)
    np.testing.assert_allclose(slope[0, 1], [1, 0], atol=0.1)
    assert is_inside.tolist() == [[True, True, True], [True, False, False]]
    np.testing.assert_allclose(outline.nearest(places)[0, 1], [70.3, 47.8], atol=1.5)


def test_borders_of_picture_and_region_are_no_outline() -> None:
    half = np.zeros((100, 100), dtype=bool)
    half[:, :40] = True
    assert set(np.rint(Outline.of(half).points[:, 0])) <= {39, 40}
    shown = Outline.of(half, RegionOfInterest(10, 20, 60, 30))
    assert (shown.points[:, 1] > 20).all()
    assert (shown.points[:, 1] < 49).all()
