"""What is known of a pose before the picture is looked at, and how much it counts at each stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.pose.residuals import NormalEquations

INDEPENDENT_POINTS = 12.0
"""How many independent measurements a mean over outline or middle line is worth: neighbors err alike."""
CAP_DEVIATIONS = 3.0
"""A cap on distances stands for so many standard deviations of them."""


@dataclass(frozen=True)
class Prior:
    """Normal distribution of the motion from the start, about the model's middle."""

    turn_deg: float = 6.0
    shift_mm: float = 25.0

    def precision(self) -> FloatArray:
        """Inverse variances (6,), of rad and mm."""
        deviations = np.array([np.radians(self.turn_deg)] * 3 + [self.shift_mm] * 3)
        return np.asarray(1 / deviations**2)

    def add_to(self, equations: NormalEquations, parameters: FloatArray, cap_mm: float) -> None:
        """Add the prior for motions (S, 6) to equations whose residuals are capped at `cap_mm`."""
        weight = self.precision() * data_variance(cap_mm)
        equations.hessian += np.diag(weight)
        equations.gradient += weight * parameters
        equations.cost += 0.5 * (weight * parameters**2).sum(axis=1)


def data_variance(cap_mm: float) -> float:
    """The variance, in mm2, of a mean over outline or middle line whose distances are capped at `cap_mm`.

    Equations of data are mean squares, as if that variance were 1; what is known beforehand is scaled to it.
    """
    return (cap_mm / CAP_DEVIATIONS) ** 2 / INDEPENDENT_POINTS / 4
