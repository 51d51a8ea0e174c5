"""How good the networks are: on simulated patients with exact truth, and on annotated frames.

Simulated test patients come from seeds that no training uses. Segmentation is scored per frame (DSC, Precision,
Recall, hard masks; Dice of the middle lines); matching by where it carries the model's centerline, in pixels and in mm
at the isocenter, against the true pose, and by its DSC relative to that of the true projection; the rigid pose from the
same start by its error across the picture, in space, and by whether its stated bound holds. Baselines run on the same
frames: the Frangi filter for vessels, SimpleITK's registration for matching.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.affine import apply
from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.projection import project_model, transform_points
from VesselRegistrationLib.run_vessels import with_subtraction
from VesselRegistrationLib.simulation.truth import fullest_frame
from VesselRegistrationLib.simulation.views import disturbed_pose
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.frangi import frangi_vessels
from VesselSegmentationLib.metrics import Overlap, centerline_dice, overlap_metrics

if TYPE_CHECKING:
    from VesselRegistrationLib.matching import AffineMatcher
    from VesselRegistrationLib.registration import FrameRegistration
    from VesselRegistrationLib.simulation.cases import SimulatedCase
    from VesselRegistrationLib.vessel_model import VesselModel
    from VesselSegmentationLib.run_subtraction import Segment
    from VesselSegmentationLib.segmenter import VesselSegmenter

BoolArray = NDArray[np.bool_]

FIRST_TEST_SEED = 900_000
"""Simulated test patients start here; trainings draw their patients' seeds from below."""
FRAMES = 4
"""Of each simulated run; the one with most contrast is scored."""
SIDE_PX = 256
"""Point errors in pixels are those of a picture of this side, whatever the frame's."""


@dataclass(frozen=True)
class EvaluationSettings:
    """Which patients, how many, and what beside the networks."""

    regions: tuple[str, ...] = ("lower", "upper")
    patients: int = 10
    generator: str = "default"
    baselines: bool = False
    size: int = 512
    """Rows and columns of the simulated frames."""
    subtraction: bool = False
    """The run's frames from before contrast agent help to find the vessels, as they do in `register`."""
    body_motion_mm: float = 0.0
    """How far, at most, the body lies elsewhere in these."""

    def __post_init__(self) -> None:
        from VesselRegistrationLib.simulation.generators import generator_named

        generator_named(self.generator)
        if self.patients < 1:
            raise InputError(f"{self.patients} patients cannot be evaluated: give 1 or more.")
        if not self.regions or len(set(self.regions)) < len(self.regions):
            raise InputError(f"The regions ({', '.join(self.regions)}) must be one or more, none of them twice.")

    @property
    def seeds(self) -> range:
        """One per patient, the same in each region."""
        return range(FIRST_TEST_SEED, FIRST_TEST_SEED + self.patients)


@dataclass(frozen=True)
class VesselScore:
    """A mask against the true one."""

    overlap: Overlap
    centerline_dice: float
    """NaN when either mask is empty."""

    @classmethod
    def of(cls, found: BoolArray, truth: BoolArray) -> VesselScore:
        """Masks (rows, columns) of one shape. Raises InputError otherwise."""
        return cls(overlap_metrics(found, truth), centerline_dice(found, truth))


@dataclass(frozen=True)
class PointErrors:
    """How far the model's centerline is shown from where it is: the mean over its points in view."""

    pixels: float
    """Of the frame."""
    in_plane_mm: float
    """At the isocenter."""
    px_of_256: float
    """Pixels of a picture of 256 x 256."""


@dataclass(frozen=True)
class MatchScore:
    """An affine match that was not refused."""

    errors: PointErrors
    overlap: Overlap
    """With the vessels found, as the paper scores its matching."""
    relative_dsc: float
    """DSC of the match divided by that of the true projection, against the same mask; NaN when the latter is 0."""


@dataclass(frozen=True)
class PoseScore:
    """A rigid pose from one view, also one that was refused; errors are means over the model's centerline, or NaN."""

    refused: str
    errors: PointErrors
    mtre_mm: float
    expected_mm: float
    bound_mm: float
    expected_depth_mm: float


