"""The report as its reader gets it: words, tables, pictures that are not too large, JSON that remakes it."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from VesselRegistrationLib.evaluation import (
    AnnotatedScore,
    EvaluationSettings,
    ExaminedFrame,
    FrameScore,
    MatchScore,
    PointErrors,
    PoseScore,
    VesselScore,
)
from VesselRegistrationLib.evaluation_pictures import (
    Panel,
    best_median_worst,
    match_goodness,
    match_panels,
    sheet,
)
from VesselRegistrationLib.evaluation_report import Origin, write_folder_report, write_patient_report
from VesselRegistrationLib.evaluation_summary import summarize_scores
from VesselRegistrationLib.evaluation_tables import baseline_table, matching_table
from VesselRegistrationLib.staged_folder import staged_folder
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import OutputError
from VesselSegmentationLib.metrics import Overlap
from VesselSegmentationLib.segmenter import VesselSegmenter
from VesselSegmentationLib.weights import NetworkMetadata, save_network

LARGEST_PICTURE = 500_000


def score(region: str, seed: int, dsc_hits: int, match_mm: float | None, baselines: bool = False) -> FrameScore:
    """A frame whose pose is 1 mm off and is refused together with the match."""
    refused = "" if match_mm is not None else "No vessels were found."
    return FrameScore(
        region=region,
        seed=seed,
        frame=1,
        vessels=VesselScore(Overlap(dsc_hits, 10, 10), 0.7),
        refused=refused,
        start=PointErrors(50.0, 15.0, 25.0),
        match=None
        if match_mm is None
        else MatchScore(PointErrors(match_mm / 0.3, match_mm, match_mm / 0.6), Overlap(80, 20, 20), 1.0),
        pose=PoseScore(refused, PointErrors(4.0, 1.0, 2.0), 4.0, 0.8, 1.6 if seed % 2 else 0.9, 5.0),
        frangi=VesselScore(Overlap(dsc_hits // 2, 10, 10), 0.5) if baselines else None,
        simpleitk=PointErrors(60.0, 18.0, 30.0) if baselines else None,
    )


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    """A command with a small untrained network."""
    network, folder = DruNet(width=2), tmp_path_factory.mktemp("network")
    save_network(network, folder, NetworkMetadata("DruNet", network.hyper_parameters()))
    return Origin("vessel-registration evaluate --patients 2", {"segmentation": folder})


def examined(frame_score: FrameScore) -> ExaminedFrame:
    """Noise in which nothing is found where the score is a refusal."""
    image = np.random.default_rng(frame_score.seed).integers(0, 255, (192, 192)).astype(np.uint8)
    mask = np.zeros((192, 192), bool)
    mask[40:150, 90:100] = True
    shown = None if frame_score.refused else np.roll(mask, 8, 1)
    return ExaminedFrame(frame_score, image, mask, mask, mask, np.roll(mask, 30, 1), shown, shown)


def test_the_report_holds_tables_pictures_and_what_it_was_made_with(tmp_path: Path, origin: Origin) -> None:
    scores = [score(region, seed, 90 - 5 * seed, 1.0 + seed, True) for region in ("lower", "upper") for seed in (0, 1)]
    scores[-1] = score("upper", 1, 3, None, True)
    by_place = {(one.region, one.seed): one for one in scores}
    segmenter = VesselSegmenter(DruNet(width=2))
    text = write_patient_report(
        scores,
        EvaluationSettings(patients=2, baselines=True),
        origin,
        lambda places: [examined(by_place[place]) for place in places],
        segmenter,
        tmp_path,
    )
    assert "Simulated pictures. Research use only" in text
    assert "| lower | 2 | 0.897 (0.896) | 100% | 1.000 | 2 | 1.0 |" in text
    assert (tmp_path / "evaluation.md").read_text(encoding="utf-8") == text
    named = set(re.findall(r"\]\((evaluation[^)]+)\)", text))
    assert named | {"evaluation.md"} == {path.name for path in tmp_path.iterdir()}
    for path in tmp_path.glob("*.[pj][np]g"):
        assert path.stat().st_size < LARGEST_PICTURE
        with Image.open(path) as picture:
            assert min(picture.size) > 300
    document = json.loads((tmp_path / "evaluation.json").read_text())
    assert document["command"] == origin.command
    assert document["command"] in text
    assert document["seeds"] == [900_000, 900_001]
    assert document["generator"]["name"] == "default"
    assert document["simulated"] is True
    assert document["researchUseOnly"] is True
    assert {"torch", "numpy", "vessel-registration"} <= set(document["versions"])
    assert len(document["networks"]["segmentation"]["sha256"]) == 64
    assert [frame["match"] and frame["match"]["inPlaneMm"] for frame in document["frames"]] == [1.0, 2.0, 1.0, None]
    assert document["frames"][-1]["refused"] == "No vessels were found."
    assert document["frames"][0]["simpleitk"] == {"inPlaneMm": 18.0, "pxOf256": 30.0}


def test_annotated_frames_are_reported_one_by_one(tmp_path: Path, origin: Origin) -> None:
    scores = [
        AnnotatedScore("a", VesselScore(Overlap(90, 10, 10), 0.8)),
        AnnotatedScore("b", VesselScore(Overlap(0, 5, 0), float("nan"))),
    ]
    asked: list[str] = []

    def picture(name: str) -> list[Panel]:
        asked.append(name)
        return [Panel("", np.zeros((64, 48, 3), np.uint8)), Panel("network", np.zeros((64, 48, 3), np.uint8))]

    text = write_folder_report(scores, origin, picture, tmp_path)
    assert asked == ["a", "b"]
    assert "Frangi" not in text
    assert "Simulated" not in text
    frames = json.loads((tmp_path / "evaluation.json").read_text())["frames"]
    assert frames[0] == {"name": "a", "dsc": 0.9, "precision": 0.9, "recall": 0.9, "centerlineDice": 0.8}
    assert frames[1]["recall"] is None
    assert (tmp_path / "evaluation-vessels.jpg").stat().st_size < LARGEST_PICTURE


def test_best_median_and_worst_are_each_shown_once() -> None:
    def roles(count: int) -> list[tuple[str, int]]:
        return best_median_worst(range(count), float)

    assert roles(5) == [("best", 4), ("median", 2), ("worst", 0)]
    assert roles(2) == [("best", 1), ("worst", 0)]
    assert roles(1) == [("best", 0)]


def test_a_refused_match_is_the_worst_and_shows_its_reason() -> None:
    refused, poor = score("upper", 1, 90, None), score("upper", 2, 10, 30.0)
    assert [one for _, one in best_median_worst([refused, poor], match_goodness)] == [poor, refused]
    panels = match_panels("worst", examined(refused))
    assert [panel.text for panel in panels if panel.picture is None] == [refused.refused, "", refused.pose.refused]
    assert len(panels) == len(match_panels("best", examined(poor)))


def test_a_sheet_of_full_pictures_stays_small() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (512, 512, 3)).astype(np.uint8)
    content = sheet("noise", [[Panel("a", noise)] * 5] * 3, "caption")
    assert len(content) < LARGEST_PICTURE
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "JPEG"


def test_ratios_say_how_much_better_than_the_baselines() -> None:
    summary = summarize_scores([score("upper", 1, 90, 1.5, True)])
    assert "| upper | matched, median error, mm | 1.5 | 18.0 | 12.00 |" in baseline_table(summary)
    assert "| upper | by SimpleITK | 1 | 0 | 18.0" in matching_table(summary)
    assert baseline_table(summarize_scores([score("upper", 1, 90, 1.5)])) == ""


def test_staged_files_arrive_together_and_replace_those_of_an_earlier_run(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    with staged_folder(folder) as aside:
        (aside / "report-a.txt").write_text("1")
        assert not folder.exists()
    (folder / "own.txt").write_text("kept")
    with staged_folder(folder, ["report-*.txt"]) as aside:
        (aside / "report-b.txt").write_text("2")
    assert {path.name for path in folder.iterdir()} == {"report-b.txt", "own.txt"}


def test_a_failed_run_leaves_no_folder_and_no_change(tmp_path: Path) -> None:
    def failing() -> None:
        with staged_folder(tmp_path / "report") as aside:
            (aside / "half.txt").write_text("")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        failing()
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="Choose another folder"), staged_folder(folder):
            pytest.fail("the block must not be entered")


def test_the_report_says_how_vessels_were_found() -> None:
    from VesselRegistrationLib.evaluation_text import _vessels

    assert _vessels(EvaluationSettings()) == ""
    words = _vessels(EvaluationSettings(subtraction=True, body_motion_mm=3))
    assert "before contrast agent" in words
    assert "up to 3 mm" in words
