#!/usr/bin/env python3
"""Do the C-arm formulas and the table tags put a known model on the vessels of real X-ray runs?

    python Testing/Benchmarks/phantom_convention.py DATA [--output DIR]

DATA holds real runs of one rigid phantom (`run1.dcm`, ...), `centerline_lps.csv` (x, y, z in mm) and
`reference_poses.json` (`modelToIsocenter` per run, LPS mm). The pose of the first run alone is carried to the others
by their tables' tags, and its centreline is projected with their headers. Printed per run: the mean distance of the
projected centreline to the dark vessels, and to their middle lines, in mm at the isocentre. Then the same with one
sign of the convention flipped at a time, the pose fitted anew to all runs each time so that no wrong sign can hide
behind a wrong pose.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation
from skimage.filters import apply_hysteresis_threshold
from skimage.morphology import skeletonize

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.projection import transform_points
from VesselRegistrationLib.xray_reading import read_xray_run
from VesselRegistrationLib.xray_run import XRayRun, carry_pose
from VesselSegmentationLib.overlay import write_png

CONTRAST, FAINT_CONTRAST = 0.12, 0.03
"""A pixel this much darker than its surroundings is vessel; so is a fainter one that is connected to such pixels."""
BORDER_PX = 30


@dataclass(frozen=True)
class View:
    """One run: its camera, table position (LPS mm) and the distance of each pixel to the middle of a dark vessel."""

    name: str
    c_arm: CArm
    table_lps: np.ndarray
    distance_px: np.ndarray
    vessels: np.ndarray
    picture: np.ndarray
    mirror: tuple[float, float] = (1.0, 1.0)
    """Signs of the picture's column and row axes."""

    def distances_mm(self, points_lps: np.ndarray) -> np.ndarray:
        """Distance of projected points (N, 3) to the middle of the nearest vessel, mm at the isocentre."""
        projected = self.pixels(points_lps)
        sampled = ndimage.map_coordinates(self.distance_px, projected[:, ::-1].T, order=1, mode="nearest")
        outside = np.maximum(np.abs(projected - 255.5) - 255.5, 0).max(axis=1)
        return (sampled + outside) * self.c_arm.pixel_size_at_isocenter_mm()

    def pixels(self, points_lps: np.ndarray) -> np.ndarray:
        """(column, row) of points (N, 3)."""
        center = np.array(self.c_arm.center_px)
        return center + (self.c_arm.project(points_lps)[:, :2] - center) * self.mirror


