"""Which frame of a run is registered when none is named: the one with most vessel, unless it stands alone."""

from types import SimpleNamespace

import numpy as np
import pytest

from VesselRegistrationLib.cli.register_vessels import fullest_frame
from VesselSegmentationLib.fullest_frame import FRAMES_TRIED


def run_of(areas: list[float]) -> tuple[SimpleNamespace, object]:
    """A run whose frames are their own probability of vessel, with so many percent of it sure."""
    frames = np.zeros((len(areas), 10, 10))
    for frame, area in zip(frames, areas, strict=True):
        frame.flat[: round(area)] = 0.9
    return SimpleNamespace(frames=frames, frame_count=len(frames)), lambda frame: frame


@pytest.mark.parametrize(
    ("areas", "chosen"),
    [
        ([30], 0),
        ([10, 30], 1),
        ([30, 10], 0),
        ([0, 10, 40, 50, 48, 20], 3),
        ([0, 5, 60, 5, 20, 24, 22, 0], 5),  # one frame in which noise is taken for vessel
        ([60, 20, 20, 30, 31, 30, 10], 4),  # the first one, before exposure has settled
        ([60, 20, 20, 20], 3),
        ([0, 10, 20, 30], 3),  # contrast still coming when the run ends
        ([0, 0, 0, 80], 3),
    ],
)
def test_the_frame_with_most_vessel_that_another_frame_shows_too(areas, chosen, capsys) -> None:
    assert fullest_frame(*run_of(areas)) == chosen
    told = capsys.readouterr().out
    assert f"frame {chosen} of 0 to {len(areas) - 1} shows most vessel" in told if len(areas) > 1 else not told


def test_only_evenly_spread_frames_of_a_long_run_are_looked_at(capsys) -> None:
    run, _ = run_of([10] * 100)
    looked = []
    fullest_frame(run, lambda frame: looked.append(1) or frame)
    assert len(looked) == FRAMES_TRIED
