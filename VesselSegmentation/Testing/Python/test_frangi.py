"""The filter that the network is compared with finds dark vessels and not what else is in an X-ray picture."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.frangi import FrangiSettings, frangi_vessels, vesselness
from VesselSegmentationLib.metrics import overlap_metrics


def picture(rows: int, columns: int, depth: float = 70.0) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A winding vessel, a 40th of the picture wide, over a slow shading with noise; dark where depth is positive."""
    y, x = np.mgrid[0:rows, 0:columns]
    distance = np.abs(x - columns * (0.5 + 0.2 * np.sin(6 * y / rows)))
    shading = 120 + 60 * x / columns
    noise = np.random.default_rng(2).normal(0, 3, (rows, columns))
    frame = shading + noise - depth * np.exp(-((distance / (columns / 50)) ** 2))
    return np.clip(frame, 0, 255).astype(np.uint8), distance < columns / 80


def test_a_dark_vessel_is_found_in_frames_of_any_size() -> None:
    for rows, columns in ((256, 256), (300, 500), (600, 512)):
        frame, truth = picture(rows, columns)
        found = frangi_vessels(frame)
        assert found.shape == truth.shape
        assert overlap_metrics(found, truth).recall > 0.8
        assert overlap_metrics(found, truth).precision > 0.5


def test_a_bright_ridge_is_no_vessel() -> None:
    frame, ridge = picture(256, 256, depth=-70)
    assert overlap_metrics(frangi_vessels(frame), ridge).recall < 0.1


def test_the_edge_of_a_shutter_painted_grey_answers_nothing() -> None:
    frame, truth = picture(256, 256)
    frame[:, :40] = 90
    response = vesselness(frame, FrangiSettings())
    assert not response[:, :44].any()
    assert response[truth].mean() > 3 * response[~truth].mean()


@pytest.mark.parametrize("level", [0, 255])
def test_the_edge_of_a_black_or_white_shutter_is_no_vessel(level: int) -> None:
    frame, truth = picture(256, 256)
    frame[:, :40] = level
    found = frangi_vessels(frame)
    assert not found[:, :44].any()
    assert overlap_metrics(found, truth).recall > 0.8


def test_pieces_smaller_than_asked_for_are_dropped() -> None:
    frame, _ = picture(256, 256)
    assert frangi_vessels(frame, FrangiSettings(smallest_px=30)).any()
    assert not frangi_vessels(frame, FrangiSettings(smallest_px=20_000)).any()


def test_an_even_frame_has_no_vessels() -> None:
    assert not frangi_vessels(np.full((64, 64), 90, np.uint8)).any()
    assert vesselness(np.full((64, 64), 90, np.uint8), FrangiSettings()).max() < 1e-6


def test_a_frame_in_color_is_refused() -> None:
    with pytest.raises(InputError):
        frangi_vessels(np.zeros((8, 8, 3), np.uint8))
