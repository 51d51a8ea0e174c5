"""What headers get wrong from view to view: angles, table and isocentre are only so good.

Every view of several may move a little by itself, by amounts of known variance. These motions are eliminated at once
(Schur complement), so that the pose is what remains to be explained, and its uncertainty knows of them. Without them
views that contradict each other by a millimetre are fitted by a wrong depth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from VesselRegistrationLib.pose.residuals import NormalEquations

HEADER_TURN_DEG = 0.3
HEADER_SHIFT_MM = 0.7
"""Standard deviations, per axis and view, of what angles, table and the C-arm's sagging displace."""


def joined(views: Sequence[NormalEquations], data_variance: float) -> NormalEquations:
    """Equations of the motion that all views share; a single view has no other to contradict."""
    total = NormalEquations.zeros(1)
    for view in views:
        total.add_all(_with_own_motion(view, data_variance) if len(views) > 1 else view)
    return total


def _with_own_motion(view: NormalEquations, data_variance: float) -> NormalEquations:
    deviations = np.array([np.radians(HEADER_TURN_DEG)] * 3 + [HEADER_SHIFT_MM] * 3)
    own = view.hessian + np.diag(data_variance / deviations**2)
    taken = view.hessian @ np.linalg.inv(own)
    return NormalEquations(
        view.hessian - taken @ view.hessian,
        view.gradient - (taken @ view.gradient[..., None])[..., 0],
        view.cost,
    )
