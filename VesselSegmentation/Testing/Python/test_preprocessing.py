"""Frames of any size and range become the network's input, and pictures go back to the same pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.intensity import intensity_window, standardize, turned_around, windowed
from VesselSegmentationLib.preprocessing import NetworkGrid

SHAPES = [(512, 512), (1024, 1024), (256, 256), (480, 640), (1000, 331), (97, 200), (512, 1024), (64, 64)]


def blob(rows: int, columns: int, column: float, row: float, sigma: float) -> NDArray[np.float64]:
    y, x = np.mgrid[:rows, :columns]
    return np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * sigma**2))


def centroid(image: NDArray[np.floating]) -> tuple[float, float]:
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return float((x * image).sum() / image.sum()), float((y * image).sum() / image.sum())


def angiogram(rows: int = 300, columns: int = 300) -> NDArray[np.float64]:
    random = np.random.default_rng(0)
    picture = 0.6 + 0.2 * np.linspace(0, 1, columns)[None] + random.normal(0, 0.02, (rows, columns))
    return picture - 0.35 * blob(rows, columns, 0.6 * columns, 0.4 * rows, 0.08 * rows)


def test_the_docstring_example_holds() -> None:
    grid = NetworkGrid(512, 1024)
    assert grid.content == (slice(64, 192), slice(0, 256))
    assert grid.frame_to_network() @ [0, 0, 1] == pytest.approx([-0.375, 63.625, 1])


@pytest.mark.parametrize("shape", SHAPES)
def test_a_pixel_goes_to_the_network_and_back_to_itself(shape: tuple[int, int]) -> None:
    grid = NetworkGrid(*shape)
    points = np.random.default_rng(1).uniform(-5, 1100, (50, 2))
    columns = np.concatenate([points, np.ones((50, 1))], axis=1).T
    back = grid.network_to_frame() @ (grid.frame_to_network() @ columns)
    assert np.abs(back - columns).max() < 1e-9


@pytest.mark.parametrize("shape", SHAPES)
def test_the_frame_stays_in_the_square_centered_and_in_proportion(shape: tuple[int, int]) -> None:
    grid = NetworkGrid(*shape)
    matrix = grid.frame_to_network()
    corners = matrix @ np.array([[-0.5, shape[1] - 0.5], [-0.5, shape[0] - 0.5], [1, 1]])
    assert corners[:2].min() >= -0.5 - 1e-9
    assert corners[:2].max() <= 255.5 + 1e-9
    assert np.abs(corners[:2].mean(axis=1) - 127.5).max() <= 0.5
    assert max(grid.content_shape) == 256
    assert abs(matrix[0, 0] / matrix[1, 1] - 1) < 0.5 / min(grid.content_shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_bright_spot_lands_where_the_matrix_says(shape: tuple[int, int]) -> None:
    grid = NetworkGrid(*shape)
    spot = (0.37 * shape[1], 0.61 * shape[0])
    picture = blob(*shape, *spot, sigma=0.04 * min(shape))
    network = np.zeros((256, 256))
    network[grid.content] = grid.grey_to_network(picture)[grid.content] * (picture.max() / 255)
    expected = grid.frame_to_network() @ [*spot, 1]
    found = centroid(np.where(network > 0.2, network, 0))
    assert np.hypot(found[0] - expected[0], found[1] - expected[1]) < 0.1
    back = grid.to_frame(network)
    assert back.shape == shape
    there = centroid(np.where(back > 0.2, back, 0))
    assert np.hypot(there[0] - spot[0], there[1] - spot[1]) < 0.1 * max(1.0, max(shape) / 256)


def test_shrinking_averages_instead_of_skipping_pixels() -> None:
    checkers = (np.indices((1024, 1024)).sum(axis=0) % 2).astype(np.uint8)
    mask = NetworkGrid(1024, 1024).mask_to_network(np.kron(checkers[:2, :2], np.ones((512, 512))))
    assert mask.sum() == pytest.approx(256 * 256 / 2, abs=600)
    checkers[0, 0] = 2
    grid = NetworkGrid(1024, 1024)
    assert (grid.grey_to_network(checkers * 100)[2:-2, 2:-2].std()) < 1


def test_a_frame_of_the_networks_size_keeps_its_pixels() -> None:
    frame = np.random.default_rng(2).random((256, 256)).astype(np.float32)
    assert np.array_equal(NetworkGrid.of(frame).to_frame(frame), frame)


def test_the_input_is_standardized_and_the_margin_is_mean_grey() -> None:
    frame = angiogram(200, 300)
    grid = NetworkGrid.of(frame)
    network = grid.to_network(frame)
    assert network.dtype == np.float32
    inside = network[grid.content]
    middle = inside[(inside > inside.min()) & (inside < inside.max())]
    assert middle.mean() == pytest.approx(0, abs=1e-3)
    assert middle.std() == pytest.approx(1, abs=1e-3)
    assert (network[:42] == 0).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
def test_the_type_and_range_of_the_grey_values_do_not_matter(dtype: type) -> None:
    frame = angiogram()
    scale = {np.uint8: 255, np.uint16: 60_000, np.int16: 4000}.get(dtype, 3.7)
    offset = -1000 if dtype is np.int16 else 0
    reference = NetworkGrid.of(frame).to_network(frame)
    other = NetworkGrid.of(frame).to_network((frame * scale + offset).astype(dtype))
    assert np.abs(other - reference).mean() < 0.03


@pytest.mark.parametrize(("level", "noise"), [(0.0, 0.0), (1.5, 0.0), (0.0, 0.01), (0.1, 0.03)])
def test_painted_or_leaden_shutters_do_not_take_the_contrast(level: float, noise: float) -> None:
    frame = angiogram()
    open_part = (slice(40, 260), slice(50, 250))
    shuttered = np.full_like(frame, level) + np.random.default_rng(4).normal(0, noise, frame.shape)
    shuttered[open_part] = frame[open_part]
    low, high = intensity_window(shuttered)
    open_low, open_high = intensity_window(frame[open_part])
    assert low == pytest.approx(open_low, abs=0.03)
    assert high == pytest.approx(open_high, abs=0.03)


def test_the_bright_background_of_a_subtracted_picture_is_no_shutter() -> None:
    random = np.random.default_rng(5)
    picture = 0.9 + random.normal(0, 0.02, (300, 300)) - 0.7 * blob(300, 300, 150, 150, 20)
    low, high = intensity_window(picture)
    assert low < 0.6
    assert high == pytest.approx(0.9 + 0.02 * 2.33, abs=0.01)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_brightness_is_turned_around_within_its_type_and_range(dtype: type) -> None:
    frames = np.array([[[10, 200, 30]], [[11, 12, 13]]], dtype=dtype)
    turned = turned_around(frames)
    assert turned.dtype == dtype
    np.testing.assert_array_equal(turned, [[[200, 10, 180]], [[199, 198, 197]]])
    np.testing.assert_array_equal(turned_around(turned), frames)
    assert turned_around(frames[:0]).shape == (0, 1, 3)


def test_a_constant_frame_becomes_zeros() -> None:
    frame = np.full((300, 300), 77, np.uint8)
    assert not NetworkGrid.of(frame).to_network(frame).any()


def test_a_frame_of_two_values_keeps_both() -> None:
    frame = np.zeros((64, 64), np.uint8)
    frame[20:40, 20:40] = 200
    network = NetworkGrid.of(frame).to_network(frame)
    assert network[128, 120] > network[10, 10]


def test_standardizing_a_batch_treats_each_frame_alone() -> None:
    frames = torch.rand(3, 1, 16, 16) * torch.tensor([0.2, 0.5, 0.9]).view(3, 1, 1, 1)
    alone = torch.cat([standardize(frame[None]) for frame in frames])
    assert torch.allclose(standardize(frames), alone, atol=1e-5)


def test_noise_of_an_almost_flat_frame_is_not_blown_up() -> None:
    frames = 0.5 + 1e-4 * torch.randn(1, 1, 16, 16)
    assert standardize(frames).abs().max() < 0.1


def test_a_window_without_width_gives_zeros() -> None:
    assert not windowed(np.ones((4, 4)), 1.0, 1.0).any()


def test_frames_that_are_no_grey_pictures_are_refused() -> None:
    with pytest.raises(InputError, match="one grey frame"):
        NetworkGrid.of(np.zeros((4, 4, 3)))
    with pytest.raises(InputError, match="no X-ray picture"):
        NetworkGrid(1, 300)
    with pytest.raises(InputError, match="multiple of 16"):
        NetworkGrid(300, 300, side=100)
    grid = NetworkGrid(32, 32)
    with pytest.raises(InputError, match="not finite"):
        grid.to_network(np.full((32, 32), np.nan))
    with pytest.raises(InputError, match="32 rows x 32 columns"):
        grid.to_network(np.zeros((32, 33)))
    with pytest.raises(InputError, match="no grey picture"):
        grid.to_network(np.full((32, 32), 1j))
    with pytest.raises(InputError, match="256 x 256"):
        grid.to_frame(np.zeros((32, 32)))
