#!/usr/bin/env python3
"""How wide are vessels in annotated frames: as annotated, as the network marks them, and as their contrast is?

    python Testing/Benchmarks/annotated_widths.py DATA [--threshold 0.5]

DATA: a folder of frames NAME.png with masks NAME_mask.png. Along the annotated middle lines, half widths in pixels: of
the annotation and of the network's mask (distance to the nearest pixel outside), and of the contrast, from the middle
to where a line across the vessel is half as dark, against the brightest there is within three annotated half widths on
that side, in the logarithm of the picture. Then what DSC a mask reaches that has exactly the annotated middle lines and
the width of the contrast: more cannot be asked of a network that marks what is dark. Last, how much darker than around
them the annotated places are, in grey levels of 255 as the network sees the frame: `LEAST_GREY` of the simulation's
truth (visibility.py) lies below nearly all of them.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize

from VesselRegistrationLib.simulation.visibility import LEAST_GREY
from VesselSegmentationLib.annotations import read_annotation, read_grey
from VesselSegmentationLib.datasets import FolderDataset
from VesselSegmentationLib.intensity import intensity_window, windowed
from VesselSegmentationLib.metrics import overlap_metrics, quartiles
from VesselSegmentationLib.segmenter import VesselSegmenter

BINS = (0.0, 2.0, 3.0, 4.0, 6.0, np.inf)
ALONG_PX, REACH, LEAST_REACH_PX, OFF_MIDDLE_PX = 7.0, 3.0, 9.0, 3.0
LEAST_DARKENING = 0.08
"""Contrast, as a logarithm, below which a width cannot be told from noise."""
STRAIGHT = 0.1
"""Spread across a middle line to that along it, above which it is a corner or a branching."""
SAME_VESSEL_PX = 6.0
STEP_PX = 0.5
MIDDLE_PX, RING_FROM, RING_WIDTH_PX, RING_REACH_PX, LARGEST_HALF_PX = 1.5, 1.6, 3.0, 25, 12.0
RING_PERCENTILE = 60
"""Other vessels and the vessel's own course lie in the ring: rather bright than mean."""
NEAR_PX, FAR_PX = 4.0, 8.0
SCORES = (
    "DSC of the network's masks",
    f"DSC of what of them is less than {FAR_PX:g} px from an annotation",
    "DSC of annotated middle lines as wide as the contrast",
    f"share of the masks within {NEAR_PX:g} px of an annotation",
)


@dataclass(frozen=True)
class Widths:
    """Of one frame."""

    points: NDArray[np.float64]
    """(N, 2) row, column on the annotated middle lines."""
    halves: NDArray[np.float64]
    """(N, 3) annotated, marked, of the contrast; NaN where it cannot be told."""
    darkening: NDArray[np.float64]
    """(N,) grey levels of 255."""


def widths(frame: NDArray[np.generic], annotated: NDArray[np.bool_], marked: NDArray[np.bool_]) -> Widths:
    """Half widths along the annotated middle lines of a frame, all (rows, columns)."""
    points = np.argwhere(skeletonize(annotated)).astype(float)
    inside, outside = distance_transform_edt(annotated), distance_transform_edt(marked)
    middles = np.argwhere(skeletonize(marked))
    apart, nearest = cKDTree(middles).query(points) if len(middles) else (np.full(len(points), np.inf), None)
    tree, dark = cKDTree(points), np.log(frame.astype(float) + 5)
    halves = np.full((len(points), 3), np.nan)
    for number, point in enumerate(points):
        half = inside[tuple(point.astype(int))]
        halves[number, 0] = half
        if nearest is not None and apart[number] < SAME_VESSEL_PX:
            halves[number, 1] = outside[tuple(middles[nearest[number]])]
        around = points[tree.query_ball_point(point, ALONG_PX)]
        spread, axes = np.linalg.eigh(np.cov(around.T)) if len(around) > 4 else (np.ones(2), np.eye(2))
        if spread[0] < STRAIGHT * spread[1]:
            halves[number, 2] = half_height(dark, point, axes[:, 0], max(REACH * half, LEAST_REACH_PX))
    return Widths(points, halves, darkening(windowed(frame, *intensity_window(frame)) * 255, points, halves[:, 0]))


