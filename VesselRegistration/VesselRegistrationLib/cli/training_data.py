"""What `train` learns from: pools of simulated views, or annotated frames and their split by patient."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.preprocessing import NETWORK_SIDE

if TYPE_CHECKING:
    from VesselSegmentationLib.datasets import FolderDataset

SPLIT_FILE, POOL_INDEX = "split.json", "index.json"
OPTIONS = ("table", "label", "validation_patients", "test_patients")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What goes with --images."""
    group = parser.add_argument_group("annotated frames of one's own (segmentation, with --images)")
    group.add_argument(
        "--table",
        type=Path,
        metavar="CSV",
        help="whose frames they are: columns file, patient and, if wanted, view (lower or upper; --field-of-view then "
        "chooses), mask, label (default: patients.csv in the folder)",
    )
    group.add_argument(
        "--label",
        help="what is vessel in masks of several labels: a pixel value, a color such as #ff0000, or the name or value "
        "of a segment",
    )
    group.add_argument(
        "--validation-patients",
        nargs="+",
        default=[],
        metavar="NAME",
        help="patients to validate on, who choose the best weights (default: the last 8%%, at least one)",
    )
    group.add_argument(
        "--test-patients",
        nargs="+",
        default=[],
        metavar="NAME",
        help="patients who are neither trained nor validated on; scored at the end",
    )


def refuse_without_images(options: argparse.Namespace) -> None:
    """Raise InputError for options that only mean something beside --images."""
    given = [f"--{name.replace('_', '-')}" for name in OPTIONS if getattr(options, name)]
    if given and not options.images:
        raise InputError(f"{', '.join(given)}: for frames of your own; give --images, or leave out.")


def parts_of(
    options: argparse.Namespace, field_of_view: str, side: int
) -> tuple[FolderDataset, FolderDataset, FolderDataset | None]:
    """(training, validation, test) frames of --images, each read once, for a network that looks at that side."""
    from VesselSegmentationLib.datasets import HELD_OUT_SHARE, FolderDataset, split_by_patient

    data = FolderDataset(options.images, side, table=options.table, label=options.label)
    if field_of_view != "both" and any(data.views):
        data = data.of_view(field_of_view)
    parts = split_by_patient(data, HELD_OUT_SHARE, options.validation_patients, options.test_patients)
    data.check()
    return parts


def write_split(folder: Path, parts: tuple[FolderDataset, FolderDataset, FolderDataset | None]) -> None:
    """Who is in which part, in the output folder."""
    from VesselSegmentationLib.files import write_atomically

    names = ("training", "validation", "test")
    document = {
        name: {"patients": sorted(set(part.patients.tolist())), "frames": part.names}
        for name, part in zip(names, parts)
        if part is not None
    }
    write_atomically(folder / SPLIT_FILE, json.dumps(document, indent=2) + "\n")


def pools(
    options: argparse.Namespace, folder: Path, side: int = NETWORK_SIDE, has_differences: bool = False
) -> list[Path]:
    """The pools given, the one made before, or a new one, for a network that looks at pictures of that side.

    Raises InputError for a pool of other pictures than a network with fine edges looks at.
    """
    from VesselSegmentationLib.distributed import is_first, wait_for_all

    found = [Path(pool) for pool in options.pool or [folder / "pool"]]
    if options.pool is None and is_first() and not (found[0] / POOL_INDEX).is_file():
        from VesselRegistrationLib.simulation.pool import generate_pool

        count = (options.patients, options.views, options.seed, options.threads)
        generate_pool(found[0], *count, size=side, has_differences=has_differences)
    wait_for_all()
    for pool in found if side > NETWORK_SIDE else ():
        _refuse_other_size(pool, side)
    return found


def _refuse_other_size(pool: Path, side: int) -> None:
    from VesselSegmentationLib.datasets import PoolDataset

    rows, columns = PoolDataset(pool).frames.shape[1:]
    if (rows, columns) != (side, side):
        raise InputError(
            f"{pool} has frames of {columns} x {rows}, and the network looks at {side} x {side}: make the pool with "
            f"--size {side}."
        )
