"""A pool of simulated views to train on: memory-mapped arrays, the same for every number of processes.

frames.npy    uint8 (N, size, size)   what the screen shows
masks.npy     uint8 (N, size, size)   1 where contrast-filled vessel is seen
models.npy    uint8 (N, size, size)   1 in the silhouette of the whole vessel tree at the same true pose
patients.npy  int32 (N,)              views of one patient share a number
regions.npy   int8 (N,)               index into REGIONS
differences.npy  uint8 (N, size, size)  with --differences: what has changed since a frame from before contrast agent
index.json    seed, counts, versions

python -m VesselRegistrationLib.simulation.pool --output pool --patients 600 --views 14 --seed 1 --processes 2
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.simulation.generators import TRAINING, Generator
from VesselSegmentationLib.errors import InputError, OutputError, UserError
from VesselSegmentationLib.files import write_atomically

REGIONS = ("upper", "lower", "coronary", "phantom")
SHARES = (0.3, 0.3, 0.3, 0.1)
DIFFERENCE_SHARES = (0.3, 0.4, 0.25, 0.05)
"""Of pools with differences: the thinnest branches before bones are where a difference helps most."""
FILLINGS = 3
"""Partial fillings meshed per patient; each view shows one of them."""
EMPTY_SHARE = 0.05
"""Views without contrast agent: the network must also learn to find nothing. None in pools with differences, which are
looked at only where there is some."""
ARRAYS, DIFFERENCES = ("frames", "masks", "models"), "differences"
POOL_VERSION = 6
"""Raised when the same seed draws other pictures or masks. Version 1 is what the first networks were trained on."""


@dataclass(frozen=True)
class PoolRequest:
    """One patient's part of a pool: picklable, and all that its views depend on."""

    seed: int
    number: int
    views: int
    size: int
    regions: tuple[str, ...] = REGIONS
    has_differences: bool = False


@dataclass(frozen=True)
class PatientViews:
    """The views of one patient, each (views, size, size) uint8."""

    number: int
    region: int
    frames: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    models: NDArray[np.uint8]
    differences: NDArray[np.uint8]
    """Of no views where none were asked for."""


def patient_views(request: PoolRequest, generator: Generator = TRAINING) -> PatientViews:
    """Simulate one patient's views; depends on the request and the generator alone.

    With differences no frame is itself subtracted by the machine.
    """
    from VesselRegistrationLib.simulation.before_contrast import frame_and_difference, without_subtraction
    from VesselRegistrationLib.simulation.filling import fill
    from VesselRegistrationLib.simulation.scene import make_patient, make_scene, mesh_of, model_silhouette, render

    generator = without_subtraction(generator) if request.has_differences else generator
    rng = np.random.default_rng([request.seed, request.number])
    of_all = DIFFERENCE_SHARES if request.has_differences else SHARES
    shares = np.array([of_all[REGIONS.index(region)] for region in request.regions])
    region = str(rng.choice(request.regions, p=shares / shares.sum()))
    patient = make_patient(region, rng, generator=generator)
    fillings = [mesh_of(fill(patient.tree, rng), region) for _ in range(FILLINGS)]
    shape = (request.views, request.size, request.size)
    frames, masks, models = (np.zeros(shape, np.uint8) for _ in range(3))
    differences = np.zeros(shape if request.has_differences else (0, *shape[1:]), np.uint8)
    for view in range(request.views):
        scene = make_scene(patient, rng, request.size, generator)
        if request.has_differences:
            frame, differences[view] = frame_and_difference(scene, fillings[rng.integers(FILLINGS)], rng)
        else:
            filled = None if rng.random() < EMPTY_SHARE else fillings[rng.integers(FILLINGS)]
            frame = render(scene, filled, rng)
        frames[view], masks[view] = frame.picture, frame.mask
        models[view] = model_silhouette(scene)
    return PatientViews(request.number, REGIONS.index(region), frames, masks, models, differences)


def generate_pool(
    folder: Path | str,
    patients: int,
    views: int,
    seed: int = 1,
    processes: int = 2,
    size: int = 256,
    regions: Sequence[str] = REGIONS,
    has_differences: bool = False,
) -> Path:
    """Make a pool; returns its folder. index.json comes last, so a folder without it is not finished.

    Raises InputError for numbers that make no pool and OutputError for a folder that cannot be written to.
    """
    from multiprocessing import get_context

    from tqdm import tqdm

    if patients < 1 or views < 1 or processes < 1 or size < 64 or seed < 0:
        raise InputError(
            f"A pool needs patients ({patients}), views ({views}) and processes ({processes}) from 1, a size "
            f"({size}) from 64 and a seed ({seed}) from 0."
        )
    if not regions or any(region not in REGIONS for region in regions):
        raise InputError(f"A pool of {', '.join(regions) or 'no'} region: name some of {', '.join(REGIONS)}.")
    folder, total = Path(folder), patients * views
    arrays = _empty_arrays(folder, (total, size, size), ARRAYS + (DIFFERENCES,) * has_differences)
    numbers = np.zeros(total, np.int8)
    requests = [PoolRequest(seed, number, views, size, tuple(regions), has_differences) for number in range(patients)]
    started = time.monotonic()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # one process per core, one thread per process
    with get_context("spawn").Pool(processes) as workers:
        for done in tqdm(workers.imap(patient_views, requests), total=patients, unit="patient", desc="simulate"):
            place = slice(done.number * views, (done.number + 1) * views)
            for name, array in arrays.items():
                array[place] = getattr(done, name)
            numbers[place] = done.region
    for array in arrays.values():
        array.flush()
    np.save(folder / "patients.npy", np.repeat(np.arange(patients, dtype=np.int32), views))
    np.save(folder / "regions.npy", numbers)
    seconds = time.monotonic() - started
    index = {
        "version": POOL_VERSION,
        "seed": seed,
        "patients": patients,
        "views": views,
        "size": size,
        "regions": list(regions),
        "differences": has_differences,
        "imagesPerSecondPerProcess": round(total / seconds / processes, 2),
    }
    write_atomically(folder / "index.json", json.dumps(index, indent=2) + "\n")
    return folder


def _empty_arrays(
    folder: Path, shape: tuple[int, int, int], names: Sequence[str]
) -> dict[str, np.memmap[Any, np.dtype[np.uint8]]]:
    """The pool's pictures, as files still to be filled; an index of an earlier pool is removed first."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.json").unlink(missing_ok=True)
        return {name: np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.uint8, shape) for name in names}
    except OSError as error:
        raise OutputError(
            f"Cannot write a pool to {folder}: {error.strerror or error}. Choose another folder."
        ) from error


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--patients", type=int, default=600)
    parser.add_argument("--views", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--regions", nargs="+", choices=REGIONS, default=REGIONS, help="only patients of these")
    parser.add_argument("--differences", action="store_true", help="from frames before contrast agent, too")
    options = parser.parse_args()
    try:
        generate_pool(
            options.output,
            options.patients,
            options.views,
            options.seed,
            options.processes,
            options.size,
            options.regions,
            options.differences,
        )
    except UserError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
