"""Training of the segmentation network: repeatable by seed, interruptible at any moment, best weights kept.

The output folder receives
    log.jsonl                 one line per validation: iteration, loss, validation DSC, learning rate, seconds
    checkpoint.safetensors    everything needed to go on after an interruption; removed at the end
    report.json               settings, scores and durations
    metadata.json, models/    the network folder (weights.py)

Batch and random changes of iteration k depend on the seed and k alone, so an interrupted training that goes on gives
the weights of one that never stopped (on the same machine, with the same number of threads, ended by iterations).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from VesselSegmentationLib.augmentation import Augmentation
from VesselSegmentationLib.checkpoint import CHECKPOINT_FILE, Tensors, load_checkpoint, save_checkpoint
from VesselSegmentationLib.datasets import FolderDataset, PoolDataset, SegmentationDataset
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.inference import thread_count
from VesselSegmentationLib.intensity import intensity_window, standardize, windowed
from VesselSegmentationLib.losses import LOSSES
from VesselSegmentationLib.metrics import THRESHOLD, Overlap, OverlapSummary, overlap_metrics, summarize
from VesselSegmentationLib.training_settings import PRESETS, SegmentationTrainingSettings
from VesselSegmentationLib.weights import NetworkMetadata, save_network

__all__ = [
    "PRESETS",
    "FolderDataset",
    "PoolDataset",
    "SegmentationTrainingSettings",
    "TrainingReport",
    "evaluate",
    "train_segmentation",
]

Progress = Callable[[float, str], None]
"""Called with the share done (0 to 1) and a short text; may raise to stop the training."""

INPUTS = "X-ray frame, 256 x 256, vessels dark, windowed and standardized (VesselSegmentationLib.intensity)"
OUTPUTS = f"logit of vessel per pixel; its sigmoid is the probability, vessel from {THRESHOLD:g}"


class DivergenceError(InputError):
    """The loss is no number any more; the weights are worthless and are not saved."""


@dataclass(frozen=True)
class TrainingReport:
    """What a training ended with. `scores` are those of the best weights on all validation frames."""

    iterations: int
    seconds: float
    best_iteration: int
    scores: OverlapSummary
    folder: Path


@dataclass
class _State:
    """What changes while training."""

    iteration: int = 0
    seconds: float = 0.0
    best_dsc: float = -1.0
    best_iteration: int = 0
    best: Tensors = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)


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


class SegmentationTraining:
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
        self.dataset, self.validation, self.settings = dataset, validation, settings
        self.folder = Path(output_folder)
        self.device = torch.device(settings.device)
        torch.manual_seed(settings.seed)
        self.network = DruNet(width=settings.width, upsampling_mode=settings.upsampling_mode)
        layout = torch.channels_last if settings.channels_last else torch.contiguous_format
        self.network.to(device=self.device, memory_format=layout)  # type: ignore[call-overload]
        self.optimizer = _optimizer(self.network, settings)
        self.augmentation = Augmentation() if settings.augment else None
        self.state = _State()
        self.limit = settings.iteration_limit(len(dataset))
        self._resumed()

    def _resumed(self) -> None:
        path = self.folder / CHECKPOINT_FILE
        if not path.is_file():
            return
        best, progress = load_checkpoint(path, self.network, self.optimizer)
        before, now = progress.pop("settings"), json.loads(json.dumps(self.settings.as_dict()))
        free = {"iterations", "epochs", "minutes", "threads", "checkpoint_minutes", "device", "version"}
        changed = sorted(name for name in now if name not in free and before.get(name) != now[name])
        if changed:
            raise InputError(
                f"{path} was made with other settings ({', '.join(changed)}); restore them, delete it, or choose "
                "another output folder."
            )
        self.state = _State(best=best, **progress)

    def share_done(self) -> float:
        """0 at the start, 1 at the end, by iterations or by time, whichever is further."""
        minutes = self.settings.minutes
        by_time = self.state.seconds / (60 * minutes) if minutes else 0.0
        return max(self.state.iteration / self.limit, by_time)

    def step(self) -> float:
        """One batch forwards and backwards; returns its loss."""
        settings, state = self.settings, self.state
        rate = settings.rate_at(state.iteration, self.share_done())
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        frames, masks = batch_of(
            self.dataset, indices_of(state.iteration, len(self.dataset), settings.batch_size, settings.seed)
        )
        frames, masks = frames.to(self.device), masks.to(self.device)
        if self.augmentation is not None:
            generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + state.iteration)
            frames, masks = self.augmentation(frames, masks, generator)
        self.network.train()
        loss = LOSSES[settings.loss](self._logits(standardize(frames)), masks)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if settings.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.gradient_clip)
        self.optimizer.step()
        state.iteration += 1
        return float(loss.detach())

    def _logits(self, frames: torch.Tensor) -> torch.Tensor:
        if self.settings.channels_last:
            frames = frames.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.settings.amp):
            logits: torch.Tensor = self.network(frames)
        return logits

    def validate(self, most: int | None) -> list[Overlap]:
        """Overlap of each of at most `most` validation frames (all when None)."""
        count = len(self.validation)
        chosen = np.unique(np.linspace(0, count - 1, min(count, most or count)).round().astype(int))
        self.network.eval()
        scores: list[Overlap] = []
        with torch.inference_mode():
            for start in range(0, len(chosen), self.settings.batch_size):
                frames, masks = batch_of(self.validation, chosen[start : start + self.settings.batch_size])
                logits = self._logits(standardize(frames.to(self.device))).float().cpu()
                scores += [
                    overlap_metrics(one, true) for one, true in zip(_vessel(logits), masks.numpy()[:, 0].astype(bool))
                ]
        return scores

    def record(self) -> str:
        """Validate, keep the weights if they are the best yet, append to the log; returns a line for the user."""
        state = self.state
        started = time.monotonic()
        scores = summarize(self.validate(self.settings.validation_frames))
        dsc = scores.dsc.mean
        if dsc > state.best_dsc:
            state.best_dsc, state.best_iteration = dsc, state.iteration
            state.best = {name: value.detach().cpu().clone() for name, value in self.network.state_dict().items()}
        loss = float(np.mean(state.losses)) if state.losses else None
        line = {
            "iteration": state.iteration,
            "loss": loss,
            "validation_dsc_mean": round(dsc, 4),
            "validation_dsc_median": round(scores.dsc.median, 4),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "seconds": round(state.seconds, 1),
            "validation_seconds": round(time.monotonic() - started, 1),
        }
        state.losses = []
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        return (
            f"iteration {state.iteration}: loss {loss or 0:.3f}, validation DSC {dsc:.3f} (best {state.best_dsc:.3f})"
        )

    def save_state(self) -> None:
        """Write the checkpoint."""
        progress: dict[str, Any] = {name: value for name, value in vars(self.state).items() if name != "best"}
        progress["settings"] = self.settings.as_dict()
        save_checkpoint(self.folder / CHECKPOINT_FILE, self.network, self.optimizer, self.state.best, progress)

    def run(self, progress: Progress | None) -> None:
        """Iterate until the end, keeping the log and the checkpoint."""
        state, text, saved = self.state, "", time.monotonic()
        while self.share_done() < 1:
            started = time.monotonic()
            state.losses.append(self.step())
            if not np.isfinite(state.losses[-1]):
                raise DivergenceError(
                    f"The loss is {state.losses[-1]} at iteration {state.iteration}: lower learning_rate."
                )
            state.seconds += time.monotonic() - started
            if state.iteration % self.settings.validate_every == 0 and self.share_done() < 1:
                started = time.monotonic()
                text = self.record()
                state.seconds += time.monotonic() - started
            if time.monotonic() - saved > 60 * self.settings.checkpoint_minutes:
                self.save_state()
                saved = time.monotonic()
            if progress is not None:
                progress(min(1.0, self.share_done()), text or f"iteration {state.iteration}")

    def finish(self, training_data: str) -> TrainingReport:
        """Choose the best weights, score them on all validation frames and save the network folder."""
        state = self.state
        self.record()
        self.network.load_state_dict(state.best)
        scores = summarize(self.validate(None))
        report = TrainingReport(state.iteration, state.seconds, state.best_iteration, scores, self.folder)
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
        (self.folder / CHECKPOINT_FILE).unlink(missing_ok=True)
        return report


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
    training = SegmentationTraining(dataset, validation, settings, output_folder)
    with thread_count(settings.threads), _bar(progress) as report_progress:
        try:
            training.run(report_progress)
        except DivergenceError:
            raise
        except BaseException:
            training.save_state()
            raise
        return training.finish(training_data)


@contextmanager
def _bar(progress: Progress | None) -> Iterator[Progress]:
    if progress is not None:
        yield progress
        return
    from tqdm import tqdm

    with tqdm(total=100, unit="%", disable=bool(os.environ.get("VESSEL_REGISTRATION_QUIET"))) as bar:

        def show(share: float, text: str) -> None:
            bar.update(int(100 * share) - bar.n)
            bar.set_postfix_str(text, refresh=False)

        yield show


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
