"""The diaphragm's edge: in the lower half of the picture, dark below, moving with the breath."""

import dataclasses

import numpy as np
import pytest

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.simulation.bodies import absorbance
from VesselRegistrationLib.simulation.diaphragm import HEART_PER_DIAPHRAGM, breathed, sample_domes
from VesselRegistrationLib.simulation.extras import Extras
from VesselRegistrationLib.simulation.generators import DEFAULT
from VesselRegistrationLib.simulation.scene import make_patient, make_scene, render

SIZE = 128


def view(primary: float = 0.0, secondary: float = 0.0, field_mm: float = 200.0) -> CArm:
    return CArm(primary, secondary, 1000, 750, SIZE, SIZE, (field_mm / SIZE, field_mm / SIZE))


@pytest.mark.parametrize("angles", [(0, 0), (45, 30), (-40, -30)])
@pytest.mark.parametrize("field_mm", [120.0, 350.0])
def test_a_domes_top_lies_in_the_lower_half_and_it_is_dark_below(angles, field_mm) -> None:
    for seed in range(8):
        seen = view(*angles, field_mm)
        dome = sample_domes(np.random.default_rng(seed), seen, Extras())[0]
        picture = absorbance([dome], seen)
        rows = np.flatnonzero(picture.max(axis=1) > 0)
        assert 0.42 * SIZE < rows.min() < SIZE
        column = int(np.argmax((picture > 0).sum(axis=0)))
        below = picture[rows.min() + 1 :, column]
        assert below[: max(2, len(below) // 4)].max() > 0


def test_what_it_absorbs_is_drawn_from_the_range() -> None:
    extras = Extras(dome_absorbance=(0.3, 0.4))
    for seed in range(20):
        dome = sample_domes(np.random.default_rng(seed), view(), extras)[0]
        middle = dataclasses.replace(dome, center_lps=np.zeros(3))
        assert 0.29 < absorbance([middle], view()).max() < 0.41


def test_breathing_moves_it_further_than_the_heart() -> None:
    dome = sample_domes(np.random.default_rng(1), view(), Extras())[0]
    moved = breathed(dome, 3.0)
    np.testing.assert_allclose(moved.center_lps - dome.center_lps, (0, 0, 3.0 / HEART_PER_DIAPHRAGM))


def test_some_views_show_both_domes() -> None:
    counts = [len(sample_domes(np.random.default_rng(seed), view(), Extras())) for seed in range(100)]
    assert set(counts) == {1, 2}


def test_a_frame_at_another_breath_shows_its_edge_elsewhere_and_the_same_truth() -> None:
    generator = dataclasses.replace(
        DEFAULT, extras=dataclasses.replace(Extras.none(), dome=1.0, dome_absorbance=(1, 1))
    )
    patient = make_patient("coronary", np.random.default_rng(1), 2.0, generator)
    scene = make_scene(patient, np.random.default_rng(1), SIZE, generator)
    assert scene.domes
    frames = [render(scene, None, np.random.default_rng(2), breath_mm=breath) for breath in (0.0, 0.0, 6.0)]
    assert np.array_equal(frames[0].picture, frames[1].picture)
    assert not np.array_equal(frames[0].picture, frames[2].picture)
    assert not frames[2].mask.any()


@pytest.mark.parametrize(("region", "wanted"), [("coronary", True), ("phantom", False)])
def test_only_views_of_the_chest_have_one(region, wanted) -> None:
    generator = dataclasses.replace(DEFAULT, extras=dataclasses.replace(Extras.none(), dome=1.0))
    patient = make_patient(region, np.random.default_rng(1), 2.0, generator)
    assert bool(make_scene(patient, np.random.default_rng(1), 64, generator).domes) == wanted
