"""One frame registered to a model, from reading's results to an affine match: the main job, without files.

The order of the work: project the model at the header's angles, cut the region of interest, find the vessels, match,
and say what came of it. A frame in which the match means nothing is refused with a reason; bad input raises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.affine import RegionOfInterest, frame_affine_to_isocenter
from VesselRegistrationLib.c_arm import CArm, FloatArray, ProjectionMode
from VesselRegistrationLib.projection import Projection, project_model, silhouette, transform_points
from VesselRegistrationLib.vessel_model import VesselModel
from VesselRegistrationLib.xray_run import FrameGeometry, XRayRun
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.run_subtraction import Segment

if TYPE_CHECKING:
    from VesselRegistrationLib.matching import AffineMatch, AffineMatcher, MatchSettings
    from VesselRegistrationLib.pose.estimation import PoseEstimate
    from VesselRegistrationLib.pose.landmark_fit import LandmarkErrors

BoolArray = NDArray[np.bool_]

SMALLEST_MASK_SHARE = 0.0005
LARGEST_MASK_SHARE = 0.5
"""Masks that cover less or more of the frame than this hold no vessel tree: empty, or flooded."""
BRIGHT_VESSELS = 'If vessels are bright in it, say so (--bright-vessels; "Vessels are bright" in the module).'
ROI_MARGIN = 0.05
"""Margin of the automatic region of interest, as a share of the model's extent."""


class Status(str, Enum):
    """What came of a frame."""

    REGISTERED = "registered"
    REFUSED = "refused"


@dataclass(frozen=True)
class FrameRegistration:
    """All that is known about one registered (or refused) frame. Pictures are on the frame's own pixels."""

    run: str
    frame: int
    image: NDArray[np.generic]
    c_arm: CArm
    model_to_isocenter: FloatArray
    """(4, 4) LPS mm: the pose that the projection was made at, before matching."""
    projection: Projection
    roi: RegionOfInterest
    probability: NDArray[np.floating]
    threshold: float
    status: Status
    reason: str
    """Why it was refused, or an empty string."""
    match: AffineMatch | None
    shown: BoolArray | None
    """Silhouette of the whole model where the match shows it, also of what the region of interest or the picture's
    border cut off the moving image."""
    pose: PoseEstimate | None = None
    """The rigid pose with its errors, where one was estimated; `match` is then the pose's own affine."""
    rigid_model_to_isocenter: FloatArray | None = None
    """(4, 4) LPS mm: the pose at this frame's table position."""
    joint_runs: tuple[str, ...] = ()
    """The runs that were solved together."""
    geometry: FrameGeometry | None = None
    """The frame's geometry, by whose table the pose can be carried to other runs."""
    landmarks: LandmarkErrors | None = None
    """How far off named points are, where this frame marks any."""
    is_subtracted: bool = False
    """The vessels were found with the help of a frame from before contrast agent came."""

    @property
    def vessels(self) -> BoolArray:
        """The hard vessel mask."""
        return np.asarray(self.probability >= self.threshold)

    def matched_model_to_isocenter(self) -> FloatArray | None:
        """Model points to where the result shows them, (4, 4) LPS mm: the rigid pose, or else an affine."""
        if self.rigid_model_to_isocenter is not None:
            return self.rigid_model_to_isocenter
        if self.match is None:
            return None
        affine = frame_affine_to_isocenter(self.match.projection_to_frame, self.c_arm, self.projection.mode)
        return affine @ self.model_to_isocenter

    def matched_points_lps(self, points_lps: FloatArray) -> FloatArray:
        """Model points (N, 3) where the match shows them, mm from the isocentre."""
        matrix = self.matched_model_to_isocenter()
        return transform_points(self.model_to_isocenter if matrix is None else matrix, points_lps)


@dataclass(frozen=True)
class RegistrationSettings:
    """Choices of a registration that have a usual answer."""

    threshold: float = 0.5
    """Vessel probability from which a pixel counts as vessel."""
    mode: ProjectionMode = ProjectionMode.PERSPECTIVE
    match: MatchSettings | None = None


