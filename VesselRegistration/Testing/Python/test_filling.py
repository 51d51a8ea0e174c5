"""Contrast filling of simulated trees: a part of the tree's own vessels, from the injection site downstream."""

from functools import cache

import numpy as np
import pytest

from VesselRegistrationLib.simulation.anatomy import REGIONS, Branch, VesselTree, make_tree
from VesselRegistrationLib.simulation.filling import SITES, FillSettings, fill
from VesselSegmentationLib.errors import InputError

SEEDS = range(12)
PLAIN = {"missing_chance": 0.0, "taper_mm": 0.0}


@cache
def tree_of(region: str, seed: int = 0) -> VesselTree:
    return make_tree(region, np.random.default_rng(seed))


def filled(tree: VesselTree, seed: int = 0, **settings: object) -> dict[str, Branch]:
    return {branch.name: branch for branch in fill(tree, np.random.default_rng(seed), FillSettings(**settings))}


def length_mm(pieces: dict[str, Branch]) -> float:
    return sum(piece.length_mm for piece in pieces.values())


def place_of(piece: Branch, branch: Branch) -> int:
    """Index of the piece's first point on the branch; the piece must be consecutive points of it."""
    starts = np.flatnonzero((branch.points_lps == piece.points_lps[0]).all(axis=1))
    assert len(starts) == 1
    first = int(starts[0])
    np.testing.assert_array_equal(piece.points_lps, branch.points_lps[first : first + len(piece.points_lps)])
    return first


def line(name: str, start: tuple[float, float, float], step: tuple[float, float, float], parent: str | None) -> Branch:
    """51 points, 1 mm apart, of 2 mm radius."""
    points = np.array(start) + np.arange(51.0)[:, None] * np.array(step)
    return Branch(name, points, np.full(51, 2.0), parent)


def fork() -> VesselTree:
    """A trunk of 50 mm with a side branch at 20 mm, another at 50 mm, and a twig on the latter."""
    return VesselTree(
        "phantom",
        (
            line("trunk", (0, 0, 0), (0, 0, -1), None),
            line("early", (0, 0, -20), (1, 0, 0), "trunk"),
            line("late", (0, 0, -50), (-1, 0, 0), "trunk"),
            line("twig", (-30, 0, -50), (0, 1, 0), "late"),
        ),
        {},
    )


@pytest.mark.parametrize("region", REGIONS)
def test_every_filled_piece_is_part_of_the_trees_own_branch_and_no_wider(region) -> None:
    for seed in SEEDS:
        tree = tree_of(region, seed % 4)
        pieces = filled(tree, seed)
        for piece in pieces.values():
            branch = tree.branch(piece.name)
            first = place_of(piece, branch)
            own = branch.radii_mm[first : first + len(piece.radii_mm)]
            assert len(piece.radii_mm) == len(piece.points_lps) >= 2
            assert (piece.radii_mm <= own).all()
            assert (piece.radii_mm >= 0.35 * own).all()
            assert piece.parent == branch.parent


@pytest.mark.parametrize("region", REGIONS)
def test_a_filling_is_never_empty_and_never_more_than_the_tree(region) -> None:
    shares = []
    for seed in SEEDS:
        tree = tree_of(region, seed % 4)
        shares.append(length_mm(filled(tree, seed)) / tree.length_mm)
    assert min(shares) >= 0.09
    assert max(shares) <= 1 + 1e-9
    assert np.ptp(shares) > 0.1


@pytest.mark.parametrize("region", REGIONS)
def test_every_site_that_the_tree_has_can_be_injected_with_any_front(region) -> None:
    tree = tree_of(region)
    names = {branch.name for branch in tree.branches}
    for site, (inlet, *_) in SITES[region].items():
        if inlet in names:
            for front in (-5.0, 0.0, 1.0, 1e6):
                assert length_mm(filled(tree, 5, site=site, front_mm=front, reflux_mm=0.0)) > 0


@pytest.mark.parametrize("seed", [82, 93])
def test_a_front_that_starts_at_the_last_point_of_its_branch_fills_the_end_of_it(seed) -> None:
    tree = tree_of("lower")
    pieces = filled(tree, seed, site="left_femoral", front_mm=0.0, reflux_mm=0.0)
    assert set(pieces) == {"left_external_iliac"}
    np.testing.assert_array_equal(
        pieces["left_external_iliac"].points_lps[-1], tree.branch("left_external_iliac").points_lps[-1]
    )


@pytest.mark.parametrize("region", REGIONS)
def test_the_front_advances_and_never_retreats(region) -> None:
    tree = tree_of(region)
    for seed in range(4):
        site = next(iter(SITES[region]))
        fillings = [filled(tree, seed, site=site, front_mm=front) for front in (10.0, 30.0, 60.0, 120.0, 400.0)]
        for before, after in zip(fillings, fillings[1:]):
            assert set(before) <= set(after)
            for name, piece in before.items():
                assert {tuple(p) for p in piece.points_lps} <= {tuple(p) for p in after[name].points_lps}
                start = place_of(piece, after[name])
                assert (piece.radii_mm <= after[name].radii_mm[start : start + len(piece.radii_mm)] + 1e-12).all()
        assert length_mm(fillings[-1]) > 3 * length_mm(fillings[0])


