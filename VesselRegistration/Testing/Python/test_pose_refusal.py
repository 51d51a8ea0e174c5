"""Which fits are believed, and what is said of the others."""

from __future__ import annotations

import dataclasses

import pytest

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.pose.quality import FitQuality
from VesselRegistrationLib.pose.refusal import (
    APART_DEG,
    LARGEST_ERROR_MM,
    LEAST_TRUST,
    LEAST_TRUST_TOGETHER,
    least_trust,
    measures,
    poor_fit,
    trust,
)

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


def test_views_from_far_apart_need_less_trust_than_frames_of_one_view() -> None:
    def seen_from(*angles_deg: float) -> list[CArm]:
        return [CArm(angle, 0.0, 1000.0, 700.0, 512, 512, (0.3, 0.3)) for angle in angles_deg]

    assert LEAST_TRUST_TOGETHER < LEAST_TRUST
    assert least_trust(seen_from(0.0)) == LEAST_TRUST
    assert least_trust(seen_from(20.0, 20.0, 20.0)) == LEAST_TRUST
    assert least_trust(seen_from(0.0, APART_DEG - 5)) == LEAST_TRUST
    assert least_trust(seen_from(-90.0, 90.0)) == LEAST_TRUST
    assert least_trust(seen_from(-20.0, 0.0, APART_DEG - 15)) == LEAST_TRUST_TOGETHER
    reason = poor_fit(POOR, 2.0, LEAST_TRUST_TOGETHER)
    assert f"{LEAST_TRUST_TOGETHER:.0%} is needed" in reason
