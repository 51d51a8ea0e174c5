"""Frames from before contrast agent, from which run and by which command they are subtracted."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from VesselRegistrationLib.cli.main import main
from VesselRegistrationLib.run_vessels import earlier_frames, is_subtracting, with_subtraction
from VesselRegistrationLib.simulation.cases import SimulatedCase, simulate_case
from VesselRegistrationLib.xray_run import Sourced, XRayRun, is_same_view
from VesselSegmentationLib.branch_bundle import FOLDER
from VesselSegmentationLib.metrics import overlap_metrics
from VesselSegmentationLib.resources import resource_folder, segmentation_network_folder
from VesselSegmentationLib.segmenter import VesselSegmenter
from VesselSegmentationLib.weights import load_metadata

SEED, FRAME = 810_002, 2


@pytest.fixture(scope="module")
def case() -> SimulatedCase:
    return simulate_case("upper", SEED, frames=4, body_motion_mm=3)


@pytest.fixture(scope="module")
def segmenter() -> VesselSegmenter:
    return VesselSegmenter.from_folder()


def with_table(run: XRayRun, frame: int, table: Sourced) -> XRayRun:
    """The run with one frame's table elsewhere."""
    views = list(run.geometry)
    views[frame] = dataclasses.replace(views[frame], table=table)
    return dataclasses.replace(run, geometry=tuple(views))


def test_a_frame_from_before_contrast_helps_the_network(case, segmenter) -> None:
    run = case.run()
    segment = with_subtraction(run, FRAME, segmenter.probability)
    assert is_subtracting(segment)
    alone, helped = (part(run.frames[FRAME]) >= 0.5 for part in (segmenter.probability, segment))
    scores = [overlap_metrics(found, case.masks[FRAME]).dsc for found in (alone, helped)]
    assert scores[1] > scores[0] + 0.05


def test_the_first_frame_has_none_before_it(case, segmenter) -> None:
    assert with_subtraction(case.run(), 0, segmenter.probability) == segmenter.probability


def test_only_frames_seen_from_the_same_place_are_subtracted(case) -> None:
    run = case.run()
    assert earlier_frames(run.geometry, FRAME) == [0, 1]
    here = np.array(run.geometry[0].table.numbers)
    near = Sourced(tuple(here + (0, 0, 0.4)), "mm", run.geometry[0].table.origin, "simulation")
    assert earlier_frames(with_table(run, 0, near).geometry, FRAME) == [0, 1]
    away = Sourced(tuple(here + (0, 0, 3.0)), "mm", run.geometry[0].table.origin, "simulation")
    assert earlier_frames(with_table(run, 0, away).geometry, FRAME) == [1]
    unknown = with_table(run, 0, Sourced.missing("mm"))
    assert not is_same_view(unknown.geometry[0], unknown.geometry[1])


def test_bodies_that_move_do_so_before_contrast_only(case) -> None:
    still = simulate_case("upper", SEED, frames=4)
    apart = [float(np.abs(a.astype(int) - b).mean()) for a, b in zip(still.frames, case.frames, strict=True)]
    assert apart[0] > 1
    assert apart[2] == apart[3] == 0
    assert all(np.array_equal(*pair) for pair in zip(still.poses, case.poses, strict=True))


@pytest.mark.parametrize("motion", [-1.0, 30.0])
def test_a_body_that_moves_impossibly_is_refused(motion, tmp_path, capsys) -> None:
    words = ["--patients", "1", "--body-motion", str(motion), "--output", str(tmp_path / "out")]
    assert main(["evaluate", *words]) == 2
    assert f"A body that moves by {motion:g} mm is not simulated" in capsys.readouterr().err


SAMPLE = resource_folder() / "SampleCase"


