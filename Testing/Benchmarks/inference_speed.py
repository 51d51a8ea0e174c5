#!/usr/bin/env python3
"""How fast are masks, and mask and match, of one X-ray frame? Methods take turns in one process; medians are printed.

    python Testing/Benchmarks/inference_speed.py

Prints Markdown tables: the segmentation network as torch runs it when nothing is done about it, beside the library's
runtimes and precisions; then a whole frame, from its file to the mask on its own pixels, by frame size; then a mask and
a match; then a mask with a frame from before contrast agent. Times are printed and never judged; results that differ
end the run with exit status 1.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
LARGEST_DIFFERENCE = {"float32": 1e-3, "bfloat16": 0.1}
"""Of probabilities from those of the plain network."""
PLAIN = "torch, as it comes"
FRAMES = 4
"""Of the runs that are read; times are given per frame."""


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; 0 if every result was right, 1 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads")
    parser.add_argument("--sides", type=int, nargs="+", default=[256, 512, 1024], help="frames' sides in pixels")
    parser.add_argument("--repetitions", type=int, default=25)
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="processor: where cores are shared; with one thread only"
    )
    options = parser.parse_args(arguments)
    if options.clock == "processor" and options.threads != [1]:
        parser.error("--clock processor adds the threads' times up: give --threads 1, too")

    import torch

    wrong: list[str] = []
    runs = {side: simulated_run(side) for side in options.sides}
    for threads in options.threads:
        torch.set_num_threads(threads)
        segmenters = segmenters_of(threads)
        clock = Stopwatch(CLOCKS[options.clock], options.repetitions)
        print(f"\n### {threads} thread{'s' * (threads > 1)}, {options.clock} time, median of {options.repetitions}\n")
        wrong += print_networks(segmenters, clock)
        print_frames(segmenters, runs, clock)
        print_mask_and_match(segmenters, clock)
        print_subtracted(segmenters, clock)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


class Stopwatch:
    """Medians of calls that take turns."""

    def __init__(self, clock: Callable[[], float], repetitions: int) -> None:
        self.clock, self.repetitions = clock, repetitions

    def medians(self, calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
        """Milliseconds by name; the first two rounds do not count."""
        times: dict[str, list[float]] = {name: [] for name in calls}
        gc.collect()
        for number in range(self.repetitions + 2):
            for name, call in calls.items():
                start = self.clock()
                call()
                if number >= 2:
                    times[name].append((self.clock() - start) * 1000)
        return {name: statistics.median(values) for name, values in times.items()}


def segmenters_of(threads: int) -> dict[str, Any]:
    """Name and segmenter of each runtime and precision that this computer has."""
    from VesselSegmentationLib.runtime import PRECISIONS, bfloat16_is_native, openvino_is_installed
    from VesselSegmentationLib.segmenter import VesselSegmenter

    runtimes = ["torch", "openvino"] if openvino_is_installed() else ["torch"]
    precisions = list(PRECISIONS) if bfloat16_is_native() else ["float32"]
    return {
        f"{runtime}, {precision}": VesselSegmenter.from_folder(None, "cpu", threads, precision, runtime)
        for runtime in runtimes
        for precision in precisions
    }


def print_networks(segmenters: dict[str, Any], clock: Stopwatch) -> list[str]:
    """The network alone. Returns the names of those that differ from the plain one."""
    import torch

    first = next(iter(segmenters.values()))
    plain, side = first.network, first.side
    picture = np.random.default_rng(0).normal(size=(side, side)).astype(np.float32)
    tensor = torch.from_numpy(picture)[None, None]

    def as_it_comes() -> Any:
        with torch.no_grad():
            return plain(tensor).sigmoid().numpy()[0, 0]

    calls: dict[str, Callable[[], Any]] = {PLAIN: as_it_comes}
    for name, segmenter in segmenters.items():
        calls[name] = lambda segmenter=segmenter: segmenter.network_probability(picture)
    medians, expected, wrong = clock.medians(calls), as_it_comes(), []
    print_row(f"network, {side} x {side}", "ms", "times faster", "largest difference of a probability")
    print_row(*["---"] * 4)
    for name, call in calls.items():
        difference = float(np.abs(call() - expected).max())
        if name != PLAIN and not difference <= LARGEST_DIFFERENCE[segmenters[name].precision]:
            wrong.append(f"{name}: probabilities differ by {difference:.4f}.")
        print_row(name, f"{medians[name]:.1f}", f"{medians[PLAIN] / medians[name]:.2f}", f"{difference:.1e}")
    return wrong


def print_frames(segmenters: dict[str, Any], runs: dict[int, Any], clock: Stopwatch) -> None:
    """From a run's DICOM file to masks, in parts and whole, per frame."""
    from VesselRegistrationLib.simulation.cases import write_case
    from VesselRegistrationLib.xray_reading import read_xray_run
    from VesselSegmentationLib.preprocessing import NetworkGrid

    network_side = next(iter(segmenters.values())).side
    print()
    print_row("frame", "read, ms", "to network, ms", "from network, ms", *(f"whole, {name}, ms" for name in segmenters))
    print_row(*["---"] * (4 + len(segmenters)))
    with tempfile.TemporaryDirectory() as folder:
        for side, case in runs.items():
            write_case(case, Path(folder) / f"{side}")
            path = Path(folder) / f"{side}" / "run.dcm"
            frames, grid = read_xray_run(path).frames, NetworkGrid(side, side, network_side)
            probability = np.zeros((network_side, network_side), "f")
            calls: dict[str, Callable[[], Any]] = {
                "read": lambda path=path: read_xray_run(path).frames,
                "to": lambda grid=grid, frames=frames: [grid.to_network(frame) for frame in frames],
                "from": lambda grid=grid, probability=probability: [grid.to_frame(probability) for _ in range(FRAMES)],
            }
            for name, segmenter in segmenters.items():
                calls[name] = lambda path=path, one=segmenter: one.segment_run(read_xray_run(path).frames)
            print_row(f"{side} x {side}", *(f"{value / FRAMES:.1f}" for value in clock.medians(calls).values()))


