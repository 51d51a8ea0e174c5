"""Simulated vessel trees: types, helpers and the one entry point. LPS mm, origin at the isocentre.

The body is upright in the frame: +x to the patient's left, +y to the back, +z to the head.
Every shape is drawn at random from anatomical ranges; nothing here comes from a patient.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from VesselRegistrationLib.simulation import curves
from VesselSegmentationLib.errors import InputError

FloatArray = NDArray[np.float64]
REGIONS = ("upper", "lower", "coronary", "phantom")
MAXIMUM_SPACING_MM = 2.0


@dataclass(frozen=True)
class Branch:
    """One vessel: its centreline and radii, from its parent outwards."""

    name: str
    points_lps: FloatArray
    """(N, 3) mm, at most 2 mm apart."""
    radii_mm: FloatArray
    """(N,) radius of the lumen at each point."""
    parent: str | None
    """Name of the branch it springs from; None for the start of a tree."""

    @property
    def length_mm(self) -> float:
        """Length of the centreline."""
        return float(curves.arc_lengths_mm(self.points_lps)[-1])


@dataclass(frozen=True)
class VesselTree:
    """The vessels of one simulated patient (or phantom)."""

    region: str
    """One of `REGIONS`."""
    branches: tuple[Branch, ...]
    """Parents stand before their children."""
    landmarks_lps: dict[str, FloatArray]
    """Named points (3,), mm: ostia, bifurcations, centre of the annulus, apex of the heart."""

    def branch(self, name: str) -> Branch:
        """The branch of that name. Raises InputError when there is none."""
        for branch in self.branches:
            if branch.name == name:
                return branch
        raise InputError(f"The tree has no branch {name!r}. It has: {', '.join(b.name for b in self.branches)}.")

    @property
    def length_mm(self) -> float:
        """Sum of the lengths of all centrelines."""
        return sum(branch.length_mm for branch in self.branches)


@dataclass(frozen=True)
class AnatomySettings:
    """What may be asked of the simulated patients; the defaults draw everything from the usual ranges."""

    tortuosity: float = 1.0
    """Factor on all tortuosity; 0 gives smooth vessels."""
    disease: float = 1.0
    """Factor on the chance of stenoses, ectasias and aneurysms; 0 gives healthy vessels."""
    has_coronaries: bool | None = None
    """Upper region only; None: in most patients."""
    side_branches: float = 1.0
    """Factor on the number of small side branches; 0 leaves the main vessels only."""
    isocenter_jitter_mm: float = 8.0
    """Standard deviation of how far the operator's isocentre is from the textbook one."""

    def __post_init__(self) -> None:
        for name in ("tortuosity", "disease", "side_branches", "isocenter_jitter_mm"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InputError(f"{name} of {getattr(self, name):g} makes no anatomy. Give a number from 0.")


def make_tree(region: str, rng: np.random.Generator, settings: AnatomySettings | None = None) -> VesselTree:
    """One random vessel tree of a region ("upper", "lower", "coronary" or "phantom"), LPS mm from the isocentre.

    The same generator state gives the same tree. Raises InputError for another region.
    """
    from VesselRegistrationLib.simulation import coronary_anatomy, lower_anatomy, phantom_anatomy, upper_anatomy

    makers = {
        "upper": upper_anatomy.make_upper,
        "lower": lower_anatomy.make_lower,
        "coronary": coronary_anatomy.make_coronary,
        "phantom": phantom_anatomy.make_phantom,
    }
    if region not in makers:
        raise InputError(f"No simulated anatomy for region {region!r}. Choose one of {', '.join(REGIONS)}.")
    return makers[region](rng, settings or AnatomySettings())


def moved_tree(tree: VesselTree, origin_lps: ArrayLike, rotation: FloatArray | None = None) -> VesselTree:
    """The tree seen from a new origin (3,), then turned by a rotation (3, 3) if one is given."""
    origin = np.asarray(origin_lps, dtype=float)
    turn = np.eye(3) if rotation is None else rotation
    branches = tuple(
        dataclasses.replace(branch, points_lps=(branch.points_lps - origin) @ turn.T) for branch in tree.branches
    )
    landmarks = {name: turn @ (point - origin) for name, point in tree.landmarks_lps.items()}
    return VesselTree(tree.region, branches, landmarks)


def small_rotation(rng: np.random.Generator, sigma_deg: float) -> FloatArray:
    """A random rotation matrix (3, 3): how a patient lies turned on the table."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(rng.normal(0, np.radians(sigma_deg), 3)).as_matrix())


def grow(
    name: str,
    parent: Branch | None,
    controls: ArrayLike,
    radii_mm: tuple[float, float],
    rng: np.random.Generator,
    tortuosity: tuple[float, float] = (0.0, 40.0),
    spacing_mm: float = 1.5,
    taper_power: float = 0.8,
) -> Branch:
    """A branch along a spline through control points (K, 3), with tortuosity (amplitude mm, wavelength mm)."""
    path = curves.smooth_path(controls, spacing_mm)
    if tortuosity[0] > 0:
        path = curves.wander(path, rng, tortuosity[0], tortuosity[1], spacing_mm=spacing_mm)
    radii = curves.tapered_radii(len(path), radii_mm[0], radii_mm[1], taper_power) * curves.uneven(path, rng)
    return Branch(name, path, radii, parent.name if parent else None)


def diseased(branch: Branch, rng: np.random.Generator, chance: float, minimum_radius_mm: float = 0.35) -> Branch:
    """The branch with, at a given chance, a stenosis of 30 to 80 % of the diameter or (one in five) an ectasia."""
    if rng.random() >= chance or branch.length_mm < 20:
        return branch
    at, length = rng.uniform(0.2, 0.9), rng.uniform(5, 18)
    change = rng.uniform(0.25, 0.7) if rng.random() < 0.2 else -rng.uniform(0.3, 0.8)
    if change > 0:  # a shorter widening is a ball on the vessel
        length += 8 * float(branch.radii_mm.mean())
    radii = np.maximum(branch.radii_mm * curves.bump(branch.points_lps, at, length, change), minimum_radius_mm)
    return dataclasses.replace(branch, radii_mm=np.minimum(radii, 1.8 * branch.radii_mm.max()))


def centerline_points(tree: VesselTree, spacing_mm: float = 1.0) -> FloatArray:
    """Points along all centrelines, about `spacing_mm` apart, LPS mm. Shape (N, 3)."""
    if spacing_mm <= 0:
        raise InputError(f"Centreline spacing {spacing_mm:g} mm must be positive.")
    return np.concatenate([curves.resampled(branch.points_lps, spacing_mm) for branch in tree.branches])


def tree_to_json(tree: VesselTree) -> str:
    """The tree as JSON text, rounded to 1 micrometre, LPS mm."""
    return json.dumps(
        {
            "region": tree.region,
            "frame": "LPS mm from the isocenter",
            "branches": [
                {
                    "name": branch.name,
                    "parent": branch.parent,
                    "points_lps": np.round(branch.points_lps, 3).tolist(),
                    "radii_mm": np.round(branch.radii_mm, 3).tolist(),
                }
                for branch in tree.branches
            ],
            "landmarks_lps": {name: np.round(point, 3).tolist() for name, point in tree.landmarks_lps.items()},
        }
    )


def tree_from_json(text: str) -> VesselTree:
    """Reads what `tree_to_json` wrote. Raises InputError for any other text."""
    try:
        data: dict[str, Any] = json.loads(text)
        branches = tuple(
            Branch(
                str(item["name"]),
                np.array(item["points_lps"], dtype=float).reshape(-1, 3),
                np.array(item["radii_mm"], dtype=float).reshape(-1),
                item["parent"],
            )
            for item in data["branches"]
        )
        landmarks = {str(k): np.array(v, dtype=float).reshape(3) for k, v in data["landmarks_lps"].items()}
        region = str(data["region"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(f"This is no vessel tree in JSON ({error}). Write it with tree_to_json.") from error
    before: set[str | None] = {None}
    for branch in branches:
        check_branch(branch)
        if branch.parent not in before:
            raise InputError(f"Branch {branch.name!r} springs from {branch.parent!r}, which must stand before it.")
        before.add(branch.name)
    return VesselTree(region, branches, landmarks)


def check_branch(branch: Branch) -> None:
    """Raises InputError unless a branch has as many radii as points, at least two of each, all finite."""
    if len(branch.points_lps) != len(branch.radii_mm) or len(branch.points_lps) < 2:
        raise InputError(
            f"Branch {branch.name!r} has {len(branch.points_lps)} points and {len(branch.radii_mm)} radii: "
            "it needs as many radii as points, and at least two."
        )
    if not (np.isfinite(branch.points_lps).all() and np.isfinite(branch.radii_mm).all()):
        raise InputError(f"Branch {branch.name!r} holds a coordinate or radius that is not a number. Check the tree.")
