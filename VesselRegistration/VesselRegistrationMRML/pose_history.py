"""Undo and redo of a pose, and small steps of it in the picture's own directions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from VesselRegistrationLib.c_arm import CArm, FloatArray

LONGEST = 100
"""Steps that can be taken back."""


@dataclass
class PoseHistory:
    """The poses (4, 4) before and after the current one, with what was done."""

    current: FloatArray
    undone: list[tuple[str, FloatArray]] = field(default_factory=list)
    done: list[tuple[str, FloatArray]] = field(default_factory=list)

    def record(self, pose: FloatArray, why: str) -> bool:
        """Remember that the pose has changed; False when it has not."""
        if np.allclose(pose, self.current, rtol=0, atol=1e-9):
            return False
        self.done = [*self.done, (why, self.current)][-LONGEST:]
        self.undone.clear()
        self.current = np.array(pose)
        return True

    def undo(self) -> FloatArray | None:
        """The pose before the last step, which becomes the current one; None when there is none."""
        return self._step(self.done, self.undone)

    def redo(self) -> FloatArray | None:
        """The pose after the last step that was undone; None when there is none."""
        return self._step(self.undone, self.done)

    def _step(self, taken: list[tuple[str, FloatArray]], given: list[tuple[str, FloatArray]]) -> FloatArray | None:
        if not taken:
            return None
        why, pose = taken.pop()
        given.append((why, self.current))
        self.current = pose
        return pose


def middleOf(points: FloatArray) -> FloatArray:
    """The middle (3,) of the box around points (N, 3)."""
    return np.asarray((points.min(axis=0) + points.max(axis=0)) / 2)


def nudged(
    modelToIsocenter: FloatArray,
    middle: FloatArray,
    cArm: CArm,
    rightMm: float = 0.0,
    upMm: float = 0.0,
    towardMm: float = 0.0,
    turnDeg: float = 0.0,
) -> FloatArray:
    """A pose (4, 4) LPS mm moved as seen in the picture.

    rightMm, upMm: at the depth of the isocentre. towardMm: towards the detector. turnDeg: counter-clockwise in the
    picture, about `middle` (3,), model coordinates in LPS mm.
    """
    right, up, beam = cArm.axes_lps()
    center = (modelToIsocenter @ [*middle, 1.0])[:3]
    turn = np.eye(4)
    turn[:3, :3] = _about(beam, math.radians(turnDeg))
    turn[:3, 3] = center - turn[:3, :3] @ center
    moved = turn @ modelToIsocenter
    moved[:3, 3] += rightMm * right + upMm * up + towardMm * beam
    return np.asarray(moved)


def nearestRigid(pose: FloatArray, middle: FloatArray) -> FloatArray:
    """The rigid motion closest to a linear pose (4, 4) that leaves `middle` (3,) where the pose puts it."""
    left, _, right = np.linalg.svd(pose[:3, :3])
    rigid = np.eye(4)
    rigid[:3, :3] = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
    rigid[:3, 3] = (pose @ [*middle, 1.0])[:3] - rigid[:3, :3] @ middle
    return rigid


def isRigid(pose: FloatArray) -> bool:
    """Whether a pose (4, 4) keeps lengths and handedness."""
    rotation = pose[:3, :3]
    return bool(np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4) and np.linalg.det(rotation) > 0)


def _about(axis: FloatArray, angle: float) -> FloatArray:
    """Rotation (3, 3) by an angle in radians about a unit axis; Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross)
