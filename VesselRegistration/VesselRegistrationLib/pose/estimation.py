"""The rigid pose of a vessel model that explains one or several views, how sure it is, or why there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.pose.evidence import Evidence, PoseView, gather_evidence
from VesselRegistrationLib.pose.information import information
from VesselRegistrationLib.pose.middle_lines import drawn_to_middle_lines
from VesselRegistrationLib.pose.outline import CAPS_MM, Cover, OutlineFit, approach, drawn_to_outlines, refine
from VesselRegistrationLib.pose.own_motion import OwnMotions, body_shift, own_covariance
from VesselRegistrationLib.pose.pose_model import PoseModel
from VesselRegistrationLib.pose.prior import Prior
from VesselRegistrationLib.pose.quality import FitQuality, fit_quality
from VesselRegistrationLib.pose.refusal import contradiction, poor_fit, unusable_view
from VesselRegistrationLib.pose.rigid import motion_matrix, shifted
from VesselRegistrationLib.pose.sweep import sweep
from VesselRegistrationLib.pose.uncertainty import (
    BOUND_FACTOR,
    PoseUncertainty,
    expected_errors_mm,
    pose_uncertainties,
)
from VesselRegistrationLib.projection import transform_points
from VesselRegistrationLib.registration import Status
from VesselSegmentationLib.errors import InputError

FOLLOWED_COARSE_CAPS_MM = (6.0, 4.0, 3.0)
FOLLOWED_CAPS_MM = (2.0, 1.0)
"""Steps from one frame's pose to the next one's, with the model of few triangles first."""

EXCESS_TOLD_MM = 0.7
"""From this on it is told that the model is wider than the vessel, or narrower."""

__all__ = ["PoseEstimate", "PoseModel", "PoseSettings", "PoseView", "estimate_pose", "pose_in_view"]


@dataclass(frozen=True)
class PoseSettings:
    """Choices of a pose estimate that have a usual answer."""

    threshold: float = 0.5
    """Vessel probability from which a pixel counts as vessel."""
    start_turn_deg: float = 6.0
    start_shift_mm: float = 25.0
    """Standard deviations, per axis, of how far the start may be off."""
    turns: int = 64
    """Turns of the model that are tried, each at all shifts."""
    candidates: int = 12
    """The best of them, which are drawn to the vessels."""
    refined: int = 3
    """The best of these, which are refined to the end."""
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise InputError(f"The threshold {self.threshold:g} must lie between 0 and 1.")
        if not 1 <= self.refined <= self.candidates or self.turns < 1:
            raise InputError(
                f"A pose needs at least one turn ({self.turns}), and no more refined candidates ({self.refined}, at "
                f"least one) than candidates ({self.candidates})."
            )
        if not (0 < self.start_turn_deg < 180 and 0 < self.start_shift_mm < 1000):
            raise InputError(
                f"A start {self.start_turn_deg:g} degrees and {self.start_shift_mm:g} mm off is none; give standard "
                "deviations in which it is known."
            )

    @property
    def prior(self) -> Prior:
        """What is known of the pose before the pictures."""
        return Prior(self.start_turn_deg, self.start_shift_mm)


@dataclass(frozen=True)
class PoseEstimate:
    """A pose and how far to trust it. LPS mm."""

    model_to_isocenter: FloatArray
    """(4, 4) rigid, at the table position for which shifts are 0; the best found, also when refused."""
    status: Status
    reason: str
    """Why it was refused, or an empty string."""
    expected_in_plane_error_mm: float
    """Root mean square over the centreline in the picture, in the plane of the isocentre, of the worst view; NaN: no
    fit."""
    in_plane_error_bound_mm: float
    """95 % of poses have a mean in-plane error below this."""
    expected_depth_error_mm: float
    """The same along the beam. One view hardly sees it."""
    uncertainty: PoseUncertainty | None
    """At the table position for which shifts are 0; of several views, that of the first."""
    quality: FitQuality | None
    warnings: tuple[str, ...] = ()
    own_poses: tuple[FloatArray, ...] = ()
    """Of each of several views, the pose (4, 4) with which breath, heartbeat and header leave it, at the same table
    position."""
    own_uncertainties: tuple[PoseUncertainty, ...] = ()
    """Of each of several views, of the pose in it."""

    @property
    def is_refused(self) -> bool:
        """Not to be shown as registered."""
        return self.status is Status.REFUSED

    def in_view(self, number: int) -> PoseEstimate:
        """The estimate as it holds in one of the views it is made of: with that view's own motion."""
        if not self.own_poses:
            return self
        return dataclasses.replace(
            self,
            model_to_isocenter=self.own_poses[number],
            uncertainty=self.own_uncertainties[number],
            own_poses=(),
            own_uncertainties=(),
        )

    def point_errors_mm(self, points_lps: FloatArray, view: PoseView) -> FloatArray:
        """Expected errors (N, 2) of model points (N, 3), in the model's coordinates: in-plane and along the beam, mm.

        NaN where there was no fit.
        """
        if self.uncertainty is None:
            return np.full((len(points_lps), 2), np.nan)
        there = PoseUncertainty(self.uncertainty.covariance, self.uncertainty.pivot_lps + view.table_shift_lps)
        return there.point_errors_mm(transform_points(pose_in_view(self, view), points_lps), view.c_arm)


