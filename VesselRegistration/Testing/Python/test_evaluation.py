"""Scores mean what they say: point errors by hand, start poses as disturbed as stated, failures counted."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from VesselRegistrationLib.affine import translation
from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.evaluation import FrameScore, PointErrors, point_errors, summarize_scores
from VesselRegistrationLib.evaluation_report import write_folder_report, write_patient_report
from VesselRegistrationLib.simulation.views import START_SHIFT_MM, START_TURN_DEG, disturbed_pose
from VesselSegmentationLib.metrics import Overlap

C_ARM = CArm(0, 0, 1000, 750, 512, 512, (0.4, 0.4))


def score(region: str, seed: int, dsc_hits: int, match_mm: float | None) -> FrameScore:
    return FrameScore(
        region=region,
        seed=seed,
        frame=1,
        segmentation=Overlap(dsc_hits, 10, 10),
        refused="" if match_mm is not None else "No vessels were found.",
        start=PointErrors(50.0, 15.0),
        match=None if match_mm is None else PointErrors(match_mm / 0.3, match_mm),
        relative_dsc=math.nan if match_mm is None else 1.0,
    )


def test_a_shift_of_ten_pixels_is_three_millimetres_at_the_isocentre() -> None:
    points = np.array([[0.0, 0, 0], [10, 0, 20]])
    shifted = point_errors(points, C_ARM, np.eye(4), np.eye(4), translation(10, 0))
    assert shifted.pixels == pytest.approx(10)
    assert shifted.in_plane_mm == pytest.approx(3)
    assert point_errors(points, C_ARM, np.eye(4), np.eye(4), np.eye(3)).pixels == 0


def test_points_outside_the_picture_do_not_count() -> None:
    points = np.array([[0.0, 0, 0], [500, 0, 0]])
    turned = np.diag([1.5, 1.5, 1.0])
    turned[:2, 2] = 255.5 * -0.5
    assert point_errors(points, C_ARM, np.eye(4), np.eye(4), turned).pixels == pytest.approx(0)


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
    assert summary["upper"]["matching"]["share_under_3_mm"] == 0.5
    assert summary["lower"]["matching"]["refused"] == 1
    assert summary["lower"]["segmentation"]["failures"] == 1
    assert summary["all"]["matching"]["share_under_3_mm"] == pytest.approx(1 / 3, abs=1e-3)


def test_the_report_has_a_table_a_plot_and_valid_json(tmp_path: Path) -> None:
    scores = [score("upper", 1, 90, 1.0), score("upper", 2, 80, 4.0), score("lower", 3, 3, None)]
    text = write_patient_report(scores, summarize_scores(scores), tmp_path)
    assert "Simulated patients" in text
    assert "| lower | 1 | 1 |" in text
    document = json.loads((tmp_path / "evaluation.json").read_text())
    assert [frame["inPlaneMm"] for frame in document["frames"]] == [1.0, 4.0, None]
    assert (tmp_path / "evaluation.md").read_text() == text
    assert (tmp_path / "evaluation.png").read_bytes().startswith(b"\x89PNG")


def test_annotated_frames_are_reported_one_by_one(tmp_path: Path) -> None:
    write_folder_report(["a", "b"], [Overlap(90, 10, 10), Overlap(0, 5, 0)], tmp_path)
    frames = json.loads((tmp_path / "evaluation.json").read_text())["frames"]
    assert frames[0] == {"name": "a", "DSC": 0.9, "Precision": 0.9, "Recall": 0.9}
    assert frames[1]["Recall"] is None
