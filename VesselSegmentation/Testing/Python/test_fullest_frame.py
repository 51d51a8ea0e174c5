"""The frame with most contrast agent, from the area of vessel in some frames."""

import numpy as np
import pytest

from VesselSegmentationLib.fullest_frame import FRAMES_TRIED, frames_to_try, fullest, steady_areas


@pytest.mark.parametrize("count", [1, 2, 5, FRAMES_TRIED, FRAMES_TRIED + 1, 100, 1000])
def test_frames_to_try_are_spread_over_the_run(count) -> None:
    tried = frames_to_try(count)
    assert tried == sorted(set(tried))
    assert (tried[0], tried[-1]) == (0, count - 1)
    assert len(tried) == min(count, FRAMES_TRIED)
    assert np.ptp(np.diff(tried)) <= 1 if count > 1 else tried == [0]


def test_an_area_is_its_own_unless_it_stands_out() -> None:
    np.testing.assert_array_equal(steady_areas([0.2, 0.1]), [0.2, 0.1])
    np.testing.assert_array_equal(steady_areas([0.3, 0.1, 0.2]), [0.1, 0.1, 0.1])
    np.testing.assert_array_equal(steady_areas([0.2, 0.21, 0.2, 0.5, 0.22]), [0.2, 0.21, 0.2, 0.22, 0.22])


@pytest.mark.parametrize(
    ("areas", "index"), [([0.3], 0), ([0.1, 0.3, 0.3], 2), ([0, 0.3, 0.31, 0.3], 2), ([0.9, 0.3, 0.3, 0.1], 2)]
)
def test_the_fullest_of_several_alike_is_the_last(areas, index) -> None:
    assert fullest(areas) == index
