"""The end of a match: the silhouette's outline on that of the vessels, and which of several matches explains most.

Overlap and mutual information are blunt where branches are missing and false vessels lie beside; distances with a cap
(Tukey's weights) leave those out. As in the pose's last step the model's outline looks for the vessels' in a signed
distance field, each point of the vessels' outline for the nearest of the model's, and by how much the model is wider
all around is found, too. All matches are improved at once; of them that one is best which leaves least of the vessels'
outline unexplained.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.affine import RegionOfInterest
from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.matching_objective import Prior, Window
from VesselRegistrationLib.outlines import Outline
from VesselRegistrationLib.pose.prior import data_variance
from VesselRegistrationLib.pose.residuals import NormalEquations, tukey

CAPS_SHARE = (0.03, 0.03, 0.022, 0.015, 0.012, 0.008, 0.008, 0.008)
"""Distances beyond which nothing counts, step by step, as shares of the picture's side."""
JUDGED_SHARE = 0.012
"""A vessel's outline further than this from the model's is not explained."""
STEPS_OF_ALL, MOST_MATCHES = 3, 8
"""After so many steps only the best matches go on: the right one is among them by then."""
MODEL_WEIGHT = 0.3
"""Of the model's outline against the vessels': much of the model may not be filled."""
REACH = 1.5
"""The vessels' outline looks so much further for the model's than the cap."""
EXCESS_SHARE = 0.006
"""Standard deviation of how much wider the model is than the vessels, a share of the side."""
MOST_AREA_CHANGE = 4.0
"""A match that makes the model so many times larger, or smaller, or mirrors it, was led astray: it stays as it was."""
MOST_POINTS = 250
LEAST_POINTS = 20


@dataclass(frozen=True)
class OutlineMatches:
    """Matches and what came of them."""

    matrices: FloatArray
    """(K, 3, 3) in pixels."""
    unexplained: FloatArray
    """(K,) from 0 to 1: of the vessels' outline."""
    excess: FloatArray
    """(K,) pixels of the outlines' picture by which the model is wider than the vessels, all around."""
    origins: NDArray[np.int64]
    """(K,): which of the matches that were given each grew from."""


@dataclass(frozen=True)
class Outlines:
    """The model's outline and that of the vessels, to lay the one on the other. Matches are in pixels of both."""

    _fit: _Fit

    @classmethod
    def of(
        cls, silhouette: NDArray[np.bool_], vessels: NDArray[np.bool_], shown: RegionOfInterest, prior: Prior
    ) -> Outlines | None:
        """None where there is too little outline to say anything.

        Args:
            silhouette: the whole model (rows, columns).
            shown: only the outline inside it is matched; where it cuts the model off there is no outline.
        """
        model, vessel = Outline.of(silhouette, shown), Outline.of(vessels)
        if min(len(model.points), len(vessel.points)) < LEAST_POINTS:
            return None
        return cls(_Fit(model, vessel, prior, max(vessels.shape)))

    def fitted(self, matrices: FloatArray) -> OutlineMatches:
        """The best of some matches (K, 3, 3), improved."""
        fit = self._fit
        state, origins = _State.of(matrices, fit.middle), np.arange(len(matrices))
        for number, cap in enumerate(CAPS_SHARE):
            if number == STEPS_OF_ALL:
                best = np.sort(np.argsort(fit.distances(state).mean(axis=1))[:MOST_MATCHES])
                state, origins = state.chosen(best), origins[best]
            state = fit.step(state, cap * fit.side)
        matrices = matrices[origins]
        areas = np.linalg.det(state.linear)
        is_physical = (areas > 1 / MOST_AREA_CHANGE) & (areas < MOST_AREA_CHANGE)
        return OutlineMatches(
            np.where(is_physical[:, None, None], state.matrices(fit.middle), matrices),
            np.where(is_physical, fit.distances(state).mean(axis=1), 1.0),
            np.where(is_physical, state.excess, 0.0),
            origins,
        )

    def unexplained(self, matrix: FloatArray, excess: float, known: Window) -> float:
        """What a match (3, 3) leaves unexplained of the vessels' outline, from 0 to 1, with its excess in pixels.

        Only of what it takes from inside `known`, where the silhouette shows all of the model; 1 where that is hardly
        anything.
        """
        fit = self._fit
        left, top, right, bottom = known
        origins = (fit.edge - matrix[:2, 2]) @ np.linalg.inv(matrix[:2, :2]).T
        counted = np.all((origins > (left, top)) & (origins < (right, bottom)), axis=1)
        if counted.sum() < LEAST_POINTS:
            return 1.0
        state = dataclasses.replace(_State.of(matrix[None], fit.middle), excess=np.array([excess]))
        return float(fit.distances(state)[0, counted].mean())


@dataclass(frozen=True)
class _State:
    """K matches: x' = middle + linear (x - middle) + shift, the model's outline so many px outside the vessels'."""

    linear: FloatArray
    """(K, 2, 2)."""
    shift: FloatArray
    """(K, 2)."""
    excess: FloatArray
    """(K,)."""

    @classmethod
    def of(cls, matrices: FloatArray, middle: FloatArray) -> _State:
        linear = matrices[:, :2, :2]
        return cls(linear, linear @ middle + matrices[:, :2, 2] - middle, np.zeros(len(matrices)))

    def matrices(self, middle: FloatArray) -> FloatArray:
        matrices = np.tile(np.eye(3), (len(self.linear), 1, 1))
        matrices[:, :2, :2] = self.linear
        matrices[:, :2, 2] = middle + self.shift - self.linear @ middle
        return matrices

    def chosen(self, which: NDArray[np.int64]) -> _State:
        """Some of the matches."""
        return _State(self.linear[which], self.shift[which], self.excess[which])

    def stepped(self, step: FloatArray) -> _State:
        """(K, 7): the linear part row by row, the shift, the excess."""
        return _State(self.linear + step[:, :4].reshape(-1, 2, 2), self.shift + step[:, 4:6], self.excess + step[:, 6])


