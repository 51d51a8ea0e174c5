"""A simulated patient under the C-arm: what each frame shows, and which pixels are contrast-filled vessel."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.projection import path_length_mm, silhouette, transform_points
from VesselRegistrationLib.simulation.anatomy import Branch, VesselTree, make_tree
from VesselRegistrationLib.simulation.bodies import Ellipsoid, Picture, absorbance, clouds
from VesselRegistrationLib.simulation.burnt_text import Label, sample_labels, with_labels
from VesselRegistrationLib.simulation.calcification import Plaques, plaque_absorbance, sample_plaques
from VesselRegistrationLib.simulation.devices import Device, device_absorbance, sample_devices
from VesselRegistrationLib.simulation.diaphragm import breathed, sample_domes
from VesselRegistrationLib.simulation.extras import Extras, Stream, drawn
from VesselRegistrationLib.simulation.fluoroscopy import (
    REFERENCE_SIZE,
    FluoroscopySettings,
    Shutters,
    beam_intensity,
    counted_photons,
    grey_values,
    sample_shutters,
    shuttered,
    window_limits,
)
from VesselRegistrationLib.simulation.generators import DEFAULT, Generator
from VesselRegistrationLib.simulation.guiding_catheter import GuidingCatheter, guide_device, sample_guide
from VesselRegistrationLib.simulation.meshing import mesh_branches
from VesselRegistrationLib.simulation.straight_tubes import with_straight_tubes
from VesselRegistrationLib.simulation.subtraction import (
    Subtraction,
    difference,
    difference_limits,
    difference_values,
    mask_frames,
    moved,
    sample_subtraction,
    subtraction_dose,
)
from VesselRegistrationLib.simulation.tissue import Tissue, make_tissue
from VesselRegistrationLib.simulation.views import sample_pose
from VesselRegistrationLib.simulation.visibility import seen_vessel
from VesselRegistrationLib.vessel_model import VesselModel

CELL_MM = {"upper": 1.2, "lower": 1.3, "coronary": 0.7, "phantom": 1.0}
"""Cells of the meshes: about the diameter of the thinnest vessels that a frame shows."""
RIB_CELL_MM = 3.0
SUPERSAMPLING = 2
"""Vessels are rendered on pixels this much finer and averaged: thin ones do not alternate between seen and unseen."""
VISIBLE_MM = 0.3
"""A pixel is vessel where its ray runs at least so far through contrast-filled vessel."""


@dataclass(frozen=True)
class SimulatedPatient:
    """Vessels and surroundings of one patient, LPS mm from the isocentre."""

    tree: VesselTree
    model: VesselModel
    """The whole tree as a closed mesh: what a CT angiogram would give."""
    tissue: Tissue
    ribs: VesselModel | None
    plaques: Plaques | None = None


@dataclass(frozen=True)
class Scene:
    """One run's unchanging part: view, background, devices, machine."""

    patient: SimulatedPatient
    c_arm: CArm
    pose: FloatArray
    background: Picture
    """Absorbance of all but vessels and devices. (rows, columns)."""
    devices: tuple[Device, ...]
    density_per_mm: float
    """What contrast-filled vessel absorbs per mm."""
    mixing: Picture
    """Uneven mixing of contrast and blood, around 1. (rows, columns)."""
    settings: FluoroscopySettings
    shutters: Shutters
    limits: tuple[float, float] | None = None
    """What becomes black and white; None: chosen for each frame anew."""
    labels: tuple[Label, ...] = ()
    """Text burnt in."""
    subtraction: Subtraction | None = None
    body_px: tuple[float, float] = (0.0, 0.0)
    """How far everything but vessels lies from where it was drawn, in columns and rows of the picture."""
    guide: GuidingCatheter | None = None
    domes: tuple[Ellipsoid, ...] = ()
    """Of the diaphragm; they move with the breath."""


