"""The words of an evaluation's report, as Markdown around its tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from VesselRegistrationLib import evaluation_tables as tables
from VesselRegistrationLib.evaluation import FRAMES, EvaluationSettings

SHIFTED_WORDS = (
    "The generator is `shifted`: anatomies, views, machines and backgrounds lie outside the ranges of the training on "
    "purpose."
)
DEFAULT_WORDS = "The generator draws from the ranges of the training, with other seeds."


def _vessels(settings: EvaluationSettings) -> str:
    """How the vessels are found, where not in each frame by itself; and how bodies move."""
    text = ""
    if settings.subtraction:
        text += "The network is helped by a frame of the run from before contrast agent, where there is one; Grad-CAM "
        text += "tells of the frame alone. "
    if settings.body_motion_mm:
        text += f"Before contrast agent the body lies up to {settings.body_motion_mm:g} mm elsewhere. "
    return text


def patient_text(summary: dict[str, Any], settings: EvaluationSettings, made_with: dict[str, Any]) -> str:
    """The report on simulated patients. `made_with` has the command, versions and networks."""
    regions = list(settings.regions)
    parts = [
        "# Evaluation on simulated patients",
        "**Simulated pictures. Research use only, not a medical device: simulation says nothing about patients.**",
        f"Patients per region ({_words(regions)}): {settings.patients}, seeds {settings.seeds[0]} to "
        f"{settings.seeds[-1]}, which no training uses. "
        f"{SHIFTED_WORDS if settings.generator == 'shifted' else DEFAULT_WORDS} "
        f"Of {FRAMES} frames of {settings.size} x {settings.size} pixels per patient, the one with most contrast agent "
        f"is scored. {_vessels(settings)}Tables give medians with quartiles in parentheses.",
        f"## In short\n\n{tables.short_table(summary)}",
        _origin(made_with),
        _vessel_part(summary, regions),
        _matching_part(summary, regions),
        _pose_part(summary),
        _baseline_part(summary),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def folder_text(summary: dict[str, Any], frames: int, made_with: dict[str, Any]) -> str:
    """The report on annotated frames."""
    parts = [
        "# Evaluation on annotated frames",
        "**Research use only, not a medical device.**",
        f"{frames} frames with masks. Tables give medians with quartiles in parentheses.",
        _origin(made_with),
        _vessel_part(summary, []),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _origin(made_with: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {value}" for name, value in made_with["versions"].items())
    networks = "\n".join(
        f"- {use}: {network['network']} {network['version']}, SHA-256 `{network['sha256']}`"
        for use, network in made_with["networks"].items()
    )
    return (
        f"## How it was made\n\n    {made_with['command']}\n\nwith the weights\n\n{networks}\n\nand {versions}. "
        "Scores of every frame are in [evaluation.json](evaluation.json)."
    )


def _vessel_part(summary: dict[str, Any], regions: Sequence[str]) -> str:
    sheets = [f"evaluation-vessels-{region}.jpg" for region in regions] or ["evaluation-vessels.jpg"]
    return "\n".join(
        [
            "## Vessels",
            "",
            "Hard masks against the true ones, on the frame's own pixels. Centerline Dice (clDice) counts vessels by "
            "their length. Pooled: all frames' pixels counted as one.",
            "",
            tables.vessel_table(summary),
            "![Box plots of the scores](evaluation-vessels.png)",
            *_pictures(sheets, "Best, median and worst frame by DSC"),
        ]
    )


def _matching_part(summary: dict[str, Any], regions: Sequence[str]) -> str:
    return "\n".join(
        [
            "## Matching",
            "",
            "The model starts from a pose as far off as a user's would be; an affine of its projection lays it on the "
            "vessels that the network found. The error is the mean distance of the centerline's points in view from "
            "their true places. Medians are of matches that were not refused; shares are of all frames.",
            "",
            tables.matching_table(summary),
            "Overlap of the matched model with the vessels found, as the paper scores it. Vessels without contrast "
            "agent are in the model and not in the picture, so also a perfect match is below 1:",
            "",
            tables.overlap_table(summary),
            "![Box plots of overlap and errors](evaluation-matching.png)",
            *_pictures([f"evaluation-matching-{region}.jpg" for region in regions], "Best, median and worst match"),
        ]
    )


def _pose_part(summary: dict[str, Any]) -> str:
    return "\n".join(
        [
            "## Rigid pose from one view",
            "",
            "From the same start and vessels. mTRE is the mean distance in space; one view hardly sees how far the "
            "model is along the beam, so it is the larger. The stated bound should hold in 95 % of accepted poses.",
            "",
            tables.pose_table(summary),
        ]
    )


def _baseline_part(summary: dict[str, Any]) -> str:
    ratios = tables.baseline_table(summary)
    if not ratios:
        return ""
    return "\n".join(
        [
            "## Beside the baselines",
            "",
            "The Frangi filter with settings tuned on simulated training frames, and SimpleITK's registration with "
            "metric, optimizer, starts and scales tuned on training pairs, on the same frames. SimpleITK refuses "
            "nothing but frames without any vessel found, so its median error is also of matches that are refused "
            "here.",
            "",
            ratios,
        ]
    )


def _pictures(names: Sequence[str], words: str) -> list[str]:
    return [line for name in names for line in ("", f"![{words}]({name})")]


def _words(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
