"""Train the segmentation or the matching network.

Without --pool or --images a pool of simulated patients is made first (in OUTPUT/pool, kept for the next time). An
interrupted training goes on where it stopped when the same command is given again. The network folder that comes out
(metadata.json, models/model.safetensors) can be given to `segment`, `register` and `evaluate`.

Recipes for segmentation: recommended, paper-lower, paper-upper; for matching: recommended, paper (unsupervised Dice).

  vessel-registration train segmentation --minutes 30 --output my-network
  vessel-registration train matching --pool my-network/pool --minutes 20 --output my-matcher
  vessel-registration train segmentation --images annotated --recipe paper-lower --epochs 50 --output mine
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from VesselRegistrationLib.cli import options as shared
from VesselRegistrationLib.cli import progress
from VesselRegistrationLib.cli.main import DONE
from VesselSegmentationLib.errors import InputError

if TYPE_CHECKING:
    from VesselSegmentationLib.training_loop import Progress, TrainingLoop

SEGMENTATION_RECIPES = {"recommended": "recommended", "paper-lower": "paper_lower", "paper-upper": "paper_upper"}
SEGMENTATION_CHANGES = (
    *("minutes", "iterations", "epochs", "field_of_view", "loss", "learning_rate", "batch_size", "width"),
    "validate_every",
)
HELD_OUT_SHARE = 0.08


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `train`."""
    parser.add_argument("network", choices=["segmentation", "matching"])
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--pool", type=Path, metavar="DIR", help="a pool of simulated views made before")
    source.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="NAME.png with NAME_mask.png and, better, patients.csv (NAME,PATIENT)",
    )
    parser.add_argument("--patients", type=int, default=600, help="patients of a new pool (default: %(default)s)")
    parser.add_argument("--views", type=int, default=14, help="views per patient of a new pool (default: %(default)s)")
    parser.add_argument(
        "--recipe", choices=["recommended", "paper-lower", "paper-upper", "paper"], default="recommended"
    )
    parser.add_argument("--minutes", type=float, help="end after so long (default: 30 for recommended)")
    parser.add_argument("--iterations", type=int, help="end after so many batches")
    parser.add_argument("--epochs", type=float, help="segmentation: end after so many passes through the frames")
    parser.add_argument("--field-of-view", choices=["lower", "upper", "both"], help="segmentation: what is learnt")
    parser.add_argument("--loss", choices=["dice", "bce", "dice+ce"], help="segmentation: instead of the recipe's")
    parser.add_argument("--learning-rate", type=float, help="instead of the recipe's")
    parser.add_argument("--batch-size", type=int, help="instead of the recipe's")
    parser.add_argument("--width", type=int, help="filters of the network's first level, instead of the recipe's")
    parser.add_argument("--validate-every", type=int, help="segmentation: iterations between two validations")
    shared.add_device(parser)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")


def run(options: argparse.Namespace) -> int:
    """Make or open the data, train, say what came out."""
    from VesselRegistrationLib.registration_files import prepare_output_folder

    folder = prepare_output_folder(options.output)
    shared.set_threads(options.threads)
    return _matching(options, folder) if options.network == "matching" else _segmentation(options, folder)


def _segmentation(options: argparse.Namespace, folder: Path) -> int:
    from VesselSegmentationLib.datasets import FolderDataset, PoolDataset
    from VesselSegmentationLib.training import SegmentationTraining
    from VesselSegmentationLib.training_settings import SegmentationTrainingSettings

    if options.recipe not in SEGMENTATION_RECIPES:
        raise InputError(
            f"--recipe {options.recipe} is for matching; segmentation has {', '.join(SEGMENTATION_RECIPES)}."
        )
    changes = _changes(options, SEGMENTATION_CHANGES)
    changes.update(seed=options.seed, threads=options.threads, device=shared.device_of(options))
    settings = SegmentationTrainingSettings.preset(SEGMENTATION_RECIPES[options.recipe], **changes)
    data = FolderDataset(options.images) if options.images else PoolDataset(_pool(options, folder))
    training, validation = data.split(HELD_OUT_SHARE)
    words = f"{len(data)} frames of {'the folder given' if options.images else 'simulated patients'}"
    loop = SegmentationTraining(training, validation, settings, folder)
    report = loop.train(_reporter(loop), words)
    scores = report.scores
    print(f"{report.iterations} iterations; {scores.frames} frames of held-out patients:")
    print(
        f"  median DSC {scores.dsc.median:.3f} (quartiles {scores.dsc.lower:.3f} to {scores.dsc.upper:.3f}), "
        f"precision {scores.precision.median:.3f}, recall {scores.recall.median:.3f}, "
        f"{scores.failures} below {scores.failure_below:g}; saved in {folder}"
    )
    return DONE


def _matching(options: argparse.Namespace, folder: Path) -> int:
    import dataclasses

    from VesselRegistrationLib.matching_training import MatchingPool, MatchingTrainingSettings, train_matching

    if options.field_of_view or options.loss or options.validate_every:
        raise InputError("--field-of-view, --loss and --validate-every are for segmentation; leave them out.")
    if options.device == "cuda":
        raise InputError("--device cuda is for segmentation: matching is trained on the processor; leave it out.")
    if options.images:
        raise InputError("Matching is trained on simulated views, which have a model: give --pool or neither.")
    changes = _changes(options, ("minutes", "iterations", "learning_rate", "batch_size"))
    if "minutes" not in changes and "iterations" not in changes:
        changes["minutes"] = 30.0
    changes.update(seed=options.seed, threads=options.threads)
    if options.recipe == "recommended":
        settings = MatchingTrainingSettings(**changes)
    elif options.recipe == "paper":
        settings = MatchingTrainingSettings.paper(**changes)
    else:
        raise InputError(f"--recipe {options.recipe} is for segmentation; matching has recommended and paper.")
    if options.width:
        settings = dataclasses.replace(settings, network=dataclasses.replace(settings.network, width=options.width))
    tell = progress.report if progress.is_reporting() else None
    pool = MatchingPool.open(_pool(options, folder))
    report = train_matching(pool, settings, folder, tell, "views of simulated patients")
    scores = report["validation"]
    print(
        f"{report['iterations']} iterations; {scores['pairs']} pairs of held-out patients: point error "
        f"{scores['point_error_px']['median']:.1f} px of 256 (started at {scores['start_error_px']['median']:.1f}), "
        f"{scores['share_under_10_px']:.0%} under 10 px; saved in {folder}"
    )
    return DONE


def _reporter(loop: TrainingLoop[Any]) -> Progress | None:
    """Tells a calling program of every iteration; None at a terminal, where a bar is shown."""
    if not progress.is_reporting():
        return None

    def tell(share: float, text: str) -> None:
        state = loop.state
        values = {"loss": state.losses[-1]} if state.losses else {}
        progress.report(share, text, iteration=state.iteration, **values)

    return tell


def _changes(options: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _pool(options: argparse.Namespace, folder: Path) -> Path:
    """The pool given, the one made before, or a new one."""
    if options.pool is not None:
        return Path(options.pool)
    pool = folder / "pool"
    if not (pool / "index.json").is_file():
        from VesselRegistrationLib.simulation.pool import generate_pool

        generate_pool(pool, options.patients, options.views, seed=options.seed, processes=options.threads)
    return pool
