"""Which part of a simulated vessel tree contrast fills: from an injection site downstream to a front."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.simulation import curves
from VesselRegistrationLib.simulation.anatomy import Branch, VesselTree
from VesselSegmentationLib.errors import InputError

FloatArray = NDArray[np.float64]

SITES: dict[str, dict[str, tuple[str, float, float, float]]] = {
    "upper": {
        "aortic_root": ("aortic_root", 0.0, 0.5, 3.0),
        "ascending_aorta": ("ascending_aorta", 0.0, 0.5, 1.0),
        "aortic_arch": ("aortic_arch", 0.0, 0.4, 2.0),
        "descending_aorta": ("descending_aorta", 0.0, 0.5, 0.5),
        "left_coronary": ("LM", 0.0, 0.1, 1.0),
        "right_coronary": ("RCA", 0.0, 0.1, 0.7),
    },
    "lower": {
        "infrarenal_aorta": ("infrarenal_aorta", 0.0, 0.6, 3.0),
        "left_iliac": ("left_common_iliac", 0.0, 0.6, 1.0),
        "right_iliac": ("right_common_iliac", 0.0, 0.6, 1.0),
        "left_femoral": ("left_external_iliac", 0.4, 1.0, 0.7),
        "right_femoral": ("right_external_iliac", 0.4, 1.0, 0.7),
    },
    "coronary": {"left_coronary": ("LM", 0.0, 0.1, 1.3), "right_coronary": ("RCA", 0.0, 0.08, 1.0)},
    "phantom": {"inlet": ("trunk", 0.0, 0.02, 1.0)},
}
"""Region to site to (branch, least and greatest place along it as fractions, weight of being chosen)."""


@dataclass(frozen=True)
class FillSettings:
    """How contrast is given; the defaults draw everything at random."""

    site: str | None = None
    """One of `SITES[region]`; None: drawn by weight."""
    front_mm: float | None = None
    """Distance along the vessels that contrast has run in large vessels; None: drawn."""
    full_chance: float = 0.35
    """Chance that the front has passed every end."""
    missing_chance: float = 0.12
    """Chance that a side branch (and all beyond it) stays unfilled."""
    reflux_mm: float = 12.0
    """Greatest upstream reflux from the site."""
    taper_mm: float = 5.0
    """Length over which the front narrows."""
    least_share: float = 0.1
    """Least share of the tree's total length that is filled, unless `front_mm` is given or the site reaches less."""

    def __post_init__(self) -> None:
        for name in ("full_chance", "missing_chance", "reflux_mm", "taper_mm", "least_share"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InputError(f"{name} of {getattr(self, name):g} makes no filling. Give a number from 0.")
        if self.front_mm is not None and not np.isfinite(self.front_mm):
            raise InputError(f"front_mm of {self.front_mm:g} makes no filling. Give a number, or None to draw it.")


def fill(tree: VesselTree, rng: np.random.Generator, settings: FillSettings | None = None) -> tuple[Branch, ...]:
    """The contrast-filled part of a tree: each branch a contiguous piece of the tree's own centreline.

    Radii are the tree's own but for the last few mm before a front, where they may narrow. Never empty.
    Raises InputError for a site the region does not have or a tree without that site's branch.
    """
    options = settings or FillSettings()
    site = options.site or _drawn_site(tree, rng, options.least_share)
    inlet, at_mm, reflux_mm = _inlet(tree, site, rng, options)
    arrivals = _arrivals(tree, inlet, at_mm, reflux_mm)
    spans = {name: float(values[-1]) for name, values in arrivals.items()}
    furthest = max(spans.values())
    missing = _missing(tree, inlet, set(arrivals), rng, options.missing_chance)
    front = _front(rng, options, furthest)
    delays = {name: float(rng.uniform(0.85, 1.15)) for name in arrivals}
    filled = _cut(tree, arrivals, missing, front, delays, options.taper_mm)
    least = options.least_share * tree.length_mm
    if options.front_mm is None and sum(branch.length_mm for branch in filled) < least:
        filled = _cut(tree, arrivals, set(), 2 * furthest, delays, options.taper_mm)
    if not filled:
        filled = _cut(tree, arrivals, missing, _least_front(arrivals[inlet]), {}, options.taper_mm)
    return filled or (_last_points(tree.branch(inlet)),)


def _least_front(arrival: FloatArray) -> float:
    """A front that fills four points of the inlet branch, or all that it can reach. (N,) mm."""
    return float(np.sort(arrival[np.isfinite(arrival)])[:4][-1]) + 1e-6


def _last_points(branch: Branch) -> Branch:
    """The end of a branch: all that is filled when a short front starts at its last point."""
    return dataclasses.replace(branch, points_lps=branch.points_lps[-3:], radii_mm=branch.radii_mm[-3:])


def _drawn_site(tree: VesselTree, rng: np.random.Generator, least_share: float) -> str:
    """A site by weight, among those from which at least the least share of the tree can be filled."""
    sites = _sites(tree)
    reach = {name: _reach_mm(tree, place[0]) for name, place in sites.items()}
    good = [name for name in sites if reach[name] >= 1.3 * least_share * tree.length_mm]
    good = good or [max(reach, key=lambda name: reach[name])]
    weights = np.array([sites[name][3] for name in good])
    return str(rng.choice(good, p=weights / weights.sum()))


def _sites(tree: VesselTree) -> dict[str, tuple[str, float, float, float]]:
    names = {branch.name for branch in tree.branches}
    sites = {name: place for name, place in SITES.get(tree.region, {}).items() if place[0] in names}
    if not sites:
        raise InputError(f"The {tree.region!r} tree has no branch that contrast can be injected into.")
    return sites


def _reach_mm(tree: VesselTree, inlet: str) -> float:
    """Length of a branch and all that springs from it."""
    reached, total = {inlet}, 0.0
    for branch in tree.branches:
        if branch.name == inlet or branch.parent in reached:
            reached.add(branch.name)
            total += branch.length_mm
    return total


def _inlet(tree: VesselTree, site: str, rng: np.random.Generator, options: FillSettings) -> tuple[str, float, float]:
    """Branch name, place along it (mm) and reflux length (mm) of an injection."""
    sites = _sites(tree)
    if site not in sites:
        raise InputError(f"Contrast cannot be injected at {site!r} here. Choose one of {', '.join(sites)}.")
    name, low, high, _ = sites[site]
    length = tree.branch(name).length_mm
    return name, float(rng.uniform(low, high)) * length, float(rng.uniform(0, options.reflux_mm))


def _arrivals(tree: VesselTree, inlet: str, at_mm: float, reflux_mm: float) -> dict[str, FloatArray]:
    """Distance (mm) of each centreline point from the site along the vessels, per reachable branch; NaN: unreachable.

    Upstream points within the reflux length count too, with their distance. Vessels that spring from the sinuses
    of an injected root or from refluxed pieces are reached through them.
    """
    found: dict[str, FloatArray] = {}
    by_name = {branch.name: branch for branch in tree.branches}
    arc = curves.arc_lengths_mm(by_name[inlet].points_lps)
    found[inlet] = np.where(arc >= at_mm - reflux_mm, np.abs(arc - at_mm), np.nan)
    _flow_upstream(by_name, inlet, at_mm, reflux_mm, found)
    for branch in tree.branches:
        if branch.name in found or branch.parent not in found:
            continue
        parent = by_name[branch.parent]
        entry = found[branch.parent][_nearest(parent.points_lps, branch.points_lps[0])]
        if np.isfinite(entry):
            found[branch.name] = entry + curves.arc_lengths_mm(branch.points_lps)
    return found


def _flow_upstream(
    by_name: dict[str, Branch], inlet: str, at_mm: float, reflux_mm: float, found: dict[str, FloatArray]
) -> None:
    """Lets reflux that overshoots the start of a branch run up into its parent, if it covers two of its points."""
    name, left = inlet, reflux_mm - at_mm
    travelled = at_mm
    while left > 0 and by_name[name].parent is not None:
        parent = by_name[str(by_name[name].parent)]
        arc = curves.arc_lengths_mm(parent.points_lps)
        entry = arc[_nearest(parent.points_lps, by_name[name].points_lps[0])]
        is_reached = (arc <= entry) & (arc >= entry - left)
        if np.count_nonzero(is_reached) < 2:
            return
        found[parent.name] = np.where(is_reached, travelled + entry - arc, np.nan)
        name, left, travelled = parent.name, left - entry, travelled + entry


def _nearest(points: FloatArray, point: FloatArray) -> int:
    return int(np.argmin(np.einsum("ij,ij->i", points - point, points - point)))


def _missing(tree: VesselTree, inlet: str, reached: set[str], rng: np.random.Generator, chance: float) -> set[str]:
    """Branches that stay unfilled: drawn side branches and everything beyond them, never the inlet."""
    found: set[str] = set()
    for branch in tree.branches:
        is_drawn = rng.random() < chance
        if branch.name in reached and branch.name != inlet and (is_drawn or branch.parent in found):
            found.add(branch.name)
    keep: str | None = inlet
    while keep is not None:
        found.discard(keep)
        keep = tree.branch(keep).parent
    return found


def _front(rng: np.random.Generator, options: FillSettings, furthest_mm: float) -> float:
    """How far (mm) contrast has run."""
    if options.front_mm is not None:
        return options.front_mm
    if rng.random() < options.full_chance:
        return 2 * furthest_mm
    return float(furthest_mm * rng.uniform(0.2, 1.0))


def _cut(
    tree: VesselTree,
    arrivals: dict[str, FloatArray],
    missing: set[str],
    front_mm: float,
    delays: dict[str, float],
    taper_mm: float,
) -> tuple[Branch, ...]:
    """The branches up to the front, where they narrow; pieces of less than two points are left out.

    A branch fills no sooner than its parent at its mouth, unless contrast came up through the branch itself.
    """
    found, limits = [], dict[str | None, float]()
    for branch in tree.branches:
        if branch.name not in arrivals or branch.name in missing:
            continue
        arrival = arrivals[branch.name]
        limit = front_mm * delays.get(branch.name, 1.0)
        if np.nanargmin(arrival) == 0 and arrival[0] > limits.get(branch.parent, np.inf):
            limit = -np.inf
        limits[branch.name] = limit
        inside = np.flatnonzero(np.isfinite(arrival) & (arrival <= limit))
        if len(inside) < 2:
            continue
        piece = slice(int(inside[0]), int(inside[-1]) + 1)
        radii = branch.radii_mm[piece]
        if inside[-1] < len(arrival) - 1 and taper_mm > 0:
            arc = curves.arc_lengths_mm(branch.points_lps[piece])
            radii = radii * np.clip(0.35 + 0.65 * (arc[-1] - arc) / taper_mm, 0.35, 1.0) ** 0.5
        found.append(dataclasses.replace(branch, points_lps=branch.points_lps[piece], radii_mm=radii))
    return tuple(found)
