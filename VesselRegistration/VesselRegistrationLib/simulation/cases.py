"""A simulated patient as a clinic would hand it over, with what no clinic can: the exact truth.

A run of frames in which contrast washes in and out while the heart beats and the patient breathes; the whole vessel
tree as the model; pose, filling and mask of every frame. The same seed gives the same bytes, for any number of
threads; on another kind of processor some grey values differ by one, as its arithmetic rounds differently.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.simulation.anatomy import VesselTree, centerline_points
from VesselRegistrationLib.simulation.filling import FillSettings, fill
from VesselRegistrationLib.simulation.generators import DEFAULT, Generator
from VesselRegistrationLib.simulation.scene import (
    Scene,
    SimulatedPatient,
    make_patient,
    make_scene,
    mesh_of,
    render,
    visible_vessels,
    with_fixed_window,
)
from VesselRegistrationLib.simulation.truth import SCHEMA, SCHEMA_VERSION, TRUTH_FILE
from VesselRegistrationLib.simulation.views import disturbed_pose
from VesselRegistrationLib.vessel_model import VesselModel
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.files import write_atomically

if TYPE_CHECKING:
    from VesselRegistrationLib.xray_run import XRayRun

FRAME_TIME_MS = 1000 / 15
HEARTBEAT_FRAMES, BREATH_FRAMES = 14, 60
HEARTBEAT_MM = {"upper": 2.0, "coronary": 3.0, "lower": 0.3, "phantom": 0.0}
BREATH_MM = {"upper": 2.0, "coronary": 2.0, "lower": 0.5, "phantom": 0.0}
"""Amplitudes of the motion, mostly along the body: a simplification of what is seen in practice."""
VIEWS_TRIED = 30
MOST_FRAMES = 1000
SIDES_PX = (128, 2048)
"""What runs of such machines have, and what fits into memory."""
COARSEST_CELL_MM = 10.0
"""Vessels are made as thick as cells at least: coarser ones leave no tree."""
LEAST_VESSEL_SHARE = {"upper": 0.05, "lower": 0.02, "coronary": 0.015, "phantom": 0.02}
"""Share of the picture that contrast-filled vessel covers when the tree is full."""
LARGEST_BODY_MOTION_MM = 20.0
ANGLES_APART_DEG = (35.0, 60.0)
LARGEST_SECOND_TILT_DEG = 20.0
"""Between two runs of a patient: around, and towards head or feet of the second."""
MODEL_ORIGIN_SPREAD_MM = 60.0
"""The model's own coordinates are a CT scanner's; the patient lies elsewhere on the table."""


@dataclass(frozen=True)
class SimulatedCase:
    """A simulated run with its model and truth."""

    region: str
    seed: int
    frames: NDArray[np.uint8]
    """(F, rows, columns)."""
    masks: NDArray[np.bool_]
    """(F, rows, columns): contrast-filled vessel."""
    c_arm: CArm
    table_lps: FloatArray
    """(3,) mm, as the table's scales say."""
    poses: tuple[FloatArray, ...]
    """Per frame, model_to_isocenter (4, 4), LPS mm."""
    dilutions: tuple[float, ...]
    model: VesselModel
    tree: VesselTree
    """In the model's coordinates."""

    @property
    def centerline_lps(self) -> FloatArray:
        """Points (N, 3) on the centrelines, in the model's coordinates."""
        return centerline_points(self.tree, 2.0)

    def run(self) -> XRayRun:
        """The run as the reader gives it, without going through a file."""
        from VesselRegistrationLib.xray_run import FrameGeometry, Origin, Sourced, XRayRun

        def given(value: float | tuple[float, ...], unit: str) -> Sourced:
            return Sourced(value, unit, Origin.HEADER, "simulation")

        geometry = FrameGeometry(
            primary_angle=given(self.c_arm.primary_angle_deg, "deg"),
            secondary_angle=given(self.c_arm.secondary_angle_deg, "deg"),
            sid=given(self.c_arm.sid_mm, "mm"),
            sod=given(self.c_arm.sod_mm, "mm"),
            spacing=given(self.c_arm.spacing_mm, "mm"),
            principal_point=Sourced.missing("px"),
            table=given(tuple(float(value) for value in self.table_lps), "mm"),
        )
        times: FloatArray = np.asarray(FRAME_TIME_MS * np.arange(len(self.frames)), dtype=float)
        return XRayRun(f"simulated-{self.region}-{self.seed}", self.frames, times, (geometry,) * len(self.frames))


