"""Training of the segmentation network: repeatable by seed, interruptible at any moment, best weights kept.

The output folder receives
    log.jsonl                 one line per validation: iteration, loss, validation DSC, learning rate, seconds
    checkpoint.safetensors    everything needed to go on after an interruption; removed at the end
    report.json               settings, scores and durations
    metadata.json, models/    the network folder (weights.py)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from VesselSegmentationLib.augmentation import Augmentation
from VesselSegmentationLib.datasets import FolderDataset, PoolDataset, SegmentationDataset
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.intensity import intensity_window, standardize, windowed
from VesselSegmentationLib.losses import LOSSES
from VesselSegmentationLib.metrics import THRESHOLD, Overlap, OverlapSummary, overlap_metrics, summarize
from VesselSegmentationLib.training_loop import DivergenceError, Progress, TrainingLoop, descend, set_rate
from VesselSegmentationLib.training_settings import PRESETS, SegmentationTrainingSettings
from VesselSegmentationLib.weights import NetworkMetadata, save_network

__all__ = [
    "PRESETS",
    "DivergenceError",
    "FolderDataset",
    "PoolDataset",
    "SegmentationTrainingSettings",
    "TrainingReport",
    "evaluate",
    "train_segmentation",
]

INPUTS = "X-ray frame, 256 x 256, vessels dark, windowed and standardized (VesselSegmentationLib.intensity)"
OUTPUTS = f"logit of vessel per pixel; its sigmoid is the probability, vessel from {THRESHOLD:g}"


@dataclass(frozen=True)
class TrainingReport:
    """What a training ended with. `scores` are those of the best weights on all validation frames."""

    iterations: int
    seconds: float
    best_iteration: int
    scores: OverlapSummary
    folder: Path


def batch_of(dataset: SegmentationDataset, indices: NDArray[np.integer]) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames windowed to 0..1 and masks 0/1, both (N, 1, H, W) float32."""
    samples = [dataset[int(index)] for index in indices]
    frames = np.stack([windowed(frame, *intensity_window(frame)) for frame, _ in samples])
    masks = np.stack([np.asarray(mask).astype(bool) for _, mask in samples]).astype(np.float32)
    return torch.from_numpy(frames)[:, None], torch.from_numpy(masks)[:, None]


def indices_of(iteration: int, frames: int, batch_size: int, seed: int) -> NDArray[np.integer]:
    """Frames of one batch: every epoch is a new order of all frames, in which no frame comes twice."""
    chosen: list[int] = []
    position = iteration * batch_size
    while len(chosen) < batch_size:
        epoch, start = divmod(position + len(chosen), frames)
        order = np.random.default_rng([seed, epoch]).permutation(frames)
        chosen.extend(order[start : start + batch_size - len(chosen)].tolist())
    return np.array(chosen)


