"""The benchmark of projection speed gives right answers; its times are nobody's business here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[3] / "Testing" / "Benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def tiny_settings():
    from projection_comparison import Settings

    return Settings(detectors=(48,), volume=48, repetitions=1, cell_mm=4.0, triangles=(1_000, 3_000), seconds=0.0)


@pytest.fixture
def vessels():
    """A coarse tree, around the isocentre."""
    from projection_comparison import vessel_meshes

    return vessel_meshes(tiny_settings())[-1]


@pytest.fixture
def view():
    from projection_comparison import views

    return views(64)[1]


def test_path_length_of_a_box_is_that_of_the_formula(view):
    from projection_accuracy import box_difference, box_model

    found = box_difference(box_model(np.array([-50.0, -20, -90]), np.array([40.0, 60, 70])), view)
    assert found.maximum_mm < 1e-3
    assert found.rays > 500


def test_path_length_of_a_sphere_is_that_of_the_formula(view):
    from projection_accuracy import sphere_difference

    found = sphere_difference(60.0, 60, view)
    assert found.median_mm < 0.2
    assert found.rays > 200


def test_a_longer_ray_is_reported_as_a_difference():
    from projection_accuracy import difference

    found = difference(np.array([[0.0, 3.0, 2.0]]), np.array([[0.0, 1.0, 1.5]]))
    assert (found.median_mm, found.maximum_mm, found.rays) == (1.25, 2.0, 2)


def test_a_ray_that_meets_nothing_is_not_counted_as_agreement():
    from projection_accuracy import dice, difference

    assert difference(np.array([0.0, 0.0, 5.0]), np.array([0.0, 0.0, 4.0])).median_mm == 1.0
    assert dice(np.zeros((4, 4), dtype=bool), np.zeros((4, 4), dtype=bool)) == 0.0


def test_silhouette_is_that_of_a_surface_renderer(vessels, view):
    from projection_baselines import NotAvailable, SurfaceRenderer
    from projection_comparison import LEAST_DICE, least_dice

    try:
        renderers = [SurfaceRenderer(vessels, view.rows, culls_back_faces=culls) for culls in (True, False)]
    except NotAvailable as reason:
        pytest.skip(f"no off-screen rendering: {reason}")
    assert least_dice(vessels, [view], *renderers) > LEAST_DICE


def test_mirrored_picture_of_a_surface_renderer_is_told_from_the_true_one(vessels, view):
    from projection_accuracy import dice
    from projection_comparison import LEAST_DICE

    from VesselRegistrationLib.projection import silhouette

    own = silhouette(vessels.points_lps, vessels.triangles, view)
    assert dice(own, own[:, ::-1]) < LEAST_DICE


def test_path_length_is_that_of_rays_marched_through_the_mesh_as_a_volume(vessels, view):
    from projection_baselines import RayMarch, voxelized
    from projection_comparison import MOST_VOLUME_VOXELS, volume_difference

    volume = voxelized(vessels, 96)
    found = volume_difference(vessels, RayMarch(volume, 192), view)
    assert found.median_mm < MOST_VOLUME_VOXELS * float(volume.spacing_mm.max())
    assert found.rays > 200


def test_volume_of_a_box_is_full_and_in_place():
    from projection_accuracy import box_model
    from projection_baselines import voxelized

    volume = voxelized(box_model(np.array([-8.0, 0, 4]), np.array([8.0, 4, 12])), 8)
    assert float(volume.shares.mean()) == pytest.approx(1.0)
    assert volume.first_lps.tolist() == [-7.0, 0.25, 4.5]
    assert volume.spacing_mm.tolist() == [2.0, 0.5, 1.0]


def test_whole_comparison_agrees_and_says_why_diffdrr_is_left_out(monkeypatch, capsys):
    from projection_comparison import compare

    monkeypatch.setitem(sys.modules, "diffdrr", None)
    monkeypatch.setitem(sys.modules, "diffdrr.renderers", None)
    assert compare(tiny_settings()) == []
    printed = capsys.readouterr().out
    assert "No time of diffdrr: diffdrr cannot be imported" in printed
    assert "ray march in torch" in printed
    assert "All results agree." in printed


def test_wrong_path_length_is_reported_as_wrong(monkeypatch, capsys):
    import projection_accuracy
    import projection_comparison

    true_length = projection_accuracy.path_length_mm
    monkeypatch.setattr(projection_accuracy, "path_length_mm", lambda *given: 1.01 * true_length(*given))
    report = projection_comparison.Report()
    settings = tiny_settings()
    projection_comparison.compare_formulas(projection_comparison.vessel_meshes(settings)[0], settings, report)
    assert len(report.wrong) == 2
    assert "WRONG: path length of a box" in capsys.readouterr().out


def test_wrong_result_ends_the_benchmark_with_status_1(monkeypatch):
    import projection_comparison
    import projection_speed

    environment: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", environment)
    asked = []
    for wrong in (["a picture"], []):
        monkeypatch.setattr(projection_comparison, "compare", lambda settings, w=wrong: asked.append(settings) or w)
        assert projection_speed.main(["--detector", "64", "--repetitions", "2"]) == len(wrong)
    assert asked[0].detectors == (64,)
    assert asked[0].repetitions == 2
    assert environment["OMP_NUM_THREADS"] == "1"


def test_benchmark_states_its_options_without_running():
    path = os.pathsep.join(sys.path)
    command = [sys.executable, str(BENCHMARKS / "projection_speed.py"), "--help"]
    printed = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert "--detector" in printed.stdout
