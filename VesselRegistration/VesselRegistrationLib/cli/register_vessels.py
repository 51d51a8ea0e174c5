"""The frames that `register` chooses, and what finds their vessels."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from VesselRegistrationLib.cli import options as shared
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.fullest_frame import FRAMES_TRIED, frames_to_try, fullest

if TYPE_CHECKING:
    from VesselRegistrationLib.registration import FrameRegistration
    from VesselRegistrationLib.xray_run import XRayRun
    from VesselSegmentationLib.run_subtraction import Segment

COMPANION_STEP = 2
"""Frames between one that is solved and the next one that is solved with it: their noise has nothing in common."""
COMPANION_SHARE = 0.6
"""Of the vessel that the frame shows, what another one must show to be solved with it."""


def segmenter(options: argparse.Namespace, xray: XRayRun) -> Segment:
    """The network, or a function that returns the given mask."""
    if options.mask is None:
        frames = xray.frame_count if options.all_frames else min(FRAMES_TRIED, xray.frame_count)
        return shared.load_segmenter(options, frames)
    from VesselRegistrationLib.xray_reading import read_xray_run

    mask = read_xray_run(options.mask).frames[0] > 0
    if mask.shape != (xray.rows, xray.columns):
        raise InputError(
            f"--mask {options.mask} has {mask.shape[1]} x {mask.shape[0]} pixels and the run "
            f"{xray.columns} x {xray.rows}; draw it on the frame."
        )
    return lambda _: mask.astype(np.float32)


def of_run(options: argparse.Namespace, xray: XRayRun, frame: int, segment: Segment) -> Segment:
    """With what the run shows before contrast agent came, where it does and is not to be left out."""
    from VesselRegistrationLib.run_vessels import is_subtracting, with_subtraction

    if options.no_subtraction or options.mask is not None:
        return segment
    found = with_subtraction(xray, frame, segment)
    if is_subtracting(found):
        print(f"run {xray.name}: a frame from before contrast agent is subtracted; leave that with --no-subtraction")
    return found


def told(segments: Sequence[Segment], results: Sequence[FrameRegistration]) -> list[FrameRegistration]:
    """Results that say whether a frame was subtracted to find their vessels; one segment of each, or one of all."""
    from VesselRegistrationLib.run_vessels import is_subtracting

    each = list(segments) if len(segments) == len(results) else [segments[0]] * len(results)
    return [
        dataclasses.replace(result, is_subtracted=is_subtracting(own))
        for own, result in zip(each, results, strict=True)
    ]


def fullest_frame(xray: XRayRun, segment: Segment, first: int = 0) -> int:
    """The frame in which most vessel is seen, among evenly spread ones, and not in that one alone; the user is told."""
    chosen = fullest_of_tried(xray, segment, first)
    if xray.frame_count > first + 1:
        print(f"frame {chosen} of 0 to {xray.frame_count - 1} shows most vessel; choose another with --frame")
    return chosen


def fullest_of_tried(xray: XRayRun, segment: Segment, first: int = 0) -> int:
    """As `fullest_frame`, without a word."""
    from tqdm import tqdm

    candidates = [first + index for index in frames_to_try(xray.frame_count - first)]
    if len(candidates) == 1:
        return first
    bar = tqdm(candidates, unit="frame", desc="look for contrast agent", leave=False)
    return candidates[fullest([float((segment(xray.frames[index]) >= 0.5).mean()) for index in bar])]


def companions(xray: XRayRun, frame: int, segment: Segment, count: int) -> list[int]:
    """Up to so many other frames of the run that show about as much vessel as `frame`, the nearest ones first."""
    if count < 1:
        return []
    area = float((segment(xray.frames[frame]) >= 0.5).mean())
    found: list[int] = []
    for step in range(1, 2 * count + 1):
        for other in (frame - step * COMPANION_STEP, frame + step * COMPANION_STEP):
            if len(found) < count and 0 <= other < xray.frame_count:
                shown = float((segment(xray.frames[other]) >= 0.5).mean())
                found += [other] if shown >= COMPANION_SHARE * area > 0 else []
    return found
