"""Where the model could be, looked for everywhere: many turns, and for each of them all shifts at once.

For a turn the model's silhouette is drawn once per view. How well it tells vessel from background when it lies shifted
by so many pixels follows for all shifts from two correlations, by Fourier transforms: how much of it is in the picture
and how much of that is vessel. The measure is their mutual information, which weighs what is missing on either side.
Perspective is exact for the start's place and taken for unchanged by the shift; what comes after corrects that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.pose.evidence import Evidence
from VesselRegistrationLib.pose.information import mutual_information
from VesselRegistrationLib.pose.pose_model import PoseModel
from VesselRegistrationLib.pose.prior import Prior
from VesselRegistrationLib.pose.rigid import motion_matrix
from VesselRegistrationLib.projection import silhouette, transform_points

SIDE = 128
"""Pixels of the longer side of the pictures that are compared."""
REACH_DEVIATIONS = 2.5
"""Shifts are looked for up to so many standard deviations of the start."""
LARGEST_MARGIN_PX = 64
BLUR_PX = 1.5
SINGLE_STEP_MM = 2.0
JOINT_STEP_MM = 4.0
INDEPENDENT_PX = 40.0
"""So many pixels say as much as one independent measurement; neighbors err alike."""
APART_MM = 12.0
"""Two shifts of one turn that are nearer than this are one."""
SHIFTS_PER_TURN = 2


@dataclass(frozen=True)
class _Field:
    """One view at low resolution, its vessels transformed."""

    canvas: CArm
    """The picture with a margin all around, for what of the model shifts into it."""
    margin: int
    vessels: NDArray[np.complex64]
    window: NDArray[np.complex64]
    vessel_share: float
    """Of the picture's pixels."""
    pixels: int
    table_shift_lps: FloatArray

    @classmethod
    def of(cls, view: Evidence, reach_mm: float) -> _Field:
        from scipy.fft import rfft2
        from scipy.ndimage import gaussian_filter
        from skimage.transform import resize

        longest = max(view.mask.shape)
        rows, columns = (max(8, round(side * SIDE / longest)) for side in view.mask.shape)
        small = resize(view.mask.astype(np.float32), (rows, columns), order=1, anti_aliasing=True)
        small = gaussian_filter(np.asarray(small, dtype=np.float32), BLUR_PX)
        c_arm = view.c_arm.resized(rows, columns)
        margin = int(min(np.ceil(reach_mm / c_arm.pixel_size_at_isocenter_mm()), LARGEST_MARGIN_PX))
        padding = ((margin, margin), (margin, margin))
        return cls(
            canvas=_with_margin(c_arm, margin),
            margin=margin,
            vessels=rfft2(np.pad(small, padding)),
            window=rfft2(np.pad(np.ones_like(small), padding)),
            vessel_share=float(small.mean()),
            pixels=rows * columns,
            table_shift_lps=view.table_shift_lps,
        )

    def information(self, points_lps: FloatArray, triangles: NDArray[np.integer]) -> FloatArray:
        """Mutual information of silhouette and vessels, in nats of the whole picture, for all shifts.

        Shape (2 margin + 1, 2 margin + 1), rows then columns; no shift in the middle.
        """
        from scipy.fft import irfft2, rfft2
        from scipy.ndimage import gaussian_filter

        drawn = silhouette(points_lps + self.table_shift_lps, triangles, self.canvas).astype(np.float32)
        model = np.conj(rfft2(gaussian_filter(drawn, BLUR_PX)))
        shape = (self.canvas.rows, self.canvas.columns)
        around = np.arange(-self.margin, self.margin + 1)
        both = irfft2(self.vessels * model, s=shape)[np.ix_(around, around)] / self.pixels
        seen = irfft2(self.window * model, s=shape)[np.ix_(around, around)] / self.pixels
        return mutual_information(both, seen, self.vessel_share) * self.pixels / INDEPENDENT_PX

    def cells(self, pivot_lps: FloatArray, shifts_lps: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Indices (N, 2) into `information` of shifts (N, 3) mm of the pivot, and which of them are within reach."""
        there = self.canvas.project(pivot_lps + self.table_shift_lps + shifts_lps)[:, :2]
        here = self.canvas.project((pivot_lps + self.table_shift_lps)[None])[:, :2]
        cells = np.rint(there - here).astype(int)[:, ::-1] + self.margin
        is_within = np.all((cells >= 0) & (cells <= 2 * self.margin), axis=1)
        return np.clip(cells, 0, 2 * self.margin), is_within


def sweep(
    model: PoseModel,
    views: Sequence[Evidence],
    start: FloatArray,
    prior: Prior,
    turns: int,
    kept: int,
    seed: int,
) -> FloatArray:
    """The most likely motions (S, 6) from `start` (4, 4), best first, out of so many turns and all shifts."""
    reach = REACH_DEVIATIONS * prior.shift_mm
    fields = [_Field.of(view, reach) for view in views]
    coarse = (model.coarse or model).model
    points = transform_points(start, coarse.points_lps)
    pivot = transform_points(start, model.pivot_lps[None])[0]
    shifts = _shifts(views, reach)
    looked_up = [field.cells(pivot, shifts) for field in fields]
    known = -0.5 * (shifts**2).sum(axis=1) / prior.shift_mm**2
    found: list[tuple[float, FloatArray]] = []
    for turn in _turns(prior, turns, seed):
        moved = transform_points(motion_matrix(np.concatenate([turn, np.zeros(3)]), pivot), points)
        score = known - 0.5 * float((turn**2).sum()) / np.radians(prior.turn_deg) ** 2
        for field, (cells, is_within) in zip(fields, looked_up, strict=True):
            information = field.information(moved, coarse.triangles)
            score = score + np.where(is_within, information[cells[:, 0], cells[:, 1]], -np.inf)
        for number in _peaks(score, shifts):
            found.append((float(score[number]), np.concatenate([turn, shifts[number]])))
    found.sort(key=lambda entry: -entry[0])
    return np.array([motion for _, motion in found[:kept]])


def _with_margin(c_arm: CArm, margin: int) -> CArm:
    column, row = c_arm.center_px
    return dataclasses.replace(
        c_arm,
        rows=c_arm.rows + 2 * margin,
        columns=c_arm.columns + 2 * margin,
        principal_point_px=(column + margin, row + margin),
    )


def _shifts(views: Sequence[Evidence], reach_mm: float) -> FloatArray:
    """(N, 3) mm: across the picture of a single view, in space for several."""
    step = SINGLE_STEP_MM if len(views) == 1 else JOINT_STEP_MM
    line = np.arange(-np.floor(reach_mm / step), np.floor(reach_mm / step) + 1) * step
    if len(views) == 1:
        right, up, _ = views[0].c_arm.axes_lps()
        across, along = np.meshgrid(line, line)
        return np.asarray(across.reshape(-1, 1) * right + along.reshape(-1, 1) * up)
    return np.stack(np.meshgrid(line, line, line), axis=-1).reshape(-1, 3)


def _turns(prior: Prior, count: int, seed: int) -> FloatArray:
    """(count, 3) rad, the first one none, the others spread evenly over what is likely.

    Even by multiples of the powers of the root of x^4 = x + 1, the golden ratio's kin in three dimensions.
    """
    from scipy.special import ndtri

    root = 1.2207440846057596
    offset = np.random.default_rng(seed).random(3)
    even = (offset + np.arange(count)[:, None] / root ** np.arange(1, 4)) % 1
    turns = ndtri(np.clip(even, 1e-3, 1 - 1e-3)) * np.radians(prior.turn_deg)
    turns[0] = 0
    return np.asarray(turns)


def _peaks(score: FloatArray, shifts: FloatArray) -> list[int]:
    """The best shifts that lie apart from each other."""
    score, peaks = score.copy(), []
    for _ in range(SHIFTS_PER_TURN):
        best = int(np.argmax(score))
        if not np.isfinite(score[best]):
            break
        peaks.append(best)
        score[np.linalg.norm(shifts - shifts[best], axis=1) < APART_MM] = -np.inf
    return peaks
