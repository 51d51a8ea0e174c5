"""When a pose is not to be shown: the view cannot tell, or what it shows does not fit the model.

Limits were set on simulated patients that the evaluation does not use: poses of the wrong patient, of mirrored and of
upside-down pictures on one side, good ones on the other (Testing/Benchmarks/pose_evaluation.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from VesselRegistrationLib.pose.evidence import Evidence
from VesselRegistrationLib.pose.quality import FitQuality
from VesselRegistrationLib.registration import LARGEST_MASK_SHARE, SMALLEST_MASK_SHARE

LEAST_EXPLAINED = 0.6
LEAST_COVERED = 0.2
LARGEST_ERROR_MM = 5.0


def unusable_view(views: Sequence[Evidence]) -> str:
    """Why a view cannot carry a pose, or an empty string."""
    for view in views:
        if view.foreground_share > LARGEST_MASK_SHARE:
            return (
                f"The vessel mask covers {view.foreground_share:.0%} of the frame, so it is not a vessel tree. "
                "Raise the threshold or choose another frame."
            )
        if view.foreground_share < SMALLEST_MASK_SHARE or view.is_empty:
            return (
                f"No vessels were found: the mask covers {view.foreground_share:.3%} of the frame. "
                "Choose a frame with contrast agent or lower the threshold."
            )
    return ""


def poor_fit(fit: FitQuality, expected_in_plane_mm: float) -> str:
    """Why a fit is not to be trusted, or an empty string."""
    if fit.explained < LEAST_EXPLAINED:
        return (
            f"Only {fit.explained:.0%} of the vessels' outline lies on the model ({LEAST_EXPLAINED:.0%} are needed). "
            "Check that model and run are of one patient and the picture is not mirrored, or give a better start."
        )
    if fit.covered < LEAST_COVERED:
        return (
            f"Only {fit.covered:.0%} of the model's outline is seen as vessel ({LEAST_COVERED:.0%} are needed): too "
            "little contrast agent to tell the pose. Choose a fuller frame."
        )
    if expected_in_plane_mm > LARGEST_ERROR_MM:
        return (
            f"The view cannot tell the pose: it may be {expected_in_plane_mm:.0f} mm off in the picture. A straight "
            "vessel slides along itself; choose a frame with a branching, or add a second run."
        )
    return ""
