#!/usr/bin/env python3
"""How far off are rigid poses on real X-ray runs of a phantom whose pose is known?

    python Testing/Benchmarks/phantom_pose.py DATA [--perturbed 50] [--output DIR]

DATA as for phantom_registration.py. The shipped network, the header's geometry and table, the frame of each run with
most vessel, the model's own coordinates as start; no setting differs from run to run. Each run is solved by itself,
then runs together (`--together`, by default every pair of neighbors and all). `--perturbed` adds draws of starts that
are off by up to 15 mm and 8 degrees per axis more. The reference is one pose for all runs, carried by header and table:
how far it is itself off the middle of the vessels in each picture is in the table, beside the pose that was found.

In-plane: mean distance of the projections of the model's centreline in the plane of the isocentre (mPD), which a
clinician sees. mTRE: mean distance in space. `--output` keeps pictures before and after. `--neighbors` says how
much of the error of runs together hangs on the frame that is taken of each.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter, label, median_filter, zoom
from scipy.spatial import cKDTree

from VesselRegistrationLib.cli.register_vessels import companions, fullest_frame
from VesselRegistrationLib.model_reading import read_vessel_model
from VesselRegistrationLib.pose.estimation import (
    PoseEstimate,
    PoseModel,
    PoseSettings,
    PoseView,
    estimate_pose,
    pose_in_view,
)
from VesselRegistrationLib.pose.evidence import gather_evidence
from VesselRegistrationLib.pose.metrics import projection_distances_mm, target_errors_mm
from VesselRegistrationLib.pose.rigid import motion_matrix
from VesselRegistrationLib.projection import silhouette, transform_points
from VesselRegistrationLib.xray_reading import read_xray_run
from VesselRegistrationLib.xray_run import XRayRun, table_shift_lps
from VesselSegmentationLib.metrics import overlap_metrics
from VesselSegmentationLib.segmenter import VesselSegmenter

SHIFT_MM, TURN_DEG = 15.0, 8.0
SUCCESS_MM = 3.0
ANOTHER_VESSEL_MM = 6.0
DARKER = 0.12
"""Share by which a pixel is darker than the median around it to count as dark."""
COARSER, AROUND = 4, 25
"""The median is that of a window of so many pixels, each so many of the picture's wide."""
SMALLEST_PX, MOST_WIDER_PX = 150, 5
NEIGHBORS = (-2, -1, 1, 2)
"""Frames before and after the one that shows most vessel."""


@dataclass(frozen=True)
class Shot:
    """The frame of one run that is registered."""

    run: XRayRun
    frame: int
    probability: np.ndarray
    reference: np.ndarray

    def view(self, first: Shot) -> PoseView:
        """The view, the pose asked for being that of the first one."""
        geometry, other = first.run.geometry[first.frame], self.run.geometry[self.frame]
        shift = np.zeros(3) if self is first else table_shift_lps(geometry, other, same_run=False)
        return PoseView.of_frame(self.run, self.frame, self.probability, shift)


