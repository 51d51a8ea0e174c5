"""The truth of a simulated case: `truth.json` and its mask pictures.

schema             "vessel-registration/truth"
schemaVersion      1
simulated          true: no patient is behind it
region, seed       what remakes it (`vessel-registration simulate`)
coordinateSystem   "LPS"; lengths in mm
frames[]           modelToIsocenter (4 x 4, row by row), cArm, dilution, mask (file name)
centerline         points (N, 3) of the model's centrelines, in the model's coordinates
landmarks          name to point (3,)
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import FloatArray
from VesselSegmentationLib.errors import InputError

SCHEMA = "vessel-registration/truth"
SCHEMA_VERSION = 1
TRUTH_FILE = "truth.json"


@dataclass(frozen=True)
class Truth:
    """What is known exactly about a simulated case."""

    folder: Path
    region: str
    seed: int
    poses: tuple[FloatArray, ...]
    """Per frame, model_to_isocenter (4, 4), LPS mm."""
    mask_files: tuple[str, ...]
    dilutions: tuple[float, ...]
    """Strength of the contrast per frame, 0 to 1."""
    centerline_lps: FloatArray
    """(N, 3), in the model's coordinates."""
    landmarks_lps: dict[str, FloatArray]

    def mask(self, frame: int) -> NDArray[np.bool_]:
        """Contrast-filled vessel of one frame. (rows, columns). Raises InputError when its picture cannot be read."""
        from PIL import Image

        path = self.folder / self.mask_files[frame]
        try:
            with Image.open(path) as picture:
                return np.array(picture.convert("L")) > 127
        except OSError as error:
            raise InputError(f"The mask {path} cannot be read: make the case again.") from error

    def fullest_frame(self) -> int:
        """The frame with most, and strongest, contrast."""
        return fullest_frame([self.mask(frame) for frame in range(len(self.poses))], self.dilutions)


def fullest_frame(masks: Iterable[NDArray[np.bool_]], dilutions: Iterable[float]) -> int:
    """The frame whose vessels cover most, thinned contrast counting less."""
    return int(np.argmax([mask.sum() * dilution for mask, dilution in zip(masks, dilutions, strict=True)]))


def read_truth(folder: Path | str) -> Truth:
    """The truth of a case folder. Raises InputError when it is missing or is none."""
    folder = Path(folder)
    path = folder / TRUTH_FILE
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA or content["schemaVersion"] != SCHEMA_VERSION:
            raise InputError(f"{path} is not {SCHEMA} version {SCHEMA_VERSION}.")
        truth = Truth(
            folder=folder,
            region=str(content["region"]),
            seed=int(content["seed"]),
            poses=tuple(np.array(frame["modelToIsocenter"], dtype=float) for frame in content["frames"]),
            dilutions=tuple(float(frame["dilution"]) for frame in content["frames"]),
            mask_files=tuple(Path(frame["mask"]).as_posix() for frame in content["frames"]),
            centerline_lps=np.array(content["centerline"], dtype=float).reshape(-1, 3),
            landmarks_lps={name: np.array(point, dtype=float) for name, point in content["landmarks"].items()},
        )
    except OSError as error:
        raise InputError(f"There is no {TRUTH_FILE} in {folder}: make a case with `simulate`.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not the truth of a case ({error}): make the case again.") from error
    _check(truth, path)
    return truth


def _check(truth: Truth, path: Path) -> None:
    """Raises InputError for a truth without frames, with poses that are none, or with masks outside its folder."""
    if not truth.poses:
        raise InputError(f"{path} has no frames: make the case again.")
    for pose, name in zip(truth.poses, truth.mask_files, strict=True):
        if pose.shape != (4, 4) or not np.isfinite(pose).all():
            raise InputError(f"{path} has a modelToIsocenter that is not 4 x 4 finite numbers: make the case again.")
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise InputError(f"{path} names a mask outside its folder ({name}): make the case again.")