def print_mask_and_match(segmenters: dict[str, Any], clock: Stopwatch) -> None:
    """Mask and affine match of one 512 x 512 frame whose pixels are in memory, and where the time goes."""
    from VesselRegistrationLib.matching import AffineMatcher
    from VesselRegistrationLib.projection import project_model
    from VesselRegistrationLib.registration import automatic_roi
    from VesselSegmentationLib.resources import matching_network_folder

    case = simulated_run(512)
    run, matcher = case.run(), AffineMatcher.from_folder(matching_network_folder())
    silhouette = project_model(case.model, run.c_arm(FRAMES - 1), case.poses[FRAMES - 1]).silhouette
    frame, roi = run.frames[FRAMES - 1], automatic_roi(silhouette)
    calls: dict[str, Callable[[], Any]] = {
        f"mask and match, {name}": lambda one=segmenter: matcher.match(silhouette, one.probability(frame), roi)
        for name, segmenter in segmenters.items()
    }
    mask = next(iter(segmenters.values())).probability(frame)
    calls["match alone"] = lambda: matcher.match(silhouette, mask, roi)
    print()
    print_row("512 x 512 frame", "ms")
    print_row("---", "---")
    for name, value in clock.medians(calls).items():
        print_row(name, f"{value:.1f}")


def print_subtracted(segmenters: dict[str, Any], clock: Stopwatch) -> None:
    """A 512 x 512 frame by itself, and with one from before contrast agent: by the branch, or by two passes."""
    from VesselSegmentationLib.run_subtraction import SubtractingSegmenter

    before, *_, frame = simulated_run(512).frames
    change = SubtractingSegmenter(next(iter(segmenters.values())), (before,)).change
    print()
    print_row(
        "512 x 512 frame", "by itself, ms", "with its branch, ms", "without, in two passes, ms", "the difference, ms"
    )
    print_row(*["---"] * 5)
    for name, segmenter in segmenters.items():
        calls: dict[str, Callable[[], Any]] = {
            "alone": lambda one=segmenter: one.probability(frame),
            "branch": lambda one=segmenter: SubtractingSegmenter(one, (before,))(frame),
            "passes": lambda one=segmenter: SubtractingSegmenter(one.probability, (before,))(frame),
            "difference": lambda: change(frame),
        }
        print_row(name, *(f"{value:.1f}" for value in clock.medians(calls).values()))


def simulated_run(side: int) -> Any:
    """A short run of a simulated patient, while contrast agent arrives."""
    from VesselRegistrationLib.simulation.cases import simulate_case

    return simulate_case("lower", 9001, frames=FRAMES, size=side)


def print_row(*cells: str) -> None:
    """One row of a Markdown table."""
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
