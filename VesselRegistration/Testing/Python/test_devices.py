"""Simulated catheters, wires and other devices: where they are drawn, how wide, how dark."""

import numpy as np
import pytest

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.simulation.anatomy import make_tree
from VesselRegistrationLib.simulation.devices import Device, device_absorbance, sample_devices

FIELD_MM = 200.0
"""Side of the detector; 150 mm at the isocentre."""


def c_arm(size: int) -> CArm:
    return CArm(0, 0, 1000, 750, size, size, (FIELD_MM / size, FIELD_MM / size))


def line(start: tuple[float, float], end: tuple[float, float]) -> np.ndarray:
    return np.linspace(start, end, 20)


def upright(width_mm: float, share: float = 0.4, absorbance: float = 0.5, hollow: float = 0.0) -> Device:
    """A straight device from above the picture to below it."""
    return Device(line((share, -0.2), (share, 1.2)), width_mm, absorbance, hollow)


def across_mm(picture: np.ndarray, pixel_mm: float) -> np.ndarray:
    """Width of what is drawn in each row, mm."""
    return np.count_nonzero(picture > 0, axis=1) * pixel_mm


@pytest.mark.parametrize("size", [128, 256])
@pytest.mark.parametrize("width_mm", [4.0, 12.0])
def test_a_device_is_drawn_along_its_path_with_its_width_in_mm(width_mm, size) -> None:
    view = c_arm(size)
    picture = device_absorbance((upright(width_mm),), view)
    pixel_mm = view.pixel_size_at_isocenter_mm()
    assert np.abs(across_mm(picture, pixel_mm) - width_mm).max() <= 2 * pixel_mm
    middle = (picture * np.arange(size)).sum(axis=1) / picture.sum(axis=1)
    np.testing.assert_allclose((middle + 0.5) / size, 0.4, atol=0.3 / size)
    assert picture.max() == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("width_mm", [0.3, 0.8, 6.0])
def test_what_a_device_absorbs_in_all_is_the_same_at_both_picture_sizes(width_mm) -> None:
    device = Device(line((0.2, 0.3), (0.7, 0.8)), width_mm, 0.6)
    coarse, fine = (
        device_absorbance((device,), c_arm(size)).sum(dtype=float) * c_arm(size).pixel_size_at_isocenter_mm() ** 2
        for size in (128, 256)
    )
    assert fine == pytest.approx(coarse, rel=0.25)


def test_a_wire_thinner_than_a_pixel_is_fainter_and_stays_in_one_piece() -> None:
    thin, thick = (device_absorbance((Device(line((0.1, 0.2), (0.9, 0.7)), w, 0.5),), c_arm(128)) for w in (0.2, 2.4))
    assert 0 < thin.max() < 0.5 * thick.max()
    assert (thin[:, 14:114].max(axis=0) > 0.02).all()


@pytest.mark.parametrize("size", [128, 256])
def test_a_hollow_device_is_lighter_in_its_middle_than_in_its_walls(size) -> None:
    hollow, solid = (device_absorbance((upright(12.0, 0.5, 0.5, h),), c_arm(size))[size // 2] for h in (0.5, 0.0))
    middle = slice(size // 2 - 1, size // 2 + 1)
    assert hollow[middle].mean() < 0.8 * hollow.max()
    assert solid[middle].mean() == pytest.approx(solid.max())
    assert (hollow <= solid).all()
    assert hollow.min() == 0


@pytest.mark.parametrize("place", [(-3.0, 0.5), (0.5, 4.0), (1.02, 1.02)])
def test_a_device_outside_the_picture_draws_nothing(place) -> None:
    start = np.array(place)
    device = Device(line(tuple(start), tuple(start + (0.0, 0.3))), 0.9, 0.5)
    assert not device_absorbance((device,), c_arm(128)).any()


def test_only_the_part_inside_the_picture_is_drawn() -> None:
    picture = device_absorbance((Device(line((0.75, 0.5), (1.5, 0.5)), 3.0, 0.5),), c_arm(128))
    assert not picture[:, :90].any()
    assert (picture[63:65, 100:].max(axis=0) > 0.3).all()


def test_devices_that_cross_add_up_and_none_add_nothing() -> None:
    one, other = upright(6.0), Device(line((-0.2, 0.5), (1.2, 0.5)), 6.0, 0.3)
    both = device_absorbance((one, other), c_arm(128))
    apart = device_absorbance((one,), c_arm(128)) + device_absorbance((other,), c_arm(128))
    np.testing.assert_allclose(both, apart, atol=1e-6)
    assert both.max() == pytest.approx(0.8, rel=0.03)
    assert not device_absorbance((), c_arm(128)).any()


def test_sampled_devices_come_from_the_seed_and_can_be_drawn() -> None:
    tree = make_tree("phantom", np.random.default_rng(1))
    counts = []
    for seed in range(25):
        devices, again = (sample_devices(np.random.default_rng(seed), tree, c_arm(64), np.eye(4)) for _ in range(2))
        picture = device_absorbance(devices, c_arm(64))
        assert np.isfinite(picture).all()
        assert picture.min() >= 0
        assert np.array_equal(picture, device_absorbance(again, c_arm(64)))
        assert all(device.width_mm > 0 and device.absorbance > 0 for device in devices)
        counts.append(len(devices))
    assert len(set(counts)) >= 4


def test_a_catheter_in_a_vessel_lies_over_the_vessel() -> None:
    tree = make_tree("phantom", np.random.default_rng(1))
    view, found = c_arm(128), 0
    ways = [view.project(branch.points_lps)[:, :2] for branch in tree.branches]
    for seed in range(12):
        for device in sample_devices(np.random.default_rng(seed), tree, view, np.eye(4)):
            path = device.path * 128 - 0.5
            match = [way for way in ways if len(way) == len(path) and np.abs(way - path).max() < 8]
            if match:
                found += 1
                away = np.linalg.norm(match[0] - path, axis=1) * view.pixel_size_at_isocenter_mm()
                assert away.mean() < 3  # the radius of the widest tube
    assert found >= 3