@dataclass(frozen=True)
class RenderedFrame:
    """A frame and its truth."""

    picture: NDArray[np.uint8]
    """(rows, columns)."""
    mask: NDArray[np.bool_]
    """Contrast-filled vessel that can be seen: what an observer would mark. (rows, columns)."""


def make_patient(
    region: str, rng: np.random.Generator, cell_mm: float | None = None, generator: Generator = DEFAULT
) -> SimulatedPatient:
    """A random patient of a region; `cell_mm` sets the fineness of the model's mesh."""
    own = drawn(rng, Stream.CALCIFICATION, generator.extras.calcification)
    straight = drawn(rng, Stream.STRAIGHT_TUBES, generator.extras.straight_tubes)
    tree = make_tree(region, rng, generator.anatomy)
    if straight and region == "phantom":
        tree = with_straight_tubes(tree, straight)
    plaques = sample_plaques(own, tree, generator.extras) if own and region != "phantom" else None
    tissue = make_tissue(region, rng, generator.extras.waisted_vertebrae)
    ribs = mesh_branches(tissue.ribs, RIB_CELL_MM) if tissue.ribs else None
    model = mesh_branches(tree.branches, CELL_MM[region] if cell_mm is None else cell_mm)
    return SimulatedPatient(tree, model, tissue, ribs, plaques)


def make_scene(
    patient: SimulatedPatient,
    rng: np.random.Generator,
    size: int,
    generator: Generator = DEFAULT,
    view: tuple[CArm, FloatArray] | None = None,
) -> Scene:
    """A random view, background, machine and set of devices for a patient; size x size pixels.

    `view` gives C-arm and pose instead, for another run of a patient who lies still.
    """
    region = patient.tree.region
    c_arm, pose = view or (generator.view(region, rng, size), sample_pose(region, rng))
    scene = Scene(
        patient=patient,
        c_arm=c_arm,
        pose=pose,
        background=_background(patient, c_arm, pose, rng, generator.clutter),
        devices=sample_devices(rng, patient.tree, c_arm, pose),
        density_per_mm=10 ** rng.uniform(-0.65, 0.2) / _typical_path_mm(patient, c_arm, pose),
        mixing=_mixing(rng, size),
        settings=generator.machine(rng),
        shutters=sample_shutters(rng, size),
    )
    return _with_extras(scene, rng, generator.extras)


def _with_extras(scene: Scene, rng: np.random.Generator, extras: Extras) -> Scene:
    """The scene with what only some pictures show; `rng` stays as it is."""
    region = scene.patient.tree.region
    if own := drawn(rng, Stream.TEXT, extras.text):
        scene = dataclasses.replace(scene, labels=sample_labels(own, scene.c_arm, extras))
    if own := drawn(rng, Stream.SUBTRACTION, extras.subtraction):
        subtraction, settings = sample_subtraction(own, extras), subtraction_dose(scene.settings, own)
        scene = dataclasses.replace(scene, subtraction=subtraction, settings=settings)
    if region == "coronary" and (own := drawn(rng, Stream.GUIDE, extras.guide)):
        scene = dataclasses.replace(scene, guide=sample_guide(own, scene.patient.tree, extras))
    if region in ("upper", "coronary") and (own := drawn(rng, Stream.DOME, extras.dome)):
        scene = dataclasses.replace(scene, domes=sample_domes(own, scene.c_arm, extras))
    return scene


