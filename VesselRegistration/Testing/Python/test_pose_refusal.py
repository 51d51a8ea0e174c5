"""Which fits are believed, and what is said of the others."""

from __future__ import annotations

import dataclasses

import pytest

from VesselRegistrationLib.pose.quality import FitQuality
from VesselRegistrationLib.pose.refusal import LARGEST_ERROR_MM, LEAST_TRUST, measures, poor_fit, trust

GOOD = FitQuality(told=0.75, explained=0.95, covered=0.85, residual_mm=0.5, lead=0.4, surprise=0.5)
POOR = FitQuality(told=0.1, explained=0.35, covered=0.2, residual_mm=1.4, lead=-0.05, surprise=3.0)


def test_a_fit_that_explains_the_vessels_better_than_any_other_is_believed() -> None:
    assert trust(GOOD, 0.6) > LEAST_TRUST
    assert poor_fit(GOOD, 0.6) == ""


def test_a_fit_that_explains_little_is_refused_with_what_was_found_and_what_to_do() -> None:
    reason = poor_fit(POOR, 2.0)
    for word in ("35%", "another pose fits as well", "mirrored", "second run"):
        assert word in reason
    assert "\n" not in reason


def test_a_rival_is_named_only_where_there_is_one() -> None:
    assert "nearly as well" in poor_fit(dataclasses.replace(POOR, lead=0.05), 2.0)
    assert "another pose" not in poor_fit(dataclasses.replace(POOR, lead=0.3, explained=0.1, told=0.0), 2.0)


def test_an_expected_error_that_is_too_large_is_reason_enough() -> None:
    assert "slides along itself" in poor_fit(GOOD, LARGEST_ERROR_MM + 0.5)


@pytest.mark.parametrize("name", ["told", "explained"])
def test_trust_grows_with_what_a_pose_explains(name: str) -> None:
    less = dataclasses.replace(GOOD, **{name: getattr(GOOD, name) / 2})
    assert trust(less, 0.6) < trust(GOOD, 0.6)


def test_a_followed_pose_has_no_rivals_and_is_judged_all_the_same() -> None:
    followed = dataclasses.replace(GOOD, lead=float("nan"))
    assert all(value == value for value in measures(followed, 0.6).values())
    assert poor_fit(followed, 0.6) == ""
