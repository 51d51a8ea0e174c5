"""When a pose is not to be shown: the view cannot tell, or what it shows does not fit the model.

A pose is trusted by a logistic function of what it explains and states. Its weights were fitted, by
Testing/Benchmarks/pose_trust.py, on simulated patients that the evaluation does not use: good poses on one side, poses
of a wrong patient, of mirrored and of upside-down pictures on the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.pose.evidence import Evidence
from VesselRegistrationLib.pose.quality import FitQuality
from VesselRegistrationLib.registration import BRIGHT_VESSELS, LARGEST_MASK_SHARE, SMALLEST_MASK_SHARE

TRUST_CONSTANT = 7.696
TRUST_WEIGHTS = {
    "log_told": 1.619,
    "log_explained": 0.551,
    "log_covered": 0.8,
    "residual_mm": -7.757,
    "lead": 5.22,
    "surprise": -3.587,
    "log_expected_mm": -1.277,
}
LEAST_TRUST = 0.45
LEAD_OF_FOLLOWED = 0.2
"""Taken for a pose that was followed from the last frame, for which no rivals were looked for."""
LEAST_SHARE, LEAST_ERROR_MM = 0.01, 0.05
"""Where logarithms end."""
LARGEST_ERROR_MM = 5.0
LARGEST_OWN_SHIFT_MM = 12.0
"""Between two runs: what a heartbeat and a breath move vessels by, and no more."""
SMALL_LEAD = 0.1


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
                "Choose a frame in which vessels are dark with contrast agent, or lower the threshold. "
                f"{BRIGHT_VESSELS}"
            )
    return ""


def contradiction(own_shifts: FloatArray) -> str:
    """Why views that have moved by themselves (V, 3), mm, are not of one patient in one pose, or an empty string."""
    most = float(np.linalg.norm(own_shifts[:, None] - own_shifts, axis=-1).max())
    if most <= LARGEST_OWN_SHIFT_MM:
        return ""
    return (
        f"The runs contradict each other: the vessels would have moved {most:.0f} mm between them "
        f"({LARGEST_OWN_SHIFT_MM:.0f} mm at most are believed of breath and heartbeat). Check that both are of one "
        "patient and not mirrored, and that the table's position is right, or register each run by itself."
    )


def trust(quality: FitQuality, expected_in_plane_mm: float) -> float:
    """Between 0 and 1: how much a pose looks like good ones did."""
    values = measures(quality, expected_in_plane_mm)
    return 1 / (1 + math.exp(-TRUST_CONSTANT - sum(TRUST_WEIGHTS[name] * value for name, value in values.items())))


def measures(quality: FitQuality, expected_in_plane_mm: float) -> dict[str, float]:
    """What trust is made of: shares as logarithms, since half as much means as much less wherever one begins."""
    return {
        "log_told": math.log(max(quality.told, LEAST_SHARE)),
        "log_explained": math.log(max(quality.explained, LEAST_SHARE)),
        "log_covered": math.log(max(quality.covered, LEAST_SHARE)),
        "residual_mm": quality.residual_mm,
        "lead": LEAD_OF_FOLLOWED if math.isnan(quality.lead) else quality.lead,
        "surprise": quality.surprise,
        "log_expected_mm": math.log(max(expected_in_plane_mm, LEAST_ERROR_MM)),
    }


def poor_fit(quality: FitQuality, expected_in_plane_mm: float) -> str:
    """Why a fit is not to be trusted, or an empty string."""
    if expected_in_plane_mm > LARGEST_ERROR_MM:
        return (
            f"The view cannot tell the pose: it may be {expected_in_plane_mm:.0f} mm off in the picture. A straight "
            "vessel slides along itself; choose a frame with a branching, or add a second run."
        )
    believed = trust(quality, expected_in_plane_mm)
    if believed >= LEAST_TRUST:
        return ""
    found = f"{quality.explained:.0%} of the vessels' outline lies on the model"
    if quality.lead < SMALL_LEAD:
        found += ", and another pose fits as well" if quality.lead <= 0 else ", and another pose fits nearly as well"
    return (
        f"The pose is not to be trusted ({believed:.0%}; {LEAST_TRUST:.0%} is needed): {found}. Check that model and "
        "run are of one patient and that the picture is not mirrored, choose a fuller frame, or add a second run."
    )
