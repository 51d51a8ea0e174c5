"""Frames registered to a model by a rigid pose in mm: one frame, several runs solved together, or a whole run.

The results have the form of the affine ones (`registration.FrameRegistration`), with the pose beside: its own affine in
the picture stands where the paper's would, so that both can be compared and shown alike.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.affine import RegionOfInterest
from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.matching import AffineMatch
from VesselRegistrationLib.pose.affine_and_pose import pose_affine
from VesselRegistrationLib.pose.cine import Progress, follow_run
from VesselRegistrationLib.pose.estimation import (
    PoseEstimate,
    PoseModel,
    PoseSettings,
    PoseView,
    estimate_pose,
    pose_in_view,
)
from VesselRegistrationLib.pose.metrics import projection_distances_mm
from VesselRegistrationLib.pose.refusal import LARGEST_OWN_SHIFT_MM, trust
from VesselRegistrationLib.pose.rigid import shifted
from VesselRegistrationLib.projection import Projection, project_model, silhouette, transform_points
from VesselRegistrationLib.registration import FrameRegistration, Status
from VesselRegistrationLib.xray_run import XRayRun, carry_pose, table_shift_lps
from VesselSegmentationLib.errors import InputError, MissingGeometryError
from VesselSegmentationLib.metrics import overlap_metrics
from VesselSegmentationLib.run_subtraction import Segment, each_segmented

NO_SHIFT = np.zeros(3)
THREADS = 2
"""That work out what is shown of a run's frames."""


def register_views(
    model: PoseModel,
    frames: Sequence[tuple[XRayRun, int]],
    segment: Segment | Sequence[Segment],
    start: FloatArray,
    roi: RegionOfInterest | None = None,
    settings: PoseSettings | None = None,
    companions: Sequence[Sequence[int]] = (),
) -> list[FrameRegistration]:
    """One frame of each of several runs, solved together for one pose that the table carries from run to run.

    `segment` finds the vessels, of all runs or one of each.
    `companions` are further frames of each run that are solved with it, as views of their own, since vessels move from
    frame to frame; where that is refused, the frames without them are what is solved.
    `start` (4, 4) is where the model is thought to be in the first of them. Where the table of one of the runs is not
    known, each run is solved by itself and says so in its warnings; so it is where all runs together are refused, since
    one without vessels, or of another patient, must not spoil the others. Raises InputError for no frames.
    """
    if not frames:
        raise InputError("There is no frame to register.")
    options = settings or PoseSettings()
    for run, frame in frames:
        run.c_arm(frame)  # raises for a frame or a geometry that is not there, before any work
    places = [*frames, *((run, other) for (run, _), others in zip(frames, companions) for other in others)]
    each = [segment] * len(frames) if callable(segment) else list(segment)
    each += [own for own, others in zip(each, companions) for _ in others]
    probabilities = [own(run.frames[frame]) for own, (run, frame) in zip(each, places, strict=True)]

    def shots(shifts: Sequence[FloatArray]) -> list[_Shot]:
        parts = zip(places, probabilities, shifts)
        return [_Shot(run, frame, probability, shift) for (run, frame), probability, shift in parts]

    try:
        placed = shots([_table_shift(*frames[0], *place) for place in places])
    except MissingGeometryError as error:
        return _solved_alone(model, shots([NO_SHIFT] * len(frames)), start, roi, options, str(error))
    together = _solved(model, placed, start, roi, options)[: len(frames)]
    if len(placed) > len(frames) and together[0].status is not Status.REGISTERED:
        placed = placed[: len(frames)]
        together = _solved(model, placed, start, roi, options)
    if len(frames) == 1 or together[0].status is Status.REGISTERED:
        return together
    reason = f"together they are refused. {together[0].reason}"
    alone = _solved_alone(model, placed, start, roi, options, reason)
    registered = [result for result in alone if result.status is Status.REGISTERED]
    if not registered:
        return together
    surest = max(registered, key=_trust)
    return [_unless_contradicting(model, shot, result, surest) for shot, result in zip(placed, alone, strict=True)]


