"""Sheets of the best, median and worst frames of an evaluation, like figures 6, 7 and 9 of Li et al. 2021, as JPEG."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.evaluation import ExaminedFrame, FrameScore
from VesselRegistrationLib.registration_pictures import OUTLINE_RGB
from VesselSegmentationLib.metrics import overlap_metrics
from VesselSegmentationLib.overlay import attention_overlay, colored, grey_rgb, outline, overlap_overlay

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from VesselSegmentationLib.segmenter import VesselSegmenter

RgbImage = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]
Scored = TypeVar("Scored")

PANEL_INCHES, DOTS_PER_INCH, JPEG_QUALITY = 2.5, 100, 82
OVERLAP_COLORS = "Yellow: vessel found. Magenta: found, but no vessel. Cyan: vessel missed."
VESSEL_CAPTION = (
    f"{OVERLAP_COLORS} Grad-CAM of a deep layer of the network: red where the picture speaks most for vessel.\n"
    "Simulated patients. Research use only."
)
ANNOTATED_CAPTION = VESSEL_CAPTION.replace("Simulated patients. ", "")
MATCHING_CAPTION = (
    "Yellow: model on a vessel found. Magenta: model alone. Cyan: vessel found alone. Amber: outline of the model.\n"
    "Simulated patients. Research use only."
)


@dataclass(frozen=True)
class Panel:
    """One picture of a sheet with its title; without a picture, the text in its place."""

    title: str
    picture: RgbImage | None
    text: str = ""


def best_median_worst(scores: Sequence[Scored], goodness: Callable[[Scored], float]) -> list[tuple[str, Scored]]:
    """The frames that a sheet shows, each once: of one frame that one, of two the best and the worst."""
    ranked = sorted(scores, key=goodness, reverse=True)
    places = {len(ranked) - 1: "worst", (len(ranked) - 1) // 2: "median", 0: "best"}
    if len(ranked) == 2:
        places = {0: "best", 1: "worst"}
    return [(places[place], ranked[place]) for place in sorted(places)]


def vessel_goodness(score: FrameScore) -> float:
    """Frames in the order of their DSC."""
    return score.vessels.overlap.dsc


def match_goodness(score: FrameScore) -> float:
    """Frames in the order of the match's error; refused ones are the worst."""
    return -score.match.errors.in_plane_mm if score.match is not None else -np.inf


def vessel_panels(
    name: str,
    image: NDArray[np.generic],
    truth: BoolArray,
    found: BoolArray,
    filtered: BoolArray | None,
    segmenter: VesselSegmenter,
) -> list[Panel]:
    """Figures 6 and 7: the frame, the true vessels, what was found beside them, and where the network looked."""
    from VesselSegmentationLib.attention import attention_map

    panels = [
        Panel(name, grey_rgb(image)),
        Panel("true vessels", colored(grey_rgb(image), truth, OUTLINE_RGB, 0.6)),
        Panel(f"network: DSC {overlap_metrics(found, truth).dsc:.2f}", overlap_overlay(image, found, truth)),
    ]
    if filtered is not None:
        title = f"Frangi filter: DSC {overlap_metrics(filtered, truth).dsc:.2f}"
        panels.append(Panel(title, overlap_overlay(image, filtered, truth)))
    attention = attention_map(segmenter.network, image)
    title = "Grad-CAM" if attention.any() else "Grad-CAM: no vessel found"
    return [*panels, Panel(title, attention_overlay(image, attention))]


def match_panels(name: str, frame: ExaminedFrame) -> list[Panel]:
    """Figure 9: the vessels found, and the model over the picture before matching, matched, and at its rigid pose."""
    score, grey = frame.score, grey_rgb(frame.image)
    panels = [
        Panel(name, colored(grey, frame.found, (255, 80, 80), 0.55)),
        Panel(f"before: {score.start.in_plane_mm:.1f} mm off", _outlined(grey, frame.start)),
    ]
    if score.match is not None and frame.matched is not None:
        overlap = overlap_overlay(frame.image, frame.matched, frame.found, opacity=0.5)
        panels.append(Panel(f"matched: DSC {score.match.overlap.dsc:.2f}", overlap))
        title = f"matched: {score.match.errors.in_plane_mm:.1f} mm off"
        panels.append(Panel(title, _outlined(grey, frame.matched)))
    else:
        panels += [Panel("match refused", None, score.refused), Panel("", None)]
    if frame.posed is not None:
        title = f"rigid pose: {score.pose.errors.in_plane_mm:.1f} mm off"
        return [*panels, Panel(title, _outlined(grey, frame.posed))]
    return [*panels, Panel("rigid pose refused", None, score.pose.refused)]


def _outlined(grey: RgbImage, mask: BoolArray) -> RgbImage:
    """The mask's outline, wide enough to be seen in a panel, which is smaller than the frame."""
    from scipy.ndimage import binary_dilation

    width = max(mask.shape) / (PANEL_INCHES * DOTS_PER_INCH)
    return colored(grey, binary_dilation(outline(mask), iterations=max(1, round(width / 2))), OUTLINE_RGB, 1.0)


def sheet(heading: str, rows: Sequence[Sequence[Panel]], caption: str) -> bytes:
    """A JPEG file's content: rows of panels under a heading."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns, edge = max(len(row) for row in rows), 0.85
    size = (PANEL_INCHES * columns, (PANEL_INCHES + 0.22) * len(rows) + edge)
    figure = Figure(figsize=size, dpi=DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, row in zip(axes, rows, strict=True):
        for place, panel in zip(line, row, strict=False):
            _show(place, panel)
        for empty in line[len(row) :]:
            empty.axis("off")
    figure.suptitle(heading, fontsize=11, y=1 - 0.06 / size[1], va="top")
    figure.text(0.5, 0.06 / size[1], caption, ha="center", va="bottom", fontsize=8.5, color="0.25")
    figure.subplots_adjust(
        left=0.005, right=0.995, bottom=0.42 / size[1], top=1 - 0.48 / size[1], wspace=0.02, hspace=0.1
    )
    content = io.BytesIO()
    figure.savefig(content, format="jpeg", pil_kwargs={"quality": JPEG_QUALITY, "optimize": True, "progressive": True})
    return content.getvalue()


def _show(axes: Axes, panel: Panel) -> None:
    axes.set_title(panel.title, fontsize=9, pad=3)
    axes.axis("off")
    if panel.picture is not None:
        axes.imshow(panel.picture)
    elif panel.text:
        axes.text(0.5, 0.5, textwrap.fill(panel.text, 34), ha="center", va="center", fontsize=8, color="0.3")
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
