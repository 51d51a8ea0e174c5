"""Calcified plaques: on the walls, drawn where they are, with the same absorbance in all at any picture size."""

import dataclasses

import numpy as np
import pytest

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.simulation.anatomy import VesselTree, make_tree
from VesselRegistrationLib.simulation.calcification import Plaques, plaque_absorbance, sample_plaques
from VesselRegistrationLib.simulation.extras import Extras
from VesselRegistrationLib.simulation.generators import DEFAULT
from VesselRegistrationLib.simulation.scene import make_patient, make_scene, render


def view(size: int = 128) -> CArm:
    return CArm(0, 0, 1000, 750, size, size, (300 / size, 300 / size))


@pytest.fixture(scope="module")
def tree() -> VesselTree:
    return make_tree("lower", np.random.default_rng(3))


def plaques(tree: VesselTree, seed: int = 1) -> Plaques:
    return sample_plaques(np.random.default_rng(seed), tree, Extras())


@pytest.mark.parametrize("seed", range(5))
def test_plaques_lie_on_the_walls(tree, seed) -> None:
    points = np.concatenate([branch.points_lps for branch in tree.branches])
    radii = np.concatenate([branch.radii_mm for branch in tree.branches])
    found = plaques(tree, seed).points_lps
    from_wall = np.abs(np.linalg.norm(found[:, None] - points[None], axis=2) - radii[None]).min(axis=1)
    assert len(found) > 20
    assert np.percentile(from_wall, 90) < 1.5


def test_a_plaque_is_drawn_where_it_is_and_moves_with_the_vessel() -> None:
    one = Plaques(np.zeros((1, 3)), np.array([0.5]))
    pose = np.eye(4)
    pose[0, 3] = 20.0
    for at in (np.eye(4), pose):
        picture = plaque_absorbance(one, view(), at)
        row, column = np.unravel_index(picture.argmax(), picture.shape)
        wanted = view().project(at[:3, 3][None])[0]
        assert abs(column - wanted[0]) <= 1
        assert abs(row - wanted[1]) <= 1


def test_what_plaques_absorb_in_all_does_not_depend_on_the_pictures_size(tree) -> None:
    coarse, fine = (
        plaque_absorbance(plaques(tree), view(size), np.eye(4)).sum() * view(size).pixel_size_at_isocenter_mm() ** 2
        for size in (96, 192)
    )
    assert fine == pytest.approx(coarse, rel=0.05)
    assert coarse > 0


def test_plaques_outside_the_picture_draw_nothing() -> None:
    away = Plaques(np.array([[500.0, 0, 0], [0, 0, -500.0]]), np.ones(2))
    assert not plaque_absorbance(away, view(), np.eye(4)).any()


@pytest.mark.parametrize(("region", "wanted"), [("coronary", True), ("phantom", False)])
def test_patients_have_them_and_phantoms_do_not(region, wanted) -> None:
    generator = dataclasses.replace(DEFAULT, extras=dataclasses.replace(Extras.none(), calcification=1.0))
    patient = make_patient(region, np.random.default_rng(1), 2.0, generator)
    assert (patient.plaques is not None) == wanted
    if wanted:
        scene = make_scene(patient, np.random.default_rng(1), 64, generator)
        assert not render(scene, None, np.random.default_rng(2)).mask.any()  # no contrast, no vessel
