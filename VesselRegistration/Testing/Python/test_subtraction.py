"""Subtracted pictures: mid grey where nothing changed, dark vessels, traces of motion, and the same truth as ever."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from VesselRegistrationLib.simulation.cases import simulate_case
from VesselRegistrationLib.simulation.extras import Extras
from VesselRegistrationLib.simulation.fluoroscopy import FluoroscopySettings, Shutters
from VesselRegistrationLib.simulation.generators import DEFAULT
from VesselRegistrationLib.simulation.scene import RenderedFrame, Scene, make_patient, make_scene, render
from VesselRegistrationLib.simulation.subtraction import (
    Subtraction,
    difference_limits,
    difference_values,
    sample_subtraction,
    subtraction_dose,
)

SIZE = 128
LEVEL = 0.6
MACHINE = FluoroscopySettings(photons=1e5, white=250.0)


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A phantom without devices or shutters, subtracted without motion."""
    patient = make_patient("phantom", np.random.default_rng(4))
    made = make_scene(patient, np.random.default_rng(2), SIZE)
    still = Subtraction(seed=5, shift_px=(0.0, 0.0), averaged=4, level=LEVEL, width=1.2)
    shutters = Shutters(np.zeros((SIZE, SIZE), dtype=bool), 0.0, 0.0, 0.5)
    return dataclasses.replace(
        made, devices=(), shutters=shutters, settings=MACHINE, subtraction=still, labels=(), limits=None
    )


def moved_by(scene: Scene, pixels: float) -> Scene:
    assert scene.subtraction is not None
    return dataclasses.replace(scene, subtraction=dataclasses.replace(scene.subtraction, shift_px=(pixels, pixels)))


def rendered(scene: Scene, seed: int = 3) -> RenderedFrame:
    return render(scene, scene.patient.model, np.random.default_rng(seed))


def test_vessels_are_dark_on_an_even_middle_grey(scene) -> None:
    frame = rendered(scene)
    far = ~binary_dilation(frame.mask, iterations=6)
    background = frame.picture[far].astype(float)
    assert np.median(background) == pytest.approx(LEVEL * MACHINE.white, abs=12)
    assert background.std() < 8
    assert frame.picture[frame.mask].mean() < np.median(background) - 40


def test_motion_leaves_traces_that_grow_with_it_and_are_not_in_the_truth(scene) -> None:
    far = ~binary_dilation(rendered(scene).mask, iterations=6)
    spreads = []
    for pixels in (0.0, 1.0, 3.0):
        frame = rendered(moved_by(scene, pixels))
        spreads.append(frame.picture[far].astype(float).std())
        assert not frame.mask[far].any()
    assert spreads[0] < spreads[1] < spreads[2]


def test_what_can_be_seen_is_marked_as_without_subtraction(scene) -> None:
    subtracted, plain = (rendered(which).mask for which in (scene, dataclasses.replace(scene, subtraction=None)))
    assert 2 * (subtracted & plain).sum() / (subtracted.sum() + plain.sum()) > 0.95


def test_without_contrast_there_is_nothing_but_grey(scene) -> None:
    frame = render(scene, None, np.random.default_rng(3))
    assert not frame.mask.any()
    assert frame.picture.std() < 8


def test_the_masks_noise_stays_behind_all_frames_and_its_own_is_new(scene) -> None:
    one, again, other = (rendered(scene, seed).picture.astype(float) for seed in (3, 3, 4))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    poor = dataclasses.replace(scene, settings=dataclasses.replace(MACHINE, photons=1e3))
    poor = dataclasses.replace(poor, subtraction=dataclasses.replace(poor.subtraction, averaged=1), limits=(-1.0, 1.0))
    flat = [render(poor, None, np.random.default_rng(seed)).picture.ravel().astype(float) for seed in (3, 4)]
    assert np.corrcoef(flat)[0, 1] == pytest.approx(0.5, abs=0.1)  # half of the noise is the mask's


@pytest.mark.parametrize("depth", [0.05, 0.5, 2.0])
def test_no_change_is_at_the_level_whatever_the_contrast(depth) -> None:
    change = np.zeros((64, 64), np.float32)
    change[:, :8] = -depth
    how = Subtraction(0, (0.0, 0.0), 1, LEVEL, 1.0)
    shown = difference_values(change, difference_limits(change, how), MACHINE)
    assert shown[0, 20] == pytest.approx(LEVEL * MACHINE.white, abs=0.5)
    assert shown[0, 0] == pytest.approx(0 if depth >= 0.2 else 0.75 * LEVEL * MACHINE.white, abs=0.5)


def test_drawn_shifts_lie_in_their_range_and_mostly_along_the_body() -> None:
    shifts = np.array(
        [sample_subtraction(np.random.default_rng(seed), Extras(mask_shift_px=(1, 2))).shift_px for seed in range(200)]
    )
    lengths = np.linalg.norm(shifts, axis=1)
    assert 1 <= lengths.min() <= lengths.max() <= 2
    assert np.abs(shifts[:, 1]).mean() > 1.5 * np.abs(shifts[:, 0]).mean()
    assert (shifts[:, 1] > 0).mean() == pytest.approx(0.5, abs=0.15)


def test_a_subtracted_run_has_at_least_an_acquisitions_dose() -> None:
    rng = np.random.default_rng(1)
    assert subtraction_dose(FluoroscopySettings(photons=300), rng).photons >= 5000
    assert subtraction_dose(FluoroscopySettings(photons=2e5), rng).photons == 2e5


def test_a_subtracted_run_is_grey_before_contrast_comes() -> None:
    extras = dataclasses.replace(Extras.none(), subtraction=1.0)
    case = simulate_case("phantom", 3, frames=3, size=SIZE, generator=dataclasses.replace(DEFAULT, extras=extras))
    assert not case.masks[0].any()
    assert case.masks[-1].any()
    vessel = max(case.masks, key=np.sum)
    before, after = (case.frames[index][vessel].astype(float) for index in (0, -1))
    assert before.std() < 12
    assert after.mean() < before.mean() - 20