def render(
    scene: Scene,
    filled: VesselModel | None,
    rng: np.random.Generator,
    pose: FloatArray | None = None,
    dilution: float = 1.0,
    breath_mm: float = 0.0,
) -> RenderedFrame:
    """One frame: `filled` is the mesh of the contrast-filled vessels (None: no contrast), at `pose` (default: the
    scene's), with contrast thinned to `dilution`. `breath_mm` is the breath's part in how far the pose is from the
    scene's, towards the head. Noise comes from `rng`."""
    light = _light(scene, filled, scene.pose if pose is None else pose, dilution, breath_mm)
    counted = counted_photons(light.full, scene.settings, rng)
    limits = scene.limits or _limits(scene, counted, light)
    picture = _greys(scene, counted, light.noisy_mask, limits)
    mask = light.vessel & ~scene.shutters.closed
    if mask.any():
        without, clean = (_greys(scene, part, light.clean_mask, limits) for part in (light.empty, light.full))
        mask = seen_vessel(mask, darkening=without - clean, noise=picture - clean)
    shown = with_labels(shuttered(picture, scene.shutters), scene.labels)
    return RenderedFrame(np.clip(np.rint(shown), 0, 255).astype(np.uint8), mask)


def model_silhouette(scene: Scene) -> NDArray[np.bool_]:
    """Pixels in which any of the whole model is seen, at the scene's pose. (rows, columns).

    On the same finer pixels as the mask, so that a vessel thinner than a pixel is in both or in neither.
    """
    points, fine = transform_points(scene.pose, scene.patient.model.points_lps), _finer(scene.c_arm)
    return _averaged(silhouette(points, scene.patient.model.triangles, fine)) > 0


def visible_vessels(scene: Scene, filled: VesselModel) -> NDArray[np.bool_]:
    """Pixels of a filling that the shutters leave open. (rows, columns)."""
    points = transform_points(scene.pose, filled.points_lps)
    return silhouette(points, filled.triangles, scene.c_arm) & ~scene.shutters.closed


def with_fixed_window(scene: Scene, filled: VesselModel, rng: np.random.Generator) -> Scene:
    """The scene with the window of a filled frame for all its frames: a run does not flicker."""
    light = _light(scene, filled, scene.pose, 1.0, 0.0)
    return dataclasses.replace(scene, limits=_limits(scene, counted_photons(light.full, scene.settings, rng), light))


@dataclass(frozen=True)
class _Light:
    """What reaches the detector in one frame, relative to its median; (rows, columns) each."""

    full: Picture
    empty: Picture
    """Without contrast."""
    vessel: NDArray[np.bool_]
    noisy_mask: Picture | None
    """What is subtracted; None: nothing."""
    clean_mask: Picture | None


def _light(scene: Scene, filled: VesselModel | None, pose: FloatArray, dilution: float, breath_mm: float) -> _Light:
    """The light of one frame, before its noise."""
    surroundings = _surroundings(scene, filled, pose, breath_mm)
    empty = full = beam_intensity(surroundings, scene.settings)
    vessel = np.zeros(surroundings.shape, dtype=bool)
    if filled is not None and dilution > 0:
        length, vessel = _vessels(filled, scene.c_arm, pose)
        total = surroundings + scene.density_per_mm * dilution * scene.mixing * length
        full = beam_intensity(total, scene.settings)
    noisy_mask = clean_mask = None
    reference = float(np.median(full))
    if scene.subtraction is not None:
        reference = float(np.median(empty))  # also the mask's: without contrast their difference is 0
        breath_px = breath_mm / scene.c_arm.pixel_size_at_isocenter_mm() * REFERENCE_SIZE / scene.c_arm.rows
        noisy_mask, clean_mask = mask_frames(surroundings, scene.subtraction, scene.settings, breath_px, reference)
    return _Light(full / reference, empty / reference, vessel, noisy_mask, clean_mask)


def _surroundings(scene: Scene, filled: VesselModel | None, pose: FloatArray, breath_mm: float) -> Picture:
    """Absorbance of everything in the beam but contrast. (rows, columns)."""
    devices = scene.devices
    if scene.guide is not None:
        points = None if filled is None else filled.points_lps
        devices = (*devices, guide_device(scene.guide, points, scene.c_arm, scene.pose, pose))
    total = scene.background + device_absorbance(devices, scene.c_arm)
    if scene.patient.plaques is not None:
        total = total + plaque_absorbance(scene.patient.plaques, scene.c_arm, pose)
    if scene.domes:
        total = total + absorbance([breathed(dome, breath_mm) for dome in scene.domes], scene.c_arm)
    return moved(total, *scene.body_px) if any(scene.body_px) else total


