"""The project's pose beside what a user would take instead: affines in the picture, SimpleITK's, and diffdrr's pose.

PYTHONPATH=build/benchmark python Testing/Benchmarks/pose_comparison.py --output DIR
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pose_by_drr import PICTURES, DrrSettings
from pose_contestants import DRR, METHODS, POSE, QUICK, Contestants, Outcome
from projection_baselines import diffdrr_version

from VesselRegistrationLib.evaluation import FIRST_TEST_SEED
from VesselRegistrationLib.evaluation_summary import SUCCESS_MM, number
from VesselRegistrationLib.pose.metrics import capture_range_mm, success_share
from VesselSegmentationLib.files import write_atomically

REGIONS = ("lower", "upper", "coronary")
CAPTURE_BIN_MM = 10.0
"""Wider than the 1 mm of van de Kraats et al. 2005, for as few draws as are made here."""
LENIENT_SHARE = 0.8
COLORS = dict(zip(METHODS, ("#2f855a", "#2b6cb0", "#90cdf4", "#a0aec0", "#c05621"), strict=True))


@dataclass(frozen=True)
class Plan:
    """What is measured on one simulated patient. Picklable."""

    region: str
    seed: int
    methods: tuple[str, ...]
    """From the usual start; all patients."""
    draws: int
    """Further starts for the quick methods."""
    drr_draws: int
    """How many of those for diffdrr too."""
    most_mm: float

    @property
    def weight(self) -> int:
        """Roughly how long it takes."""
        return 10 * ((DRR in self.methods) + self.drr_draws) + self.draws


@dataclass(frozen=True)
class Measured:
    """What came of one plan."""

    usual: list[Outcome]
    drawn: list[Outcome]
    preparation_seconds: dict[str, float]


def measured(contestants: Contestants, plan: Plan) -> Measured:
    """All starts of one plan, the drawn ones spread evenly over 0 to `most_mm`."""
    problem = contestants.problem(plan.region, plan.seed)
    usual = contestants.outcomes(problem, problem.usual_start(), plan.methods)
    rng = np.random.default_rng([plan.seed, len(plan.region), 17])
    drawn = []
    for draw in range(plan.draws):
        start = problem.start_off_by(plan.most_mm * (draw + rng.uniform()) / plan.draws, rng)
        # diffdrr's few draws are spread over the same range.
        is_slow_too = (draw * plan.drr_draws) % plan.draws < plan.drr_draws
        drawn += contestants.outcomes(problem, start, METHODS if is_slow_too else QUICK)
    return Measured(usual, drawn, problem.preparation_seconds)


def plans(options: argparse.Namespace) -> list[Plan]:
    """The longest first, so that processes end together."""
    found = []
    for region in options.regions:
        for patient in range(options.patients):
            methods = METHODS if patient < options.drr_patients else QUICK
            is_drawn = patient < options.capture_patients
            draws, drr_draws = (options.draws, options.drr_draws) if is_drawn else (0, 0)
            seed = options.first_seed + patient
            found.append(Plan(region, seed, methods, draws, min(draws, drr_draws), options.most_mm))
    return sorted(found, key=lambda plan: -plan.weight)


def summary(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """Per method: errors, success, time, and their ratios to the project's pose."""
    found: dict[str, dict[str, Any]] = {}
    for method in dict.fromkeys(outcome.method for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.method == method]
        mtre = [outcome.mtre_mm for outcome in own]
        found[method] = {
            "starts": len(own),
            "inPlaneMm": _quartiles([outcome.in_plane_mm for outcome in own]),
            "shareUnder3Mm": round(success_share([outcome.judged_mm for outcome in own], SUCCESS_MM), 3),
            "shareRefused": round(float(np.mean([bool(outcome.refused) for outcome in own])), 3),
            "mtreMm": None if np.isnan(mtre).all() else _quartiles(mtre),
            "cpuSeconds": round(float(np.median([outcome.seconds for outcome in own])), 2),
        }
    reference = found[POSE]
    for numbers in found.values():
        numbers["ratios"] = {
            "error": _ratio(numbers["inPlaneMm"][1], reference["inPlaneMm"][1]),
            "success": _ratio(numbers["shareUnder3Mm"], reference["shareUnder3Mm"]),
            "time": _ratio(numbers["cpuSeconds"], reference["cpuSeconds"]),
        }
    return found


