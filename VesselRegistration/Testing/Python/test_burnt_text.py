"""Text burnt into simulated pictures: where, how high, what it says and what it never says."""

import re

import numpy as np
import pytest

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.simulation.burnt_text import CORNERS, Label, sample_labels, with_labels
from VesselRegistrationLib.simulation.extras import Extras

GREY = 100.0


def view(size: int = 256) -> CArm:
    return CArm(-30.2, 20.4, 1000, 750, size, size, (200 / size, 200 / size))


def empty(size: int = 256) -> np.ndarray:
    return np.full((size, size), GREY, dtype=np.float32)


def changed(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns that text covers."""
    return np.nonzero(np.abs(picture - GREY) > 5)


@pytest.mark.parametrize("place", CORNERS)
def test_text_lies_at_its_corner_or_edge_and_inside_the_picture(place) -> None:
    rows, columns = changed(with_labels(empty(), (Label(("LAO 30 CRA 20", "R"), place, 9.0, 240.0, 1.0),)))
    assert len(rows) > 50
    for at, wanted in ((columns, place[0]), (rows, place[1])):
        least, greatest = at.min(), at.max()
        assert 2 <= least <= greatest <= 253
        room = 256 - (greatest - least)
        assert least / room == pytest.approx(wanted, abs=0.06)


def test_letters_are_as_high_as_asked_and_grow_with_the_picture() -> None:
    heights = []
    for size, height in ((256, 8.0), (256, 16.0), (512, 8.0)):
        rows, _ = changed(with_labels(empty(size), (Label(("R",), (0.0, 0.0), height, 255.0, 1.0),)))
        heights.append(np.ptp(rows) + 1)
    assert heights[1] == pytest.approx(2 * heights[0], abs=2)
    assert heights[2] == pytest.approx(2 * heights[0], abs=2)


def test_bright_text_brightens_and_dark_text_darkens() -> None:
    bright, dark = (with_labels(empty(), (Label(("70 kV",), (0, 0), 10, grey, 1.0),)) for grey in (250.0, 10.0))
    assert bright.max() > 200
    assert bright.min() == GREY
    assert dark.min() < 40
    assert dark.max() == GREY


def test_no_labels_change_nothing() -> None:
    assert np.array_equal(with_labels(empty(), ()), empty())


def test_what_is_written_is_of_typical_kinds_and_never_a_name() -> None:
    words = {"LAO", "RAO", "CRA", "CAU", "kV", "mA", "R", "L", "HEAD", "FEET", "Run", "Im", "F", "Se", "FD", "SID"}
    words |= {"cm", "W", "fps", "Zoom", "x"}
    seen = set()
    for seed in range(300):
        for label in sample_labels(np.random.default_rng(seed), view(), Extras()):
            assert label.place in CORNERS
            assert 0 <= label.grey <= 255
            seen |= set(re.findall("[A-Za-z]+", " ".join(label.lines)))
    assert seen <= words
    assert {"RAO", "kV", "R", "L"} <= seen


def test_angles_are_those_of_the_view() -> None:
    lines = [line for seed in range(60) for label in sample_labels(np.random.default_rng(seed), view(), Extras())
             for line in label.lines if "RAO" in line]  # fmt: skip
    assert lines
    assert all(re.findall(r"\d+", line) == ["30", "20"] for line in lines)
    assert all("CRA" in line for line in lines)
