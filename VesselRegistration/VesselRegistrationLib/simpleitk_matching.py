"""The baseline beside which the matching is judged: SimpleITK's registration of the same two pictures.

All starts are registered by a similarity on small, blurred pictures; the best of them goes on as an affine on finer
ones. Metric, optimizer, starts and sizes are settings; the defaults are the best of those tried on tuning pairs, which
Testing/Benchmarks/README.md lists.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import FloatArray
from VesselSegmentationLib.errors import InputError

if TYPE_CHECKING:
    import SimpleITK as sitk

METRICS = ("mean squares", "correlation", "mutual information")
OPTIMIZERS = ("gradient descent", "lbfgs", "powell", "amoeba")
START_SHIFT = 0.15
"""Of the shifted starts, as a share of the picture's side."""
START_TURN_DEG = 12.0


@dataclass(frozen=True)
class SimpleItkSettings:
    """What SimpleITK is asked to do."""

    metric: str = "mutual information"
    optimizer: str = "gradient descent"
    starts: int = 8
    """1: the projection as it lies; 8: also shifted seven ways; 16: also turned both ways."""
    distance_maps: bool = False
    """Register distances to the vessels, cut off, instead of the blurred pictures."""
    coarse_shrink: int = 4
    coarse_blur_px: float = 6.0
    fine_shrinks: tuple[int, ...] = (2, 1)
    fine_blurs_px: tuple[float, ...] = (2.0, 0.7)
    iterations: int = 60
    threads: int = 1

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise InputError(f"Metric {self.metric!r} must be one of {', '.join(METRICS)}.")
        if self.optimizer not in OPTIMIZERS:
            raise InputError(f"Optimizer {self.optimizer!r} must be one of {', '.join(OPTIMIZERS)}.")
        if self.starts < 1 or self.iterations < 1 or self.coarse_shrink < 1:
            raise InputError("SimpleITK needs at least one start, one iteration and a shrink factor of 1.")
        if len(self.fine_shrinks) != len(self.fine_blurs_px):
            raise InputError(
                f"{len(self.fine_shrinks)} fine shrink factors need as many blurs, not {len(self.fine_blurs_px)}."
            )


DEFAULT_SETTINGS = SimpleItkSettings()


def match_simpleitk(
    moving: NDArray[np.generic], fixed: NDArray[np.generic], settings: SimpleItkSettings = DEFAULT_SETTINGS
) -> FloatArray:
    """The matrix (3, 3) from the pixels of the moving to those of the fixed picture, both (rows, columns), 0 to 1.

    Raises InputError when either picture is empty.
    """
    with _threads_of_filters(settings.threads):
        return _matched(moving, fixed, settings)


@contextmanager
def _threads_of_filters(count: int) -> Iterator[None]:
    """As many threads for the filters that a registration uses, too: they know no setting but the process's."""
    import SimpleITK as sitk

    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(count)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _matched(moving: NDArray[np.generic], fixed: NDArray[np.generic], settings: SimpleItkSettings) -> FloatArray:
    moving_image, fixed_image = (_image(picture, settings) for picture in (moving, fixed))
    center = np.array(np.nonzero(np.asarray(moving) > 0.5 * np.asarray(moving).max()))[::-1].mean(axis=1)
    best, least = None, math.inf
    for start in _starts(center, max(np.shape(fixed)), settings.starts):
        # SimpleITK's transforms carry fixed points to moving ones.
        value = _run(start, fixed_image, moving_image, settings, [settings.coarse_shrink], [settings.coarse_blur_px])
        if value < least:
            best, least = start, value
    if best is None:
        return np.eye(3)
    affine = _as_affine(best)
    _run(affine, fixed_image, moving_image, settings, list(settings.fine_shrinks), list(settings.fine_blurs_px))
    return np.asarray(np.linalg.inv(_matrix(affine)), dtype=np.float64)


def _image(picture: NDArray[np.generic], settings: SimpleItkSettings) -> sitk.Image:
    import SimpleITK as sitk

    values = np.asarray(picture, dtype=np.float32)
    if values.ndim != 2 or not (values >= 0.5).any():
        raise InputError("SimpleITK has nothing to register: a picture is empty, or is not (rows, columns).")
    image = sitk.GetImageFromArray(values)
    if settings.distance_maps:
        far = 0.15 * max(values.shape)
        distance = sitk.SignedMaurerDistanceMap(image >= 0.5, squaredDistance=False, useImageSpacing=False)
        image = sitk.Clamp(distance, sitk.sitkFloat32, -far, far)
    return image


def _starts(center: FloatArray, side: int, count: int) -> list[sitk.Similarity2DTransform]:
    """Fixed-to-moving similarities about the silhouette's middle: as it lies, shifted, and shifted and turned."""
    import SimpleITK as sitk

    reach = START_SHIFT * side
    shifts = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)]
    turned = [(x, y, turn) for turn in (1, -1) for x, y in [(0, 0), (1, 0), (-1, 0), (0, 1)]]
    places = [(x, y, 0) for x, y in shifts[: min(count, 8)]] + turned[: max(0, count - 8)]
    found = []
    for x, y, turn in places:
        start = sitk.Similarity2DTransform()
        start.SetCenter(center.tolist())
        start.SetAngle(math.radians(START_TURN_DEG * turn))
        start.SetTranslation((reach * x, reach * y))
        found.append(start)
    return found


def _run(
    transform: Any,
    fixed: sitk.Image,
    moving: sitk.Image,
    settings: SimpleItkSettings,
    shrinks: list[int],
    blurs: list[float],
) -> float:
    """Improve the transform in place; returns the metric, infinite where SimpleITK gave up."""
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(settings.threads)
    if settings.metric == "mean squares":
        method.SetMetricAsMeanSquares()
    elif settings.metric == "correlation":
        method.SetMetricAsCorrelation()
    else:
        method.SetMetricAsMattesMutualInformation(32)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel(shrinks)
    method.SetSmoothingSigmasPerLevel(blurs)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    _set_optimizer(method, settings)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(fixed, moving)
    except RuntimeError:  # no overlap left: this start is lost
        return math.inf
    return float(method.GetMetricValue())


def _set_optimizer(method: Any, settings: SimpleItkSettings) -> None:
    if settings.optimizer == "gradient descent":
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=4.0, minStep=0.02, numberOfIterations=settings.iterations, relaxationFactor=0.6
        )
    elif settings.optimizer == "lbfgs":
        method.SetOptimizerAsLBFGS2(numberOfIterations=settings.iterations)
    elif settings.optimizer == "powell":
        method.SetOptimizerAsPowell(numberOfIterations=settings.iterations, maximumLineIterations=20, stepLength=2.0)
    else:
        method.SetOptimizerAsAmoeba(simplexDelta=4.0, numberOfIterations=settings.iterations)


def _as_affine(similarity: Any) -> sitk.AffineTransform:
    import SimpleITK as sitk

    affine = sitk.AffineTransform(2)
    affine.SetCenter(similarity.GetCenter())
    affine.SetMatrix(similarity.GetMatrix())
    affine.SetTranslation(similarity.GetTranslation())
    return affine


def _matrix(affine: sitk.AffineTransform) -> FloatArray:
    """(3, 3) of a transform's points (x, y); pixels and mm are the same here."""
    linear, center = np.array(affine.GetMatrix()).reshape(2, 2), np.array(affine.GetCenter())
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = linear, center + np.array(affine.GetTranslation()) - linear @ center
    return matrix