def capture(outcomes: Sequence[Outcome], most_mm: float) -> dict[str, dict[str, Any]]:
    """Per method: success per interval of the start's error, and the capture ranges."""
    found: dict[str, dict[str, Any]] = {}
    for method in dict.fromkeys(outcome.method for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.method == method]
        starts = np.array([outcome.start_mtre_mm for outcome in own])
        errors = np.array([outcome.judged_mm for outcome in own])
        # Bisection may end a hair beyond a border.
        interval = np.floor(np.minimum(starts, most_mm - 1e-6) / CAPTURE_BIN_MM).astype(int)
        bins = np.unique(interval)
        found[method] = {
            "draws": len(own),
            "binMiddlesMm": [float((one + 0.5) * CAPTURE_BIN_MM) for one in bins],
            "drawsPerBin": [int((interval == one).sum()) for one in bins],
            "success": [round(success_share(errors[interval == one], SUCCESS_MM), 3) for one in bins],
            "captureRangeMm": round(capture_range_mm(starts, errors, SUCCESS_MM, bin_mm=CAPTURE_BIN_MM), 1),
            "captureRange80Mm": round(
                capture_range_mm(starts, errors, SUCCESS_MM, share=LENIENT_SHARE, bin_mm=CAPTURE_BIN_MM), 1
            ),
        }
    return found


