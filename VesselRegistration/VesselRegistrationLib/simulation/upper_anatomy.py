"""Simulated aortic root, arch with its vessels, descending aorta and coronary arteries. LPS mm.

Sizes of the root follow Lang et al., J Am Soc Echocardiogr 2015 (annulus, sinuses, sinotubular junction, ascending
aorta); the share of common brachiocephalic and left carotid origins (about 14 %, "bovine") Popieluszko et al.,
J Vasc Surg 2018. All other sizes and angles are rounded from common clinical ranges.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.simulation import anatomy, coronary_anatomy, curves
from VesselRegistrationLib.simulation.anatomy import AnatomySettings, Branch, VesselTree

FloatArray = NDArray[np.float64]
BOVINE_SHARE = 0.14
SPACING_MM = 2.0
Steps = Sequence[tuple[float, float, float]]


def make_upper(rng: np.random.Generator, settings: AnatomySettings) -> VesselTree:
    """Root, arch, great vessels, descending aorta and mostly coronaries; origin between annulus and mid-arch."""
    axis = _root_axis(rng)
    annulus_radius = rng.uniform(10.2, 13.8)
    trunk = _aorta(rng, settings, axis, annulus_radius)
    root, ascending, arch = trunk[0], trunk[1], trunk[2]
    sinuses, ostia = _sinuses(rng, axis, annulus_radius)
    branches = [*trunk, *sinuses, *_great_vessels(rng, settings, arch)]
    landmarks = {
        "annulus_center": root.points_lps[0],
        "sinotubular_junction": root.points_lps[-1],
        "arch_top": arch.points_lps[int(np.argmax(arch.points_lps[:, 2]))],
        "descending_end": trunk[3].points_lps[-1],
    }
    has_coronaries = rng.random() < 0.85
    if has_coronaries if settings.has_coronaries is None else settings.has_coronaries:
        heart = coronary_anatomy.make_heart(rng, np.zeros(3))
        found, places = coronary_anatomy.coronary_branches(heart, ostia, rng, settings)
        branches += found
        landmarks.update(places)
    if rng.random() < 0.35 * settings.side_branches:
        branches += _intercostals(rng, trunk[3])
    center = rng.uniform(-0.1, 0.75) * (0.5 * (landmarks["arch_top"] + ascending.points_lps[0]))
    center = center + rng.normal(0, settings.isocenter_jitter_mm, 3)
    tree = VesselTree("upper", tuple(branches), landmarks)
    return anatomy.moved_tree(tree, center, anatomy.small_rotation(rng, 3.0))


def _root_axis(rng: np.random.Generator) -> FloatArray:
    """Unit normal of the annulus: up, to the right, slightly forward; 30 to 50 degrees from the vertical."""
    tilt, azimuth = np.radians(rng.uniform(28, 50)), np.radians(rng.normal(195, 10))
    return np.array([np.sin(tilt) * np.cos(azimuth), np.sin(tilt) * np.sin(azimuth), np.cos(tilt)])


def _aorta(
    rng: np.random.Generator, settings: AnatomySettings, axis: FloatArray, annulus_radius: float
) -> list[Branch]:
    """Root, ascending aorta, arch and descending aorta: one smooth curve cut into four branches."""
    height = rng.uniform(19, 24)
    opening = np.radians(rng.normal(47, 8))
    forward = np.array([np.cos(opening), np.sin(opening), 0.0])
    width, rise = rng.uniform(52, 76), rng.uniform(20, 30)
    top = np.array([rng.uniform(-24, -14), rng.uniform(-12, -2), rng.uniform(62, 82)])
    end = top + forward * width
    low = rng.uniform(-95, -50)
    controls = np.array(
        [
            np.zeros(3),
            axis * height * 0.5,
            axis * height,
            axis * height * 0.9 + [-4, -6, 26],
            top,
            top + forward * width * 0.16 + [0, 0, rise * 0.68],
            top + forward * width * 0.48 + [0, 0, rise],
            top + forward * width * 0.82 + [0, 0, rise * 0.6],
            end + [0, 0, -12],
            end + [-2, 6, -45],
            [end[0] - rng.uniform(6, 12), end[1] + rng.uniform(2, 10), 0.5 * (low + end[2] - 45)],
            [end[0] - rng.uniform(12, 22), end[1] + rng.uniform(-6, 4), low],
        ]
    )
    controls[3:] += rng.normal(0, 1.5, controls[3:].shape)
    path = curves.smooth_path(controls, SPACING_MM)
    path = curves.wander(path, rng, 1.6 * settings.tortuosity, 90.0, fade_mm=60, spacing_mm=SPACING_MM)
    arc = curves.arc_lengths_mm(path)
    cuts = [_nearest(path, point) for point in (controls[2], controls[4], controls[8])]
    radii = _aortic_radii(rng, settings, path, arc, annulus_radius, cuts) * curves.uneven(path, rng, 0.02)
    pieces = zip(("aortic_root", "ascending_aorta", "aortic_arch", "descending_aorta"), [0, *cuts], [*cuts, len(path)])
    found: list[Branch] = []
    for name, first, last in pieces:
        parent = found[-1].name if found else None
        found.append(Branch(name, path[first : last + 1], radii[first : last + 1], parent))
    return found


def _aortic_radii(
    rng: np.random.Generator,
    settings: AnatomySettings,
    path: FloatArray,
    arc: FloatArray,
    annulus_radius: float,
    cuts: list[int],
) -> FloatArray:
    """Radii (N,): annulus, sinotubular junction, ascending 13 to 19, descending 10 to 14 mm."""
    junction = annulus_radius * rng.uniform(1.05, 1.2)
    ascending = float(np.clip(junction * rng.uniform(1.05, 1.22), 13, 18.5))
    descending = float(np.clip(ascending * rng.uniform(0.68, 0.84), 10, 14))
    stations_mm = [0, arc[cuts[0]] * 0.5, arc[cuts[0]], arc[cuts[0]] + 25, arc[cuts[1]], arc[cuts[2]], arc[-1]]
    middle = ascending * rng.uniform(0.92, 1.0)
    values = [annulus_radius, annulus_radius * 1.2, junction, ascending, middle, descending * 1.04, descending * 0.94]
    radii = np.interp(arc, stations_mm, values)
    if rng.random() < 0.1 * settings.disease:
        radii *= curves.bump(path, rng.uniform(0.55, 0.9), rng.uniform(40, 80), rng.uniform(0.2, 0.5))
    return np.asarray(radii)


def _nearest(path: FloatArray, point: FloatArray) -> int:
    return int(np.argmin(np.linalg.norm(path - point, axis=1)))


def _sinuses(
    rng: np.random.Generator, axis: FloatArray, annulus_radius: float
) -> tuple[list[Branch], dict[str, tuple[FloatArray, FloatArray, str | None]]]:
    """Three bulging lobes around the root, and the ostia on the left and right ones (point, direction, parent)."""
    front = np.array([0.0, -1.0, 0.0])
    front = curves.unit(front - (front @ axis) * axis)
    side = np.cross(axis, front)
    side = side if side[0] > 0 else -side
    turn = np.radians(rng.normal(-8, 10))
    sinus_radius = annulus_radius * rng.uniform(1.25, 1.42)
    height = rng.uniform(8.5, 11.0)
    lobes: list[Branch] = []
    ostia: dict[str, tuple[FloatArray, FloatArray, str | None]] = {}
    for name, angle in (("right", 0.0), ("left", 2 * np.pi / 3), ("non", 4 * np.pi / 3)):
        out = np.cos(angle + turn) * front + np.sin(angle + turn) * side
        lobe_radius = annulus_radius * rng.uniform(0.75, 0.83)
        along = np.linspace(height - 5, height + 4, 6)  # the cusps hang a little below the annulus
        center = out * (sinus_radius - lobe_radius) + axis * along[:, None]
        radii = lobe_radius * np.array([0.88, 0.96, 1.0, 0.99, 0.94, 0.82])
        lobe = Branch(f"{name}_sinus", center, radii, "aortic_root")
        lobes.append(lobe)
        if name != "non":
            ostium = center[3] + out * (lobe_radius - 1.2) + axis * rng.uniform(2.0, 4.0)
            ostia[name] = (ostium, out, lobe.name)
    return lobes, ostia


def _great_vessels(rng: np.random.Generator, settings: AnatomySettings, arch: Branch) -> list[Branch]:
    """Brachiocephalic trunk with right subclavian and carotid, left carotid, left subclavian, vertebrals."""
    is_bovine = rng.random() < BOVINE_SHARE
    shift = rng.uniform(-0.05, 0.04)
    top = arch.points_lps[:, 2].max()
    wave = (1.3 * settings.tortuosity, 55.0)

    def vessel(
        name: str, parent: Branch, at: float, steps: Steps, radii: tuple[float, float], sigma: float = 2.0
    ) -> Branch:
        start = parent.points_lps[int(round(at * (len(parent.points_lps) - 1)))]
        controls = start + np.vstack([np.zeros(3), np.asarray(steps, dtype=float)])
        controls[2:] += rng.normal(0, sigma, controls[2:].shape)
        grown = anatomy.grow(name, parent, controls, radii, rng, wave, SPACING_MM)
        return anatomy.diseased(grown, rng, 0.08 * settings.disease)

    radius = rng.uniform(5.2, 7.2)
    trunk_end = (-rng.uniform(14, 22), -rng.uniform(-4, 4), rng.uniform(46, 58))
    trunk = vessel("brachiocephalic", arch, 0.27 + shift, [(-3, -1, 18), (-9, -1, 34), trunk_end],
                   (radius, radius * 0.88), 1.0)  # fmt: skip
    subclavian = [(-9, 2, 10), (-24, 6, 17), (-46, 6, 14), (-72, 0, 2), (-95, -6, -14)]
    carotid = [(-2, 3, 14), (-5, 7, 36), (-4, 8, 62), (-6, 8, rng.uniform(75, 95))]
    right = vessel("right_subclavian", trunk, 1.0, subclavian, (radius * 0.68, 3.2))
    found = [trunk, right, vessel("right_carotid", trunk, 1.0, carotid, (radius * 0.62, 3.0))]
    left_steps: Steps = [(4, 1, 20), (9, 4, 45), (11, 9, 78), (12, 10, rng.uniform(100, 135))]
    if is_bovine:
        left_steps = [(7, 1, 13), (15, 4, 32), (19, 9, 66), (20, 10, rng.uniform(90, 125))]
        found.append(vessel("left_carotid", trunk, rng.uniform(0.35, 0.5), left_steps, (rng.uniform(3.2, 4.2), 2.9)))
    else:
        found.append(vessel("left_carotid", arch, 0.47 + shift, left_steps, (rng.uniform(3.2, 4.4), 2.9)))
    across = [(4, 4, 20), (10, 8, 42), (24, 8, 58), (48, 4, 58), (74, -4, 44), (94, -10, 26)]
    left = vessel("left_subclavian", arch, 0.66 + shift, across, (rng.uniform(4.4, 5.6), 3.2))
    found.append(left)
    for name, parent, sign in (("right_vertebral", right, 1), ("left_vertebral", left, -1)):
        if rng.random() < 0.8 * settings.side_branches:
            steps = [(4.0 * sign, 8.0, 10.0), (8.0 * sign, 16.0, 30.0), (9.0 * sign, 17.0, rng.uniform(50, 70))]
            at = 0.28 if sign > 0 else 0.42
            found.append(vessel(name, parent, at, steps, (rng.uniform(1.5, 2.1), 1.5), 1.0))
    return [_kept_above(branch, top) for branch in found]


def _kept_above(branch: Branch, top_mm: float) -> Branch:
    """The branch, cut where it leaves the field of a large detector (150 mm above the arch)."""
    inside = branch.points_lps[:, 2] < top_mm + 150
    last = len(inside) if inside.all() else max(int(np.argmin(inside)), 2)
    return dataclasses.replace(branch, points_lps=branch.points_lps[:last], radii_mm=branch.radii_mm[:last])


def _intercostals(rng: np.random.Generator, descending: Branch) -> list[Branch]:
    """A few thin pairs that leave the descending aorta backwards and run along the ribs."""
    found = []
    for index, at in enumerate(np.sort(rng.uniform(0.35, 0.95, rng.integers(2, 5)))):
        start = descending.points_lps[int(at * (len(descending.points_lps) - 1))]
        for side, sign in (("left", 1.0), ("right", -1.0)):
            reach = rng.uniform(28, 50) + (0 if sign > 0 else 18)
            steps = np.array([[0, 0, 0], [sign * 6, 15, 4], [sign * reach * 0.55, 24, 8], [sign * reach, 24, 2]])
            radii = (rng.uniform(0.9, 1.3), 0.7)
            found.append(anatomy.grow(f"{side}_intercostal{index + 1}", descending, start + steps, radii, rng))
    return found
