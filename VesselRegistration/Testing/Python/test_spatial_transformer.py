"""The spatial transformer against hand-computed pixels, and matrices that round-trip between grids."""

import numpy as np
import pytest
import torch

from VesselRegistrationLib.affine import RegionOfInterest, apply, translation
from VesselRegistrationLib.matching import warp_mask
from VesselRegistrationLib.matching_grids import to_frame_pixels, to_normalized
from VesselRegistrationLib.spatial_transformer import invert_affine, warp, warp_normalized
from VesselSegmentationLib.preprocessing import NetworkGrid


def dot(rows: int, columns: int, row: int, column: int) -> torch.Tensor:
    picture = torch.zeros(1, 1, rows, columns)
    picture[0, 0, row, column] = 1
    return picture


def test_a_pixel_goes_where_equation_4_sends_it_on_a_frame_of_another_shape() -> None:
    matrix = torch.tensor([[[1.0, 0, 3], [0, 1, 2], [0, 0, 1]]])
    warped = warp(dot(20, 30, row=5, column=7), matrix, (40, 26))
    assert warped.shape == (1, 1, 40, 26)
    assert warped[0, 0, 7, 10] == pytest.approx(1, abs=1e-5)
    assert warped.sum() == pytest.approx(1, abs=1e-4)


def test_half_a_pixel_is_shared_by_two_neighbors() -> None:
    warped = warp(dot(9, 9, 4, 4), torch.tensor([[[1.0, 0, 0.5], [0, 1, 0], [0, 0, 1]]]), (9, 9))
    np.testing.assert_allclose(warped[0, 0, 4, 4:6].numpy(), [0.5, 0.5], atol=1e-5)


def test_a_quarter_turn_about_the_origin_swaps_the_axes() -> None:
    # (x, y) to (-y + 8, x): by hand, column 6 row 1 goes to column 7 row 6.
    matrix = torch.tensor([[[0.0, -1, 8], [1, 0, 0], [0, 0, 1]]])
    warped = warp(dot(9, 9, row=1, column=6), matrix, (9, 9))
    assert warped[0, 0, 6, 7] == pytest.approx(1, abs=1e-5)


def test_doubling_a_picture_doubles_distances_between_pixel_centres() -> None:
    both = dot(16, 16, 2, 3) + dot(16, 16, 6, 5)
    warped = warp(both, torch.tensor([[[2.0, 0, 0], [0, 2, 0], [0, 0, 1]]]), (32, 32))
    assert warped[0, 0, 4, 6] == pytest.approx(1, abs=1e-4)
    assert warped[0, 0, 12, 10] == pytest.approx(1, abs=1e-4)


def test_outside_the_moving_picture_there_is_nothing() -> None:
    warped = warp(torch.ones(1, 1, 8, 8), torch.tensor([[[1.0, 0, 4], [0, 1, 0], [0, 0, 1]]]), (8, 8))
    assert warped[0, 0, :, :4].sum() == 0
    np.testing.assert_allclose(warped[0, 0, :, 4:].numpy(), 1, atol=1e-5)


def test_gradients_reach_the_matrix_and_the_picture() -> None:
    matrix = torch.eye(3)[None].clone().requires_grad_(True)
    picture = torch.rand(1, 1, 12, 12, requires_grad=True)
    warp_normalized(picture, matrix, (12, 12)).square().sum().backward()
    assert matrix.grad is not None
    assert matrix.grad[0, :2].abs().sum() > 0
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0


def test_a_folded_matrix_is_inverted_without_infinities() -> None:
    folded = torch.tensor([[[1.0, 1, 0], [1, 1, 0], [0, 0, 1]]])
    assert torch.isfinite(invert_affine(folded)).all()
    regular = torch.tensor([[[1.2, 0.3, 0.5], [-0.2, 0.9, -0.4], [0, 0, 1]]])
    np.testing.assert_allclose((invert_affine(regular) @ regular)[0].numpy(), np.eye(3), atol=1e-6)


@pytest.mark.parametrize("shape", [(512, 512), (480, 640), (1024, 768), (300, 900)])
def test_a_matrix_round_trips_through_resize_and_back_to_the_frames_pixels(shape: tuple[int, int]) -> None:
    matrix = np.array([[1.07, 0.12, -14.0], [-0.2, 0.93, 31.5], [0, 0, 1]])
    grid = NetworkGrid(*shape, side=128)
    np.testing.assert_allclose(to_frame_pixels(to_normalized(matrix, grid), grid), matrix, atol=2e-4)


def test_the_network_square_and_the_frame_warp_to_the_same_picture() -> None:
    """A disk on a non-square frame, carried by a matrix there or on the network's square, ends in one place."""
    rows, columns = 300, 480
    row, column = np.mgrid[:rows, :columns]
    disk = (column - 150) ** 2 + (row - 120) ** 2 < 30**2
    matrix = np.array([[1.2, 0.1, 20.0], [-0.05, 1.1, 10.0], [0, 0, 1]])
    carried = warp_mask(disk, matrix)
    centre = np.array([np.nonzero(carried)[1].mean(), np.nonzero(carried)[0].mean()])
    np.testing.assert_allclose(centre, apply(matrix, np.array([[150.0, 120]]))[0], atol=0.1)

    grid = NetworkGrid(rows, columns, side=128)
    small = torch.from_numpy(grid.coverage_to_network(disk))[None, None]
    on_square = warp_normalized(small, to_normalized(matrix, grid)[None], (128, 128))[0, 0].numpy()
    y, x = np.mgrid[:128, :128]
    weight = on_square.sum()
    middle = np.array([[(x * on_square).sum() / weight, (y * on_square).sum() / weight]])
    np.testing.assert_allclose(apply(grid.network_to_frame(), middle)[0], centre, atol=0.3)


def test_an_off_centre_region_of_interest_shifts_the_matrix_by_its_corner() -> None:
    roi = RegionOfInterest(200, 50, 100, 120)
    projection_to_frame = np.array([[0.9, 0.1, 5], [-0.1, 0.9, 8], [0, 0, 1.0]])
    moving_to_fixed = projection_to_frame @ roi.to_frame()
    # Pixel (10, 20) of the region is pixel (210, 70) of the projection.
    np.testing.assert_allclose(
        apply(moving_to_fixed, np.array([[10.0, 20]])), apply(projection_to_frame, np.array([[210.0, 70]]))
    )
    np.testing.assert_allclose(moving_to_fixed @ np.linalg.inv(translation(200, 50)), projection_to_frame)
