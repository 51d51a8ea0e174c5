"""A straight vessel fixes a match across itself only; a tree fixes it in both directions; and the report says so."""

import numpy as np
import pytest

from VesselRegistrationLib import matching
from VesselRegistrationLib.affine import RegionOfInterest
from VesselRegistrationLib.matching import AffineMatcher
from VesselRegistrationLib.matching_ambiguity import Ambiguity, direction_in_words

SIDE = 256
WHOLE = RegionOfInterest(0, 0, SIDE, SIDE)


def tube(angle_deg: float, half_length: float = SIDE, radius: float = 7) -> np.ndarray:
    """A straight vessel through the middle of the picture, as long as said or out of it at both ends."""
    row, column = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    angle = np.radians(angle_deg)
    across, along = column * np.sin(angle) + row * np.cos(angle), column * np.cos(angle) - row * np.sin(angle)
    return (np.abs(across) <= radius) & (np.abs(along) <= half_length)


def tree() -> np.ndarray:
    """A trunk with two branches, all ending within the picture."""
    row, column = np.mgrid[:SIDE, :SIDE]
    mask = np.zeros((SIDE, SIDE), bool)
    for (x0, y0), (x1, y1), radius in (
        ((70, 40), (120, 130), 8),
        ((120, 130), (70, 215), 6),
        ((120, 130), (205, 190), 5),
        ((95, 85), (190, 60), 5),
    ):
        for share in np.linspace(0, 1, 120):
            mask |= (column - x0 - share * (x1 - x0)) ** 2 + (row - y0 - share * (y1 - y0)) ** 2 <= radius**2
    return mask


@pytest.mark.parametrize(("angle", "words"), [(0, "left to right"), (90, "up and down"), (45, "lower left to upper")])
def test_a_piece_of_a_straight_vessel_may_lie_anywhere_along_it(angle: float, words: str) -> None:
    ambiguity = AffineMatcher(None).match(tube(angle, 100), np.roll(tube(angle), 3, axis=0), WHOLE).ambiguity
    assert ambiguity.worst_px > 3 * ambiguity.best_px
    assert abs((ambiguity.worst_direction_deg - angle + 90) % 180 - 90) < 10
    assert words in ambiguity.sentence
    assert "only to" in ambiguity.sentence


def test_a_tree_is_fixed_in_both_directions() -> None:
    match = AffineMatcher(None).match(tree(), np.roll(tree(), (9, 5), axis=(0, 1)), WHOLE)
    assert match.ambiguity.worst_px < 2 * match.ambiguity.best_px
    assert match.ambiguity.worst_px < 0.01 * SIDE
    assert match.ambiguity.sentence not in match.warnings


def test_a_direction_more_open_than_said_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "AMBIGUOUS_SHARE", 3 / SIDE)
    match = AffineMatcher(None).match(tube(0, 100), np.roll(tube(0), 3, axis=0), WHOLE)
    assert match.ambiguity.sentence in match.warnings


def test_the_same_pictures_at_twice_the_size_are_twice_as_open_in_pixels() -> None:
    small, fixed = tree(), np.roll(tree(), (9, 5), axis=(0, 1))
    large, large_fixed = (np.kron(picture, np.ones((2, 2))).astype(bool) for picture in (small, fixed))
    one = AffineMatcher(None).match(small, fixed, WHOLE).ambiguity
    other = AffineMatcher(None).match(large, large_fixed, RegionOfInterest(0, 0, 512, 512)).ambiguity
    assert other.worst_px == pytest.approx(2 * one.worst_px, rel=0.01)


def test_the_sentence_by_hand() -> None:
    assert Ambiguity(12.3, 1.04, 88.0).sentence == (
        "The picture fixes the model to 1.0 px from left to right, up and down only to 12 px."
    )
    assert direction_in_words(178) == "from left to right"
    assert direction_in_words(-45) == "from upper left to lower right"
