"""The project's pose beside what a user would take instead: affines in the picture, SimpleITK's, and diffdrr's pose.

    PYTHONPATH=build/benchmark .venv/bin/python Testing/Benchmarks/pose_comparison.py --workers 2 --output DIR

diffdrr comes with `make benchmark`, or as requirements-benchmark.txt says; without it, it is left out. All get the same
model, vessels and starts; settings were chosen on other patients (README.md here lists what was tried).
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import math
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
from pose_contestants import BEST_AFFINE, DRR, METHODS, POSE, Contestants, Outcome
from projection_baselines import diffdrr_version
from tqdm import tqdm

from VesselRegistrationLib.evaluation import FIRST_TEST_SEED
from VesselRegistrationLib.evaluation_summary import SUCCESS_MM, number
from VesselRegistrationLib.pose.metrics import CAPTURE_SHARE, success_share
from VesselSegmentationLib.files import write_atomically

REGIONS = ("lower", "upper", "coronary")
BORDERS_MM = (0.0, 5.0, 10.0, 20.0, 40.0, 60.0)
"""Intervals of the start's error that starts are drawn from; wider than the 1 mm of van de Kraats et al. 2005, as few
are drawn."""
LENIENT_SHARE = 0.8
COLORS = dict(zip(METHODS, ("#2f855a", "#2b6cb0", "#90cdf4", "#805ad5", "#a0aec0", "#c05621"), strict=True))


@dataclass(frozen=True)
class Plan:
    """What is measured on one simulated patient. Picklable."""

    region: str
    seed: int
    methods: tuple[str, ...]
    draws: int
    """Further starts per interval of the start's error."""
    drr_draws: int
    """How many of those for diffdrr too."""

    @property
    def weight(self) -> int:
        """Roughly how long it takes."""
        drr_starts = (1 + self.drr_draws * (len(BORDERS_MM) - 1)) if DRR in self.methods else 0
        return 10 * drr_starts + self.draws * (len(BORDERS_MM) - 1)


@dataclass(frozen=True)
class Measured:
    """What came of one plan."""

    usual: list[Outcome]
    drawn: list[Outcome]
    preparation_seconds: dict[str, float]


def measured(contestants: Contestants, plan: Plan) -> Measured:
    """All starts of one plan: the usual one, and those drawn evenly in each interval."""
    problem = contestants.problem(plan.region, plan.seed)
    usual = contestants.outcomes(problem, problem.usual_start(), plan.methods)
    rng = np.random.default_rng([plan.seed, len(plan.region), 17])
    quick = tuple(method for method in plan.methods if method != DRR)
    drawn = []
    for low, high in zip(BORDERS_MM[:-1], BORDERS_MM[1:], strict=True):
        for draw in range(plan.draws):
            start = problem.start_off_by(low + (high - low) * (draw + rng.uniform()) / plan.draws, rng)
            drawn += contestants.outcomes(problem, start, plan.methods if draw < plan.drr_draws else quick)
    return Measured(usual, drawn, problem.preparation_seconds)


def plans(options: argparse.Namespace) -> list[Plan]:
    """The longest first, so that processes end together."""
    found = []
    for region in options.regions:
        for patient in range(options.patients):
            draws = options.draws if patient < options.capture_patients else 0
            drr_draws = min(draws, options.drr_draws)
            found.append(Plan(region, options.first_seed + patient, options.methods, draws, drr_draws))
    return sorted(found, key=lambda plan: -plan.weight)


