"""A pose for every frame of a run: found once, then followed from frame to frame.

The frame with most vessel is solved from the start, or the next fullest one that can be. From there the pose is
followed forwards and backwards at once, each frame beginning where its neighbor ended. A frame that is refused, or
jumps, is searched anew around the last good pose; if that fails too it stays refused, and the next frame begins at the
last good pose. From there on only frames that show more vessel than those searched in vain are searched: where contrast
fades out they would all be, one second each. Where hardly any frame can be followed, the first pose was a chance find,
and the next fullest frame is solved instead. Where the first pose is hardly trusted, another frame is asked, solved by
itself from the start; if it contradicts, the run is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.pose.estimation import (
    PoseEstimate,
    PoseSettings,
    estimate_pose,
    improve_pose,
    pose_in_view,
    without_fit,
)
from VesselRegistrationLib.pose.evidence import PoseView
from VesselRegistrationLib.pose.metrics import projection_distances_mm
from VesselRegistrationLib.pose.pose_model import PoseModel
from VesselRegistrationLib.pose.refusal import trust
from VesselRegistrationLib.registration import Status

FOLLOWED_TURN_DEG = 0.5
FOLLOWED_SHIFT_MM = 6.0
"""Standard deviations of the change from one frame to the next: heart and breath shift, and hardly turn."""
MOST_TRIED = 6
"""Where so many of the fullest frames cannot be solved from the start, the run cannot."""
LEAST_FOLLOWED = 0.25
"""Of the frames with half as much vessel as the one that was solved, what can be followed from a right pose; from one
found by chance none or few can."""
SURE_TRUST = 0.75
"""A first pose that is trusted less needs another frame that agrees."""
MOST_ASKED = 3
"""Of the next fullest frames, until one can be solved."""
LARGEST_DISAGREEMENT_MM = 3.0
"""In the picture, between the pose followed to a frame and that of the frame by itself."""
FOUND_BY_CHANCE = "The pose found in this frame does not hold in others of the run that show as much vessel."
CONTRADICTION = (
    "Two frames of the run, each solved by itself, contradict each other: the model would be {:.0f} mm away in the "
    "picture. Check that model and run are of one patient, begin from a better start, or add a second run."
)
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
    amounts = [float((np.asarray(view.probability) >= options.threshold).sum()) for view in views]
    run = _Run(model, views, options, amounts, progress or _unheard)
    order = [int(index) for index in np.argsort(amounts)[::-1][:MOST_TRIED]]
    tried: dict[int, PoseEstimate] = {}
    for index in order:
        tried[index] = estimate_pose(model, [views[index]], start, options)
        run.progress(len(tried), len(views))
        if tried[index].is_refused:
            continue
        found = run.followed_from(index, tried[index])
        if run.is_followed(index, found):
            followed = [found[frame] for frame in range(len(views))]
            contradiction = run.contradiction(index, found, start, [other for other in order if other not in tried])
            return [_refused(each, contradiction) for each in followed] if contradiction else followed
        tried[index] = _refused(tried[index], FOUND_BY_CHANCE)
    run.progress(len(views), len(views))
    reason = f"None of the {len(tried)} frames that show most vessel could be solved. {tried[order[0]].reason}"
    return [tried.get(index) or without_fit(start, reason) for index in range(len(views))]


@dataclasses.dataclass(frozen=True)
class _Run:
    """What is followed."""

    model: PoseModel
    views: Sequence[PoseView]
    options: PoseSettings
    amounts: Sequence[float]
    """Pixels of vessel in each view."""
    progress: Progress

    def followed_from(self, first: int, estimate: PoseEstimate) -> dict[int, PoseEstimate]:
        """The pose of each view, from the one that is known on."""
        found = {first: estimate}
        forwards = self._chain(range(first + 1, len(self.views)), estimate)
        backwards = self._chain(range(first - 1, -1, -1), estimate)
        with ThreadPoolExecutor(1) as beside:
            for _ in zip_longest(range(first + 1, len(self.views)), range(first)):
                other = beside.submit(next, backwards, None)
                steps = [next(forwards, None), other.result()]
                found.update(step for step in steps if step is not None)
                self.progress(len(found), len(self.views))
        return found

    def _chain(self, frames: Sequence[int], estimate: PoseEstimate) -> Iterator[tuple[int, PoseEstimate]]:
        near = dataclasses.replace(
            self.options,
            start_turn_deg=FOLLOWED_TURN_DEG,
            start_shift_mm=FOLLOWED_SHIFT_MM,
            turns=min(self.options.turns, 16),
            candidates=min(self.options.candidates, 6),
            refined=min(self.options.refined, 2),
        )
        last, in_vain = estimate.model_to_isocenter, 0.0
        for index in frames:
            amount = self.amounts[index]
            now = _followed(self.model, self.views[index], last, near, amount > in_vain)
            last, in_vain = (last, max(in_vain, amount)) if now.is_refused else (now.model_to_isocenter, 0.0)
            yield index, now

    def is_followed(self, first: int, found: dict[int, PoseEstimate]) -> bool:
        """Whether the pose of one view holds in enough of those in which it should, if there are any."""
        enough = 0.5 * self.amounts[first]
        others = [now for index, now in found.items() if index != first and self.amounts[index] >= enough]
        return not others or sum(not now.is_refused for now in others) >= LEAST_FOLLOWED * len(others)

    def contradiction(
        self, first: int, found: dict[int, PoseEstimate], start: FloatArray, others: Sequence[int]
    ) -> str:
        """What another frame, solved by itself from the start, says against what was followed from one; empty: nothing.

        It is asked only where the one pose is hardly trusted, and only of frames to which that could be followed.
        """
        quality = found[first].quality
        if quality is None or trust(quality, found[first].expected_in_plane_error_mm) >= SURE_TRUST:
            return ""
        comparable = [index for index in others if not found[index].is_refused]
        for index in comparable[:MOST_ASKED]:
            view = self.views[index]
            alone = estimate_pose(self.model, [view], start, self.options)
            self.progress(len(found), len(self.views))
            if alone.is_refused:
                continue
            followed, by_itself = pose_in_view(found[index], view), pose_in_view(alone, view)
            apart = projection_distances_mm(self.model.centerline_lps, followed, by_itself, view.c_arm).mean()
            return "" if apart <= LARGEST_DISAGREEMENT_MM else CONTRADICTION.format(apart)
        return ""


def _followed(
    model: PoseModel, view: PoseView, last: FloatArray, near: PoseSettings, is_searched: bool
) -> PoseEstimate:
    """From the last good pose; `is_searched`: around it, too, where that is refused."""
    estimate = improve_pose(model, [view], last, near)
    if estimate.quality is None or not estimate.is_refused or not is_searched:
        return estimate
    return estimate_pose(model, [view], last, near)


def _refused(estimate: PoseEstimate, reason: str) -> PoseEstimate:
    """Refused for a reason, if it is not for another one."""
    return estimate if estimate.is_refused else dataclasses.replace(estimate, status=Status.REFUSED, reason=reason)


def _unheard(_done: int, _total: int) -> None:
    """Progress that nobody follows."""
