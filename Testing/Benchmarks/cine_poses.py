#!/usr/bin/env python3
"""How well and how quickly are poses followed through whole cine runs of simulated patients?

    .venv/bin/python Testing/Benchmarks/cine_poses.py --patients 4 [--runtime openvino] [--threads 2]

Each patient has one run of 30 frames at 15 frames/s, in which contrast comes and goes, the heart beats and the patient
breathes; nothing before it is known but a model that lies 15 mm and 4 degrees (standard deviations per axis) from
where it is thought to be. Done is what `register --all-frames` does between reading the run and writing pictures, in
the same order: the fullest frame, frames from before contrast agent, masks of all frames, poses of all frames. Beside
it, every fifth frame is solved by itself, from the same masks. Scored are frames in which at least half as much vessel
is filled as in the fullest one; of the others, which may hardly show a vessel, it is counted how many were accepted,
and how many of these are more than 3 mm off. Seeds are test seeds, on which no choice was made.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command does
import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.cli.register_vessels import fullest_of_tried
from VesselRegistrationLib.pose.estimation import PoseModel, PoseView, estimate_pose
from VesselRegistrationLib.pose.metrics import in_picture, projection_distances_mm
from VesselRegistrationLib.pose_registration import register_run
from VesselRegistrationLib.run_vessels import with_subtraction
from VesselRegistrationLib.simulation.cases import SimulatedCase, simulate_case
from VesselRegistrationLib.simulation.generators import generator_named
from VesselRegistrationLib.simulation.views import disturbed_pose
from VesselSegmentationLib.run_subtraction import Segment

REGIONS = ("lower", "upper", "coronary")
FIRST_TEST_SEED = 900_000
SUCCESS_MM = 3.0
WELL_FILLED = 0.5
"""Of the vessels that the fullest frame shows."""
ALONE_EVERY = 5
"""Frames from one that is solved by itself to the next."""


@dataclass(frozen=True)
class Followed:
    """What came of one run of F frames."""

    errors_mm: NDArray[np.float64]
    """(F,) mean in-plane error of each frame."""
    accepted: NDArray[np.bool_]
    """(F,)"""
    filled: NDArray[np.bool_]
    """(F,) enough vessel to be scored."""
    alone_mm: NDArray[np.float64]
    """(F,) of frames solved by themselves; NaN for those that were not."""
    alone_accepted: NDArray[np.bool_]
    masks_s: float
    """Of the whole run: the frames to choose from, and masks of all frames."""
    poses_s: float
    alone_s: float
    """Per frame."""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=4, help="per region (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--regions", nargs="+", choices=REGIONS, default=list(REGIONS))
    parser.add_argument("--generator", choices=["default", "shifted"], default="default")
    parser.add_argument("--first-seed", type=int, default=FIRST_TEST_SEED)
    parser.add_argument("--body-motion", type=float, default=3.0, metavar="MM", help="default: %(default)s")
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    parser.add_argument(
        "--runtime", choices=["auto", "torch", "openvino"], default="torch", help="default: %(default)s"
    )
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    import torch
    from tqdm import tqdm

    from VesselSegmentationLib.resources import segmentation_network_folder
    from VesselSegmentationLib.runtime import runtime_choice
    from VesselSegmentationLib.segmenter import VesselSegmenter

    torch.set_num_threads(options.threads)
    runtime = runtime_choice(options.runtime, calls=options.frames)
    segmenter = VesselSegmenter.from_folder(segmentation_network_folder(), precision=options.precision, runtime=runtime)
    places = [(region, options.first_seed + number) for region in options.regions for number in range(options.patients)]
    found: dict[str, list[Followed]] = {region: [] for region in options.regions}
    for region, seed in tqdm(places, unit="run"):
        case = simulate_case(
            region,
            seed,
            options.frames,
            generator=generator_named(options.generator),
            body_motion_mm=options.body_motion,
        )
        found[region].append(followed(case, segmenter))
    print(report(found))


def followed(case: SimulatedCase, segmenter: Segment) -> Followed:
    """The poses of all frames of a run, and of some by themselves."""
    run, count = case.run(), len(case.frames)
    rng = np.random.default_rng([case.seed, 5])
    start = disturbed_pose(case.poses[0], case.model.points_lps.mean(axis=0), rng)
    model, times = PoseModel.of(case.model), [time.perf_counter()]
    segment = with_subtraction(run, fullest_of_tried(run, segmenter), segmenter)
    results = register_run(model, run, segment, start, progress=lambda *_: times.append(time.perf_counter()))
    finished = time.perf_counter()
    alone_mm, alone_accepted, clock = np.full(count, np.nan), np.zeros(count, dtype=bool), time.perf_counter()
    for frame in range(0, count, ALONE_EVERY):
        estimate = estimate_pose(model, [PoseView.of_frame(run, frame, results[frame].probability, np.zeros(3))], start)
        alone_mm[frame] = error_mm(case, frame, estimate.model_to_isocenter)
        alone_accepted[frame] = not estimate.is_refused
    shown = np.array([mask.sum() for mask in case.masks], dtype=float)
    return Followed(
        errors_mm=np.array([error_mm(case, n, result.rigid_model_to_isocenter) for n, result in enumerate(results)]),
        accepted=np.array([not result.pose.is_refused for result in results]),
        filled=shown >= WELL_FILLED * shown.max(),
        alone_mm=alone_mm,
        alone_accepted=alone_accepted,
        masks_s=times[count] - times[0],
        poses_s=finished - times[count],
        alone_s=(time.perf_counter() - clock) / len(range(0, count, ALONE_EVERY)),
    )


def error_mm(case: SimulatedCase, frame: int, pose: NDArray[np.float64]) -> float:
    """Mean in-plane error of the centreline that the picture shows."""
    true = case.poses[frame]
    points = case.centerline_lps[in_picture(case.centerline_lps, true, case.c_arm)]
    return float(projection_distances_mm(points, pose, true, case.c_arm).mean())


def report(found: dict[str, list[Followed]]) -> str:
    """Markdown tables: how well, and how quickly."""
    groups = [("all", [run for runs in found.values() for run in runs]), *found.items()]
    lines = [
        "| | runs | filled frames | accepted | of these in-plane, mm | under 3 mm | by themselves: accepted "
        "| in-plane, mm | under 3 mm | other frames | accepted | of these over 3 mm |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in groups:
        errors, accepted, filled, alone, alone_accepted = (
            np.concatenate([getattr(run, part) for run in runs])
            for part in ("errors_mm", "accepted", "filled", "alone_mm", "alone_accepted")
        )
        lone = filled & np.isfinite(alone)
        others = accepted & ~filled
        lines.append(
            f"| {name} | {len(runs)} | {filled.sum()} | {_share(accepted[filled])} "
            f"| {_spread(errors[filled & accepted])} "
            f"| {_share(alone_accepted[lone])} | {_spread(alone[lone & alone_accepted])} "
            f"| {(~filled).sum()} | {others.sum()} | {(errors[others] >= SUCCESS_MM).sum()} |"
        )
    lines += [
        "",
        "| | masks, ms per frame | poses, ms per frame | both, frames/s | pose of a frame by itself, ms "
        "| times as long |",
        "|---|---|---|---|---|---|",
    ]
    for name, runs in groups:
        frames = sum(len(run.errors_mm) for run in runs)
        masks, poses = (sum(getattr(run, part) for run in runs) / frames for part in ("masks_s", "poses_s"))
        alone_s = float(np.mean([run.alone_s for run in runs]))
        lines.append(
            f"| {name} | {1000 * masks:.0f} | {1000 * poses:.0f} | {1 / (masks + poses):.1f} | {1000 * alone_s:.0f} "
            f"| {alone_s / poses:.1f} |"
        )
    return "\n".join(lines)


def _spread(values: Sequence[float] | NDArray[np.float64]) -> str:
    """Median with quartiles, and the share of successes."""
    if not len(values):
        return "– | –"
    low, middle, high = np.percentile(values, (25, 50, 75))
    return f"{middle:.2f} ({low:.2f} to {high:.2f}) | {(np.asarray(values) < SUCCESS_MM).mean():.0%}"


def _share(values: NDArray[np.bool_]) -> str:
    return f"{values.mean():.0%}" if len(values) else "–"


if __name__ == "__main__":
    main()
