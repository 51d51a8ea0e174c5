"""Any triangles become a closed vessel model with outward normals, or say why not."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from VesselRegistrationLib.mesh_repair import vessel_model_from_arrays
from VesselRegistrationLib.mesh_simplification import simplify_vessel_model
from VesselRegistrationLib.mesh_topology import (
    edge_table,
    is_closed,
    merged_indices,
    piece_labels,
    piece_volumes,
    with_consistent_winding,
)
from VesselRegistrationLib.model_reading import summarize
from VesselRegistrationLib.vessel_model import VesselModel
from VesselSegmentationLib.errors import InputError

Mesh = tuple[np.ndarray, np.ndarray]


def box(low=(0.0, 0.0, 0.0), high=(20.0, 20.0, 20.0)) -> Mesh:
    """A closed box of 12 triangles with outward normals."""
    bits = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)], dtype=float)
    points = np.asarray(low) + bits * (np.asarray(high) - np.asarray(low))
    quads = np.array([(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])
    return points, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def open_tube(around: int = 24, along: int = 10, radius: float = 10.0, length: float = 100.0) -> Mesh:
    """A tube along z, open at both ends, with outward normals."""
    angle = np.linspace(0, 2 * np.pi, around, endpoint=False)
    circle = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    z = np.linspace(0, length, along)
    points = np.column_stack([np.tile(circle, (along, 1)), np.repeat(z, around)])
    row = (np.arange(along - 1) * around)[:, None]
    i = np.arange(around)[None, :]
    j = (i + 1) % around
    a, b, c, d = (row + i, row + j, row + around + j, row + around + i)
    triangles = np.concatenate([np.stack([a, b, c], axis=-1), np.stack([a, c, d], axis=-1)]).reshape(-1, 3)
    return points, triangles


def prism_volume(around: int, radius: float, length: float) -> float:
    """Volume of a regular prism: what a tube of flat faces encloses."""
    return 0.5 * around * radius**2 * math.sin(2 * math.pi / around) * length


def joined(*meshes: Mesh) -> Mesh:
    """Several meshes in one."""
    offsets = np.cumsum([0, *(len(points) for points, _ in meshes[:-1])])
    return (
        np.concatenate([points for points, _ in meshes]),
        np.concatenate([triangles + offset for (_, triangles), offset in zip(meshes, offsets, strict=True)]),
    )


def soup(mesh: Mesh) -> Mesh:
    """Each triangle with points of its own, as in an STL file."""
    points, triangles = mesh
    return points[triangles].reshape(-1, 3), np.arange(triangles.size).reshape(-1, 3)


def volume(model: VesselModel) -> float:
    """Signed volume of the whole model."""
    triangles = model.triangles.astype(np.int64)
    return float(piece_volumes(model.points_lps, triangles, np.zeros(len(triangles), dtype=np.int64))[0])


def test_a_clean_closed_mesh_comes_back_point_by_point_without_warnings():
    points, triangles = box()
    model = vessel_model_from_arrays(points, triangles)
    assert model.is_closed
    assert model.warnings == ()
    assert np.array_equal(model.points_lps, points)
    assert np.array_equal(model.triangles, triangles)
    assert model.triangles.dtype == np.int32
    assert model.points_lps.dtype == np.float64


def test_the_repeated_points_of_triangle_soup_are_merged_exactly():
    model = vessel_model_from_arrays(*soup(box()))
    assert len(model.points_lps) == 8
    assert model.is_closed
    assert volume(model) == pytest.approx(8000)


def test_points_that_differ_by_less_than_any_tolerance_stay_apart_in_a_closed_mesh():
    points, triangles = joined(box(), box((20.0 + 1e-12, 0, 0), (40, 20, 20)))
    model = vessel_model_from_arrays(points, triangles)
    assert len(model.points_lps) == 16
    assert model.is_closed


def test_minus_zero_is_the_same_coordinate_as_zero():
    kept, merged = merged_indices(np.array([[0.0, 1.0, 2.0], [-0.0, 1.0, 2.0], [0.0, 1.0, 3.0]]))
    assert kept.tolist() == [0, 2]
    assert merged.tolist() == [0, 0, 1]


def test_merging_agrees_with_sorting_on_many_random_repeats():
    points = np.random.default_rng(1).integers(-3, 4, (5000, 3)).astype(float)
    kept, merged = merged_indices(points)
    assert np.array_equal(points[kept][merged], points)
    assert len(kept) == len(np.unique(points, axis=0))
    assert np.all(np.diff(kept) > 0)


def test_an_open_tube_is_capped_and_has_the_volume_of_the_prism():
    model = vessel_model_from_arrays(*open_tube(24, 10, 10.0, 100.0))
    assert model.is_closed
    assert volume(model) == pytest.approx(prism_volume(24, 10.0, 100.0), rel=1e-12)
    assert model.warnings == ("2 holes capped, largest 20 mm across",)


def test_an_inverted_mesh_is_turned_outwards():
    points, triangles = box()
    model = vessel_model_from_arrays(points, triangles[:, ::-1])
    assert volume(model) == pytest.approx(8000)
    assert model.warnings == ("12 of 12 triangles faced inwards and were turned over",)


def test_an_inverted_open_tube_is_capped_and_turned_outwards():
    points, triangles = open_tube()
    model = vessel_model_from_arrays(points, triangles[:, ::-1])
    assert model.is_closed
    assert volume(model) == pytest.approx(prism_volume(24, 10.0, 100.0))


def test_random_windings_are_made_alike():
    points, triangles = open_tube()
    flip = np.random.default_rng(0).random(len(triangles)) < 0.3
    triangles[flip] = triangles[flip][:, ::-1]
    model = vessel_model_from_arrays(points, triangles)
    assert model.is_closed
    assert volume(model) == pytest.approx(prism_volume(24, 10.0, 100.0))
    assert f"{np.count_nonzero(flip)} triangles wound against the neighbors turned over" in model.warnings


def test_each_of_two_pieces_is_oriented_by_itself():
    points, triangles = joined(box(), box((50, 0, 0), (60, 10, 10)))
    triangles[12:] = triangles[12:, ::-1]
    model = vessel_model_from_arrays(points, triangles)
    assert model.is_closed
    labels = piece_labels(model.triangles.astype(np.int64))
    assert sorted(piece_volumes(model.points_lps, model.triangles, labels)) == pytest.approx([1000, 8000])
    assert summarize(model)["pieces"] == 2


@pytest.mark.parametrize("inside_out", [False, True])
def test_a_hollow_space_stays_hollow_whichever_way_the_file_is_turned(inside_out):
    points, triangles = joined(box((0, 0, 0), (40, 40, 40)), box((10, 10, 10), (20, 20, 20)))
    triangles[12:] = triangles[12:, ::-1]
    model = vessel_model_from_arrays(points, triangles[:, ::-1] if inside_out else triangles)
    assert model.is_closed
    assert volume(model) == pytest.approx(64000 - 1000)
    assert "1 inner surface taken as hollow space inside the vessel" in model.warnings


def test_a_solid_inside_a_solid_is_reported():
    model = vessel_model_from_arrays(*joined(box((0, 0, 0), (40, 40, 40)), box((10, 10, 10), (20, 20, 20))))
    assert model.warnings == ("1 surface inside another: path length counts that part twice",)


def test_degenerate_and_repeated_triangles_are_removed():
    points, triangles = box()
    spoiled = np.concatenate([triangles, [[0, 0, 5]], triangles[:3]])
    model = vessel_model_from_arrays(points, spoiled)
    assert model.is_closed
    assert len(model.triangles) == 12
    assert model.warnings == ("1 degenerate triangle removed", "3 repeated triangles removed")


def test_a_surface_exported_with_both_sides_becomes_one_closed_surface():
    points, triangles = box()
    model = vessel_model_from_arrays(points, np.concatenate([triangles, triangles[:, ::-1]]))
    assert model.is_closed
    assert volume(model) == pytest.approx(8000)


def test_the_wall_between_two_touching_boxes_goes():
    points, triangles = joined(box((0, 0, 0), (20, 20, 20)), box((20, 0, 0), (40, 20, 20)))
    model = vessel_model_from_arrays(points, triangles)
    assert model.is_closed
    assert volume(model) == pytest.approx(16000)
    assert len(model.triangles) == 20


def test_a_fin_hanging_on_the_surface_is_dropped():
    points, triangles = box()
    points = np.concatenate([points, [[-1.0, -1.0, 10.0]]])
    model = vessel_model_from_arrays(points, np.concatenate([triangles, [[0, 1, 8]]]))
    assert model.is_closed
    assert len(model.triangles) == 12
    assert model.warnings == ("1 triangle removed that only hung on the surface",)


def test_boxes_that_touch_along_an_edge_are_parted_without_moving():
    model = vessel_model_from_arrays(*joined(box((0, 0, 0), (20, 20, 20)), box((20, 20, 0), (40, 40, 20))))
    assert model.is_closed
    assert volume(model) == pytest.approx(16000)
    assert model.warnings == ("walls touching along 1 edge parted (nothing moved)",)


def test_a_solid_of_random_voxels_closes_with_its_own_volume():
    filled = np.pad(np.random.default_rng(3).random((6, 6, 6)) < 0.5, 1)
    quads = []
    for axis in range(3):
        one, two = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
        step = np.diff(filled.astype(int), axis=axis)
        for sign in (-1, 1):
            corner = np.argwhere(step == sign).astype(float)
            corner[:, axis] += 1
            quad = np.stack([corner, corner + one, corner + one + two, corner + two], axis=1)
            quads.append(quad if sign < 0 else quad[:, ::-1])
    quads = np.concatenate(quads)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).reshape(-1, 3)
    model = vessel_model_from_arrays(10 * triangles, np.arange(len(triangles)).reshape(-1, 3))
    assert model.is_closed
    assert volume(model) == pytest.approx(1000 * np.count_nonzero(filled))


def test_an_edge_of_three_large_sheets_stays_and_closes_nothing():
    points = np.array([[0, 0, 0], [0, 0, 50], [40, 0, 0], [-40, 30, 0], [-40, -30, 0]], dtype=float)
    model = vessel_model_from_arrays(points, np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4]]))
    assert not model.is_closed
    assert "1 edge of more than two triangles" in model.warnings[-1]
    assert "path length is refused, silhouettes work" in model.warnings[-1]


def test_a_flat_sheet_is_not_made_into_a_vessel():
    points = np.array([[0, 0, 0], [50, 0, 0], [50, 50, 0], [0, 50, 0]], dtype=float)
    model = vessel_model_from_arrays(points, np.array([[0, 1, 2], [0, 2, 3]]))
    assert not model.is_closed
    assert len(model.triangles) == 2
    assert model.warnings == ("the surface is not closed (4 open edges): path length is refused, silhouettes work",)


def test_a_moebius_strip_has_no_outside_and_is_not_closed():
    count = 20
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    rims = [
        np.stack([(50 + s * np.cos(turn / 2)) * np.cos(turn), (50 + s * np.cos(turn / 2)) * np.sin(turn)], axis=1)
        for s in (-9, 9)
    ]
    points = np.concatenate(
        [np.column_stack([rim, s * np.sin(turn / 2)]) for rim, s in zip(rims, (-9, 9), strict=True)]
    )
    a = np.arange(count)
    b = a + count
    c, d = np.append(a[1:], count), np.append(b[1:], 0)
    model = vessel_model_from_arrays(points, np.concatenate([np.stack([a, c, b], 1), np.stack([c, d, b], 1)]))
    assert not model.is_closed
    assert any("only one side" in warning for warning in model.warnings)


def test_a_stray_triangle_beside_the_vessel_is_dropped():
    points, triangles = box((0, 0, 0), (50, 50, 50))
    points = np.concatenate([points, [[60, 0, 0], [61, 0, 0], [60, 1, 0]]])
    model = vessel_model_from_arrays(points, np.concatenate([triangles, [[8, 9, 10]]]))
    assert model.is_closed
    assert len(model.points_lps) == 8
    assert model.warnings == ("1 loose scrap removed (1 triangle)",)


def test_two_holes_that_touch_in_one_point_are_closed():
    points, triangles = open_tube(24, 10)
    shared = 5 * 24 + 12
    fan = np.flatnonzero(np.any(triangles == shared, axis=1))
    opposite = next(t for t in fan if len(np.intersect1d(triangles[t], triangles[fan[0]])) == 1)
    model = vessel_model_from_arrays(points, np.delete(triangles, [fan[0], opposite], axis=0))
    assert model.is_closed
    assert model.warnings[0].startswith("3 holes capped")
    assert volume(model) == pytest.approx(prism_volume(24, 10.0, 100.0), rel=0.01)


def test_a_seam_open_by_rounding_is_welded_and_not_capped():
    points, triangles = open_tube(24, 10)
    seam = np.arange(0, 240, 24)
    points = np.concatenate([points, points[seam] + 1e-5])
    last_column = np.any(triangles % 24 == 23, axis=1) & np.any(triangles % 24 == 0, axis=1)
    part = triangles[last_column]
    triangles[last_column] = np.where(part % 24 == 0, 240 + part // 24, part)
    model = vessel_model_from_arrays(points, triangles)
    assert model.is_closed
    assert model.warnings[0].startswith("10 points on open seams merged")
    assert model.warnings[1] == "2 holes capped, largest 20 mm across"


def test_a_long_edge_facing_two_short_ones_is_closed_by_a_triangle_without_area():
    points, triangles = box()
    first = triangles[0]
    points = np.concatenate([points, [points[first[:2]].mean(axis=0)]])
    halves = [[first[0], 8, first[2]], [8, first[1], first[2]]]
    model = vessel_model_from_arrays(points, np.concatenate([triangles[1:], halves]))
    assert model.is_closed
    assert volume(model) == pytest.approx(8000)


def test_points_that_no_triangle_uses_are_dropped_even_if_they_are_not_numbers():
    points, triangles = box()
    model = vessel_model_from_arrays(np.concatenate([[[np.nan] * 3], points]), triangles + 1)
    assert np.array_equal(model.points_lps, points)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e200])
def test_points_that_are_not_numbers_are_counted_in_the_error(bad):
    points, triangles = box()
    points[2:4, 1] = bad
    with pytest.raises(InputError, match=r"2 of 8 points are no usable numbers .* remove them"):
        vessel_model_from_arrays(points, triangles)


@pytest.mark.parametrize(
    ("points", "triangles", "message"),
    [
        (np.zeros((4, 2)), np.zeros((1, 3), dtype=int), r"points have the shape \(4, 2\)"),
        (np.zeros((4, 3)), np.zeros((0, 3), dtype=int), "no triangles"),
        (np.zeros((4, 3)), np.zeros((1, 4), dtype=int), r"triangles have the shape \(1, 4\)"),
        (np.zeros((4, 3)), np.zeros((1, 3)), "float64"),
        (np.zeros((4, 3)), np.array([[0, 1, 4]]), "points 0 to 4, but there are 4"),
        (np.zeros((4, 3)), np.array([[0, -1, 2]]), "points -1 to 2"),
        (np.zeros((4, 3)), np.array([[0, 1, 2]]), "all 1 triangles have shrunk"),
    ],
)
def test_arrays_that_are_no_mesh_are_refused(points, triangles, message):
    with pytest.raises(InputError, match=message):
        vessel_model_from_arrays(points, triangles)


def test_one_triangle_has_three_open_edges():
    table = edge_table(np.array([[0, 1, 2]]))
    assert len(table.boundary) == 3
    assert len(table.pairs) == 0
    assert not is_closed(np.array([[0, 1, 2]]))


def test_a_mesh_wound_two_ways_is_not_closed_until_it_is_wound_alike():
    _, triangles = box()
    triangles[0] = triangles[0, ::-1]
    assert not is_closed(triangles)
    alike, one_sided = with_consistent_winding(triangles)
    assert is_closed(alike)
    assert one_sided == 0


def test_a_million_triangles_are_read_exactly_in_seconds_with_a_warning():
    points, triangles = open_tube(500, 1002, 10.0, 300.0)
    start = time.perf_counter()
    model = vessel_model_from_arrays(points, triangles)
    assert time.perf_counter() - start < 20  # about 2 s on two idle cores
    assert len(model.triangles) == len(triangles) + 1000
    assert model.is_closed
    assert "1,002,000 triangles make projecting slow" in model.warnings[-1]


def test_simplifying_keeps_the_model_closed_and_its_volume():
    points, triangles = open_tube(60, 200)
    rough = points + np.random.default_rng(0).normal(scale=0.02, size=points.shape)
    model = vessel_model_from_arrays(rough, triangles)
    simple = simplify_vessel_model(model, 5000)
    assert simple.is_closed
    assert 4000 < len(simple.triangles) <= 5000
    assert volume(simple) == pytest.approx(volume(model), rel=0.005)
    assert simple.warnings[0].startswith("simplified from 24,000 to ")


def test_simplifying_leaves_a_small_model_alone_and_refuses_a_handful_of_triangles():
    model = vessel_model_from_arrays(*box())
    assert simplify_vessel_model(model) is model
    with pytest.raises(InputError, match="12 triangles cannot show a vessel"):
        simplify_vessel_model(model, 12)
