"""What differs from view to view: breath and heartbeat, and what headers get wrong of angles, table and isocentre.

Each view of several may move a little by itself, by amounts of known variance: the model's pose in a view is the pose
that all share, moved by the view's own motion. Without this, views that contradict each other by a millimetre are
fitted by a wrong depth. Own motions are eliminated from the equations of a step (Schur complement). Their shifts are
found again after it; their turns are too small to be worth it. Most are small, but the vessels of a heart in another
phase are many mm away: the prior of a shift has the long tails of Student's distribution.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.pose.residuals import NormalEquations

OWN_TURN_DEG = 0.3
OWN_SHIFT_MM = (1.5, 1.5, 3.0)
"""Standard deviations, about and along L, P and S, of a view's own motion: breath and heart move vessels mostly along
the body; angles and table are read to some tenths of a degree and of a millimetre."""
TAIL = 4.0
"""Squared deviation from which a shift's prior grows as a logarithm."""

BIAS_MM = 0.7
"""What the vessels' outline alone may put a view off by."""


def own_precision() -> FloatArray:
    """Inverse variances (6,) of a view's own motion, of rad and mm."""
    deviations = np.array([np.radians(OWN_TURN_DEG)] * 3 + list(OWN_SHIFT_MM))
    return np.asarray(1 / deviations**2)


def joined(views: Sequence[NormalEquations], data_variance: float, own_shifts: FloatArray) -> NormalEquations:
    """Equations of the motions (S) that all views share; a single view has no other to contradict.

    Args:
        data_variance: of the views' equations, mm2.
        own_shifts: (S, V, 3) mm by which the views have moved by themselves already.
    """
    total = NormalEquations.zeros(len(own_shifts))
    for number, view in enumerate(views):
        total.add_all(_without_own_motion(view, data_variance, own_shifts[:, number]) if len(views) > 1 else view)
    return total


def own_steps(
    views: Sequence[NormalEquations], data_variance: float, own_shifts: FloatArray, shared_steps: FloatArray
) -> FloatArray:
    """By how many mm each view moves by itself, (S, V, 3), when all have made their steps (S, 6)."""
    if len(views) < 2:
        return np.zeros_like(own_shifts)
    steps = []
    for number, view in enumerate(views):
        own, pulled = _own_equations(view, data_variance, own_shifts[:, number])
        pulled = pulled + np.einsum("sij,sj->si", view.hessian, shared_steps)
        steps.append(-np.linalg.solve(own, pulled[..., None])[:, 3:, 0])
    return np.stack(steps, axis=1)


def believed(own_shifts: FloatArray) -> FloatArray:
    """What is kept of own shifts (V, 3) in the end: those of vessels that moved, not those of outlines that are off.

    None up to `BIAS_MM`, all from twice as much, and in between ever more (firm shrinkage, Gao and Bruce 1997).
    """
    size = np.abs(own_shifts)
    return np.asarray(np.sign(own_shifts) * np.where(size < 2 * BIAS_MM, 2 * np.maximum(size - BIAS_MM, 0), size))


def view_covariances(
    views: Sequence[NormalEquations], data_variance: float, prior_precision: FloatArray, own_shifts: FloatArray
) -> list[FloatArray]:
    """Covariance (6, 6) of the motion of each view: the shared one and its own together.

    Args:
        data_variance: of the views' equations, mm2.
        prior_precision: (6,) of the shared motion.
        own_shifts: (V, 3) mm.
    """
    precisions = [view.hessian[0] / data_variance for view in views]
    if len(views) < 2:
        return [np.linalg.inv(precisions[0] + np.diag(prior_precision))]
    everything = np.zeros((6 * len(views) + 6, 6 * len(views) + 6))
    everything[:6, :6] = sum(precisions) + np.diag(prior_precision)
    for number, precision in enumerate(precisions, start=1):
        own = slice(6 * number, 6 * number + 6)
        everything[own, own] = precision + np.diag(_precision_at(own_shifts[number - 1]))
        everything[:6, own] = everything[own, :6] = precision
    covariance = np.linalg.inv(everything)
    both = [
        np.hstack([np.eye(6) * (number in (0, own)) for number in range(len(views) + 1)])
        for own in range(1, len(views) + 1)
    ]
    return [np.asarray(part @ covariance @ part.T) for part in both]


def _precision_at(shift: FloatArray) -> FloatArray:
    """Inverse variances (..., 6) that pull an own motion back from a shift (..., 3): the further, the less."""
    precision = own_precision()
    unlikely = (shift**2 * precision[3:]).sum(axis=-1, keepdims=True)
    turn = np.broadcast_to(precision[:3], shift.shape)
    return np.concatenate([turn, precision[3:] / (1 + unlikely / TAIL)], axis=-1)


def _own_equations(view: NormalEquations, data_variance: float, shift: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Hessians (S, 6, 6) and gradients (S, 6) of a view's own motion, what is known of it included."""
    weight = data_variance * _precision_at(shift)
    gradient = view.gradient + weight * np.concatenate([np.zeros_like(shift), shift], axis=-1)
    return view.hessian + weight[:, :, None] * np.eye(6), gradient


def _without_own_motion(view: NormalEquations, data_variance: float, shift: FloatArray) -> NormalEquations:
    own, pulled = _own_equations(view, data_variance, shift)
    taken = view.hessian @ np.linalg.inv(own)
    return NormalEquations(
        view.hessian - taken @ view.hessian,
        view.gradient - np.einsum("sij,sj->si", taken, pulled),
        view.cost,
    )