@pytest.mark.parametrize("region", REGIONS)
def test_the_same_random_numbers_give_the_same_filling_and_others_another(region) -> None:
    tree = tree_of(region)
    one, again, other = filled(tree, 1), filled(tree, 1), filled(tree, 2)
    assert one.keys() == again.keys()
    for name, piece in one.items():
        np.testing.assert_array_equal(piece.points_lps, again[name].points_lps)
        np.testing.assert_array_equal(piece.radii_mm, again[name].radii_mm)
    assert length_mm(one) != length_mm(other)


def test_a_short_front_fills_the_trunk_alone_and_a_longer_one_the_early_branch_before_the_late() -> None:
    assert set(filled(fork(), front_mm=15.0, **PLAIN)) == {"trunk"}
    assert set(filled(fork(), front_mm=35.0, **PLAIN)) == {"trunk", "early"}
    everything = filled(fork(), front_mm=400.0, **PLAIN)
    assert length_mm(everything) == pytest.approx(fork().length_mm)


def test_the_front_stands_at_its_distance_along_the_vessels_give_or_take_the_branchs_own_speed() -> None:
    lengths = [filled(fork(), seed, front_mm=40.0, **PLAIN)["trunk"].length_mm for seed in range(20)]
    assert 32 <= min(lengths) < 38
    assert 42 < max(lengths) <= 48


def test_vessels_narrow_before_the_front_and_only_there() -> None:
    radii = filled(fork(), front_mm=30.0, **{**PLAIN, "taper_mm": 5.0})["trunk"].radii_mm
    assert (radii[:-6] == 2.0).all()
    assert (np.diff(radii[-5:]) < 0).all()
    assert radii[-1] == pytest.approx(2.0 * np.sqrt(0.35))
    assert (filled(fork(), front_mm=400.0, missing_chance=0.0)["late"].radii_mm == 2.0).all()


def test_a_missing_branch_takes_all_beyond_it_along_but_never_the_inlet() -> None:
    assert set(filled(fork(), front_mm=400.0, missing_chance=1.0)) == {"trunk"}
    for seed in SEEDS:
        names = set(filled(fork(), seed, front_mm=400.0, missing_chance=0.5))
        assert "trunk" in names
        assert "late" in names or "twig" not in names


def test_nothing_upstream_of_the_injection_fills_without_reflux_and_little_with_it() -> None:
    tree = tree_of("lower")
    assert set(filled(tree, 3, site="left_iliac", front_mm=1e6, reflux_mm=0.0)).isdisjoint(
        {"infrarenal_aorta", "right_common_iliac", "right_common_femoral"}
    )
    for seed in range(20):
        pieces = filled(tree, seed, site="left_iliac", front_mm=1e6, reflux_mm=40.0)
        refluxed = pieces.get("infrarenal_aorta")
        assert refluxed is None or refluxed.length_mm <= 40
        if refluxed is not None:
            np.testing.assert_allclose(refluxed.points_lps[-1], tree.landmarks_lps["aortic_bifurcation"])
    assert any("infrarenal_aorta" in filled(tree, s, site="left_iliac", reflux_mm=40.0) for s in range(20))


def test_a_full_front_reaches_every_vessel_downstream() -> None:
    tree = tree_of("coronary")
    pieces = filled(tree, 0, site="left_coronary", full_chance=1.0, missing_chance=0.0)
    assert "LAD" in pieces
    assert "RCA" not in pieces
    for name, piece in pieces.items():
        if name != "LM":
            np.testing.assert_array_equal(piece.points_lps, tree.branch(name).points_lps)


def test_an_unknown_site_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="'left_knee'.*left_coronary, right_coronary"):
        filled(tree_of("coronary"), site="left_knee")


def test_a_site_whose_branch_the_tree_lacks_is_refused() -> None:
    tree = tree_of("coronary")
    right_only = VesselTree("coronary", tuple(b for b in tree.branches if b.name == "RCA"), {})
    assert set(filled(right_only)) == {"RCA"}
    with pytest.raises(InputError, match="'left_coronary'.*Choose one of right_coronary"):
        filled(right_only, site="left_coronary")


@pytest.mark.parametrize("region", ["coronary", "knee"])
def test_a_tree_without_any_site_is_refused(region) -> None:
    tree = VesselTree(region, fork().branches, {})
    with pytest.raises(InputError, match="no branch that contrast can be injected into"):
        filled(tree)


@pytest.mark.parametrize("name", ["full_chance", "missing_chance", "reflux_mm", "taper_mm", "least_share"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_settings_that_make_no_filling_are_refused(name, value) -> None:
    with pytest.raises(InputError, match=name):
        FillSettings(**{name: value})


def test_a_front_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="front_mm of nan"):
        FillSettings(front_mm=float("nan"))


def test_a_side_branch_fills_only_after_its_parent_has_filled_up_to_its_mouth() -> None:
    fillings = [filled(fork(), seed, front_mm=21.0, least_share=0.0, reflux_mm=0.0, **PLAIN) for seed in range(60)]
    reached = [pieces["trunk"].length_mm >= 18.5 for pieces in fillings]
    assert any(reached)
    assert not all(reached)
    for pieces, is_reached in zip(fillings, reached, strict=True):
        assert is_reached or "early" not in pieces