def register_run(
    model: PoseModel,
    run: XRayRun,
    segment: Segment,
    start: FloatArray,
    roi: RegionOfInterest | None = None,
    settings: PoseSettings | None = None,
    progress: Progress | None = None,
) -> list[FrameRegistration]:
    """Every frame of a run, the pose followed from frame to frame; `start` (4, 4) is that of the first frame.

    `progress` hears of each frame twice: when its vessels are found, and when its pose is.
    """
    options = settings or PoseSettings()
    places, total = [(run, frame) for frame in range(run.frame_count)], 2 * run.frame_count
    probabilities = []
    for probability in each_segmented(segment, run.frames):
        probabilities.append(probability)
        if progress:
            progress(len(probabilities), total)
    try:
        shifts = [_table_shift(run, 0, run, frame) for _, frame in places]
    except MissingGeometryError:
        shifts = [NO_SHIFT for _ in places]
    views = [
        PoseView.of_frame(run, frame, _inside(probability, roi), shift)
        for (_, frame), probability, shift in zip(places, probabilities, shifts, strict=True)
    ]
    followed = (lambda done, _: progress(run.frame_count + done, total)) if progress else None
    estimates = follow_run(model, views, start, options, followed)
    begun = [carry_pose(start, NO_SHIFT, view.table_shift_lps) for view in views]
    projections = _projections(model, views, begun)
    with ThreadPoolExecutor(THREADS) as both:
        parts = zip(places, views, probabilities, estimates, begun, projections, strict=True)
        waiting = [
            both.submit(_result, model, place, view, probability, estimate, first, roi, options, projection)
            for place, view, probability, estimate, first, projection in parts
        ]
        return [result.result() for result in waiting]


def _projections(model: PoseModel, views: Sequence[PoseView], poses: Sequence[FloatArray]) -> list[Projection]:
    """Of the model at a pose (4, 4) for each view: one for all of those between which nothing moves."""
    projections: list[Projection] = []
    for number, (view, pose) in enumerate(zip(views, poses, strict=True)):
        is_still = number > 0 and view.c_arm == views[number - 1].c_arm and np.array_equal(pose, poses[number - 1])
        projections.append(projections[-1] if is_still else project_model(model.model, view.c_arm, pose))
    return projections


def _table_shift(first: XRayRun, first_frame: int, run: XRayRun, frame: int) -> FloatArray:
    if run is first and frame == first_frame:
        return NO_SHIFT
    return table_shift_lps(first.geometry[first_frame], run.geometry[frame], same_run=run is first)


@dataclass(frozen=True)
class _Shot:
    """A frame that is solved."""

    run: XRayRun
    frame: int
    probability: NDArray[np.floating]
    """Of vessel."""
    shift: FloatArray
    """(3,) LPS mm by which the table has moved since the frame whose start is given."""

    def view(self, roi: RegionOfInterest | None) -> PoseView:
        """As the estimate wants it."""
        return PoseView.of_frame(self.run, self.frame, _inside(self.probability, roi), self.shift)


def _solved(
    model: PoseModel,
    shots: Sequence[_Shot],
    start: FloatArray,
    roi: RegionOfInterest | None,
    options: PoseSettings,
) -> list[FrameRegistration]:
    """All of them together."""
    views = [shot.view(roi) for shot in shots]
    estimate = estimate_pose(model, views, start, options)
    names = tuple({id(shot.run): shot.run.name for shot in shots}.values())  # two runs may have one name
    return [
        dataclasses.replace(
            _result(
                model,
                (shot.run, shot.frame),
                view,
                shot.probability,
                estimate.in_view(number),
                carry_pose(start, NO_SHIFT, shot.shift),
                roi,
                options,
            ),
            joint_runs=names,
        )
        for number, (shot, view) in enumerate(zip(shots, views, strict=True))
    ]


def _solved_alone(
    model: PoseModel,
    shots: Sequence[_Shot],
    start: FloatArray,
    roi: RegionOfInterest | None,
    options: PoseSettings,
    why: str,
) -> list[FrameRegistration]:
    """Each by itself, with the reason as a warning; each from the start, carried with the table."""
    results = [_solved(model, [shot], start, roi, options)[0] for shot in shots]
    return [_with_warning(result, f"Solved without the other runs: {why}") for result in results]


