"""When each frame was taken, in milliseconds from the first one, and where that is known from.

First found: (0018,1063) FrameTime or (0018,1065) FrameTimeVector, whichever (0028,0009) FrameIncrementPointer names
first; the acquisition times of Enhanced XA's frames, as differences; (0018,0040) CineRate and the recommended display
rates, which are for showing and may differ from the acquisition; 15 frames per second.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.xray_header import MALFORMED, Header, number, numbers, tag_text, warn
from VesselRegistrationLib.xray_run import Origin, Sourced

FRAME_TIME_VECTOR = 0x00181065
ASSUMED_INTERVAL_MS = 1000 / 15
RATES = ("CineRate", "RecommendedDisplayFrameRate", "RecommendedDisplayFrameRateInFloat")


def evenly(frames: int, interval_ms: float) -> NDArray[np.float64]:
    """Times of frames that follow each other at one interval, (F,), ms."""
    return np.arange(frames, dtype=np.float64) * interval_ms


def frame_times(header: Header, frames: int, warnings: list[str]) -> tuple[NDArray[np.float64], Sourced]:
    """Times (F,) in ms from the first frame, and the mean time between frames with its source."""
    if frames == 1:
        return np.zeros(1), Sourced.missing("ms", "one frame only")
    for read in (_acquisition_times, *_in_order(header)):
        found = read(header, frames, warnings)
        if found is not None:
            times, source = found
            return times, Sourced(float(times[-1]) / (frames - 1), "ms", Origin.HEADER, source)
    for keyword in RATES:
        rate = number(header.dataset, keyword)
        if rate is not None and rate > 0:
            interval = Sourced(1000 / rate, "ms", Origin.FALLBACK, f"1000 / {tag_text(keyword)}")
            return evenly(frames, interval.number), interval
    warn(warnings, "The header says no frame rate; 15 frames per second are supposed.")
    interval = Sourced(ASSUMED_INTERVAL_MS, "ms", Origin.ASSUMED, "15 frames per second")
    return evenly(frames, ASSUMED_INTERVAL_MS), interval


_Times = tuple[NDArray[np.float64], str]


def _in_order(header: Header) -> tuple:  # type: ignore[type-arg]
    try:
        pointer = header.dataset.get("FrameIncrementPointer")
        named = int(pointer[0] if isinstance(pointer, (list, tuple)) else pointer) if pointer else 0
    except MALFORMED:
        named = 0
    return (_from_vector, _from_frame_time) if named == FRAME_TIME_VECTOR else (_from_frame_time, _from_vector)


def _from_frame_time(header: Header, frames: int, warnings: list[str]) -> _Times | None:
    step = number(header.dataset, "FrameTime")
    if step is None or step <= 0:
        return None
    return evenly(frames, step), tag_text("FrameTime")


def _from_vector(header: Header, frames: int, warnings: list[str]) -> _Times | None:
    steps = numbers(header.dataset, "FrameTimeVector")
    if not steps:
        return None
    if len(steps) != frames or min(steps) < 0 or sum(steps[1:]) <= 0:
        warn(warnings, f"{tag_text('FrameTimeVector')} does not fit the {frames} frames; it is ignored.")
        return None
    times = np.cumsum(steps)
    return times - times[0], tag_text("FrameTimeVector")


def _acquisition_times(header: Header, frames: int, warnings: list[str]) -> _Times | None:
    """Differences of the frames' own times; the times themselves would tell a date and stay behind."""
    if not header.is_enhanced:
        return None
    for keyword in ("FrameAcquisitionDateTime", "FrameReferenceDateTime"):
        stamps = [_stamp(header, frame, keyword) for frame in range(frames)]
        first = stamps[0]
        times = [(stamp - first).total_seconds() * 1000 for stamp in stamps if stamp is not None and first is not None]
        if len(times) == frames and np.all(np.diff(times) > 0):
            return np.array(times), f"{tag_text(keyword)}, differences"
    return None


def _stamp(header: Header, frame: int, keyword: str) -> datetime | None:
    item = header.macro(frame, "FrameContentSequence")
    try:
        text = str(item.get(keyword) or "") if item is not None else ""
        match = re.fullmatch(r"(\d{14})(\.\d{1,6})?([+-]\d{4})?", text.strip())
        if match is None:
            return None
        stamp = datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
        return stamp + timedelta(seconds=float(match[2] or 0))
    except MALFORMED:
        return None
