"""Phantoms of thin straight tubes: cut-off branches of rigid models, and the pipes that connect them to a pump.

Beside curved vessels alone a network learns that what is straight is a wire, and leaves out tubes that nobody would
miss in the picture. Sizes are rounded from tubes of printed and blown phantoms: 1.2 to 5 mm across, 15 to 90 mm long.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.simulation import curves
from VesselRegistrationLib.simulation.anatomy import Branch, VesselTree

LEAST_RADIUS_MM = 0.6
MOST_TUBES = 6
AT_THE_END = 0.3
"""Of the tubes, those that go on where another one ends; the others spring from its side."""
LEAST_ANGLE_DEG = 25.0
"""Between a tube that springs from a side and the one it springs from."""


def with_straight_tubes(tree: VesselTree, rng: np.random.Generator) -> VesselTree:
    """The tree, thinner as a whole, with one to six straight tubes more; each may carry further ones."""
    thinner = rng.uniform(0.4, 1.0)
    branches = [
        dataclasses.replace(branch, radii_mm=np.maximum(branch.radii_mm * thinner, LEAST_RADIUS_MM))
        for branch in tree.branches
    ]
    for number in range(rng.integers(1, MOST_TUBES + 1)):
        branches.append(_tube(f"tube{number + 1}", branches[rng.integers(len(branches))], rng))
    return dataclasses.replace(tree, branches=tuple(branches))


def _tube(name: str, parent: Branch, rng: np.random.Generator) -> Branch:
    along = curves.tangents(parent.points_lps)
    if rng.random() < AT_THE_END:
        place, heading = -1, curves.unit(along[-1] + rng.normal(0, 0.15, 3))
    else:
        place = int(rng.integers(len(along)))
        heading = _aside(along[place], rng)
    length, radius = rng.uniform(15, 90), rng.uniform(LEAST_RADIUS_MM, 1.6) * rng.choice([1.0, 1.5], p=[0.8, 0.2])
    steps = np.linspace(0, length, int(length / 1.5) + 2)
    points = parent.points_lps[place] + steps[:, None] * heading
    return Branch(name, points, np.full(len(points), radius), parent.name)


def _aside(along: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A direction at least `LEAST_ANGLE_DEG` from a tube's own. (3,)."""
    while True:
        heading = curves.unit(rng.normal(size=3))
        if abs(float(heading @ along)) <= np.cos(np.radians(LEAST_ANGLE_DEG)):
            return heading
