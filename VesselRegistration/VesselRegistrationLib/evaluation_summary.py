"""Medians with quartiles, shares and counts of evaluation scores, ready for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from VesselRegistrationLib.evaluation import AnnotatedScore, FrameScore, PointErrors, PoseScore, VesselScore
from VesselSegmentationLib.metrics import quartiles, summarize

SUCCESS_MM = 3.0
SUCCESS_PX = 10.0
"""Of a picture of 256 x 256."""


def summarize_scores(scores: Sequence[FrameScore]) -> dict[str, Any]:
    """Medians with quartiles and failures counted, per region in the scores' order and, of several, over all."""
    regions = list(dict.fromkeys(score.region for score in scores))
    groups = {region: [score for score in scores if score.region == region] for region in regions}
    if len(regions) > 1:
        groups["all"] = list(scores)
    return {name: _summary(group) for name, group in groups.items()}


def summarize_annotated(scores: Sequence[AnnotatedScore]) -> dict[str, Any]:
    """As `summarize_scores`, of annotated frames, under the one name `frames`."""
    summary = {"vessels": _vessel_summary([score.vessels for score in scores])}
    filtered = [score.frangi for score in scores if score.frangi is not None]
    if filtered:
        summary["frangi"] = _vessel_summary(filtered)
    return {"frames": summary}


def _summary(scores: Sequence[FrameScore]) -> dict[str, Any]:
    matches = [score.match for score in scores if score.match is not None]
    summary = {
        "patients": len(scores),
        "vessels": _vessel_summary([score.vessels for score in scores]),
        "start": _error_summary([score.start for score in scores], len(scores)),
        "matching": {
            "refused": len(scores) - len(matches),
            **_error_summary([match.errors for match in matches], len(scores)),
            "dscRelativeToTrue": _quartiles([match.relative_dsc for match in matches]),
            **{
                f"{name}WithVesselsFound": _quartiles([getattr(match.overlap, name) for match in matches])
                for name in ("dsc", "precision", "recall")
            },
        },
        "pose": _pose_summary([score.pose for score in scores]),
    }
    filtered = [score.frangi for score in scores if score.frangi is not None]
    if filtered:
        summary["frangi"] = _vessel_summary(filtered)
        registered = [score.simpleitk for score in scores if score.simpleitk is not None]
        summary["simpleitk"] = {
            "nothingToRegister": len(scores) - len(registered),
            **_error_summary(registered, len(scores)),
        }
    return summary


def _vessel_summary(scores: Sequence[VesselScore]) -> dict[str, Any]:
    found = summarize([score.overlap for score in scores])
    return {
        "frames": found.frames,
        **{
            name: _quartiles([getattr(score.overlap, name) for score in scores])
            for name in ("dsc", "precision", "recall")
        },
        "centerlineDice": _quartiles([score.centerline_dice for score in scores]),
        "failures": found.failures,
        "failureBelowDsc": found.failure_below,
        "shareOfFailures": round(found.failures / found.frames, 4),
        **{
            f"pooled{name.capitalize()}": number(getattr(found.pooled, name)) for name in ("dsc", "precision", "recall")
        },
    }


def _error_summary(errors: Sequence[PointErrors], frames: int) -> dict[str, Any]:
    """Errors of matches in the picture; shares are of all frames, refused ones included."""
    return {
        "inPlaneMm": _quartiles([error.in_plane_mm for error in errors]),
        "pxOf256": _quartiles([error.px_of_256 for error in errors]),
        "shareUnder3Mm": _share(sum(error.in_plane_mm < SUCCESS_MM for error in errors), frames),
        "shareUnder10PxOf256": _share(sum(error.px_of_256 < SUCCESS_PX for error in errors), frames),
    }


def _pose_summary(poses: Sequence[PoseScore]) -> dict[str, Any]:
    """Errors of the poses that were not refused, and how often their stated bound held."""
    accepted = [pose for pose in poses if not pose.refused]
    good = sum(pose.errors.in_plane_mm < SUCCESS_MM for pose in accepted)
    return {
        "refused": len(poses) - len(accepted),
        "refusedThoughUnder3Mm": sum(pose.errors.in_plane_mm < SUCCESS_MM for pose in poses if pose.refused),
        **_error_summary([pose.errors for pose in accepted], len(poses)),
        "mtreMm": _quartiles([pose.mtre_mm for pose in accepted]),
        "shareOfAcceptedUnder3Mm": _share(good, len(accepted)),
        "shareWithinBound": _share(sum(pose.errors.in_plane_mm <= pose.bound_mm for pose in accepted), len(accepted)),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def number(value: float) -> float | None:
    """Rounded for JSON; None for what JSON cannot hold."""
    return round(float(value), 4) if np.isfinite(value) else None


def _quartiles(values: Sequence[float]) -> dict[str, float | None]:
    found = quartiles(values)
    return {name: number(getattr(found, name)) for name in ("median", "lower", "upper")}
