"""The error measures of 2-D/3-D registration, each defined here and nowhere else. LPS mm.

Names and definitions are those of van de Kraats, Penney, Tomazevic, van Walsum and Niessen, "Standardized evaluation
methodology for 2-D-3-D registration", IEEE Trans. Med. Imaging 24(9), 1177-1189, 2005, but for the plane in which
projections are compared: here always the one through the isocentre, where a millimetre is about one in the patient.

=======  ======================================================================================================
TRE      distance between where two poses put one point, in space (named points: landmarks)
mTRE     its mean over points
mPD      mean distance between the two projections of each point, in the plane of the isocentre; also called mPE
mRPD     mean distance from the true point to the ray through the found point's projection; also called mRPE
success  the error is under a threshold; a registration that was refused or failed has the error NaN
capture  the largest start error up to which 95 % of registrations succeed
=======  ======================================================================================================

mTRE holds the depth, which one view hardly sees; mPD and mRPD are blind to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.projection import transform_points
from VesselSegmentationLib.errors import InputError

CAPTURE_SHARE = 0.95
BIN_MM = 1.0
"""Start errors are sorted into intervals this wide for the capture range, as in van de Kraats et al. 2005."""


@dataclass(frozen=True)
class PoseErrors:
    """One pose against the truth: means over points, mm."""

    mtre_mm: float
    mpd_mm: float
    """In the plane of the isocentre: what a clinician sees."""
    mrpd_mm: float
    in_plane_mm: float
    """Mean part of the TRE across the central beam."""
    depth_mm: float
    """Mean part of the TRE along the central beam."""


def target_errors_mm(points_lps: FloatArray, found: FloatArray, true: FloatArray) -> FloatArray:
    """TRE (N,) of model points (N, 3) between two poses (4, 4).

    Example (tested): poses that differ by a shift of (3, 4, 12) mm are 13 mm apart at every point.
    """
    points = _checked(points_lps)
    return np.asarray(np.linalg.norm(transform_points(found, points) - transform_points(true, points), axis=1))


def named_target_errors_mm(
    points_lps: Mapping[str, FloatArray], found: FloatArray, true: FloatArray
) -> dict[str, float]:
    """TRE of each named model point (3,), such as an ostium or a bifurcation."""
    if not points_lps:
        return {}
    errors = target_errors_mm(np.array(list(points_lps.values()), dtype=float), found, true)
    return {name: float(error) for name, error in zip(points_lps, errors, strict=True)}


def error_parts_mm(points_lps: FloatArray, found: FloatArray, true: FloatArray, c_arm: CArm) -> FloatArray:
    """TRE of points (N, 3) split into (N, 2): across the central beam and along it, both positive."""
    points = _checked(points_lps)
    along = (transform_points(found, points) - transform_points(true, points)) @ c_arm.axes_lps().T
    return np.stack([np.hypot(along[:, 0], along[:, 1]), np.abs(along[:, 2])], axis=1)


def picture_distances_mm(found_px: FloatArray, true_px: FloatArray, c_arm: CArm) -> FloatArray:
    """Distances (N,) between pixels (N, 2: column, row), in the plane of the isocentre."""
    row_spacing, column_spacing = c_arm.spacing_mm
    away = (np.asarray(found_px, dtype=float) - true_px) * (column_spacing, row_spacing) / c_arm.magnification
    return np.asarray(np.linalg.norm(away, axis=1))


def projection_distances_mm(points_lps: FloatArray, found: FloatArray, true: FloatArray, c_arm: CArm) -> FloatArray:
    """PD (N,) of model points (N, 3): between their projections at two poses, in the plane of the isocentre."""
    points = _checked(points_lps)
    found_px, true_px = (c_arm.project(transform_points(pose, points))[:, :2] for pose in (found, true))
    return picture_distances_mm(found_px, true_px, c_arm)


def reprojection_distances_mm(points_lps: FloatArray, found: FloatArray, true: FloatArray, c_arm: CArm) -> FloatArray:
    """RPD (N,) of model points (N, 3): from the true point to the line through the source and the found point."""
    points, source = _checked(points_lps), c_arm.source_lps()
    ray = transform_points(found, points) - source
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    return np.asarray(np.linalg.norm(np.cross(transform_points(true, points) - source, ray), axis=1))


def pose_errors(points_lps: FloatArray, found: FloatArray, true: FloatArray, c_arm: CArm) -> PoseErrors:
    """All means over points (N, 3) for one view. Raises InputError for no points."""
    across, along = error_parts_mm(points_lps, found, true, c_arm).mean(axis=0)
    return PoseErrors(
        mtre_mm=float(target_errors_mm(points_lps, found, true).mean()),
        mpd_mm=float(projection_distances_mm(points_lps, found, true, c_arm).mean()),
        mrpd_mm=float(reprojection_distances_mm(points_lps, found, true, c_arm).mean()),
        in_plane_mm=float(across),
        depth_mm=float(along),
    )


def in_picture(points_lps: FloatArray, pose: FloatArray, c_arm: CArm) -> NDArray[np.bool_]:
    """Which model points (N, 3) a view shows at a pose (4, 4): (N,)."""
    pixels = c_arm.project(transform_points(pose, _checked(points_lps)))[:, :2]
    with np.errstate(invalid="ignore"):
        return np.asarray(np.all((pixels > -0.5) & (pixels < (c_arm.columns - 0.5, c_arm.rows - 0.5)), axis=1))


def root_mean_square(errors_mm: Sequence[float] | FloatArray) -> float:
    """Root mean square of errors; NaN for none."""
    errors = np.asarray(errors_mm, dtype=float)
    return float(np.sqrt((errors**2).mean())) if errors.size else float("nan")


def success_share(errors_mm: Sequence[float] | FloatArray, threshold_mm: float) -> float:
    """Share of errors under a threshold; NaN counts as a failure. NaN for no errors at all."""
    errors = np.asarray(errors_mm, dtype=float)
    return float((errors < threshold_mm).mean()) if errors.size else float("nan")


def capture_range_mm(
    start_errors_mm: Sequence[float] | FloatArray,
    errors_mm: Sequence[float] | FloatArray,
    threshold_mm: float,
    share: float = CAPTURE_SHARE,
    bin_mm: float = BIN_MM,
) -> float:
    """The largest start error up to which `share` of the registrations succeed, in every interval of start errors.

    Start errors are sorted into intervals of `bin_mm`; intervals without any say nothing. The range ends with the last
    interval before the first that fails, and no further than the largest start error tried. 0 when the first fails;
    NaN for no registrations.
    """
    starts, errors = np.asarray(start_errors_mm, dtype=float), np.asarray(errors_mm, dtype=float)
    if starts.shape != errors.shape or starts.ndim != 1:
        raise InputError(f"Start errors {starts.shape} and errors {errors.shape} must be two lists of one length.")
    if not (bin_mm > 0 and 0 < share <= 1):
        raise InputError(f"An interval of {bin_mm:g} mm and a share of {share:g} give no capture range.")
    if not np.isfinite(starts).all() or (starts < 0).any():
        raise InputError("Start errors must be finite numbers of 0 mm or more.")
    if not starts.size:
        return float("nan")
    interval = np.floor(starts / bin_mm).astype(int)
    reached = 0.0
    for number in np.unique(interval):
        if success_share(errors[interval == number], threshold_mm) < share:
            return reached
        reached = min((float(number) + 1) * bin_mm, float(starts.max()))
    return reached


def _checked(points_lps: FloatArray) -> FloatArray:
    points = np.asarray(points_lps, dtype=float)
    if points.ndim != 2 or points.shape[1] != 3 or not len(points) or not np.isfinite(points).all():
        raise InputError(f"An error is measured at points (N, 3) of finite mm; these have the shape {points.shape}.")
    return points