def summary(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """Per method: errors, success, failures, time, and their ratios to the project's pose."""
    found: dict[str, dict[str, Any]] = {}
    for method in dict.fromkeys(outcome.method for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.method == method]
        mtre = [outcome.mtre_mm for outcome in own]
        refused = sum(bool(outcome.refused) for outcome in own)
        found[method] = {
            "starts": len(own),
            "inPlaneMm": _quartiles([outcome.in_plane_mm for outcome in own]),
            "shareUnder3Mm": round(success_share([outcome.judged_mm for outcome in own], SUCCESS_MM), 3),
            "refused": refused,
            "wrongNotRefused": sum(outcome.judged_mm >= SUCCESS_MM for outcome in own),
            "mtreMm": None if np.isnan(mtre).all() else _quartiles(mtre),
            "cpuSeconds": round(float(np.median([outcome.seconds for outcome in own])), 3),
        }
    reference = found.get(POSE, {})
    for method, numbers in found.items():
        numbers["ratios"] = {
            "error": _ratio(numbers["inPlaneMm"][1], reference.get("inPlaneMm", [0, 0, 0])[1]),
            "success": _ratio(numbers["shareUnder3Mm"], reference.get("shareUnder3Mm", 0)),
            "time": None if method == BEST_AFFINE else _ratio(numbers["cpuSeconds"], reference.get("cpuSeconds", 0)),
        }
    return found


def capture(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """Per method: success per interval of the start's error, and the capture ranges."""
    found: dict[str, dict[str, Any]] = {}
    for method in dict.fromkeys(outcome.method for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.method == method]
        starts = np.array([outcome.start_mtre_mm for outcome in own])
        errors = np.array([outcome.judged_mm for outcome in own])
        # Bisection may end a hair beyond a border.
        interval = np.clip(np.digitize(starts - 1e-6, BORDERS_MM) - 1, 0, len(BORDERS_MM) - 2)
        shares = [success_share(errors[interval == one], SUCCESS_MM) for one in range(len(BORDERS_MM) - 1)]
        found[method] = {
            "draws": len(own),
            "drawsPerInterval": np.bincount(interval, minlength=len(shares)).tolist(),
            "success": [number(share) for share in shares],
            "captureRangeMm": _reached(shares, CAPTURE_SHARE),
            "captureRange80Mm": _reached(shares, LENIENT_SHARE),
        }
    return found


def _reached(shares: Sequence[float], least: float) -> float:
    """The upper border of the last interval before the first with a smaller share of success."""
    reached = BORDERS_MM[0]
    for border, share in zip(BORDERS_MM[1:], shares, strict=True):
        if not share >= least:
            break
        reached = border
    return reached


def capture_plot(captured: dict[str, dict[str, Any]]) -> bytes:
    """Success against the start's error, as a PNG file's content."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 4.4), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    middles = [(low + high) / 2 for low, high in zip(BORDERS_MM[:-1], BORDERS_MM[1:], strict=True)]
    for method, numbers in captured.items():
        label = f"{method} ({numbers['draws']} starts)"
        shares = [math.nan if share is None else share for share in numbers["success"]]
        style = "--" if method == BEST_AFFINE else "-"
        axes.plot(middles, shares, marker="o", linestyle=style, color=COLORS[method], label=label)
    for border in BORDERS_MM:
        axes.axvline(border, color="#e2e8f0", linewidth=0.8, zorder=0)
    axes.axhline(CAPTURE_SHARE, color="#718096", linewidth=0.8, linestyle=":")
    axes.set_xlabel("error of the start, mTRE, mm")
    axes.set_ylabel(f"share within {SUCCESS_MM:g} mm in the plane")
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3, axis="y")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def summary_table(numbers: dict[str, dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| method | in-plane error, mm: median (quartiles) | under 3 mm | wrong, not refused | refused "
        "| mTRE, mm: median (quartiles) | CPU, s | error / pose's | success / pose's | time / pose's |",
        "| --- " * 10 + "|",
    ]
    for method, found in numbers.items():
        ratios = found["ratios"]
        cells = [
            method,
            _spread(found["inPlaneMm"]),
            f"{found['shareUnder3Mm']:.0%}",
            str(found["wrongNotRefused"]),
            str(found["refused"]),
            "" if found["mtreMm"] is None else _spread(found["mtreMm"]),
            "" if method == BEST_AFFINE else f"{found['cpuSeconds']:.2f}",
            *("" if ratios[name] is None else f"{ratios[name]:.2f}" for name in ("error", "success", "time")),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def capture_table(captured: dict[str, dict[str, Any]]) -> str:
    """Markdown."""
    heads = [f"{low:g} to {high:g}" for low, high in zip(BORDERS_MM[:-1], BORDERS_MM[1:], strict=True)]
    lines = [
        "| method | starts | " + " | ".join(heads) + " | capture range, 95 %, mm | capture range, 80 %, mm |",
        "| --- " * (len(heads) + 4) + "|",
    ]
    for method, found in captured.items():
        cells = ["" if share is None else f"{share:.0%}" for share in found["success"]]
        ranges = [f"{found[name]:g}" for name in ("captureRangeMm", "captureRange80Mm")]
        lines.append("| " + " | ".join([method, str(found["draws"]), *cells, *ranges]) + " |")
    return "\n".join(lines)


def report(results: Iterable[Measured], options: argparse.Namespace) -> None:
    """Print the tables and write them, every outcome and the plot."""
    results = list(results)
    usual = [outcome for result in results for outcome in result.usual]
    drawn = [outcome for result in results for outcome in result.drawn]
    summed, captured = summary(usual), capture(drawn)
    prepared = {
        method: round(float(np.median([result.preparation_seconds[method] for result in results])), 2)
        for method in (POSE, DRR)
        if method in options.methods
    }
    text = [
        f"torch {torch.__version__}, diffdrr {diffdrr_version()}; CPU seconds of one thread.",
        "Once per model, CPU seconds: " + ", ".join(f"{method} {seconds:g}" for method, seconds in prepared.items()),
        f"\nUsual start, {len(results)} views\n\n{summary_table(summed)}",
    ]
    if captured:
        title = f"Share within {SUCCESS_MM:g} mm in the plane, by the mTRE of the start in mm"
        text.append(f"\n{title}\n\n{capture_table(captured)}")
    print("\n".join(text))
    if options.output:
        content = {
            "diffdrr": diffdrr_version(),
            "drrSettings": dataclasses.asdict(options.drr),
            "preparationCpuSeconds": prepared,
            "usualStart": summed,
            "bordersMm": BORDERS_MM,
            "capture": captured,
        }
        rows = {"usual": [_row(one) for one in usual], "drawn": [_row(one) for one in drawn]}
        write_atomically(options.output / "pose_comparison.md", "\n".join(text) + "\n")
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
    parser.add_argument("--patients", type=int, default=8, help="per region (default: %(default)s)")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, help="all, where diffdrr is there")
    parser.add_argument("--capture-patients", type=int, default=2, help="per region, the first of them for the capture")
    parser.add_argument("--draws", type=int, default=3, help="starts per patient and interval for the capture")
    parser.add_argument("--drr-draws", type=int, default=1, help="how many of those for diffdrr too")
    parser.add_argument("--drr-picture", choices=PICTURES, default=DrrSettings.picture)
    parser.add_argument("--workers", type=int, default=1, help="processes, of one thread each")
    parser.add_argument("--output", type=Path, help="folder for the tables, all outcomes and pose_capture.png")
    options = parser.parse_args()
    options.drr = DrrSettings(picture=options.drr_picture)
    options.methods = tuple(method for method in METHODS if method in options.methods)
    if DRR in options.methods and diffdrr_version() == "not installed":
        print("diffdrr is not installed and is left out; see requirements-benchmark.txt.")
        options.methods = tuple(method for method in options.methods if method != DRR)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
    return options


def main() -> None:
    """Command line."""
    options = _options()
    make, planned = _Maker(options.segmentation_network, options.drr), plans(options)
    if options.workers == 1:
        _set_up(make)
        report([_in_worker(plan) for plan in tqdm(planned, unit="patient")], options)
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.workers, context, initializer=_set_up, initargs=(make,)) as executor:
        report(tqdm(executor.map(_in_worker, planned), total=len(planned), unit="patient"), options)


if __name__ == "__main__":
    main()
