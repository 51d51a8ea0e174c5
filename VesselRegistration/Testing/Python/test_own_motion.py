"""What sets one view against another: headers that are a little off, breath and heart, and what is known of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.pose.estimation import (
    PoseEstimate,
    PoseModel,
    PoseSettings,
    PoseView,
    estimate_pose,
    pose_in_view,
)
from VesselRegistrationLib.pose.geometry_uncertainty import GeometryUncertainty
from VesselRegistrationLib.pose.own_motion import OWN_SHIFT_MM, OwnMotions, own_covariance
from VesselRegistrationLib.projection import project_model, transform_points
from VesselRegistrationLib.simulation.cases import SimulatedCase, simulate_runs
from VesselRegistrationLib.xray_run import FrameGeometry, Origin, Sourced

FRONT = CArm(10.0, 5.0, 1000.0, 750.0, 192, 192, (1.2, 1.2))
EXACT = GeometryUncertainty(0.0, 0.0, 0.0)
QUICK = PoseSettings(turns=32, candidates=6, refined=2)


@cache
def cases() -> list[SimulatedCase]:
    return simulate_runs("phantom", 5, 2, frames=1, size=256)


def turned(c_arm: CArm) -> CArm:
    return dataclasses.replace(c_arm, primary_angle_deg=c_arm.primary_angle_deg + 2.5)


def further(c_arm: CArm) -> CArm:
    return dataclasses.replace(c_arm, sid_mm=c_arm.sid_mm * 1.03)


def as_it_is(c_arm: CArm) -> CArm:
    return c_arm


@cache
def solved(told: Callable[[CArm], CArm], known: GeometryUncertainty) -> tuple[PoseEstimate, float]:
    """The pose in two views, the second one's header being off, and how far the model is drawn from the vessels, mm."""
    views = []
    for number, case in enumerate(cases()):
        seen = project_model(case.model, case.c_arm, case.poses[0]).silhouette.astype(np.float32)
        views.append(PoseView(told(case.c_arm) if number else case.c_arm, seen, uncertainty=known))
    start = cases()[0].poses[0].copy()
    start[:3, 3] += (6, -4, 5)
    found = estimate_pose(PoseModel.of(cases()[0].model), views, start, QUICK)
    apart = []
    for number, (view, case) in enumerate(zip(views, cases(), strict=True)):
        pose = pose_in_view(found.in_view(number), view)
        drawn = view.c_arm.project(transform_points(pose, case.centerline_lps))
        true = case.c_arm.project(transform_points(case.poses[0], case.centerline_lps))
        away = np.linalg.norm((drawn - true)[:, :2], axis=1).mean()
        apart.append(float(away * case.c_arm.pixel_size_at_isocenter_mm()))
    return found, max(apart)


def test_a_wrong_angle_is_allowed_for_as_far_as_it_is_uncertain() -> None:
    found, apart = solved(turned, GeometryUncertainty(angle_deg=1.5))
    _, apart_if_exact = solved(turned, EXACT)
    assert not found.is_refused, found.reason
    assert apart < 0.6
    assert apart < 0.7 * apart_if_exact


def test_a_wrong_distance_is_allowed_for_where_it_is_uncertain_and_contradicts_the_other_view_where_it_is_not() -> None:
    found, apart = solved(further, GeometryUncertainty(along_mm=20.0))
    assert not found.is_refused, found.reason
    assert apart < 0.6
    assert solved(further, EXACT)[0].reason.startswith("The runs contradict each other")


def test_exact_headers_lose_nothing_by_being_doubted() -> None:
    assert solved(as_it_is, GeometryUncertainty())[1] < 0.4


def test_a_wrong_angle_turns_the_model_about_the_isocenter_and_a_wrong_distance_shifts_it_along_the_beam() -> None:
    pivot = np.array([0.0, -100.0, 0.0])
    _, _, beam = FRONT.axes_lps()
    still = own_covariance(FRONT, EXACT, pivot)
    np.testing.assert_allclose(np.sqrt(np.diag(still)[3:]), OWN_SHIFT_MM)
    turned = own_covariance(FRONT, GeometryUncertainty(2.0, 0.0, 0.0), pivot) - still
    # Both angles turn; about the head-foot axis the model, 100 mm before the isocentre, goes sideways.
    assert np.sqrt(turned[2, 2]) == pytest.approx(np.radians(2.0))
    assert np.sqrt(turned[3, 3]) == pytest.approx(100 * np.radians(2.0))
    assert np.linalg.matrix_rank(turned) == 2
    np.testing.assert_allclose(own_covariance(FRONT, GeometryUncertainty(2.0, 0.0, 0.0), np.zeros(3))[3:, :3], 0)
    shifted = own_covariance(FRONT, GeometryUncertainty(0.0, 0.0, 5.0), pivot) - still
    np.testing.assert_allclose(shifted[3:, 3:], 25 * np.outer(beam, beam), atol=1e-9)
    across = own_covariance(FRONT, GeometryUncertainty(0.0, 2.0, 0.0), pivot) - still
    np.testing.assert_allclose(across[3:, 3:] @ beam, 0, atol=1e-9)


def geometry(
    angle: float | None, spacing: float | None, table: float | None = None, origin: Origin = Origin.FALLBACK
) -> FrameGeometry:
    def value(number: float | tuple[float, ...], uncertainty: float | None) -> Sourced:
        return Sourced(number, "", origin, "", uncertainty)

    return FrameGeometry(
        primary_angle=value(10.0, angle),
        secondary_angle=value(5.0, angle),
        sid=value(1000.0, None),
        sod=value(750.0, None),
        spacing=value((1.2, 1.2), spacing),
        principal_point=value((95.5, 95.5), None),
        table=value((0.0, 0.0, 0.0), table),
    )


def test_a_header_s_uncertainties_count_as_far_as_runs_differ_in_them_and_usual_ones_where_none_is_stated() -> None:
    assert GeometryUncertainty.of(geometry(None, None), FRONT) == GeometryUncertainty()
    known = GeometryUncertainty.of(geometry(4.0, 0.03, table=1.0), FRONT)
    assert known.angle_deg == pytest.approx(1.4)
    assert known.across_mm == pytest.approx(1.0)
    assert known.along_mm == pytest.approx(0.1 * 0.025 * 750)
    assert GeometryUncertainty.of(geometry(4.0, 0.03, origin=Origin.HEADER), FRONT).along_mm == 0


def test_of_shifts_those_are_believed_that_outlines_alone_cannot_be_off_by() -> None:
    own = OwnMotions(np.eye(6)[None], np.array([[[0.01, 0.0, 0.0, 0.6, -1.0, 5.0]]]))
    np.testing.assert_allclose(own.believed().motions, [[[0.01, 0.0, 0.0, 0.0, -0.6, 5.0]]])