def estimate_pose(
    model: PoseModel, views: Sequence[PoseView], start: FloatArray, settings: PoseSettings | None = None
) -> PoseEstimate:
    """The pose of the model in one or several views, solved together.

    Args:
        start: (4, 4) LPS mm, where the model is thought to be at the table position for which shifts are 0.

    A view that cannot tell is refused, not raised. Raises InputError for no views and for a start that is no pose.
    """
    options = settings or PoseSettings()
    start = _checked_start(start)
    if not views:
        raise InputError("A pose needs at least one view.")
    evidence = [gather_evidence(view, options.threshold) for view in views]
    reason = unusable_view(evidence)
    if reason:
        return without_fit(start, reason)
    fit, rivals = _best_fit(model, evidence, start, options)
    return _judged(model, evidence, start, fit, options, rivals)


def _best_fit(
    model: PoseModel, evidence: Sequence[Evidence], start: FloatArray, options: PoseSettings
) -> tuple[OutlineFit, FloatArray]:
    """The most telling of what was found everywhere and then drawn to the vessels, with ever fewer candidates.

    Also all motions (S, 6) that were drawn to the vessels.
    """
    prior = options.prior
    motions = sweep(model, evidence, start, prior, options.turns, options.candidates, options.seed)
    motions, own = drawn_to_middle_lines(
        model, evidence, start, motions, _unmoved(model, evidence, start, len(motions)), prior
    )
    drawn = drawn_to_outlines(model, evidence, start, motions, own, prior)

    def told(fit: OutlineFit) -> float:
        return information(model, evidence, start, fit.in_views)

    best = sorted(drawn, key=told, reverse=True)[: options.refined]
    fits = [refine(model, evidence, start, fit.parameters, fit.own, prior, CAPS_MM) for fit in best]
    return max(fits, key=told), np.array([fit.parameters for fit in drawn])


def improve_pose(
    model: PoseModel,
    views: Sequence[PoseView],
    start: FloatArray,
    settings: PoseSettings | None = None,
    evidence: Sequence[Evidence] | None = None,
) -> PoseEstimate:
    """As `estimate_pose` from a start that is nearly right: no search, for the next frame of a run.

    `evidence` is that of the views, where it has been gathered.
    """
    options = settings or PoseSettings()
    start = _checked_start(start)
    evidence = evidence or [gather_evidence(view, options.threshold) for view in views]
    reason = unusable_view(evidence)
    if reason:
        return without_fit(start, reason)
    coarse, prior, own = model.coarse or model, options.prior, _unmoved(model, evidence, start)
    motion, own, _ = approach(coarse, evidence, start, np.zeros(6), own, prior, FOLLOWED_COARSE_CAPS_MM, hides=False)
    poses = _in_views(model, own.believed().in_views(motion[None])[0], start)
    covers = [
        Cover.of(model, shifted(pose, view.table_shift_lps), view.c_arm)
        for pose, view in zip(poses, evidence, strict=True)
    ]
    fit = refine(model, evidence, start, motion, own, prior, FOLLOWED_CAPS_MM, covers=covers)
    return _judged(model, evidence, start, fit, options)


