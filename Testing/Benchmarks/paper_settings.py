#!/usr/bin/env python3
"""What do the paper's learning rates do, with the losses and batch sizes that belong to them?

    python Testing/Benchmarks/paper_settings.py POOL OUTPUT [--iterations 250]

POOL is a folder of simulated views (`vessel-registration train segmentation` makes one in OUTPUT/pool). Its views of
legs are trained on by the paper's recipe for the lower field of view (Dice, 1e-5, batch 8), those of the chest by that
for the upper one (cross-entropy, 0.1, batch 4), each beside other learning rates; the optimizer, which the paper does
not name, is Adam, and for the upper one also gradient descent with momentum. So that it takes minutes, pictures are
averaged to 128 x 128, the network's first level has 8 filters rather than 32, and there are few iterations. Prints two
tables, kept as OUTPUT/lower/grid.md and OUTPUT/upper/grid.md; what is finished there is not trained again.
docs/training.md has what came out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from VesselRegistrationLib.simulation.pool import REGIONS
from VesselSegmentationLib.datasets import PoolDataset
from VesselSegmentationLib.training import SegmentationTrainingSettings, train_segmentation
from VesselSegmentationLib.training_grid import TABLE_FILE, parse_grid, run_grid

GRIDS = {
    "lower": ["learning_rate=1e-5,1e-4,1e-3", "optimizer=adam"],
    "upper": ["learning_rate=0.1,1e-3", "optimizer=adam,sgd"],
}


def small_pool(source: Path, region: str, folder: Path) -> PoolDataset:
    """The views of one region, averaged to half their size."""
    if not (folder / "frames.npy").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        chosen = np.flatnonzero(np.load(source / "regions.npy") == REGIONS.index(region))
        for name in ("masks", "frames"):
            pictures = np.load(source / f"{name}.npy", mmap_mode="r")[chosen]
            scaled = 255.0 * (pictures > 0) if name == "masks" else pictures.astype(float)
            half = scaled.reshape(len(chosen), scaled.shape[1] // 2, 2, scaled.shape[2] // 2, 2).mean((2, 4))
            np.save(folder / f"{name}.npy", (half >= 127 if name == "masks" else half).astype(np.uint8))
        np.save(folder / "patients.npy", np.load(source / "patients.npy")[chosen])
    return PoolDataset(folder)


def train_region(pool: Path, region: str, folder: Path, iterations: int) -> None:
    """Train the cells of one field of view and print their table."""
    training, held_out = small_pool(pool, region, folder / "pool").split(0.2)

    def settings_of(cell: dict[str, Any]) -> SegmentationTrainingSettings:
        changes = {"iterations": iterations, "width": 8, "validate_every": 50, **cell}
        return SegmentationTrainingSettings.preset(f"paper_{region}", **changes)

    def train(_index: int, cell: dict[str, Any], where: Path) -> None:
        train_segmentation(training, held_out, settings_of(cell), where)

    def numbers(report: dict[str, Any]) -> dict[str, Any]:
        found = report["validation"]
        medians = {f"median {name}": found[name]["median"] for name in ("dsc", "precision", "recall")}
        return {**medians, "best iteration": report["best_iteration"]}

    cells = parse_grid(GRIDS[region], SegmentationTrainingSettings)
    run_grid(cells, folder, lambda cell: settings_of(cell).as_dict(), train, numbers)
    print(f"{region}: {len(training)} views to train on, {len(held_out)} of other patients to score\n")
    print((folder / TABLE_FILE).read_text(encoding="utf-8"))


def main() -> None:
    """Both fields of view."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--iterations", type=int, default=250)
    options = parser.parse_args()
    for region in GRIDS:
        train_region(options.pool, region, options.output / region, options.iterations)


if __name__ == "__main__":
    main()
