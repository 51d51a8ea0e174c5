"""Do the runs of one patient agree with the way this project reads them, and if not, which other way would?

Headers differ in what they mean by a sign: an angle that counts the other way, a picture that was stored mirrored, a
table axis that runs backwards. In a single run a wrong pose can make up for much of that; in two runs from different
angles or table positions it cannot. So one rigid pose is estimated for all runs under each reading, and the readings
are compared by how far the vessels' outlines then are from the model's, in mm at the isocentre.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.pose.estimation import PoseModel, PoseSettings, estimate_pose, improve_pose
from VesselRegistrationLib.pose.evidence import Evidence, PoseView, gather_evidence
from VesselRegistrationLib.pose.outline import rim_points
from VesselRegistrationLib.pose.refusal import unusable_view
from VesselRegistrationLib.pose.rigid import shifted
from VesselRegistrationLib.xray_readings import AS_IS, READINGS, Reading, read_as
from VesselRegistrationLib.xray_run import XRayRun, table_shift_lps
from VesselSegmentationLib.errors import InputError, MissingGeometryError

CAP_MM = 5.0
"""Distances count up to here: a false vessel is not to decide."""
NEAR_MM = 1.5
LEAST_EXPLAINED = 0.4
"""With less of the vessels' outline within `NEAR_MM`, no reading fits: the pose has not been found at all."""
SAME_DEG, SAME_MM = 2.0, 3.0
"""Readings that turn and shift every view by less than this cannot be told from the project's."""
LEAST_MARGIN_MM, LEAST_MARGIN_SHARE = 0.3, 0.15
"""A reading fits better than another when its mean distance is smaller by both of these."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ReadingFit:
    """How one reading lays the model on the vessels of all runs."""

    reading: Reading
    residual_mm: float
    """Mean over the runs of the mean distance from the vessels' outline to the model's, capped at `CAP_MM`."""
    per_run_mm: tuple[float, ...]
    explained: float
    """Share of the vessels' outline within `NEAR_MM` of the model's; least of the runs."""
    poses: tuple[FloatArray, ...]
    """(4, 4) per run, LPS mm, in this reading."""


@dataclass(frozen=True)
class ConventionCheck:
    """All readings that were compared, best first."""

    fits: tuple[ReadingFit, ...]
    alike: tuple[Reading, ...]
    """Readings that change nothing in these runs: an angle near zero, a table axis that did not move."""
    notes: tuple[str, ...] = ()

    @property
    def as_is(self) -> ReadingFit:
        """The project's reading."""
        return next(fit for fit in self.fits if fit.reading.name == AS_IS)

    @property
    def rivals(self) -> tuple[ReadingFit, ...]:
        """Other readings that fit about as well as the best one."""
        return tuple(fit for fit in self.fits if fit.reading.name != AS_IS and not _is_worse(fit, self.fits[0]))

    @property
    def better(self) -> ReadingFit | None:
        """The reading that fits clearly better than the project's, if there is one."""
        return self.fits[0] if _is_worse(self.as_is, self.fits[0]) else None

    @property
    def agrees(self) -> bool | None:
        """Whether the project's reading is right; None: these runs cannot tell."""
        if self.fits[0].explained < LEAST_EXPLAINED or len(self.fits) < 2:
            return None
        if self.better is not None:
            return False
        return None if len(self.rivals) == len(self.fits) - 1 else True

    @property
    def sentence(self) -> str:
        """The result in words."""
        best = self.fits[0]
        if best.explained < LEAST_EXPLAINED:
            return (
                f"No reading lays the model on the vessels (at best {best.explained:.0%} of their outline): check that "
                "model and runs are of one patient, or give a better --initial-pose."
            )
        if self.better is not None:
            others = [fit.reading.name for fit in self.rivals if fit is not best]
            also = f" (or --reading {' or '.join(others)}, which fits as well)" if others else ""
            return (
                f"The reading in which {best.reading.words} fits better by "
                f"{self.as_is.residual_mm - best.residual_mm:.1f} mm ({best.residual_mm:.1f} against "
                f"{self.as_is.residual_mm:.1f} mm); use the option --reading {best.reading.name}{also}."
            )
        if self.agrees is None:
            return "These runs cannot tell (too alike): add a run from another angle, or with the table elsewhere."
        return "The files agree with the project's reading." + self._undecided()

    def _undecided(self) -> str:
        """What an agreement leaves open, in words."""
        rivals, alike = [fit.reading.name for fit in self.rivals], [reading.name for reading in self.alike]
        fitting = f" Not ruled out, fitting nearly as well: {', '.join(rivals)}." if rivals else ""
        return fitting + (f" Not told by these runs: {', '.join(alike)}." if alike else "")


