"""Simulated vessel trees: anatomical sizes, whole and connected, the same for the same random numbers."""

import json
from functools import cache

import numpy as np
import pytest

from VesselRegistrationLib.simulation import curves
from VesselRegistrationLib.simulation.anatomy import (
    MAXIMUM_SPACING_MM,
    REGIONS,
    AnatomySettings,
    Branch,
    VesselTree,
    centerline_points,
    diseased,
    make_tree,
    moved_tree,
    small_rotation,
    tree_from_json,
    tree_to_json,
)
from VesselSegmentationLib.errors import InputError

SEEDS = range(20)
HEALTHY = AnatomySettings(disease=0)
BRANCHES = {"upper": (11, 60), "lower": (15, 60), "coronary": (20, 90), "phantom": (3, 5)}
EXTENT_MM = {"upper": (150, 400), "lower": (300, 600), "coronary": (75, 150), "phantom": (60, 125)}
RADII_MM = {"upper": (0.25, 30), "lower": (0.5, 30), "coronary": (0.25, 3.5), "phantom": (1.5, 3.0)}


@cache
def tree_of(region: str, seed: int, settings: AnatomySettings | None = None) -> VesselTree:
    return make_tree(region, np.random.default_rng(seed), settings)


def trees(region: str, settings: AnatomySettings | None = None) -> list[VesselTree]:
    return [tree_of(region, seed, settings) for seed in SEEDS]


def all_points(tree: VesselTree) -> np.ndarray:
    return np.concatenate([branch.points_lps for branch in tree.branches])


def assert_same(one: VesselTree, other: VesselTree, within_mm: float = 0.0) -> None:
    assert one.region == other.region
    assert [(b.name, b.parent) for b in one.branches] == [(b.name, b.parent) for b in other.branches]
    for first, second in zip(one.branches, other.branches, strict=True):
        np.testing.assert_allclose(first.points_lps, second.points_lps, rtol=0, atol=within_mm)
        np.testing.assert_allclose(first.radii_mm, second.radii_mm, rtol=0, atol=within_mm)
    assert one.landmarks_lps.keys() == other.landmarks_lps.keys()
    for name, point in one.landmarks_lps.items():
        np.testing.assert_allclose(point, other.landmarks_lps[name], rtol=0, atol=within_mm)


@pytest.mark.parametrize("region", REGIONS)
def test_every_branch_is_a_line_of_close_points_with_positive_radii(region) -> None:
    low, high = RADII_MM[region]
    for tree in trees(region):
        for branch in tree.branches:
            assert branch.points_lps.shape == (len(branch.radii_mm), 3)
            assert len(branch.radii_mm) >= 2
            assert np.isfinite(branch.points_lps).all()
            steps = np.linalg.norm(np.diff(branch.points_lps, axis=0), axis=1)
            assert 0 < steps.min() <= steps.max() <= MAXIMUM_SPACING_MM + 1e-9
            assert low <= branch.radii_mm.min() <= branch.radii_mm.max() <= high


@pytest.mark.parametrize("region", REGIONS)
def test_every_branch_starts_in_the_lumen_of_a_parent_that_stands_before_it(region) -> None:
    for tree in trees(region):
        before: dict[str, Branch] = {}
        for branch in tree.branches:
            assert branch.name not in before
            if branch.parent is not None:
                parent = before[branch.parent]
                away = np.linalg.norm(parent.points_lps - branch.points_lps[0], axis=1)
                assert (away < parent.radii_mm).any(), (branch.name, parent.name)
            before[branch.name] = branch


@pytest.mark.parametrize("region", REGIONS)
def test_trees_have_the_size_of_their_region_and_lie_about_the_isocenter(region) -> None:
    for tree in trees(region):
        assert tree.region == region
        assert BRANCHES[region][0] <= len(tree.branches) <= BRANCHES[region][1]
        points = all_points(tree)
        assert EXTENT_MM[region][0] < np.ptp(points, axis=0).max() < EXTENT_MM[region][1]
        assert np.linalg.norm(points, axis=1).min() < 60
        assert all(point.shape == (3,) and np.isfinite(point).all() for point in tree.landmarks_lps.values())


@pytest.mark.parametrize("region", REGIONS)
def test_the_same_random_numbers_give_the_same_tree_and_others_another(region) -> None:
    assert_same(make_tree(region, np.random.default_rng(3)), tree_of(region, 3))
    assert tree_of(region, 3).length_mm != tree_of(region, 4).length_mm


def test_sizes_of_the_healthy_aorta_are_the_stated_ones() -> None:
    for tree in trees("upper", HEALTHY):
        assert 9.9 < tree.branch("aortic_root").radii_mm[0] < 14.1
        assert 12.7 < tree.branch("ascending_aorta").radii_mm.max() < 18.9
        descending = tree.branch("descending_aorta").radii_mm
        assert 9.2 < descending.min() <= descending.max() < 14.9
        assert 18.9 < tree.branch("aortic_root").length_mm < 26


