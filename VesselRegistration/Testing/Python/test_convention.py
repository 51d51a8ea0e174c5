"""The convention check names the one sign that was flipped on purpose, and says when it cannot tell."""

from __future__ import annotations

import functools
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.cli.main import main
from VesselRegistrationLib.pose.convention import ConventionCheck, ReadingFit, check_convention
from VesselRegistrationLib.pose.estimation import PoseModel, PoseSettings
from VesselRegistrationLib.pose.rigid import motion_matrix
from VesselRegistrationLib.projection import silhouette, transform_points
from VesselRegistrationLib.simulation.anatomy import Branch
from VesselRegistrationLib.simulation.cases import simulate_case, write_case
from VesselRegistrationLib.simulation.meshing import mesh_branches
from VesselRegistrationLib.xray_readings import AS_IS, READINGS, read_as
from VesselRegistrationLib.xray_run import FrameGeometry, Origin, Shutter, Sourced, XRayRun
from VesselSegmentationLib.errors import InputError

SIDE = 120
QUICK = PoseSettings(turns=16, candidates=4, refined=1)
COMPARED = ("primary-sign", "mirrored", "table-vertical")
VIEWS = ((25.0, 12.0, (0.0, 0.0, 0.0)), (-35.0, 18.0, (14.0, -18.0, 16.0)))
"""Angles in degrees and table position in LPS mm of two runs."""


def tube(name: str, points: list[tuple[float, float, float]], radius: float, parent: str | None) -> Branch:
    along = np.linspace(0, len(points) - 1, 40)
    path = np.stack([np.interp(along, np.arange(len(points)), np.array(points)[:, axis]) for axis in range(3)], axis=1)
    return Branch(name, path, np.full(40, radius), parent)


@cache
def tree() -> PoseModel:
    branches = (
        tube("trunk", [(0, 0, 45), (4, -6, 15), (0, 0, -15)], 5.0, None),
        tube("left", [(0, 0, -15), (22, 8, -35), (30, -12, -50)], 4.0, "trunk"),
        tube("right", [(0, 0, -15), (-18, -12, -40), (-30, 6, -45)], 3.5, "trunk"),
        tube("side", [(4, -6, 15), (26, -22, 22), (34, -10, 35)], 3.0, "trunk"),
    )
    return PoseModel.of(mesh_branches(branches, 2.8))


def given(value: float | tuple[float, ...], unit: str = "mm") -> Sourced:
    return Sourced(value, unit, Origin.HEADER, "header")


def run_of(name: str, view: tuple[float, float, tuple[float, float, float]], table: bool = True) -> XRayRun:
    """A run whose frame is the silhouette of the tree, at a pose some mm and degrees off its own coordinates."""
    spacing = (1.6, 1.6)
    c_arm = CArm(view[0], view[1], 1000.0, 750.0, SIDE, SIDE, spacing)
    pose = motion_matrix(np.array([*np.radians([2.0, -2.0, 3.0]), 6.0, -5.0, 4.0]), np.zeros(3))
    points = transform_points(pose, tree().model.points_lps) + np.array(view[2])
    seen = silhouette(points, tree().model.triangles, c_arm).astype(np.uint8)
    position = given(view[2]) if table else Sourced.missing("mm")
    geometry = FrameGeometry(
        given(view[0], "deg"), given(view[1], "deg"), given(1000.0), given(750.0), given(spacing), given((59.5, 59.5)),
        position,
    )  # fmt: skip
    return XRayRun(name, seen[None], np.zeros(1), (geometry,))


def checked(name: str, table: bool = True) -> ConventionCheck:
    """The check of two runs from a machine that means another reading."""
    runs = [read_as(run_of(f"run{number}", view, table), READINGS[name]) for number, view in enumerate(VIEWS)]
    frames = [(run, 0) for run in runs]
    pictures = [run.frames[0].astype(np.float32) for run in runs]
    return check_convention(tree(), frames, pictures, np.eye(4), QUICK, COMPARED)


def test_files_as_dicom_says_agree_with_the_projects_reading() -> None:
    check = checked(AS_IS)
    assert check.agrees, check.sentence
    assert check.fits[0].reading.name == AS_IS
    assert check.fits[0].residual_mm < 1.0
    assert check.sentence.startswith("The files agree with the project's reading.")


@pytest.mark.parametrize("name", ["mirrored", "table-vertical"])
def test_a_sign_flipped_on_purpose_is_named_with_its_option(name: str) -> None:
    check = checked(name)
    assert check.agrees is False
    assert check.better is not None
    assert check.better.reading.name == name
    assert f"use the option --reading {name}" in check.sentence


def test_runs_without_comparable_tables_still_tell_the_angles() -> None:
    check = checked("primary-sign", table=False)
    assert check.better is not None
    assert check.better.reading.name == "primary-sign"
    assert [reading.name for reading in check.alike] == ["table-vertical"]
    assert "fitted by itself" in check.notes[0]


