"""Landmarks in a registration: as its start, and as a measure of its result. LPS mm."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.pose.landmark_fit import LandmarkErrors, MarkedView, align_landmarks, triangulated
from VesselRegistrationLib.pose.landmarks import Landmarks, PictureMarks
from VesselRegistrationLib.pose.metrics import picture_distances_mm
from VesselRegistrationLib.projection import transform_points
from VesselRegistrationLib.registration import FrameRegistration, Status
from VesselRegistrationLib.xray_run import XRayRun, table_shift_lps
from VesselSegmentationLib.errors import MissingGeometryError

Place = tuple[XRayRun, int]
"""A run and one of its frames."""


def landmark_start(landmarks: Landmarks, places: Sequence[Place], start: FloatArray) -> tuple[FloatArray, float] | None:
    """The pose (4, 4) in the first place that lays the landmarks on their marks, and the rms mm that is left of them.

    `start` is where the model is thought to be in the first place. Marks on other frames of the places' runs count as
    well, unless the table's way to them is not known; None where no mark is left.
    """
    views = []
    for run, frame in places:
        for marks in landmarks.pictures:
            marked = frame if marks.frame is None else marks.frame
            shift = _shift(places[0], (run, marked)) if marks.run == run.name and marks.points_px else None
            if shift is not None:
                views.append(_marked_view(landmarks, marks, (run, marked), shift))
    return align_landmarks(views, start) if views else None


def _shift(first: Place, place: Place) -> FloatArray | None:
    """How far the table moved from one frame to another, (3,) mm; None: not known."""
    (run, frame), is_same = place, place[0] is first[0]
    try:
        return table_shift_lps(first[0].geometry[first[1]], run.geometry[frame], same_run=is_same)
    except MissingGeometryError:
        return np.zeros(3) if is_same else None


def _marked_view(landmarks: Landmarks, marks: PictureMarks, place: Place, shift: FloatArray) -> MarkedView:
    points = np.array([landmarks.model_lps[name] for name in marks.points_px])
    return MarkedView(place[0].c_arm(place[1]), points, np.array(list(marks.points_px.values())), shift)


def with_landmark_errors(
    results: Sequence[FrameRegistration], runs: Sequence[XRayRun], landmarks: Landmarks
) -> list[FrameRegistration]:
    """The results, those of marked frames with their landmarks' errors.

    `runs` are those of the results. In space an error is known where runs that were solved together show the point
    from directions far enough apart. Refused frames have none.
    """
    marks = [
        landmarks.marks_of(run, result.frame) if result.status is Status.REGISTERED else {}
        for result, run in zip(results, runs, strict=True)
    ]
    targets = _target_errors(results, marks, landmarks)
    return [
        dataclasses.replace(result, landmarks=_errors(result, marked, landmarks, targets)) if marked else result
        for result, marked in zip(results, marks, strict=True)
    ]


def _errors(
    result: FrameRegistration, marked: dict[str, FloatArray], landmarks: Landmarks, targets: dict[str, float]
) -> LandmarkErrors:
    points = result.matched_points_lps(np.array([landmarks.model_lps[name] for name in marked]))
    shown = result.c_arm.project(points, result.projection.mode)[:, :2]
    away = picture_distances_mm(shown, np.array(list(marked.values())), result.c_arm)
    in_plane = {name: float(error) for name, error in zip(marked, away, strict=True)}
    return LandmarkErrors(in_plane, {name: error for name, error in targets.items() if name in marked})


def _target_errors(
    results: Sequence[FrameRegistration], marks: Sequence[dict[str, FloatArray]], landmarks: Landmarks
) -> dict[str, float]:
    """Errors in space by name, of the landmarks that results of one pose show from several directions."""
    joint = [
        (result, marked, result.rigid_model_to_isocenter)
        for result, marked in zip(results, marks, strict=True)
        if len(result.joint_runs) > 1 and result.rigid_model_to_isocenter is not None
    ]
    if not joint:
        return {}
    pose, found = joint[0][2], {}
    for name, point in landmarks.model_lps.items():
        place = triangulated(
            [(result.c_arm, own[name], at[:3, 3] - pose[:3, 3]) for result, own, at in joint if name in own]
        )
        if place is not None:
            found[name] = float(np.linalg.norm(transform_points(pose, point[None])[0] - place))
    return found