def test_the_arch_lies_above_the_root_and_turns_to_the_left_and_back() -> None:
    for tree in trees("upper"):
        places = tree.landmarks_lps
        assert places["arch_top"][2] > places["sinotubular_junction"][2] > places["annulus_center"][2]
        arch = tree.branch("aortic_arch").points_lps
        assert arch[-1][0] > arch[0][0]
        assert arch[-1][1] > arch[0][1]
        assert places["descending_end"][2] < arch[-1][2]
        assert tree.branch("brachiocephalic").points_lps[-1][2] > places["arch_top"][2]


def test_some_patients_have_a_common_origin_of_brachiocephalic_and_left_carotid() -> None:
    parents = [tree.branch("left_carotid").parent for tree in trees("upper")]
    assert set(parents) == {"aortic_arch", "brachiocephalic"}
    assert parents.count("brachiocephalic") < 10


def test_sizes_of_healthy_iliac_and_femoral_arteries_are_the_stated_ones() -> None:
    for tree in trees("lower", HEALTHY):
        aorta = tree.branch("infrarenal_aorta").radii_mm
        assert 7.3 < aorta.min() <= aorta.max() < 12.5
        for side in ("left", "right"):
            common, femoral = tree.branch(f"{side}_common_iliac"), tree.branch(f"{side}_common_femoral")
            assert 3.7 < common.radii_mm.min() <= common.radii_mm.max() < 6.1
            assert 2.8 < femoral.radii_mm.min() <= femoral.radii_mm.max() < 5.2


def test_the_femoral_arteries_lie_below_the_bifurcation() -> None:
    for tree in trees("lower"):
        fork = tree.landmarks_lps["aortic_bifurcation"]
        assert tree.branch("infrarenal_aorta").points_lps[0][2] > fork[2] + 80
        for side in ("left", "right"):
            groin = tree.landmarks_lps[f"{side}_femoral_bifurcation"][2]
            assert groin < tree.landmarks_lps[f"{side}_iliac_bifurcation"][2] < fork[2]
            assert tree.branch(f"{side}_superficial_femoral").points_lps[-1][2] < groin


def test_left_is_to_plus_x() -> None:
    for tree in trees("lower"):
        for name in ("iliac_bifurcation", "femoral_head", "femoral_bifurcation"):
            assert tree.landmarks_lps[f"left_{name}"][0] > tree.landmarks_lps[f"right_{name}"][0] + 30
    for tree in trees("upper"):
        for name in ("carotid", "subclavian"):
            left, right = (tree.branch(f"{side}_{name}").points_lps[-1][0] for side in ("left", "right"))
            assert left > right


def test_coronary_arteries_run_to_their_sides_and_have_the_stated_calibers() -> None:
    proximal = []
    for tree in trees("coronary", HEALTHY):
        places = tree.landmarks_lps
        assert places["left_ostium"][0] > places["right_ostium"][0]
        assert places["apex"][2] < places["left_ostium"][2]
        assert places["apex"][0] > places["right_coronary_end"][0]
        assert tree.branch("PDA").parent in ("RCA", "LCx")
        proximal.append([2 * tree.branch(name).radii_mm[0] for name in ("LM", "LAD", "RCA")])
    np.testing.assert_allclose(np.mean(proximal, axis=0), [4.5, 3.7, 3.7], atol=0.45)


def test_disease_narrows_and_widens_vessels() -> None:
    def roughest_change(settings: AnatomySettings) -> float:
        branches = [branch for seed in range(8) for branch in tree_of("coronary", seed, settings).branches]
        return max(float(np.abs(np.diff(np.log(branch.radii_mm))).max()) for branch in branches)

    assert roughest_change(AnatomySettings(disease=4)) > 2 * roughest_change(HEALTHY)


def test_widenings_are_longer_than_they_are_wide() -> None:
    line = np.column_stack([np.linspace(0, 120, 81), np.zeros((81, 2))])
    healthy = Branch("tube", line, np.full(81, 4.0), None)
    ill = [diseased(healthy, np.random.default_rng(seed), 1.0) for seed in range(40)]
    widest = [branch.radii_mm.max() for branch in ill]
    assert any(width > 5 for width in widest)
    assert any(branch.radii_mm.min() < 3 for branch in ill)
    for branch, width in zip(ill, widest, strict=True):
        if width > 5:
            assert np.ptp(line[branch.radii_mm > 4.01, 0]) > 2 * width


def test_the_sinuses_bulge_beyond_annulus_and_junction() -> None:
    for tree in trees("upper", HEALTHY):
        root = tree.branch("aortic_root").points_lps
        axis = (root[-1] - root[0]) / np.linalg.norm(root[-1] - root[0])
        for name in ("left", "right", "non"):
            lobe = tree.branch(f"{name}_sinus")
            away = lobe.points_lps - root[0]
            out = np.linalg.norm(away - (away @ axis)[:, None] * axis, axis=1) + lobe.radii_mm
            assert out.max() > 1.1 * tree.branch("aortic_root").radii_mm[0]


