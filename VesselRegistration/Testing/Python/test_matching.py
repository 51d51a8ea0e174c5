"""Matching finds known affines, keeps physical, and refuses what it cannot match."""

import dataclasses

import numpy as np
import pytest
import torch

from VesselRegistrationLib.affine import RegionOfInterest, apply
from VesselRegistrationLib.matching import AffineMatcher, MatchSettings, warp_mask
from VesselRegistrationLib.matching_loss import dice_loss, multiscale_dice_loss, point_loss
from VesselRegistrationLib.matching_objective import (
    LOSS_FLOOR,
    USUAL_PRIOR,
    MatchObjective,
    Prior,
    matrices_of,
    numbers_of,
)
from VesselRegistrationLib.matching_outline import OutlineMatches, Outlines
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
    # The usual prior bends a match that is turned by two of its widths: by 4 pixels in the third of these.
    settings = MatchSettings(prior=Prior(weight=0.005))
    match = AffineMatcher(None).match(moving, warp_mask(moving, truth), WHOLE, settings)
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
    settings = dataclasses.replace(MatchSettings(), prior=Prior(weight=0.0), steps=60)
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


def small_picture(moved: int = 0) -> np.ndarray:
    """A bent vessel (64, 64)."""
    picture = np.zeros((64, 64), np.float32)
    picture[14:50, 20 + moved : 26 + moved] = 1
    picture[44:50, 20 + moved : 46 + moved] = 1
    return picture


def test_equal_black_and_white_pictures_tell_everything_about_each_other() -> None:
    value, _slope = MatchObjective(small_picture(), small_picture(), scales=(1,))(np.zeros((1, 6)))
    assert value[0] == pytest.approx(np.log(LOSS_FLOOR), abs=1e-3)


def test_the_mutual_information_by_hand() -> None:
    moving, fixed = np.zeros((8, 8), np.float32), np.zeros((8, 8), np.float32)
    moving[2:6, 2:6], fixed[2:6, 4:8] = 1, 1
    # 8 of 64 pixels are both, 8 model only, 8 vessel only, 40 neither; each alone covers a quarter.
    alone = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    together = -(3 * 0.125 * np.log(0.125) + 0.625 * np.log(0.625))
    value, _slope = MatchObjective(moving, fixed, scales=(1,))(np.zeros((1, 6)))
    assert value[0] == pytest.approx(np.log(1 + LOSS_FLOOR - (2 * alone - together) / alone), abs=1e-4)


def test_vessels_beyond_where_the_model_is_known_do_not_count() -> None:
    moving, fixed = small_picture(), small_picture()
    fixed[:10] = 1
    whole, part = (
        MatchObjective(moving, fixed, scales=(1,), known=known)(np.zeros((1, 6)))[0][0]
        for known in (None, (-0.5, 9.5, 63.5, 63.5))
    )
    assert part < whole


def test_the_slope_of_the_objective_is_that_of_its_values() -> None:
    objective = MatchObjective(small_picture(), small_picture(5), scales=(1, 2, 4), known=(15, 10, 40, 48))
    numbers = np.array([[0.05, 0.03, 0.02, -0.01, 1.3, 0.7]])
    slope = objective(numbers)[1][0]
    for index, step in enumerate((1e-3, 1e-3, 1e-3, 1e-3, 1e-2, 1e-2)):
        change = np.eye(6)[index] * step
        expected = (objective(numbers + change)[0] - objective(numbers - change)[0]) / (2 * step)
        assert slope[index] == pytest.approx(expected[0], rel=0.05, abs=0.02)


def test_the_prior_is_zero_at_the_identity_and_as_written_elsewhere() -> None:
    moving, numbers = small_picture(), np.array([[0.12, 0.0, 0.05, 0.0, 16.0, 0.0]])
    prior = Prior(weight=1.0)
    free, bound = MatchObjective(moving, moving, Prior(weight=0.0)), MatchObjective(moving, moving, prior)
    assert bound(np.zeros((1, 6)))[0][0] == pytest.approx(free(np.zeros((1, 6)))[0][0])
    # By hand: one width of rotation, one of stretch, and one of shift, a quarter of 64 pixels.
    expected = np.log(1 + 1 + 1) + prior.shift_share * np.log(1 + 1)
    assert bound(numbers)[0][0] - free(numbers)[0][0] == pytest.approx(expected, rel=1e-5)


def test_pushing_most_of_the_model_out_of_the_picture_does_not_pay() -> None:
    moving = small_picture()
    fixed = moving.copy()
    fixed[30:] = 0  # contrast fills the upper end only
    matches = np.array([[0, 0, 0, 0, 0.0, 0.0], [0, 0, 0, 0, 0.0, 40.0]])
    stays, leaves = MatchObjective(moving, fixed, Prior(weight=0.0))(matches)[0]
    assert stays < leaves


