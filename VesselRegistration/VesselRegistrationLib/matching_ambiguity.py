"""How well the picture fixes a match: which way, and how far, the model could lie as well.

The objective is the logarithm of what the two pictures do not share. As with a sum of squares, half of it times the
number of independent measurements is minus a logarithm of likelihood, up to a constant; its curvature at the match is
the inverse covariance of the six numbers, and the covariance of each carried point follows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.matching_objective import MatchObjective, linear_parts

INDEPENDENT_PARTS = 100.0
"""Independent measurements of a pair of pictures. Chosen so that the error of simulated tuning patients, where the
right place was found, is what is stated here; see Testing/Benchmarks/README.md."""
MOST_SHARE = 0.25
"""No uncertainty above this share of the picture's side is stated: the pictures say nothing then."""
_PROBE_PX = 1.0
"""The slope is compared this far to both sides of the match."""
_WORDS = (
    "from left to right",
    "from lower left to upper right",
    "up and down",
    "from upper left to lower right",
)


@dataclass(frozen=True)
class Ambiguity:
    """One standard deviation of where the match shows the model, on average over its points, in frame pixels."""

    worst_px: float
    """Along the direction in which the picture fixes the model least."""
    best_px: float
    """Across that direction."""
    worst_direction_deg: float
    """Of the first, counter-clockwise from the picture's left-to-right axis, from 0 up to 180."""

    @property
    def sentence(self) -> str:
        """For a reader."""
        worst, best = (direction_in_words(self.worst_direction_deg + turn) for turn in (0, 90))
        only = "only " if self.worst_px > 3 * self.best_px else ""
        return (
            f"The picture fixes the model to {_pixels(self.best_px)} px {best}, "
            f"{worst} {only}to {_pixels(self.worst_px)} px."
        )


def direction_in_words(angle_deg: float) -> str:
    """The nearest of four directions. Example: 80 degrees is up and down."""
    return _WORDS[round((angle_deg % 180) / 45) % 4]


def ambiguity_of(objective: MatchObjective, numbers: FloatArray, to_frame: float, points: FloatArray) -> Ambiguity:
    """Of the match `numbers` (6,) that minimizes the objective.

    `points` (N, 2) are pixels of the silhouette in the objective's picture, `to_frame` the frame's pixels in one.
    """
    slopes = point_slopes(numbers, points - objective.middle)
    covariance = _covariance(objective, numbers, slopes)
    spread = np.einsum("nij,jk,nlk->il", slopes, covariance, slopes) / len(slopes)
    variances, axes = np.linalg.eigh(spread)
    most = MOST_SHARE * objective.side
    best, worst = np.minimum(np.sqrt(np.maximum(variances, 0)), most) * to_frame
    direction = np.degrees(np.arctan2(-axes[1, 1], axes[0, 1]))  # rows run downwards
    return Ambiguity(float(worst), float(best), float(direction % 180))


def point_slopes(numbers: FloatArray, places: FloatArray) -> FloatArray:
    """Derivatives (N, 2, 6) of carried points by the six numbers; `places` (N, 2) are relative to the middle."""
    turned, linear = (part[0] for part in linear_parts(numbers[None]))
    carried = places @ linear.T
    across = np.stack([-carried[:, 1], carried[:, 0]], axis=1)
    stretched, sheared = (places * (1, -1)) @ turned.T, places[:, ::-1] @ turned.T
    shifts = np.broadcast_to(np.eye(2), (len(places), 2, 2))
    return np.concatenate([np.stack([across, carried, stretched, sheared], axis=2), shifts], axis=2)


def _covariance(objective: MatchObjective, numbers: FloatArray, slopes: FloatArray) -> FloatArray:
    """Of the six numbers (6, 6)."""
    # A change of each number that carries the points by the probe's length, root mean square.
    probe = _PROBE_PX / np.sqrt((slopes**2).sum(axis=1).mean(axis=0))
    changed = numbers + np.concatenate([np.diag(probe), -np.diag(probe)])
    slope = objective(changed)[1] * probe
    curvature = (slope[:6] - slope[6:]) / 2
    curvature = (curvature + curvature.T) / 2 * INDEPENDENT_PARTS / 2
    values, axes = np.linalg.eigh(curvature)
    least = (_PROBE_PX / (MOST_SHARE * objective.side)) ** 2
    inverse = axes @ np.diag(1 / np.maximum(values, least)) @ axes.T
    return np.asarray(probe[:, None] * inverse * probe)


def _pixels(value: float) -> str:
    return f"{value:.1f}" if value < 2 else f"{value:.0f}"