def test_settings_choose_coronaries_and_side_branches() -> None:
    for seed in range(4):
        names = {wish: {b.name for b in tree_of("upper", seed, AnatomySettings(has_coronaries=wish)).branches}
                 for wish in (True, False)}  # fmt: skip
        assert {"LM", "RCA"} <= names[True]
        assert not {"LM", "RCA"} & names[False]
        assert len(tree_of("lower", seed, AnatomySettings(side_branches=0)).branches) < 25


def test_tortuosity_makes_detours() -> None:
    def detour(factor: float) -> float:
        """Mean of length over distance between the ends."""
        settings = AnatomySettings(tortuosity=factor)
        vessels = [tree_of("lower", seed, settings).branch("left_external_iliac") for seed in range(8)]
        return float(np.mean([v.length_mm / np.linalg.norm(v.points_lps[-1] - v.points_lps[0]) for v in vessels]))

    assert 1 < detour(0) < detour(1) < detour(3)


@pytest.mark.parametrize("name", ["tortuosity", "disease", "side_branches", "isocenter_jitter_mm"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_settings_that_make_no_anatomy_are_refused(name, value) -> None:
    with pytest.raises(InputError, match=name):
        AnatomySettings(**{name: value})


def test_an_unknown_region_or_branch_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="'knee'.*upper, lower, coronary, phantom"):
        make_tree("knee", np.random.default_rng(0))
    with pytest.raises(InputError, match="no branch 'LM'.*trunk"):
        tree_of("phantom", 0).branch("LM")


def test_a_moved_tree_keeps_its_shape_and_sees_the_new_origin_at_zero() -> None:
    tree, turn = tree_of("phantom", 1), small_rotation(np.random.default_rng(5), 20)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)
    moved = moved_tree(tree, tree.landmarks_lps["inlet"], turn)
    np.testing.assert_allclose(moved.branch("trunk").points_lps[0], 0, atol=1e-9)
    assert moved.length_mm == pytest.approx(tree.length_mm)
    fork = "first_bifurcation"
    np.testing.assert_allclose(moved.landmarks_lps[fork], moved.branch("circumflex").points_lps[0], atol=1e-9)


def test_centerline_points_lie_at_the_asked_spacing() -> None:
    tree = tree_of("phantom", 0)
    points = centerline_points(tree, 0.5)
    assert len(points) == pytest.approx(tree.length_mm / 0.5, rel=0.02)
    assert np.median(np.linalg.norm(np.diff(points, axis=0), axis=1)) == pytest.approx(0.5, rel=0.02)
    with pytest.raises(InputError, match="0 mm must be positive"):
        centerline_points(tree, 0)


def test_wandering_keeps_the_first_point_and_is_about_as_wide_as_asked() -> None:
    line = np.column_stack([np.zeros(401), np.zeros(401), np.linspace(0, 800, 401)])
    wide = []
    for seed in SEEDS:
        moved = curves.wander(line, np.random.default_rng(seed), 5.0, 60.0)
        np.testing.assert_array_equal(moved[0], line[0])
        wide.append(np.sqrt(np.mean(moved[:, :2] ** 2)))
    assert np.mean(wide) == pytest.approx(5.0 / np.sqrt(2), rel=0.2)


def test_a_bump_changes_radii_at_its_place_only() -> None:
    line = np.column_stack([np.linspace(0, 100, 101), np.zeros((101, 2))])
    factor = curves.bump(line, 0.4, 20, -0.5)
    assert np.argmin(factor) == 40
    assert factor[40] == pytest.approx(0.5)
    assert (factor[:30] == 1).all()
    assert (factor[51:] == 1).all()


@pytest.mark.parametrize("region", REGIONS)
def test_a_tree_survives_its_way_through_json_to_a_micrometer(region) -> None:
    tree = tree_of(region, 2)
    assert_same(tree_from_json(tree_to_json(tree)), tree, within_mm=0.00051)


@pytest.mark.parametrize("text", ["", "not json", "[]", "null", "3", "{}", '{"branches": 5}', '{"branches": [{}]}'])
def test_text_that_is_no_tree_is_refused(text) -> None:
    with pytest.raises(InputError, match="no vessel tree in JSON"):
        tree_from_json(text)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"radii_mm": [1.0]}, "as many radii as points"),
        ({"points_lps": [[0, 0, 0]], "radii_mm": [1.0]}, "at least two"),
        ({"points_lps": [[0, 0]], "radii_mm": [1.0]}, "no vessel tree in JSON"),
        ({"points_lps": [[0, 0, 0], [1, 0, float("nan")]], "radii_mm": [1, 1]}, "not a number"),
        ({"points_lps": [[0, 0, 0], [1, 0, 0]], "radii_mm": [1, 10**400]}, "no vessel tree in JSON"),
        ({"parent": "nobody"}, "springs from 'nobody'"),
        ({"parent": "circumflex"}, "springs from 'circumflex'"),
    ],
)
def test_a_broken_branch_is_refused_with_the_reason(change, words) -> None:
    data = json.loads(tree_to_json(tree_of("phantom", 0)))
    data["branches"][0].update(change)
    with pytest.raises(InputError, match=words):
        tree_from_json(json.dumps(data))
