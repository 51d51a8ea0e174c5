"""Vessels of a frame with the help of an earlier frame of its run, one from before contrast agent came.

What both frames show, bones, catheters and the border of the picture, is taken away as in digital subtraction; what
contrast agent has darkened stays. A network with a branch for it looks at frame and difference together. Any other one,
or a filter, looks at both one after the other; together with how much each pixel has darkened, a weighted sum of both
logits decides.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from VesselSegmentationLib.frame_subtraction import (
    Picture,
    Subtraction,
    difference,
    fine_structure,
    likeness,
    moved_onto,
    subtracted,
)
from VesselSegmentationLib.fullest_frame import frames_to_try, fullest

Segment = Callable[[Picture], NDArray[np.floating]]
"""Probability of vessel (rows, columns) of a frame of that shape."""

FRAMES_LOOKED_AT = 4
"""So many frames before the one with most vessel are looked at for one without."""
MOST_SHARED = 0.2
"""Of a frame's vessels, what may be marked in one that counts as without contrast. A network marks some bones and
catheters in both; where contrast has begun to run it marks a quarter and more."""
LEAST_ALIKE = 0.15
"""Correlation with a frame, away from its vessels, of one that may be taken away from it: a blank frame has 0, as when
X-rays came late. Of simulated runs the least alike have 0.34."""
FRAME_WEIGHT, DIFFERENCE_WEIGHT, DARKENED_WEIGHT, CONSTANT = 0.67, 0.67, 1.76, 1.00
"""Of the logits of frame and difference, and of the share of contrast by which a pixel has darkened; fitted on
simulated patients that no evaluation uses, by Testing/Benchmarks/subtraction_weights.py."""
LARGEST_LOGIT = 9.0
MOST_AT_ONCE = 4
"""Frames; the network's maps of each of them take memory."""


@runtime_checkable
class SeesDifferences(Protocol):
    """A segment that may take what changed in a frame, too: `VesselSegmenter`."""

    @property
    def sees_differences(self) -> bool: ...

    def __call__(self, frame: Picture, /) -> NDArray[np.floating]: ...

    def with_difference(self, frame: Picture, difference: NDArray[np.uint8], /) -> NDArray[np.floating]: ...


@dataclass(frozen=True)
class FrameEvidence:
    """What a frame and its difference from an earlier one tell of vessels, (rows, columns) each."""

    frame_logit: NDArray[np.float32]
    difference_logit: NDArray[np.float32]
    darkened: NDArray[np.float32]
    """Share of what contrast agent darkens at most, 0 to 1."""

    def probability(self) -> NDArray[np.float32]:
        """Of vessel."""
        logit = FRAME_WEIGHT * self.frame_logit + DIFFERENCE_WEIGHT * self.difference_logit
        logit = logit + DARKENED_WEIGHT * self.darkened + CONSTANT
        return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float32)


@dataclass(frozen=True)
class SubtractingSegmenter:
    """Segments frames of one run, with frames of it from before contrast agent came."""

    segment: Segment
    """That of a single frame, whichever network or filter it is."""
    without_contrast: tuple[Picture, ...]
    """(rows, columns) each; of several the most similar one is taken away, since hearts beat and patients breathe."""
    known: tuple[Picture, NDArray[np.floating]] | None = None
    """A frame that has been segmented by itself, and what came of it."""

    @classmethod
    def of_run(cls, segment: Segment, frame: Picture, earlier: Iterable[Picture]) -> SubtractingSegmenter | None:
        """With those of the earlier frames that show what the frame does but its vessels; None when there is none."""
        candidates = [picture for picture in earlier if picture.shape == frame.shape]
        if not candidates:
            return None
        probability = segment(frame)
        vessels = probability >= 0.5
        if not vessels.any():
            return None
        shared = MOST_SHARED * vessels.sum()
        alike = [picture for picture in candidates if likeness(frame, picture, vessels) >= LEAST_ALIKE]
        without = tuple(picture for picture in alike if ((segment(picture) >= 0.5) & vessels).sum() <= shared)
        return cls(segment, without, (frame, probability)) if without else None

    @cached_property
    def _still(self) -> list[NDArray[np.float32]]:
        """By what it is seen where each of the frames without contrast agent has moved, worked out once a run."""
        return [fine_structure(picture, picture) for picture in self.without_contrast]

    def __call__(self, frame: Picture) -> NDArray[np.floating]:
        """Probability of vessel (rows, columns) of a frame of the run."""
        return self._with(frame, self.change(frame))

    def _with(self, frame: Picture, change: Subtraction) -> NDArray[np.floating]:
        if isinstance(self.segment, SeesDifferences) and self.segment.sees_differences:
            return self.segment.with_difference(frame, change.picture)
        return self.evidence(frame, change).probability()

    def change(self, frame: Picture) -> Subtraction:
        """What has changed in a frame of the run; nothing in the only one without contrast agent."""
        others = [index for index, mask in enumerate(self.without_contrast) if not np.array_equal(mask, frame)]
        if not others:
            return subtracted(frame, frame)
        chosen = min(others, key=lambda index: difference(frame, self.without_contrast[index]))
        return subtracted(frame, moved_onto(self.without_contrast[chosen], frame, self._still[chosen]))

    def evidence(self, frame: Picture, change: Subtraction) -> FrameEvidence:
        """Of a frame of the run and what has changed in it."""
        return FrameEvidence(_logit(self._alone(frame)), _logit(self.segment(change.picture)), change.darkened)

    def _alone(self, frame: Picture) -> NDArray[np.floating]:
        if self.known is not None and np.array_equal(self.known[0], frame):
            return self.known[1]
        return self.segment(frame)


