"""Minimizes a function of few numbers from several starts side by side: the BFGS method (Nocedal and Wright 2006, 6.1).

All starts take each step together, so that a step costs one call; a start whose step was too long tries a shorter one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray

Objective = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""From numbers (K, N) to values (K,) and gradients (K, N)."""

LONGEST_STEP = 1.5
"""Of one step, in units of the scale: keeps a guess of the curvature from throwing a match across the picture."""
FIRST_STEP = 0.5
_LEAST_FALL = 1e-4
_SHORTER = 0.35
_SHORTEST = 0.02


def descend(objective: Objective, starts: FloatArray, scale: FloatArray, steps: int) -> tuple[FloatArray, FloatArray]:
    """The numbers (K, N) reached after so many steps from `starts` (K, N), and their values (K,).

    `scale` (N,) is a change of each number that matters about as much as that of any other.
    """
    count, size = starts.shape
    places = starts / scale
    value, gradient = objective(starts)
    gradient = gradient * scale
    length = np.maximum(np.linalg.norm(gradient, axis=1), 1e-9)
    inverse = np.eye(size) * (FIRST_STEP / length)[:, None, None]
    share = np.ones(count)
    for _ in range(steps):
        direction = _direction(inverse, gradient)
        tried = places + share[:, None] * direction
        new_value, new_gradient = objective(tried * scale)
        new_gradient = new_gradient * scale
        expected = share * (direction * gradient).sum(axis=1)
        better = new_value <= value + _LEAST_FALL * expected
        inverse = _updated(inverse, tried - places, new_gradient - gradient)
        places = np.where(better[:, None], tried, places)
        gradient = np.where(better[:, None], new_gradient, gradient)
        value = np.where(better, new_value, value)
        share = np.where(better, 1.0, np.maximum(share * _SHORTER, _SHORTEST))
    return places * scale, value


def _direction(inverse: FloatArray, gradient: FloatArray) -> FloatArray:
    """Downhill, and no longer than the longest step."""
    direction = -np.einsum("kij,kj->ki", inverse, gradient)
    uphill = (direction * gradient).sum(axis=1) >= 0
    direction[uphill] = -gradient[uphill]
    length = np.maximum(np.linalg.norm(direction, axis=1), 1e-9)
    return np.asarray(direction * np.minimum(1.0, LONGEST_STEP / length)[:, None])


def _updated(inverse: FloatArray, step: FloatArray, change: FloatArray) -> FloatArray:
    """The inverse Hessians (K, N, N) after a step and the change of the gradient, where the curvature is positive."""
    product = (step * change).sum(axis=1)
    curved = product > 1e-8
    factor = 1 / np.where(curved, product, 1.0)
    kept = np.eye(step.shape[1]) - factor[:, None, None] * step[:, :, None] * change[:, None, :]
    outer = factor[:, None, None] * step[:, :, None] * step[:, None, :]
    new = kept @ inverse @ kept.transpose(0, 2, 1) + outer
    return np.where(curved[:, None, None], new, inverse)
