#!/usr/bin/env python3
"""With which settings does the Frangi filter, the networks' baseline, find vessels best?

    python Testing/Benchmarks/frangi_tuning.py POOL [--images DIR] [--frames 60]

POOL is a folder of simulated views (`python -m VesselRegistrationLib.simulation.pool`): frames with vessels, spread
evenly over it, are what the settings are chosen on. DIR, frames NAME.png with masks NAME_mask.png, is only measured
beside it. Prints the best settings by median DSC, and those that the library uses. Two minutes on one core.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from VesselSegmentationLib.datasets import FolderDataset, PoolDataset, Sample
from VesselSegmentationLib.frangi import FrangiSettings, vesselness, vessels_of
from VesselSegmentationLib.metrics import overlap_metrics

LEAST_VESSEL_PX = 600
WIDTHS = ((1.0, 2.0, 3.0), (1.5, 3.0, 5.0), (2.0, 4.0, 7.0), (2.0, 5.0, 10.0))
BACKGROUNDS, CONTRASTS = (12.0, 30.0), (0.01, 0.04, 0.1)
THRESHOLDS, SMALLEST = (0.05, 0.1, 0.2, 0.35), (60, 150)
PRINTED = 8


def simulated_frames(pool: Path, count: int) -> list[Sample]:
    """So many frames that show vessels, evenly spread over the pool."""
    data = PoolDataset(pool)
    with_vessels = [index for index in range(len(data)) if data[index][1].sum() >= LEAST_VESSEL_PX]
    if not with_vessels:
        raise SystemExit(f"{pool} holds no frame with vessels.")
    chosen = np.unique(np.linspace(0, len(with_vessels) - 1, count).round().astype(int))
    return [data[with_vessels[place]] for place in chosen]


def scores(samples: Sequence[Sample], filtered: FrangiSettings) -> Iterator[tuple[FrangiSettings, float]]:
    """Median DSC for each threshold and least size, from one run of the filter per frame."""
    responses = [vesselness(frame, filtered) for frame, _ in samples]
    for threshold, smallest in itertools.product(THRESHOLDS, SMALLEST):
        settings = dataclasses.replace(filtered, threshold=threshold, smallest_px=smallest)
        found = [
            overlap_metrics(vessels_of(response, settings), mask).dsc
            for response, (_, mask) in zip(responses, samples, strict=True)
        ]
        yield settings, float(np.median(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--images", type=Path, metavar="DIR")
    parser.add_argument("--frames", type=int, default=60)
    options = parser.parse_args()
    sources = {"simulated": simulated_frames(options.pool, options.frames)}
    if options.images:
        data = FolderDataset(options.images)
        step = max(1, len(data) // options.frames)
        sources["images"] = [data[index] for index in range(0, len(data), step)]
    table: dict[FrangiSettings, list[float]] = {}
    for widths, background, contrast in itertools.product(WIDTHS, BACKGROUNDS, CONTRASTS):
        filtered = FrangiSettings(widths, background, contrast)
        for samples in sources.values():
            for settings, median in scores(samples, filtered):
                table.setdefault(settings, []).append(median)
    ranked = sorted(table, key=lambda settings: -table[settings][0])
    columns = [f"{name}, {len(samples)} frames" for name, samples in sources.items()]
    print(f"| widths, px of 256 | background, px | contrast | threshold | least px | {' | '.join(columns)} |")
    print("| --- " * (5 + len(columns)) + "|")
    for settings in [*ranked[:PRINTED], *({FrangiSettings()} & set(ranked) - set(ranked[:PRINTED]))]:
        widths = ", ".join(f"{width:g}" for width in settings.widths_px)
        cells = [widths, *(f"{value:g}" for value in dataclasses.astuple(settings)[1:])]
        print(f"| {' | '.join([*cells, *(f'{median:.3f}' for median in table[settings])])} |")


if __name__ == "__main__":
    main()
