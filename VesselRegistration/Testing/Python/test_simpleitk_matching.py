"""The baseline finds what it should, so that beating it means something."""

import numpy as np
import pytest
import SimpleITK as sitk

from VesselRegistrationLib.affine import apply
from VesselRegistrationLib.matching import warp_mask
from VesselRegistrationLib.simpleitk_matching import METRICS, SimpleItkSettings, match_simpleitk
from VesselSegmentationLib.errors import InputError


def bent_vessel() -> np.ndarray:
    picture = np.zeros((128, 128), bool)
    picture[30:100, 40:50] = True
    picture[90:100, 40:95] = True
    picture[45:52, 45:80] = True
    return picture


@pytest.mark.parametrize("metric", METRICS)
def test_a_known_shift_is_found(metric: str) -> None:
    moving, truth = bent_vessel(), np.array([[1.0, 0, 7], [0, 1, -5], [0, 0, 1]])
    found = match_simpleitk(moving, warp_mask(moving, truth), SimpleItkSettings(metric=metric, starts=1))
    points = np.argwhere(moving)[:, ::-1].astype(float)
    assert np.linalg.norm(apply(found, points) - apply(truth, points), axis=1).mean() < 1.5


def test_more_starts_find_a_shift_beyond_the_reach_of_one() -> None:
    moving = bent_vessel()[:, :]
    truth = np.array([[1.0, 0, 18], [0, 1, 0], [0, 0, 1]])
    points = np.argwhere(moving)[:, ::-1].astype(float)
    found = match_simpleitk(moving, warp_mask(moving, truth), SimpleItkSettings(starts=8))
    assert np.linalg.norm(apply(found, points) - apply(truth, points), axis=1).mean() < 1.5


def test_filters_have_the_settings_threads_and_afterwards_those_they_had(monkeypatch: pytest.MonkeyPatch) -> None:
    had, seen = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads(), []

    def read(picture: np.ndarray) -> sitk.Image:
        seen.append(sitk.ProcessObject.GetGlobalDefaultNumberOfThreads())
        raise InputError("enough")

    monkeypatch.setattr(sitk, "GetImageFromArray", read)
    for threads in (had + 1, had + 2):
        with pytest.raises(InputError, match="enough"):
            match_simpleitk(bent_vessel(), bent_vessel(), SimpleItkSettings(threads=threads))
    assert seen == [had + 1, had + 2]
    assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == had


def test_an_empty_picture_and_unknown_settings_are_refused_in_words() -> None:
    with pytest.raises(InputError, match="nothing to register"):
        match_simpleitk(bent_vessel(), np.zeros((128, 128), np.float32))
    with pytest.raises(InputError, match="Metric 'overlap' must be one of"):
        SimpleItkSettings(metric="overlap")
    with pytest.raises(InputError, match="Optimizer 'adam' must be one of"):
        SimpleItkSettings(optimizer="adam")
