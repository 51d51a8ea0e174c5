"""Overlap of a predicted with a true vessel mask: DSC, precision and recall (Li et al. 2021, equations 6 to 8).

Everything is counted per frame on hard masks: a probability becomes vessel at or above 0.5 unless told otherwise.

Empty masks
    both empty           DSC 1 (nothing to find, nothing found); precision and recall undefined
    prediction empty     DSC 0, recall 0; precision undefined (0 / 0)
    truth empty          DSC 0, precision 0; recall undefined
Undefined values are NaN; `summarize` leaves them out of the quartiles and says how many there were.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from VesselSegmentationLib.errors import InputError

THRESHOLD = 0.5
"""Probability at and above which a pixel is vessel."""


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


@dataclass(frozen=True)
class Overlap:
    """Pixel counts of one frame (or of several, pooled), and the scores that follow from them."""

    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def dsc(self) -> float:
        """Equation 6, from 0 to 1; 1 when both masks are empty."""
        whole = 2 * self.true_positives + self.false_negatives + self.false_positives
        return 2 * self.true_positives / whole if whole else 1.0

    @property
    def precision(self) -> float:
        """Equation 7; NaN when nothing was predicted."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Equation 8; NaN when there is nothing to find."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)


@dataclass(frozen=True)
class Quartiles:
    """Median and quartiles of one score over the frames where it is defined; NaN when it never is."""

    median: float
    lower: float
    upper: float
    mean: float
    undefined: int
    """Frames left out because the score was 0 / 0."""


@dataclass(frozen=True)
class OverlapSummary:
    """Scores over frames. `failures` are frames whose DSC is below `failure_below`."""

    frames: int
    dsc: Quartiles
    precision: Quartiles
    recall: Quartiles
    failures: int
    failure_below: float
    pooled: Overlap
    """All frames' pixels counted as one."""

    def as_dict(self) -> dict[str, object]:
        """Plain numbers for JSON, rounded to 4 decimals; NaN becomes None, which JSON can hold."""
        report: dict[str, object] = {"frames": self.frames, "failures": self.failures}
        report["failure_below_dsc"] = self.failure_below
        for name in ("dsc", "precision", "recall"):
            values: Quartiles = getattr(self, name)
            numbers = {key: _json_number(getattr(values, key)) for key in ("median", "lower", "upper", "mean")}
            report[name] = {**numbers, "undefined": values.undefined}
            report[f"pooled_{name}"] = _json_number(getattr(self.pooled, name))
        return report


def _json_number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _mask(values: ArrayLike, name: str) -> NDArray[np.bool_]:
    mask = np.asarray(values)
    if mask.dtype != np.bool_ and not np.isin(mask, (0, 1)).all():
        raise InputError(
            f"The {name} must be a mask of 0 and 1 (or bool), not {mask.dtype} values up to {np.max(mask):g}; "
            f"threshold probabilities first, for example at {THRESHOLD:g}."
        )
    return mask.astype(bool)


def overlap_metrics(prediction: ArrayLike, truth: ArrayLike) -> Overlap:
    """Count a predicted against a true mask of the same shape.

    Example (tested): prediction [1, 1, 0, 0], truth [1, 0, 1, 0] gives DSC 0.5, precision 0.5, recall 0.5.
    Raises InputError for masks of different shapes or values other than 0 and 1.
    """
    predicted, true = _mask(prediction, "prediction"), _mask(truth, "truth")
    if predicted.shape != true.shape:
        raise InputError(f"Prediction {predicted.shape} and truth {true.shape} must have one shape.")
    hits = int(np.count_nonzero(predicted & true))
    return Overlap(hits, int(np.count_nonzero(predicted)) - hits, int(np.count_nonzero(true)) - hits)


def centerline_dice(prediction: ArrayLike, truth: ArrayLike) -> float:
    """clDice (Shit et al., CVPR 2021): the harmonic mean of how much of each mask's middle line the other covers.

    Wide and fine vessels count by their length. NaN when either mask is empty.
    """
    from skimage.morphology import skeletonize

    predicted, true = _mask(prediction, "prediction"), _mask(truth, "truth")
    if predicted.shape != true.shape:
        raise InputError(f"Prediction {predicted.shape} and truth {true.shape} must have one shape.")
    if not predicted.any() or not true.any():
        return math.nan
    precision = float(true[skeletonize(predicted)].mean())
    recall = float(predicted[skeletonize(true)].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def pool(overlaps: Iterable[Overlap]) -> Overlap:
    """Sum the counts: frames with much vessel then weigh more than frames with little."""
    counts = [(one.true_positives, one.false_positives, one.false_negatives) for one in overlaps]
    return Overlap(*(sum(column) for column in zip(*counts))) if counts else Overlap(0, 0, 0)


def quartiles(values: Sequence[float]) -> Quartiles:
    """Median, quartiles (linear interpolation) and mean of the values that are not NaN."""
    numbers = np.asarray(values, dtype=float)
    defined = numbers[~np.isnan(numbers)]
    undefined = int(numbers.size - defined.size)
    if not defined.size:
        return Quartiles(math.nan, math.nan, math.nan, math.nan, undefined)
    lower, median, upper = (float(value) for value in np.percentile(defined, (25, 50, 75)))
    return Quartiles(median, lower, upper, float(defined.mean()), undefined)


def summarize(overlaps: Sequence[Overlap], failure_below: float = 0.5) -> OverlapSummary:
    """Median and quartiles of each score over frames, number of failed frames, and the pooled counts.

    Raises InputError when there is no frame.
    """
    if not overlaps:
        raise InputError("There is no frame to summarize: score at least one.")
    return OverlapSummary(
        frames=len(overlaps),
        dsc=quartiles([one.dsc for one in overlaps]),
        precision=quartiles([one.precision for one in overlaps]),
        recall=quartiles([one.recall for one in overlaps]),
        failures=sum(one.dsc < failure_below for one in overlaps),
        failure_below=failure_below,
        pooled=pool(overlaps),
    )
