"""Scores mean what they say: point errors by hand, start poses as disturbed as stated, failures counted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from VesselRegistrationLib.affine import translation
from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.evaluation import (
    EvaluationSettings,
    FrameScore,
    MatchScore,
    PointErrors,
    PoseScore,
    VesselScore,
    point_errors,
    score_annotated,
)
from VesselRegistrationLib.evaluation_summary import summarize_annotated, summarize_scores
from VesselRegistrationLib.simulation.views import START_SHIFT_MM, START_TURN_DEG, disturbed_pose
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.metrics import Overlap

C_ARM = CArm(0, 0, 1000, 750, 512, 512, (0.4, 0.4))


def score(region: str, seed: int, dsc_hits: int, match_mm: float | None, baselines: bool = False) -> FrameScore:
    """A frame whose pose is 1 mm off and is refused together with the match."""
    refused = "" if match_mm is not None else "No vessels were found."
    return FrameScore(
        region=region,
        seed=seed,
        frame=1,
        vessels=VesselScore(Overlap(dsc_hits, 10, 10), 0.7),
        refused=refused,
        start=PointErrors(50.0, 15.0, 25.0),
        match=None
        if match_mm is None
        else MatchScore(PointErrors(match_mm / 0.3, match_mm, match_mm / 0.6), Overlap(80, 20, 20), 1.0),
        pose=PoseScore(refused, PointErrors(4.0, 1.0, 2.0), 4.0, 0.8, 1.6 if seed % 2 else 0.9, 5.0),
        frangi=VesselScore(Overlap(dsc_hits // 2, 10, 10), math.nan) if baselines else None,
        simpleitk=PointErrors(60.0, 18.0, 30.0) if baselines else None,
    )


def test_a_shift_of_ten_pixels_is_three_millimeters_at_the_isocenter_and_five_pixels_of_256() -> None:
    points = np.array([[0.0, 0, 0], [10, 0, 20]])
    shifted = point_errors(points, C_ARM, np.eye(4), np.eye(4), translation(10, 0))
    assert shifted.pixels == pytest.approx(10)
    assert shifted.px_of_256 == pytest.approx(5)
    assert shifted.in_plane_mm == pytest.approx(3)
    assert point_errors(points, C_ARM, np.eye(4), np.eye(4), np.eye(3)).in_plane_mm == 0


def test_points_outside_the_picture_do_not_count() -> None:
    points = np.array([[0.0, 0, 0], [500, 0, 0]])
    turned = np.diag([1.5, 1.5, 1.0])
    turned[:2, 2] = 255.5 * -0.5
    assert point_errors(points, C_ARM, np.eye(4), np.eye(4), turned).px_of_256 == pytest.approx(0)


def test_start_poses_are_as_far_off_as_stated() -> None:
    center, random = np.array([5.0, -20, 30]), np.random.default_rng(1)
    poses = [disturbed_pose(np.eye(4), center, random) for _ in range(400)]
    shifts = np.array([pose[:3, :3] @ center + pose[:3, 3] - center for pose in poses])
    assert shifts.std() == pytest.approx(START_SHIFT_MM, rel=0.1)
    angles = [math.degrees(math.acos((np.trace(pose[:3, :3]) - 1) / 2)) for pose in poses]
    # The length of a vector of three normal angles: 1.6 times one of them on average.
    assert np.mean(angles) == pytest.approx(1.6 * START_TURN_DEG, rel=0.1)


def test_refusals_and_failures_are_counted_not_dropped() -> None:
    scores = [score("upper", 1, 90, 1.0), score("upper", 2, 90, 9.0), score("lower", 3, 3, None)]
    summary = summarize_scores(scores)
    assert summary["upper"]["matching"]["shareUnder3Mm"] == 0.5
    assert summary["upper"]["matching"]["shareUnder10PxOf256"] == 0.5
    assert summary["lower"]["matching"]["refused"] == 1
    assert summary["lower"]["matching"]["inPlaneMm"]["median"] is None
    assert summary["lower"]["vessels"]["failures"] == 1
    assert summary["all"]["vessels"]["shareOfFailures"] == pytest.approx(1 / 3, abs=1e-3)
    assert summary["all"]["matching"]["shareUnder3Mm"] == pytest.approx(1 / 3, abs=1e-3)
    assert list(summary) == ["upper", "lower", "all"]


def test_poses_refused_though_good_and_bounds_that_do_not_hold_are_counted() -> None:
    scores = [score("upper", 1, 90, 1.0), score("upper", 2, 90, 9.0), score("upper", 3, 3, None)]
    pose = summarize_scores(scores)["upper"]["pose"]
    assert (pose["refused"], pose["refusedThoughUnder3Mm"]) == (1, 1)
    assert pose["shareWithinBound"] == 0.5
    assert pose["shareUnder3Mm"] == pytest.approx(2 / 3, abs=1e-3)
    assert pose["shareOfAcceptedUnder3Mm"] == 1


def test_baselines_are_summarized_where_they_ran_and_nowhere_else() -> None:
    with_them = summarize_scores([score("upper", 1, 90, 1.0, baselines=True)])["upper"]
    assert with_them["frangi"]["dsc"]["median"] < with_them["vessels"]["dsc"]["median"]
    assert with_them["frangi"]["centerlineDice"]["median"] is None
    assert with_them["simpleitk"]["shareUnder10PxOf256"] == 0
    assert not {"frangi", "simpleitk"} & set(summarize_scores([score("upper", 1, 90, 1.0)])["upper"])


def test_an_annotated_frame_is_scored_against_its_mask() -> None:
    class Thresholder:
        def segment(self, frame: np.ndarray) -> np.ndarray:
            return frame < 110

    across = np.abs(np.arange(256) - 120)
    frame = np.random.default_rng(1).normal(160 - 80 * np.exp(-((across / 6) ** 2)), 3, (256, 256)).astype(np.uint8)
    truth = frame < 110
    found = score_annotated("a", frame, truth, Thresholder(), baselines=True)  # type: ignore[arg-type]
    assert (found.name, found.vessels.overlap.dsc, found.vessels.centerline_dice) == ("a", 1, 1)
    assert found.frangi is not None
    assert found.frangi.overlap.dsc > 0.5
    summary = summarize_annotated([found])["frames"]
    assert summary["frangi"]["dsc"]["median"] == pytest.approx(found.frangi.overlap.dsc, abs=1e-3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"patients": 0}, "0 patients"),
        ({"generator": "none"}, "'none'"),
        ({"regions": ()}, "one or more"),
        ({"regions": ("lower", "lower")}, "twice"),
    ],
)
def test_settings_that_evaluate_nothing_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        EvaluationSettings(**changes)  # type: ignore[arg-type]
