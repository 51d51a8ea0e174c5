"""Simulated rigid tube phantoms in the shape of a few coronary arteries, as they are printed for imaging studies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.simulation import anatomy
from VesselRegistrationLib.simulation.anatomy import AnatomySettings, Branch, VesselTree


def make_phantom(rng: np.random.Generator, settings: AnatomySettings) -> VesselTree:
    """Three to five tubes of nearly constant radius (1.5 to 3 mm) on an ellipsoid 80 to 120 mm wide, any way round.

    Sizes are rounded from the usual dimensions of printed coronary phantoms.
    """
    half = rng.uniform(40, 60, 3) * np.array([1.0, rng.uniform(0.6, 1.0), 1.0])

    def on(places: list[tuple[float, float]]) -> NDArray[np.float64]:
        turn, height = np.radians(np.array(places, dtype=float) + rng.normal(0, 4, (len(places), 2))).T
        ball = np.column_stack([np.cos(height) * np.sin(turn), -np.cos(height) * np.cos(turn), np.sin(height)])
        return np.asarray(ball * half)

    radius = rng.uniform(1.7, 2.9)

    def tube(name: str, parent: Branch | None, at: float, places: list[tuple[float, float]], share: float) -> Branch:
        controls = on(places)
        if parent is not None:
            controls = np.vstack([parent.points_lps[int(at * (len(parent.points_lps) - 1))][None], controls])
        size = max(radius * share, 1.5)
        wave = (rng.uniform(0.5, 2.0) * settings.tortuosity, rng.uniform(25, 45))
        grown = anatomy.grow(name, parent, controls, (size, max(size * rng.uniform(0.85, 1.0), 1.5)), rng, wave)
        return Branch(name, grown.points_lps, np.clip(grown.radii_mm, 1.5, 3.0), grown.parent)

    trunk = tube("trunk", None, 0, [(-60, 62), (-30, 48), (-5, 25), (8, -5), (10, -38), (0, -62)], 1.0)
    branches = [trunk, tube("circumflex", trunk, 0.22, [(15, 45), (50, 22), (85, 0), (110, -28)], 0.95)]
    more = [
        ("diagonal", trunk, rng.uniform(0.4, 0.55), [(26, 5), (40, -20), (48, -45)]),
        ("marginal", branches[1], rng.uniform(0.4, 0.6), [(68, -8), (72, -32), (70, -55)]),
        ("septal", trunk, rng.uniform(0.5, 0.65), [(-20, -8), (-35, -28), (-40, -50)]),
    ]
    chosen = sorted(rng.permutation(3)[: rng.integers(1, 4)])
    branches += [tube(name, parent, at, places, 0.85) for name, parent, at, places in (more[k] for k in chosen)]
    landmarks = {"inlet": trunk.points_lps[0], "first_bifurcation": branches[1].points_lps[0]}
    center = np.concatenate([b.points_lps for b in branches]).mean(axis=0)
    center = center + rng.normal(0, settings.isocenter_jitter_mm, 3)
    turn = anatomy.small_rotation(rng, 40.0)
    return anatomy.moved_tree(VesselTree("phantom", tuple(branches), landmarks), center, turn)
