"""A pose for every frame of a run: found once, then followed from frame to frame.

The frame with most vessel is solved from the start, or the next fullest one that can be. From there the pose is
followed forwards and backwards, each frame beginning where its neighbor ended. A frame that is refused, or jumps, is
searched anew around the last good pose; if that fails too it stays refused, and the next frame begins at the last good
pose. From there on only frames that show more vessel than those searched in vain are searched: where contrast fades
out they would all be, one second each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.pose.estimation import PoseEstimate, PoseSettings, estimate_pose, improve_pose, without_fit
from VesselRegistrationLib.pose.evidence import PoseView
from VesselRegistrationLib.pose.pose_model import PoseModel

FOLLOWED_TURN_DEG = 2.0
FOLLOWED_SHIFT_MM = 6.0
"""Standard deviations of the change from one frame to the next: heart and breath."""
MOST_TRIED = 6
"""Where so many of the fullest frames cannot be solved from the start, the run cannot."""
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
        options,
        start_turn_deg=FOLLOWED_TURN_DEG,
        start_shift_mm=FOLLOWED_SHIFT_MM,
        turns=min(options.turns, 16),
        candidates=min(options.candidates, 6),
        refined=min(options.refined, 2),
    )
    amounts = [float((np.asarray(view.probability) >= options.threshold).sum()) for view in views]
    order = np.argsort(amounts)[::-1]
    found: dict[int, PoseEstimate] = {}
    for index in order[:MOST_TRIED]:
        found[int(index)] = estimate_pose(model, [views[index]], start, options)
        if progress:
            progress(len(found), len(views))
        if not found[int(index)].is_refused:
            break
    first = next((index for index, estimate in found.items() if not estimate.is_refused), None)
    if first is None:
        if progress:
            progress(len(views), len(views))
        reason = f"None of the {len(found)} frames that show most vessel could be solved. {found[int(order[0])].reason}"
        return [found.get(index) or without_fit(start, reason) for index in range(len(views))]
    for frames in (range(first + 1, len(views)), range(first - 1, -1, -1)):
        last, in_vain = found[first], 0.0
        for index in frames:
            estimate = _followed(model, views[index], last.model_to_isocenter, near, amounts[index] > in_vain)
            found[index] = estimate
            last, in_vain = (last, max(in_vain, amounts[index])) if estimate.is_refused else (estimate, 0.0)
            if progress:
                progress(len(found), len(views))
    return [found[index] for index in range(len(views))]


def _followed(
    model: PoseModel, view: PoseView, last: FloatArray, near: PoseSettings, is_searched: bool
) -> PoseEstimate:
    """From the last good pose; `is_searched`: around it, too, where that is refused."""
    estimate = improve_pose(model, [view], last, near)
    if estimate.quality is None or not estimate.is_refused or not is_searched:
        return estimate
    return estimate_pose(model, [view], last, near)
