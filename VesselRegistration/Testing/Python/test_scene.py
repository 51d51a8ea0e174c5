"""What a frame shows and what its mask says: silhouettes, contrast, empty views, repetition."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion

from VesselRegistrationLib.projection import path_length_mm, silhouette, transform_points
from VesselRegistrationLib.simulation.devices import Device
from VesselRegistrationLib.simulation.filling import FillSettings, fill
from VesselRegistrationLib.simulation.fluoroscopy import FluoroscopySettings, Shutters
from VesselRegistrationLib.simulation.scene import (
    VISIBLE_MM,
    Scene,
    SimulatedPatient,
    make_patient,
    make_scene,
    mesh_of,
    render,
    with_fixed_window,
)
from VesselRegistrationLib.simulation.views import FIELD_OF_VIEW_MM, disturbed_pose, sample_c_arm, sample_pose
from VesselRegistrationLib.vessel_model import VesselModel
from VesselSegmentationLib.errors import InputError

SIZE = 128
OPEN = Shutters(np.zeros((SIZE, SIZE), dtype=bool), 0.0, 0.0, 0.5)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def patient() -> SimulatedPatient:
    return make_patient("phantom", rng(4))


@pytest.fixture(scope="module")
def filled(patient) -> VesselModel:
    """The vessels that contrast has reached so far: some of them."""
    return mesh_of(fill(patient.tree, rng(4), FillSettings(site="inlet", front_mm=70)), "phantom")


@pytest.fixture(scope="module")
def scene(patient) -> Scene:
    """A view without devices and shutters, with a window that stays."""
    made = dataclasses.replace(make_scene(patient, rng(2), SIZE), devices=(), shutters=OPEN)
    return with_fixed_window(made, patient.model, rng(3))


@pytest.fixture(scope="module")
def fine_scene(patient) -> Scene:
    """The same on twice as many pixels, where edges weigh less beside vessels."""
    shutters = Shutters(np.zeros((2 * SIZE, 2 * SIZE), dtype=bool), 0.0, 0.0, 0.5)
    made = dataclasses.replace(make_scene(patient, rng(2), 2 * SIZE), devices=(), shutters=shutters)
    return with_fixed_window(made, patient.model, rng(3))


def isocenter_points(filled: VesselModel, pose: np.ndarray) -> np.ndarray:
    return transform_points(pose, filled.points_lps)


def assert_is_silhouette(mask: np.ndarray, points: np.ndarray, filled: VesselModel, scene: Scene) -> None:
    """Mask and silhouette differ at most on the silhouette's own edge."""
    seen = silhouette(points, filled.triangles, scene.c_arm)
    assert seen.sum() > 100
    assert not (mask & ~binary_dilation(seen)).any()
    assert not (binary_erosion(seen, np.ones((3, 3)), border_value=1) & ~mask).any()
    assert np.count_nonzero(mask != seen) < 0.15 * seen.sum()


def test_the_mask_is_the_silhouette_of_the_filled_mesh_at_the_true_pose(fine_scene, filled) -> None:
    mask = render(fine_scene, filled, rng()).mask
    assert_is_silhouette(mask, isocenter_points(filled, fine_scene.pose), filled, fine_scene)


def test_the_mask_is_where_rays_run_far_enough_through_the_filled_mesh(scene, filled) -> None:
    mask = render(scene, filled, rng()).mask
    length = path_length_mm(isocenter_points(filled, scene.pose), filled.triangles, scene.c_arm)
    assert mask[length > 10 * VISIBLE_MM].mean() > 0.98
    assert np.count_nonzero(mask & binary_erosion(length <= VISIBLE_MM, np.ones((3, 3)))) == 0


def test_another_pose_moves_the_mask_with_it(fine_scene, filled) -> None:
    pose = fine_scene.pose.copy()
    pose[:3, 3] += (12.0, 0.0, -9.0)
    mask = render(fine_scene, filled, rng(), pose).mask
    assert_is_silhouette(mask, isocenter_points(filled, pose), filled, fine_scene)
    assert (mask & render(fine_scene, filled, rng()).mask).sum() < 0.7 * mask.sum()


def test_only_what_is_filled_is_in_the_mask(scene, patient, filled) -> None:
    part, whole = (render(scene, model, rng()).mask for model in (filled, patient.model))
    assert 0.1 * whole.sum() < part.sum() < 0.9 * whole.sum()
    assert not (part & ~binary_dilation(whole)).any()


@pytest.mark.parametrize("dilution", [0.0, 1.0])
def test_without_contrast_the_mask_is_empty(scene, filled, dilution) -> None:
    frame = render(scene, filled if dilution == 0 else None, rng(), None, dilution)
    assert not frame.mask.any()
    assert frame.picture.std() > 1


def test_contrast_darkens_vessels_and_only_vessels(scene, filled) -> None:
    quiet = dataclasses.replace(scene.settings, evened=0.0, photons=1e5)
    still = with_fixed_window(dataclasses.replace(scene, settings=quiet), filled, rng(3))
    without, with_contrast = (render(still, model, rng(9)) for model in (None, filled))
    change = with_contrast.picture.astype(float) - without.picture
    mask = with_contrast.mask
    far = ~binary_dilation(mask, iterations=8)
    assert change[mask].mean() < -8
    assert abs(change[far].mean()) < 0.3 * abs(change[mask].mean())