def vessels_of(run: XRayRun) -> tuple[np.ndarray, np.ndarray]:
    """Dark vessels of a run, and the picture they were found in: the median of its later frames."""
    picture = np.median(run.frames[len(run.frames) // 2 :], axis=0)
    surroundings = ndimage.zoom(ndimage.median_filter(picture[::4, ::4], 31), 4, order=1)[: run.rows, : run.columns]
    darker = (surroundings - ndimage.gaussian_filter(picture, 1.0)) / np.maximum(surroundings, 1)
    mask = apply_hysteresis_threshold(darker, FAINT_CONTRAST, CONTRAST)
    inside = np.zeros_like(mask)
    inside[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    labels, count = ndimage.label(mask & inside)
    sizes = ndimage.sum_labels(np.ones_like(labels), labels, range(1, count + 1))
    return np.isin(labels, 1 + np.flatnonzero(sizes > 200)), picture


def read_view(path: Path) -> View:
    """A run as the fit needs it."""
    run = read_xray_run(path)
    mask, picture = vessels_of(run)
    distance = ndimage.distance_transform_edt(~skeletonize(mask))
    return View(run.name, run.c_arm(), np.array(run.geometry[0].table.numbers), distance, mask, picture)


def errors_mm(views: Sequence[View], pose: np.ndarray, table: np.ndarray, centerline: np.ndarray) -> np.ndarray:
    """Distances (views, N): `pose` is that of the first view; `table` (3,) holds the signs of the table's axes."""
    carried = [carry_pose(pose, views[0].table_lps * table, view.table_lps * table) for view in views]
    return np.stack(
        [view.distances_mm(transform_points(matrix, centerline)) for view, matrix in zip(views, carried, strict=True)]
    )


def fitted(views: Sequence[View], start: np.ndarray, table: np.ndarray, centerline: np.ndarray) -> np.ndarray:
    """The pose that brings all views closest, from a start pose."""
    middle = centerline.mean(axis=0)

    def pose_of(parameters: np.ndarray) -> np.ndarray:
        turn = Rotation.from_rotvec(parameters[:3]).as_matrix() @ start[:3, :3]
        pose = np.eye(4)
        pose[:3, :3] = turn
        pose[:3, 3] = start[:3, :3] @ middle + start[:3, 3] + parameters[3:] - turn @ middle
        return pose

    def residuals(parameters: np.ndarray) -> np.ndarray:
        return np.minimum(errors_mm(views, pose_of(parameters), table, centerline), 25.0).ravel()

    solution = least_squares(residuals, np.zeros(6), x_scale=[0.1] * 3 + [5.0] * 3, diff_step=1e-3)
    return pose_of(solution.x)


def turned(
    views: Sequence[View], primary: float = 1, secondary: float = 1, mirror: tuple[float, float] = (1, 1)
) -> list[View]:
    """The views with signs of angles or picture axes flipped."""
    return [
        replace(
            view,
            c_arm=replace(
                view.c_arm,
                primary_angle_deg=primary * view.c_arm.primary_angle_deg,
                secondary_angle_deg=secondary * view.c_arm.secondary_angle_deg,
            ),
            mirror=mirror,
        )
        for view in views
    ]


FLIPS: dict[str, Callable[[Sequence[View]], tuple[list[View], np.ndarray]]] = {
    "none (the convention)": lambda views: (list(views), np.ones(3)),
    "primary angle": lambda views: (turned(views, primary=-1), np.ones(3)),
    "secondary angle": lambda views: (turned(views, secondary=-1), np.ones(3)),
    "columns (left-right)": lambda views: (turned(views, mirror=(-1, 1)), np.ones(3)),
    "rows (up-down)": lambda views: (turned(views, mirror=(1, -1)), np.ones(3)),
    "table, lateral": lambda views: (list(views), np.array([-1.0, 1, 1])),
    "table, vertical": lambda views: (list(views), np.array([1.0, -1, 1])),
    "table, longitudinal": lambda views: (list(views), np.array([1.0, 1, -1])),
    "table ignored": lambda views: (list(views), np.zeros(3)),
}


def main() -> None:
    """Print the tables and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path, help="folder for pictures of the projected centreline")
    options = parser.parse_args()
    views = [read_view(path) for path in sorted(options.data.glob("run*.dcm"))]
    centerline = np.loadtxt(options.data / "centerline_lps.csv", delimiter=",")
    reference = json.loads((options.data / "reference_poses.json").read_text())["modelToIsocenter"]
    pose = np.array(reference[views[0].name])
    distances = errors_mm(views, pose, np.ones(3), centerline)
    print("run    to the vessel   to its middle: mean    p95   (projected centreline, mm at the isocentre)")
    for view, row in zip(views, distances, strict=True):
        outside = replace(view, distance_px=ndimage.distance_transform_edt(~view.vessels))
        carried = carry_pose(pose, views[0].table_lps, view.table_lps)
        to_vessel = outside.distances_mm(transform_points(carried, centerline)).mean()
        print(f"{view.name:<6}     {to_vessel:5.2f}                   {row.mean():5.2f}  {np.percentile(row, 95):5.2f}")
        off = np.abs(carried - np.array(reference[view.name])).max()
        print(f"       carried by the table tags: {off:.4f} mm from its reference pose")
        if options.output:
            write_png(options.output / f"{view.name}.png", drawn(view, transform_points(carried, centerline)))
    print("\nsign flipped             as is   fitted anew   (mean over all runs, mm)")
    for name, flip in FLIPS.items():
        flipped, table = flip(views)
        plain = errors_mm(flipped, pose, table, centerline).mean()
        again = errors_mm(flipped, fitted(flipped, pose, table, centerline), table, centerline).mean()
        print(f"{name:<24} {plain:5.2f}   {again:5.2f}")


def drawn(view: View, points_lps: np.ndarray) -> np.ndarray:
    """The picture with the projected centreline in yellow."""
    rgb = np.repeat(np.clip(view.picture, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    for column, row in np.rint(view.pixels(points_lps)).astype(int):
        if 0 <= row < rgb.shape[0] and 0 <= column < rgb.shape[1]:
            rgb[row, column] = (255, 255, 0)
    return rgb


if __name__ == "__main__":
    main()
