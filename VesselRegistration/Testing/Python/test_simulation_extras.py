"""What some simulated pictures show: present with share 1, absent with share 0, the same for the same seed."""

import dataclasses

import numpy as np
import pytest

from VesselRegistrationLib.simulation.cases import simulate_case
from VesselRegistrationLib.simulation.extras import Extras, Stream, drawn, own_stream
from VesselRegistrationLib.simulation.generators import DEFAULT, SHIFTED, TRAINING, Generator
from VesselRegistrationLib.simulation.pool import PoolRequest, patient_views
from VesselRegistrationLib.simulation.scene import RenderedFrame, make_patient, make_scene, render
from VesselSegmentationLib.errors import InputError

SHARES = ("subtraction", "text", "guide", "dome", "waisted_vertebrae", "calcification")
SIZE = 96


def only(feature: str, share: float = 1.0) -> Generator:
    """The default generator with one feature."""
    return having(dataclasses.replace(Extras.none(), **{feature: share}))


def having(extras: Extras) -> Generator:
    return dataclasses.replace(DEFAULT, extras=extras)


def views(generator: Generator) -> list[RenderedFrame]:
    """Three views of a coarse coronary patient, all of it filled."""
    rng = np.random.default_rng(1)
    patient = make_patient("coronary", rng, 2.0, generator)
    return [render(make_scene(patient, rng, SIZE, generator), patient.model, rng) for _ in range(3)]


def are_equal(some: list[RenderedFrame], others: list[RenderedFrame]) -> list[bool]:
    return [np.array_equal(one.picture, other.picture) for one, other in zip(some, others, strict=True)]


@pytest.fixture(scope="module")
def plain() -> list[RenderedFrame]:
    return views(having(Extras.none()))


@pytest.mark.parametrize("feature", SHARES)
def test_a_feature_with_share_1_is_in_the_pictures_and_comes_from_the_seed(plain, feature) -> None:
    shown, again = (views(only(feature)) for _ in range(2))
    assert all(are_equal(shown, again))
    assert all(np.array_equal(one.mask, other.mask) for one, other in zip(shown, again, strict=True))
    same = are_equal(shown, plain)
    is_small = feature in ("guide", "calcification")  # some narrow views leave them out
    assert not all(same) if is_small else not any(same)


def test_pools_and_runs_show_the_features_of_their_generator() -> None:
    request = PoolRequest(318, 0, 1, SIZE)  # a phantom
    assert not np.array_equal(
        patient_views(request, only("text")).frames, patient_views(request, only("text", 0)).frames
    )
    with_text, without = (simulate_case("phantom", 3, 2, 128, 2.0, only("text", share)).frames for share in (1.0, 0.0))
    changed = with_text != without
    both, either = changed.all(axis=0).sum(), changed.any(axis=0).sum()
    assert both > 0.9 * either > 0  # the same text in all frames


def test_shares_of_0_are_the_pictures_without_extras(plain) -> None:
    assert Extras.none() == Extras(**dict.fromkeys(SHARES, 0.0))
    never = dataclasses.replace(Extras.none(), mask_shift_px=(3, 3), text_height_px=(20, 20), dome_absorbance=(1, 1))
    assert all(are_equal(views(having(never)), plain))


def test_one_features_share_does_not_change_another_features_draws() -> None:
    both = dataclasses.replace(Extras.none(), text=1.0, dome=1.0)
    patient = make_patient("coronary", np.random.default_rng(1), 2.0)
    alone, together = (
        make_scene(patient, np.random.default_rng(1), 64, dataclasses.replace(DEFAULT, extras=extras))
        for extras in (only("text").extras, both)
    )
    assert alone.labels == together.labels
    assert together.domes
    assert not alone.domes


@pytest.mark.parametrize("bad", [-0.1, 1.01, float("nan"), float("inf")])
@pytest.mark.parametrize("feature", SHARES)
def test_what_is_no_share_is_refused_with_its_name(feature, bad) -> None:
    with pytest.raises(InputError, match=f"{feature}.*0 to 1"):
        Extras(**{feature: bad})


@pytest.mark.parametrize("bad", [(2.0, 1.0), (-1.0, 1.0), (0.0, float("nan")), (0.0, float("inf"))])
def test_what_is_no_range_is_refused_with_its_name(bad) -> None:
    with pytest.raises(InputError, match="guide_width_mm"):
        Extras(guide_width_mm=bad)


def test_a_stream_of_its_own_leaves_the_callers_generator_as_it_was() -> None:
    used, untouched = np.random.default_rng(5), np.random.default_rng(5)
    draws = {stream: own_stream(used, stream).random() for stream in Stream}
    assert len(set(draws.values())) == len(Stream)
    assert used.random() == untouched.random()
    assert own_stream(used, Stream.TEXT).random() != draws[Stream.TEXT]


@pytest.mark.parametrize(("share", "found"), [(0.0, 0), (1.0, 200)])
def test_nothing_and_everything_are_exact(share, found) -> None:
    assert sum(drawn(np.random.default_rng(seed), Stream.DOME, share) is not None for seed in range(200)) == found


def test_a_share_is_that_of_the_draws() -> None:
    found = sum(drawn(np.random.default_rng(seed), Stream.DOME, 0.3) is not None for seed in range(1000))
    assert found == pytest.approx(300, abs=50)


def test_the_shifted_generators_extras_are_not_those_of_training() -> None:
    usual, other = TRAINING.extras, SHIFTED.extras
    for item in dataclasses.fields(Extras):
        assert getattr(usual, item.name) != getattr(other, item.name)
    assert other.text_height_px[0] >= usual.text_height_px[1]
    assert other.mask_shift_px[0] >= usual.mask_shift_px[1]
