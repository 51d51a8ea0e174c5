"""What of a simulated vessel counts as seen."""

from __future__ import annotations

import numpy as np
import pytest

from VesselRegistrationLib.simulation.visibility import LEAST_GREY, seen_vessel

SIDE = 256


def bar(width: int) -> np.ndarray:
    vessel = np.zeros((SIDE, SIDE), dtype=bool)
    vessel[40:216, 128 : 128 + width] = True
    return vessel


def noise(deviation: float) -> np.ndarray:
    return np.random.default_rng(1).normal(0, deviation, (SIDE, SIDE)).astype(np.float32)


def test_a_dark_vessel_is_seen_to_its_edge_and_nothing_beside_it() -> None:
    vessel = bar(6)
    darkening = (40.0 * vessel).astype(np.float32)
    assert np.array_equal(seen_vessel(vessel, darkening, noise(5)), vessel)


def test_a_vessel_that_hardly_darkens_the_picture_is_not_marked() -> None:
    vessel = bar(6)
    darkening = ((LEAST_GREY - 0.5) * vessel).astype(np.float32)
    assert not seen_vessel(vessel, darkening, noise(0.1)).any()


@pytest.mark.parametrize(("width", "is_seen"), [(1, False), (24, True)])
def test_the_same_shadow_in_the_same_noise_is_seen_only_where_the_vessel_is_wide(width: int, is_seen: bool) -> None:
    vessel = bar(width)
    darkening = (10.0 * vessel).astype(np.float32)
    seen = seen_vessel(vessel, darkening, noise(15))
    assert (seen.sum() > 0.8 * vessel.sum()) if is_seen else (seen.sum() < 0.2 * vessel.sum())


def test_only_the_filled_half_of_a_vessel_is_marked() -> None:
    vessel = bar(6)
    darkening = (30.0 * vessel).astype(np.float32)
    darkening[128:] = 0
    seen = seen_vessel(vessel, darkening, noise(4))
    assert seen[50:120].sum() == vessel[50:120].sum()
    assert not seen[132:].any()


def test_no_vessel_stays_none() -> None:
    empty = np.zeros((SIDE, SIDE), dtype=bool)
    assert not seen_vessel(empty, np.zeros((SIDE, SIDE), np.float32), noise(3)).any()


def test_a_blurred_vessel_is_marked_to_half_its_height() -> None:
    from scipy.ndimage import gaussian_filter

    wide = bar(12)
    darkening = gaussian_filter(60.0 * bar(6).astype(np.float32), 2.0)
    darkening = np.roll(darkening, 3, axis=1)
    seen = seen_vessel(wide, darkening, noise(1))
    assert 6 <= np.median(seen[60:200].sum(axis=1)) <= 8