def _in_views(model: PoseModel, motions: FloatArray, start: FloatArray) -> list[FloatArray]:
    """The pose (4, 4) in each view, moved by (V, 6) from the start, at the table position for which shifts are 0."""
    pivot = transform_points(start, model.pivot_lps[None])[0]
    return [motion_matrix(motion, pivot) @ start for motion in motions]


def _unmoved(model: PoseModel, views: Sequence[Evidence], start: FloatArray, poses: int = 1) -> OwnMotions:
    """No view has moved by itself yet."""
    pivot = transform_points(start, model.pivot_lps[None])[0]
    known = [own_covariance(view.c_arm, view.uncertainty, pivot + view.table_shift_lps) for view in views]
    return OwnMotions.none(known, poses)


def pose_in_view(estimate: PoseEstimate, view: PoseView) -> FloatArray:
    """The pose (4, 4) at the table position of a view; for one of several views ask `in_view` first."""
    return shifted(estimate.model_to_isocenter, view.table_shift_lps)


def _judged(
    model: PoseModel,
    evidence: Sequence[Evidence],
    start: FloatArray,
    fit: OutlineFit,
    options: PoseSettings,
    rivals: FloatArray | None = None,
) -> PoseEstimate:
    pivot = transform_points(start, model.pivot_lps[None])[0]
    in_views = _in_views(model, fit.in_views, start)
    pivots = pivot + fit.in_views[:, 3:]
    tables = np.array([view.table_shift_lps for view in evidence])
    there = pose_uncertainties(fit.views, fit.residual_mm, options.prior, pivots + tables, fit.own)
    in_plane, depth = expected_errors_mm(
        there,
        [
            transform_points(shifted(pose, table), model.centerline_lps)
            for pose, table in zip(in_views, tables, strict=True)
        ],
        [view.c_arm for view in evidence],
    )
    own = [PoseUncertainty(known.covariance, here) for known, here in zip(there, pivots, strict=True)]
    quality = fit_quality(model, evidence, start, fit, options.prior, () if rivals is None else list(rivals))
    moved = [
        body_shift(motion[3:] - fit.parameters[3:], view.c_arm, view.uncertainty)
        for motion, view in zip(fit.in_views, evidence, strict=True)
    ]
    reason = contradiction(np.array(moved)) or poor_fit(quality, in_plane)
    return PoseEstimate(
        model_to_isocenter=motion_matrix(fit.parameters, pivot) @ start,
        status=Status.REFUSED if reason else Status.REGISTERED,
        reason=reason,
        expected_in_plane_error_mm=in_plane,
        in_plane_error_bound_mm=BOUND_FACTOR * in_plane,
        expected_depth_error_mm=depth,
        uncertainty=own[0],
        quality=quality,
        warnings=_excess_warnings(fit.excess_mm),
        own_poses=tuple(in_views) if len(own) > 1 else (),
        own_uncertainties=tuple(own) if len(own) > 1 else (),
    )


def _excess_warnings(excess_mm: FloatArray) -> tuple[str, ...]:
    """What to say of outlines (V,) that lie outside, or inside, the vessels' by so many mm."""
    most = float(excess_mm[np.argmax(np.abs(excess_mm))])
    if abs(most) < EXCESS_TOLD_MM:
        return ()
    where, why = (
        ("outside", "the model may have been made with too low a threshold, or contrast may not fill the vessel")
        if most > 0
        else ("inside", "the model may have been made with too high a threshold")
    )
    return (f"The model's outline lies about {abs(most):.1f} mm {where} the vessels': {why}. The pose allows for it.",)


def without_fit(start: FloatArray, reason: str) -> PoseEstimate:
    """Refused, as nothing could be fitted."""
    nothing = float("nan")
    return PoseEstimate(start, Status.REFUSED, reason, nothing, nothing, nothing, None, None)


def _checked_start(start: FloatArray) -> FloatArray:
    pose = np.asarray(start, dtype=float)
    if pose.shape != (4, 4) or not np.isfinite(pose).all():
        raise InputError(f"A start pose is a 4 x 4 matrix of finite numbers, not an array of shape {pose.shape}.")
    if np.abs(pose[:3, :3] @ pose[:3, :3].T - np.eye(3)).max() > 1e-3 or np.linalg.det(pose[:3, :3]) < 0:
        raise InputError("A start pose must be a rotation and a shift, without scale, shear or mirror.")
    return pose