@dataclass(frozen=True)
class FrameScore:
    """All scores of one simulated frame."""

    region: str
    seed: int
    frame: int
    vessels: VesselScore
    refused: str
    """Why there is no match, or an empty string."""
    start: PointErrors
    match: MatchScore | None
    pose: PoseScore
    frangi: VesselScore | None = None
    simpleitk: PointErrors | None = None


@dataclass(frozen=True)
class ExaminedFrame:
    """A score with the pictures (rows, columns) it was taken from."""

    score: FrameScore
    image: NDArray[np.generic]
    truth: BoolArray
    found: BoolArray
    filtered: BoolArray | None
    """By the Frangi filter."""
    start: BoolArray
    """The model's silhouette before matching; so for the next two, None where refused."""
    matched: BoolArray | None
    posed: BoolArray | None


@dataclass(frozen=True)
class Networks:
    """What is evaluated."""

    segmenter: VesselSegmenter
    matcher: AffineMatcher


def simulated_patient(region: str, seed: int, settings: EvaluationSettings) -> SimulatedCase:
    """The test patient of a region and seed."""
    from VesselRegistrationLib.simulation.cases import simulate_case
    from VesselRegistrationLib.simulation.generators import generator_named

    generator = generator_named(settings.generator)
    motion = settings.body_motion_mm
    return simulate_case(region, seed, FRAMES, settings.size, generator=generator, body_motion_mm=motion)


def examine_case(case: SimulatedCase, networks: Networks, baselines: bool, subtraction: bool = False) -> ExaminedFrame:
    """Score the frame with most contrast, from a start pose as far off as a user's would be.

    With `subtraction` earlier frames of the run help to find its vessels.
    """
    frame = fullest_frame(case.masks, case.dilutions)
    model, true_pose, points = case.model, case.poses[frame], case.centerline_lps
    c_arm, image, truth = case.run().c_arm(frame), case.frames[frame], case.masks[frame]
    start = disturbed_pose(true_pose, model.points_lps.mean(axis=0), np.random.default_rng([case.seed, 5]))
    segment: Segment = networks.segmenter
    probability = (with_subtraction(case.run(), frame, segment) if subtraction else segment)(image)
    found = np.asarray(probability >= 0.5)
    filtered = frangi_vessels(image) if baselines else None
    result, refused = _registered(case, frame, start, probability, networks.matcher)
    accepted = None if refused else result
    pose, posed = _examine_pose(case, c_arm, true_pose, start, probability)
    score = FrameScore(
        region=case.region,
        seed=case.seed,
        frame=frame,
        vessels=VesselScore.of(found, truth),
        refused=refused,
        start=point_errors(points, c_arm, true_pose, start, np.eye(3)),
        match=_score_match(accepted, model, points, true_pose) if accepted else None,
        pose=pose,
        frangi=None if filtered is None else VesselScore.of(filtered, truth),
        simpleitk=_score_simpleitk(result, points, true_pose) if baselines and result else None,
    )
    before = project_model(model, c_arm, start).silhouette
    return ExaminedFrame(score, image, truth, found, filtered, before, accepted.shown if accepted else None, posed)


def point_errors(
    points_lps: FloatArray, c_arm: CArm, true_pose: FloatArray, start_pose: FloatArray, affine: FloatArray
) -> PointErrors:
    """Distance between where a match shows centerline points (N, 3) and where they truly are.

    `affine` (3, 3) is `projection_to_frame`; the identity gives the error of the start pose itself. Only points whose
    true place is in the picture count.
    """
    truth = c_arm.project(transform_points(true_pose, points_lps))[:, :2]
    shown = apply(affine, c_arm.project(transform_points(start_pose, points_lps))[:, :2])
    inside = np.all((truth > -0.5) & (truth < (c_arm.columns - 0.5, c_arm.rows - 0.5)), axis=1)
    chosen = inside if inside.any() else np.ones(len(truth), bool)
    pixels = float(np.linalg.norm(shown - truth, axis=1)[chosen].mean())
    share = SIDE_PX / max(c_arm.rows, c_arm.columns)
    return PointErrors(pixels, pixels * c_arm.pixel_size_at_isocenter_mm(), pixels * share)