def simulate_case(
    region: str,
    seed: int,
    frames: int = 12,
    size: int = 512,
    model_cell_mm: float | None = None,
    generator: Generator = DEFAULT,
    body_motion_mm: float = 0.0,
) -> SimulatedCase:
    """A case of a region ("upper", "lower", "coronary", "phantom"): contrast arrives, fills, and thins again.

    Raises InputError for frames or pictures in numbers that no machine has, for a mesh that is too coarse
    for vessels, or a negative seed.
    """
    return simulate_runs(region, seed, 1, frames, size, model_cell_mm, generator, body_motion_mm)[0]


def simulate_runs(
    region: str,
    seed: int,
    runs: int,
    frames: int = 12,
    size: int = 512,
    model_cell_mm: float | None = None,
    generator: Generator = DEFAULT,
    body_motion_mm: float = 0.0,
) -> list[SimulatedCase]:
    """Several runs of one patient who lies still: each a new injection from another angle. Cases share model and table.

    Before contrast the body, without the vessels, lies up to `body_motion_mm` from where it lies when they are full:
    what breath, heart and muscles do to frames that are subtracted. The first is `simulate_case`'s. Raises InputError
    as that does, and for less than one run.
    """
    if runs < 1:
        raise InputError(f"A patient needs at least 1 run, not {runs}.")
    if not 1 <= frames <= MOST_FRAMES:
        raise InputError(f"A run of {frames} frames cannot be simulated; choose 1 to {MOST_FRAMES} frames.")
    if not SIDES_PX[0] <= size <= SIDES_PX[1]:
        least, most = SIDES_PX
        raise InputError(f"Pictures of {size} x {size} pixels cannot be simulated; choose a size of {least} to {most}.")
    if model_cell_mm is not None and not 0 < model_cell_mm <= COARSEST_CELL_MM:
        raise InputError(
            f"A mesh of {model_cell_mm:g} mm is no vessel model; choose cells of up to {COARSEST_CELL_MM:g} mm."
        )
    if seed < 0:
        raise InputError(f"The seed {seed} is negative. Choose 0 or more.")
    if not 0 <= body_motion_mm <= LARGEST_BODY_MOTION_MM:
        raise InputError(
            f"A body that moves by {body_motion_mm:g} mm is not simulated; choose 0 to {LARGEST_BODY_MOTION_MM:g} mm."
        )
    rng = np.random.default_rng([seed, 0xCA5E])
    patient = make_patient(region, rng, model_cell_mm, generator)
    plan = _Plan.draw(region, frames, rng)
    fullest = plan.fullest(patient.tree)
    scene = with_fixed_window(_scene_with_vessels(patient, fullest, rng, size, generator), fullest, rng)
    cases = [_recorded(scene, plan, seed, rng, _body_motion(body_motion_mm, seed, 0))]
    table = np.round(rng.uniform((-30, 40, 300), (30, 160, 700)), 1)
    origin = _scanner_origin(region, rng)
    for number in range(1, runs):
        own = np.random.default_rng([seed, 0xCA5E, number])
        plan = _Plan.draw(region, frames, own)
        fullest = plan.fullest(patient.tree)
        other = _scene_from_elsewhere(scene, fullest, own, generator)
        drift = _body_motion(body_motion_mm, seed, number)
        cases.append(_recorded(with_fixed_window(other, fullest, own), plan, seed, own, drift))
    return [_in_scanner_coordinates(dataclasses.replace(case, table_lps=table), origin) for case in cases]


@dataclass(frozen=True)
class _Plan:
    """One injection: where, how far it runs and how strong it is, per frame."""

    site: FillSettings
    filling_seed: int
    fronts_mm: list[float]
    dilutions: list[float]

    @classmethod
    def draw(cls, region: str, frames: int, rng: np.random.Generator) -> _Plan:
        site = FillSettings(site=_site(region, rng), full_chance=0.0, missing_chance=0.08)
        filling_seed = int(rng.integers(2**31))
        return cls(site, filling_seed, *_wash(frames, rng))

    def filled(self, tree: VesselTree, front_mm: float) -> VesselModel:
        return _filling(tree, self.site, front_mm, self.filling_seed, tree.region)

    def fullest(self, tree: VesselTree) -> VesselModel:
        return self.filled(tree, max(self.fronts_mm) or 1.0)


def _body_motion(largest_mm: float, seed: int, run: int) -> tuple[float, float]:
    """By how many mm right and down the body lies elsewhere before contrast comes; mostly along its length."""
    rng = np.random.default_rng([seed, 0xB0D7, run])
    length, direction = rng.uniform(0, largest_mm), rng.normal(np.pi / 2, 0.5) + np.pi * rng.integers(2)
    return float(length * np.cos(direction)), float(length * np.sin(direction))


