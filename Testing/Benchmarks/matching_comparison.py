"""The project's matching beside SimpleITK's registration, on the same pairs, taken in turns in one process.

python Testing/Benchmarks/matching_comparison.py POOL [--pairs 200] [--output comparison.json]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from VesselRegistrationLib.affine import RegionOfInterest, apply, pixels_to_normalized
from VesselRegistrationLib.matching import AffineMatcher, MatchSettings, warp_mask
from VesselRegistrationLib.matching_objective import Prior
from VesselRegistrationLib.matching_pairs import make_pairs
from VesselRegistrationLib.matching_training import MatchingPool
from VesselRegistrationLib.simpleitk_matching import DEFAULT_SETTINGS, match_simpleitk
from VesselSegmentationLib.metrics import overlap_metrics
from VesselSegmentationLib.resources import matching_network_folder

SIDE = 256
SUCCESS_PX = 10.0
WHOLE = RegionOfInterest(0, 0, SIDE, SIDE)
TUNED = MatchSettings(
    searched_starts=32,
    prior=Prior(weight=0.025, rotation_rad=0.2, log_scale=0.13, other=0.02, shift_share=2.0),
)
"""For pairs that are moved as these are, chosen on tuning pairs, as SimpleITK's settings were."""
Match = Callable[[NDArray[np.bool_], NDArray[np.float32]], NDArray[np.float64]]


def drawn_pairs(folder: Path, count: int, seed: int) -> list[tuple[NDArray[np.generic], ...]]:
    """Silhouette, vessel picture, true matrix in pixels, points and where they belong, of held-out patients.

    Pairs whose silhouette or vessels the disturbances have all but removed are left out.
    """
    pool = MatchingPool.open(folder)
    _trained, held_out = pool.split()
    patients = np.unique(pool.patients[held_out])
    # Every second held-out patient is for choosing settings.
    views = held_out[np.isin(pool.patients[held_out], patients[1::2])]
    chosen = np.random.default_rng(seed).choice(views, 2 * count)
    pairs = make_pairs(*pool.batch(chosen), SIDE, torch.Generator().manual_seed(seed))
    to_pixels = np.linalg.inv(pixels_to_normalized(SIDE, SIDE))
    found: list[tuple[NDArray[np.generic], ...]] = []
    for moving, fixed, matrix, points in zip(pairs.moving, pairs.fixed, pairs.true_matrix, pairs.points, strict=True):
        silhouette, vessels = moving[0].numpy() >= 0.5, fixed[0].numpy()
        if silhouette.sum() < 200 or (vessels >= 0.5).sum() < 100:
            continue
        true = to_pixels @ matrix.double().numpy() @ np.linalg.inv(to_pixels)
        places = apply(to_pixels, points.double().numpy())
        found.append((silhouette, vessels, true, places, apply(true, places)))
    return found[:count]


def compare(pairs: list[tuple[NDArray[np.generic], ...]], methods: dict[str, Match]) -> dict[str, dict[str, float]]:
    """Errors and times of each method over all pairs."""
    errors: dict[str, list[float]] = {name: [] for name in methods}
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    relative: dict[str, list[float]] = {name: [] for name in methods}
    for silhouette, vessels, true, places, truth in pairs:
        mask = np.asarray(vessels) >= 0.5
        reachable = overlap_metrics(warp_mask(silhouette, true), mask).dsc
        for name, method in methods.items():
            started = time.perf_counter()
            matrix = method(silhouette, vessels)
            seconds[name].append(time.perf_counter() - started)
            errors[name].append(float(np.linalg.norm(apply(matrix, places) - truth, axis=1).mean()))
            relative[name].append(overlap_metrics(warp_mask(silhouette, matrix), mask).dsc / max(reachable, 1e-3))
    return {
        name: {
            "shareUnder10Px": round(float(np.mean(np.array(errors[name]) < SUCCESS_PX)), 4),
            "medianErrorPx": round(statistics.median(errors[name]), 2),
            "upperQuartileErrorPx": round(float(np.percentile(errors[name], 75)), 2),
            "medianDscRelativeToTrue": round(statistics.median(relative[name]), 3),
            "medianMs": round(1000 * statistics.median(seconds[name]), 1),
        }
        for name in methods
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path, help="pool of simulated views (vessel-registration simulate or train)")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--output", type=Path, help="also write the numbers here, as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    matcher = AffineMatcher.from_folder(matching_network_folder())
    alone = MatchSettings(use_network=False)
    tuned_alone = dataclasses.replace(TUNED, use_network=False)
    methods: dict[str, Match] = {
        "with the network": lambda one, other: matcher.match(one, other, WHOLE).projection_to_frame,
        "without the network": lambda one, other: matcher.match(one, other, WHOLE, alone).projection_to_frame,
        "tuned, with the network": lambda one, other: matcher.match(one, other, WHOLE, TUNED).projection_to_frame,
        "tuned, without the network": lambda one, other: (
            matcher.match(one, other, WHOLE, tuned_alone).projection_to_frame
        ),
        "SimpleITK": lambda one, other: match_simpleitk(one, other, DEFAULT_SETTINGS),
    }
    pairs = drawn_pairs(options.pool, options.pairs, options.seed)
    results = compare(pairs, methods)
    print(f"{len(pairs)} pairs of {SIDE} x {SIDE} pixels, one thread")
    print("| method | under 10 px | median, px | upper quartile, px | DSC relative to true | ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, numbers in results.items():
        print(f"| {name} | " + " | ".join(str(value) for value in numbers.values()) + " |")
    for name in list(methods)[:-1]:
        ratio = results["SimpleITK"]["medianMs"] / results[name]["medianMs"]
        print(f"SimpleITK takes {ratio:.1f} times as long as the matching {name}.")
    if options.output:
        options.output.write_text(json.dumps({"pairs": len(pairs), "methods": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
