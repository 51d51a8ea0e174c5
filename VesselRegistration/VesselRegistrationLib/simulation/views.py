"""How the C-arm is set and where the patient lies: random within what is used in practice, per region."""

from __future__ import annotations

import numpy as np

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.projection import transform_points

FIELD_OF_VIEW_MM = {"lower": (220, 480), "upper": (170, 400), "coronary": (95, 190), "phantom": (130, 230)}
"""Side of the square detector field, at the detector: image intensifier formats from 10 to 48 cm."""
PLACE_SPREAD_MM = {"lower": 20.0, "upper": 18.0, "coronary": 10.0, "phantom": 14.0}
TURN_SPREAD_DEG = 4.0

START_SHIFT_MM = 15.0
START_TURN_DEG = 4.0
"""Standard deviations, per axis, of how far a start pose is from the true one."""


def sample_c_arm(region: str, rng: np.random.Generator, size: int) -> CArm:
    """A view of a region on a square detector of size x size pixels.

    Angles over LAO and RAO 50, CRA and CAU 35; the lower region is mostly seen from the front, as in practice.
    """
    primary, secondary = rng.uniform(-50, 50), rng.uniform(-35, 35)
    if region == "lower" and rng.random() < 0.7:
        primary, secondary = rng.normal(0, 12), rng.normal(0, 6)
    if rng.random() < 0.15:
        primary, secondary = rng.normal(0, 3, 2)
    sid = rng.uniform(900, 1200)
    sod = min(rng.uniform(690, 790), sid - 120)
    spacing = rng.uniform(*FIELD_OF_VIEW_MM[region]) / size
    return CArm(float(primary), float(secondary), float(sid), float(sod), size, size, (spacing, spacing))


def sample_pose(region: str, rng: np.random.Generator) -> FloatArray:
    """Where the patient lies: model_to_isocenter (4, 4), LPS mm, near the isocentre and a little turned."""
    from scipy.spatial.transform import Rotation

    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_rotvec(np.radians(rng.normal(0, TURN_SPREAD_DEG, 3))).as_matrix()
    pose[:3, 3] = rng.normal(0, PLACE_SPREAD_MM[region], 3)
    return pose


def disturbed_pose(true_pose: FloatArray, center_lps: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The true pose, turned about the model's middle and shifted, as a header and an unknown place on the table do."""
    from scipy.spatial.transform import Rotation

    turn = np.asarray(Rotation.from_rotvec(np.radians(rng.normal(0, START_TURN_DEG, 3))).as_matrix())
    middle = transform_points(true_pose, center_lps[None])[0]
    disturbance = np.eye(4)
    disturbance[:3, :3] = turn
    disturbance[:3, 3] = middle - turn @ middle + rng.normal(0, START_SHIFT_MM, 3)
    return disturbance @ true_pose