def darkening(
    grey: NDArray[np.floating], points: NDArray[np.float64], halves: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How much darker places on middle lines are than a ring around the vessel there, (N,)."""
    padded = np.pad(grey, RING_REACH_PX, mode="reflect")
    away = np.hypot(*(np.indices((2 * RING_REACH_PX + 1,) * 2) - RING_REACH_PX))
    found = []
    for (row, column), half in zip(points.astype(int), np.minimum(halves, LARGEST_HALF_PX), strict=True):
        around = padded[row : row + len(away), column : column + len(away)]
        start = RING_FROM * half + RING_WIDTH_PX / 2
        ring = around[(away >= start) & (away <= start + RING_WIDTH_PX)]
        found.append(float(np.percentile(ring, RING_PERCENTILE) - around[away <= MIDDLE_PX].mean()))
    return np.array(found)


def half_height(
    dark: NDArray[np.float64], point: NDArray[np.float64], across: NDArray[np.float64], reach: float
) -> float:
    """Half the width of the contrast on a line through a point; NaN where there is too little."""
    steps = np.arange(-reach - OFF_MIDDLE_PX, reach + OFF_MIDDLE_PX + STEP_PX, STEP_PX)
    profile = map_coordinates(dark, point[:, None] + across[:, None] * steps, order=1, mode="nearest")
    middle = int(np.argmin(np.where(np.abs(steps) <= OFF_MIDDLE_PX, profile, np.inf)))
    sides = []
    for side in (profile[middle::-1], profile[middle:]):
        side = side[: round(reach / STEP_PX) + 1]
        half = (side[0] + side.max()) / 2
        if side.max() - side[0] < LEAST_DARKENING:
            return float("nan")
        sides.append(STEP_PX * float(np.argmax(side >= half)))
    return sum(sides) / 2


def redrawn(found: Widths, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The annotated middle lines with the width of the contrast, or as annotated where that cannot be told."""
    radius = np.where(np.isnan(found.halves[:, 2]), found.halves[:, 0], found.halves[:, 2])
    rows, columns = np.indices(shape)
    mask = np.zeros(shape, dtype=bool)
    for (row, column), half in zip(found.points, radius, strict=True):
        mask |= (rows - row) ** 2 + (columns - column) ** 2 < half**2
    return mask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--segmentation-network", type=Path, metavar="DIR", help="instead of the one shipped")
    options = parser.parse_args()
    segmenter = VesselSegmenter.from_folder(options.segmentation_network)
    halves, scores, darker = [], [], []
    for name in FolderDataset(options.data).names:
        frame = read_grey(options.data / f"{name}.png")
        annotated = read_annotation(options.data / f"{name}_mask.png", frame.shape)
        marked = segmenter.probability(frame) >= options.threshold
        found = widths(frame, annotated, marked)
        halves.append(found.halves)
        darker.append(found.darkening)
        scores.append(_scores(marked, annotated, redrawn(found, frame.shape)))
    table = np.concatenate(halves)
    print("| annotated half width, px | places | annotated | marked | contrast |\n|---|---|---|---|---|")
    told = table[~np.isnan(table).any(axis=1)]
    for low, high in zip(BINS, BINS[1:], strict=False):
        part = told[(told[:, 0] >= low) & (told[:, 0] < high)]
        if len(part):
            cells = " | ".join(f"{value:.2f}" for value in np.median(part, axis=0))
            print(f"| {low:g} to {high:g} | {len(part)} | {cells} |")
    marked_ratio, contrast_ratio = np.median(told[:, 1] / told[:, 0]), np.median(told[:, 2] / told[:, 0])
    print(f"\nTimes the annotated: marked {marked_ratio:.2f}, contrast {contrast_ratio:.2f} (medians of {len(told)}).")
    for what, values in zip(SCORES, zip(*scores, strict=True), strict=True):
        one = quartiles(values)
        print(f"{what}: {one.median:.3f} ({one.lower:.3f} to {one.upper:.3f})")
    share = (np.concatenate(darker) > LEAST_GREY).mean()
    print(f"annotated places darker than around them by more than {LEAST_GREY:g} levels: {share:.0%}")


def _scores(
    marked: NDArray[np.bool_], annotated: NDArray[np.bool_], ceiling: NDArray[np.bool_]
) -> tuple[float, float, float, float]:
    """As in `SCORES`."""
    away = distance_transform_edt(~annotated)
    return (
        overlap_metrics(marked, annotated).dsc,
        overlap_metrics(marked & (away < FAR_PX), annotated).dsc,
        overlap_metrics(ceiling, annotated).dsc,
        float((away[marked] <= NEAR_PX).mean()) if marked.any() else float("nan"),
    )


if __name__ == "__main__":
    main()
