"""Patients and machines unlike those that networks are trained on."""

from __future__ import annotations

import numpy as np
import pytest

from VesselRegistrationLib.simulation.cases import simulate_case
from VesselRegistrationLib.simulation.fluoroscopy import sample_settings
from VesselRegistrationLib.simulation.generators import DEFAULT, GENERATORS, SHIFTED, generator_named
from VesselRegistrationLib.simulation.views import sample_c_arm
from VesselSegmentationLib.errors import InputError


def test_the_default_draws_what_training_draws() -> None:
    one, other = np.random.default_rng(1), np.random.default_rng(1)
    assert DEFAULT.view("upper", one, 256) == sample_c_arm("upper", other, 256)
    assert DEFAULT.machine(one) == sample_settings(other)


@pytest.mark.parametrize("seed", range(5))
def test_the_shifted_generator_lies_outside_the_ranges_of_training(seed: int) -> None:
    rng = np.random.default_rng(seed)
    view, machine = SHIFTED.view("coronary", rng, 256), SHIFTED.machine(rng)
    assert abs(view.primary_angle_deg) >= 50
    assert view.sid_mm > 1200
    assert machine.scatter_to_primary >= 1.2
    assert machine.power < 0.4
    assert machine.white <= 200


def test_a_shifted_case_is_another_picture_with_vessels_in_it() -> None:
    usual, shifted = (simulate_case("phantom", 3, frames=2, size=128, generator=which) for which in GENERATORS.values())
    assert shifted.masks.any()
    assert not np.array_equal(usual.frames, shifted.frames)


def test_an_unknown_generator_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="default or shifted"):
        generator_named("real")
