"""Meshes of simulated vessels: closed, outward, of the right volume, and in one piece where the tree is."""

import numpy as np
import pytest

from VesselRegistrationLib.simulation.anatomy import AnatomySettings, Branch, make_tree
from VesselRegistrationLib.simulation.meshing import is_closed, mesh_branches, signed_volume_mm3
from VesselRegistrationLib.vessel_model import VesselModel
from VesselSegmentationLib.errors import InputError

TETRAHEDRON = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]], dtype=np.int32)
DIAGONAL = np.array([0.48, 0.6, 0.64])
CELLS_MM = {"upper": 2.0, "lower": 2.0, "coronary": 1.0, "phantom": 1.0}


def tube(
    length_mm: float = 60.0,
    radii_mm: tuple[float, float] = (5.0, 5.0),
    start: tuple[float, float, float] = (3.3, -7.1, 12.9),
    direction: np.ndarray = DIAGONAL,
    name: str = "tube",
    parent: str | None = None,
) -> Branch:
    """A straight tube, not along the grid."""
    along = np.linspace(0, length_mm, int(np.ceil(length_mm / 1.5)) + 1)
    points = np.array(start) + along[:, None] * direction
    return Branch(name, points, np.linspace(*radii_mm, len(along)), parent)


def volume_mm3(model: VesselModel) -> float:
    return signed_volume_mm3(model.points_lps, model.triangles)


def component_count(model: VesselModel) -> int:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    pairs = np.concatenate([model.triangles[:, [0, 1]], model.triangles[:, [1, 2]]])
    size = len(model.points_lps)
    return int(connected_components(coo_matrix((np.ones(len(pairs)), pairs.T), (size, size)))[0])


def test_a_straight_tube_has_the_volume_of_a_cylinder() -> None:
    model = mesh_branches([tube()], 0.6)
    assert volume_mm3(model) == pytest.approx(np.pi * 5**2 * 60, rel=0.01)
    assert model.is_closed
    assert component_count(model) == 1


def test_a_tapering_tube_has_the_volume_of_a_truncated_cone() -> None:
    model = mesh_branches([tube(radii_mm=(7.0, 3.0))], 0.6)
    assert volume_mm3(model) == pytest.approx(np.pi * 60 * (7**2 + 7 * 3 + 3**2) / 3, rel=0.02)


def test_round_ends_add_one_ball_and_reach_one_radius_further() -> None:
    flat, rounded = mesh_branches([tube()], 0.6), mesh_branches([tube()], 0.6, has_flat_ends=False)
    cylinder, ball = np.pi * 5**2 * 60, 4 / 3 * np.pi * 5**3
    assert volume_mm3(rounded) == pytest.approx(cylinder + ball, rel=0.01)
    assert volume_mm3(rounded) - volume_mm3(flat) == pytest.approx(ball, rel=0.06)
    for model, beyond in ((flat, 0.0), (rounded, 5.0)):
        along = (model.points_lps - tube().points_lps[0]) @ DIAGONAL
        assert along.min() == pytest.approx(-beyond, abs=0.3)
        assert along.max() == pytest.approx(60 + beyond, abs=0.3)


