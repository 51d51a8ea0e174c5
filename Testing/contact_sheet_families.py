"""The families of simulated frames that docs/simulation.md shows, and how a frame of each is found."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.projection import transform_points
from VesselRegistrationLib.simulation.anatomy import AnatomySettings, VesselTree, make_tree
from VesselRegistrationLib.simulation.extras import Extras
from VesselRegistrationLib.simulation.filling import FillSettings, fill
from VesselRegistrationLib.simulation.generators import DEFAULT
from VesselRegistrationLib.simulation.scene import RenderedFrame, Scene, make_patient, make_scene, mesh_of, render

Point = NDArray[np.float64]
Focus = Callable[[VesselTree, str], Point | None]
"""From a tree and the site of injection."""
PATIENTS_TRIED, VIEWS_TRIED = 60, 8
NEAR_PX = 8
"""Vessel must be seen so close to what the family is about."""
MARGIN = 0.15
"""Share of the picture's side at its borders where that must not lie."""


@dataclass(frozen=True)
class Family:
    """What a sheet shows."""

    title: str
    region: str
    sites: tuple[str, ...]
    """Where contrast is given, in turn."""
    focus: Focus
    """The point (3,) that must be seen; None: the tree is none of this family."""
    anatomy: AnatomySettings = field(default_factory=AnatomySettings)
    extras: Extras = field(default_factory=Extras)
    least_share: float = 0.02
    """Of the picture that is vessel."""
    shows_empty: bool = False
    """Every other frame is that before contrast comes."""


def _landmark(name: str) -> Focus:
    return lambda tree, _: tree.landmarks_lps[name]


def _middle(branch: str) -> Focus:
    return lambda tree, _: tree.branch(branch).points_lps[len(tree.branch(branch).points_lps) // 2]


def _coronary(tree: VesselTree, site: str) -> Point:
    return tree.branch("LM" if site == "left_coronary" else "RCA").points_lps[4]


def _widest(tree: VesselTree, _: str) -> Point | None:
    """The middle of an aneurysm of the abdominal aorta: half as wide again as the vessel."""
    aorta = tree.branch("infrarenal_aorta")
    at = int(aorta.radii_mm.argmax())
    return aorta.points_lps[at] if aorta.radii_mm[at] > 1.5 * np.percentile(aorta.radii_mm, 20) else None


def _narrowest(tree: VesselTree, site: str) -> Point | None:
    """The middle of a stenosis of a large coronary artery to less than half of what is before and after it."""
    for name in ("LAD", "LCx") if site == "left_coronary" else ("RCA",):
        branch = tree.branch(name)
        before = np.maximum.accumulate(branch.radii_mm)
        after = np.maximum.accumulate(branch.radii_mm[::-1])[::-1]
        share = branch.radii_mm / np.minimum(before, after)
        inner = share[: int(0.7 * len(share))]
        if inner.min() < 0.5:
            return branch.points_lps[int(inner.argmin())]
    return None


_PLAIN = Extras(subtraction=0, text=0, guide=0, dome=0)
FAMILIES = {
    "arch": Family("aortic root and arch", "upper", ("aortic_root", "ascending_aorta"), _landmark("arch_top")),
    "descending": Family("descending aorta", "upper", ("descending_aorta", "aortic_arch"), _middle("descending_aorta")),
    "aorto-iliac": Family("aorto-iliac", "lower", ("infrarenal_aorta",), _landmark("aortic_bifurcation")),
    "femoral": Family("femoral arteries", "lower", ("left_femoral",), _landmark("left_femoral_bifurcation")),
    "coronary": Family(
        "coronary arteries", "coronary", ("left_coronary", "right_coronary"), _coronary, least_share=0.0
    ),
    "aneurysm": Family(
        "aneurysms", "lower", ("infrarenal_aorta",), _widest, AnatomySettings(disease=3), _PLAIN, least_share=0.03
    ),
    "stenosis": Family(
        "stenoses", "coronary", ("left_coronary", "right_coronary"), _narrowest, AnatomySettings(disease=3), _PLAIN, 0.0
    ),
    "calcification": Family(
        "calcified plaques with and without contrast",
        "coronary",
        ("left_coronary",),
        _coronary,
        extras=dataclasses.replace(_PLAIN, calcification=1.0),
        least_share=0.0,
        shows_empty=True,
    ),
    "tubular": Family("tubular phantoms", "phantom", ("inlet",), _landmark("first_bifurcation"), least_share=0.02),
    "subtraction": Family(
        "subtraction with motion",
        "lower",
        ("infrarenal_aorta",),
        _landmark("aortic_bifurcation"),
        extras=dataclasses.replace(_PLAIN, subtraction=1.0),
    ),
    "distractors": Family(
        "guiding catheter, diaphragm, text",
        "coronary",
        ("left_coronary", "right_coronary"),
        _coronary,
        extras=dataclasses.replace(_PLAIN, text=1.0, guide=1.0, dome=1.0),
        least_share=0.0,
    ),
    "straight": Family(
        "phantoms of thin straight tubes",
        "phantom",
        ("inlet",),
        _landmark("first_bifurcation"),
        extras=dataclasses.replace(_PLAIN, straight_tubes=1.0),
        least_share=0.015,
    ),
}


def family_frame(name: str, seed: int, number: int, size: int) -> tuple[RenderedFrame, str]:
    """A frame of a new patient of a family, and the C-arm's angles in words; the last one tried if none is right."""
    family = FAMILIES[name]
    generator = dataclasses.replace(DEFAULT, anatomy=family.anatomy, extras=family.extras)
    site = family.sites[number % len(family.sites)]
    for attempt in range(PATIENTS_TRIED):
        key = [seed, list(FAMILIES).index(name), number, attempt]
        if family.focus(make_tree(family.region, np.random.default_rng(key), family.anatomy), site) is None:
            continue
        rng = np.random.default_rng(key)  # the same tree again, with its mesh and all around it
        patient = make_patient(family.region, rng, generator=generator)
        point = family.focus(patient.tree, site)
        filled = mesh_of(fill(patient.tree, rng, FillSettings(site=site, full_chance=1.0)), family.region)
        for _ in range(VIEWS_TRIED):
            scene = make_scene(patient, rng, size, generator)
            frame = render(scene, filled, rng)
            if _shows(scene, frame, point) and frame.mask.mean() >= family.least_share:
                is_empty = family.shows_empty and number % 2 == 1
                return render(scene, None, rng) if is_empty else frame, scene.c_arm.angle_text()
    return frame, scene.c_arm.angle_text()


def _shows(scene: Scene, frame: RenderedFrame, point: Point) -> bool:
    """Whether the point lies well inside the picture, with seen vessel next to it."""
    size = len(frame.mask)
    column, row = np.rint(scene.c_arm.project(transform_points(scene.pose, point[None]))[0, :2]).astype(int)
    if not all(MARGIN * size <= place <= (1 - MARGIN) * size for place in (column, row)):
        return False
    near = frame.mask[row - NEAR_PX : row + NEAR_PX + 1, column - NEAR_PX : column + NEAR_PX + 1]
    return bool(near.any())