def capture_plot(captured: dict[str, dict[str, Any]]) -> bytes:
    """Success against the start's error, as a PNG file's content."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for method, numbers in captured.items():
        label = f"{method} ({numbers['draws']} draws)"
        axes.plot(numbers["binMiddlesMm"], numbers["success"], marker="o", color=COLORS[method], label=label)
    axes.axhline(0.95, color="#718096", linewidth=0.8, linestyle=":")
    axes.set_xlabel("error of the start, mTRE, mm")
    axes.set_ylabel(f"share within {SUCCESS_MM:g} mm in the plane")
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="upper right")
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def summary_table(numbers: dict[str, dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| method | in-plane error, mm: median (quartiles) | under 3 mm | refused | mTRE, mm: median (quartiles) "
        "| CPU, s | error / pose's | success / pose's | time / pose's |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for method, found in numbers.items():
        ratios = found["ratios"]
        cells = [
            method,
            _spread(found["inPlaneMm"]),
            f"{found['shareUnder3Mm']:.2f}",
            f"{found['shareRefused']:.2f}",
            "" if found["mtreMm"] is None else _spread(found["mtreMm"]),
            f"{found['cpuSeconds']:.2f}",
            *(f"{ratios[name]:.2f}" if ratios[name] is not None else "" for name in ("error", "success", "time")),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def capture_table(captured: dict[str, dict[str, Any]]) -> str:
    """Markdown."""
    middles = sorted({middle for found in captured.values() for middle in found["binMiddlesMm"]})
    half = CAPTURE_BIN_MM / 2
    heads = [f"{middle - half:g} to {middle + half:g}" for middle in middles]
    lines = [
        "| method | draws | " + " | ".join(heads) + " | capture range, 95 %, mm | capture range, 80 %, mm |",
        "| --- " * (len(middles) + 4) + "|",
    ]
    for method, found in captured.items():
        share = dict(zip(found["binMiddlesMm"], found["success"], strict=True))
        cells = [f"{share[middle]:.2f}" if middle in share else "" for middle in middles]
        ranges = [f"{found[name]:g}" for name in ("captureRangeMm", "captureRange80Mm")]
        lines.append("| " + " | ".join([method, str(found["draws"]), *cells, *ranges]) + " |")
    return "\n".join(lines)


def report(results: Iterable[Measured], options: argparse.Namespace) -> None:
    """Print the tables and write them, every outcome and the plot."""
    results = list(results)
    usual = [outcome for result in results for outcome in result.usual]
    drawn = [outcome for result in results for outcome in result.drawn]
    slow = {(outcome.region, outcome.seed) for outcome in usual if outcome.method == DRR}
    common = summary([outcome for outcome in usual if (outcome.region, outcome.seed) in slow]) if slow else {}
    everyone = summary([outcome for outcome in usual if outcome.method != DRR])
    captured = capture(drawn, options.most_mm) if drawn else {}
    prepared = {
        name: round(
            float(np.median([r.preparation_seconds[name] for r in results if name in r.preparation_seconds])), 2
        )
        for name in (POSE, DRR)
        if any(name in result.preparation_seconds for result in results)
    }
    print(f"torch {torch.__version__}, diffdrr {diffdrr_version()}; CPU seconds of one thread.")
    print(f"Once per model, CPU seconds: {prepared}")
    for title, numbers in (("Views that all methods had", common), ("All views", everyone)):
        if numbers:
            print(f"\n{title}: {numbers[POSE]['starts']}\n\n{summary_table(numbers)}")
    if captured:
        print(f"\nShare within {SUCCESS_MM:g} mm, by the mTRE of the start in mm\n\n{capture_table(captured)}")
    if options.output:
        content = {
            "diffdrr": diffdrr_version(),
            "drrSettings": dataclasses.asdict(options.drr),
            "preparationCpuSeconds": prepared,
            "common": common,
            "all": everyone,
            "capture": captured,
        }
        rows = {"usual": [_row(one) for one in usual], "drawn": [_row(one) for one in drawn]}
        write_atomically(options.output / "pose_comparison.json", json.dumps(content, indent=1) + "\n")
        write_atomically(options.output / "pose_outcomes.json", json.dumps(rows) + "\n")
        if captured:
            write_atomically(options.output / "pose_capture.png", capture_plot(captured))


def _row(outcome: Outcome) -> dict[str, str | float | None]:
    values = dataclasses.asdict(outcome)
    return {name: number(value) if isinstance(value, float) else value for name, value in values.items()}


def _quartiles(values: Sequence[float]) -> list[float]:
    return [round(float(value), 2) for value in np.nanpercentile(values, (25, 50, 75))]


def _spread(quartiles: Sequence[float]) -> str:
    low, middle, high = quartiles
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _ratio(value: float, reference: float) -> float | None:
    return round(value / reference, 3) if reference else None


_of_this_worker: list[Contestants] = []


def _set_up(make: Callable[[], Contestants]) -> None:
    torch.set_num_threads(1)
    _of_this_worker[:] = [make()]


def _in_worker(plan: Plan) -> Measured:
    return measured(_of_this_worker[0], plan)


@dataclass(frozen=True)
class _Maker:
    """Picklable, unlike networks."""

    segmentation_network: Path | None
    drr: DrrSettings

    def __call__(self) -> Contestants:
        return Contestants(self.segmentation_network, self.drr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segmentation-network", type=Path, help="folder of a network; without it the shipped one")
    parser.add_argument("--regions", nargs="+", default=REGIONS, choices=REGIONS)
    parser.add_argument("--first-seed", type=int, default=FIRST_TEST_SEED)
    parser.add_argument("--patients", type=int, default=14, help="per region")
    parser.add_argument("--drr-patients", type=int, default=4, help="per region, the first of them for diffdrr too")
    parser.add_argument("--capture-patients", type=int, default=2, help="per region, the first of them for the capture")
    parser.add_argument("--draws", type=int, default=18, help="starts per patient for the capture range")
    parser.add_argument("--drr-draws", type=int, default=3, help="how many of those for diffdrr too")
    parser.add_argument("--most-mm", type=float, default=60.0, help="largest mTRE of a start")
    parser.add_argument("--drr-picture", choices=PICTURES, default=DrrSettings.picture)
    parser.add_argument("--workers", type=int, default=1, help="processes, of one thread each")
    parser.add_argument(
        "--output", type=Path, help="folder for pose_comparison.json, all outcomes and pose_capture.png"
    )
    options = parser.parse_args()
    options.drr = DrrSettings(picture=options.drr_picture)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
    return options


def main() -> None:
    """Command line."""
    options = _options()
    make = _Maker(options.segmentation_network, options.drr)
    if options.workers == 1:
        _set_up(make)
        report([_in_worker(plan) for plan in plans(options)], options)
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.workers, context, initializer=_set_up, initargs=(make,)) as executor:
        report(executor.map(_in_worker, plans(options)), options)


if __name__ == "__main__":
    main()
