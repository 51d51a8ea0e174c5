"""Simulated infrarenal aorta, iliac and femoral arteries with their side branches. LPS mm.

Sizes and angles are rounded from common clinical ranges (infrarenal aorta 16 to 22, common iliac 8 to 12,
common femoral 6 to 10 mm in diameter).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.simulation import anatomy, curves
from VesselRegistrationLib.simulation.anatomy import AnatomySettings, Branch, VesselTree

FloatArray = NDArray[np.float64]
SPACING_MM = 2.0
Steps = list[tuple[float, float, float]]


@dataclass(frozen=True)
class _Plan:
    """What the branches of one patient have in common while they are drawn."""

    rng: np.random.Generator
    settings: AnatomySettings
    tortuosity_mm: float
    has_disease: bool

    def vessel(
        self,
        name: str,
        parent: Branch,
        at: float,
        steps: Steps,
        radii_mm: tuple[float, float],
        sigma_mm: float = 2.0,
        bend: float = 1.0,
    ) -> Branch:
        """A branch from a fraction of its parent through steps (mm from its start)."""
        start = parent.points_lps[int(round(at * (len(parent.points_lps) - 1)))]
        controls = start + np.vstack([np.zeros(3), np.asarray(steps, dtype=float)])
        controls[2:] += self.rng.normal(0, sigma_mm, controls[2:].shape)
        radii_mm = (min(radii_mm[0], 0.95 * float(parent.radii_mm.max())), radii_mm[1])
        wave = (bend * self.tortuosity_mm, self.rng.uniform(45, 80))
        grown = anatomy.grow(name, parent, controls, radii_mm, self.rng, wave, SPACING_MM)
        return anatomy.diseased(grown, self.rng, 0.35 if self.has_disease else 0.03 * self.settings.disease, 0.8)


def make_lower(rng: np.random.Generator, settings: AnatomySettings) -> VesselTree:
    """Aorta to femoral arteries; origin near the aortic bifurcation or one femoral head."""
    elderly = rng.random()
    plan = _Plan(rng, settings, settings.tortuosity * (0.6 + 3.6 * elderly**2), rng.random() < 0.4 * settings.disease)
    aorta = _aorta(plan)
    branches = [aorta, *_visceral(plan, aorta)]
    landmarks = {"aortic_bifurcation": aorta.points_lps[-1]}
    scale = rng.uniform(0.9, 1.1)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        found, places = _leg(plan, aorta, side, sign, scale)
        branches += found
        landmarks.update(places)
    names = ("aortic_bifurcation", "left_femoral_head", "right_femoral_head")
    center = landmarks[names[rng.choice(3, p=(0.5, 0.25, 0.25))]]
    center = center + rng.normal(0, settings.isocenter_jitter_mm, 3)
    tree = VesselTree("lower", tuple(branches), landmarks)
    return anatomy.moved_tree(tree, center, anatomy.small_rotation(rng, 2.5))


def _aorta(plan: _Plan) -> Branch:
    """Abdominal aorta from above the renal arteries to its bifurcation at the origin; some with an aneurysm."""
    rng = plan.rng
    height = rng.uniform(95, 140)
    lean = rng.normal(4, 4)
    controls = np.array([[lean, 8, height], [lean * 1.2, 1, 0.66 * height], [lean, -3, 0.33 * height], [0, 0, 0]])
    controls[:-1, :2] += rng.normal(0, 1.0 + plan.tortuosity_mm, (3, 2))
    path = curves.smooth_path(controls, SPACING_MM)
    radius = rng.uniform(8.2, 10.8)
    radii = curves.profile_radii(path, [(0, radius * 1.12), (0.35, radius), (1.0, radius * 0.93)])
    if rng.random() < 0.1 * plan.settings.disease:
        radii *= curves.bump(path, rng.uniform(0.55, 0.75), rng.uniform(50, 90), rng.uniform(0.6, 1.6))
    elif rng.random() < 0.12 * plan.settings.disease:
        radii *= curves.bump(path, rng.uniform(0.4, 0.9), rng.uniform(20, 40), -rng.uniform(0.15, 0.4))
    return Branch("infrarenal_aorta", path, radii * curves.uneven(path, rng, 0.03), None)


def _visceral(plan: _Plan, aorta: Branch) -> list[Branch]:
    """Renal, mesenteric, celiac and lumbar arteries; fewer where the aorta starts below them."""
    rng, height = plan.rng, aorta.length_mm

    def at(z_mm: float) -> float:
        return float(np.clip(1 - z_mm / height, 0.02, 0.98))

    found: list[Branch] = []
    if rng.random() < 0.6:
        level = rng.uniform(78, 90)
        for side, sign in (("left", 1.0), ("right", -1.0)):
            steps = [(sign * 14.0, -2.0, -2.0), (sign * 30.0, 6.0, -8.0), (sign * rng.uniform(46, 60), 16.0, -11.0)]
            radii = (rng.uniform(2.4, 3.2), 2.0)
            renal = plan.vessel(f"{side}_renal", aorta, at(level + rng.normal(0, 4)), steps, radii, 2.0, 0.4)
            found.append(renal)
            for name, rise in (("upper", 12.0), ("lower", -12.0)):
                twig = [(sign * 8.0, 2.0, rise * 0.5), (sign * 18.0, 4.0, rise), (sign * 26.0, 4.0, rise * 1.4)]
                found.append(plan.vessel(f"{side}_renal_{name}", renal, 1.0, twig, (1.6, 0.9), 2.0, 0.4))
        forward: Steps = [(1, -16, -4), (-1, -24, -28), (-4, -26, -60), (-12, -26, -95)]
        found.append(plan.vessel("superior_mesenteric", aorta, at(level + 9), forward, (3.2, 2.0), 2.5, 0.6))
        if height > level + 26 and rng.random() < 0.5:
            steps = [(0, -16, -2), (-4, -22, 2), (-22, -24, 6), (-44, -18, 10)]
            found.append(plan.vessel("celiac", aorta, at(level + 20), steps, (3.2, 2.0), 2.0, 0.6))
    if rng.random() < 0.7 * plan.settings.side_branches:
        steps = [(6, -12, -6), (14, -15, -26), (20, -13, -52), (24, -8, -80)]
        found.append(plan.vessel("inferior_mesenteric", aorta, at(rng.uniform(32, 42)), steps, (1.8, 1.1), 2.0, 0.8))
    if rng.random() < 0.5 * plan.settings.side_branches:
        found += _lumbars(plan, aorta)
    return found


def _lumbars(plan: _Plan, aorta: Branch) -> list[Branch]:
    found = []
    for index in range(int(plan.rng.integers(1, 4))):
        for side, sign in (("left", 1.0), ("right", -1.0)):
            reach = plan.rng.uniform(24, 42)
            steps: Steps = [(sign * 8, 13, 2), (sign * reach * 0.7, 26, 0), (sign * reach, 34, -8)]
            at = 0.93 - 0.26 * index
            found.append(plan.vessel(f"{side}_lumbar{index + 1}", aorta, at, steps, (1.2, 0.8), 2.0, 0.4))
    return found


def _leg(
    plan: _Plan, aorta: Branch, side: str, sign: float, scale: float
) -> tuple[list[Branch], dict[str, FloatArray]]:
    """Iliac and femoral arteries of one side, and its landmarks."""
    rng = plan.rng
    start = aorta.points_lps[-1]
    fork = np.array([sign * rng.uniform(30, 42), rng.uniform(14, 26), -rng.uniform(44, 62)]) * scale
    inguinal = np.array([sign * rng.uniform(68, 80), -rng.uniform(18, 30), -rng.uniform(132, 152)]) * scale
    common_radius = rng.uniform(4.2, 5.8)
    middle = 0.45 * fork + np.array([sign * rng.uniform(0, 4), rng.uniform(-4, 2), 0])
    common = plan.vessel(f"{side}_common_iliac", aorta, 1.0, _from(start, [middle, fork]),
                         (common_radius, common_radius * 0.93), 1.0)  # fmt: skip
    if rng.random() < 0.08 * plan.settings.disease:
        widened = common.radii_mm * curves.bump(common.points_lps, rng.uniform(0.5, 0.8), 35, rng.uniform(0.4, 1.0))
        common = dataclasses.replace(common, radii_mm=widened)
    fork = common.points_lps[-1]
    pelvic = [fork + share * (inguinal - fork) + np.array([sign * x, y, z]) for share, x, y, z in
              ((0.3, 3.0, 14.0, -3.0), (0.65, 5.0, 11.0, -6.0))]  # fmt: skip
    external_radius = min(rng.uniform(3.4, 4.6), common_radius * 0.9)
    external = plan.vessel(f"{side}_external_iliac", common, 1.0, _from(fork, [*pelvic, inguinal]),
                           (external_radius, external_radius * 0.97), 1.5)  # fmt: skip
    down = rng.uniform(34, 52)
    femoral_steps: Steps = [(sign * 2, -2, -down * 0.5), (sign * 1, 0, -down)]
    femoral = plan.vessel(f"{side}_common_femoral", external, 1.0, femoral_steps,
                          (float(np.clip(external_radius * rng.uniform(0.9, 1.05), 3, 5)), external_radius * 0.9),
                          0.8, 0.25)  # fmt: skip
    head = femoral.points_lps[len(femoral.points_lps) // 3] + np.array([sign * 9.0, 24.0, 0.0])
    landmarks = {
        f"{side}_iliac_bifurcation": fork,
        f"{side}_femoral_head": head,
        f"{side}_femoral_bifurcation": femoral.points_lps[-1],
    }
    branches = [common, external, femoral, *_internal_iliac(plan, common, side, sign)]
    return branches + _femoral(plan, external, femoral, side, sign), landmarks


def _from(start: FloatArray, points: list[FloatArray]) -> Steps:
    """Points as steps from a start."""
    return [(float(p[0] - start[0]), float(p[1] - start[1]), float(p[2] - start[2])) for p in points]


def _internal_iliac(plan: _Plan, common: Branch, side: str, sign: float) -> list[Branch]:
    rng = plan.rng
    steps: Steps = [(sign * 1, 13, -13), (sign * 3, 24, -30), (sign * 7, 30, rng.uniform(-54, -44))]
    internal = plan.vessel(f"{side}_internal_iliac", common, 1.0, steps, (rng.uniform(2.6, 3.6), 2.2), 2.0, 0.6)
    courses: dict[str, tuple[float, Steps, float]] = {
        "superior_gluteal": (0.75, [(sign * 4, 14, -8), (sign * 18, 24, -10), (sign * 36, 28, 0)], 1.9),
        "inferior_gluteal": (1.0, [(sign * 3, 8, -16), (sign * 12, 14, -38), (sign * 22, 14, -66)], 1.8),
        "obturator": (1.0, [(sign * 4, -10, -12), (sign * 10, -26, -30), (sign * 12, -38, -42)], 1.2),
        "internal_pudendal": (1.0, [(sign * -2, 6, -18), (sign * -6, 4, -42), (sign * -8, -14, -60)], 1.3),
        "lateral_sacral": (0.6, [(sign * -8, 10, -8), (sign * -16, 12, -26), (sign * -20, 8, -46)], 1.0),
        "vesical": (1.0, [(sign * -6, -10, -8), (sign * -16, -24, -18), (sign * -24, -28, -22)], 1.0),
    }
    found = [internal]
    for name, (at, course, radius) in courses.items():
        if rng.random() < (0.75 if radius > 1.5 else 0.5) * plan.settings.side_branches:
            size = radius * rng.uniform(0.85, 1.15)
            found.append(plan.vessel(f"{side}_{name}", internal, at, course, (size, max(0.5 * size, 0.6)), 3.0, 0.9))
    return found


def _femoral(plan: _Plan, external: Branch, femoral: Branch, side: str, sign: float) -> list[Branch]:
    """Superficial and deep femoral arteries and the small branches around the groin."""
    rng, many = plan.rng, plan.settings.side_branches
    reach = rng.uniform(120, 220)
    medial = -sign * rng.uniform(0.06, 0.16)
    superficial_steps: Steps = [
        (sign * -1, -1, -18), (medial * 0.35 * reach, 2, -0.35 * reach), (medial * 0.7 * reach, 8, -0.7 * reach),
        (medial * reach, 18, -reach),
    ]  # fmt: skip
    radius = float(femoral.radii_mm[-1])
    superficial = plan.vessel(f"{side}_superficial_femoral", femoral, 1.0, superficial_steps,
                              (radius * 0.8, max(radius * 0.62, 2.0)), 2.0, 0.7)  # fmt: skip
    deep_steps: Steps = [(sign * 6, 8, -14), (sign * 11, 16, -40), (sign * 9, 22, -75), (sign * 8, 26, -115)]
    deep = plan.vessel(f"{side}_deep_femoral", femoral, 1.0, deep_steps, (radius * 0.72, 1.3), 2.5, 0.6)
    found = [superficial, deep]
    rising: Steps = [(sign * 14, -4, 2), (sign * 28, -6, 12), (sign * 40, -2, 26)]
    courses: dict[str, tuple[Branch, float, Steps, float]] = {
        "lateral_circumflex": (deep, 0.12, [(sign * 14, -2, -4), (sign * 30, -2, -12), (sign * 40, 4, -46)], 1.9),
        "lateral_circumflex_ascending": (deep, 0.14, rising, 1.1),
        "medial_circumflex": (deep, 0.1, [(sign * -8, 10, -4), (sign * -14, 22, -10), (sign * -8, 34, -14)], 1.5),
        "perforator1": (deep, 0.45, [(sign * 6, 10, -8), (sign * 18, 18, -22), (sign * 24, 20, -40)], 1.1),
        "perforator2": (deep, 0.7, [(sign * 6, 8, -8), (sign * 16, 14, -24), (sign * 20, 16, -40)], 1.0),
        "epigastric": (external, 0.97, [(sign * -6, -6, 4), (sign * -14, -14, 26), (sign * -20, -16, 66)], 1.0),
        "circumflex_iliac": (external, 0.97, [(sign * 8, 0, 6), (sign * 22, 2, 22), (sign * 38, 10, 40)], 1.0),
        "pudendal": (femoral, 0.5, [(sign * -8, -3, -2), (sign * -20, -4, -6), (sign * -32, 0, -14)], 0.9),
    }
    for name, (parent, at, course, size) in courses.items():
        if rng.random() < 0.7 * many:
            width = size * rng.uniform(0.85, 1.15)
            found.append(plan.vessel(f"{side}_{name}", parent, at, course, (width, max(0.5 * width, 0.6)), 3.0, 0.7))
    for index in range(int(rng.poisson(2.0 * many))):
        turn = rng.choice([-1.0, 1.0])
        course = [(turn * 6, 2, -8), (turn * 14, 4, -24), (turn * 18, 4, -44)]
        found.append(plan.vessel(f"{side}_muscular{index + 1}", superficial, rng.uniform(0.2, 0.85), course,
                                 (0.9, 0.6), 3.0, 0.7))  # fmt: skip
    return found
