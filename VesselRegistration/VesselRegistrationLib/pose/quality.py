"""How well a pose explains what is seen: the numbers that tell a right pose from that of a wrong patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.pose.evidence import Evidence
from VesselRegistrationLib.pose.information import told_share
from VesselRegistrationLib.pose.outline import OutlineFit
from VesselRegistrationLib.pose.pose_model import PoseModel
from VesselRegistrationLib.pose.prior import Prior
from VesselRegistrationLib.pose.rigid import motion_matrix
from VesselRegistrationLib.projection import transform_points

RIVAL_MM = 8.0
"""Poses whose centrelines are further apart than this in the picture, on average, contradict each other."""
LARGEST_LEAD = 0.5


@dataclass(frozen=True)
class FitQuality:
    """Of the worst view each."""

    told: float
    """Share, 0 to 1, of what there is to know about where vessels are that the model tells (mutual information)."""
    explained: float
    """Share of the vessels' outline that has the model's near."""
    covered: float
    """Share of the model's outline that has the vessels' near."""
    residual_mm: float
    lead: float
    """How much more it tells than the best pose that contradicts it, as a share; NaN where none was looked for."""
    surprise: float
    """How unlikely the motion from the start was: root mean square of its parameters in standard deviations."""


def fit_quality(
    model: PoseModel,
    views: Sequence[Evidence],
    start: FloatArray,
    fit: OutlineFit,
    prior: Prior,
    rivals: Sequence[FloatArray] = (),
) -> FitQuality:
    """The quality of a fit; `rivals` are motions (6,) that the search also found."""
    told = told_share(model, views, start, fit.in_views)
    return FitQuality(
        told=told,
        explained=fit.explained,
        covered=fit.covered,
        residual_mm=fit.residual_mm,
        lead=_lead(model, views, start, fit, told, rivals),
        surprise=float(np.sqrt((fit.parameters**2 * prior.precision()).mean())),
    )


def _lead(
    model: PoseModel,
    views: Sequence[Evidence],
    start: FloatArray,
    fit: OutlineFit,
    told: float,
    rivals: Sequence[FloatArray],
) -> float:
    if not len(rivals):
        return float("nan")
    pivot, points = transform_points(start, model.pivot_lps[None])[0], transform_points(start, model.centerline_lps)
    here = transform_points(motion_matrix(fit.parameters, pivot), points)
    best = 0.0
    for motion in rivals:
        there = transform_points(motion_matrix(motion, pivot), points)
        if max(_apart_mm(here, there, view.c_arm) for view in views) > RIVAL_MM:
            best = max(best, told_share(model, views, start, motion))
    return float(np.clip((told - best) / max(told, 1e-6), -LARGEST_LEAD, LARGEST_LEAD))


def _apart_mm(here: FloatArray, there: FloatArray, c_arm: CArm) -> float:
    """Mean distance of projections of points (N, 3), in the plane of the isocentre."""
    away = c_arm.project(here)[:, :2] - c_arm.project(there)[:, :2]
    return float(np.linalg.norm(away, axis=1).mean() * c_arm.pixel_size_at_isocenter_mm())
