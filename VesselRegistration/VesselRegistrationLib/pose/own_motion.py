"""What differs from view to view: breath and heartbeat, and what headers get wrong of angles, table and isocentre.

Each view of several may move a little by itself, by amounts of known variance: the model's pose in a view is the pose
that all share, moved by the view's own motion. Without this, views that contradict each other by a millimetre are
fitted by a wrong depth. Own motions are eliminated from the equations of a step (Schur complement). Their shifts are
found again after it; their turns are too small to be worth it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.pose.residuals import NormalEquations

OWN_TURN_DEG = 0.3
OWN_SHIFT_MM = (1.0, 1.0, 2.0)
"""Standard deviations, about and along L, P and S, of a view's own motion: breath and heart move vessels mostly along
the body; angles and table are read to some tenths of a degree and of a millimetre."""

BIAS_MM = 0.7
"""What the vessels' outline alone may put a view off by."""


def own_precision() -> FloatArray:
    """Inverse variances (6,) of a view's own motion, of rad and mm."""
    deviations = np.array([np.radians(OWN_TURN_DEG)] * 3 + list(OWN_SHIFT_MM))
    return np.asarray(1 / deviations**2)


def joined(views: Sequence[NormalEquations], data_variance: float, own_shifts: FloatArray) -> NormalEquations:
    """Equations of the motion that all views share; a single view has no other to contradict.

    Args:
        data_variance: of the views' equations, mm2.
        own_shifts: (V, 3) mm by which the views have moved by themselves already.
    """
    total = NormalEquations.zeros(1)
    for view, shift in zip(views, own_shifts, strict=True):
        total.add_all(_without_own_motion(view, data_variance, shift) if len(views) > 1 else view)
    return total


def own_steps(
    views: Sequence[NormalEquations], data_variance: float, own_shifts: FloatArray, shared_step: FloatArray
) -> FloatArray:
    """By how many mm each view moves by itself, (V, 3), when all have made a step (6,)."""
    if len(views) < 2:
        return np.zeros_like(own_shifts)
    steps = []
    for view, shift in zip(views, own_shifts, strict=True):
        own, pulled = _own_equations(view, data_variance, shift)
        steps.append(-np.linalg.solve(own, view.hessian[0] @ shared_step + pulled)[3:])
    return np.array(steps)


def believed(own_shifts: FloatArray) -> FloatArray:
    """What is kept of own shifts (V, 3) in the end: those of vessels that moved, not those of outlines that are off.

    None up to `BIAS_MM`, all from twice as much, and in between ever more (firm shrinkage, Gao and Bruce 1997).
    """
    size = np.abs(own_shifts)
    return np.asarray(np.sign(own_shifts) * np.where(size < 2 * BIAS_MM, 2 * np.maximum(size - BIAS_MM, 0), size))


def view_covariances(
    views: Sequence[NormalEquations], data_variance: float, prior_precision: FloatArray
) -> list[FloatArray]:
    """Covariance (6, 6) of the motion of each view: the shared one and its own together.

    Args:
        data_variance: of the views' equations, mm2.
        prior_precision: (6,) of the shared motion.
    """
    precisions = [view.hessian[0] / data_variance for view in views]
    if len(views) < 2:
        return [np.linalg.inv(precisions[0] + np.diag(prior_precision))]
    everything = np.zeros((6 * len(views) + 6, 6 * len(views) + 6))
    everything[:6, :6] = sum(precisions) + np.diag(prior_precision)
    for number, precision in enumerate(precisions, start=1):
        own = slice(6 * number, 6 * number + 6)
        everything[own, own] = precision + np.diag(own_precision())
        everything[:6, own] = everything[own, :6] = precision
    covariance = np.linalg.inv(everything)
    both = [
        np.hstack([np.eye(6) * (number in (0, own)) for number in range(len(views) + 1)])
        for own in range(1, len(views) + 1)
    ]
    return [np.asarray(part @ covariance @ part.T) for part in both]


def _own_equations(view: NormalEquations, data_variance: float, shift: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Hessian (6, 6) and gradient (6,) of a view's own motion, what is known of it included."""
    weight = data_variance * own_precision()
    return view.hessian[0] + np.diag(weight), view.gradient[0] + weight * np.concatenate([np.zeros(3), shift])


def _without_own_motion(view: NormalEquations, data_variance: float, shift: FloatArray) -> NormalEquations:
    own, pulled = _own_equations(view, data_variance, shift)
    taken = view.hessian[0] @ np.linalg.inv(own)
    return NormalEquations(
        (view.hessian[0] - taken @ view.hessian[0])[None],
        (view.gradient[0] - taken @ pulled)[None],
        view.cost,
    )
