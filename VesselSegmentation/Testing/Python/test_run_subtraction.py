"""Vessels with the help of a frame from before contrast agent came."""

from __future__ import annotations

import numpy as np
import pytest

from VesselSegmentationLib.run_subtraction import SubtractingSegmenter, frames_before, moved_onto, subtracted

SIDE = 96
VESSEL = (slice(20, 80), slice(30, 38))
BONE = (slice(40, 60), slice(60, 65))


def background() -> np.ndarray:
    """Bodies with structure, and a small bone as dark as a vessel; 8 bits."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(1)
    picture = 170 + 60 * gaussian_filter(rng.normal(size=(SIDE, SIDE)), 3)
    picture[BONE] -= 70
    return np.clip(picture, 0, 255).astype(np.uint8)


def filled() -> np.ndarray:
    picture = background().astype(float)
    picture[VESSEL] *= 0.6
    return picture.astype(np.uint8)


def dark_is_vessel(picture: np.ndarray) -> np.ndarray:
    """What a network does that cannot tell a bone from a vessel: half sure of whatever is dark."""
    return np.where(picture < 0.75 * np.median(picture), 0.7, 0.1).astype(np.float32)


def test_a_bone_that_was_there_before_is_no_vessel() -> None:
    alone = dark_is_vessel(filled()) >= 0.5
    assert alone[BONE].mean() > 0.9
    segment = SubtractingSegmenter.of_run(dark_is_vessel, filled(), [background()])
    assert segment is not None
    found = segment(filled()) >= 0.5
    assert found[VESSEL].mean() > 0.9
    assert found[BONE].mean() < 0.05


def test_probability_is_that_of_the_mean_logit() -> None:
    answers = iter([np.full((4, 4), 0.9), np.full((4, 4), 0.5)])
    segment = SubtractingSegmenter(lambda _: next(answers), (np.eye(4),))
    np.testing.assert_allclose(segment(np.ones((4, 4))), 0.75, atol=1e-6)  # odds 9 and 1: their geometric mean is 3


def test_a_frame_in_which_contrast_has_begun_to_run_is_not_subtracted() -> None:
    begun = background()
    begun[20:45, 30:38] = (begun[20:45, 30:38] * 0.6).astype(np.uint8)
    vessels = np.zeros((SIDE, SIDE), bool)
    vessels[VESSEL] = True

    def exact(picture: np.ndarray) -> np.ndarray:
        return (vessels & (picture < 0.8 * background())).astype(float)

    assert SubtractingSegmenter.of_run(exact, filled(), [begun]) is None
    found = SubtractingSegmenter.of_run(exact, filled(), [begun, background()])
    assert found is not None
    assert len(found.without_contrast) == 1


@pytest.mark.parametrize("earlier", [[], [np.zeros((5, 5), np.uint8)]])
def test_without_a_frame_to_subtract_there_is_no_help(earlier: list[np.ndarray]) -> None:
    assert SubtractingSegmenter.of_run(dark_is_vessel, filled(), earlier) is None


def test_without_vessels_nothing_is_subtracted() -> None:
    assert SubtractingSegmenter.of_run(lambda picture: np.zeros(picture.shape), filled(), [background()]) is None


def test_the_frame_that_is_subtracted_is_seen_as_it_is() -> None:
    segment = SubtractingSegmenter(dark_is_vessel, (background(),))
    np.testing.assert_array_equal(segment(background()), dark_is_vessel(background()))


def test_of_several_the_most_similar_is_taken_away() -> None:
    seen: list[np.ndarray] = []

    def watching(picture: np.ndarray) -> np.ndarray:
        seen.append(picture)
        return dark_is_vessel(picture)

    SubtractingSegmenter(watching, (np.roll(background(), 7, axis=0), background()))(filled())
    np.testing.assert_array_equal(seen[1], subtracted(filled(), background()))


def test_unchanged_is_grey_and_darkened_is_dark() -> None:
    greys = subtracted(filled(), background()).astype(int)
    assert greys[VESSEL].mean() < 60
    assert abs(greys[BONE].mean() - 0.7 * 255) < 3
    assert greys.dtype != greys.astype(np.uint8).dtype  # compared as numbers that may be negative


@pytest.mark.parametrize("gain", [0.8, 1.2])
def test_exposure_control_does_not_shift_what_is_unchanged(gain: float) -> None:
    mask = np.clip(background() * gain, 0, 255).astype(np.uint8)
    greys = subtracted(filled(), mask).astype(int)
    assert abs(np.median(greys) - 0.7 * 255) < 8
    assert greys[VESSEL].mean() < 60


def test_any_number_of_bits_is_subtracted_alike() -> None:
    deep = [picture.astype(np.uint16) * 16 for picture in (filled(), background())]
    shifted = [picture.astype(np.int16) - 100 for picture in (filled(), background())]
    expected = subtracted(filled(), background()).astype(int)
    for frame, mask in (deep, shifted):
        assert np.abs(subtracted(frame, mask).astype(int) - expected).max() <= 1


def test_a_flat_picture_stays_flat() -> None:
    assert np.unique(subtracted(np.full((8, 8), 5, np.uint8), np.full((8, 8), 5, np.uint8))).size == 1


@pytest.mark.parametrize(("down", "right"), [(3, 0), (-2, 4)])
def test_a_picture_that_moved_is_moved_back(down: int, right: int) -> None:
    inner = (slice(12, -12), slice(12, -12))
    now = np.roll(background(), (down, right), axis=(0, 1))
    apart = np.abs(now[inner].astype(int) - background()[inner]).mean()
    moved = moved_onto(background(), now)
    assert moved.dtype == np.uint8
    assert np.abs(moved[inner].astype(int) - now[inner]).mean() < 0.2 * apart


def test_a_picture_of_something_else_is_not_moved() -> None:
    other = np.ascontiguousarray(np.rot90(background()))
    mask = background()
    moved = moved_onto(mask, other)
    before, after = (np.median(np.abs(other[::4, ::4].astype(int) - picture[::4, ::4])) for picture in (mask, moved))
    assert after <= before


@pytest.mark.parametrize(
    ("frame", "expected"),
    [(0, []), (1, [0]), (3, [0, 1, 2]), (10, [0, 3, 6, 9])],
    ids=["first", "second", "few", "many"],
)
def test_frames_to_look_at_come_before_and_begin_with_the_first(frame: int, expected: list[int]) -> None:
    assert frames_before(frame) == expected


def test_only_frames_that_are_alike_are_looked_at() -> None:
    assert frames_before(10, lambda index: index >= 8) == [8, 9]