class SegmentationTraining(TrainingLoop[TrainingReport]):
    """One training: network, optimizer and state. `train_segmentation` is the usual way in."""

    def __init__(
        self,
        dataset: SegmentationDataset,
        validation: SegmentationDataset,
        settings: SegmentationTrainingSettings,
        output_folder: Path | str,
    ) -> None:
        if not len(dataset) or not len(validation):
            raise InputError(f"Training needs frames: {len(dataset)} to train on, {len(validation)} to validate on.")
        self.dataset, self.held_out, self.settings = dataset, validation, settings
        self.device = torch.device(settings.device)
        torch.manual_seed(settings.seed)
        self.network = DruNet(width=settings.width, upsampling_mode=settings.upsampling_mode)
        layout = torch.channels_last if settings.channels_last else torch.contiguous_format
        self.network.to(device=self.device, memory_format=layout)  # type: ignore[call-overload]
        self.optimizer = _optimizer(self.network, settings)
        self.augmentation = Augmentation() if settings.augment else None
        super().__init__(self.network, self.optimizer, settings, settings.iteration_limit(len(dataset)), output_folder)

    def step(self) -> float:
        """One batch forwards and backwards; returns its loss."""
        settings, iteration = self.settings, self.state.iteration
        set_rate(self.optimizer, settings.rate_at(iteration, self.share_done()))
        frames, masks = batch_of(
            self.dataset, indices_of(iteration, len(self.dataset), settings.batch_size, settings.seed)
        )
        frames, masks = frames.to(self.device), masks.to(self.device)
        if self.augmentation is not None:
            generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + iteration)
            frames, masks = self.augmentation(frames, masks, generator)
        self.network.train()
        loss = LOSSES[settings.loss](self._logits(standardize(frames)), masks)
        return descend(self.network, self.optimizer, loss, settings.gradient_clip)

    def _logits(self, frames: torch.Tensor) -> torch.Tensor:
        if self.settings.channels_last:
            frames = frames.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.settings.amp):
            logits: torch.Tensor = self.network(frames)
        return logits

    def scores(self, most: int | None) -> list[Overlap]:
        """Overlap of each of at most `most` held-out frames (all when None)."""
        count = len(self.held_out)
        chosen = np.unique(np.linspace(0, count - 1, min(count, most or count)).round().astype(int))
        self.network.eval()
        scores: list[Overlap] = []
        with torch.inference_mode():
            for start in range(0, len(chosen), self.settings.batch_size):
                frames, masks = batch_of(self.held_out, chosen[start : start + self.settings.batch_size])
                logits = self._logits(standardize(frames.to(self.device))).float().cpu()
                scores += [
                    overlap_metrics(one, true) for one, true in zip(_vessel(logits), masks.numpy()[:, 0].astype(bool))
                ]
        return scores

    def validation(self) -> tuple[float, dict[str, Any], str]:
        """Mean DSC of some held-out frames; the log has the median too."""
        dsc = summarize(self.scores(self.settings.validation_frames)).dsc
        values = {"validation_dsc_mean": round(dsc.mean, 4), "validation_dsc_median": round(dsc.median, 4)}
        return dsc.mean, values, f"validation DSC {dsc.mean:.3f} (best {max(dsc.mean, self.state.best_score):.3f})"

    def report(self, training_data: str) -> TrainingReport:
        """Score the best weights on all held-out frames and save the network folder."""
        state, scores = self.state, summarize(self.scores(None))
        metadata = NetworkMetadata(
            network="DruNet",
            hyper_parameters=self.network.hyper_parameters(),
            version=self.settings.version,
            description=f"DRU-Net (Li et al. 2021, section II-B), {self.settings.field_of_view} field of view.",
            training_data=training_data,
            inputs=INPUTS,
            outputs=OUTPUTS,
            scores={"validation": scores.as_dict(), "iterations": state.iteration, "seconds": round(state.seconds)},
        )
        save_network(self.network, self.folder, metadata)
        document = {"settings": self.settings.as_dict(), "best_iteration": state.best_iteration, **metadata.scores}
        write_atomically(self.folder / "report.json", json.dumps(document, indent=2) + "\n")
        return TrainingReport(state.iteration, state.seconds, state.best_iteration, scores, self.folder)


def _vessel(logits: torch.Tensor) -> NDArray[np.bool_]:
    vessel: NDArray[np.bool_] = (logits[:, 0].sigmoid() >= THRESHOLD).numpy()
    return vessel


def _optimizer(network: torch.nn.Module, settings: SegmentationTrainingSettings) -> torch.optim.Optimizer:
    parameters, rate, decay = network.parameters(), settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=0.9, weight_decay=decay)
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, rate, weight_decay=decay)


def train_segmentation(
    dataset: SegmentationDataset,
    validation: SegmentationDataset,
    settings: SegmentationTrainingSettings,
    output_folder: Path | str,
    progress: Progress | None = None,
    training_data: str = "",
) -> TrainingReport:
    """Train a DRU-Net, or go on with an interrupted training found in `output_folder`.

    Args:
        dataset, validation: `len()` and `[i] -> (frame uint8 (256, 256), mask)`; of different patients.
        progress: called after each iteration; None shows a bar on the terminal.
        training_data: what the frames are, in words, for the network's metadata.

    A raised exception (also KeyboardInterrupt, and whatever `progress` raises) first saves the checkpoint.
    Raises InputError for empty data or settings that differ from the checkpoint's, DivergenceError for a loss that is
    not finite.
    """
    return SegmentationTraining(dataset, validation, settings, output_folder).train(progress, training_data)


def evaluate(network: torch.nn.Module, dataset: SegmentationDataset, batch_size: int = 8) -> list[Overlap]:
    """Overlap of each frame of a dataset, float32 on the CPU, threshold 0.5."""
    network.eval()
    scores: list[Overlap] = []
    with torch.inference_mode():
        for start in range(0, len(dataset), batch_size):
            frames, masks = batch_of(dataset, np.arange(start, min(start + batch_size, len(dataset))))
            predicted = _vessel(network(standardize(frames)).float())
            scores += [overlap_metrics(one, true) for one, true in zip(predicted, masks.numpy()[:, 0].astype(bool))]
    return scores
