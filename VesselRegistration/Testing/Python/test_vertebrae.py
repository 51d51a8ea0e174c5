"""Vertebrae with waists: the length of rays through a spool, and where the bodies of a spine lie."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.simulation.bodies import Ellipsoid, Spool, absorbance, pixel_rays, spool_chord_mm
from VesselRegistrationLib.simulation.tissue import make_tissue
from VesselRegistrationLib.simulation.vertebrae import SIZES, waisted_vertebrae

SIZE = 64
PIXEL_MM = 120 / SIZE


def view(primary: float = 0.0, secondary: float = 0.0) -> CArm:
    return CArm(primary, secondary, 1000, 750, SIZE, SIZE, (PIXEL_MM, PIXEL_MM))


def counted_mm(body: Spool, c_arm: CArm, step_mm: float = 0.1) -> np.ndarray:
    """The same lengths, by walking along each ray and asking whether each place is inside."""
    source, directions = pixel_rays(c_arm)
    total = np.zeros((SIZE, SIZE))
    for along in np.arange(c_arm.sod_mm - 60, c_arm.sod_mm + 60, step_mm):
        points = source[:, None, None] + along * directions
        local = np.tensordot(body.rotation.T, points - body.center_lps[:, None, None], axes=1)
        x, y, z = local / body.semi_axes_mm[:, None, None]
        total += step_mm * ((np.abs(z) <= 1) & (x**2 + y**2 - (1 - body.waist**2) * z**2 <= body.waist**2))
    return total


@pytest.mark.parametrize("waist", [1.0, 0.85, 0.3])
@pytest.mark.parametrize("angles", [(0.0, 0.0), (45.0, 30.0)])
@pytest.mark.parametrize("turn", [(0, 0, 0), (20, -35, 10), (80, 5, 0)])
def test_rays_run_as_far_inside_as_counted_step_by_step(waist, angles, turn) -> None:
    rotation = np.asarray(Rotation.from_euler("xyz", turn, degrees=True).as_matrix())
    body = Spool(np.array([3.0, -6.0, 4.0]), np.array([22.0, 16.0, 13.0]), 1.0, rotation, waist)
    source, directions = pixel_rays(view(*angles))
    exact, counted = spool_chord_mm(body, source, directions), counted_mm(body, view(*angles))
    assert exact.min() >= 0
    assert np.percentile(np.abs(exact - counted), 99) < 0.6  # a ray along an edge may miss it when walking
    assert exact.sum() == pytest.approx(counted.sum(), rel=0.01)


def test_a_spool_is_narrower_in_its_middle_than_at_its_ends() -> None:
    body = Spool(np.zeros(3), np.array([22.0, 16.0, 13.0]), 0.02, np.eye(3), 0.7)
    wide = (absorbance([body], view()) > 0).sum(axis=1)
    middle, end = wide[SIZE // 2], wide.max()
    assert middle / end == pytest.approx(0.7, abs=0.08)


@pytest.mark.parametrize("kind", SIZES)
def test_a_spine_has_bodies_at_the_distance_of_its_kind_between_its_ends(kind) -> None:
    sizes = SIZES[kind]
    for seed in range(10):
        bodies = waisted_vertebrae(np.random.default_rng(seed), kind, np.array([4.0, 55.0]), -150, 180)
        trunks = [body for body in bodies if isinstance(body, Spool) and body.waist < 1 and body.attenuation_per_mm > 0]
        heights = np.diff([body.center_lps[2] for body in trunks])
        assert 0.94 * (sizes.height[0] + sizes.disc[0]) < heights.min()
        assert heights.max() < 1.06 * (sizes.height[1] + sizes.disc[1])
        assert all(-150 <= body.center_lps[2] < 180 for body in trunks)
        assert all(abs(body.center_lps[0] - 4) < 25 for body in trunks)
        picture = absorbance(bodies, view())
        assert picture.min() > -1e-4  # the spongy inside takes away less than the body is


@pytest.mark.parametrize(("region", "kind"), [("upper", "thoracic"), ("coronary", "thoracic"), ("lower", "lumbar")])
def test_a_share_of_1_replaces_the_spine_and_nothing_else(region, kind) -> None:
    plain, waisted = (make_tissue(region, np.random.default_rng(7), share) for share in (0.0, 1.0))
    spools = [body for body in waisted.bodies if isinstance(body, Spool)]
    assert spools
    assert not [body for body in plain.bodies if isinstance(body, Spool)]
    assert all(body.semi_axes_mm[0] < 1.06 * SIZES[kind].half_width[1] for body in spools)
    for ellipsoid in (plain.bodies[0], plain.bodies[-1]):  # what is drawn before and after the spine
        assert any(same(ellipsoid, other) for other in waisted.bodies)
    assert len(plain.ribs) == len(waisted.ribs)
    for one, other in zip(plain.ribs, waisted.ribs, strict=True):
        assert np.array_equal(one.points_lps, other.points_lps)


def same(one: Ellipsoid | Spool, other: Ellipsoid | Spool) -> bool:
    return isinstance(other, Ellipsoid) and all(
        np.array_equal(getattr(one, item.name), getattr(other, item.name)) for item in dataclasses.fields(Ellipsoid)
        if getattr(one, item.name) is not None
    )  # fmt: skip
