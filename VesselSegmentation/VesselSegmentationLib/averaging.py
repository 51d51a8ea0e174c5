"""The mean of the weights of several trainings of one network, which often does better than each of them.

    python -m VesselSegmentationLib.averaging TRAINED TRAINED ... [--shares 3 1] --pool POOL --output MEAN

Trainings that went on from the same weights lie in one valley of the loss, and their mean further inside it (Wortsman
et al., Model soups, ICML 2022). Trainings from different beginnings must not be averaged: their filters have nothing in
common. A network and what was trained on from it have a mean, too: with `--shares` it lies nearer to one of them
(Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022). The folder that comes out is like a trained one;
report.json names what it is the mean of. With the last training's pool its held-out patients are scored.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from VesselSegmentationLib.datasets import PoolDataset
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.metrics import summarize
from VesselSegmentationLib.small_commands import exit_code_of, parser_of
from VesselSegmentationLib.training import evaluate
from VesselSegmentationLib.training_engine import REPORT_FILE
from VesselSegmentationLib.weights import NetworkMetadata, load_network, save_network


def average_networks(
    folders: Sequence[Path | str],
    output: Path | str,
    version: str | None = None,
    pool: Path | str | None = None,
    shares: Sequence[float] | None = None,
) -> NetworkMetadata:
    """Write the mean network of `folders` to `output`; returns its metadata, which is the first one's but for scores.

    Args:
        version: of the mean; None takes the first one's.
        pool: the mean is scored on the patients that training with it holds out. None: without scores, since those of
            the parts are not the mean's.
        shares: how much each network counts, positive numbers; None: all alike.

    Raises InputError for fewer than two folders, shares that do not fit them and networks that differ, WeightsError for
    a folder without a usable network, OutputError when nothing can be written.
    """
    if len(folders) < 2:
        raise InputError(f"A mean needs at least two trained networks, not {len(folders)}.")
    parts_of_one = _checked(shares, len(folders))
    loaded = [load_network(folder) for folder in folders]
    mean, first = loaded[0]
    for folder, (_, other) in zip(folders, loaded, strict=True):
        if (other.network, dict(other.hyper_parameters)) != (first.network, dict(first.hyper_parameters)):
            raise InputError(
                f"{folder} holds {other.network} {dict(other.hyper_parameters)}, {folders[0]} holds {first.network} "
                f"{dict(first.hyper_parameters)}: only networks that are alike have a mean."
            )
    states = [network.state_dict() for network, _ in loaded]
    mean.load_state_dict({name: _mean([state[name] for state in states], parts_of_one) for name in states[0]})
    names = ", ".join(Path(folder).name for folder in folders)
    weighed = "" if shares is None else " by shares of " + ", ".join(f"{share:g}" for share in shares)
    data = "; ".join(dict.fromkeys(part.training_data for _, part in loaded))
    metadata = replace(
        first,
        version=version or first.version,
        changelog={},
        scores={} if pool is None else {"validation": _scores(mean, pool)},
        training_data=f"{data} (mean of the weights of {names}{weighed})",
    )
    saved = save_network(mean, output, metadata, half=first.precision == "float16")
    parts: list[dict[str, object]] = [
        {"name": Path(folder).name, "share": round(share, 4), "sha256": part.sha256}
        for folder, share, (_, part) in zip(folders, parts_of_one, loaded, strict=True)
    ]
    reports = [_report(Path(folder)) for folder in folders]
    for part, report in zip(parts, reports, strict=True):
        part |= report
    write_atomically(Path(output) / REPORT_FILE, json.dumps({"mean_of": parts}, indent=2) + "\n")
    return saved


def _scores(network: torch.nn.Module, pool: Path | str) -> dict[str, Any]:
    """Scores on the patients of a pool that training holds out."""
    held_out = PoolDataset(pool).split()[1]
    return summarize(evaluate(network, held_out)).as_dict()


def _checked(shares: Sequence[float] | None, count: int) -> list[float]:
    """Shares of `count` networks that add up to 1."""
    given = [1.0] * count if shares is None else list(shares)
    if len(given) != count:
        raise InputError(f"{count} networks need as many shares, not {len(given)}: give one of each.")
    for share in given:
        if not (math.isfinite(share) and share > 0):
            raise InputError(f"The share {share:g} must be a positive number.")
    return [share / sum(given) for share in given]


def _mean(values: Sequence[torch.Tensor], shares: Sequence[float]) -> torch.Tensor:
    """In double precision; counts are the first one's."""
    if not values[0].is_floating_point():
        return values[0]
    weighed = [share * value.double() for share, value in zip(shares, values, strict=True)]
    return torch.stack(weighed).sum(dim=0).to(values[0].dtype)


def _report(folder: Path) -> dict[str, object]:
    """What a training says of itself, without where its files lay."""
    path = folder / REPORT_FILE
    if not path.is_file():
        return {}
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error}): train again, or remove it.") from error
    settings = report.get("settings", {}) if isinstance(report, dict) else {}
    if settings.get("start"):
        report["settings"] = {**settings, "start": Path(str(settings["start"])).name}
    return dict(report) if isinstance(report, dict) else {}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = parser_of("VesselSegmentationLib.averaging", __doc__)
    parser.add_argument("trained", type=Path, nargs="+", metavar="TRAINED", help="network folders")
    parser.add_argument("--shares", type=float, nargs="+", metavar="N", help="of each network (default: all alike)")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the mean is written")
    parser.add_argument("--version", help="of the mean (default: that of the first network)")
    parser.add_argument("--pool", type=Path, metavar="DIR", help="score the mean on this pool's held-out patients")
    options = parser.parse_args(arguments)

    def work() -> str:
        metadata = average_networks(options.trained, options.output, options.version, options.pool, options.shares)
        return f"The mean of {len(options.trained)} networks is in {options.output} (SHA-256 {metadata.sha256[:12]})."

    return exit_code_of("averaging", work)


if __name__ == "__main__":
    sys.exit(main())
