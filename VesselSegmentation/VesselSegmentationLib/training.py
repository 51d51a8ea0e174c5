"""Training of the segmentation network: repeatable by seed, interruptible at any moment, best weights kept.

The output folder receives
    log.jsonl                 one line per validation: iteration, loss, validation DSC, learning rate, seconds
    checkpoint.safetensors    everything needed to go on after an interruption; removed at the end
    report.json               settings, scores and durations
    configs/, models/, docs/  the network folder, a MONAI bundle (weights.py)
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import DataLoader
from numpy.typing import NDArray

from VesselSegmentationLib.augmentation import Augmentation
from VesselSegmentationLib.datasets import FolderDataset, PoolDataset, SegmentationDataset
from VesselSegmentationLib.distributed import gathered, process_count, process_index
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.frame_subtraction import network_values
from VesselSegmentationLib.intensity import intensity_window, standardize, windowed
from VesselSegmentationLib.losses import LOSSES
from VesselSegmentationLib.metrics import THRESHOLD, Overlap, OverlapSummary, overlap_metrics, summarize
from VesselSegmentationLib.training_engine import EngineTraining
from VesselSegmentationLib.training_handlers import DivergenceError, Progress
from VesselSegmentationLib.training_settings import PRESETS, SegmentationTrainingSettings
from VesselSegmentationLib.weights import NetworkMetadata, load_network

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

NAME = "DruNet"
INPUTS = "X-ray frame, {0} x {0}, vessels dark, windowed and standardized (VesselSegmentationLib.intensity)"
OUTPUTS = f"logit of vessel per pixel; its sigmoid is the probability, vessel from {THRESHOLD:g}"


@dataclass(frozen=True)
class TrainingReport:
    """What a training ended with. `scores` are those of the best weights on all validation frames, `test` likewise."""

    iterations: int
    seconds: float
    best_iteration: int
    scores: OverlapSummary
    folder: Path
    test: OverlapSummary | None = None


class Samples:
    """A dataset as MONAI's loaders want it: frames windowed to 0..1 and masks 0/1, both (1, H, W) float32.

    Of a dataset of frames with differences, (2, H, W), the frame is windowed and the difference as a network takes it.
    """

    def __init__(self, dataset: SegmentationDataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        pictures, mask = self._dataset[index]
        frame, *differences = pictures if pictures.ndim == 3 else (pictures,)
        image = [windowed(frame, *intensity_window(frame)), *map(network_values, differences)]
        vessel = np.asarray(mask).astype(bool).astype(np.float32)
        return {"image": torch.from_numpy(np.stack(image)), "label": torch.from_numpy(vessel)[None]}


def stacked(samples: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Samples as one batch."""
    return {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}


def indices_of(iteration: int, frames: int, batch_size: int, seed: int) -> NDArray[np.integer]:
    """Frames of one batch: every epoch is a new order of all frames, in which no frame comes twice."""
    chosen: list[int] = []
    position = iteration * batch_size
    while len(chosen) < batch_size:
        epoch, start = divmod(position + len(chosen), frames)
        order = np.random.default_rng([seed, epoch]).permutation(frames)
        chosen.extend(order[start : start + batch_size - len(chosen)].tolist())
    return np.array(chosen)


class BatchIndices:
    """Batch sampler: this process's share of the batches from an iteration on, without end."""

    def __init__(self, first: Callable[[], int], frames: int, batch_size: int, share: slice, seed: int) -> None:
        self._first, self._share, self._arguments = first, share, (frames, batch_size, seed)

    def __iter__(self) -> Iterator[list[int]]:
        for iteration in itertools.count(self._first()):
            yield indices_of(iteration, *self._arguments)[self._share].tolist()


