"""Training of the affine CNN on pairs made from a pool of simulated views.

Two ways: `unsupervised`, the paper's, minimizes equation 5 through the spatial transformer and never sees the true
matrix; `supervised` adds the distance of carried points to where the true matrix carries them, which simulation knows.
The output folder receives log.jsonl, a checkpoint while training, report.json and the network folder.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from VesselRegistrationLib.affine_cnn import PAPER, RECOMMENDED, AffineCnn, AffineCnnSettings
from VesselRegistrationLib.matching_loss import dice_loss, multiscale_dice_loss, point_loss
from VesselRegistrationLib.matching_network import NAME
from VesselRegistrationLib.matching_pairs import Pairs, PairSettings, make_pairs
from VesselRegistrationLib.spatial_transformer import warp_normalized
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.metrics import quartiles
from VesselSegmentationLib.training_loop import Progress, TrainingLoop, descend, set_rate
from VesselSegmentationLib.weights import NetworkMetadata, save_network

FRAME_SIDE = 256
"""Errors are reported in pixels of a frame of this size, as the paper's."""
SUCCESS_PX = 10.0


@dataclass(frozen=True)
class MatchingTrainingSettings:
    """Settings of one training. It ends at `iterations` or `minutes`, whichever comes first."""

    mode: str = "supervised"
    """`unsupervised` (equation 5 alone) or `supervised` (with the true matrix of simulated pairs)."""
    learning_rate: float = 1e-3
    batch_size: int = 24
    iterations: int | None = None
    minutes: float | None = None
    multiscale: bool = True
    """Equation 5 at several scales, rather than at one as in the paper."""
    cosine: bool = True
    amp: bool = True
    threads: int = 1
    seed: int = 1
    validate_every: int = 200
    validation_pairs: int = 192
    checkpoint_minutes: float = 2.0
    network: AffineCnnSettings = RECOMMENDED
    pairs: PairSettings = field(default_factory=PairSettings)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)

    def __post_init__(self) -> None:
        if self.mode not in ("unsupervised", "supervised"):
            raise InputError(f"Training mode {self.mode!r} must be unsupervised or supervised.")
        if self.iterations is None and self.minutes is None:
            raise InputError("Training needs an end: set iterations or minutes.")
        if self.batch_size < 2 or not self.learning_rate > 0:
            raise InputError(
                f"Batch size {self.batch_size} must be 2 or more and learning rate {self.learning_rate} positive."
            )

    @classmethod
    def paper(cls, **changes: Any) -> MatchingTrainingSettings:
        """Section II-C and II-D: Dice loss through the spatial transformer, rate 1e-4, batch 4."""
        choices: dict[str, Any] = {
            "mode": "unsupervised",
            "learning_rate": 1e-4,
            "batch_size": 4,
            "multiscale": False,
            "cosine": False,
            "amp": False,
            "network": PAPER,
        }
        return cls(**{**choices, **changes})


