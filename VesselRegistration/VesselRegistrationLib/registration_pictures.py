"""Pictures of a registered frame: projection in its region, overlap colors, outline, and a sheet with all of them."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.affine import RegionOfInterest
from VesselRegistrationLib.projection import Projection
from VesselRegistrationLib.registration import FrameRegistration, Status
from VesselSegmentationLib.overlay import colored, grey_rgb, outline, overlap_overlay

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RgbImage = NDArray[np.uint8]

OUTLINE_RGB = (255, 176, 0)
"""Amber: read well on grey, and none of the three overlap colours."""
ROI_RGB = (0, 200, 120)
DARKEST = 0.15
"""Transmission shown for the longest path in a DRR-like projection."""


def projection_picture(projection: Projection) -> RgbImage:
    """The model as X-rays would show it, filled with contrast: darker where the ray is longer inside it."""
    if projection.path_length_mm is None:
        transmission = np.where(projection.silhouette, 0.45, 1.0)
    else:
        inside = projection.path_length_mm[projection.silhouette]
        longest = float(np.percentile(inside, 99)) if inside.size else 1.0
        transmission = np.exp(np.log(DARKEST) * projection.path_length_mm / max(longest, 1e-6))
    grey = np.rint(30 + 200 * np.clip(transmission, 0, 1)).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def with_roi(picture: RgbImage, roi: RegionOfInterest) -> RgbImage:
    """A copy with the region of interest drawn on it, two pixels wide."""
    result = picture.copy()
    top, bottom, left, right = roi.y, roi.y + roi.height, roi.x, roi.x + roi.width
    for thickness in range(2):
        result[min(top + thickness, bottom - 1), left:right] = ROI_RGB
        result[max(bottom - 1 - thickness, top), left:right] = ROI_RGB
        result[top:bottom, min(left + thickness, right - 1)] = ROI_RGB
        result[top:bottom, max(right - 1 - thickness, left)] = ROI_RGB
    return result


def with_outline(frame: RgbImage, mask: NDArray[np.bool_], opacity: float = 1.0) -> RgbImage:
    """A copy with the mask's outline drawn on it, about a 400th of the picture wide so that it can be seen."""
    from scipy.ndimage import binary_dilation

    line = outline(mask)
    extra = round(max(mask.shape) / 400) // 2
    if extra:
        line = binary_dilation(line, iterations=extra)
    return colored(frame, line, OUTLINE_RGB, opacity)


def frame_pictures(result: FrameRegistration) -> dict[str, RgbImage | NDArray[np.uint8]]:
    """File name to picture, on the frame's own pixels. A refused frame has no overlay and no outline."""
    frame = grey_rgb(result.image)
    pictures: dict[str, RgbImage | NDArray[np.uint8]] = {
        "frame.png": frame[:, :, 0],
        "mask.png": mask_picture(result),
        "projection.png": with_roi(projection_picture(result.projection), result.roi),
    }
    if result.match is not None and result.status is Status.REGISTERED:
        pictures["overlay.png"] = overlap_overlay(result.image, result.match.warped, result.vessels, opacity=0.5)
        pictures["outline.png"] = with_outline(frame, _outlined(result))
    return pictures


def mask_picture(result: FrameRegistration) -> NDArray[np.uint8]:
    """The vessels found, white on black."""
    return np.where(result.vessels, 255, 0).astype(np.uint8)


def summary_sheet(result: FrameRegistration) -> bytes:
    """All pictures of a frame with their numbers on one sheet, as a PNG file's content."""
    content = io.BytesIO()
    summary_figure(result).savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def summary_figure(result: FrameRegistration) -> Figure:
    """The same to draw on."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 10.4), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3)
    frame = grey_rgb(result.image)
    before = with_outline(frame, result.projection.silhouette)
    _show(axes[0, 0], frame, f"X-ray frame {result.frame}, {result.c_arm.angle_text()}")
    _show(axes[0, 1], colored(frame, result.vessels, (255, 80, 80), 0.55), "Vessels found (red)")
    projected = with_roi(projection_picture(result.projection), result.roi)
    _show(axes[0, 2], projected, "Model projected at these angles, region of interest")
    _show(axes[1, 0], before, "Before matching: the model's outline")
    if result.match is not None:
        overlay = overlap_overlay(result.image, result.match.warped, result.vessels, opacity=0.5)
        overlap = result.match.overlap
        title = f"DSC {overlap.dsc:.2f}, Precision {overlap.precision:.2f}, Recall {overlap.recall:.2f}"
        _show(axes[1, 1], overlay, title + "\nyellow both, magenta model, cyan vessel")
        after = with_outline(frame, _outlined(result))
        _show(axes[1, 2], after, "After matching: the model's outline" + _stated(result))
    else:
        for empty in axes[1, 1:]:
            empty.axis("off")
    heading = f"{result.run}, frame {result.frame}: {result.status.value}" + (
        f". {result.reason}" if result.reason else ""
    )
    figure.suptitle(heading, fontsize=13, wrap=True)
    figure.text(0.5, 0.008, "Research use only. Not a medical device.", ha="center", fontsize=9, color="0.4")
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.03, top=0.93, wspace=0.02, hspace=0.09)
    return figure


def _stated(result: FrameRegistration) -> str:
    """The error that a pose states of itself."""
    if result.pose is None or not math.isfinite(result.pose.expected_in_plane_error_mm):
        return ""
    return f"\nexpected error {result.pose.expected_in_plane_error_mm:.1f} mm in the picture"


def _outlined(result: FrameRegistration) -> NDArray[np.bool_]:
    return result.projection.silhouette if result.shown is None else result.shown


def _show(axes: Axes, picture: RgbImage, title: str) -> None:
    axes.imshow(picture)
    axes.set_title(title, fontsize=9)
    axes.axis("off")
