"""Simulated coronary arteries on an ellipsoidal heart. LPS mm.

Lumen diameters follow Dodge et al., Circulation 1992 (left main 4.5, proximal LAD 3.7, LCx 3.4, RCA 3.9 mm for
right dominance; 2.8 mm RCA and 4.2 mm LCx for left dominance; standard deviations about 0.5 mm). All other sizes
and angles are rounded from common clinical ranges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from VesselRegistrationLib.simulation import anatomy, curves
from VesselRegistrationLib.simulation.anatomy import AnatomySettings, Branch, VesselTree

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Heart:
    """Ventricles as half an ellipsoid below the atrioventricular (AV) groove.

    A place on the surface is (turn, descent) in degrees: turn 0 is the upper rim of the AV groove, 90 its left
    posterior rim (left ventricle), 180 the crux (inferior), 270 the right anterior rim (right ventricle);
    descent 0 is the AV groove, 90 the apex, beyond 90 the far side.
    """

    groove_center_lps: FloatArray
    up_lps: FloatArray
    """Unit vector in the AV plane towards the head."""
    left_lps: FloatArray
    """Unit vector in the AV plane to the left and back."""
    apex_lps: FloatArray
    """Unit vector from the base to the apex."""
    up_radius_mm: float
    left_radius_mm: float
    length_mm: float

    def surface(self, places_deg: ArrayLike, lift_mm: float = 0.0) -> FloatArray:
        """Points (K, 3) for places (K, 2) of (turn, descent) in degrees, lifted off the surface by some mm."""
        turn, descent = np.radians(np.asarray(places_deg, dtype=float)).T
        ring = np.cos(descent)[:, None] * (
            np.cos(turn)[:, None] * self.up_lps * (self.up_radius_mm + lift_mm)
            + np.sin(turn)[:, None] * self.left_lps * (self.left_radius_mm + lift_mm)
        )
        axial = np.sin(descent)[:, None] * self.apex_lps * (self.length_mm + lift_mm)
        return np.asarray(self.groove_center_lps + ring + axial)


def make_heart(rng: np.random.Generator, annulus_lps: FloatArray) -> Heart:
    """A random heart whose aortic annulus lies at a given point (3,)."""
    apex = curves.unit(np.array([0.62, -0.55, -0.55]) + rng.normal(0, 0.07, 3))
    up = curves.unit(np.array([0.0, 0.0, 1.0]) - apex[2] * apex)
    left = np.cross(up, apex)
    left = left if left[0] > 0 else -left
    size = rng.uniform(0.88, 1.15)
    radius = 43.0 * size
    groove = annulus_lps - up * radius * rng.uniform(0.34, 0.45) + apex * rng.uniform(4, 9)
    return Heart(groove, up, left, apex, radius, radius * rng.uniform(1.0, 1.12), 88.0 * size * rng.uniform(0.93, 1.07))


@dataclass(frozen=True)
class _Plan:
    """What the branches of one heart have in common while they are drawn."""

    heart: Heart
    rng: np.random.Generator
    settings: AnatomySettings
    is_left_dominant: bool
    scale: float
    detail: float
    """1: the angiographic tree; 2: many more and thinner twigs."""

    def along(
        self,
        name: str,
        parent: Branch | None,
        start: FloatArray,
        places_deg: ArrayLike,
        radii_mm: tuple[float, float],
        sigma_deg: float = 2.5,
        amplitude_mm: float = 1.1,
    ) -> Branch:
        """A vessel from a start point (3,) along places on the heart."""
        places = np.asarray(places_deg, dtype=float)
        places = places + self.rng.normal(0, sigma_deg, places.shape)
        controls = np.vstack([start[None], self.heart.surface(places, self.rng.uniform(0, 2))])
        radii = (radii_mm[0] * self.scale, max(radii_mm[1] * self.scale, 0.4))
        tortuosity = (amplitude_mm * self.settings.tortuosity * self.rng.uniform(0.4, 1.5), self.rng.uniform(18, 32))
        branch = anatomy.grow(name, parent, controls, radii, self.rng, tortuosity, spacing_mm=1.3)
        return anatomy.diseased(branch, self.rng, 0.2 * self.settings.disease)

    def count(self, low: int, high: int) -> int:
        """How many side branches of a kind, low to high inclusive, scaled by the settings."""
        return round(int(self.rng.integers(low, high + 1)) * self.settings.side_branches)


def coronary_branches(
    heart: Heart,
    ostia: dict[str, tuple[FloatArray, FloatArray, str | None]],
    rng: np.random.Generator,
    settings: AnatomySettings,
    detail: float = 1.0,
) -> tuple[tuple[Branch, ...], dict[str, FloatArray]]:
    """All coronary arteries and their landmarks.

    `ostia` holds for "left" and "right": the ostium (3,), the unit direction (3,) in which the artery leaves the
    aorta, and the name of the branch it springs from (or None).
    """
    is_left_dominant = bool(rng.random() < 0.12)
    plan = _Plan(heart, rng, settings, is_left_dominant, float(np.clip(rng.normal(1.0, 0.1), 0.8, 1.25)), detail)
    left, landmarks = _left_tree(plan, *ostia["left"])
    right, right_landmarks = _right_tree(plan, *ostia["right"])
    return left + right, {**landmarks, **right_landmarks}


def _rooted(branch: Branch, parent: str | None) -> Branch:
    return Branch(branch.name, branch.points_lps, branch.radii_mm, parent)


def _left_tree(
    plan: _Plan, ostium: FloatArray, outwards: FloatArray, parent: str | None
) -> tuple[tuple[Branch, ...], dict[str, FloatArray]]:
    rng, heart = plan.rng, plan.heart
    fork_place = (rng.uniform(12, 26), rng.uniform(-4, 6))
    fork = heart.surface([fork_place], 1.0)[0]
    middle = ostium + outwards * 0.3 * np.linalg.norm(fork - ostium) + 0.12 * (fork - ostium)
    main_radius = rng.normal(2.25, 0.2) * plan.scale
    main = anatomy.grow("LM", None, [ostium, middle, fork], (main_radius, main_radius * 0.93), rng, spacing_mm=1.3)
    main = _rooted(main, parent)
    groove, wrap = rng.uniform(-8, 6), rng.uniform(84, 110)
    descents = np.array([12, 26, 42, 58, 72, wrap])
    lad_places = np.column_stack([np.r_[fork_place[0] * 0.45, np.full(4, groove), groove], descents])
    lad = plan.along("LAD", main, fork, lad_places, (rng.normal(1.85, 0.15), 0.6), 2.0, 1.2)
    far = rng.uniform(168, 182) if plan.is_left_dominant else rng.uniform(105, 150)
    turns = np.linspace(fork_place[0] + 16, far, 5)
    lcx_radii = (2.1, 1.2) if plan.is_left_dominant else (rng.normal(1.7, 0.15), 0.6)
    descents = np.r_[fork_place[1] + 2, rng.uniform(-2, 6), 2, 4, 5 if plan.is_left_dominant else rng.uniform(4, 22)]
    lcx = plan.along("LCx", main, fork, np.column_stack([turns, descents]), lcx_radii, 2.0, 1.2)
    branches = [main, lad, lcx, *_diagonals(plan, lad, groove), *_septals(plan, lad), *_marginals(plan, lcx)]
    if rng.random() < 0.25:
        place = [(fork_place[0] + 14, 18), (fork_place[0] + 24, 34), (fork_place[0] + 30, 50)]
        branches.append(plan.along("ramus", main, fork, place, (1.25, 0.5)))
    if plan.is_left_dominant:
        branches += _inferior(plan, lcx)
    branches += _twigs(plan, branches[1:])
    return tuple(branches), {"left_ostium": ostium, "left_main_bifurcation": fork, "apex": lad.points_lps[-1]}


def _right_tree(
    plan: _Plan, ostium: FloatArray, outwards: FloatArray, parent: str | None
) -> tuple[tuple[Branch, ...], dict[str, FloatArray]]:
    rng, heart = plan.rng, plan.heart
    far = 182.0 if not plan.is_left_dominant else rng.uniform(225, 262)
    turns = np.linspace(rng.uniform(306, 316), far, 6)
    places = np.column_stack([turns, rng.uniform(-3, 3, 6)])
    knee = ostium + outwards * rng.uniform(7, 12)
    first = (1.4, 0.6) if plan.is_left_dominant else (rng.normal(1.95, 0.2), 1.35)
    controls = np.vstack([ostium[None], knee[None], heart.surface(places + rng.normal(0, 1.5, places.shape), 1.0)])
    radii = (first[0] * plan.scale, first[1] * plan.scale)
    tortuosity = (1.3 * plan.settings.tortuosity * rng.uniform(0.4, 1.5), rng.uniform(20, 35))
    rca = anatomy.grow("RCA", None, controls, radii, rng, tortuosity, spacing_mm=1.3)
    rca = anatomy.diseased(_rooted(rca, parent), rng, 0.3 * plan.settings.disease)
    branches = [rca, *_acute(plan, rca, far)]
    if not plan.is_left_dominant:
        branches += _inferior(plan, rca)
    branches += _twigs(plan, branches)
    return tuple(branches), {"right_ostium": ostium, "right_coronary_end": rca.points_lps[-1]}


def _at(branch: Branch, fraction: float) -> tuple[FloatArray, float]:
    """Centreline point (3,) and radius at a fraction of a branch."""
    index = min(int(round(fraction * (len(branch.points_lps) - 1))), len(branch.points_lps) - 1)
    return branch.points_lps[index], float(branch.radii_mm[index])


def _place_of(heart: Heart, point: FloatArray) -> tuple[float, float]:
    """(turn, descent) in degrees of the surface place nearest in direction to a point (3,)."""
    away = point - heart.groove_center_lps
    up, left = away @ heart.up_lps / heart.up_radius_mm, away @ heart.left_lps / heart.left_radius_mm
    axial = away @ heart.apex_lps / heart.length_mm
    return float(np.degrees(np.arctan2(left, up)) % 360), float(np.degrees(np.arctan2(axial, np.hypot(up, left))))


def _swept(
    plan: _Plan, name: str, parent: Branch, fraction: float, turn: float, descent: float, radii: tuple[float, float]
) -> Branch:
    """A side branch that runs from its parent by (turn, descent) degrees over the heart, curving towards the apex."""
    start, parent_radius = _at(parent, fraction)
    turn0, descent0 = _place_of(plan.heart, start)
    share = np.array([0.22, 0.5, 0.78, 1.0])
    places = np.column_stack([turn0 + turn * share**0.8, descent0 + descent * share**1.15])
    first = min(radii[0] * plan.scale, 0.85 * parent_radius) / plan.scale
    span = float(np.hypot(turn, descent))  # short twigs with the jitter of long vessels would curl up
    return plan.along(
        name, parent, start, places, (first, min(radii[1], first)), min(1.6, 0.04 * span), min(0.9, 0.03 * span)
    )


def _diagonals(plan: _Plan, lad: Branch, groove: float) -> list[Branch]:
    rng, number = plan.rng, plan.count(2, 3)
    found = []
    for index in range(number):
        at = 0.13 + 0.42 * (index + rng.uniform(-0.25, 0.25)) / max(number - 1, 1)
        size = 1.0 - 0.2 * index
        found.append(
            _swept(plan, f"D{index + 1}", lad, max(at, 0.08), rng.uniform(32, 52), rng.uniform(26, 40) * size,
                   (1.15 * size, 0.45))
        )  # fmt: skip
    return found


def _septals(plan: _Plan, lad: Branch) -> list[Branch]:
    """Perforators that leave the LAD at right angles into the septum, straight down towards the inferior groove."""
    rng, heart, number = plan.rng, plan.heart, plan.count(3, 6)
    found = []
    for index in range(number):
        start, _ = _at(lad, 0.14 + 0.5 * index / max(number, 1) + rng.uniform(-0.02, 0.02))
        inwards = -heart.up_lps + rng.normal(0, 0.15) * heart.left_lps + rng.uniform(0.1, 0.5) * heart.apex_lps
        length = rng.uniform(18, 36) * (1 - 0.4 * index / max(number, 1))
        end = start + curves.unit(inwards) * length
        middle = (start + end) / 2 + rng.normal(0, 1.5, 3)
        radii = (rng.uniform(0.5, 0.8), 0.4)
        tortuosity = (0.5 * plan.settings.tortuosity, 20.0)
        found.append(anatomy.grow(f"S{index + 1}", lad, [start, middle, end], radii, rng, tortuosity, 1.3))
    return found


def _marginals(plan: _Plan, lcx: Branch) -> list[Branch]:
    rng, number = plan.rng, plan.count(2, 3)
    found = []
    for index in range(number):
        at = 0.25 + 0.5 * (index + rng.uniform(-0.3, 0.3)) / max(number - 1, 1)
        found.append(
            _swept(plan, f"OM{index + 1}", lcx, max(at, 0.15), rng.uniform(4, 22), rng.uniform(38, 62),
                   (rng.uniform(1.0, 1.4), 0.45))
        )  # fmt: skip
    return found


def _acute(plan: _Plan, rca: Branch, far: float) -> list[Branch]:
    """Conus, sinus node and right ventricular (acute marginal) branches."""
    rng = plan.rng
    found = [_swept(plan, "conus", rca, 0.09, rng.uniform(18, 34), rng.uniform(14, 26), (0.8, 0.4))]
    start, _ = _at(rca, 0.1)
    back = start - plan.heart.apex_lps * rng.uniform(22, 30) + plan.heart.up_lps * rng.uniform(4, 14)
    bend = start - plan.heart.apex_lps * 10 + np.array([-5.0, 0, 0])
    if rng.random() < 0.6:
        radii = (0.75, 0.4)
        found.append(anatomy.grow("sinus_node", rca, [start, bend, back], radii, rng, (0.8, 25.0), 1.3))
    number = plan.count(1, 3)
    for index in range(number):
        at = (0.35 + 0.4 * (index + rng.uniform(0, 0.6)) / max(number, 1)) * (1.0 if far < 200 else 1.1)
        found.append(
            _swept(plan, f"AM{index + 1}", rca, min(at, 0.9), rng.uniform(-6, 16), rng.uniform(32, 55),
                   (rng.uniform(0.8, 1.15), 0.45))
        )  # fmt: skip
    return found if plan.settings.side_branches > 0 else []


def _inferior(plan: _Plan, parent: Branch) -> list[Branch]:
    """Posterior descending artery in the inferior groove and posterolateral branches over the left ventricle."""
    rng = plan.rng
    start, radius = _at(parent, 1.0)
    turn0, _ = _place_of(plan.heart, start)
    side = -1.0 if parent.name == "RCA" else 1.0
    descents = np.array([14, 30, 46, rng.uniform(54, 72)])
    pda_turn = 180 + rng.normal(0, 3)
    first = min(1.25, 0.9 * radius / plan.scale)
    found = [plan.along("PDA", parent, start, np.column_stack([np.full(4, pda_turn), descents]), (first, 0.5), 1.6)]
    if parent.name != "RCA":
        return found
    turns = turn0 + side * np.array([10, 22, rng.uniform(32, 52)])
    lifts = np.array([rng.uniform(-6, 0), rng.uniform(2, 8), rng.uniform(10, 24)])
    atrioventricular = plan.along("PL", parent, start, np.column_stack([turns, lifts]), (first, 0.6), 1.5)
    found.append(atrioventricular)
    for index in range(plan.count(1, 3)):
        at = rng.uniform(0.25, 0.9)
        found.append(
            _swept(plan, f"PL{index + 1}", atrioventricular, at, -rng.uniform(2, 16), rng.uniform(28, 50), (0.9, 0.45))
        )
    return found


def _twigs(plan: _Plan, parents: list[Branch]) -> list[Branch]:
    """Small distal side branches, only where `detail` asks for them."""
    rng = plan.rng
    found = []
    for parent in parents:
        if parent.name.startswith("S"):
            continue
        number = rng.poisson(max(plan.detail - 1, 0) * plan.settings.side_branches * parent.length_mm / 28)
        for index in range(number):
            at = rng.uniform(0.25, 0.95)
            radius = float(np.clip(0.5 * _at(parent, at)[1] / plan.scale, 0.45, 0.75))
            turn, descent = rng.choice([-1, 1]) * rng.uniform(6, 20), rng.uniform(4, 22)
            found.append(_swept(plan, f"{parent.name}_twig{index + 1}", parent, at, turn, descent, (radius, 0.4)))
    return found


def make_coronary(rng: np.random.Generator, settings: AnatomySettings) -> VesselTree:
    """The coronary arteries alone, origin near the centre of the heart; in some a stub of each catheterized ostium."""
    heart = make_heart(rng, np.zeros(3))
    away = {"left": curves.unit([0.85, 0.25, 0.15]), "right": curves.unit([-0.2, -0.9, 0.1])}
    spread = rng.uniform(13, 17)
    up = curves.unit([-0.55, -0.12, 0.8]) * rng.uniform(11, 16)
    ostia: dict[str, tuple[FloatArray, FloatArray, str | None]] = {
        side: (up + out * spread + rng.normal(0, 1.2, 3), out, None) for side, out in away.items()
    }
    branches, landmarks = coronary_branches(heart, ostia, rng, settings, detail=rng.uniform(1.3, 2.2))
    landmarks["annulus_center"] = np.zeros(3)
    center = heart.groove_center_lps + 0.35 * heart.length_mm * heart.apex_lps
    center = center + rng.normal(0, settings.isocenter_jitter_mm, 3)
    tree = VesselTree("coronary", branches, landmarks)
    return anatomy.moved_tree(tree, center, anatomy.small_rotation(rng, 4.0))
