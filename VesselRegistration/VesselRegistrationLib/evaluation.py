"""How good the networks are: on simulated patients with exact truth, and on annotated frames.

Simulated test patients come from seeds that no training uses. Segmentation is scored per frame (DSC, Precision,
Recall, hard masks); matching by where it carries the model's centreline, in pixels and in mm at the isocentre, against
the true pose, and by its DSC relative to that of the true projection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.affine import apply
from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.projection import transform_points
from VesselRegistrationLib.simulation.truth import fullest_frame
from VesselRegistrationLib.simulation.views import disturbed_pose
from VesselSegmentationLib.metrics import Overlap, overlap_metrics, quartiles, summarize

if TYPE_CHECKING:
    from VesselRegistrationLib.matching import AffineMatcher
    from VesselRegistrationLib.registration import FrameRegistration
    from VesselSegmentationLib.segmenter import VesselSegmenter

FIRST_TEST_SEED = 900_000
"""Simulated test patients start here; trainings draw their patients' seeds from below."""
SUCCESS_MM = 3.0


@dataclass(frozen=True)
class PointErrors:
    """How far the matched centreline lies from the true one, per frame."""

    pixels: float
    """Mean over the centreline points in view, frame pixels."""
    in_plane_mm: float
    """The same at the isocentre plane, mm."""


@dataclass(frozen=True)
class FrameScore:
    """All scores of one simulated frame."""

    region: str
    seed: int
    frame: int
    segmentation: Overlap
    refused: str
    start: PointErrors
    match: PointErrors | None
    relative_dsc: float
    """DSC of the match divided by that of the true projection, against the same mask; NaN when refused."""


def point_errors(
    points_lps: FloatArray, c_arm: CArm, true_pose: FloatArray, start_pose: FloatArray, affine: FloatArray
) -> PointErrors:
    """Distance between where a match shows centreline points (N, 3) and where they truly are.

    `affine` (3, 3) is `projection_to_frame`; the identity gives the error of the start pose itself. Only points whose
    true place is in the picture count.
    """
    truth = c_arm.project(transform_points(true_pose, points_lps))[:, :2]
    shown = apply(affine, c_arm.project(transform_points(start_pose, points_lps))[:, :2])
    inside = np.all((truth > -0.5) & (truth < (c_arm.columns - 0.5, c_arm.rows - 0.5)), axis=1)
    chosen = inside if inside.any() else np.ones(len(truth), bool)
    pixels = float(np.linalg.norm(shown - truth, axis=1)[chosen].mean())
    return PointErrors(pixels, pixels * c_arm.pixel_size_at_isocenter_mm())


def score_simulated(
    segmenter: VesselSegmenter,
    matcher: AffineMatcher,
    regions: Sequence[str],
    patients: int,
    progress: Callable[[int], None],
) -> Iterator[FrameScore]:
    """Scores of one well-filled frame of so many simulated patients per region."""
    from VesselRegistrationLib.simulation.cases import simulate_case

    for region in regions:
        for number in range(patients):
            seed = FIRST_TEST_SEED + number
            yield _score_case(simulate_case(region, seed, frames=4, size=512), region, seed, segmenter, matcher)
            progress(1)


def _score_case(case: Any, region: str, seed: int, segmenter: VesselSegmenter, matcher: AffineMatcher) -> FrameScore:
    from VesselRegistrationLib.registration import register_frame

    rng = np.random.default_rng([seed, 5])
    frame = fullest_frame(case.masks, case.dilutions)
    run, model, true_pose = case.run(), case.model, case.poses[frame]
    start = disturbed_pose(true_pose, model.points_lps.mean(axis=0), rng)
    result = register_frame(model, run, frame, segmenter.probability, matcher, None, start)
    points, c_arm = case.centerline_lps, run.c_arm(frame)
    match = result.match if not result.reason else None
    return FrameScore(
        region=region,
        seed=seed,
        frame=frame,
        segmentation=overlap_metrics(result.vessels, case.masks[frame]),
        refused=result.reason,
        start=point_errors(points, c_arm, true_pose, start, np.eye(3)),
        match=point_errors(points, c_arm, true_pose, start, match.projection_to_frame) if match else None,
        relative_dsc=_relative_dsc(result, model, true_pose),
    )


def _relative_dsc(result: FrameRegistration, model: Any, true_pose: FloatArray) -> float:
    from VesselRegistrationLib.projection import project_model

    if result.match is None or result.reason:
        return float("nan")
    truth = project_model(model, result.c_arm, true_pose).silhouette
    reachable = overlap_metrics(truth, result.vessels).dsc
    return result.match.overlap.dsc / reachable if reachable else float("nan")


def summarize_scores(scores: Sequence[FrameScore]) -> dict[str, Any]:
    """Medians with quartiles and failures counted, per region and over all, ready for JSON."""
    regions = sorted({score.region for score in scores})
    groups = {region: [score for score in scores if score.region == region] for region in regions}
    if len(regions) > 1:
        groups["all"] = list(scores)
    return {name: _summary(group) for name, group in groups.items()}


def _summary(scores: Sequence[FrameScore]) -> dict[str, Any]:
    matched = [score.match for score in scores if score.match is not None]
    reached = sum(errors.in_plane_mm < SUCCESS_MM for errors in matched)
    return {
        "patients": len(scores),
        "segmentation": summarize([score.segmentation for score in scores]).as_dict(),
        "matching": {
            "refused": len(scores) - len(matched),
            "start_in_plane_mm": _quartiles([score.start.in_plane_mm for score in scores]),
            "in_plane_mm": _quartiles([errors.in_plane_mm for errors in matched]),
            "point_error_px": _quartiles([errors.pixels for errors in matched]),
            "share_under_3_mm": round(reached / len(scores), 4),
            "dsc_relative_to_true": _quartiles([score.relative_dsc for score in scores]),
        },
    }


def _quartiles(values: Sequence[float]) -> dict[str, float | int | None]:
    found = quartiles(values)
    numbers = {name: getattr(found, name) for name in ("median", "lower", "upper")}
    return {name: None if np.isnan(value) else round(value, 4) for name, value in numbers.items()}


def score_folder(
    segmenter: VesselSegmenter, pictures: Sequence[tuple[NDArray[np.generic], NDArray[np.bool_]]]
) -> list[Overlap]:
    """Overlap of each annotated frame, on the frame's own pixels."""
    return [overlap_metrics(segmenter.segment(frame), mask) for frame, mask in pictures]
