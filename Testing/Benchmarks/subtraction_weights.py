"""The weights by which a frame and its difference from an earlier one tell vessels, from patients no evaluation uses.

    .venv/bin/python Testing/Benchmarks/subtraction_weights.py --patients 60

Prints what VesselSegmentationLib/run_subtraction.py holds, and the DSC with the frame alone, with the mean of both
logits and with the weights. Simulated patients of three regions, whose bodies move by up to 3 mm between the two
frames; two of three patients are fitted, the third is held out. The loss is Dice and binary cross entropy together.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from VesselRegistrationLib.run_vessels import earlier_frames
from VesselRegistrationLib.simulation.cases import simulate_case
from VesselRegistrationLib.simulation.truth import fullest_frame
from VesselSegmentationLib.metrics import overlap_metrics
from VesselSegmentationLib.run_subtraction import SubtractingSegmenter
from VesselSegmentationLib.segmenter import VesselSegmenter

REGIONS = ("lower", "upper", "coronary")
FRAMES, BODY_MOTION_MM = 4, 3.0
STEP_PX = 2
"""Every other pixel of every other row is fitted."""
EPOCHS, RATE, RATE_KEPT = 8, 0.02, 0.7
HELD_OUT = 3
"""One patient of so many."""
Sample = tuple[np.ndarray, np.ndarray]
"""Logits of frame and difference, and what has darkened (3, rows, columns); true mask (rows, columns)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=60, help="of each region (default: %(default)s)")
    parser.add_argument("--first-seed", type=int, default=820_000, help="default: %(default)s")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.patients)
    places = [(region, seed) for seed in seeds for region in REGIONS]
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        found = dict(zip(places, pool.map(sample, places), strict=True))
    fitted, held_out = (
        [found[place] for place in places if (place[1] % HELD_OUT == 0) is out] for out in (False, True)
    )
    weights = fit([part for part in fitted if part])
    names = ("FRAME_WEIGHT", "DIFFERENCE_WEIGHT", "DARKENED_WEIGHT", "CONSTANT")
    print(", ".join(names), "=", ", ".join(f"{value:.2f}" for value in weights))
    for name, part in (("fitted", fitted), ("held out", held_out)):
        print_scores(name, [one for one in part if one], weights)


def sample(place: tuple[str, int]) -> Sample | None:
    """A simulated patient's fullest frame; None where no frame of the run is without contrast."""
    import torch

    torch.set_num_threads(1)
    case = simulate_case(*place, FRAMES, body_motion_mm=BODY_MOTION_MM)
    number, run = fullest_frame(case.masks, case.dilutions), case.run()
    earlier = [case.frames[index] for index in earlier_frames(run.geometry, number)]
    segmenter = SubtractingSegmenter.of_run(VesselSegmenter.from_folder().probability, case.frames[number], earlier)
    change = segmenter and segmenter.change(case.frames[number])
    if not change or not case.masks[number].any():
        return None
    evidence = segmenter.evidence(case.frames[number], change)
    inputs = (evidence.frame_logit, evidence.difference_logit, evidence.darkened)
    return np.stack(inputs).astype(np.float16), case.masks[number]


def fit(samples: list[Sample]) -> np.ndarray:
    """Weights (4,) of frame, difference and darkening, and a constant."""
    import torch
    from monai.losses import DiceCELoss

    weights = torch.tensor([0.5, 0.5, 0.0, 0.0], requires_grad=True)
    optimizer = torch.optim.Adam([weights], RATE)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, RATE_KEPT)
    loss_of = DiceCELoss(sigmoid=True, lambda_ce=0.5, smooth_nr=10, smooth_dr=10)
    for epoch in range(EPOCHS):
        for index in np.random.default_rng(epoch).permutation(len(samples)):
            inputs, mask = (
                torch.from_numpy(part[..., ::STEP_PX, ::STEP_PX].astype(np.float32)) for part in samples[index]
            )
            logit = torch.einsum("i,irc->rc", weights[:3], inputs) + weights[3]
            loss = loss_of(logit[None, None], mask[None, None])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return weights.detach().numpy()


def print_scores(name: str, samples: list[Sample], weights: np.ndarray) -> None:
    ways = {"frame alone": (1, 0, 0, 0), "mean of both": (0.5, 0.5, 0, 0), "weights": weights}
    for way, (frame, difference, darkened, constant) in ways.items():
        dsc = [
            overlap_metrics(frame * x[0] + difference * x[1] + darkened * x[2] + constant > 0, mask).dsc
            for x, mask in ((inputs.astype(np.float32), mask) for inputs, mask in samples)
        ]
        quarter, middle = np.percentile(dsc, (25, 50))
        scores = f"{middle:.3f} (lower quartile {quarter:.3f}, mean {np.mean(dsc):.3f})"
        print(f"{name}, {way}: DSC {scores}, {len(dsc)} frames")


if __name__ == "__main__":
    main()
