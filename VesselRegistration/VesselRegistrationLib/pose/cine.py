"""A pose for every frame of a run: found once, then followed from frame to frame.

The frame with most vessel is solved from the start; from there the pose is followed forwards and backwards, each frame
beginning where its neighbor ended. A frame that is refused, or jumps, is searched anew around the last good pose; if
that fails too it stays refused, and the next frame begins at the last good pose.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.pose.estimation import PoseEstimate, PoseSettings, estimate_pose, improve_pose
from VesselRegistrationLib.pose.evidence import PoseView
from VesselRegistrationLib.pose.pose_model import PoseModel

FOLLOWED_TURN_DEG = 2.0
FOLLOWED_SHIFT_MM = 6.0
"""Standard deviations of the change from one frame to the next: heart and breath."""
Progress = Callable[[int, int], None]
"""Called with frames done and frames in all; may raise to stop."""


def follow_run(
    model: PoseModel,
    views: Sequence[PoseView],
    start: FloatArray,
    settings: PoseSettings | None = None,
    progress: Progress | None = None,
) -> list[PoseEstimate]:
    """The pose of each view (frames of one run, in order); `start` (4, 4) as in `estimate_pose`."""
    options = settings or PoseSettings()
    near = dataclasses.replace(
        options, start_turn_deg=FOLLOWED_TURN_DEG, start_shift_mm=FOLLOWED_SHIFT_MM, turns=min(options.turns, 16)
    )
    amounts = [float((np.asarray(view.probability) >= options.threshold).sum()) for view in views]
    order = np.argsort(amounts)[::-1]
    found: dict[int, PoseEstimate] = {}
    for index in order:
        found[int(index)] = estimate_pose(model, [views[index]], start, options)
        if progress:
            progress(len(found), len(views))
        if not found[int(index)].is_refused:
            break
    first = next((index for index, estimate in found.items() if not estimate.is_refused), None)
    if first is None:
        return [found[index] for index in range(len(views))]
    for frames in (range(first + 1, len(views)), range(first - 1, -1, -1)):
        last = found[first]
        for index in frames:
            estimate = _followed(model, views[index], last.model_to_isocenter, near)
            found[index] = estimate
            last = last if estimate.is_refused else estimate
            if progress:
                progress(len(found), len(views))
    return [found[index] for index in range(len(views))]


def _followed(model: PoseModel, view: PoseView, last: FloatArray, near: PoseSettings) -> PoseEstimate:
    estimate = improve_pose(model, [view], last, near)
    if estimate.quality is None or not estimate.is_refused:
        return estimate
    return estimate_pose(model, [view], last, near)
