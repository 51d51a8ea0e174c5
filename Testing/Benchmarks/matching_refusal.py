"""Which affine matches are refused: right ones, and those of a wrong patient, of mirrored and upside-down pictures.

    .venv/bin/python Testing/Benchmarks/matching_refusal.py --patients 20 [--generator shifted] [--output refusal.json]

Simulated test patients, segmented by the network, from the starts of `vessel-registration evaluate`; the wrong patient
is the next one of the same region. A match is right when the centreline lies within 10 px (of 256) of its true place.
Beside the rule that is used, by what a match explains of the vessels' outline, stands the one by its Dice.
MOST_UNEXPLAINED was chosen with `--first-seed 800100 --patients 12`, both generators, with the weights 0.3.0.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from VesselRegistrationLib.evaluation import FRAMES, point_errors
from VesselRegistrationLib.matching import MOST_UNEXPLAINED, POOR_DSC
from VesselRegistrationLib.registration import FrameRegistration, register_frame
from VesselRegistrationLib.simulation.cases import SimulatedCase, simulate_case
from VesselRegistrationLib.simulation.generators import generator_named
from VesselRegistrationLib.simulation.truth import fullest_frame
from VesselRegistrationLib.simulation.views import disturbed_pose
from VesselSegmentationLib.errors import InputError

REGIONS = ("lower", "upper", "coronary", "phantom")
SUCCESS_PX = 10.0
RIGHT, OFF = "right", "right patient, further off"
WRONG = ("wrong patient", "mirrored", "upside down")
SIZE = 512


@dataclass(frozen=True)
class Shot:
    """The fullest frame of a patient and the vessels found in it."""

    case: SimulatedCase
    frame: int
    probability: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=20, help="per region; even (default: %(default)s)")
    parser.add_argument("--generator", choices=["default", "shifted"], default="default")
    parser.add_argument("--first-seed", type=int, default=900_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, help="JSON of all matches")
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.patients, 2)
    tasks = [(region, seed, options.generator) for region in REGIONS for seed in seeds]
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        rows = [row for pair in pool.map(rows_of_pair, tasks) for row in pair]
    if options.output is not None:
        options.output.write_text(json.dumps(rows, indent=0) + "\n")
    print(report(rows))


def rows_of_pair(task: tuple[str, int, str]) -> list[dict[str, Any]]:
    """Matches of two patients, each of whom is the other's wrong one."""
    import torch

    from VesselRegistrationLib.matching import AffineMatcher
    from VesselSegmentationLib.resources import matching_network_folder, segmentation_network_folder
    from VesselSegmentationLib.segmenter import VesselSegmenter

    torch.set_num_threads(1)
    region, seed, generator = task
    segmenter = VesselSegmenter.from_folder(segmentation_network_folder())
    matcher = AffineMatcher.from_folder(matching_network_folder())
    shots = []
    for number in (seed, seed + 1):
        case = simulate_case(region, number, frames=FRAMES, size=SIZE, generator=generator_named(generator))
        frame = fullest_frame(case.masks, case.dilutions)
        shots.append(Shot(case, frame, segmenter.probability(case.frames[frame])))
    return [row for one, other in (shots, shots[::-1]) for row in rows_of_patient(one, other, matcher)]


def rows_of_patient(shot: Shot, other: Shot, matcher: Any) -> Iterator[dict[str, Any]]:
    case, vessels = shot.case, shot.probability
    pictures = (vessels, other.probability, vessels[:, ::-1], vessels[::-1])
    true_pose = case.poses[shot.frame]
    start = disturbed_pose(true_pose, case.model.points_lps.mean(axis=0), np.random.default_rng([case.seed, 5]))
    for kind, picture in zip((RIGHT, *WRONG), pictures, strict=True):
        row: dict[str, Any] = {"region": case.region, "seed": case.seed, "kind": kind}
        result = matched(shot, start, np.ascontiguousarray(picture), matcher)
        if result is None or result.match is None:
            yield row | {"refused": True, "refusedByDice": True}
            continue
        match = result.match
        c_arm = case.run().c_arm(shot.frame)
        errors = point_errors(case.centerline_lps, c_arm, true_pose, start, match.projection_to_frame)
        if kind == RIGHT and errors.px_of_256 >= SUCCESS_PX:
            row["kind"] = OFF
        yield row | {
            "refused": bool(result.reason),
            "refusedByDice": match.overlap.dsc < POOR_DSC,
            "unexplained": None if np.isnan(match.unexplained) else round(match.unexplained, 4),
            "dsc": round(match.overlap.dsc, 4),
            "pxOf256": round(errors.px_of_256, 3),
        }


def matched(shot: Shot, start: np.ndarray, vessels: np.ndarray, matcher: Any) -> FrameRegistration | None:
    """None where the start shows nothing of the model."""
    case = shot.case
    try:
        return register_frame(
            case.model, case.run(), shot.frame, lambda _image: vessels, matcher, model_to_isocenter=start
        )
    except InputError:
        return None


def report(rows: list[dict[str, Any]]) -> str:
    """A Markdown table."""
    lines = [
        f"Refused of affine matches: with more than {MOST_UNEXPLAINED:.0%} of the vessels' outline unexplained; and "
        f"what a Dice below {POOR_DSC:g} would refuse.",
        "",
        "| | matches | refused | by Dice |",
        "|---|---|---|---|",
    ]
    for kind in (RIGHT, OFF, *WRONG, "all wrong"):
        part = [row for row in rows if row["kind"] == kind or (kind == "all wrong" and row["kind"] in WRONG)]
        shares = [np.mean([row[name] for row in part]) if part else 0 for name in ("refused", "refusedByDice")]
        name = f"{kind}, within {SUCCESS_PX:g} px" if kind == RIGHT else kind
        lines.append(f"| {name} | {len(part)} | {shares[0]:.0%} | {shares[1]:.0%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