def main() -> None:
    """Register and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--together", nargs="+", metavar="A+B", help="runs solved together, such as run1+run2")
    parser.add_argument("--neighbors", action="store_true", help="runs solved together also from neighboring frames")
    parser.add_argument(
        "--frames-per-run", type=int, default=1, metavar="N", help="solve so many frames of each run together"
    )
    parser.add_argument("--perturbed", type=int, default=0, metavar="N", help="draws of starts further off")
    parser.add_argument("--segmentation-network", type=Path, metavar="DIR", help="instead of the one shipped")
    parser.add_argument("--output", type=Path, help="folder for pictures")
    options = parser.parse_args()
    vessel_model = read_vessel_model(options.data / "model.stl")
    clock = time.process_time()
    model = PoseModel.of(vessel_model)
    prepared = time.process_time() - clock
    centerline = np.loadtxt(options.data / "centerline_lps.csv", delimiter=",")
    segmenter = VesselSegmenter.from_folder(options.segmentation_network)
    shots = read_shots(options.data, segmenter)
    more = {name: further_shots(shot, segmenter, options.frames_per_run - 1) for name, shot in shots.items()}
    names = list(shots)
    groups = [[name] for name in names]
    groups += [
        group.split("+") for group in options.together or [*map("+".join, zip(names, names[1:])), "+".join(names)]
    ]
    print_masks(model, shots)
    print(f"\nPreparing the model took {prepared:.1f} s of CPU time.\n")
    print(
        "| runs | in-plane per run, mm | mTRE, mm | off the vessels' middle, mm (reference) | stated in-plane "
        "| 95 % bound | stated depth | refused | CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for group in groups:
        chosen = [shots[name] for name in group]
        clock = time.process_time()
        views = [shot.view(chosen[0]) for shot in chosen]
        others = [shot.view(chosen[0]) for name in group for shot in more[name]]
        found = estimate_pose(model, [*views, *others], np.eye(4))
        print(line("+".join(group), chosen, views, found, centerline, time.process_time() - clock), flush=True)
        if options.output and len(group) == 1:
            options.output.mkdir(parents=True, exist_ok=True)
            save_picture(chosen[0], model, found, options.output / f"{group[0]}.png")
    if options.neighbors:
        print_neighbors(
            model, [[shots[name] for name in group] for group in groups if len(group) > 1], centerline, segmenter
        )
    if options.perturbed:
        print_perturbed(model, shots, centerline, options.perturbed)


def read_shots(folder: Path, segmenter: VesselSegmenter) -> dict[str, Shot]:
    references = json.loads((folder / "reference_poses.json").read_text())["modelToIsocenter"]
    shots = {}
    for path in sorted(folder.glob("run*.dcm")):
        run = read_xray_run(path)
        frame = fullest_frame(run, segmenter.probability)
        reference = np.array(references[run.name])
        shots[run.name] = Shot(run, frame, segmenter.probability(run.frames[frame]), reference)
    return shots


def further_shots(shot: Shot, segmenter: VesselSegmenter, count: int) -> list[Shot]:
    """Other frames of a run that are solved with one of it."""
    frames = companions(shot.run, shot.frame, segmenter.probability, count)
    return [
        dataclasses.replace(shot, frame=frame, probability=segmenter.probability(shot.run.frames[frame]))
        for frame in frames
    ]


def print_masks(model: PoseModel, shots: dict[str, Shot]) -> None:
    """The network's masks beside the model as the reference pose projects it: its tubes are wider than the contrast.

    And what any mask of dark pixels could reach.
    """
    print("| mask of | frame | DSC with the projected reference | Precision | Recall | of what is dark | widened |")
    print("|---|---|---|---|---|---|---|")
    for name, shot in shots.items():
        points = transform_points(shot.reference, model.model.points_lps)
        shown = silhouette(points, model.model.triangles, shot.run.c_arm(shot.frame))
        overlap = overlap_metrics(shot.probability >= PoseSettings().threshold, shown)
        dark = dark_pixels(shot.run)
        wider = [binary_dilation(dark, iterations=pixels) for pixels in range(1, MOST_WIDER_PX + 1)]
        best = max(overlap_metrics(mask, shown).dsc for mask in (dark, *wider))
        print(
            f"| {name} | {shot.frame} | {overlap.dsc:.2f} | {overlap.precision:.2f} | {overlap.recall:.2f} "
            f"| {overlap_metrics(dark, shown).dsc:.2f} | {best:.2f} |"
        )


def dark_pixels(run: XRayRun) -> np.ndarray:
    """(rows, columns): darker than around by `DARKER`, in the mean of all frames but the first; no network in it."""
    mean = np.mean([np.asarray(frame, dtype=float) for frame in run.frames[1:]], axis=0)
    around = zoom(median_filter(mean[::COARSER, ::COARSER], AROUND), COARSER, order=1)[: mean.shape[0], : mean.shape[1]]
    dark = gaussian_filter(mean, 1) < (1 - DARKER) * np.maximum(around, 1)
    dark[:AROUND] = dark[-AROUND:] = dark[:, :AROUND] = dark[:, -AROUND:] = False  # shutters and their halo
    pieces, _ = label(dark, np.ones((3, 3)))
    is_kept = np.bincount(pieces.ravel()) > SMALLEST_PX
    is_kept[0] = False
    return is_kept[pieces]


def errors(
    chosen: Sequence[Shot], views: Sequence[PoseView], found: PoseEstimate, centerline: np.ndarray
) -> list[tuple[float, float]]:
    """(in-plane, mTRE) of each run, mm."""
    poses = [pose_in_view(found.in_view(number), view) for number, view in enumerate(views)]
    return [
        (
            float(projection_distances_mm(centerline, pose, shot.reference, view.c_arm).mean()),
            float(target_errors_mm(centerline, pose, shot.reference).mean()),
        )
        for shot, view, pose in zip(chosen, views, poses, strict=True)
    ]


def middle_distances_mm(view: PoseView, centerline: np.ndarray, pose: np.ndarray) -> float:
    """Median distance of the middle lines of the mask's vessels from the projected centreline that lies near them."""
    evidence = gather_evidence(view)
    pixels = evidence.c_arm.project(transform_points(pose, centerline))[:, :2]
    apart = cKDTree(pixels).query(evidence.middle.points)[0] * evidence.pixel_mm
    return float(np.median(apart[apart < ANOTHER_VESSEL_MM]))


