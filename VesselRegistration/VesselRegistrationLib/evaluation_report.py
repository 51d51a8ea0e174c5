"""An evaluation as one report: Markdown with pictures, and JSON with all that it takes to make it again."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from VesselRegistrationLib import evaluation_pictures as pictures
from VesselRegistrationLib import evaluation_plots as plots
from VesselRegistrationLib.evaluation import (
    AnnotatedScore,
    EvaluationSettings,
    ExaminedFrame,
    FrameScore,
    PointErrors,
    PoseScore,
    VesselScore,
)
from VesselRegistrationLib.evaluation_summary import number, summarize_annotated, summarize_scores
from VesselRegistrationLib.evaluation_text import folder_text, patient_text
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.weights import load_metadata

if TYPE_CHECKING:
    from VesselSegmentationLib.segmenter import VesselSegmenter

SCHEMA, SCHEMA_VERSION = "vessel-registration/evaluation", 2
JSON_FILE, TEXT_FILE = "evaluation.json", "evaluation.md"
REPORT_FILES = (JSON_FILE, TEXT_FILE, "evaluation*.png", "evaluation*.jpg")
"""Patterns of what a report consists of, this one or an earlier one."""
PACKAGES = ("vessel-registration", "torch", "numpy", "monai", "scipy", "scikit-image", "SimpleITK")

Examine = Callable[[Sequence[tuple[str, int]]], Iterable[ExaminedFrame]]
"""From regions and seeds to the frames with their pictures."""


@dataclass(frozen=True)
class Origin:
    """What a report was made with."""

    command: str
    networks: dict[str, Path]
    """Folder of each network by its use."""

    def as_dict(self) -> dict[str, Any]:
        """Command line, versions and checksums, for JSON. Raises WeightsError for a folder without a network."""
        return {
            "command": self.command,
            "versions": {"python": platform.python_version(), **_versions()},
            "networks": {use: _network(folder) for use, folder in self.networks.items()},
        }


def write_patient_report(
    scores: Sequence[FrameScore],
    settings: EvaluationSettings,
    origin: Origin,
    examine: Examine,
    segmenter: VesselSegmenter,
    folder: Path,
) -> str:
    """Write evaluation.json, evaluation.md and its pictures; returns the Markdown.

    Args:
        examine: makes the frames of the pictures anew.
    """
    summary, made_with = summarize_scores(scores), origin.as_dict()
    write_atomically(folder / "evaluation-vessels.png", plots.vessel_plot(scores))
    write_atomically(folder / "evaluation-matching.png", plots.matching_plot(scores))
    _write_sheets(scores, examine, segmenter, folder)
    generator = _generator(settings)
    text = patient_text(summary, settings, made_with)
    _write(
        folder,
        text,
        {**made_with, "simulated": True, "generator": generator, "seeds": list(settings.seeds)},
        summary,
        [_row(score) for score in scores],
    )
    return text


def write_folder_report(
    scores: Sequence[AnnotatedScore],
    origin: Origin,
    picture: Callable[[str], list[pictures.Panel]],
    folder: Path,
) -> str:
    """Write evaluation.json, evaluation.md and its pictures for annotated frames; returns the Markdown.

    Args:
        picture: the panels of a frame by its name, its first title still empty.
    """
    summary, made_with = summarize_annotated(scores), origin.as_dict()
    write_atomically(folder / "evaluation-vessels.png", plots.annotated_plot(scores))
    rows = []
    for role, score in pictures.best_median_worst(scores, lambda score: score.vessels.overlap.dsc):
        first, *others = picture(score.name)
        rows.append([dataclasses.replace(first, title=f"{role}: {score.name}"), *others])
    content = pictures.sheet("Vessels found in annotated frames", rows, pictures.ANNOTATED_CAPTION)
    write_atomically(folder / "evaluation-vessels.jpg", content)
    text = folder_text(summary, len(scores), made_with)
    frames = [
        {"name": score.name, **_vessels(score.vessels), **({"frangi": _vessels(score.frangi)} if score.frangi else {})}
        for score in scores
    ]
    _write(folder, text, {**made_with, "simulated": False}, summary, frames)
    return text


def _write(
    folder: Path, text: str, head: dict[str, Any], summary: dict[str, Any], frames: list[dict[str, Any]]
) -> None:
    document = {
        "schema": SCHEMA,
        "schemaVersion": SCHEMA_VERSION,
        "researchUseOnly": True,
        **head,
        "summary": summary,
        "frames": frames,
    }
    write_atomically(folder / TEXT_FILE, text)
    write_atomically(folder / JSON_FILE, json.dumps(document, indent=1, allow_nan=False) + "\n")


def _write_sheets(scores: Sequence[FrameScore], examine: Examine, segmenter: VesselSegmenter, folder: Path) -> None:
    """Per region a sheet of vessels and one of matches; each chosen frame is made once, and let go."""
    shown: dict[tuple[str, int], None] = {}
    sheets: dict[str, dict[str, list[tuple[str, FrameScore]]]] = {}
    for region in dict.fromkeys(score.region for score in scores):
        group = [score for score in scores if score.region == region]
        sheets[region] = {
            "vessels": pictures.best_median_worst(group, pictures.vessel_goodness),
            "matching": pictures.best_median_worst(group, pictures.match_goodness),
        }
        shown.update({(region, score.seed): None for chosen in sheets[region].values() for _, score in chosen})
    panels: dict[tuple[str, str, int], list[pictures.Panel]] = {}
    for frame in examine(list(shown)):
        region, seed = frame.score.region, frame.score.seed
        for kind, chosen in sheets[region].items():
            for role, score in chosen:
                if score.seed == seed:
                    panels[kind, region, seed] = _panels(kind, f"{role}: patient {seed}", frame, segmenter)
    headings = {"vessels": "Vessels found", "matching": "The model laid on the vessels found"}
    captions = {"vessels": pictures.VESSEL_CAPTION, "matching": pictures.MATCHING_CAPTION}
    for region, kinds in sheets.items():
        for kind, chosen in kinds.items():
            rows = [panels[kind, region, score.seed] for _, score in chosen]
            content = pictures.sheet(f"{headings[kind]}, {region}", rows, captions[kind])
            write_atomically(folder / f"evaluation-{kind}-{region}.jpg", content)


def _panels(kind: str, name: str, frame: ExaminedFrame, segmenter: VesselSegmenter) -> list[pictures.Panel]:
    if kind == "matching":
        return pictures.match_panels(name, frame)
    return pictures.vessel_panels(name, frame.image, frame.truth, frame.found, frame.filtered, segmenter)


def _row(score: FrameScore) -> dict[str, Any]:
    """One simulated frame in JSON."""
    match = score.match
    row: dict[str, Any] = {
        "region": score.region,
        "seed": score.seed,
        "frame": score.frame,
        **_vessels(score.vessels),
        "start": _errors(score.start),
        "refused": score.refused,
        "match": match
        and {
            **_errors(match.errors),
            "dscWithVesselsFound": number(match.overlap.dsc),
            "precisionWithVesselsFound": number(match.overlap.precision),
            "recallWithVesselsFound": number(match.overlap.recall),
            "dscRelativeToTrue": number(match.relative_dsc),
        },
        "pose": _pose(score.pose),
    }
    if score.frangi is not None:
        row["frangi"] = _vessels(score.frangi)
        row["simpleitk"] = score.simpleitk and _errors(score.simpleitk)
    return row


def _vessels(score: VesselScore) -> dict[str, float | None]:
    overlaps = {name: number(getattr(score.overlap, name)) for name in ("dsc", "precision", "recall")}
    return {**overlaps, "centerlineDice": number(score.centerline_dice)}


def _errors(errors: PointErrors) -> dict[str, float | None]:
    return {"inPlaneMm": number(errors.in_plane_mm), "pxOf256": number(errors.px_of_256)}


def _pose(pose: PoseScore) -> dict[str, Any]:
    return {
        "refused": pose.refused,
        **_errors(pose.errors),
        "mtreMm": number(pose.mtre_mm),
        "expectedInPlaneMm": number(pose.expected_mm),
        "boundMm": number(pose.bound_mm),
        "expectedDepthMm": number(pose.expected_depth_mm),
    }


def _network(folder: Path) -> dict[str, str]:
    metadata = load_metadata(folder)
    return {"network": metadata.network, "version": metadata.version, "sha256": metadata.sha256}


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _generator(settings: EvaluationSettings) -> dict[str, Any]:
    from VesselRegistrationLib.simulation.generators import generator_named

    generator = generator_named(settings.generator)
    return {"name": generator.name, "anatomy": dataclasses.asdict(generator.anatomy), "clutter": generator.clutter}