def segmentation(folder: Path, *words: str) -> dict[str, object]:
    """What the command says of the sample run, and the number of masks it left."""
    assert main(["segment", "--output", str(folder), "--threads", "1", "--arrays", *words]) == 0
    document: dict[str, object] = json.loads((folder / "segmentation.json").read_text())
    return document | {"masks": np.load(folder / "masks.npy")}


def test_segment_subtracts_unless_told_not_to(tmp_path) -> None:
    run = str(SAMPLE / "run.dcm")
    helped = segmentation(tmp_path / "a", "--xray", run)
    alone = segmentation(tmp_path / "b", "--xray", run, "--no-subtraction")
    assert (helped["subtracted"], alone["subtracted"]) == (True, False)
    shipped = load_metadata(segmentation_network_folder() / FOLDER)
    assert (helped["differenceBranch"], alone["differenceBranch"]) == (shipped.sha256, None)
    assert not np.array_equal(helped["masks"], alone["masks"])


def test_segment_leaves_no_mask_of_frames_that_are_only_subtracted(tmp_path) -> None:
    from VesselRegistrationLib.xray_reading import read_xray_run

    frames = read_xray_run(SAMPLE / "run.dcm").frames
    np.save(tmp_path / "frames.npy", frames[[0, 1, 6]])
    array = ["--array", str(tmp_path / "frames.npy")]
    helped = segmentation(tmp_path / "a", *array, "--earlier", "2")
    assert helped["subtracted"]
    assert helped["masks"].shape[0] == len(helped["vesselShare"]) == 1
    assert segmentation(tmp_path / "b", *array)["masks"].shape[0] == 3


@pytest.mark.parametrize("count", ["-1", "3"])
def test_segment_wants_a_frame_that_is_not_earlier(count, tmp_path, capsys) -> None:
    np.save(tmp_path / "frames.npy", np.zeros((3, 64, 64), np.uint8))
    words = ["--array", str(tmp_path / "frames.npy"), "--output", str(tmp_path / "out"), "--earlier", count]
    assert main(["segment", *words]) == 2
    assert f"--earlier {count} must be from 0 to 2" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def registration(folder: Path, *words: str) -> dict[str, object]:
    """The first result of registering the sample case."""
    given = ["--model", str(SAMPLE / "model.stl"), "--xray", str(SAMPLE / "run.dcm"), "--output", str(folder)]
    start = ["--initial-pose", str(SAMPLE / "start-pose.json"), "--threads", "1"]
    assert main(["register", *given, *start, *words]) == 0
    report = json.loads((folder / "registration.json").read_text())
    jsonschema.validate(report, json.loads((resource_folder() / "registration.schema.json").read_text()))
    return dict(report["poses"][0])


@pytest.mark.parametrize("method", ["pose", "affine"])
def test_register_says_whether_a_frame_was_subtracted(method, tmp_path, capsys) -> None:
    assert registration(tmp_path / "a", "--method", method)["subtracted"] is True
    assert "from before contrast agent is subtracted" in capsys.readouterr().out
    assert registration(tmp_path / "b", "--method", method, "--no-subtraction")["subtracted"] is False
    assert "subtracted" not in capsys.readouterr().out


def test_register_chooses_among_frames_that_are_not_earlier(tmp_path) -> None:
    fullest = int(registration(tmp_path / "a")["frame"])
    assert registration(tmp_path / "b", "--earlier", str(fullest + 1))["frame"] > fullest


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--earlier", "1", "2"], "--earlier needs one number for each of 1 runs, not 2"),
        (["--earlier", "99"], "--earlier 99 must be from 0 to"),
        (["--earlier", "1", "--all-frames"], "--earlier is for single frames"),
    ],
)
def test_register_refuses_numbers_that_leave_no_frame(words, named, tmp_path, capsys) -> None:
    given = ["--model", str(SAMPLE / "model.stl"), "--xray", str(SAMPLE / "run.dcm")]
    assert main(["register", *given, "--output", str(tmp_path / "out"), *words]) == 2
    assert named in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