def test_six_numbers_and_matrices_are_the_same_thing() -> None:
    matrices = np.array([similarity(9, 1.1, -30, 15), similarity(-14, 0.88, 12, 30)])
    middle = np.array([120.0, 90.0])
    np.testing.assert_allclose(matrices_of(numbers_of(matrices, middle), middle), matrices, atol=1e-9)
    assert numbers_of(matrices, middle)[0, 0] == pytest.approx(np.radians(9))


def test_the_point_loss_is_the_mean_distance() -> None:
    true, found = torch.eye(3)[None], torch.eye(3)[None].clone()
    found[0, 0, 2], found[0, 1, 2] = 0.3, 0.4
    assert point_loss(found, true, torch.rand(1, 6, 2)).item() == pytest.approx(0.5, abs=1e-3)


def test_the_search_starts_near_a_large_shift() -> None:
    moving = np.zeros((128, 128), np.float32)
    moving[30:60, 20:26] = 1
    moving[54:60, 20:50] = 1
    best = searched_starts(moving, np.roll(moving, (38, 44), axis=(0, 1)), 1)[0]
    np.testing.assert_allclose(best[:2, :2], np.eye(2), atol=1e-6)
    np.testing.assert_allclose(best[:2, 2], (44, 38), atol=2.1)


def mean_error_px(found: np.ndarray, true: np.ndarray, mask: np.ndarray) -> float:
    rows, columns = np.nonzero(mask)
    points = np.stack([columns, rows], axis=1).astype(float)
    return float(np.linalg.norm(apply(found, points) - apply(true, points), axis=1).mean())


def fitted(moving: np.ndarray, seen: np.ndarray, starts: np.ndarray) -> OutlineMatches:
    outlines = Outlines.of(moving, seen, RegionOfInterest(0, 0, *moving.shape[::-1]), USUAL_PRIOR)
    assert outlines is not None
    return outlines.fitted(starts)


def test_a_match_that_is_nearly_right_becomes_right_beside_false_and_missing_vessels() -> None:
    moving, true = drawn_tree(), similarity(6, 1.05, 9, -6)
    seen = warp_mask(moving, true)
    seen[:, :90] = False
    seen[150:156, 30:240] = True
    starts = np.array([similarity(2, 1.0, 5, -2), similarity(-12, 0.9, -60, 30)])
    found = fitted(moving, seen, starts)
    assert mean_error_px(starts[0], true, moving) > 4
    assert mean_error_px(found.matrices[0], true, moving) < 1.0
    assert found.unexplained[0] < 0.7 * found.unexplained[1]


def test_of_many_matches_the_right_one_goes_on_and_says_where_it_came_from() -> None:
    moving, true = drawn_tree(), similarity(6, 1.05, 9, -6)
    astray = [similarity(angle, 1.0, shift, -40) for angle in (-20, 0, 20, 40) for shift in (-60, -30, 60)]
    found = fitted(moving, warp_mask(moving, true), np.array([*astray, similarity(2, 1.0, 5, -2)]))
    best = int(found.unexplained.argmin())
    assert len(found.matrices) == len(found.origins) < len(astray)
    assert found.origins[best] == len(astray)
    assert mean_error_px(found.matrices[best], true, moving) < 1.0


def test_a_wider_model_is_laid_on_the_middle_of_the_vessels() -> None:
    from scipy.ndimage import binary_dilation

    vessels, moving = drawn_tree(), binary_dilation(drawn_tree(), iterations=2)
    seen = vessels.copy()
    seen[:128] = False
    found = fitted(moving, seen, np.array([similarity(0, 1, 3, 2)]))
    assert mean_error_px(found.matrices[0], np.eye(3), seen) < 0.7


def test_outlines_that_lead_astray_leave_the_match_as_it_was() -> None:
    rng, astray = np.random.default_rng(0), 0
    starts = np.array([np.eye(3), np.diag([1.2, 1.2, 1.0]), np.diag([0.8, 0.8, 1.0])])
    for row in range(10, 118, 9):
        blocks = (rng.random((16, 16)) > 0.7).repeat(8, 1).repeat(8, 0)
        stripe = np.abs(np.mgrid[:128, :128][0] - row) < 2
        found = fitted(blocks, stripe, starts)
        areas = np.linalg.det(found.matrices[:, :2, :2])
        assert ((areas > 0.25) & (areas < 4)).all()
        as_before = (found.matrices == starts).all(axis=(1, 2))
        assert (found.unexplained[as_before] == 1).all()
        astray += as_before.sum()
    assert astray


def blot(radius: int) -> np.ndarray:
    rows, columns = np.mgrid[:100, :100]
    return (columns - 50) ** 2 + (rows - 50) ** 2 <= radius**2


def test_too_little_outline_fits_nothing() -> None:
    assert Outlines.of(blot(20), blot(1), RegionOfInterest(0, 0, 100, 100), USUAL_PRIOR) is None
    away = RegionOfInterest(0, 0, 10, 10)
    assert Outlines.of(blot(20), blot(20), away, USUAL_PRIOR) is None
