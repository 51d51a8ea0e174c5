"""Rigid motions as six numbers: a rotation vector (rad) about a pivot, and a shift (mm). LPS mm.

A motion moves a point X to R (X - pivot) + pivot + shift. Turning about the model's middle keeps turn and shift apart,
so that both can be judged, and limited, by themselves.
"""

from __future__ import annotations

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray


def rotations(parameters: FloatArray) -> FloatArray:
    """Rotation matrices (S, 3, 3) of S motions (S, 6)."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(parameters[:, :3]).as_matrix())


def motion_matrix(parameters: FloatArray, pivot_lps: FloatArray) -> FloatArray:
    """One motion (6,) as a matrix (4, 4)."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotations(parameters[None])[0]
    matrix[:3, 3] = pivot_lps - matrix[:3, :3] @ pivot_lps + parameters[3:]
    return matrix


def shifted(pose: FloatArray, shift_lps: FloatArray) -> FloatArray:
    """A pose (4, 4) after a shift (3,) mm."""
    moved = pose.copy()
    moved[:3, 3] += shift_lps
    return moved


def motion_between(start: FloatArray, end: FloatArray, pivot_lps: FloatArray) -> FloatArray:
    """The motion (6,) about a pivot that takes the pose `start` (4, 4) to `end` (4, 4)."""
    from scipy.spatial.transform import Rotation

    matrix = end @ np.linalg.inv(start)
    turn = Rotation.from_matrix(matrix[:3, :3]).as_rotvec()
    return np.concatenate([turn, matrix[:3, :3] @ pivot_lps + matrix[:3, 3] - pivot_lps])


def stepped(parameters: FloatArray, steps: FloatArray) -> FloatArray:
    """Motions (S, 6) after further small motions (S, 6) about the moved pivot."""
    from scipy.spatial.transform import Rotation

    turned = Rotation.from_rotvec(steps[:, :3]) * Rotation.from_rotvec(parameters[:, :3])
    return np.concatenate([turned.as_rotvec(), parameters[:, 3:] + steps[:, 3:]], axis=1)


def nearest_rotation(matrix: FloatArray) -> FloatArray:
    """The rotation (3, 3) nearest to a matrix (3, 3) in the sense of least squares."""
    left, _, right = np.linalg.svd(matrix)
    if np.linalg.det(left @ right) < 0:
        left[:, 2] *= -1
    return np.asarray(left @ right)
