"""Vessels with the help of a frame from before contrast agent came."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from VesselSegmentationLib import run_subtraction
from VesselSegmentationLib.frame_subtraction import moved_onto, subtracted
from VesselSegmentationLib.run_subtraction import (
    MOST_AT_ONCE,
    FrameEvidence,
    SubtractingSegmenter,
    each_segmented,
    frames_before,
)

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
    """What a network does that cannot tell a bone from a vessel: half sure of whatever is dark, and of nothing else."""
    return np.where(picture < 0.75 * np.median(picture), 0.7, 0.02).astype(np.float32)


def test_a_bone_that_was_there_before_is_no_vessel() -> None:
    alone = dark_is_vessel(filled()) >= 0.5
    assert alone[BONE].mean() > 0.9
    segment = SubtractingSegmenter.of_run(dark_is_vessel, filled(), [background()])
    assert segment is not None
    found = segment(filled()) >= 0.5
    assert found[VESSEL].mean() > 0.9
    assert found[BONE].mean() < 0.05


def test_logits_and_darkening_are_weighted() -> None:
    frame, change, darkened = (np.full((2, 2), value, np.float32) for value in (1.5, -2.0, 0.25))
    logit = (
        1.5 * run_subtraction.FRAME_WEIGHT
        - 2.0 * run_subtraction.DIFFERENCE_WEIGHT
        + 0.25 * run_subtraction.DARKENED_WEIGHT
        + run_subtraction.CONSTANT
    )
    np.testing.assert_allclose(FrameEvidence(frame, change, darkened).probability(), 1 / (1 + np.exp(-logit)), 1e-5)


def test_surer_evidence_is_surer_vessel() -> None:
    nothing = np.zeros((1, 1), np.float32)
    one = np.ones((1, 1), np.float32)
    least = FrameEvidence(nothing, nothing, nothing).probability()
    for more in ((one, nothing, nothing), (nothing, one, nothing), (nothing, nothing, one)):
        assert FrameEvidence(*more).probability() > least
    unseen = FrameEvidence(-5 * one, -5 * one, nothing).probability()
    assert unseen < 0.05


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


@pytest.mark.parametrize("grey", [0, 150, None])
def test_a_frame_that_shows_nothing_of_the_scene_is_not_subtracted(grey: int | None) -> None:
    noise = np.random.default_rng(3).integers(100, 200, (SIDE, SIDE)).astype(np.uint8)
    blank = noise if grey is None else np.full((SIDE, SIDE), grey, np.uint8)
    assert SubtractingSegmenter.of_run(dark_is_vessel, filled(), [blank]) is None
    found = SubtractingSegmenter.of_run(dark_is_vessel, filled(), [blank, noisy(background(), 10.0, 4)])
    assert found is not None
    assert len(found.without_contrast) == 1
    assert found.without_contrast[0] is not blank


def test_without_vessels_nothing_is_subtracted() -> None:
    assert SubtractingSegmenter.of_run(lambda picture: np.zeros(picture.shape), filled(), [background()]) is None


def test_nothing_is_vessel_in_the_frame_without_contrast_agent() -> None:
    assert (dark_is_vessel(background()) >= 0.5).any()
    assert SubtractingSegmenter(dark_is_vessel, (background(),))(background()).max() < 0.5
    again = noisy(background(), 4.0, 7)
    assert (SubtractingSegmenter(dark_is_vessel, (background(), again))(background()) >= 0.5)[BONE].mean() < 0.5


def test_the_frame_that_told_which_others_have_no_contrast_is_not_segmented_by_itself_again() -> None:
    seen: list[np.ndarray] = []

    def watching(picture: np.ndarray) -> np.ndarray:
        seen.append(picture)
        return dark_is_vessel(picture)

    segment = SubtractingSegmenter.of_run(watching, filled(), [background()])
    assert segment is not None
    seen.clear()
    found = segment(filled())
    assert len(seen) == 1  # the difference
    np.testing.assert_array_equal(found, SubtractingSegmenter(dark_is_vessel, (background(),))(filled()))


def test_frames_one_after_the_other_are_those_by_themselves() -> None:
    frames = np.stack([background(), filled(), noisy(filled(), 4.0, 1), noisy(filled(), 4.0, 2)])
    segment = SubtractingSegmenter(dark_is_vessel, (background(),))
    together = list(each_segmented(segment, frames))
    assert len(together) == len(frames)
    for frame, probability in zip(frames, together, strict=True):
        np.testing.assert_array_equal(probability, segment(frame))
    np.testing.assert_array_equal(list(each_segmented(dark_is_vessel, frames))[1], dark_is_vessel(frames[1]))
    assert list(each_segmented(segment, frames[:0])) == []


def test_what_goes_wrong_ahead_is_told_and_a_stop_leaves_no_thread() -> None:
    frames = np.stack([background(), filled(), filled()])
    segment = SubtractingSegmenter(dark_is_vessel, (background(),))
    results = each_segmented(segment, [frames[1], np.zeros((3, 4), np.uint8)])
    next(results)
    with pytest.raises(ValueError, match="could not be broadcast|shape"):
        next(results)
    threads = threading.active_count()
    stopped = each_segmented(segment, frames)
    next(stopped)
    next(stopped)
    assert threads < threading.active_count() <= threads + MOST_AT_ONCE
    stopped.close()
    assert threading.active_count() == threads


@pytest.mark.parametrize(("before", "meanwhile"), [(1, 1), (2, 1), (3, 1), (9, 2)])
def test_frames_looked_at_at_once_share_the_threads_of_the_network(before: int, meanwhile: int) -> None:
    import torch

    threads, seen = torch.get_num_threads(), []

    def watching(picture: np.ndarray) -> np.ndarray:
        seen.append(torch.get_num_threads())
        return dark_is_vessel(picture)

    try:
        torch.set_num_threads(before)
        assert len(list(each_segmented(SubtractingSegmenter(watching, (background(),)), [filled()] * 4))) == 4
        assert seen == [before] * 2 + [meanwhile] * 6  # frame and difference; the first ones alone
        assert torch.get_num_threads() == before
    finally:
        torch.set_num_threads(threads)


def test_frames_at_once_come_in_their_order() -> None:
    import torch

    threads, gate = torch.get_num_threads(), threading.Event()

    def slow_at_first(picture: np.ndarray) -> np.ndarray:
        if picture[0, 0] == 1:
            assert gate.wait(10)  # for the next one, which is looked at meanwhile
        if picture[0, 0] == 2:
            gate.set()
        return picture / 255

    try:
        torch.set_num_threads(2)
        found = list(each_segmented(slow_at_first, np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 8))))
        np.testing.assert_array_equal([round(float(probability[0, 0] * 255)) for probability in found], range(4))
    finally:
        torch.set_num_threads(threads)


def test_of_several_the_most_similar_is_taken_away() -> None:
    seen: list[np.ndarray] = []

    def watching(picture: np.ndarray) -> np.ndarray:
        seen.append(picture)
        return dark_is_vessel(picture)

    SubtractingSegmenter(watching, (np.roll(background(), 7, axis=0), background()))(filled())
    np.testing.assert_array_equal(seen[1], subtracted(filled(), background()).picture)


def test_unchanged_is_grey_and_darkened_is_dark() -> None:
    change = subtracted(filled(), background())
    greys = change.picture.astype(int)
    assert change.picture.dtype == np.uint8
    assert greys[VESSEL].mean() < 60
    assert abs(greys[BONE].mean() - 0.7 * 255) < 3
    assert change.darkened[VESSEL].mean() > 0.8
    assert change.darkened[BONE].max() < 0.1


@pytest.mark.parametrize("gain", [0.8, 1.2])
def test_exposure_control_does_not_shift_what_is_unchanged(gain: float) -> None:
    mask = np.clip(background() * gain, 0, 255).astype(np.uint8)
    greys = subtracted(filled(), mask).picture.astype(int)
    assert abs(np.median(greys) - 0.7 * 255) < 8
    assert greys[VESSEL].mean() < 60


def test_any_number_of_bits_is_subtracted_alike() -> None:
    deep = [picture.astype(np.uint16) * 16 for picture in (filled(), background())]
    shifted = [picture.astype(np.int16) - 100 for picture in (filled(), background())]
    expected = subtracted(filled(), background())
    for frame, mask in (deep, shifted):
        found = subtracted(frame, mask)
        assert np.abs(found.picture.astype(int) - expected.picture).max() <= 1
        np.testing.assert_allclose(found.darkened, expected.darkened, atol=0.01)


def noisy(picture: np.ndarray, deviation: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, deviation, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_what_noise_hides_is_blurred_until_contrast_stands_out() -> None:
    before, now = (np.kron(picture, np.ones((4, 4))) for picture in (background(), filled()))
    vessel = np.kron(_inside(VESSEL), np.ones((4, 4), bool))
    for deviation, most in ((0, 0.01), (40, 0.2)):
        change = subtracted(noisy(now, deviation, 1), noisy(before, deviation, 2))
        greys = change.picture / 255.0
        assert greys[~vessel].std() < most
        assert greys[vessel].mean() < greys[~vessel].mean() - 0.4
        assert change.darkened[vessel].mean() > change.darkened[~vessel].mean() + 0.5


def test_a_clear_difference_is_not_blurred() -> None:
    change = subtracted(filled(), background()).picture.astype(int)
    edge = np.abs(np.diff(change[50, 25:45]))
    assert edge.max() > 100  # from one pixel to the next


def _inside(part: tuple[slice, slice]) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[part] = True
    return mask


def test_a_flat_picture_stays_flat() -> None:
    change = subtracted(np.full((8, 8), 5, np.uint8), np.full((8, 8), 5, np.uint8))
    assert np.unique(change.picture).size == 1
    assert not change.darkened.any()


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