class SegmentationTraining(EngineTraining[TrainingReport]):
    """One training: network, optimizer and state. `train_segmentation` is the usual way in."""

    def __init__(
        self,
        dataset: SegmentationDataset,
        validation: SegmentationDataset,
        settings: SegmentationTrainingSettings,
        output_folder: Path | str,
        test: SegmentationDataset | None = None,
    ) -> None:
        if not len(dataset) or not len(validation):
            raise InputError(f"Training needs frames: {len(dataset)} to train on, {len(validation)} to validate on.")
        fewest = min(len(validation), len(test) if test is not None else len(validation))
        if fewest < process_count():
            raise InputError(f"{process_count()} processes need a frame each to validate and test on: {fewest} found.")
        self.dataset, self.held_out = Samples(dataset), Samples(validation)
        self.tested = Samples(test) if test is not None else None
        self.settings = settings = resolved(settings)
        self.network = self.make_network(settings)
        self.augmentation = Augmentation() if settings.augment else None
        limit = settings.iteration_limit(len(dataset))
        super().__init__(self.network, lambda network: optimizer_of(network, settings), settings, limit, output_folder)

    def make_network(self, settings: SegmentationTrainingSettings) -> torch.nn.Module:
        """What is trained."""
        return network_to_train(settings)

    def described_network(self) -> NetworkMetadata:
        """What is saved, apart from how it came about."""
        assert isinstance(self.network, DruNet)
        return NetworkMetadata(
            network=NAME,
            hyper_parameters=self.network.hyper_parameters(),
            description=f"DRU-Net (Li et al. 2021, section II-B), {_seen(self.settings.field_of_view)}.",
            inputs=INPUTS.format(self.network.shape.side),
            outputs=OUTPUTS,
        )

    def batches(self) -> Iterable[dict[str, torch.Tensor]]:
        """Frames and masks, read by MONAI's loader."""
        settings = self.settings
        indices = BatchIndices(
            lambda: self.state.iteration, len(self.dataset), settings.batch_size, self.share, settings.seed
        )
        return DataLoader(
            self.dataset,  # type: ignore[arg-type]
            num_workers=settings.workers,
            batch_sampler=indices,
            collate_fn=stacked,
            pin_memory=self.device.type == "cuda",
        )

    def prepare(
        self, batch: dict[str, torch.Tensor], device: torch.device, non_blocking: bool, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Changed at random, each picture by its place in the whole batch, and standardized."""
        frames, masks = (batch[name].to(device, non_blocking=non_blocking) for name in ("image", "label"))
        if self.augmentation is not None:
            frames, masks = self.augmentation(frames, masks, self._generators())
        return self._laid_out(_standardized(frames)), masks

    def _generators(self) -> list[torch.Generator]:
        places = range(self.settings.batch_size)[self.share]
        seeds = [np.random.SeedSequence([self.settings.seed, self.state.iteration, place]) for place in places]
        return [torch.Generator().manual_seed(int(one.generate_state(1, np.uint64)[0] >> 1)) for one in seeds]

    def prepare_held_out(
        self, batch: dict[str, torch.Tensor], device: torch.device, non_blocking: bool, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Standardized frames, and masks."""
        frames, masks = (batch[name].to(device, non_blocking=non_blocking) for name in ("image", "label"))
        return self._laid_out(_standardized(frames)), masks

    def _laid_out(self, frames: torch.Tensor) -> torch.Tensor:
        return frames.contiguous(memory_format=torch.channels_last) if self.settings.channels_last else frames

    def loss(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The settings' loss over the frames of all processes."""
        return LOSSES[self.settings.loss](gathered(prediction), gathered(target))

    def held_out_batches(self, validating: bool) -> Iterable[dict[str, torch.Tensor]]:
        """Some frames, evenly spread, or all."""
        most = max(self.settings.validation_frames, process_count()) if validating else len(self.held_out)
        return self._some(self.held_out, most)

    def _some(self, samples: Samples, most: int) -> Iterable[dict[str, torch.Tensor]]:
        """This process's share of at most so many frames, evenly spread."""
        count, settings = len(samples), self.settings
        chosen = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
        own = chosen[process_index() :: process_count()].tolist()
        batches = [own[start : start + settings.batch_size] for start in range(0, len(own), settings.batch_size)]
        return DataLoader(samples, batch_sampler=batches, collate_fn=stacked)  # type: ignore[arg-type]

    def measure(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """DSC and pixel counts of each frame."""
        truth = target.cpu().numpy()[:, 0].astype(bool)
        overlaps = [overlap_metrics(one, true) for one, true in zip(_vessel(prediction.float().cpu()), truth)]
        rows = [(one.dsc, one.true_positives, one.false_positives, one.false_negatives) for one in overlaps]
        return torch.tensor(rows, dtype=torch.float64)

    def described(self, rows: torch.Tensor) -> tuple[float, dict[str, Any], str]:
        """Mean DSC of some held-out frames; the log has the median too."""
        dsc = summarize(_overlaps(rows)).dsc
        values = {"validation_dsc_mean": round(dsc.mean, 4), "validation_dsc_median": round(dsc.median, 4)}
        return dsc.mean, values, f"validation DSC {dsc.mean:.3f} (best {max(dsc.mean, self.state.best_score):.3f})"

    def report(self, training_data: str) -> TrainingReport:
        """Score the best weights on all held-out frames, and on the test patients', and save the network folder."""
        state, scores, test = self.state, summarize(_overlaps(self.rows_of_all())), None
        measured = {"validation": scores.as_dict()}
        if self.tested is not None:
            test = summarize(_overlaps(self.rows_of(self._some(self.tested, len(self.tested)))))
            measured["test"] = test.as_dict()
        metadata = dataclasses.replace(
            self.described_network(),
            version=self.settings.version,
            training_data=training_data,
            scores={**measured, "iterations": state.iteration, "seconds": round(state.seconds)},
        )
        document = {"settings": self.settings.as_dict(), "best_iteration": state.best_iteration, **metadata.scores}
        self.save_report(metadata, document)
        return TrainingReport(state.iteration, state.seconds, state.best_iteration, scores, self.folder, test)


def _standardized(pictures: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) with its first channel, the frame, standardized."""
    return torch.cat([standardize(pictures[:, :1]), pictures[:, 1:]], dim=1)


def _seen(field_of_view: str) -> str:
    return "both fields of view" if field_of_view == "both" else f"{field_of_view} field of view"


def _overlaps(rows: torch.Tensor) -> list[Overlap]:
    return [Overlap(*(int(count) for count in row[1:])) for row in rows.tolist()]


def _vessel(logits: torch.Tensor) -> NDArray[np.bool_]:
    vessel: NDArray[np.bool_] = (logits[:, 0].sigmoid() >= THRESHOLD).numpy()
    return vessel


def resolved(settings: SegmentationTrainingSettings) -> SegmentationTrainingSettings:
    """The settings with width, up-sampling and stride of the network to start from.

    Raises WeightsError when `settings.start` holds no DRU-Net.
    """
    if settings.start is None:
        return settings
    network, _metadata = load_network(settings.start, NAME)
    assert isinstance(network, DruNet)
    shape = network.shape
    return dataclasses.replace(settings, width=shape.width, upsampling_mode=shape.upsampling_mode, stride=shape.stride)


def network_to_train(settings: SegmentationTrainingSettings) -> DruNet:
    """A new network by the settings' seed, or the one to start from."""
    torch.manual_seed(settings.seed)
    network = DruNet(settings.width, upsampling_mode=settings.upsampling_mode, stride=settings.stride)
    if settings.start is not None:
        network.load_state_dict(load_network(settings.start, NAME)[0].state_dict())
    return network


def optimizer_of(network: torch.nn.Module, settings: SegmentationTrainingSettings) -> torch.optim.Optimizer:
    """The optimizer that the settings name, of all that is not frozen."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
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
    test: SegmentationDataset | None = None,
) -> TrainingReport:
    """Train a DRU-Net, or go on with an interrupted training found in `output_folder`.

    Args:
        dataset, validation: `len()` and `[i] -> (frame uint8 (256, 256), mask)`; of different patients.
        progress: called after each iteration; None shows a bar on the terminal.
        training_data: what the frames are, in words, for the network's metadata.
        test: frames of yet other patients, scored once at the end; they choose nothing.

    A raised exception (also KeyboardInterrupt, and whatever `progress` raises) first saves the checkpoint.
    Raises InputError for empty data or settings that differ from the checkpoint's, DivergenceError for a loss that is
    not finite.
    """
    return SegmentationTraining(dataset, validation, settings, output_folder, test).train(progress, training_data)


def evaluate(network: torch.nn.Module, dataset: SegmentationDataset, batch_size: int = 8) -> list[Overlap]:
    """Overlap of each frame of a dataset, float32 on the CPU, threshold 0.5."""
    network.eval()
    samples, scores = Samples(dataset), []
    with torch.inference_mode():
        for start in range(0, len(dataset), batch_size):
            batch = stacked([samples[index] for index in range(start, min(start + batch_size, len(dataset)))])
            predicted = _vessel(network(standardize(batch["image"])).float())
            truth = batch["label"].numpy()[:, 0].astype(bool)
            scores += [overlap_metrics(one, true) for one, true in zip(predicted, truth)]
    return scores