def _trust(result: FrameRegistration) -> float:
    estimate = result.pose
    assert estimate is not None
    assert estimate.quality is not None
    return trust(estimate.quality, estimate.expected_in_plane_error_mm)


def _unless_contradicting(
    model: PoseModel, shot: _Shot, result: FrameRegistration, surest: FrameRegistration
) -> FrameRegistration:
    """A run's own result; refused where its picture would have the model elsewhere than the surest run has it."""
    if result is surest or result.status is not Status.REGISTERED:
        return result
    assert result.pose is not None
    assert surest.pose is not None
    # What the surest run hardly sees, the depth, this one may see.
    _, _, beam = surest.c_arm.axes_lps()
    depths = np.linspace(-2, 2, 21) * surest.pose.expected_depth_error_mm
    apart = min(
        projection_distances_mm(
            model.centerline_lps,
            shifted(result.pose.model_to_isocenter, shot.shift),
            shifted(surest.pose.model_to_isocenter, depth * beam + shot.shift),
            result.c_arm,
        ).mean()
        for depth in depths
    )
    believed = LARGEST_OWN_SHIFT_MM + result.pose.in_plane_error_bound_mm
    if apart <= believed:
        return result
    reason = (
        f"It contradicts the surest of the runs ({surest.run}): the model would be {apart:.0f} mm away from there "
        f"({believed:.0f} mm at most are believed). Check that both runs are of one patient and not mirrored."
    )
    return dataclasses.replace(result, status=Status.REFUSED, reason=reason)


def _result(
    model: PoseModel,
    place: tuple[XRayRun, int],
    view: PoseView,
    probability: NDArray[np.floating],
    estimate: PoseEstimate,
    start: FloatArray,
    roi: RegionOfInterest | None,
    options: PoseSettings,
    projection: Projection | None = None,
) -> FrameRegistration:
    """`projection` is that of the model at the start; None: it is made."""
    run, frame = place
    region = (roi or RegionOfInterest(0, 0, run.columns, run.rows)).checked(run.rows, run.columns)
    pose = pose_in_view(estimate, view)
    shown = silhouette(transform_points(pose, model.model.points_lps), model.model.triangles, view.c_arm)
    return FrameRegistration(
        run=run.name,
        frame=frame,
        image=run.frames[frame],
        c_arm=view.c_arm,
        model_to_isocenter=start,
        projection=project_model(model.model, view.c_arm, start) if projection is None else projection,
        roi=region,
        probability=probability,
        threshold=options.threshold,
        status=estimate.status,
        reason=estimate.reason,
        match=_match(model, view, start, pose, region, shown, probability >= options.threshold, estimate.warnings),
        shown=shown,
        pose=estimate,
        rigid_model_to_isocenter=pose,
        geometry=run.geometry[frame],
    )


def _match(
    model: PoseModel,
    view: PoseView,
    start: FloatArray,
    pose: FloatArray,
    region: RegionOfInterest,
    shown: NDArray[np.bool_],
    vessels: NDArray[np.bool_],
    warnings: tuple[str, ...],
) -> AffineMatch:
    """The pose as the paper's match would state it."""
    affine = pose_affine(model, view.c_arm, start, pose)
    return AffineMatch(
        moving_to_fixed=affine @ region.to_frame(),
        projection_to_frame=affine,
        overlap=overlap_metrics(shown, vessels),
        unexplained=math.nan,
        warped=shown,
        start="pose",
        ambiguity=None,
        warnings=warnings,
    )


def _inside(probability: NDArray[np.floating], roi: RegionOfInterest | None) -> NDArray[np.floating]:
    """The probability inside the region of interest; nothing outside it."""
    if roi is None:
        return probability
    kept = np.zeros_like(probability)
    part = (slice(roi.y, roi.y + roi.height), slice(roi.x, roi.x + roi.width))
    kept[part] = probability[part]
    return kept


def _with_warning(result: FrameRegistration, warning: str) -> FrameRegistration:
    if result.match is None:
        return result
    match = dataclasses.replace(result.match, warnings=(*result.match.warnings, warning))
    return dataclasses.replace(result, match=match)
