"""Train the segmentation network, its branch for what changed since contrast agent came, or the matching network.

Without --pool or --images a pool of simulated patients is made first (in OUTPUT/pool, kept for the next time). An
interrupted training goes on where it stopped when the same command is given again. The network folder that comes out
(a MONAI bundle) can be given to `segment`, `register` and `evaluate`.

Recipes for segmentation: recommended, paper-lower, paper-upper; for matching: recommended, paper (unsupervised Dice).

  vessel-registration train segmentation --minutes 30 --output my-network
  vessel-registration train difference --start my-network --minutes 60 --output my-network/difference
  vessel-registration train matching --pool my-network/pool --minutes 20 --output my-matcher
  vessel-registration train segmentation --images annotated --recipe paper-lower --epochs 50 --output mine
  vessel-registration train segmentation --images annotated --table patients.csv --test-patients P7 P9 --output mine
  vessel-registration train segmentation --images annotated --start my-network --minutes 5 --output fine-tuned
  vessel-registration train segmentation --grid learning_rate=1e-5,1e-3 batch_size=4,8 --iterations 500 --output grid

Several processes, also on several machines that share the output folder, each with its part of every batch:
  torchrun --nproc-per-node 2 -m VesselRegistrationLib.cli train segmentation --minutes 30 --output my-network
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from VesselRegistrationLib.cli import options as shared
from VesselRegistrationLib.cli import progress, training_data
from VesselRegistrationLib.cli.main import DONE
from VesselSegmentationLib.errors import InputError

if TYPE_CHECKING:
    from VesselSegmentationLib.datasets import SegmentationDataset
    from VesselSegmentationLib.metrics import OverlapSummary
    from VesselSegmentationLib.training_engine import EngineTraining
    from VesselSegmentationLib.training_handlers import Progress
    from VesselSegmentationLib.training_settings import SegmentationTrainingSettings

SEGMENTATION_RECIPES = {"recommended": "recommended", "paper-lower": "paper_lower", "paper-upper": "paper_upper"}
COMMON_CHANGES = (
    *("minutes", "iterations", "learning_rate", "batch_size", "patience", "start", "tensorboard"),
    "checkpoint_minutes",
)
SEGMENTATION_CHANGES = (
    *COMMON_CHANGES,
    *("epochs", "field_of_view", "loss", "optimizer", "width", "stride", "workers"),
    *("validate_every", "validation_frames"),
)
SEGMENTATION_ONLY = (
    *("epochs", "field_of_view", "loss", "optimizer", "stride", "workers"),
    *("validate_every", "validation_frames", "network_version", "branch"),
)
NOT_OF_DIFFERENCE = ("images", "grid", "width", "stride", "field_of_view", "epochs")

Share = Callable[[float], float]
"""From the share done of one training to that of all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `train`."""
    parser.add_argument("network", choices=["segmentation", "difference", "matching"])
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--pool", type=Path, nargs="+", metavar="DIR", help="pools of simulated views made before (matching: one)"
    )
    source.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="frames with annotations beside them, of PixelAnnotationTool or 3D Slicer: NAME.png with NAME_mask.png, "
        "NAME.seg.nrrd, NAME.nii.gz and others",
    )
    training_data.add_arguments(parser)
    parser.add_argument("--patients", type=int, default=600, help="patients of a new pool (default: %(default)s)")
    parser.add_argument("--views", type=int, default=14, help="views per patient of a new pool (default: %(default)s)")
    parser.add_argument(
        "--recipe",
        choices=["recommended", "paper-lower", "paper-upper", "paper"],
        default="recommended",
        help="loss, rate, batch and the rest: ours, or the paper's for segmentation of either field of view "
        "(paper-lower: Dice, 1e-5, 8; paper-upper: cross-entropy, 0.1, 4) or for matching (paper: unsupervised Dice, "
        "1e-4, 4) (default: %(default)s)",
    )
    parser.add_argument("--minutes", type=float, help="end after so long (default: 30 for recommended)")
    parser.add_argument("--iterations", type=int, help="end after so many batches")
    parser.add_argument("--epochs", type=float, help="segmentation: end after so many passes through the frames")
    parser.add_argument("--field-of-view", choices=["lower", "upper", "both"], help="segmentation: what is learnt")
    parser.add_argument(
        "--loss",
        choices=["dice", "bce", "dice+ce", "frame-dice+ce"],
        help="segmentation, instead of the recipe's; frame-: Dice of each frame by itself, not of the batch",
    )
    parser.add_argument("--learning-rate", type=float, help="instead of the recipe's")
    parser.add_argument("--batch-size", type=int, help="instead of the recipe's")
    parser.add_argument("--width", type=int, help="filters of the network's first level, instead of the recipe's")
    parser.add_argument(
        "--stride",
        type=int,
        choices=[1, 2, 4],
        help="segmentation: pixels, along a side, per position of the first level",
    )
    parser.add_argument("--validate-every", type=int, help="segmentation: iterations between two validations")
    parser.add_argument("--validation-frames", type=int, help="segmentation: at most so many per validation")
    parser.add_argument("--network-version", metavar="TEXT", help="segmentation: what the network says of itself")
    parser.add_argument("--optimizer", choices=["adam", "adamw", "sgd"], help="segmentation: instead of the recipe's")
    parser.add_argument(
        "--start", type=Path, metavar="DIR", help="go on from this network (fine-tuning); it says width and stride, too"
    )
    parser.add_argument("--branch", type=Path, metavar="DIR", help="difference: go on from this branch")
    parser.add_argument(
        "--patience", type=int, metavar="N", help="end after N validations in a row without a better one"
    )
    parser.add_argument(
        "--grid",
        nargs="+",
        metavar="NAME=V1,V2",
        help="train every combination of these settings, each in a folder of its own; a table in OUTPUT/grid.md",
    )
    parser.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16", "float16"],
        help="of the network's arithmetic, instead of the recipe's; float16 with a graphics card only",
    )
    parser.add_argument(
        "--tensorboard", action="store_true", default=None, help="write events for TensorBoard to OUTPUT/tensorboard"
    )
    parser.add_argument(
        "--checkpoint-minutes", type=float, help="how often the state is saved to go on from after a kill (default: 2)"
    )
    parser.add_argument("--workers", type=int, help="segmentation: processes that read frames ahead (default: 0)")
    shared.add_device(parser)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")


def run(options: argparse.Namespace) -> int:
    """Make or open the data, train, say what came out."""
    from VesselRegistrationLib.registration_files import prepare_output_folder
    from VesselSegmentationLib.distributed import is_first, process_group, wait_for_all

    shared.set_threads(options.threads)
    if options.start is not None and (options.width is not None or options.stride is not None):
        raise InputError("--start says how wide the network is, and its stride; leave --width and --stride out.")
    with process_group(shared.device_of(options)) as device:
        if is_first():
            prepare_output_folder(options.output)
        wait_for_all()
        train = {"matching": _matching, "difference": _difference, "segmentation": _segmentation}[options.network]
        train(options, options.output, device)
    return DONE


def _segmentation(options: argparse.Namespace, folder: Path, device: str) -> None:
    from VesselSegmentationLib.training import SegmentationTraining, resolved
    from VesselSegmentationLib.training_settings import SegmentationTrainingSettings

    if options.recipe not in SEGMENTATION_RECIPES:
        raise InputError(
            f"--recipe {options.recipe} is for matching; segmentation has {', '.join(SEGMENTATION_RECIPES)}."
        )
    if options.branch:
        raise InputError("--branch: for `train difference` only; leave out.")
    changes = _changes(options, SEGMENTATION_CHANGES, device)
    if options.network_version:
        changes["version"] = options.network_version

    def settings_of(cell: dict[str, Any]) -> SegmentationTrainingSettings:
        recipe = SEGMENTATION_RECIPES[options.recipe]
        return resolved(SegmentationTrainingSettings.preset(recipe, **{**changes, **cell}))

    settings = settings_of({})  # what makes no sense is refused before a pool is made
    cells = _cells(options, SegmentationTrainingSettings)
    if len({settings_of(cell).side for cell in cells} | {settings.side}) > 1:
        raise InputError(
            "--grid: stride 4 takes pictures of 512 x 512, others 256 x 256; give it in a grid of its own."
        )
    training, validation, test, words = _segmentation_data(options, folder, settings)

    def train(cell: dict[str, Any], where: Path, share: Share) -> None:
        loop = SegmentationTraining(training, validation, settings_of(cell), where, test)
        report = loop.train(_reporter(loop, share), words)
        _say(f"{report.iterations} iterations; {_in_words(report.scores, 'held-out')}; saved in {where}")
        if report.test is not None:
            _say(_in_words(report.test, "test"))

    _train_cells(cells, folder, lambda cell: settings_of(cell).as_dict(), train, _segmentation_numbers)


def _difference(options: argparse.Namespace, folder: Path, device: str) -> None:
    from torch.utils.data import ConcatDataset

    from VesselSegmentationLib.datasets import DifferencePool
    from VesselSegmentationLib.difference_training import DifferenceTraining
    from VesselSegmentationLib.resources import segmentation_network_folder
    from VesselSegmentationLib.training import resolved
    from VesselSegmentationLib.training_settings import SegmentationTrainingSettings
    from VesselSegmentationLib.weights import load_metadata

    given = [name for name in NOT_OF_DIFFERENCE if getattr(options, name)]
    if given or options.recipe != "recommended":
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given or ["recipe"])
        raise InputError(f"{names}: the branch for differences has one recipe and one size, on pools alone; leave out.")
    training_data.refuse_without_images(options)
    changes = _changes(options, SEGMENTATION_CHANGES, device)
    changes["start"] = str(options.start or segmentation_network_folder())
    if options.network_version:
        changes["version"] = options.network_version
    if options.branch:
        load_metadata(options.branch)  # what is none is refused before a pool is made
        changes["branch"] = str(options.branch)
    settings = resolved(SegmentationTrainingSettings.preset("recommended", **changes))
    pools = [DifferencePool(pool) for pool in training_data.pools(options, folder, settings.side, True)]
    parts = [pool.split() for pool in pools]
    training, validation = (ConcatDataset[Any](part) for part in zip(*parts, strict=True))
    loop = DifferenceTraining(training, validation, settings, folder)  # type: ignore[arg-type]
    report = loop.train(_reporter(loop, lambda share: share), f"{sum(map(len, pools))} frames of simulated patients")
    _say(f"{report.iterations} iterations; {_in_words(report.scores, 'held-out')}; saved in {folder}")


def _segmentation_data(
    options: argparse.Namespace, folder: Path, settings: SegmentationTrainingSettings
) -> tuple[SegmentationDataset, SegmentationDataset, SegmentationDataset | None, str]:
    """Frames to train, validate and test on, of different patients, and what they are in words."""
    from torch.utils.data import ConcatDataset

    from VesselSegmentationLib.datasets import PoolDataset
    from VesselSegmentationLib.distributed import is_first

    training_data.refuse_without_images(options)
    if not options.images:
        pools = [PoolDataset(pool) for pool in training_data.pools(options, folder, settings.side)]
        parts = [pool.split() for pool in pools]
        training, validation = (ConcatDataset[Any](part) for part in zip(*parts, strict=True))  # type: ignore[arg-type]
        return training, validation, None, f"{sum(map(len, pools))} frames of simulated patients"
    groups = training_data.parts_of(options, settings.field_of_view, settings.side)
    if is_first():
        training_data.write_split(folder, groups)
    counts = [f"{len(group)} of {len(set(group.patients))} patients" for group in groups if group is not None]
    _say(f"frames to train on: {counts[0]}; to validate on: {', to test on: '.join(counts[1:])}")
    return *groups, f"{len(groups[0])} frames of {len(set(groups[0].patients))} patients of the folder given"


def _in_words(scores: OverlapSummary, whose: str) -> str:
    return (
        f"{scores.frames} frames of {whose} patients:\n"
        f"  median DSC {scores.dsc.median:.3f} (quartiles {scores.dsc.lower:.3f} to {scores.dsc.upper:.3f}), "
        f"precision {scores.precision.median:.3f}, recall {scores.recall.median:.3f}, "
        f"{scores.failures} below {scores.failure_below:g}"
    )


def _segmentation_numbers(report: dict[str, Any]) -> dict[str, Any]:
    found, test = report["validation"], report.get("test")
    return {
        **({"test median DSC": test["dsc"]["median"]} if test else {}),
        "median DSC": found["dsc"]["median"],
        "lower quartile": found["dsc"]["lower"],
        "upper quartile": found["dsc"]["upper"],
        "precision": found["precision"]["median"],
        "recall": found["recall"]["median"],
        "best iteration": report["best_iteration"],
        "iterations": report["iterations"],
        "seconds": report["seconds"],
    }


def _matching(options: argparse.Namespace, folder: Path, device: str) -> None:
    from VesselRegistrationLib.matching_training import (
        MatchingPool,
        MatchingTraining,
        MatchingTrainingSettings,
        resolved,
    )

    _refuse_options_for_segmentation(options)
    changes = _changes(options, COMMON_CHANGES, device)
    if "minutes" not in changes and "iterations" not in changes:
        changes["minutes"] = 30.0

    def settings_of(cell: dict[str, Any]) -> MatchingTrainingSettings:
        make = MatchingTrainingSettings.paper if options.recipe == "paper" else MatchingTrainingSettings
        settings = make(**{**changes, **cell})
        if options.width:
            network = dataclasses.replace(settings.network, width=options.width)
            settings = dataclasses.replace(settings, network=network)
        return resolved(settings)

    settings_of({})
    cells = _cells(options, MatchingTrainingSettings)
    pools = training_data.pools(options, folder)
    if len(pools) > 1:
        raise InputError(f"Matching is trained on one pool, not {len(pools)}: give one folder to --pool.")
    pool = MatchingPool.open(pools[0])

    def train(cell: dict[str, Any], where: Path, share: Share) -> None:
        loop = MatchingTraining(pool, settings_of(cell), where)
        report = loop.train(_reporter(loop, share), "views of simulated patients")
        scores = report["validation"]
        _say(
            f"{report['iterations']} iterations; {scores['pairs']} pairs of held-out patients: point error "
            f"{scores['point_error_px']['median']:.1f} px of 256 (from {scores['start_error_px']['median']:.1f}), "
            f"{scores['share_under_10_px']:.0%} under 10 px; saved in {where}"
        )

    _train_cells(cells, folder, lambda cell: settings_of(cell).as_dict(), train, _matching_numbers)


def _refuse_options_for_segmentation(options: argparse.Namespace) -> None:
    given = [f"--{name.replace('_', '-')}" for name in SEGMENTATION_ONLY if getattr(options, name) is not None]
    given += [f"--{name.replace('_', '-')}" for name in training_data.OPTIONS if getattr(options, name)]
    if given:
        raise InputError(f"{', '.join(given)}: for segmentation only; leave out.")
    if options.images:
        raise InputError("Matching is trained on simulated views, which have a model: give --pool or neither.")
    if options.recipe not in ("recommended", "paper"):
        raise InputError(f"--recipe {options.recipe} is for segmentation; matching has recommended and paper.")


def _matching_numbers(report: dict[str, Any]) -> dict[str, Any]:
    found = report["validation"]
    return {
        "point error px": found["point_error_px"]["median"],
        "under 10 px": found["share_under_10_px"],
        "relative DSC": found["dsc_relative_to_true"]["median"],
        "best iteration": report["best_iteration"],
        "iterations": report["iterations"],
        "seconds": report["seconds"],
    }


def _cells(options: argparse.Namespace, settings: type) -> list[dict[str, Any]]:
    """Settings of each training of the grid; a single one without changes where there is no grid."""
    if not options.grid:
        return [{}]
    from VesselSegmentationLib.training_grid import parse_grid

    return parse_grid(options.grid, settings)


def _train_cells(
    cells: list[dict[str, Any]],
    folder: Path,
    settings_of: Callable[[dict[str, Any]], dict[str, Any]],
    train: Callable[[dict[str, Any], Path, Share], None],
    numbers: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    """The one training in the output folder itself, or the grid's in folders below it, with their table."""
    if cells == [{}]:
        train({}, folder, lambda share: share)
        return
    from VesselSegmentationLib.training_grid import TABLE_FILE, cell_name, run_grid

    for cell in cells:
        settings_of(cell)  # refused before the first one is trained

    def train_cell(index: int, cell: dict[str, Any], where: Path) -> None:
        _say(f"{cell_name(cell)} ({index + 1} of {len(cells)})")
        train(cell, where, lambda share: (index + share) / len(cells))

    run_grid(cells, folder, settings_of, train_cell, numbers)
    _say((folder / TABLE_FILE).read_text(encoding="utf-8").rstrip())


def _say(text: str) -> None:
    """A line for the user, from one process only."""
    from VesselSegmentationLib.distributed import is_first

    if is_first():
        print(text)


def _reporter(loop: EngineTraining[Any], overall: Share) -> Progress | None:
    """Tells a calling program of every iteration; None at a terminal, where a bar is shown."""
    if not progress.is_reporting():
        return None

    def tell(share: float, text: str) -> None:
        values = {} if loop.last_loss is None else {"loss": loop.last_loss}
        progress.report(overall(share), text, iteration=loop.state.iteration, **values)

    return tell


def _changes(options: argparse.Namespace, names: tuple[str, ...], device: str) -> dict[str, Any]:
    """What the options say in place of the recipe."""
    changes = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if "start" in changes:
        changes["start"] = str(changes["start"])
    if options.precision is not None:
        changes["amp"] = options.precision != "float32"
        changes["amp_dtype"] = "auto" if options.precision == "float32" else options.precision
    return {**changes, "seed": options.seed, "threads": options.threads, "device": device}
