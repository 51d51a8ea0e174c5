"""Views of one patient's own model: repeatable, of the angles asked for, different from each other."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from VesselRegistrationLib.simulation.generators import DEFAULT
from VesselRegistrationLib.simulation.own_patient import PatientViews
from VesselRegistrationLib.simulation.scene import make_patient
from VesselRegistrationLib.vessel_model import VesselModel
from VesselSegmentationLib.errors import InputError


@pytest.fixture(scope="module")
def model() -> VesselModel:
    """A coronary tree as a bare surface, in coordinates of a scanner."""
    found = make_patient("coronary", np.random.default_rng(4), 2.0).model
    return dataclasses.replace(found, points_lps=found.points_lps + (120.0, -340.0, 800.0))


def test_views_show_the_vessels_wherever_the_model_lies(model: VesselModel) -> None:
    views = PatientViews(model, "coronary", 12, seed=3, size=96)
    assert len(views) == 12
    pictures, masks = zip(*(views[index] for index in range(12)))
    assert all(one.dtype == np.uint8 and one.shape == (96, 96) for one in pictures)
    shares = [one.mean() for one in masks]
    assert np.median(shares) > 0.02
    assert len({one.tobytes() for one in masks}) > 8
    assert views[5][0] is views[5][0]  # made once


def test_a_view_depends_on_seed_and_number_alone(model: VesselModel) -> None:
    first, second = (PatientViews(model, "upper", 4, seed=3, size=64) for _ in range(2))
    second[0]
    assert all(np.array_equal(a, b) for a, b in zip(first[2], second[2]))
    other = PatientViews(model, "upper", 4, seed=4, size=64)
    assert not np.array_equal(first[2][0], other[2][0])


def test_angles_that_are_given_are_kept_but_for_the_spread(model: VesselModel) -> None:
    views = PatientViews(model, "coronary", 1, 1, angles_deg=[(30.0, -20.0), (-40.0, 10.0)], spread_deg=2.0)
    rng = np.random.default_rng(0)
    found = np.array([_angles(views, rng) for _ in range(60)])
    near = [np.linalg.norm(found - angles, axis=1) < 8 for angles in ((30, -20), (-40, 10))]
    assert (near[0] ^ near[1]).all()
    assert min(near[0].sum(), near[1].sum()) > 15
    of_region = PatientViews(model, "coronary", 1, 1)
    usual = np.array([_angles(of_region, rng) for _ in range(60)])
    assert usual[:, 0].std() > 15


def _angles(views: PatientViews, rng: np.random.Generator) -> tuple[float, float]:
    view = views._view("coronary", rng, 64)
    return view.primary_angle_deg, view.secondary_angle_deg


def test_the_generator_of_simulated_patients_stays_as_it_is(model: VesselModel) -> None:
    PatientViews(model, "coronary", 1, 1)
    assert DEFAULT.extras.guide == 0.3


@pytest.mark.parametrize(
    ("change", "arguments", "named"),
    [
        ({"is_closed": False}, {}, "is not closed, so it has no volume"),
        ({"points_lps": 0.02}, {}, "volume of"),
        ({}, {"region": "knee"}, "no region 'knee'"),
        ({}, {"angles_deg": [(math.nan, 0.0)]}, "angles nan and 0 make no view"),
        ({}, {"angles_deg": [(0.0, 95.0)]}, "angles 0 and 95 make no view"),
        ({}, {"spread_deg": -1.0}, "spread of the angles of -1"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(model: VesselModel, change: dict, arguments: dict, named: str) -> None:
    if "points_lps" in change:
        change = {"points_lps": change["points_lps"] * model.points_lps}
    with pytest.raises(InputError, match=named):
        PatientViews(dataclasses.replace(model, **change), **{"region": "coronary", "count": 1, "seed": 1, **arguments})
