"""Evaluation summaries as Markdown tables. Medians stand before their quartiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NONE = "–"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def short_table(summary: dict[str, Any]) -> str:
    """What a reader asks first, one row per region."""
    heads = [
        *("region", "frames", "vessels: median DSC (lower quartile)", "matched under 10 px of 256"),
        *("match: median DSC relative to the true projection", "rigid pose: accepted", "its median in-plane error, mm"),
    ]
    rows = []
    for region, content in summary.items():
        dsc, matching, pose = content["vessels"]["dsc"], content["matching"], content["pose"]
        rows.append(
            [
                *(region, str(content["patients"]), f"{_plain(dsc['median'], 3)} ({_plain(dsc['lower'], 3)})"),
                *(_percent(matching["shareUnder10PxOf256"]), _plain(matching["dscRelativeToTrue"]["median"], 3)),
                str(content["patients"] - pose["refused"]),
                _plain(pose["inPlaneMm"]["median"], 1),
            ]
        )
    return table(heads, rows)


def vessel_table(summary: dict[str, Any]) -> str:
    """Scores of the network's masks and, where it ran, of the Frangi filter's."""
    heads = [
        *("region", "masks of", "frames", "DSC", "Precision", "Recall", "centerline Dice", "DSC below 0.5"),
        "pooled DSC, Precision, Recall",
    ]
    rows = []
    for region, content in summary.items():
        for key, name in (("vessels", "network"), ("frangi", "Frangi filter")):
            if key in content:
                rows.append([region, name, *_vessel_cells(content[key])])
    return table(heads, rows)


def _vessel_cells(part: dict[str, Any]) -> list[str]:
    pooled = ", ".join(_plain(part[f"pooled{name}"], 3) for name in ("Dsc", "Precision", "Recall"))
    return [
        str(part["frames"]),
        *(_range(part[name], 3) for name in ("dsc", "precision", "recall", "centerlineDice")),
        f"{part['failures']} ({part['shareOfFailures']:.0%})",
        pooled,
    ]


def matching_table(summary: dict[str, Any]) -> str:
    """Errors before the match, of it, and of SimpleITK's where it ran."""
    heads = [
        *("region", "centerline shown", "frames", "refused", "error, mm", "error, px of 256", "under 3 mm"),
        *("under 10 px of 256", "DSC relative to the true projection"),
    ]
    rows = []
    for region, content in summary.items():
        for key, name in (("start", "before"), ("matching", "matched"), ("simpleitk", "by SimpleITK")):
            if key in content:
                rows.append([region, name, str(content["patients"]), *_matching_cells(content[key])])
    return table(heads, rows)


def _matching_cells(part: dict[str, Any]) -> list[str]:
    refused = part.get("refused", part.get("nothingToRegister"))
    relative = part.get("dscRelativeToTrue")
    return [
        NONE if refused is None else str(refused),
        *_error_cells(part),
        _range(relative, 3) if relative else NONE,
    ]


def _error_cells(part: dict[str, Any]) -> list[str]:
    return [
        _range(part["inPlaneMm"], 1),
        _range(part["pxOf256"], 1),
        _percent(part["shareUnder3Mm"]),
        _percent(part["shareUnder10PxOf256"]),
    ]


def overlap_table(summary: dict[str, Any]) -> str:
    """The paper's scores of its matching: overlap of the carried silhouette with the vessels found."""
    rows = [
        [
            region,
            str(content["patients"] - content["matching"]["refused"]),
            *(_range(content["matching"][f"{name}WithVesselsFound"], 3) for name in ("dsc", "precision", "recall")),
        ]
        for region, content in summary.items()
    ]
    return table(["region", "matches", "DSC", "Precision", "Recall"], rows)


def pose_table(summary: dict[str, Any]) -> str:
    """Errors of the rigid pose from one view and whether what it says of itself holds."""
    heads = [
        *("region", "frames", "refused", "of those under 3 mm", "in-plane error, mm", "px of 256", "under 3 mm"),
        *("under 10 px of 256", "accepted under 3 mm", "mTRE, mm", "within the stated bound"),
    ]
    rows = []
    for region, content in summary.items():
        part = content["pose"]
        counts = [str(content["patients"]), str(part["refused"]), str(part["refusedThoughUnder3Mm"])]
        rows.append(
            [
                *(region, *counts, *_error_cells(part), _percent(part["shareOfAcceptedUnder3Mm"])),
                *(_range(part["mtreMm"], 1), _percent(part["shareWithinBound"])),
            ]
        )
    return table(heads, rows)


def baseline_table(summary: dict[str, Any]) -> str:
    """The networks beside the baselines, as ratios above 1 where the networks are better; empty without baselines."""
    rows = []
    for region, content in summary.items():
        if "frangi" in content:
            ours, theirs = (content[key]["dsc"]["median"] for key in ("vessels", "frangi"))
            rows.append([region, "vessels, median DSC", _plain(ours, 3), _plain(theirs, 3), _ratio(ours, theirs)])
        if "simpleitk" in content:
            ours, theirs = (content[key]["shareUnder10PxOf256"] for key in ("matching", "simpleitk"))
            rows.append([region, "matched under 10 px", _percent(ours), _percent(theirs), _ratio(ours, theirs)])
            ours, theirs = (content[key]["inPlaneMm"]["median"] for key in ("matching", "simpleitk"))
            rows.append([region, "matched, median error, mm", _plain(ours, 1), _plain(theirs, 1), _ratio(theirs, ours)])
    return table(["region", "what", "this project", "baseline", "times better"], rows) if rows else ""


def _ratio(larger: float | None, smaller: float | None) -> str:
    return f"{larger / smaller:.2f}" if larger is not None and smaller else NONE


def _plain(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{value:.0%}"


def _range(part: dict[str, Any], digits: int) -> str:
    if part["median"] is None:
        return NONE
    return f"{part['median']:.{digits}f} ({part['lower']:.{digits}f} to {part['upper']:.{digits}f})"
