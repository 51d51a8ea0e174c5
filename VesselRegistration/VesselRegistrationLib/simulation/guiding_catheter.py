"""A guiding catheter from the groin or the right arm through the aortic arch into a coronary ostium.

It is a device: never vessel in the truth, though contrast runs through it, for an observer who marks arteries leaves
it out. Its tip follows the heart; its shaft lies still. The aorta that it runs through is not in the coronary trees,
so the way is that of a usual arch, from the annulus on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.projection import transform_points
from VesselRegistrationLib.simulation import curves
from VesselRegistrationLib.simulation.anatomy import VesselTree
from VesselRegistrationLib.simulation.devices import Device
from VesselRegistrationLib.simulation.extras import Extras

TIP_MM = 70.0
"""Length at the tip that follows the heart."""
OSTIA = {"left_ostium": "LM", "right_ostium": "RCA"}
ROOT_AXIS = (-0.55, -0.12, 0.8)


@dataclass(frozen=True)
class GuidingCatheter:
    """One catheter, and the ways to the ostia that it may be in."""

    paths_lps: tuple[FloatArray, ...]
    """(N, 3) each, in the tree's coordinates, from outside of the picture to an ostium."""
    width_mm: float
    absorbance: float
    hollow: float


def sample_guide(rng: np.random.Generator, tree: VesselTree, extras: Extras) -> GuidingCatheter:
    """A random catheter for a tree with coronary ostia."""
    has_radial_access = bool(rng.random() < 0.5)
    jitter = rng.normal(0, 2.5, 3)
    names = [(place, vessel) for place, vessel in OSTIA.items() if place in tree.landmarks_lps]
    paths = tuple(_path(tree, place, vessel, has_radial_access, jitter) for place, vessel in names)
    hollow = 0.45 if rng.random() < 0.4 else 0.0  # otherwise full of contrast
    return GuidingCatheter(paths, float(rng.uniform(*extras.guide_width_mm)), float(rng.uniform(0.18, 0.5)), hollow)


def _path(tree: VesselTree, place: str, vessel: str, has_radial_access: bool, jitter: FloatArray) -> FloatArray:
    """The way to one ostium, from the groin or the right arm. Shape (N, 3)."""
    ostium, annulus = tree.landmarks_lps[place], tree.landmarks_lps["annulus_center"]
    first = tree.branch(vessel).points_lps
    inwards = curves.unit(first[min(4, len(first) - 1)] - first[0])
    axis = curves.unit(ROOT_AXIS)
    across = curves.unit(inwards - (inwards @ axis) * axis)
    is_left = place == "left_ostium"
    top = annulus + (-19, -7, 72) + jitter
    forward = np.array([0.68, 0.73, 0.0])
    near = [
        ostium + 3 * inwards,
        ostium - 5 * inwards + (1.0 if is_left else 2.5) * axis,
        ostium - (21 if is_left else 12) * across + (11 if is_left else 15) * axis,
        annulus + 21 * axis + (-4, -6, 24) - 4 * across + 0.5 * jitter,
        top,
    ]
    if has_radial_access:
        far = [top + 9 * forward + (-4, 0, 26), top + (-22, 4, 70), top + (-75, 12, 105), top + (-160, 14, 90)]
    else:
        end = top + 62 * forward
        far = [top + 30 * forward + (0, 0, 25), end + (0, 0, -12), end + (-6, 6, -110), end + (-16, 4, -280)]
    return curves.smooth_path(np.array([*near, *far])[::-1], 1.0)


def guide_device(
    guide: GuidingCatheter, contrast_lps: FloatArray | None, c_arm: CArm, resting: FloatArray, pose: FloatArray
) -> Device:
    """The catheter in one frame.

    Args:
        contrast_lps: points (N, 3) of the filled vessels, in the tree's coordinates: it lies in the ostium next to
            them; None: in the first.
        resting: pose of the shaft, model_to_isocenter (4, 4).
        pose: pose of the vessels.
    """
    path = guide.paths_lps[0]
    if contrast_lps is not None:
        path = min(guide.paths_lps, key=lambda way: float(np.square(contrast_lps - way[-1]).sum(axis=1).min()))
    share = np.clip(1 - (curves.arc_lengths_mm(path[::-1])[::-1]) / TIP_MM, 0, 1)[:, None]
    points = (1 - share) * transform_points(resting, path) + share * transform_points(pose, path)
    pixels = c_arm.project(points)[:, :2]
    return Device((pixels + 0.5) / (c_arm.columns, c_arm.rows), guide.width_mm, guide.absorbance, guide.hollow)