def fit_of(name: str, residual_mm: float, explained: float = 0.9) -> ReadingFit:
    return ReadingFit(READINGS[name], residual_mm, (residual_mm, residual_mm), explained, (np.eye(4), np.eye(4)))


def test_readings_that_fit_alike_are_not_told_apart() -> None:
    check = ConventionCheck((fit_of("mirrored", 0.7), fit_of(AS_IS, 0.8), fit_of("upside-down", 0.9)), ())
    assert check.agrees is None
    assert "cannot tell" in check.sentence


def test_an_agreement_names_what_it_leaves_open() -> None:
    fits = (fit_of("table-ignored", 0.7), fit_of(AS_IS, 0.8), fit_of("mirrored", 3.0))
    check = ConventionCheck(fits, (READINGS["secondary-sign"],))
    assert check.agrees
    assert "nearly as well: table-ignored" in check.sentence
    assert "Not told by these runs: secondary-sign" in check.sentence


def test_a_model_that_no_reading_lays_on_the_vessels_decides_nothing() -> None:
    check = ConventionCheck((fit_of("mirrored", 3.0, 0.2), fit_of(AS_IS, 4.0, 0.1)), ())
    assert check.agrees is None
    assert "one patient" in check.sentence


def test_a_reading_turned_twice_is_the_run_as_it_was() -> None:
    shutter = Shutter((-1.0, 100.0, 3.0, 90.0), (50.0, 60.0, 40.0), ((1.0, 2.0), (30.0, 4.0), (5.0, 60.0)))
    run = run_of("run", VIEWS[1])
    run = XRayRun(run.name, run.frames, run.frame_times_ms, run.geometry, shutter=shutter)
    for reading in READINGS.values():
        again = read_as(read_as(run, reading), reading)
        np.testing.assert_array_equal(again.frames, run.frames)
        assert again.c_arm() == run.c_arm()
        assert again.shutter == run.shutter
    once = read_as(run, READINGS["mirrored"])
    np.testing.assert_array_equal(once.shutter.visible(SIDE, SIDE), shutter.visible(SIDE, SIDE)[:, ::-1])
    assert read_as(run, READINGS["table-ignored"]).geometry[0].table.numbers == (0.0, 0.0, 0.0)
    assert "read as table-lateral" in read_as(run, READINGS["table-lateral"]).geometry[0].table.source


def test_one_run_and_empty_masks_are_refused() -> None:
    run, empty = run_of("run", VIEWS[0]), np.zeros((SIDE, SIDE), dtype=np.float32)
    with pytest.raises(InputError, match="two or more"):
        check_convention(tree(), [(run, 0)], [empty], np.eye(4), QUICK)
    with pytest.raises(InputError, match="No vessels"):
        check_convention(tree(), [(run, 0)] * 2, [empty] * 2, np.eye(4), QUICK)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case")
    write_case(simulate_case("phantom", 3, frames=2, size=144, model_cell_mm=2.5), folder)
    return folder


def test_the_command_prints_a_table_and_a_sentence(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = functools.partial(check_convention, settings=QUICK, readings=("mirrored", "table-ignored"))
    monkeypatch.setattr("VesselRegistrationLib.pose.convention.check_convention", quick)
    given = ("--model", case / "model.stl", "--xray", case / "run.dcm", case / "run.dcm", "--threads", 1)
    more = ("--initial-pose", case / "start-pose.json", "--output", tmp_path / "check.json")
    assert main([str(part) for part in ("inspect", "--convention", *given, *more)]) == 0
    printed = capsys.readouterr().out
    content = json.loads((tmp_path / "check.json").read_text())
    assert content["sentence"] in printed
    assert len(content["runs"]) == 2
    assert AS_IS in {entry["reading"] for entry in content["readings"]}
    assert "table-ignored: changes nothing in these runs" in printed


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["inspect"], "Give a run or a model"),
        (["inspect", "run.dcm", "--model", "model.stl"], "are for --convention"),
        (["inspect", "run.dcm", "--convention"], "takes no file"),
        (["inspect", "--convention", "--model", "model.stl", "--xray", "run.dcm"], "two or more runs"),
        (["inspect", "--convention", "--xray", "a.dcm", "b.dcm"], "needs --model"),
        (["inspect", "--convention", "--model", "m.stl", "--xray", "a", "b", "--reading", "mirrored"], "leave"),
    ],
)
def test_options_that_make_no_sense_get_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], word: str
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert word in error
    assert "\n" not in error


def test_a_run_is_inspected_in_another_reading(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(case / "run.dcm"), "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)["geometry"][0]
    assert main(["inspect", str(case / "run.dcm"), "--json", "--reading", "primary-sign"]) == 0
    turned = json.loads(capsys.readouterr().out)["geometry"][0]
    assert turned["value"] == -plain["value"]
    assert "read as primary-sign" in turned["source"]
