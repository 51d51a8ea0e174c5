"""Matching finds known affines, keeps physical, and refuses what it cannot match."""

import dataclasses

import numpy as np
import pytest
import torch

from VesselRegistrationLib.affine import RegionOfInterest, apply
from VesselRegistrationLib.matching import AffineMatcher, MatchSettings, warp_mask
from VesselRegistrationLib.matching_loss import dice_loss, match_objective, multiscale_dice_loss, point_loss, prior_loss
from VesselRegistrationLib.matching_start import searched_starts
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.metrics import overlap_metrics


def drawn_tree(rows: int = 320, columns: int = 400) -> np.ndarray:
    """A tree of three curved branches of different widths, without any symmetry."""
    row, column = np.mgrid[:rows, :columns]
    mask = np.zeros((rows, columns), bool)
    along = np.linspace(0, 1, 200)
    branches = [
        (130 + 90 * along, 60 + 200 * along**1.5, 9),
        (175 + 130 * along, 135 - 50 * along + 60 * along**2, 6),
        (150 - 70 * along, 100 + 130 * along**2, 4),
    ]
    for x, y, radius in branches:
        for one, other in zip(x, y, strict=True):
            mask |= (column - one) ** 2 + (row - other) ** 2 <= radius**2
    return mask


WHOLE = RegionOfInterest(0, 0, 400, 320)