def test_thinner_contrast_darkens_less(scene, filled) -> None:
    mask = render(scene, filled, rng()).mask
    levels = [render(scene, filled, rng(9), None, dilution).picture[mask].mean() for dilution in (1.0, 0.5, 0.1)]
    assert levels[0] < levels[1] < levels[2]


def test_devices_are_drawn_but_never_in_the_mask(scene, filled) -> None:
    bar = Device(np.linspace((0.1, 0.15), (0.9, 0.15), 20), 12.0, 2.0)
    loaded = dataclasses.replace(scene, devices=(bar,))
    rows = slice(round(0.15 * SIZE) - 2, round(0.15 * SIZE) + 2)
    shown, plain = (render(s, None, rng(5)) for s in (loaded, scene))
    assert shown.picture[rows, 20:100].mean() < plain.picture[rows, 20:100].mean() - 10
    assert not shown.mask.any()
    assert np.array_equal(render(loaded, filled, rng()).mask, render(scene, filled, rng()).mask)


def test_shutters_are_constant_and_out_of_the_mask(scene, filled) -> None:
    closed = np.zeros((SIZE, SIZE), dtype=bool)
    closed[:, : SIZE // 2] = True
    shut = dataclasses.replace(scene, shutters=Shutters(closed, 40.0, 0.0, 0.5))
    frame, whole = render(shut, filled, rng()), render(scene, filled, rng())
    assert np.array_equal(frame.mask, whole.mask & ~closed)
    assert whole.mask[closed].any()
    assert (frame.picture[:, : SIZE // 2 - 3] == 40).all()


def test_the_same_generators_give_the_same_frame(patient, filled) -> None:
    frames = [render(make_scene(patient, rng(seed), SIZE), filled, rng(seed)) for seed in (6, 6, 7)]
    assert np.array_equal(frames[0].picture, frames[1].picture)
    assert np.array_equal(frames[0].mask, frames[1].mask)
    assert not np.array_equal(frames[0].picture, frames[2].picture)


def test_the_same_generator_makes_the_same_patient(patient) -> None:
    again, other = (make_patient("phantom", rng(seed)) for seed in (4, 5))
    assert np.array_equal(again.model.points_lps, patient.model.points_lps)
    assert again.model.points_lps.shape != other.model.points_lps.shape
    assert patient.model.is_closed


def test_frames_of_a_fixed_window_do_not_flicker(scene, filled) -> None:
    log = FluoroscopySettings(photons=1e5)
    run = with_fixed_window(dataclasses.replace(scene, settings=log), filled, rng(3))
    free = dataclasses.replace(run, limits=None)
    far = ~binary_dilation(render(run, filled, rng()).mask, iterations=10)

    def spread(of: Scene) -> float:
        """Between brightnesses of the background without, with little and with much contrast."""
        shown = [render(of, filled, rng(9), None, dilution).picture[far].mean() for dilution in (0.0, 1.0, 6.0)]
        return float(np.ptp(shown))

    assert spread(run) < 0.5 * spread(free)


def test_odd_picture_sizes_can_be_rendered(patient, filled) -> None:
    frame = render(make_scene(patient, rng(3), 97), filled, rng(3))
    assert frame.picture.shape == frame.mask.shape == (97, 97)
    assert frame.picture.dtype == np.uint8


@pytest.mark.parametrize("region", FIELD_OF_VIEW_MM)
def test_sampled_views_are_those_of_a_c_arm_and_near_the_isocenter(region) -> None:
    for seed in range(30):
        view, pose = sample_c_arm(region, rng(seed), 256), sample_pose(region, rng(seed))
        low, high = FIELD_OF_VIEW_MM[region]
        assert low <= view.columns * view.spacing_mm[1] <= high
        assert view.sod_mm + 100 < view.sid_mm <= 1200
        assert max(abs(view.primary_angle_deg), abs(view.secondary_angle_deg)) <= 60
        np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)
        assert np.abs(pose[:3, 3]).max() < 100


def test_a_start_pose_is_some_degrees_and_centimetres_from_the_truth() -> None:
    true_pose, middle = sample_pose("lower", rng(1)), np.array([40.0, -200.0, 15.0])
    angles, shifts = [], []
    for seed in range(200):
        away = disturbed_pose(true_pose, middle, rng(seed)) @ np.linalg.inv(true_pose)
        angles.append(np.degrees(np.arccos(np.clip((np.trace(away[:3, :3]) - 1) / 2, -1, 1))))
        at = transform_points(true_pose, middle[None])
        shifts.append(np.linalg.norm(transform_points(away, at) - at))
    assert np.mean(angles) == pytest.approx(4 * np.sqrt(8 / np.pi), rel=0.1)
    assert np.mean(shifts) == pytest.approx(15 * np.sqrt(8 / np.pi), rel=0.1)


def test_an_unknown_region_is_refused() -> None:
    with pytest.raises(InputError, match="elbow"):
        make_patient("elbow", rng())
