"""Training of the affine CNN on pairs made from a pool of simulated views.

Two ways: `unsupervised`, the paper's, minimizes equation 5 through the spatial transformer and never sees the true
matrix; `supervised` adds the distance of carried points to where the true matrix carries them, which simulation knows.
The output folder receives log.jsonl, a checkpoint while training, events for TensorBoard when asked for, report.json
and the network folder.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
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
from VesselSegmentationLib.distributed import gathered, process_count, process_index
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.metrics import quartiles
from VesselSegmentationLib.training_engine import EngineTraining
from VesselSegmentationLib.training_handlers import Progress
from VesselSegmentationLib.weights import NetworkMetadata, load_network

FRAME_SIDE = 256
"""Errors are reported in pixels of a frame of this size, as the paper's."""
SUCCESS_PX = 10.0
WARM_UP_ITERATIONS = 50
SCORED_TOGETHER = 32
"""Held-out pairs of one batch; they are drawn together, so this number is part of what is measured."""


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
    gradient_clip: float | None = 5.0
    start: str | None = None
    """Folder of a network to go on from, which then says the network's size; None: from scratch."""
    amp: bool = True
    amp_dtype: str = "auto"
    channels_last: bool = True
    device: str = "cpu"
    threads: int = 1
    seed: int = 1
    validate_every: int = 200
    validation_pairs: int = 192
    patience: int | None = None
    """End after so many validations in a row that were no better than the best one; None: never."""
    tensorboard: bool = False
    checkpoint_minutes: float = 2.0
    network: AffineCnnSettings = RECOMMENDED
    pairs: PairSettings = field(default_factory=PairSettings)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)

    def rate_at(self, iteration: int, share_done: float) -> float:
        """Learning rate: linear warm-up, then constant or a half cosine to zero over the share of training done."""
        rate = self.learning_rate * min(1.0, (iteration + 1) / WARM_UP_ITERATIONS)
        return rate * 0.5 * (1 + math.cos(math.pi * min(1.0, share_done))) if self.cosine else rate

    def __post_init__(self) -> None:
        if self.mode not in ("unsupervised", "supervised"):
            raise InputError(f"Training mode {self.mode!r} must be unsupervised or supervised.")
        if self.iterations is None and self.minutes is None:
            raise InputError("Training needs an end: set iterations or minutes.")
        if self.patience is not None and self.patience < 1:
            raise InputError(f"Training patience {self.patience!r} must be 1 validation or more.")
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


class PairBatches:
    """The whole batches of pairs from an iteration on, without end.

    Every process makes all pairs of a batch, for false vessels come from other pairs of the same batch, and passes its
    share of them through the network, which is where the time goes.
    """

    def __init__(self, first: Callable[[], int], drawn: Callable[[int], Pairs]) -> None:
        self._first, self._drawn = first, drawn

    def __iter__(self) -> Iterator[Pairs]:
        return map(self._drawn, itertools.count(self._first()))