def _recorded(
    scene: Scene, plan: _Plan, seed: int, rng: np.random.Generator, drift_mm: tuple[float, float]
) -> SimulatedCase:
    """One run, in the simulated patient's own coordinates; the body drifts until the run's middle."""
    patient = scene.patient
    pixel_mm = scene.c_arm.pixel_size_at_isocenter_mm()
    to_come = np.maximum(0, 1 - np.linspace(0, 2, len(plan.fronts_mm)))
    motion = _motion(patient.tree.region, len(plan.fronts_mm), rng)
    pictures, masks, poses = [], [], []
    for front, dilution, shift, breath_mm, part in zip(plan.fronts_mm, plan.dilutions, *motion, to_come, strict=True):
        pose = scene.pose.copy()
        pose[:3, 3] += shift
        filled = plan.filled(patient.tree, front) if front > 0 else None
        there = dataclasses.replace(scene, body_px=(drift_mm[0] * part / pixel_mm, drift_mm[1] * part / pixel_mm))
        frame = render(there, filled, rng, pose, dilution, breath_mm)
        pictures.append(frame.picture)
        masks.append(frame.mask)
        poses.append(pose)
    return SimulatedCase(
        region=patient.tree.region,
        seed=seed,
        frames=np.stack(pictures),
        masks=np.stack(masks),
        c_arm=scene.c_arm,
        table_lps=np.zeros(3),
        poses=tuple(poses),
        dilutions=tuple(plan.dilutions),
        model=patient.model,
        tree=patient.tree,
    )


def _scene_from_elsewhere(scene: Scene, fullest: VesselModel, rng: np.random.Generator, generator: Generator) -> Scene:
    """The same patient as he lies, seen from an angle at which contrast will be seen, too."""
    region, size = scene.patient.tree.region, scene.c_arm.rows
    for _ in range(VIEWS_TRIED):
        apart = rng.uniform(*ANGLES_APART_DEG) * (-1 if scene.c_arm.primary_angle_deg > 0 else 1)
        turned = dataclasses.replace(
            scene.c_arm,
            primary_angle_deg=scene.c_arm.primary_angle_deg + apart,
            secondary_angle_deg=rng.uniform(-LARGEST_SECOND_TILT_DEG, LARGEST_SECOND_TILT_DEG),
        )
        found = _readable(make_scene(scene.patient, rng, size, generator, (turned, scene.pose)))
        if visible_vessels(found, fullest).mean() >= LEAST_VESSEL_SHARE[region]:
            break
    return found


def _scene_with_vessels(
    patient: SimulatedPatient, fullest: VesselModel, rng: np.random.Generator, size: int, generator: Generator
) -> Scene:
    """A scene in which contrast will be seen: nobody injects with the C-arm pointed elsewhere."""
    for _ in range(VIEWS_TRIED):
        scene = _readable(make_scene(patient, rng, size, generator))
        if visible_vessels(scene, fullest).mean() >= LEAST_VESSEL_SHARE[patient.tree.region]:
            break
    return scene


def _filling(tree: VesselTree, site: FillSettings, front_mm: float, seed: int, region: str) -> VesselModel:
    """The filled vessels when contrast has run so far; the same draw each time, so that one filling advances."""
    settings = dataclasses.replace(site, front_mm=front_mm)
    return mesh_of(fill(tree, np.random.default_rng(seed), settings), region)


def _readable(scene: Scene) -> Scene:
    """The scene with angles, distances and spacing rounded to what a header holds."""
    c_arm = scene.c_arm
    spacing = round(c_arm.spacing_mm[0], 6)
    rounded = dataclasses.replace(
        c_arm,
        primary_angle_deg=round(c_arm.primary_angle_deg, 1),
        secondary_angle_deg=round(c_arm.secondary_angle_deg, 1),
        sid_mm=round(c_arm.sid_mm, 1),
        sod_mm=round(c_arm.sod_mm, 1),
        spacing_mm=(spacing, spacing),
    )
    return dataclasses.replace(scene, c_arm=rounded)


def _site(region: str, rng: np.random.Generator) -> str:
    """Where contrast is given: where the region's procedures give it."""
    sites = {
        "upper": ("aortic_root", "aortic_root", "ascending_aorta"),
        "lower": ("infrarenal_aorta",),
        "coronary": ("left_coronary", "right_coronary"),
        "phantom": ("inlet",),
    }
    if region not in sites:
        raise InputError(f"No simulated cases for region {region!r}. Choose one of {', '.join(sites)}.")
    return str(rng.choice(sites[region]))


