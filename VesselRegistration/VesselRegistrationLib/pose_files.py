"""Start poses from files: this project's JSON, or a rigid transform that Slicer or ITK wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselSegmentationLib.errors import InputError

RAS_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Its own inverse: carries RAS to LPS and back."""
_EXPECTED = (
    'Expected JSON with "modelToIsocenter" (4 x 4, row by row, mm) and "coordinateSystem" ("LPS" or "RAS"), '
    "a registration.json with such a pose, or an ITK transform (.tfm, .h5, .txt)."
)


def read_pose(path: Path | str) -> FloatArray:
    """The pose modelToIsocenter (4, 4) in LPS mm from a file.

    A registration.json gives the last pose in it that has a matrix. Raises InputError for anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no pose file {path}. {_EXPECTED}")
    matrix = _from_json(path) if path.suffix.lower() == ".json" else _from_itk(path)
    return checked_pose(matrix, path)


def _from_json(path: Path) -> FloatArray:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not readable JSON ({error}). {_EXPECTED}") from error
    candidates = content.get("poses", [content]) if isinstance(content, dict) else []
    poses = [pose for pose in candidates if isinstance(pose, dict) and pose.get("modelToIsocenter") is not None]
    if not poses:
        raise InputError(f"{path} holds no pose. {_EXPECTED}")
    pose = poses[-1]
    frame = pose.get("coordinateSystem")
    if frame not in ("LPS", "RAS"):
        raise InputError(f'{path} says coordinateSystem {frame!r}; write "LPS" or "RAS".')
    matrix = checked_pose(pose["modelToIsocenter"], path)
    return matrix if frame == "LPS" else RAS_LPS @ matrix @ RAS_LPS


def _from_itk(path: Path) -> FloatArray:
    """An ITK transform maps points of the fixed space to the moving one, LPS: from the isocentre to the model.

    That is also what Slicer writes for a transform node that carries the model: its inverse. So it is turned round.
    """
    import SimpleITK

    try:
        transform = SimpleITK.ReadTransform(str(path)).Downcast()
    except RuntimeError as error:
        raise InputError(f"{path} is not a transform that ITK can read. {_EXPECTED}") from error
    if transform.GetDimension() != 3 or not transform.IsLinear():
        raise InputError(f"{path} holds a {transform.GetName()}; a linear transform in 3-D is needed.")
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    columns = [np.array(transform.TransformPoint(tuple(axis))) - origin for axis in np.eye(3)]
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = np.stack(columns, axis=1), origin
    if abs(np.linalg.det(matrix)) < 1e-12:
        raise InputError(f"{path} holds a transform that flattens space; a rigid one is needed.")
    return np.asarray(np.linalg.inv(matrix))


def checked_pose(values: Any, path: Path) -> FloatArray:
    """The matrix (4, 4), if it is a rigid motion; otherwise raises InputError that names the file."""
    try:
        matrix = np.array(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: modelToIsocenter is not a matrix of numbers ({error}).") from error
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise InputError(f"{path}: modelToIsocenter must be 4 x 4 finite numbers with 0 0 0 1 as its last row.")
    rotation = matrix[:3, :3]
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) or np.linalg.det(rotation) < 0:
        raise InputError(
            f"{path}: modelToIsocenter is not a rigid motion (determinant {np.linalg.det(rotation):.4g}); "
            "remove scale, shear and mirroring."
        )
    return matrix
