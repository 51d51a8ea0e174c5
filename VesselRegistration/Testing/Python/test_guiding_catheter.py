"""A guiding catheter comes from outside of the picture, ends in the injected ostium and follows the heart there."""

import dataclasses

import numpy as np
import pytest

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.simulation.anatomy import VesselTree, make_tree
from VesselRegistrationLib.simulation.extras import Extras
from VesselRegistrationLib.simulation.filling import FillSettings, fill
from VesselRegistrationLib.simulation.fluoroscopy import Shutters
from VesselRegistrationLib.simulation.generators import DEFAULT
from VesselRegistrationLib.simulation.guiding_catheter import GuidingCatheter, guide_device, sample_guide
from VesselRegistrationLib.simulation.scene import make_patient, make_scene, render

VIEW = CArm(0, 0, 1000, 750, 256, 256, (150 / 256, 150 / 256))
REST = np.eye(4)


@pytest.fixture(scope="module")
def tree() -> VesselTree:
    return make_tree("coronary", np.random.default_rng(2))


def guide(tree: VesselTree, seed: int = 1, extras: Extras | None = None) -> GuidingCatheter:
    return sample_guide(np.random.default_rng(seed), tree, extras or Extras())


def filled_points(tree: VesselTree, site: str) -> np.ndarray:
    return np.concatenate([b.points_lps for b in fill(tree, np.random.default_rng(1), FillSettings(site=site))])


@pytest.mark.parametrize("seed", range(6))
def test_it_comes_from_outside_and_ends_at_an_ostium(tree, seed) -> None:
    ostia = [tree.landmarks_lps[name] for name in ("left_ostium", "right_ostium")]
    for path, ostium in zip(guide(tree, seed).paths_lps, ostia, strict=True):
        assert np.linalg.norm(path[-1] - ostium) < 4
        column, row = VIEW.project(path[:1])[0, :2]
        assert not (0 <= column < 256 and 0 <= row < 256)
        steps = np.diff(path, axis=0)
        assert np.linalg.norm(steps, axis=1).max() <= 1.01
        turn = np.einsum("ij,ij->i", steps[1:], steps[:-1]) / np.prod(
            np.linalg.norm([steps[1:], steps[:-1]], axis=2), 0
        )
        assert turn.min() > 0.6  # a bend, not a kink


@pytest.mark.parametrize(("site", "ostium"), [("left_coronary", "left_ostium"), ("right_coronary", "right_ostium")])
def test_it_lies_in_the_ostium_that_contrast_comes_from(tree, site, ostium) -> None:
    device = guide_device(guide(tree), filled_points(tree, site), VIEW, REST, REST)
    tip = device.path[-1] * 256 - 0.5
    wanted = VIEW.project(tree.landmarks_lps[ostium][None])[0, :2]
    assert np.linalg.norm(tip - wanted) * VIEW.pixel_size_at_isocenter_mm() < 5


def test_its_tip_follows_the_heart_and_its_shaft_lies_still(tree) -> None:
    pose = np.eye(4)
    pose[:3, 3] = (6.0, 0.0, 8.0)
    resting, moved = (guide_device(guide(tree), None, VIEW, REST, at).path * 256 for at in (REST, pose))
    tip = np.linalg.norm(moved[-1] - resting[-1]) * VIEW.pixel_size_at_isocenter_mm()
    assert tip == pytest.approx(10, rel=0.1)
    assert np.array_equal(moved[:20], resting[:20])


def test_its_width_is_drawn_from_the_range(tree) -> None:
    widths = [guide(tree, seed, Extras(guide_width_mm=(2.2, 2.4))).width_mm for seed in range(40)]
    assert 2.2 <= min(widths) < 2.25 < 2.35 < max(widths) <= 2.4


@pytest.mark.parametrize(("region", "wanted"), [("coronary", True), ("phantom", False)])
def test_only_coronary_views_have_one(region, wanted) -> None:
    generator = dataclasses.replace(DEFAULT, extras=dataclasses.replace(Extras.none(), guide=1.0))
    patient = make_patient(region, np.random.default_rng(1), generator=generator)
    assert (make_scene(patient, np.random.default_rng(1), 64, generator).guide is not None) == wanted


def test_it_is_drawn_and_never_vessel_in_the_truth() -> None:
    generator = dataclasses.replace(DEFAULT, extras=dataclasses.replace(Extras.none(), guide=1.0))
    patient = make_patient("coronary", np.random.default_rng(2), 2.0, generator)
    scene = dataclasses.replace(make_scene(patient, np.random.default_rng(2), 96, generator), c_arm=wide(96))
    scene = dataclasses.replace(scene, shutters=Shutters(np.zeros((96, 96), dtype=bool), 0.0, 0.0, 0.5))
    without = dataclasses.replace(scene, guide=None)
    empty, plain = (render(which, None, np.random.default_rng(3)) for which in (scene, without))
    assert np.count_nonzero(np.abs(empty.picture.astype(int) - plain.picture) > 5) > 50
    assert not empty.mask.any()
    filled, bare = (render(which, patient.model, np.random.default_rng(3)).mask for which in (scene, without))
    assert (filled & ~bare).sum() < 0.03 * bare.sum()


def wide(size: int) -> CArm:
    return CArm(0, 0, 1000, 750, size, size, (250 / size, 250 / size))