class MatchingTraining(EngineTraining[dict[str, Any]]):
    """Network, optimizer and state of one training; `train_matching` is the usual way in."""

    def __init__(self, pool: MatchingPool, settings: MatchingTrainingSettings, folder: Path | str) -> None:
        self.pool = pool
        self.chosen, self.held_out = pool.split()
        if not len(self.chosen) or not len(self.held_out):
            raise InputError("The pool holds too few views with vessels: give it more patients.")
        self.settings = settings = resolved(settings)
        network = network_to_train(settings)
        super().__init__(network, self._optimizer_of, settings, settings.iterations or math.inf, folder)

    def _optimizer_of(self, network: torch.nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(network.parameters(), self.settings.learning_rate, weight_decay=1e-4)

    def batches(self) -> Iterable[Pairs]:
        """Pairs of views drawn at random."""
        return PairBatches(lambda: self.state.iteration, self._drawn)

    def _drawn(self, iteration: int) -> Pairs:
        settings = self.settings
        indices = np.random.default_rng([settings.seed, iteration]).choice(self.chosen, settings.batch_size)
        return self._pairs(indices, settings.seed * 1_000_003 + iteration)

    def _pairs(self, indices: NDArray[np.integer], seed: int) -> Pairs:
        models, masks = self.pool.batch(indices)
        generator = torch.Generator().manual_seed(seed)
        return make_pairs(models, masks, self.settings.network.input_size, generator, self.settings.pairs)

    def prepare(
        self, batch: Pairs, device: torch.device, non_blocking: bool, **_kwargs: Any
    ) -> tuple[Tensor, Pairs, tuple[Tensor], dict[str, Any]]:
        """This process's moving pictures, all pairs, and this process's fixed pictures."""
        pairs = _on_device(batch, device, non_blocking)
        return pairs.moving[self.share], pairs, (pairs.fixed[self.share],), {}

    def prepare_held_out(
        self, batch: tuple[NDArray[np.integer], int], device: torch.device, non_blocking: bool, **_kwargs: Any
    ) -> tuple[Tensor, Pairs, tuple[Tensor], dict[str, Any]]:
        """Pairs of the views and the seed given."""
        pairs = _on_device(self._pairs(*batch), device, non_blocking)
        return pairs.moving, pairs, (pairs.fixed,), {}

    def loss(self, prediction: Tensor, target: Pairs) -> Tensor:
        """Equation 5 of the warped pictures; in supervised mode also the distance of carried points."""
        side = self.settings.network.input_size
        matrix = gathered(prediction).float()
        warped = warp_normalized(target.moving, matrix, (side, side))
        overlap = multiscale_dice_loss if self.settings.multiscale else dice_loss
        loss = overlap(warped, target.fixed).mean()
        if self.settings.mode == "supervised":
            loss = loss + 2 * point_loss(matrix, target.true_matrix, target.points).mean()
        return loss

    def held_out_batches(self, validating: bool) -> Iterable[tuple[NDArray[np.integer], int]]:
        """Views of held-out patients, evenly spread, with the seed of their pairs."""
        chosen, most = self.held_out, self.settings.validation_pairs
        if validating and len(chosen) > most:
            chosen = chosen[np.linspace(0, len(chosen) - 1, most).astype(int)]
        starts = range(0, len(chosen), SCORED_TOGETHER)
        if len(starts) < process_count():
            needed = process_count() * SCORED_TOGETHER
            raise InputError(f"{process_count()} processes need {needed} held-out views, {len(chosen)} found.")
        return [
            (chosen[start : start + SCORED_TOGETHER], 7_000_000 + start)
            for start in starts[process_index() :: process_count()]
        ]

    def measure(self, prediction: Tensor, target: Pairs) -> Tensor:
        """Per pair: minus the point error, the same at the identity, and Dice relative to the true matrix's."""
        side, matrix = self.settings.network.input_size, prediction.float()
        identity = torch.eye(3, device=matrix.device).expand(len(matrix), 3, 3)
        error, before = (point_loss(one, target.true_matrix, target.points) for one in (matrix, identity))
        found, true = (
            1 - dice_loss(warp_normalized(target.moving, one, (side, side)), target.fixed)
            for one in (matrix, target.true_matrix)
        )
        return torch.stack([-error, before, found / true.clamp(min=1e-3)], dim=1).cpu()

    def described(self, rows: Tensor) -> tuple[float, dict[str, Any], str]:
        """Minus the median point error of some held-out pairs."""
        scores = scores_of(rows)
        error = float(scores["point_error_px"]["median"])
        return -error, scores, f"point error {error:.1f} px"

    def report(self, training_data: str) -> dict[str, Any]:
        """Score the best weights on all held-out pairs and save the network folder."""
        scores = {
            "validation": scores_of(self.rows_of_all()),
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
        report = {"settings": self.settings.as_dict(), "best_iteration": self.state.best_iteration, **scores}
        self.save_report(metadata, report)
        return report


def resolved(settings: MatchingTrainingSettings) -> MatchingTrainingSettings:
    """The settings with the size of the network to start from.

    Raises WeightsError when `settings.start` holds no affine CNN.
    """
    if settings.start is None:
        return settings
    network, _metadata = load_network(settings.start, NAME)
    assert isinstance(network, AffineCnn)
    return dataclasses.replace(settings, network=network.settings)


def network_to_train(settings: MatchingTrainingSettings) -> AffineCnn:
    """A new network by the settings' seed, or the one to start from."""
    torch.manual_seed(settings.seed)
    network = AffineCnn(settings.network)
    if settings.start is not None:
        network.load_state_dict(load_network(settings.start, NAME)[0].state_dict())
    return network


def scores_of(rows: Tensor) -> dict[str, Any]:
    """Point errors in pixels of a 256-pixel frame, and Dice relative to the true matrix's, from rows of `measure`."""
    error, before, relative = rows.double().numpy().T * np.array([[-FRAME_SIDE / 2], [FRAME_SIDE / 2], [1.0]])
    return {
        "pairs": len(error),
        "start_error_px": _rounded(before),
        "point_error_px": _rounded(error),
        "share_under_10_px": round(float((error < SUCCESS_PX).mean()), 4),
        "dsc_relative_to_true": _rounded(relative),
    }


def _on_device(pairs: Pairs, device: torch.device, non_blocking: bool) -> Pairs:
    return Pairs(**{name: value.to(device, non_blocking=non_blocking) for name, value in vars(pairs).items()})


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
