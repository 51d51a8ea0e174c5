"""What differs from view to view: breath and heartbeat, and what headers get wrong of angles, distances and detector.

Each view of several may move a little by itself, by amounts of known variance: the model's pose in a view is the pose
that all share, moved by the view's own motion. Without this, views that contradict each other by a millimetre are
fitted by a wrong depth. A wrong angle turns the model about the isocentre, a wrong principal point shifts it across the
beam, wrong distances along it. Own motions are eliminated from the equations of a step (Schur complement) and found
again after it. Most are small, but the vessels of a heart in another phase are many mm away: the prior has the long
tails of Student's distribution in its shifts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.pose.geometry_uncertainty import GeometryUncertainty
from VesselRegistrationLib.pose.residuals import NormalEquations
from VesselRegistrationLib.pose.rigid import stepped

OWN_TURN_DEG = 0.15
OWN_SHIFT_MM = (1.5, 1.5, 3.0)
"""Standard deviations, about and along L, P and S, of what breath and heart do: they move vessels along the body."""
TAIL = 4.0
"""Squared deviation of its shift from which an own motion's prior grows as a logarithm."""

BIAS_MM = 0.7
"""What the vessels' outline alone may put a view off by."""
TO_THE_HEAD = np.array([0.0, 0.0, 1.0])


def own_covariance(c_arm: CArm, uncertainty: GeometryUncertainty, pivot_lps: FloatArray) -> FloatArray:
    """Covariance (6, 6), rad and mm, of a view's own motion about a pivot (3,), LPS mm from the isocentre."""
    right, up, beam = c_arm.axes_lps()
    covariance = np.diag(np.array([np.radians(OWN_TURN_DEG)] * 3 + list(OWN_SHIFT_MM)) ** 2)
    covariance[3:, 3:] += uncertainty.across_mm**2 * (np.outer(right, right) + np.outer(up, up))
    covariance[3:, 3:] += uncertainty.along_mm**2 * np.outer(beam, beam)
    for axis in (TO_THE_HEAD, right):
        turned = np.concatenate([axis, np.cross(axis, pivot_lps)])
        covariance += np.radians(uncertainty.angle_deg) ** 2 * np.outer(turned, turned)
    return covariance


def body_shift(own_shift: FloatArray, c_arm: CArm, uncertainty: GeometryUncertainty) -> FloatArray:
    """What breath and heart have of a view's own shift (3,), when uncertain distances explain what they may of it."""
    _, _, beam = c_arm.axes_lps()
    distances, body = uncertainty.along_mm**2, float((np.square(OWN_SHIFT_MM) * beam**2).sum())
    return np.asarray(own_shift - distances / (distances + body) * (own_shift @ beam) * beam)


@dataclass(frozen=True)
class OwnMotions:
    """By how much each of V views has moved by itself, for S poses that they share, and what is known of it."""

    known: FloatArray
    """(V, 6, 6) covariances of what is known of them beforehand."""
    motions: FloatArray
    """(S, V, 6) rad and mm."""

    @classmethod
    def none(cls, covariances: Sequence[FloatArray], poses: int = 1) -> OwnMotions:
        """No view of those with these covariances (6, 6) has moved yet."""
        return cls(np.array(covariances), np.zeros((poses, len(covariances), 6)))

    def of_pose(self, number: int) -> OwnMotions:
        """Those of one pose, as those of a single one."""
        return OwnMotions(self.known, self.motions[number : number + 1])

    def in_views(self, shared: FloatArray) -> FloatArray:
        """Motions (S, V, 6) of the views where they share motions (S, 6)."""
        moved = stepped(np.repeat(shared, len(self.known), axis=0), self.motions.reshape(-1, 6))
        return moved.reshape(self.motions.shape)

    def believed(self) -> OwnMotions:
        """What is kept in the end: the motions of vessels that moved, not those of outlines that are off.

        All turns; of shifts none up to `BIAS_MM`, all from twice as much, and in between ever more (firm shrinkage, Gao
        and Bruce 1997).
        """
        turns, shifts = self.motions[..., :3], self.motions[..., 3:]
        size = np.abs(shifts)
        kept = np.sign(shifts) * np.where(size < 2 * BIAS_MM, 2 * np.maximum(size - BIAS_MM, 0), size)
        return OwnMotions(self.known, np.concatenate([turns, kept], axis=-1))

    def joined(self, views: Sequence[NormalEquations], data_variance: float) -> NormalEquations:
        """Equations of the motions (S) that all views share; a single view has no other to contradict.

        Args:
            data_variance: of the views' equations, mm2.
        """
        total = NormalEquations.zeros(len(self.motions))
        for number, view in enumerate(views):
            if len(views) == 1:
                total.add_all(view)
                continue
            own, pulled = self._own_equations(view, number, data_variance)
            taken = view.hessian @ np.linalg.inv(own)
            hessian = view.hessian - taken @ view.hessian
            gradient = view.gradient - np.einsum("sij,sj->si", taken, pulled)
            total.add_all(NormalEquations(hessian, gradient, view.cost))
        return total

    def after(self, views: Sequence[NormalEquations], data_variance: float, shared_steps: FloatArray) -> OwnMotions:
        """The own motions when all views have made their steps (S, 6)."""
        if len(views) == 1:
            return self
        steps = []
        for number, view in enumerate(views):
            own, pulled = self._own_equations(view, number, data_variance)
            pulled = pulled + np.einsum("sij,sj->si", view.hessian, shared_steps)
            steps.append(-np.linalg.solve(own, pulled[..., None])[..., 0])
        return OwnMotions(self.known, self.motions + np.stack(steps, axis=1))

    def covariances(
        self, views: Sequence[NormalEquations], data_variance: float, prior_precision: FloatArray
    ) -> list[FloatArray]:
        """Covariance (6, 6) of the motion of each view, the shared one and its own together, of a single pose.

        Args:
            data_variance: of the views' equations, mm2.
            prior_precision: (6,) of the shared motion.
        """
        precisions = [view.hessian[0] / data_variance for view in views]
        if len(views) == 1:
            return [np.linalg.inv(precisions[0] + np.diag(prior_precision))]
        everything = np.zeros((6 * len(views) + 6, 6 * len(views) + 6))
        everything[:6, :6] = sum(precisions) + np.diag(prior_precision)
        for number, precision in enumerate(precisions):
            own = slice(6 * number + 6, 6 * number + 12)
            everything[own, own] = precision + self._precision(number)[0]
            everything[:6, own] = everything[own, :6] = precision
        covariance = np.linalg.inv(everything)
        both = [
            np.hstack([np.eye(6) * (part in (0, own)) for part in range(len(views) + 1)])
            for own in range(1, len(views) + 1)
        ]
        return [np.asarray(part @ covariance @ part.T) for part in both]

    def _precision(self, number: int) -> FloatArray:
        """What pulls a view's own motions back, (S, 6, 6): the further they are, the less."""
        known, shifts = self.known[number], self.motions[:, number, 3:]
        unlikely = np.einsum("si,ij,sj->s", shifts, np.linalg.inv(known[3:, 3:]), shifts)
        return np.asarray(np.linalg.inv(known) / (1 + unlikely / TAIL)[:, None, None])

    def _own_equations(self, view: NormalEquations, number: int, data_variance: float) -> tuple[FloatArray, FloatArray]:
        """Hessians (S, 6, 6) and gradients (S, 6) of a view's own motion, what is known of it included."""
        weight = data_variance * self._precision(number)
        return view.hessian + weight, view.gradient + np.einsum("sij,sj->si", weight, self.motions[:, number])
