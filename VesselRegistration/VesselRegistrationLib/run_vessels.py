"""Vessels of a run's frames, found with what the run shows before contrast agent came."""

from __future__ import annotations

from collections.abc import Sequence

from VesselRegistrationLib.xray_run import FrameGeometry, XRayRun, is_same_view
from VesselSegmentationLib.run_subtraction import Segment, SubtractingSegmenter, frames_before


def earlier_frames(views: Sequence[FrameGeometry], frame: int) -> list[int]:
    """Frames of a run to look at for one from before contrast agent, seen from where `frame` is; one view per frame."""
    return frames_before(frame, lambda index: is_same_view(views[index], views[frame]))


def with_subtraction(run: XRayRun, frame: int, segment: Segment) -> Segment:
    """`segment` with earlier frames of the run that show nothing of the frame's vessels; as it is where there are none.

    Only frames between which, by the header, neither C-arm nor table moved.
    """
    earlier = earlier_frames(run.geometry, frame)
    return SubtractingSegmenter.of_run(segment, run.frames[frame], [run.frames[index] for index in earlier]) or segment


def is_subtracting(segment: Segment) -> bool:
    """An earlier frame helps to find the vessels."""
    return isinstance(segment, SubtractingSegmenter)