def _registered(
    case: SimulatedCase, frame: int, start: FloatArray, probability: NDArray[np.floating], matcher: AffineMatcher
) -> tuple[FrameRegistration | None, str]:
    """The match and why it is refused; a start that shows no model at all is a refusal too."""
    from VesselRegistrationLib.registration import register_frame

    try:
        result = register_frame(
            case.model, case.run(), frame, lambda _image: probability, matcher, model_to_isocenter=start
        )
    except InputError as error:
        return None, str(error)
    return result, result.reason


def _score_match(
    result: FrameRegistration, model: VesselModel, points: FloatArray, true_pose: FloatArray
) -> MatchScore | None:
    if result.match is None:
        return None
    affine = result.match.projection_to_frame
    reachable = overlap_metrics(project_model(model, result.c_arm, true_pose).silhouette, result.vessels).dsc
    return MatchScore(
        errors=point_errors(points, result.c_arm, true_pose, result.model_to_isocenter, affine),
        overlap=result.match.overlap,
        relative_dsc=result.match.overlap.dsc / reachable if reachable else float("nan"),
    )


def _examine_pose(
    case: SimulatedCase, c_arm: CArm, true_pose: FloatArray, start: FloatArray, probability: NDArray[np.floating]
) -> tuple[PoseScore, BoolArray | None]:
    """The pose from the same start and the same vessels as the affine, and where it shows the model unless refused."""
    from VesselRegistrationLib.pose.estimation import PoseModel, PoseView, estimate_pose

    try:
        found = estimate_pose(PoseModel.of(case.model), [PoseView(c_arm, probability)], start)
    except InputError as error:
        nothing = float("nan")
        return PoseScore(str(error), PointErrors(nothing, nothing, nothing), nothing, nothing, nothing, nothing), None
    pose, points = found.model_to_isocenter, case.centerline_lps
    distances = np.linalg.norm(transform_points(pose, points) - transform_points(true_pose, points), axis=1)
    score = PoseScore(
        refused=found.reason,
        errors=point_errors(points, c_arm, true_pose, pose, np.eye(3)),
        mtre_mm=float(distances.mean()),
        expected_mm=found.expected_in_plane_error_mm,
        bound_mm=found.in_plane_error_bound_mm,
        expected_depth_mm=found.expected_depth_error_mm,
    )
    return score, None if found.reason else project_model(case.model, c_arm, pose).silhouette


def _score_simpleitk(result: FrameRegistration, points: FloatArray, true_pose: FloatArray) -> PointErrors | None:
    """SimpleITK's match of the same silhouette and vessels; None where it found nothing to register."""
    from VesselRegistrationLib.simpleitk_matching import match_simpleitk
    from VesselSegmentationLib.preprocessing import NetworkGrid

    grid = NetworkGrid.of(result.projection.silhouette)
    moving = grid.coverage_to_network(result.projection.silhouette)
    try:
        small = match_simpleitk(moving, grid.coverage_to_network(result.vessels))
    except InputError:
        return None
    affine = grid.network_to_frame() @ small @ grid.frame_to_network()
    return point_errors(points, result.c_arm, true_pose, result.model_to_isocenter, affine)


@dataclass(frozen=True)
class AnnotatedScore:
    """Scores of one annotated frame, on the frame's own pixels."""

    name: str
    vessels: VesselScore
    frangi: VesselScore | None = None


def score_annotated(
    name: str, frame: NDArray[np.generic], truth: BoolArray, segmenter: VesselSegmenter, baselines: bool
) -> AnnotatedScore:
    """The network's mask, and the Frangi filter's as a baseline, against an annotation (rows, columns)."""
    filtered = VesselScore.of(frangi_vessels(frame), truth) if baselines else None
    return AnnotatedScore(name, VesselScore.of(segmenter.segment(frame), truth), filtered)
