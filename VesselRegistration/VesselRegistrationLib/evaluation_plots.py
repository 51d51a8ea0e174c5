"""Box plots of evaluation scores, like figures 5 and 8 of Li et al. 2021, as PNG files' content."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from VesselRegistrationLib.evaluation import AnnotatedScore, FrameScore, PointErrors, VesselScore
from VesselRegistrationLib.evaluation_summary import SUCCESS_MM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NETWORK_COLOR, BASELINE_COLOR, POSE_COLOR = "#2b6cb0", "#a0aec0", "#2f855a"
SMALLEST_MM = 0.05
"""Errors below this are drawn here: the axis is logarithmic."""
Series = tuple[str, str, list[list[float]]]
"""Name, color, and the values at each place of the axis."""


def vessel_plot(scores: Sequence[FrameScore]) -> bytes:
    """Figure 5: DSC, Precision, Recall and centerline Dice per region, beside the Frangi filter where it ran."""
    groups = _regions(scores)
    figure = _figure(4.6 * len(groups), 4.4)
    row = _row(figure, len(groups))
    for axes, (region, group) in zip(row, groups.items(), strict=True):
        _vessel_boxes(axes, group, f"{region}: {len(group)} simulated frames")
    for axes in row[1:]:
        axes.set_ylabel("")
    return _png(figure)


def annotated_plot(scores: Sequence[AnnotatedScore]) -> bytes:
    """The same for annotated frames."""
    figure = _figure(5.4, 4.4)
    _vessel_boxes(_row(figure, 1)[0], scores, f"{len(scores)} annotated frames")
    return _png(figure)


def matching_plot(scores: Sequence[FrameScore]) -> bytes:
    """Figure 8: overlap of the match with the vessels found, and how far off the centerline is shown."""
    groups = _regions(scores)
    figure = _figure(4.6 * len(groups), 8.2)
    axes = figure.subplots(2, len(groups), squeeze=False, sharey="row")
    for column, (region, group) in enumerate(groups.items()):
        matches = [score.match for score in group if score.match is not None]
        overlaps = [[getattr(match.overlap, name) for match in matches] for name in ("dsc", "precision", "recall")]
        _boxes(axes[0, column], ["DSC", "Precision", "Recall"], [("matched", NETWORK_COLOR, overlaps)])
        _finish(axes[0, column], f"{region}: {len(matches)} of {len(group)} matched", "overlap with the vessels found")
        _error_boxes(axes[1, column], group)
        _finish(axes[1, column], f"{region}: how far off the centerline is shown", "error at the isocenter, mm")
    low, high = axes[1, 0].get_ylim()
    axes[1, 0].set_ylim(min(low, 0.5), max(high, 10) * 2)
    for place in axes[:, 1:].flat:
        place.set_ylabel("")
    return _png(figure)


def _regions(scores: Sequence[FrameScore]) -> dict[str, list[FrameScore]]:
    regions = dict.fromkeys(score.region for score in scores)
    return {region: [score for score in scores if score.region == region] for region in regions}


def _vessel_boxes(axes: Axes, scores: Sequence[FrameScore] | Sequence[AnnotatedScore], title: str) -> None:
    filtered = [score.frangi for score in scores if score.frangi is not None]
    series = [("network", NETWORK_COLOR, _vessel_values([score.vessels for score in scores]))]
    if filtered:
        series.append(("Frangi filter", BASELINE_COLOR, _vessel_values(filtered)))
    _boxes(axes, ["DSC", "Precision", "Recall", "centerline\nDice"], series)
    _finish(axes, title, "score of a frame (1: perfect)")


def _vessel_values(scores: Sequence[VesselScore]) -> list[list[float]]:
    overlaps = [[getattr(score.overlap, name) for score in scores] for name in ("dsc", "precision", "recall")]
    return [*overlaps, [score.centerline_dice for score in scores]]


def _error_boxes(axes: Axes, scores: Sequence[FrameScore]) -> None:
    accepted = [score.pose.errors for score in scores if not score.pose.refused]
    columns: list[tuple[str, str, list[PointErrors]]] = [
        ("before", BASELINE_COLOR, [score.start for score in scores]),
        ("matched", NETWORK_COLOR, [score.match.errors for score in scores if score.match is not None]),
        ("rigid\npose", POSE_COLOR, accepted),
    ]
    registered = [score.simpleitk for score in scores if score.simpleitk is not None]
    if registered:
        columns.append(("SimpleITK", BASELINE_COLOR, registered))
    for place, (_, color, errors) in enumerate(columns):
        values = [max(error.in_plane_mm, SMALLEST_MM) for error in errors if math.isfinite(error.in_plane_mm)]
        _box(axes, place, values, color, 0.5)
    axes.set_xticks(range(len(columns)), [f"{name}\n(n = {len(errors)})" for name, _, errors in columns])
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.axhline(SUCCESS_MM, color="#c53030", linewidth=1, linestyle="--", label=f"{SUCCESS_MM:g} mm", zorder=0)
    axes.legend(fontsize=8, loc="upper right")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")


def _boxes(axes: Axes, labels: Sequence[str], series: Sequence[Series]) -> None:
    """Groups of boxes between 0 and 1, one group per label, one box per series in each."""
    width = 0.7 / len(series)
    for index, (_, color, groups) in enumerate(series):
        for place, values in enumerate(groups):
            middle = place + (index - (len(series) - 1) / 2) * width
            _box(axes, middle, [value for value in values if math.isfinite(value)], color, 0.85 * width)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set_ylim(-0.02, 1.02)
    axes.set_yticks(np.linspace(0, 1, 6))
    if len(series) > 1:
        from matplotlib.patches import Patch

        handles = [Patch(facecolor=color, label=name) for name, color, _ in series]
        axes.legend(handles=handles, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=len(series))


def _box(axes: Axes, place: float, values: list[float], color: str, width: float) -> None:
    """Median, quartiles, whiskers to 1.5 times their distance, and the frames beyond."""
    if not values:
        return
    drawn = axes.boxplot(
        [values],
        positions=[place],
        widths=width,
        patch_artist=True,
        manage_ticks=False,
        medianprops={"color": "black", "linewidth": 1.4},
        flierprops={"marker": ".", "markersize": 4, "markeredgecolor": color},
    )
    drawn["boxes"][0].set(facecolor=color, alpha=0.75)


def _finish(axes: Axes, title: str, label: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_ylabel(label, fontsize=9)
    axes.tick_params(labelsize=8.5)
    axes.grid(axis="y", alpha=0.3)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _row(figure: Figure, count: int) -> list[Axes]:
    return list(figure.subplots(1, count, squeeze=False, sharey=True)[0])


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