def check_convention(
    model: PoseModel,
    frames: Sequence[tuple[XRayRun, int]],
    probabilities: Sequence[NDArray[np.floating]],
    start: FloatArray,
    settings: PoseSettings | None = None,
    readings: Sequence[str] = tuple(READINGS),
    progress: Progress | None = None,
) -> ConventionCheck:
    """Compare the readings on one frame of each of several runs of one patient.

    Args:
        probabilities: of vessel, (rows, columns) of each frame as it is stored.
        start: (4, 4) where the model is thought to be in the first run.
        readings: which to compare with the project's.

    Raises InputError for fewer than two runs and for runs whose vessels cannot carry a pose.
    """
    if len(frames) < 2:
        raise InputError("One run cannot tell how angles and table are to be read; give two or more of one patient.")
    options = settings or PoseSettings()
    plain = _views(frames, probabilities, READINGS[AS_IS])
    reason = unusable_view([gather_evidence(view, options.threshold) for view in plain[0]])
    if reason:
        raise InputError(f"The convention cannot be checked: {reason}")
    candidates = {name: _views(frames, probabilities, READINGS[name]) for name in dict.fromkeys([AS_IS, *readings])}
    alike = [name for name, views in candidates.items() if _are_alike(plain, views, READINGS[name])]
    compared = [name for name in candidates if name not in alike]

    def fit(name: str, near: FloatArray | None = None) -> ReadingFit:
        return _fit(model, READINGS[name], *candidates[name], start, options, near)

    fits: dict[str, ReadingFit] = {}
    for number, name in enumerate(compared):
        fits[name] = fit(name)
        if progress:
            progress(number + 1, len(compared))
    # A reading may only have missed its pose, which the ones that the others found are likely to be near.
    best = sorted(fits.values(), key=_residual)[:2]
    seeds = {found.reading.name: found.poses[0] for found in (*best, fits[AS_IS])}
    improved = [min(fits[name], *(fit(name, pose) for pose in seeds.values()), key=_residual) for name in compared]
    notes = () if plain[1] else ("The tables of these runs cannot be compared, so each was fitted by itself.",)
    order = tuple(sorted(improved, key=_residual))
    return ConventionCheck(order, tuple(READINGS[name] for name in alike), notes)


def _residual(fit: ReadingFit) -> float:
    return fit.residual_mm


def _views(
    frames: Sequence[tuple[XRayRun, int]], probabilities: Sequence[NDArray[np.floating]], reading: Reading
) -> tuple[list[PoseView], bool]:
    """The views in a reading, and whether their tables can be compared."""
    runs = [read_as(run, reading) for run, _ in frames]
    first = runs[0].geometry[frames[0][1]]
    try:
        shifts = [
            table_shift_lps(first, run.geometry[frame], same_run=original is frames[0][0])
            for run, (original, frame) in zip(runs, frames, strict=True)
        ]
        related = True
    except MissingGeometryError:
        shifts, related = [np.zeros(3) for _ in frames], False
    views = [
        PoseView.of_frame(run, frame, reading.picture(probability), shift)
        for run, (_, frame), probability, shift in zip(runs, frames, probabilities, shifts, strict=True)
    ]
    return views, related


def _are_alike(plain: tuple[list[PoseView], bool], other: tuple[list[PoseView], bool], reading: Reading) -> bool:
    """Whether a reading changes next to nothing in these views."""
    if reading.name == AS_IS or reading.mirrors:
        return False
    if reading.is_about_table and not plain[1]:
        return True
    for one, two in zip(plain[0], other[0], strict=True):
        angles = np.arccos(np.clip((one.c_arm.axes_lps() * two.c_arm.axes_lps()).sum(axis=1), -1, 1))
        if np.degrees(angles.max()) > SAME_DEG or np.abs(one.table_shift_lps - two.table_shift_lps).max() > SAME_MM:
            return False
    return True


def _fit(
    model: PoseModel,
    reading: Reading,
    views: Sequence[PoseView],
    is_joint: bool,
    start: FloatArray,
    settings: PoseSettings,
    near: FloatArray | None = None,
) -> ReadingFit:
    """One pose for all views, or one for each where nothing relates them; `near`: improve this pose, do not search."""
    poses: list[FloatArray] = []
    for group in [views] if is_joint else [[view] for view in views]:
        if near is None:
            pose = estimate_pose(model, group, start, settings).model_to_isocenter
        else:
            pose = improve_pose(model, group, near, settings).model_to_isocenter
        poses += [shifted(pose, view.table_shift_lps) for view in group]
    distances = [
        _distances_mm(model, gather_evidence(view, settings.threshold), pose)
        for view, pose in zip(views, poses, strict=True)
    ]
    per_run = tuple(float(distance.mean()) for distance in distances)
    explained = min(float((distance < NEAR_MM).mean()) for distance in distances)
    return ReadingFit(reading, float(np.mean(per_run)), per_run, explained, tuple(poses))


def _distances_mm(model: PoseModel, view: Evidence, pose: FloatArray) -> FloatArray:
    """From points on the vessels' outline to the model's, (K,) mm at the isocentre, capped."""
    from scipy.spatial import cKDTree

    rim, _ = rim_points(model, pose, view.c_arm, hides=False)
    if not len(rim):
        return np.full(len(view.edge), CAP_MM)
    distance, _ = cKDTree(view.c_arm.project(rim)[:, :2]).query(view.edge)
    return np.asarray(np.minimum(distance * view.pixel_mm, CAP_MM))


def _is_worse(fit: ReadingFit, best: ReadingFit) -> bool:
    margin = max(LEAST_MARGIN_MM, LEAST_MARGIN_SHARE * best.residual_mm)
    return fit.residual_mm - best.residual_mm > margin