class _Fit:
    """Both outlines, and the equations of a step."""

    def __init__(self, model: Outline, vessel: Outline, prior: Prior, side: int) -> None:
        self.model, self.vessel, self.side = model, vessel, side
        self.middle = model.points.mean(axis=0)
        self._spread = np.linspace(0, len(model.points) - 1, min(MOST_POINTS, len(model.points))).astype(int)
        kept = np.linspace(0, len(vessel.points) - 1, min(MOST_POINTS, len(vessel.points))).astype(int)
        self.edge, self._normals = vessel.points[kept], vessel.normals[kept]
        self._prior = prior

    def step(self, state: _State, cap: float) -> _State:
        """All matches after one step of weighted least squares with distances capped at `cap` pixels."""
        equations = NormalEquations.zeros(len(state.linear), 7)
        self._add_model_outline(equations, state, cap)
        self._add_vessel_outline(equations, state, cap)
        self._add_prior(equations, state, cap)
        return state.stepped(equations.step())

    def distances(self, state: _State) -> FloatArray:
        """Of the vessels' outline from the model's, capped, as shares of the cap: (K, E)."""
        cap = JUDGED_SHARE * self.side
        _, away, _ = self._nearest(state)
        return np.asarray(np.minimum(_length(away), cap) / cap)

    def _add_model_outline(self, equations: NormalEquations, state: _State, cap: float) -> None:
        arms = self.model.points[self._spread] - self.middle
        places = arms @ np.swapaxes(state.linear, 1, 2) + (self.middle + state.shift)[:, None]
        distance, slope, is_inside = self.vessel.distance_at(places)
        residuals = distance - state.excess[:, None]
        counted = np.maximum(is_inside.sum(axis=1, keepdims=True), 1)
        weights = MODEL_WEIGHT * is_inside * tukey(residuals, cap) / counted
        equations.add(_slopes(slope, np.broadcast_to(arms, places.shape)), residuals, weights)

    def _add_vessel_outline(self, equations: NormalEquations, state: _State, cap: float) -> None:
        arms, away, normals = self._nearest(state)
        reach = REACH * cap
        weights = tukey(_length(away), reach) / len(self.edge)
        equations.add(_slopes(normals, arms), away[..., 0] * normals[..., 0] + away[..., 1] * normals[..., 1], weights)

    def _nearest(self, state: _State) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Of each vessel outline point, widened: the model's nearest one from the middle, the way to it once carried,
        and the normal; (K, E, 2) each. Nearest in the model's own picture, which a match hardly deforms."""
        wider = self.edge + self._normals * state.excess[:, None, None]
        back = np.linalg.inv(state.linear)
        origins = (wider - (self.middle + state.shift)[:, None]) @ np.swapaxes(back, 1, 2) + self.middle
        arms = self.model.nearest(origins) - self.middle
        carried = arms @ np.swapaxes(state.linear, 1, 2) + (self.middle + state.shift)[:, None]
        return arms, carried - wider, np.broadcast_to(self._normals, wider.shape)

    def _add_prior(self, equations: NormalEquations, state: _State, cap: float) -> None:
        """Of turn, size, stretch and shear, small as they are, of the shift and of the excess."""
        prior, variance = self._prior, data_variance(cap)
        entries = np.concatenate([state.linear.reshape(-1, 4) - np.eye(2).ravel(), state.shift], axis=1)
        precision = np.array([prior.rotation_rad, prior.log_scale, prior.other, prior.other]) ** -2.0
        shift_precision = prior.shift_share * (prior.shift * self.side) ** -2.0
        numbers = entries @ _SHAPE.T
        # As a logarithm, so that a view which really is far off can be matched.
        shape = precision / (1 + (numbers**2 * precision).sum(axis=1, keepdims=True))
        shift = shift_precision / (1 + (state.shift**2).sum(axis=1) * shift_precision)
        equations.hessian[:, :6, :6] += variance * np.einsum("ki,ia,ib->kab", shape, _SHAPE, _SHAPE)
        equations.gradient[:, :6] += variance * ((shape * numbers) @ _SHAPE)
        for axis in (4, 5):
            equations.hessian[:, axis, axis] += variance * shift
            equations.gradient[:, axis] += variance * shift * state.shift[:, axis - 4]
        excess = variance / (EXCESS_SHARE * self.side) ** 2
        equations.hessian[:, 6, 6] += excess
        equations.gradient[:, 6] += excess * state.excess


_SHAPE = np.array(
    [[0, -0.5, 0.5, 0, 0, 0], [0.5, 0, 0, 0.5, 0, 0], [0.5, 0, 0, -0.5, 0, 0], [0, 0.5, 0.5, 0, 0, 0]], dtype=float
)
"""Turn, size, stretch and shear from the entries of the linear part (and the shift, which has none of them)."""


def _length(ways: FloatArray) -> FloatArray:
    """Of (K, N, 2): (K, N)."""
    return np.hypot(ways[..., 0], ways[..., 1])


def _slopes(directions: FloatArray, arms: FloatArray) -> FloatArray:
    """Change of distances along `directions` (K, N, 2) by the 7 parameters, (K, N, 7), of points `arms` from the
    middle (K, N, 2)."""
    ones = np.full((*directions.shape[:2], 1), -1.0)
    return np.concatenate([directions[..., :1] * arms, directions[..., 1:] * arms, directions, ones], axis=-1)
