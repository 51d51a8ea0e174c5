"""From absorbance to grey values: Beer-Lambert, noise, curves, window and shutters."""

import dataclasses

import numpy as np
import pytest

from VesselRegistrationLib.simulation.fluoroscopy import (
    CURVES,
    FluoroscopySettings,
    Shutters,
    beam_intensity,
    counted_photons,
    grey_values,
    sample_settings,
    sample_shutters,
    shuttered,
    window_limits,
)

IDEAL = FluoroscopySettings(scatter_to_primary=0.0, blur_px=0.0, photons=1e12, curve="log")
"""No scatter, no blur, hardly any noise: only Beer-Lambert is left."""
NO_SHUTTERS = Shutters(np.zeros((64, 64), dtype=bool), 0.0, 0.0, 0.5)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def expose(absorbance: np.ndarray, settings: FluoroscopySettings, generator: np.random.Generator) -> np.ndarray:
    """Photons counted behind an absorbance, relative to the picture's median."""
    intensity = beam_intensity(absorbance, settings)
    return counted_photons(intensity / np.median(intensity), settings, generator)


def two_regions(first: float, second: float, size: int = 64) -> np.ndarray:
    picture = np.full((size, size), first, dtype=np.float32)
    picture[:, size // 2 :] = second
    return picture


def staircase(size: int = 64) -> np.ndarray:
    """Absorbance rising from left to right in eight steps."""
    return np.repeat(np.repeat(np.linspace(0, 2, 8, dtype=np.float32), size // 8)[None], size, axis=0)


def means_of_steps(picture: np.ndarray) -> np.ndarray:
    return picture.reshape(len(picture), 8, -1).mean(axis=(0, 2))


def test_the_log_ratio_of_two_regions_is_their_difference_in_absorbance() -> None:
    counted = expose(two_regions(0.2, 1.45), IDEAL, rng())
    left, right = counted[:, :32].mean(), counted[:, 32:].mean()
    assert np.log(left / right) == pytest.approx(1.25, abs=1e-3)


def test_grey_values_of_a_log_curve_are_linear_in_the_absorbance() -> None:
    limits = (-4.0, 1.0)
    shown = grey_values(expose(two_regions(0.2, 1.45), IDEAL, rng()), IDEAL, limits)
    step = (shown[:, :32].mean() - shown[:, 32:].mean()) / IDEAL.white * (limits[1] - limits[0])
    assert step == pytest.approx(1.25, abs=1e-3)


def test_scatter_from_beside_lowers_the_contrast_below_beer_lambert() -> None:
    scattered = dataclasses.replace(IDEAL, scatter_to_primary=1.0)
    counted = expose(two_regions(0.2, 1.45), scattered, rng())
    ratio = np.log(counted[:, 31].mean() / counted[:, 32].mean())
    assert 0.1 < ratio < 0.7


@pytest.mark.parametrize("photons", [200.0, 5000.0])
def test_noise_variance_is_one_over_the_photons(photons) -> None:
    counted = expose(np.zeros((256, 256), np.float32), dataclasses.replace(IDEAL, photons=photons), rng())
    assert counted.mean() == pytest.approx(1, abs=0.005)
    assert counted.var() * photons == pytest.approx(1, rel=0.03)


def test_noise_variance_grows_with_what_is_absorbed() -> None:
    settings = dataclasses.replace(IDEAL, photons=1000.0)
    counted = expose(two_regions(0.0, 1.0, 256), settings, rng())
    relative = [part.var() / part.mean() ** 2 for part in (counted[:, :128], counted[:, 128:])]
    assert relative[1] / relative[0] == pytest.approx(np.e, rel=0.06)


def test_finer_pixels_catch_fewer_photons_each() -> None:
    settings = dataclasses.replace(IDEAL, photons=1000.0)
    coarse, fine = (expose(np.zeros((size, size), np.float32), settings, rng()).var() for size in (128, 256))
    assert fine / coarse == pytest.approx(4, rel=0.08)


def test_grainy_noise_keeps_its_variance_and_is_smoother() -> None:
    empty = np.zeros((256, 256), np.float32)
    white, grainy = (
        expose(empty, dataclasses.replace(IDEAL, photons=1000.0, noise_grain_px=grain), rng()) for grain in (0.0, 0.7)
    )
    assert grainy.var() == pytest.approx(white.var(), rel=0.03)
    assert np.diff(grainy).var() < 0.7 * np.diff(white).var()


def test_noise_comes_from_the_seed_and_counts_stay_positive() -> None:
    settings = dataclasses.replace(IDEAL, photons=5.0)
    first, again, other = (expose(staircase(), settings, rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.min() > 0


@pytest.mark.parametrize("sharpening", [0.0, 1.5])
@pytest.mark.parametrize("curve", CURVES)
def test_more_absorption_is_darker_for_every_curve(curve, sharpening) -> None:
    settings = dataclasses.replace(IDEAL, curve=curve, power=0.7, sharpening=sharpening, gamma=1.3)
    steps = means_of_steps(grey_values(expose(staircase(), settings, rng()), settings))
    assert (np.diff(steps) < -1).all()


@pytest.mark.parametrize("seed", range(12))
def test_more_absorption_is_darker_with_sampled_machines(seed) -> None:
    settings = dataclasses.replace(sample_settings(rng(seed)), evened=0.0)
    shown = grey_values(expose(staircase(), settings, rng()), settings)
    assert (np.diff(means_of_steps(shown)) < 0).all()
    assert shown.min() >= 0
    assert shown.max() <= settings.white <= 255


def test_evening_out_takes_slow_changes_and_leaves_fine_ones() -> None:
    column = np.arange(256) / 256
    slope = np.repeat(column[None].astype(np.float32), 256, axis=0)
    slope[:, 128:131] += 0.3
    evened = dataclasses.replace(IDEAL, evened=0.95)
    counted = expose(slope, IDEAL, rng())
    plain, flat = (grey_values(counted, settings, (-2.0, 1.0)) for settings in (IDEAL, evened))

    def depth(shown: np.ndarray) -> float:
        """How much darker the fine line is than its two sides."""
        return float((shown[:, 124].mean() + shown[:, 134].mean()) / 2 - shown[:, 129].mean())

    assert abs(flat[:, 40].mean() - flat[:, 215].mean()) < 0.2 * abs(plain[:, 40].mean() - plain[:, 215].mean())
    assert depth(flat) > 0.7 * depth(plain) > 5


def test_a_fixed_window_keeps_the_background_still_when_contrast_comes() -> None:
    settings = dataclasses.replace(IDEAL, photons=1e6)
    before = np.repeat(np.linspace(0, 0.4, 64, dtype=np.float32)[None], 64, axis=0)
    after = before.copy()
    after[20:24, 8:28] += 2.5
    elsewhere = np.s_[40:]
    counted = [expose(picture, settings, rng(seed)) for seed, picture in enumerate((before, after))]
    limits = window_limits(counted[1], settings)
    fixed, free = ([grey_values(c, settings, window)[elsewhere].mean() for c in counted] for window in (limits, None))
    assert abs(fixed[1] - fixed[0]) < 1.5  # the exposure follows the median of the picture
    assert abs(free[1] - free[0]) > 40


def test_window_limits_are_those_that_a_picture_gets_by_itself() -> None:
    settings = sample_settings(rng(3))
    counted = expose(staircase(), settings, rng())
    low, high = window_limits(counted, settings)
    assert low < high
    assert np.array_equal(grey_values(counted, settings), grey_values(counted, settings, (low, high)))


def test_an_even_picture_has_a_window_too() -> None:
    shown = grey_values(np.ones((32, 32), np.float32), IDEAL)
    assert np.isfinite(shown).all()


def test_sampled_machines_and_shutters_come_from_the_seed() -> None:
    assert sample_settings(rng(8)) == sample_settings(rng(8))
    assert sample_settings(rng(8)) != sample_settings(rng(9))
    assert np.array_equal(sample_shutters(rng(8), 64).closed, sample_shutters(rng(8), 64).closed)


def test_closed_shutters_are_constant_and_the_open_middle_is_untouched() -> None:
    closed = np.zeros((64, 64), dtype=bool)
    closed[:, :20] = True
    picture = np.random.default_rng(0).uniform(50, 200, (64, 64)).astype(np.float32)
    shown = shuttered(picture, Shutters(closed, value=17.0, glow=0.4, softness_px=1.0))
    np.testing.assert_allclose(shown[:, :17], 17, atol=0.01)
    assert np.array_equal(shown[:, 36:], picture[:, 36:])
    assert shown[:, 21:23].mean() > picture[:, 21:23].mean()  # scatter glows past the blade


def test_open_shutters_change_nothing() -> None:
    picture = np.random.default_rng(0).uniform(0, 255, (64, 64)).astype(np.float32)
    assert np.array_equal(shuttered(picture, NO_SHUTTERS), picture)


def test_sampled_shutters_leave_most_of_the_picture_open() -> None:
    shares = [sample_shutters(rng(seed), 64).closed.mean() for seed in range(60)]
    assert max(shares) < 0.5
    assert 0.2 < np.count_nonzero(shares) / len(shares) < 0.9