def test_the_surface_lies_one_radius_from_the_centerline_with_normals_outwards() -> None:
    model = mesh_branches([tube()], 0.6)
    corners = model.points_lps[model.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    away = corners.mean(axis=1) - tube().points_lps[0]
    along = away @ DIAGONAL
    out = away - along[:, None] * DIAGONAL
    on_wall = (along > 2) & (along < 58)
    np.testing.assert_allclose(np.linalg.norm(out[on_wall], axis=1), 5.0, atol=0.06)
    assert (np.einsum("ij,ij->i", normals[on_wall], out[on_wall]) >= 0).all()


def test_a_side_branch_joins_its_parent_and_their_common_part_counts_once() -> None:
    trunk = tube(direction=np.array([0.0, 0.0, 1.0]))
    side = tube(30, (3.0, 3.0), tuple(trunk.points_lps[20]), np.array([1.0, 0.0, 0.0]), "side", "tube")
    model = mesh_branches([trunk, side], 0.6)
    assert model.is_closed
    assert component_count(model) == 1
    outside = np.pi * 3**2 * (30 - 4.5)
    assert volume_mm3(model) == pytest.approx(np.pi * 5**2 * 60 + outside, rel=0.02)


def test_a_branch_ends_round_in_a_fork_and_flat_where_nothing_goes_on() -> None:
    trunk = tube(direction=np.array([0.0, 0.0, 1.0]), start=(0.0, 0.0, 0.0))
    end = tuple(trunk.points_lps[-1])
    legs = [tube(30, (2.0, 2.0), end, np.array([x, 0.0, 0.6]), f"leg{x}", "tube") for x in (-0.8, 0.8)]
    crotch = np.array([0.0, 0.0, 60.0])

    def reach_mm(model: VesselModel) -> float:
        """How far the surface goes beyond the end of the trunk, between the legs and across them."""
        away = model.points_lps - crotch
        return float(away[np.abs(away[:, 0]) < 1.5, 2].max())

    assert reach_mm(mesh_branches([trunk], 0.6)) == pytest.approx(0, abs=0.3)
    assert reach_mm(mesh_branches([trunk, *legs], 0.6)) == pytest.approx(5, abs=0.4)


def test_the_flat_end_of_a_vessel_that_curls_back_does_not_cut_its_middle() -> None:
    turn = np.linspace(0, 1.9 * np.pi, 24)
    points = np.column_stack([4 * np.cos(turn), 4 * np.sin(turn), 0.5 * turn])
    model = mesh_branches([Branch("curl", points, np.full(24, 1.0), None)], 0.5)
    assert component_count(model) == 1
    assert volume_mm3(model) == pytest.approx(np.pi * 1.9 * np.pi * np.hypot(4, 0.5), rel=0.08)


def test_branches_apart_stay_apart() -> None:
    model = mesh_branches([tube(20), tube(20, start=(50.0, 0.0, 0.0), name="other")], 1.0)
    assert component_count(model) == 2
    assert volume_mm3(model) == pytest.approx(2 * np.pi * 5**2 * 20, rel=0.03)


@pytest.mark.parametrize("radius_mm", [0.3, 0.5, 0.75])
@pytest.mark.parametrize("direction", [DIAGONAL, np.array([1.0, 1.0, 0.0]) / np.sqrt(2), np.eye(3)[0]])
def test_a_tube_thinner_than_the_cells_stays_one_piece(radius_mm, direction) -> None:
    for offset in (0.0, 0.37):
        model = mesh_branches([tube(30, (radius_mm, radius_mm), (offset, offset, 0.0), direction)], 1.0)
        assert model.is_closed
        assert component_count(model) == 1
        along = (model.points_lps - (offset, offset, 0.0)) @ direction
        assert np.ptp(along) == pytest.approx(30, abs=1.5)


def test_a_thin_tube_along_the_diagonal_of_the_cells_stays_one_piece() -> None:
    for offset in np.random.default_rng(0).uniform(0, 1, (12, 3)):
        model = mesh_branches([tube(30, (0.4, 0.4), tuple(offset), np.ones(3) / np.sqrt(3))], 1.0)
        assert model.is_closed
        assert component_count(model) == 1


@pytest.mark.parametrize("region", CELLS_MM)
def test_the_mesh_of_a_whole_tree_is_closed_and_around_its_centerlines(region) -> None:
    tree = make_tree(region, np.random.default_rng(1))
    model = mesh_branches(tree.branches, CELLS_MM[region])
    assert model.is_closed
    assert volume_mm3(model) > 0
    assert np.isfinite(model.points_lps).all()
    assert model.triangles.min() == 0
    assert model.triangles.max() == len(model.points_lps) - 1
    lows = np.min([(b.points_lps - b.radii_mm[:, None]).min(axis=0) for b in tree.branches], axis=0)
    highs = np.max([(b.points_lps + b.radii_mm[:, None]).max(axis=0) for b in tree.branches], axis=0)
    assert (model.points_lps.min(axis=0) > lows - CELLS_MM[region]).all()
    assert (model.points_lps.max(axis=0) < highs + CELLS_MM[region]).all()


def test_thin_coronary_arteries_stay_one_piece_each() -> None:
    tree = make_tree("coronary", np.random.default_rng(2), AnatomySettings(disease=3))
    assert min(branch.radii_mm.min() for branch in tree.branches) < 0.5
    reached: dict[str, set[str]] = {"LM": {"LM"}, "RCA": {"RCA"}}
    for names in reached.values():
        for branch in tree.branches:
            if branch.parent in names:
                names.add(branch.name)
        part = [branch for branch in tree.branches if branch.name in names]
        assert component_count(mesh_branches(part, 0.5)) == 1
    assert len(tree.branches) == len(reached["LM"]) + len(reached["RCA"])


def test_the_aorta_and_all_that_springs_from_it_is_one_piece() -> None:
    tree = make_tree("upper", np.random.default_rng(0), AnatomySettings(has_coronaries=True))
    assert component_count(mesh_branches(tree.branches, 1.5)) == 1


def test_the_same_branches_give_the_same_mesh() -> None:
    first, second = (mesh_branches([tube()], 1.0) for _ in range(2))
    np.testing.assert_array_equal(first.points_lps, second.points_lps)
    np.testing.assert_array_equal(first.triangles, second.triangles)


def test_a_closed_mesh_is_told_from_an_open_or_twisted_one() -> None:
    assert is_closed(TETRAHEDRON)
    assert is_closed(TETRAHEDRON[:, ::-1])
    assert not is_closed(TETRAHEDRON[:3])
    twisted = TETRAHEDRON.copy()
    twisted[0] = twisted[0, ::-1]
    assert not is_closed(twisted)
    assert not is_closed(np.zeros((0, 3), np.int32))


def test_volume_is_signed_by_the_side_that_normals_point_to() -> None:
    corners = np.vstack([np.zeros(3), np.eye(3)]) + 7.0
    assert signed_volume_mm3(corners, TETRAHEDRON) == pytest.approx(1 / 6)
    assert signed_volume_mm3(corners, TETRAHEDRON[:, ::-1]) == pytest.approx(-1 / 6)


def test_no_branches_are_refused() -> None:
    with pytest.raises(InputError, match="no branch to mesh"):
        mesh_branches([])


@pytest.mark.parametrize("cell_mm", [0.0, -1.0, np.nan, np.inf])
def test_cells_that_are_no_size_are_refused(cell_mm) -> None:
    with pytest.raises(InputError, match="must be positive"):
        mesh_branches([tube()], cell_mm)


@pytest.mark.parametrize("cell_mm", [0.01, 1e-9, 1e-300, 5e-324])
def test_cells_that_make_a_huge_grid_are_refused_before_it_is_made(cell_mm) -> None:
    with pytest.raises(InputError, match="Choose larger cells"):
        mesh_branches([tube()], cell_mm)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_coordinates_and_radii_that_are_no_numbers_are_refused(bad) -> None:
    good = tube()
    points, radii = good.points_lps.copy(), good.radii_mm.copy()
    points[4, 1] = radii[4] = bad
    for broken in (Branch("tube", points, good.radii_mm, None), Branch("tube", good.points_lps, radii, None)):
        with pytest.raises(InputError, match="'tube'.*not a number"):
            mesh_branches([broken])


def test_a_branch_of_one_point_or_too_few_radii_is_refused() -> None:
    good = tube()
    for points, radii in ((good.points_lps[:1], good.radii_mm[:1]), (good.points_lps, good.radii_mm[:-1])):
        with pytest.raises(InputError, match="as many radii as points, and at least two"):
            mesh_branches([Branch("tube", points, radii, None)])
