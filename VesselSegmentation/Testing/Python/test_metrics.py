"""Equations 6 to 8 of the paper, and what happens to empty masks."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.metrics import Overlap, centerline_dice, overlap_metrics, pool, quartiles, summarize


def test_the_docstring_example_holds() -> None:
    overlap = overlap_metrics([1, 1, 0, 0], [1, 0, 1, 0])
    assert (overlap.dsc, overlap.precision, overlap.recall) == (0.5, 0.5, 0.5)


def test_equations_6_to_8_by_hand() -> None:
    truth = np.zeros((10, 10), bool)
    truth[2:6, 2:6] = True
    prediction = np.zeros((10, 10), bool)
    prediction[4:6, 2:10] = True
    overlap = overlap_metrics(prediction, truth)
    assert overlap == Overlap(true_positives=8, false_positives=8, false_negatives=8)
    prediction[4:6, 8:] = False
    overlap = overlap_metrics(prediction, truth)
    assert overlap.dsc == pytest.approx(16 / 28)
    assert overlap.precision == pytest.approx(8 / 12)
    assert overlap.recall == pytest.approx(8 / 16)


def test_dsc_agrees_with_an_independent_implementation() -> None:
    import torch
    from monai.metrics import DiceMetric

    random = np.random.default_rng(3)
    prediction, truth = random.random((2, 64, 64)) < 0.3
    metric = DiceMetric()
    metric(torch.from_numpy(prediction)[None, None].float(), torch.from_numpy(truth)[None, None].float())
    assert overlap_metrics(prediction, truth).dsc == pytest.approx(metric.aggregate().item(), abs=1e-6)


def test_two_empty_masks_agree_perfectly_and_have_no_precision_or_recall() -> None:
    overlap = overlap_metrics(np.zeros((4, 4), bool), np.zeros((4, 4), bool))
    assert overlap.dsc == 1.0
    assert math.isnan(overlap.precision)
    assert math.isnan(overlap.recall)


def test_an_empty_prediction_has_recall_0_and_no_precision() -> None:
    overlap = overlap_metrics(np.zeros((4, 4), bool), np.ones((4, 4), bool))
    assert (overlap.dsc, overlap.recall) == (0.0, 0.0)
    assert math.isnan(overlap.precision)


def test_an_empty_truth_has_precision_0_and_no_recall() -> None:
    overlap = overlap_metrics(np.ones((4, 4), bool), np.zeros((4, 4), bool))
    assert (overlap.dsc, overlap.precision) == (0.0, 0.0)
    assert math.isnan(overlap.recall)


def test_probabilities_must_be_thresholded_first() -> None:
    with pytest.raises(InputError, match="threshold probabilities first"):
        overlap_metrics(np.array([0.2, 0.9]), np.array([0, 1]))


def test_masks_of_different_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="one shape"):
        overlap_metrics(np.zeros((4, 4), bool), np.zeros((4, 5), bool))


def test_a_summary_gives_quartiles_failures_and_pooled_counts() -> None:
    frames = [Overlap(1, 1, 1), Overlap(9, 1, 1), Overlap(3, 0, 1), Overlap(0, 0, 5)]
    summary = summarize(frames, failure_below=0.6)
    dscs = [0.5, 0.9, 6 / 7, 0.0]
    assert summary.frames == 4
    assert summary.dsc.median == pytest.approx(np.median(dscs))
    assert summary.dsc.lower == pytest.approx(np.percentile(dscs, 25))
    assert summary.dsc.mean == pytest.approx(np.mean(dscs))
    assert summary.failures == 2
    assert summary.pooled == pool(frames) == Overlap(13, 2, 8)


def test_undefined_scores_are_counted_and_left_out_of_the_median() -> None:
    summary = summarize([Overlap(0, 0, 5), Overlap(4, 1, 0)])
    assert summary.precision.undefined == 1
    assert summary.precision.median == pytest.approx(0.8)


def test_quartiles_of_nothing_are_undefined() -> None:
    assert math.isnan(quartiles([math.nan]).median)
    assert quartiles([math.nan]).undefined == 1


def test_a_summary_fits_in_json_even_when_scores_are_undefined() -> None:
    document = json.loads(json.dumps(summarize([Overlap(0, 0, 0)]).as_dict(), allow_nan=False))
    assert document["precision"]["median"] is None
    assert document["pooled_dsc"] == 1.0


def test_a_summary_of_no_frame_is_refused() -> None:
    with pytest.raises(InputError, match="no frame"):
        summarize([])


def test_center_lines_count_thin_and_wide_vessels_by_their_length() -> None:
    truth = np.zeros((60, 100), bool)
    truth[10:21, 5:95] = True
    truth[45:48, 5:95] = True
    assert centerline_dice(truth, truth) == 1
    wide = truth.copy()
    wide[40:] = False
    # All of what was found is vessel, and half of the vessels' length was found, though it has nearly all the pixels.
    assert centerline_dice(wide, truth) == pytest.approx(2 / 3, abs=0.04)
    assert overlap_metrics(wide, truth).dsc > 0.85
    assert centerline_dice(~truth & (np.arange(100) < 3), truth) == 0
    assert math.isnan(centerline_dice(np.zeros((60, 100), bool), truth))
    with pytest.raises(InputError, match="one shape"):
        centerline_dice(truth, truth[:50])