def register_frame(
    model: VesselModel,
    run: XRayRun,
    frame: int,
    segment: Segment,
    matcher: AffineMatcher,
    roi: RegionOfInterest | None = None,
    model_to_isocenter: FloatArray | None = None,
    settings: RegistrationSettings = RegistrationSettings(),
) -> FrameRegistration:
    """Lay the model's projection on the vessels of one frame.

    `roi` is in frame pixels; None takes the projected model's bounding box. `model_to_isocenter` (4, 4) LPS mm is
    where the model is thought to be; None: its own coordinates are those of the isocentre.
    Raises InputError or MissingGeometryError for what cannot be computed; refuses, without raising, a frame whose
    vessels cannot carry a match.
    """
    c_arm = run.c_arm(frame)
    image = run.frames[frame]
    pose = np.eye(4) if model_to_isocenter is None else model_to_isocenter
    projection = project_model(model, c_arm, pose, settings.mode)
    if roi is None:
        roi = automatic_roi(projection.silhouette)
    roi.checked(c_arm.rows, c_arm.columns)
    probability = segment(image)
    reason = _unusable(probability >= settings.threshold)
    match = None
    if not reason:
        match = _matched(matcher, projection, probability, roi, settings)
        reason = _too_poor(match)
    return FrameRegistration(
        run=run.name,
        frame=frame,
        image=image,
        c_arm=c_arm,
        model_to_isocenter=pose,
        projection=projection,
        roi=roi,
        probability=probability,
        threshold=settings.threshold,
        status=Status.REFUSED if reason else Status.REGISTERED,
        reason=reason,
        match=match,
        shown=_shown(model, c_arm, pose, match, settings.mode),
        geometry=run.geometry[frame],
    )


def automatic_roi(covered: BoolArray, margin: float = ROI_MARGIN) -> RegionOfInterest:
    """Bounding box of the projected model, a little larger. Raises InputError when none of it is in the picture."""
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    if not len(rows):
        raise InputError(
            "The projected model lies wholly outside the picture. Give a start with --initial-pose, "
            "or check the model's coordinates and the run's table position."
        )
    bounds = []
    for indices, size in ((columns, covered.shape[1]), (rows, covered.shape[0])):
        extra = max(2, round(margin * len(indices)))
        first, last = max(0, int(indices[0]) - extra), min(size - 1, int(indices[-1]) + extra)
        bounds.append((first, last - first + 1))
    (x, width), (y, height) = bounds
    return RegionOfInterest(x, y, width, height)


def _matched(
    matcher: AffineMatcher,
    projection: Projection,
    probability: NDArray[np.floating],
    roi: RegionOfInterest,
    settings: RegistrationSettings,
) -> AffineMatch:
    from VesselRegistrationLib.matching import MatchSettings

    # The matcher reads 0.5 as the border of a vessel; another threshold means another mask.
    vessels = probability if settings.threshold == 0.5 else (probability >= settings.threshold)
    return matcher.match(projection.silhouette, vessels, roi, settings.match or MatchSettings())


def _shown(
    model: VesselModel, c_arm: CArm, pose: FloatArray, match: AffineMatch | None, mode: ProjectionMode
) -> BoolArray | None:
    """The whole model's silhouette where the match shows it."""
    if match is None:
        return None
    matched = frame_affine_to_isocenter(match.projection_to_frame, c_arm, mode) @ pose
    return silhouette(transform_points(matched, model.points_lps), model.triangles, c_arm, mode)


def _unusable(vessels: BoolArray) -> str:
    """Why a mask cannot carry a match, or an empty string."""
    share = float(vessels.mean())
    if share < SMALLEST_MASK_SHARE:
        return (
            f"No vessels were found: the mask covers {share:.3%} of the frame. Choose a frame in which "
            f"vessels are dark with contrast agent, or lower the threshold. {BRIGHT_VESSELS}"
        )
    if share > LARGEST_MASK_SHARE:
        return f"The vessel mask covers {share:.0%} of the frame, so it is not a vessel tree. Raise the threshold."
    return ""


def _too_poor(match: AffineMatch) -> str:
    from VesselRegistrationLib.matching import MOST_UNEXPLAINED, POOR_DSC

    advice = "Check that model and run are of one patient, draw the region of interest closer, or give a start pose."
    if match.unexplained > MOST_UNEXPLAINED:
        return (
            f"The best match explains only {1 - match.unexplained:.0%} of the vessels' outline "
            f"({1 - MOST_UNEXPLAINED:.0%} is needed). {advice}"
        )
    if math.isnan(match.unexplained) and match.overlap.dsc < POOR_DSC:
        return (
            f"The best match overlaps the vessels with a DSC of only {match.overlap.dsc:.2f} (below {POOR_DSC:.2f}). "
            f"{advice}"
        )
    return ""