def _greys(scene: Scene, counted: Picture, mask: Picture | None, limits: tuple[float, float]) -> Picture:
    """Counts as grey values, less the mask where there is one."""
    if mask is None:
        return grey_values(counted, scene.settings, limits)
    return difference_values(difference(counted, mask, scene.settings), limits, scene.settings)


def _limits(scene: Scene, counted: Picture, light: _Light) -> tuple[float, float]:
    """What becomes black and white in a frame."""
    if scene.subtraction is None or light.noisy_mask is None:
        return window_limits(counted, scene.settings)
    return difference_limits(difference(counted, light.noisy_mask, scene.settings), scene.subtraction)


def mesh_of(branches: tuple[Branch, ...], region: str) -> VesselModel:
    """The mesh of the filled branches of a region's tree."""
    return mesh_branches(branches, CELL_MM[region])


def _vessels(filled: VesselModel, c_arm: CArm, pose: FloatArray) -> tuple[Picture, NDArray[np.bool_]]:
    """Mean path length per pixel, and the pixels that are mostly vessel."""
    length = path_length_mm(transform_points(pose, filled.points_lps), filled.triangles, _finer(c_arm))
    return _averaged(length), _averaged(length > VISIBLE_MM) >= 0.5


def _finer(c_arm: CArm) -> CArm:
    return c_arm.resized(c_arm.rows * SUPERSAMPLING, c_arm.columns * SUPERSAMPLING)


def _averaged(fine: NDArray[np.generic]) -> Picture:
    rows, columns = (side // SUPERSAMPLING for side in fine.shape)
    blocks = fine.reshape(rows, SUPERSAMPLING, columns, SUPERSAMPLING)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)


def _background(
    patient: SimulatedPatient, c_arm: CArm, pose: FloatArray, rng: np.random.Generator, clutter: float = 1.0
) -> Picture:
    """Absorbance of bodies, ribs and fine structure; smooth bodies are computed on a coarse grid."""
    from scipy.ndimage import zoom

    size = c_arm.rows
    coarse_size = max(64, min(size // 2, 128))
    bodies = absorbance(patient.tissue.bodies, c_arm.resized(coarse_size, coarse_size))
    background = zoom(bodies, size / coarse_size, order=1, grid_mode=True, mode="nearest") * rng.uniform(0.12, 0.6)
    if patient.ribs is not None:
        length = path_length_mm(transform_points(pose, patient.ribs.points_lps), patient.ribs.triangles, c_arm)
        background = background + rng.uniform(0.002, 0.012) * length
    background = background + clutter * rng.uniform(0, 0.09) * clouds(rng, size, 4)
    background = background + clutter * rng.uniform(0, 0.03) * clouds(rng, size, 20, 3, 0.8)
    return np.asarray(background - background.min(), dtype=np.float32)


def _mixing(rng: np.random.Generator, size: int) -> Picture:
    if rng.random() < 0.5:
        return np.ones((size, size), dtype=np.float32)
    return np.asarray(np.clip(1 + 0.25 * clouds(rng, size, 6, 3), 0.3, 1.6), dtype=np.float32)


def _typical_path_mm(patient: SimulatedPatient, c_arm: CArm, pose: FloatArray) -> float:
    """A long path through the tree in this view, at least 1.5 mm: contrast is dosed to show the large vessels."""
    small = c_arm.resized(128, 128)
    length = path_length_mm(transform_points(pose, patient.model.points_lps), patient.model.triangles, small)
    return max(1.5, float(np.percentile(length[length > 0], 80))) if (length > 0).any() else 1.5
