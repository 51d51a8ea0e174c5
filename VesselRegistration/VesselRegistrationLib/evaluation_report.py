"""Evaluation results as JSON, as a Markdown table and as box plots like the paper's figures 5 and 8."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from VesselRegistrationLib.evaluation import FrameScore
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.metrics import Overlap, summarize

HEADING = "Simulated patients that no training saw. Research use only; simulation says nothing about patients."
OVERLAPS = ("dsc", "precision", "recall")
NAMES = {"dsc": "DSC", "precision": "Precision", "recall": "Recall"}


def write_patient_report(scores: Sequence[FrameScore], summary: dict[str, Any], folder: Path) -> str:
    """Write evaluation.json, evaluation.md and the plots; returns the Markdown."""
    frames = [
        {
            "region": score.region,
            "seed": score.seed,
            "frame": score.frame,
            **{NAMES[name]: _finite(getattr(score.segmentation, name)) for name in OVERLAPS},
            "refused": score.refused,
            "startInPlaneMm": _finite(score.start.in_plane_mm),
            "inPlaneMm": _finite(score.match.in_plane_mm) if score.match else None,
            "pointErrorPx": _finite(score.match.pixels) if score.match else None,
            "relativeDsc": _finite(score.relative_dsc),
        }
        for score in scores
    ]
    text = f"{HEADING}\n\n{_segmentation_table(summary)}\n{_matching_table(summary)}"
    document = {"schema": "vessel-registration/evaluation", "schemaVersion": 1, "summary": summary, "frames": frames}
    write_atomically(folder / "evaluation.json", json.dumps(document, indent=2, allow_nan=False) + "\n")
    write_atomically(folder / "evaluation.md", text)
    _write_plots(scores, folder)
    return text


def write_folder_report(names: Sequence[str], scores: Sequence[Overlap], folder: Path) -> str:
    """Write evaluation.json and evaluation.md for annotated frames; returns the Markdown."""
    summary = summarize(scores).as_dict()
    frames = [
        {"name": name, **{NAMES[key]: _finite(getattr(score, key)) for key in OVERLAPS}}
        for name, score in zip(names, scores, strict=True)
    ]
    text = _segmentation_table({"frames": {"segmentation": summary}})
    document = {"schema": "vessel-registration/evaluation", "schemaVersion": 1, "summary": summary, "frames": frames}
    write_atomically(folder / "evaluation.json", json.dumps(document, indent=2, allow_nan=False) + "\n")
    write_atomically(folder / "evaluation.md", text)
    return text


def _segmentation_table(summary: dict[str, Any]) -> str:
    lines = [
        "| vessels | frames | DSC median (quartiles) | Precision | Recall | DSC below 0.5 | pooled DSC |",
        "|---|---|---|---|---|---|---|",
    ]
    for region, content in summary.items():
        part = content["segmentation"]
        cells = [_range(part[name], 3) for name in OVERLAPS]
        lines.append(
            f"| {region} | {part['frames']} | {' | '.join(cells)} | {part['failures']} | {part['pooled_dsc']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def _matching_table(summary: dict[str, Any]) -> str:
    lines = [
        "| matching | frames | refused | in-plane error before, mm | after, mm | after, px of 512 | under 3 mm "
        "| DSC relative to the true projection |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for region, content in summary.items():
        part = content["matching"]
        lines.append(
            f"| {region} | {content['patients']} | {part['refused']} | {_range(part['start_in_plane_mm'], 1)} "
            f"| {_range(part['in_plane_mm'], 1)} | {_range(part['point_error_px'], 1)} "
            f"| {part['share_under_3_mm']:.0%} | {_range(part['dsc_relative_to_true'], 2)} |"
        )
    return "\n".join(lines) + "\n"


def _range(part: dict[str, Any], digits: int) -> str:
    values = [part[name] for name in ("median", "lower", "upper")]
    if any(value is None for value in values):
        return "none"
    return "{:.{d}f} ({:.{d}f} to {:.{d}f})".format(*values, d=digits)


def _write_plots(scores: Sequence[FrameScore], folder: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    regions = sorted({score.region for score in scores})
    figure = Figure(figsize=(4 + 3.5 * len(regions), 4.2), dpi=110)
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    series = [
        (f"{region}\n{NAMES[name]}", [getattr(score.segmentation, name) for score in scores if score.region == region])
        for region in regions
        for name in OVERLAPS
    ]
    _boxes(left, series, "Vessels found in simulated patients", (0.0, 1.0))
    errors = [
        (f"{region}\n{words}", [value for score in scores if score.region == region for value in _errors(score, words)])
        for region in regions
        for words in ("start", "matched")
    ]
    _boxes(right, errors, "In-plane error of the model's centreline, mm", None)
    figure.tight_layout()
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    write_atomically(folder / "evaluation.png", content.getvalue())


def _errors(score: FrameScore, words: str) -> list[float]:
    if words == "start":
        return [score.start.in_plane_mm]
    return [score.match.in_plane_mm] if score.match else []


def _boxes(axes: Any, series: list[tuple[str, list[float]]], title: str, limits: tuple[float, float] | None) -> None:
    values = [[value for value in numbers if not math.isnan(value)] for _, numbers in series]
    axes.boxplot(values, tick_labels=[name for name, _ in series], showfliers=True)
    axes.set_title(title, fontsize=10)
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", alpha=0.3)
    axes.set_ylim(limits or (0, None))


def _finite(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