def _wash(frames: int, rng: np.random.Generator) -> tuple[list[float], list[float]]:
    """How far contrast has run (mm) and how strong it is, per frame: one frame before, then in, full, and thinning."""
    reach = rng.uniform(350, 600)
    share = np.linspace(0, 1, frames) if frames > 1 else np.array([0.6])
    fronts = np.where(share <= 0, 0.0, reach * np.minimum(share / 0.55, 1.0))
    strength = np.where(share < 0.7, 1.0, 1.0 - 1.6 * (share - 0.7))
    return fronts.tolist(), np.round(strength, 3).tolist()


def _motion(region: str, frames: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Shift of the vessels per frame, (F, 3) LPS mm: a beating heart and slow breathing; and the breath's part (F,)."""
    phase = rng.uniform(0, 2 * np.pi, 2)
    time = np.arange(frames)
    beat = HEARTBEAT_MM[region] * np.sin(2 * np.pi * time / HEARTBEAT_FRAMES + phase[0])
    breath = BREATH_MM[region] * np.sin(2 * np.pi * time / BREATH_FRAMES + phase[1])
    direction = np.array([0.4, -0.3, 0.87])
    return np.asarray(beat[:, None] * direction + breath[:, None] * np.array([0.0, -0.2, 0.98])), breath


def _scanner_origin(region: str, rng: np.random.Generator) -> FloatArray:
    """Where the CT scanner's coordinates begin, (3,) mm in the simulated patient's own."""
    return np.round(rng.normal(0, MODEL_ORIGIN_SPREAD_MM, 3), 1) if region != "phantom" else np.zeros(3)


def _in_scanner_coordinates(case: SimulatedCase, origin: FloatArray) -> SimulatedCase:
    """The case with its model moved to arbitrary CT coordinates, and the poses to match."""
    from VesselRegistrationLib.simulation.anatomy import moved_tree

    back = np.eye(4)
    back[:3, 3] = origin
    return dataclasses.replace(
        case,
        model=dataclasses.replace(case.model, points_lps=case.model.points_lps - origin),
        tree=moved_tree(case.tree, origin),
        poses=tuple(pose @ back for pose in case.poses),
    )


def write_case(case: SimulatedCase, folder: Path | str) -> None:
    """Write run.dcm, model.stl, truth.json, start-pose.json and masks/frame_000.png, ... Raises OutputError."""
    from VesselRegistrationLib.model_writing import write_vessel_model
    from VesselRegistrationLib.simulation.dicom_writing import write_xa
    from VesselSegmentationLib.overlay import write_png

    folder = Path(folder)
    for index, mask in enumerate(case.masks):
        write_png(folder / _mask_file(index), mask)
    for stale in set((folder / "masks").glob("frame_*.png")) - {folder / _mask_file(i) for i in range(len(case.masks))}:
        stale.unlink()  # of a longer case that was here before
    write_vessel_model(case.model, folder / "model.stl")
    write_xa(case, folder / "run.dcm")
    start = {"coordinateSystem": "LPS", "modelToIsocenter": _start_pose(case).tolist()}
    write_atomically(folder / "start-pose.json", json.dumps(start, indent=2) + "\n")
    write_atomically(folder / TRUTH_FILE, json.dumps(_truth(case), indent=1) + "\n")


def _start_pose(case: SimulatedCase) -> FloatArray:
    """Where an operator would first put the model: right to some degrees and centimetres."""
    rng = np.random.default_rng([case.seed, 0x57A7])
    return np.round(disturbed_pose(case.poses[0], case.model.points_lps.mean(axis=0), rng), 6)


def _mask_file(index: int) -> str:
    return f"masks/frame_{index:03d}.png"


def _truth(case: SimulatedCase) -> dict[str, Any]:
    c_arm = case.c_arm
    view = {
        "primaryAngleDeg": c_arm.primary_angle_deg,
        "secondaryAngleDeg": c_arm.secondary_angle_deg,
        "sidMm": c_arm.sid_mm,
        "sodMm": c_arm.sod_mm,
        "spacingMm": list(c_arm.spacing_mm),
        "principalPointPx": list(c_arm.center_px),
        "tableLpsMm": case.table_lps.tolist(),
    }
    return {
        "schema": SCHEMA,
        "schemaVersion": SCHEMA_VERSION,
        "simulated": True,
        "region": case.region,
        "seed": case.seed,
        "coordinateSystem": "LPS",
        "frames": [
            {
                "frame": index,
                "modelToIsocenter": np.round(pose, 6).tolist(),
                "dilution": dilution,
                "cArm": view,
                "mask": _mask_file(index),
            }
            for index, (pose, dilution) in enumerate(zip(case.poses, case.dilutions, strict=True))
        ],
        "landmarks": {name: np.round(point, 3).tolist() for name, point in case.tree.landmarks_lps.items()},
        "centerline": np.round(case.centerline_lps, 3).tolist(),
    }
