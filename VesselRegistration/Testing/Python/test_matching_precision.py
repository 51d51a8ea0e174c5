"""The CNN's proposal in bfloat16, where the computer has it: nearly the same, and never what is returned as it is."""

import numpy as np
import pytest
import torch

from VesselRegistrationLib import matching
from VesselRegistrationLib.affine import RegionOfInterest, apply
from VesselRegistrationLib.affine_cnn import AffineCnn
from VesselRegistrationLib.matching import AffineMatcher, MatchSettings
from VesselRegistrationLib.matching_network import load_matching_network
from VesselSegmentationLib.resources import matching_network_folder

SIDE = 256
WHOLE = RegionOfInterest(0, 0, SIDE, SIDE)


def bent_tube() -> np.ndarray:
    row, column = np.mgrid[:SIDE, :SIDE]
    return (np.abs(column - 128 - 50 * np.sin(row / 50)) < 7) & (row > 30) & (row < 220)


@pytest.fixture(scope="module")
def network() -> AffineCnn:
    return load_matching_network(matching_network_folder()).fused()


@pytest.fixture
def matchers(network, monkeypatch) -> tuple[AffineMatcher, AffineMatcher]:
    """On a computer without bfloat16, and on one with it."""
    made = []
    for has in (False, True):
        monkeypatch.setattr(matching, "bfloat16_is_native", lambda has=has: has)
        made.append(AffineMatcher(network))
    return made[0], made[1]


def corners_apart_px(one: np.ndarray, other: np.ndarray) -> float:
    corners = np.array([[0, 0], [SIDE, 0], [0, SIDE], [SIDE, SIDE]], dtype=float)
    return float(np.linalg.norm(apply(one, corners) - apply(other, corners), axis=1).max())


def test_the_networks_own_matrix_is_that_of_full_precision(matchers) -> None:
    exact, quick = (
        matcher.match(bent_tube(), np.roll(bent_tube(), 12, axis=1), WHOLE, MatchSettings(steps=0, searched_starts=0))
        for matcher in matchers
    )
    assert (exact.start, quick.start) == ("network", "network")
    np.testing.assert_array_equal(exact.projection_to_frame, quick.projection_to_frame)


def test_a_proposal_is_off_by_less_than_a_pixel_and_the_match_by_next_to_nothing(matchers) -> None:
    moving, fixed = bent_tube(), np.roll(bent_tube(), 12, axis=1)
    assert matchers[0].network.last.weight.dtype == matchers[1].network.last.weight.dtype == torch.float32
    proposals = [matcher._proposal(matcher._quick, moving, fixed) for matcher in matchers]
    assert 0 < corners_apart_px(*proposals) < 1.5
    found = [matcher.match(moving, fixed, WHOLE).projection_to_frame for matcher in matchers]
    assert corners_apart_px(*found) < 0.5
    assert np.linalg.norm(apply(found[1], np.array([[128.0, 128.0]])) - (140, 128)) < 3
