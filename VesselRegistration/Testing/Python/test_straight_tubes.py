"""Phantoms of thin straight tubes: in pools to train on, and in no other picture."""

import numpy as np
import pytest

from VesselRegistrationLib.simulation.anatomy import VesselTree, make_tree
from VesselRegistrationLib.simulation.generators import DEFAULT, TRAINING
from VesselRegistrationLib.simulation.scene import make_patient
from VesselRegistrationLib.simulation.straight_tubes import LEAST_ANGLE_DEG, LEAST_RADIUS_MM, with_straight_tubes

SEEDS = range(20)


def pairs() -> list[tuple[VesselTree, VesselTree]]:
    """Phantoms before and after."""
    trees = [make_tree("phantom", np.random.default_rng(seed)) for seed in SEEDS]
    return [(tree, with_straight_tubes(tree, np.random.default_rng(seed))) for seed, tree in zip(SEEDS, trees)]


def test_tubes_are_straight_and_spring_from_what_is_there() -> None:
    for before, after in pairs():
        tubes = after.branches[len(before.branches) :]
        assert 1 <= len(tubes) <= 6
        assert len({branch.name for branch in after.branches}) == len(after.branches)
        for tube in tubes:
            along = np.diff(tube.points_lps, axis=0)
            heading = along[0] / np.linalg.norm(along[0])
            np.testing.assert_allclose(
                along / np.linalg.norm(along, axis=1)[:, None], np.tile(heading, (len(along), 1))
            )
            assert np.linalg.norm(along, axis=1).max() <= 2.0
            assert 14 < tube.length_mm < 91
            assert np.ptp(tube.radii_mm) == 0
            assert LEAST_RADIUS_MM <= tube.radii_mm[0] <= 2.4
            parent = after.branch(str(tube.parent))
            assert np.linalg.norm(parent.points_lps - tube.points_lps[0], axis=1).min() == 0
            assert after.branches.index(parent) < after.branches.index(tube)


def test_a_tube_from_the_side_does_not_run_along_the_one_it_springs_from() -> None:
    looked_at = 0
    for before, after in pairs():
        for tube in after.branches[len(before.branches) :]:
            parent = after.branch(str(tube.parent)).points_lps
            place = int(np.linalg.norm(parent - tube.points_lps[0], axis=1).argmin())
            if 0 < place < len(parent) - 1:
                along, heading = parent[place + 1] - parent[place - 1], tube.points_lps[1] - tube.points_lps[0]
                cosine = abs(along @ heading) / np.linalg.norm(along) / np.linalg.norm(heading)
                assert cosine < np.cos(np.radians(LEAST_ANGLE_DEG)) + 0.05
                looked_at += 1
    assert looked_at > 20


def test_the_other_tubes_lie_where_they_did_and_are_thinner() -> None:
    for before, after in pairs():
        for one, other in zip(before.branches, after.branches):
            assert np.array_equal(one.points_lps, other.points_lps)
            assert (other.radii_mm <= one.radii_mm).all()
            assert other.radii_mm.min() >= LEAST_RADIUS_MM
        assert set(before.landmarks_lps) == set(after.landmarks_lps)


@pytest.mark.parametrize("region", ["phantom", "coronary"])
def test_only_phantoms_to_train_on_have_them(region) -> None:
    def names(generator) -> list[set[str]]:
        trees = [make_patient(region, np.random.default_rng(seed), 4.0, generator).tree for seed in range(6)]
        return [{branch.name for branch in tree.branches} for tree in trees]

    added = [more - usual for more, usual in zip(names(TRAINING), names(DEFAULT), strict=True)]
    assert 0 < sum(map(bool, added)) < 6 if region == "phantom" else not any(added)