def points_of(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(mask)
    return np.stack([columns, rows], axis=1)[::37].astype(float)


def similarity(turn_deg: float, scale: float, x: float, y: float) -> np.ndarray:
    """Turn and scale about the middle of the picture, then shift."""
    angle = np.radians(turn_deg)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([199.5, 159.5])
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = linear, middle + (x, y) - linear @ middle
    return matrix


@pytest.mark.parametrize(
    ("turn", "scale", "x", "y"), [(0, 1, 35, -20), (9, 1.1, -30, 15), (-14, 0.88, 12, 30), (4, 1.0, 0, 0)]
)
def test_a_known_turn_scale_and_shift_are_found_to_two_pixels(turn: float, scale: float, x: float, y: float) -> None:
    moving, truth = drawn_tree(), similarity(turn, scale, x, y)
    match = AffineMatcher(None).match(moving, warp_mask(moving, truth), WHOLE)
    error = np.linalg.norm(
        apply(match.projection_to_frame, points_of(moving)) - apply(truth, points_of(moving)), axis=1
    )
    assert error.mean() < 2
    assert match.overlap.dsc > 0.9


def test_missing_branches_do_not_pull_the_match_away() -> None:
    moving, truth = drawn_tree(), similarity(6, 1.05, 20, -12)
    fixed = warp_mask(moving, truth)
    fixed[:, 260:] = False
    match = AffineMatcher(None).match(moving, fixed, WHOLE)
    error = np.linalg.norm(
        apply(match.projection_to_frame, points_of(moving)) - apply(truth, points_of(moving)), axis=1
    )
    assert error.mean() < 5


def test_the_region_of_interest_limits_what_is_matched_and_shifts_the_matrix() -> None:
    moving, truth = drawn_tree(), similarity(5, 1.0, 18, 9)
    roi = RegionOfInterest(60, 40, 280, 260)
    match = AffineMatcher(None).match(moving, warp_mask(moving, truth), roi)
    np.testing.assert_allclose(match.moving_to_fixed, match.projection_to_frame @ roi.to_frame())
    inside = points_of(moving)
    error = np.linalg.norm(apply(match.moving_to_fixed, inside - (60, 40)) - apply(truth, inside), axis=1)
    assert error.mean() < 3


def test_the_reported_overlap_is_that_of_the_returned_picture() -> None:
    moving = drawn_tree()
    fixed = warp_mask(moving, similarity(3, 1, 10, 0))
    match = AffineMatcher(None).match(moving, fixed, WHOLE)
    assert match.overlap == overlap_metrics(match.warped, fixed)


def test_a_probability_matches_like_a_mask() -> None:
    moving = drawn_tree()
    fixed = warp_mask(moving, similarity(3, 1, 10, 0))
    match = AffineMatcher(None).match(moving, np.where(fixed, 0.9, 0.05).astype(np.float32), WHOLE)
    assert match.overlap.dsc > 0.9


def test_matching_twice_gives_the_same_matrix() -> None:
    moving = drawn_tree()
    fixed = warp_mask(moving, similarity(7, 1.1, 10, 5))
    first, second = (AffineMatcher(None).match(moving, fixed, WHOLE).projection_to_frame for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_an_empty_mask_an_empty_region_and_other_sizes_are_refused_in_words() -> None:
    moving, matcher = drawn_tree(), AffineMatcher(None)
    with pytest.raises(InputError, match="vessel mask is empty"):
        matcher.match(moving, np.zeros_like(moving), WHOLE)
    with pytest.raises(InputError, match="holds no part of the projected model"):
        matcher.match(moving, moving, RegionOfInterest(0, 0, 20, 20))
    with pytest.raises(InputError, match="must be on the frame's pixels"):
        matcher.match(moving, moving[:-1], WHOLE)
    with pytest.raises(InputError, match="does not lie within the frame"):
        matcher.match(moving, moving, RegionOfInterest(0, 0, 500, 100))


def test_a_match_that_stretches_the_model_is_warned_about() -> None:
    moving = drawn_tree()
    stretched = similarity(0, 1, 0, 0)
    stretched[0, 0], stretched[0, 2] = 1.5, -100
    settings = dataclasses.replace(MatchSettings(), prior_weight=0.0, steps=150)
    match = AffineMatcher(None).match(moving, warp_mask(moving, stretched), WHOLE, settings)
    assert any("stretches the model" in warning for warning in match.warnings)


def test_equation_5_by_hand() -> None:
    # TP 1, FP 1, FN 2: 1 - 2 / (2 + 1 + 2) = 0.6
    warped = torch.tensor([1.0, 1, 0, 0, 0]).reshape(1, 1, 1, 5)
    fixed = torch.tensor([1.0, 0, 1, 1, 0]).reshape(1, 1, 1, 5)
    assert dice_loss(warped, fixed).item() == pytest.approx(0.6, abs=1e-5)


def test_the_coarse_scales_see_vessels_that_do_not_overlap_yet() -> None:
    one, near, far = (torch.zeros(1, 1, 64, 64) for _ in range(3))
    one[..., 20:22], near[..., 24:26], far[..., 56:58] = 1, 1, 1
    assert dice_loss(one, near) == dice_loss(one, far)
    assert multiscale_dice_loss(one, near) < multiscale_dice_loss(one, far)


def test_the_prior_is_zero_at_the_identity_and_free_for_shifts() -> None:
    shifted = torch.eye(3)[None].clone()
    shifted[0, 0, 2] = 0.7
    assert prior_loss(shifted).item() == pytest.approx(0, abs=1e-6)
    sheared = torch.eye(3)[None].clone()
    sheared[0, 0, 1] = 0.12
    # By hand: shear 0.12 is a rotation of -0.06 and a stretch of 0.06: log(1 + 0.06^2 / 0.12^2 + 0.06^2 / 0.05^2).
    assert prior_loss(sheared).item() == pytest.approx(np.log(1 + 0.25 + 1.44), rel=0.03)


def test_the_same_gain_of_overlap_counts_more_in_a_good_match_than_in_a_poor_one() -> None:
    picture = torch.zeros(1, 1, 64, 64)
    picture[..., 10:50, 10:16] = 1
    other, identity = picture.roll(4, dims=3), torch.eye(3)[None]

    def gain_per_loss(warped: torch.Tensor) -> float:
        """How much the objective falls per unit of Dice loss gained."""
        worse = 0.99 * warped
        gained = multiscale_dice_loss(worse, picture) - multiscale_dice_loss(warped, picture)
        falls = match_objective(worse, picture, identity, 0.05) - match_objective(warped, picture, identity, 0.05)
        return (falls / gained).item()

    # The prior weighs the same in both, so it decides between poor matches and hardly bends a good one.
    assert gain_per_loss(picture) > 1.5 * gain_per_loss(other) > 0


def test_the_point_loss_is_the_mean_distance() -> None:
    true, found = torch.eye(3)[None], torch.eye(3)[None].clone()
    found[0, 0, 2], found[0, 1, 2] = 0.3, 0.4
    assert point_loss(found, true, torch.rand(1, 6, 2)).item() == pytest.approx(0.5, abs=1e-3)


def test_the_search_starts_near_a_large_shift() -> None:
    moving = torch.zeros(1, 1, 128, 128)
    moving[0, 0, 30:60, 20:26] = 1
    moving[0, 0, 54:60, 20:50] = 1
    fixed = moving.roll((38, 44), dims=(2, 3))
    best = searched_starts(moving, fixed, 1)[0]
    np.testing.assert_allclose(best.numpy()[:2, 2] * 64, (44, 38), atol=2.1)
    np.testing.assert_allclose(best.numpy()[:2, :2], np.eye(2), atol=1e-6)