@dataclass(frozen=True)
class MatchingPool:
    """Silhouettes of whole models and vessel masks at one true pose, uint8 (N, H, W), and whose they are."""

    models: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    patients: NDArray[np.integer]

    @classmethod
    def open(cls, folder: Path | str) -> MatchingPool:
        """The pool's arrays, memory-mapped. Raises InputError when they are missing."""
        try:
            arrays = [
                np.load(Path(folder) / f"{name}.npy", mmap_mode="r", allow_pickle=False)
                for name in ("models", "masks", "patients")
            ]
        except (OSError, ValueError) as error:
            raise InputError(f"{folder} holds no pool to train matching on ({error}); make one first.") from error
        return cls(*arrays)

    def split(self, held_out_share: float = 0.1) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Indices of usable views of the other patients and of the last ones, which are held out.

        A view is usable when contrast shows some vessel.
        """
        filled = self.masks.reshape(len(self.masks), -1).sum(axis=1) > 0.002 * self.masks[0].size
        names = np.unique(self.patients)
        held_out = names[-max(1, round(held_out_share * len(names))) :]
        held = np.isin(self.patients, held_out)
        return np.flatnonzero(filled & ~held), np.flatnonzero(filled & held)

    def batch(self, indices: NDArray[np.integer]) -> tuple[Tensor, Tensor]:
        """Silhouettes and masks (B, 1, H, W) of 0 and 1."""
        order = np.sort(indices)
        pictures = (torch.from_numpy(np.asarray(array[order]) > 0)[:, None] for array in (self.models, self.masks))
        models, masks = pictures
        return models, masks


class MatchingTraining(TrainingLoop[dict[str, Any]]):
    """Network, optimizer and state of one training; `train_matching` is the usual way in."""

    def __init__(self, pool: MatchingPool, settings: MatchingTrainingSettings, folder: Path | str) -> None:
        self.pool, self.settings = pool, settings
        self.chosen, self.held_out = pool.split()
        if not len(self.chosen) or not len(self.held_out):
            raise InputError("The pool holds too few views with vessels: give it more patients.")
        torch.manual_seed(settings.seed)
        self.network = AffineCnn(settings.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(self.network.parameters(), settings.learning_rate, weight_decay=1e-4)
        super().__init__(self.network, self.optimizer, settings, settings.iterations or math.inf, folder)

    def step(self) -> float:
        """One batch forwards and backwards; returns its loss."""
        settings, iteration = self.settings, self.state.iteration
        rate = settings.learning_rate * min(1.0, (iteration + 1) / 50)
        if settings.cosine:
            rate *= 0.5 * (1 + math.cos(math.pi * min(1.0, self.share_done())))
        set_rate(self.optimizer, rate)
        indices = np.random.default_rng([settings.seed, iteration]).choice(self.chosen, settings.batch_size)
        pairs = self._pairs(indices, settings.seed * 1_000_003 + iteration)
        self.network.train()
        return descend(self.network, self.optimizer, self._loss(pairs), 5.0)

    def _pairs(self, indices: NDArray[np.integer], seed: int) -> Pairs:
        models, masks = self.pool.batch(indices)
        generator = torch.Generator().manual_seed(seed)
        return make_pairs(models, masks, self.settings.network.input_size, generator, self.settings.pairs)

    def _predicted(self, pairs: Pairs) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.settings.amp):
            matrix: Tensor = self.network(pairs.moving, pairs.fixed)
        return matrix.float()

    def _loss(self, pairs: Pairs) -> Tensor:
        side = self.settings.network.input_size
        matrix = self._predicted(pairs)
        warped = warp_normalized(pairs.moving, matrix, (side, side))
        overlap = multiscale_dice_loss if self.settings.multiscale else dice_loss
        loss = overlap(warped, pairs.fixed).mean()
        if self.settings.mode == "supervised":
            loss = loss + 2 * point_loss(matrix, pairs.true_matrix, pairs.points).mean()
        return loss

    def scores(self, most: int | None) -> dict[str, Any]:
        """Point errors in pixels of a 256-pixel frame, and Dice relative to the true matrix's, on held-out patients."""
        chosen = self.held_out
        if most is not None and len(chosen) > most:
            chosen = chosen[np.linspace(0, len(chosen) - 1, most).astype(int)]
        errors, relative, before = [], [], []
        side = self.settings.network.input_size
        self.network.eval()
        with torch.inference_mode():
            for start in range(0, len(chosen), 32):
                pairs = self._pairs(chosen[start : start + 32], 7_000_000 + start)
                matrix, identity = self._predicted(pairs), torch.eye(3).expand(len(pairs.true_matrix), 3, 3)
                errors.append(point_loss(matrix, pairs.true_matrix, pairs.points))
                before.append(point_loss(identity, pairs.true_matrix, pairs.points))
                found, true = (
                    1 - dice_loss(warp_normalized(pairs.moving, one, (side, side)), pairs.fixed)
                    for one in (matrix, pairs.true_matrix)
                )
                relative.append(found / true.clamp(min=1e-3))
        pixels = torch.cat(errors).numpy() * FRAME_SIDE / 2
        return {
            "pairs": len(pixels),
            "start_error_px": _rounded(torch.cat(before).numpy() * FRAME_SIDE / 2),
            "point_error_px": _rounded(pixels),
            "share_under_10_px": round(float((pixels < SUCCESS_PX).mean()), 4),
            "dsc_relative_to_true": _rounded(torch.cat(relative).numpy()),
        }

    def validation(self) -> tuple[float, dict[str, Any], str]:
        """Minus the median point error of some held-out pairs."""
        scores = self.scores(self.settings.validation_pairs)
        error = float(scores["point_error_px"]["median"])
        return -error, scores, f"point error {error:.1f} px"

    def report(self, training_data: str) -> dict[str, Any]:
        """Score the best weights on all held-out pairs and save the network folder."""
        scores = {
            "validation": self.scores(None),
            "iterations": self.state.iteration,
            "seconds": round(self.state.seconds),
        }
        metadata = NetworkMetadata(
            network=NAME,
            hyper_parameters=dataclasses.asdict(self.settings.network),
            description="Affine CNN for model-to-image matching (Li et al. 2021, section II-C).",
            training_data=training_data,
            inputs="two pictures from 0 to 1: the model's silhouette in its region of interest, and the vessel mask",
            outputs="3 x 3 affine from the first to the second picture, coordinates from -1 to 1 between outer edges",
            scores=scores,
        )
        save_network(self.network, self.folder, metadata)
        report = {"settings": self.settings.as_dict(), "best_iteration": self.state.best_iteration, **scores}
        write_atomically(self.folder / "report.json", json.dumps(report, indent=2) + "\n")
        return report


def _rounded(values: NDArray[np.floating]) -> dict[str, float]:
    summary = quartiles(values.astype(float).tolist())
    return {name: round(getattr(summary, name), 3) for name in ("median", "lower", "upper")}


def train_matching(
    pool: MatchingPool,
    settings: MatchingTrainingSettings,
    folder: Path | str,
    progress: Progress | None = None,
    training_data: str = "",
) -> dict[str, Any]:
    """Train an affine CNN, or go on with the interrupted training found in `folder`; returns the report.

    `progress` is called after each iteration; None shows a bar on the terminal. Whatever interrupts it (also
    KeyboardInterrupt, or an exception of `progress`) first saves the checkpoint.
    """
    return MatchingTraining(pool, settings, folder).train(progress, training_data)