def each_segmented(segment: Segment, frames: Sequence[Picture] | Picture) -> Iterator[NDArray[np.floating]]:
    """Probabilities of vessel of frames (F, rows, columns) of one run, in their order.

    Several frames at once, each on its share of torch's threads: with all threads on one frame they wait for each other
    within the network, and all but one are idle beside it. The first frame is looked at alone, since what is made ready
    when first used would be made several times at once.
    """
    yield from (segment(np.asarray(frame)) for frame in frames[:1])
    with _threads_shared() as at_once, ThreadPoolExecutor(at_once) as workers:
        waiting: deque[Future[NDArray[np.floating]]] = deque()
        for frame in frames[1:]:
            waiting.append(workers.submit(segment, np.asarray(frame)))
            if len(waiting) > at_once:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def _threads_shared() -> Iterator[int]:
    """How many frames to look at at once; torch, where it is used, has its share of threads for each meanwhile."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield 1
        return
    before = torch.get_num_threads()
    at_once = min(before, MOST_AT_ONCE)
    torch.set_num_threads(before // at_once)
    try:
        yield at_once
    finally:
        torch.set_num_threads(before)


def with_earlier_frames(
    segment: Segment,
    frames: Sequence[Picture] | Picture,
    first: int = 0,
    before: Callable[[int], list[int]] | None = None,
) -> Segment:
    """`segment` with those of a run's frames that show nothing of the fullest one's vessels; as it is without such.

    Args:
        frames: (F, rows, columns) in their order.
        first: of those that are to be segmented; the ones before are only there to be subtracted.
        before: of a frame, the ones to look at; default: `frames_before`.
    """
    places = [first + index for index in frames_to_try(len(frames) - first)]
    chosen = places[0]
    if len(places) > 1:
        chosen = places[fullest([float((segment(np.asarray(frames[index])) >= 0.5).mean()) for index in places])]
    earlier = [np.asarray(frames[index]) for index in (before or frames_before)(chosen)]
    return SubtractingSegmenter.of_run(segment, np.asarray(frames[chosen]), earlier) or segment


def frames_before(frame: int, alike: Callable[[int], bool] = lambda _: True) -> list[int]:
    """Earlier frames of a run to look at for one without contrast agent: the first one and others, evenly spread.

    Only those that are `alike`, as when table and C-arm have not moved since.
    """
    places = [index for index in range(frame) if alike(index)]
    chosen = np.linspace(0, len(places) - 1, min(FRAMES_LOOKED_AT, len(places))).astype(int)
    return [places[index] for index in chosen]


def _logit(probability: NDArray[np.floating]) -> NDArray[np.float32]:
    least = 1 / (1 + np.exp(LARGEST_LOGIT))
    inside = np.clip(np.asarray(probability, dtype=np.float32), least, 1 - least)
    return np.asarray(np.log(inside / (1 - inside)), dtype=np.float32)
