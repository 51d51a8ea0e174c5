"""When each frame of a run was taken, by its header."""

from __future__ import annotations

from typing import Any

import pytest
from xray_headers import enhanced, header

from VesselRegistrationLib.xray_header import Header
from VesselRegistrationLib.xray_run import Origin, Sourced
from VesselRegistrationLib.xray_timing import frame_times


def times(frames: int, is_enhanced: bool = False, **values: Any) -> tuple[list[float], Sourced, list[str]]:
    warnings: list[str] = []
    found, interval = frame_times(header(is_enhanced, **values), frames, warnings)
    return found.tolist(), interval, warnings


def test_frame_time_goes_before_rates() -> None:
    found, interval, _ = times(3, FrameTime="40", CineRate="15")
    assert found == [0.0, 40.0, 80.0]
    assert (interval.value, interval.origin, interval.source) == (40.0, Origin.HEADER, "(0018,1063) FrameTime")


def test_a_frame_time_vector_holds_steps() -> None:
    found, interval, _ = times(3, FrameTimeVector=["0", "40", "60"], FrameTime="10", FrameIncrementPointer=0x00181065)
    assert found == [0.0, 40.0, 100.0]
    assert interval.value == 50.0


def test_a_frame_time_vector_of_wrong_length_is_ignored() -> None:
    found, interval, warnings = times(3, FrameTimeVector=["0", "40"], CineRate="25")
    assert found == [0.0, 40.0, 80.0]
    assert interval.origin is Origin.FALLBACK
    assert any("(0018,1065)" in warning for warning in warnings)


def test_display_rates_are_fallbacks_and_fifteen_frames_an_assumption() -> None:
    assert times(2, RecommendedDisplayFrameRate="10")[0] == [0.0, 100.0]
    found, interval, warnings = times(2)
    assert found == pytest.approx([0.0, 1000 / 15])
    assert interval.origin is Origin.ASSUMED
    assert warnings
    assert times(1)[0] == [0.0]


def test_enhanced_times_are_differences_and_no_dates() -> None:
    warnings: list[str] = []
    found, interval = frame_times(Header(enhanced(3), True), 3, warnings)
    assert found.tolist() == [0.0, 1000.0, 2000.0]
    assert "2020" not in repr((found, interval, warnings))