def line(
    name: str,
    chosen: Sequence[Shot],
    views: Sequence[PoseView],
    found: PoseEstimate,
    centerline: np.ndarray,
    seconds: float,
) -> str:
    in_plane, space = zip(*errors(chosen, views, found, centerline), strict=True)
    poses = [pose_in_view(found.in_view(number), view) for number, view in enumerate(views)]
    off = [middle_distances_mm(view, centerline, pose) for view, pose in zip(views, poses, strict=True)]
    off_reference = [middle_distances_mm(view, centerline, s.reference) for view, s in zip(views, chosen, strict=True)]
    cells = [
        name,
        ", ".join(f"{value:.2f}" for value in in_plane),
        f"{np.mean(space):.2f}",
        f"{np.mean(off):.2f} ({np.mean(off_reference):.2f})",
        f"{found.expected_in_plane_error_mm:.2f}",
        f"{found.in_plane_error_bound_mm:.2f}",
        f"{found.expected_depth_error_mm:.1f}",
        found.reason or "no",
        f"{seconds:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def print_neighbors(
    model: PoseModel, groups: Sequence[Sequence[Shot]], centerline: np.ndarray, segmenter: VesselSegmenter
) -> None:
    """How much hangs on the frame: the phantom stands still, so every frame of a run asks for the same pose."""
    print(f"\nOne run's frame moved by {', '.join(map(str, NEIGHBORS))}, mTRE in mm:\n")
    print("| runs | solved | median | least | most |\n|---|---|---|---|---|")
    for group in groups:
        space = []
        for number, shot in enumerate(group):
            for frame in [shot.frame + step for step in NEIGHBORS if 0 <= shot.frame + step < len(shot.run.frames)]:
                other = dataclasses.replace(
                    shot, frame=frame, probability=segmenter.probability(shot.run.frames[frame])
                )
                chosen = [*group[:number], other, *group[number + 1 :]]
                views = [one.view(chosen[0]) for one in chosen]
                found = errors(chosen, views, estimate_pose(model, views, np.eye(4)), centerline)
                space.append(np.mean([mtre for _, mtre in found]))
        name = "+".join(shot.run.name for shot in group)
        print(f"| {name} | {len(space)} | {np.median(space):.2f} | {min(space):.2f} | {max(space):.2f} |", flush=True)


def print_perturbed(model: PoseModel, shots: dict[str, Shot], centerline: np.ndarray, draws: int) -> None:
    rng = np.random.default_rng(3)
    starts = [
        motion_matrix(
            np.concatenate([np.radians(rng.uniform(-TURN_DEG, TURN_DEG, 3)), rng.uniform(-SHIFT_MM, SHIFT_MM, 3)]),
            model.pivot_lps,
        )
        for _ in range(draws)
    ]
    print(f"\nStarts off by up to {SHIFT_MM:g} mm and {TURN_DEG:g} degrees per axis more, {draws} draws:\n")
    print("| run | in-plane, mm: median (quartiles) | under 3 mm |\n|---|---|---|")
    for name, shot in shots.items():
        view = shot.view(shot)
        found = [estimate_pose(model, [view], start) for start in starts]
        in_plane = np.array([errors([shot], [view], one, centerline)[0][0] for one in found])
        middle, low, high = np.percentile(in_plane, (50, 25, 75))
        share = (in_plane < SUCCESS_MM).mean()
        print(f"| {name} | {middle:.2f} ({low:.2f} to {high:.2f}) | {share:.0%} |", flush=True)


def save_picture(shot: Shot, model: PoseModel, found: PoseEstimate, path: Path) -> None:
    """The frame with the model's outline at the start, and at the pose that was found beside the reference."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    frame, c_arm = shot.run.frames[shot.frame], shot.run.c_arm(shot.frame)
    figure = Figure(figsize=(10, 5.3), dpi=100)
    FigureCanvasAgg(figure)
    panels = (
        ("as the header and the model's coordinates say", [(np.eye(4), "tab:red")]),
        ("found (green), reference (yellow, dotted)", [(found.model_to_isocenter, "lime"), (shot.reference, "yellow")]),
    )
    for axes, (title, poses) in zip(figure.subplots(1, 2), panels, strict=True):
        axes.imshow(frame, cmap="gray", vmin=np.percentile(frame, 1), vmax=np.percentile(frame, 99))
        for pose, color in poses:
            shown = silhouette(transform_points(pose, model.model.points_lps), model.model.triangles, c_arm)
            style = "dotted" if color == "yellow" else "solid"
            axes.contour(shown, [0.5], colors=color, linewidths=1, linestyles=style)
        axes.set_title(f"{shot.run.name}: {title}", fontsize=9)
        axes.set_axis_off()
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    main()
