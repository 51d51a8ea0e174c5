"""What every training here shares, on MONAI's engines: SupervisedTrainer, SupervisedEvaluator and their handlers.

An "epoch" of the engines is the iterations between two validations. A training derives from `EngineTraining` and says
what its batches, its loss and its scores are. Batch and random changes of iteration k must depend on the seed and k
alone; then an interrupted training that goes on gives the weights of one that never stopped (on the same machine, with
the same number of threads, ended by iterations).

Checkpoints are not MONAI's CheckpointSaver: that writes pickles, which run code when they are read, it knows whole
epochs, and weights, optimizer and counters need not be of one moment. Here they are one safetensors file, renamed into
place, of the end of an iteration; ignite's engine goes on from an iteration by itself.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from ignite.engine import Engine, Events
from ignite.handlers import EarlyStopping
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.engines.utils import IterationEvents
from monai.handlers import IgniteMetricHandler, ValidationHandler
from torch import nn

from VesselSegmentationLib.checkpoint import CHECKPOINT_FILE, Tensors, load_checkpoint, save_checkpoint
from VesselSegmentationLib.distributed import agreed, is_first, process_count, share_of, with_global_statistics
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.inference import thread_count
from VesselSegmentationLib.training_handlers import (
    AutocastInferer,
    DivergenceError,
    Interruption,
    PerSample,
    Progress,
    autocast_dtype,
    clip_gradient,
    shown,
    tensorboard_handlers,
)
from VesselSegmentationLib.training_settings import FREE_SETTINGS, EngineSettings
from VesselSegmentationLib.weights import NetworkMetadata, save_network

LOG_FILE = "log.jsonl"
REPORT_FILE = "report.json"
TENSORBOARD_FOLDER = "tensorboard"
SCORE = "score"

_silent = logging.getLogger(__name__)
_silent.setLevel(logging.CRITICAL)
"""The engines' own log says of every problem, also of Ctrl-C, what the exception says already."""

Report = TypeVar("Report")


@dataclass
class TrainingState:
    """What changes while training, weights and optimizer apart."""

    iteration: int = 0
    seconds: float = 0.0
    validated_at: int = -1
    """Iteration of the last validation."""
    stopped_early: bool = False
    best_score: float = -math.inf
    best_iteration: int = 0
    best: Tensors = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    """Since the last validation."""


class EngineTraining(ABC, Generic[Report]):
    """One training: network, optimizer, settings and state, in an output folder."""

    def __init__(
        self,
        network: nn.Module,
        optimizer: Callable[[nn.Module], torch.optim.Optimizer],
        settings: EngineSettings,
        iteration_limit: float,
        folder: Path | str,
    ) -> None:
        self._settings, self.limit, self.folder = settings, iteration_limit, Path(folder)
        self.device = torch.device(settings.device)
        self.share = share_of(settings.batch_size)
        layout = torch.channels_last if settings.channels_last else torch.contiguous_format
        network.to(device=self.device, memory_format=layout)  # type: ignore[call-overload]
        self._network = with_global_statistics(network, self.device)
        self._optimizer = optimizer(self._network)
        self.state = TrainingState()
        self._dtype = autocast_dtype(settings.amp_dtype, self.device) if settings.amp else None
        self._scaler_state: dict[str, Any] | None = None
        self._is_whole = True
        self._interruption, self._text = Interruption(), ""
        self._progress: Progress = _silence
        self.last_loss: float | None = None
        self._clock = self._saved = time.monotonic()
        self.evaluator = self._make_evaluator(self.held_out_batches(validating=True))
        self.trainer = self._make_trainer()
        self._stopping = self._attach_handlers(self._resume())

    @abstractmethod
    def batches(self) -> Iterable[Any]:
        """This process's share of the batches from iteration `trainer.state.iteration` on, without end."""

    @abstractmethod
    def prepare(self, batch: Any, device: torch.device, non_blocking: bool, **kwargs: Any) -> tuple[Any, ...]:
        """A batch of `batches` as (inputs, target) or (inputs, target, further arguments, keywords) on the device."""

    @abstractmethod
    def loss(self, prediction: Any, target: Any) -> torch.Tensor:
        """Loss of the whole batch from this process's share."""

    @abstractmethod
    def held_out_batches(self, validating: bool) -> Iterable[Any]:
        """This process's share of what the network is scored on: some while training, all of it at the end."""

    @abstractmethod
    def prepare_held_out(self, batch: Any, device: torch.device, non_blocking: bool, **kwargs: Any) -> tuple[Any, ...]:
        """As `prepare`, for batches of `held_out_batches`."""

    @abstractmethod
    def measure(self, prediction: Any, target: Any) -> torch.Tensor:
        """A row of numbers per sample; the mean of the first column is the score, higher is better."""

    @abstractmethod
    def described(self, rows: torch.Tensor) -> tuple[float, dict[str, Any], str]:
        """The score, what to log beside it, and a few words for the user, from all samples' rows."""

    @abstractmethod
    def report(self, training_data: str) -> Report:
        """Score the best weights, which are loaded by now, on everything and save the network folder."""

    def share_done(self) -> float:
        """0 at the start, 1 at the end, by iterations or by time, whichever is further."""
        minutes = self._settings.minutes
        by_time = self.state.seconds / (60 * minutes) if minutes else 0.0
        return max(self.state.iteration / self.limit, by_time)

    def train(self, progress: Progress | None, training_data: str) -> Report:
        """Iterate to the end and finish. Any exception (also KeyboardInterrupt) first saves the checkpoint, but for
        DivergenceError: a broken state is not worth keeping."""
        with thread_count(self._settings.threads), shown(progress if is_first() else _silence) as self._progress:
            self._clock = self._saved = time.monotonic()
            try:
                with self._interruption.deferred():
                    self._iterate()
            except DivergenceError:
                raise
            except BaseException:
                if self._is_whole:  # else the last checkpoint is the better one to go on from
                    self.save_state()
                raise
            if not all(torch.isfinite(value).all() for value in self.state.best.values()):
                raise DivergenceError("The weights are not finite: lower learning_rate.")
            self.save_state()  # scoring everything takes a while, too
            self._network.load_state_dict(self.state.best)
            report = self.report(training_data)
        if is_first():
            (self.folder / CHECKPOINT_FILE).unlink(missing_ok=True)
        return report

    def rows_of_all(self) -> torch.Tensor:
        """Rows of `measure` of everything held out, with the weights as they are."""
        return self.rows_of(self.held_out_batches(validating=False))

    def rows_of(self, batches: Iterable[Any]) -> torch.Tensor:
        """Rows of `measure` of such batches, all processes' together, with the weights as they are."""
        evaluator = self._make_evaluator(batches)
        evaluator.run()
        rows: torch.Tensor = evaluator.state.metric_details[SCORE]
        return rows

    def save_report(self, metadata: NetworkMetadata, document: dict[str, Any]) -> None:
        """Write the network folder and report.json, in the first process."""
        if is_first():
            network = self.saved(self._network)
            save_network(network, self.folder, metadata, half=fits_half(network))
            write_atomically(self.folder / REPORT_FILE, json.dumps(document, indent=2) + "\n")

    def saved(self, network: nn.Module) -> nn.Module:
        """What of the network the folder is to hold."""
        return network

    def save_state(self) -> None:
        """Write the checkpoint, in the first process."""
        if not is_first():
            return
        state = self.state
        progress: dict[str, Any] = {name: value for name, value in vars(state).items() if name != "best"}
        # JSON has no infinity.
        progress["best_score"] = state.best_score if state.best else None
        progress["settings"] = self._settings.as_dict()
        progress["stopping"] = dict(self._stopping.state_dict()) if self._stopping is not None else None
        scaler = self.trainer.scaler
        progress["scaler"] = scaler.state_dict() if scaler is not None else self._scaler_state
        save_checkpoint(self.folder / CHECKPOINT_FILE, self._network, self._optimizer, state.best, progress)
        self._saved = time.monotonic()

    def _resume(self) -> dict[str, Any] | None:
        """Take up the checkpoint, if there is one; returns the state of early stopping in it."""
        path, stopping = self.folder / CHECKPOINT_FILE, None
        if path.is_file():
            best, progress = load_checkpoint(path, self._network, self._optimizer)
            self._refuse_other_settings(progress.pop("settings"))
            stopping, self._scaler_state = progress.pop("stopping", None), progress.pop("scaler", None)
            if progress["best_score"] is None:
                progress["best_score"] = -math.inf
            self.state = TrainingState(best=best, **progress)
        if agreed(self.state.iteration, self.device) != self.state.iteration:
            raise InputError(
                f"{path} is not the same for all processes: give all machines one shared output folder, or delete it."
            )
        return stopping

    def _refuse_other_settings(self, before: dict[str, Any]) -> None:
        now = json.loads(json.dumps(self._settings.as_dict()))
        changed = sorted(
            name for name in now if name in before and name not in FREE_SETTINGS and before[name] != now[name]
        )
        if changed:
            raise InputError(
                f"{self.folder / CHECKPOINT_FILE} was made with other settings ({', '.join(changed)}); restore them, "
                "delete it, or choose another output folder."
            )

    def _make_trainer(self) -> SupervisedTrainer:
        network: nn.Module = self._network
        if process_count() > 1:
            cards = [self.device] if self.device.type == "cuda" else None
            network = nn.parallel.DistributedDataParallel(network, device_ids=cards)
        rounds = math.ceil(self.limit / self._settings.validate_every) if math.isfinite(self.limit) else sys.maxsize
        trainer = SupervisedTrainer(
            device=self.device,
            max_epochs=rounds,
            train_data_loader=self.batches(),
            network=network,
            optimizer=self._optimizer,
            loss_function=self.loss,
            epoch_length=self._settings.validate_every,
            prepare_batch=self.prepare,
            inferer=AutocastInferer(self.device, self._dtype),
            amp=self._dtype is torch.float16,  # that is: with a gradient scaler
            amp_kwargs={"dtype": torch.float16},
            decollate=False,
            optim_set_to_none=True,
        )
        trainer.logger = _silent
        return trainer

    def _make_evaluator(self, batches: Iterable[Any]) -> SupervisedEvaluator:
        metric = IgniteMetricHandler(
            metric_fn=PerSample(self.measure),  # type: ignore[arg-type]
            output_transform=lambda output: (output["pred"], output["label"]),
        )
        evaluator = SupervisedEvaluator(
            device=self.device,
            val_data_loader=batches,
            network=self._network,
            prepare_batch=self.prepare_held_out,
            inferer=AutocastInferer(self.device, self._dtype),
            key_val_metric={SCORE: metric},
            decollate=False,
        )
        evaluator.logger = _silent
        return evaluator

    def _attach_handlers(self, stopped: dict[str, Any] | None) -> EarlyStopping | None:
        """Everything in the order in which it happens; returns early stopping, whose state is in checkpoints."""
        settings, trainer, evaluator = self._settings, self.trainer, self.evaluator
        trainer.add_event_handler(Events.STARTED, self._restore_scaler)
        trainer.add_event_handler(Events.ITERATION_STARTED, self._begin_iteration)
        if settings.gradient_clip is not None:
            trainer.add_event_handler(IterationEvents.BACKWARD_COMPLETED, clip_gradient, settings.gradient_clip)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._end_iteration)
        evaluator.add_event_handler(Events.ITERATION_COMPLETED, self._interruption.raise_if_asked)
        evaluator.add_event_handler(Events.EPOCH_COMPLETED, self._record)
        stopping = None
        if settings.patience is not None:
            stopping = EarlyStopping(settings.patience, lambda engine: engine.state.metrics[SCORE], trainer)
            stopping.logger = _silent
            if stopped is not None:
                stopping.load_state_dict(stopped)
            evaluator.add_event_handler(Events.EPOCH_COMPLETED, stopping)
        if settings.tensorboard and is_first():
            writers = tensorboard_handlers(self.folder / TENSORBOARD_FOLDER, trainer, self.state.iteration)
            for handler, engine in zip(writers, (trainer, evaluator)):
                handler.attach(engine)
        ValidationHandler(settings.validate_every, evaluator, epoch_level=False).attach(trainer)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._tell)
        return stopping

    def _iterate(self) -> None:
        """The engine's run, from where the checkpoint left off."""
        state, every = self.state, self._settings.validate_every
        if state.iteration and state.iteration % every == 0 and state.validated_at != state.iteration:
            self.evaluator.run()  # interrupted between the iteration and its validation
        if self.share_done() < 1 and not state.stopped_early:
            counters = {
                "iteration": state.iteration,
                "epoch_length": every,
                "max_epochs": self.trainer.state.max_epochs,
            }
            self.trainer.load_state_dict(counters)
            self.trainer.run()
            state.stopped_early = self.share_done() < 1
        if state.validated_at != state.iteration:
            self.evaluator.run()

    def _restore_scaler(self, _engine: Engine) -> None:
        if self.trainer.scaler is not None and self._scaler_state:
            self.trainer.scaler.load_state_dict(self._scaler_state)

    def _begin_iteration(self, _engine: Engine) -> None:
        self._is_whole = False
        rate = self._settings.rate_at(self.state.iteration, self.share_done())
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def _end_iteration(self, engine: Engine) -> None:
        state, loss, now = self.state, float(self.trainer.state.output["loss"].detach()), time.monotonic()
        if not math.isfinite(loss):
            raise DivergenceError(f"The loss is {loss} at iteration {state.iteration}: lower learning_rate.")
        self.last_loss = loss
        state.losses.append(loss)
        state.iteration = engine.state.iteration
        state.seconds += now - self._clock
        if self._settings.minutes:
            state.seconds = agreed(state.seconds, self.device)
        self._clock, self._is_whole = now, True
        if self.share_done() >= 1:
            engine.terminate()

    def _tell(self, _engine: Engine) -> None:
        """After an iteration and its validation: checkpoint, progress, and the place to stop when asked."""
        if time.monotonic() - self._saved > 60 * self._settings.checkpoint_minutes:
            self.save_state()
        self._progress(min(1.0, self.share_done()), self._text or f"iteration {self.state.iteration}")
        self._interruption.raise_if_asked()

    def _record(self, _engine: Engine) -> None:
        """Keep the weights if they are the best yet, append to the log, and have a line for the user."""
        state, found = self.state, self.evaluator.state
        score, values, words = self.described(found.metric_details[SCORE])
        found.metrics.update({SCORE: score, **scalars(values)})
        if score > state.best_score or not state.best:
            state.best_score, state.best_iteration = score, state.iteration
            state.best = {name: value.detach().cpu().clone() for name, value in self._network.state_dict().items()}
        loss = sum(state.losses) / len(state.losses) if state.losses else None
        state.losses, state.validated_at = [], state.iteration
        line = {
            "iteration": state.iteration,
            "loss": loss,
            **values,
            "learning_rate": self._optimizer.param_groups[0]["lr"],
            "seconds": round(state.seconds, 1),
            "validation_seconds": round(time.monotonic() - self._clock, 1),
        }
        if is_first():
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / LOG_FILE).open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
        self._text = f"iteration {state.iteration}: loss {loss or 0:.3f}, {words}"


def _silence(_share: float, _text: str) -> None:
    """Progress nobody is told of."""


def scalars(values: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """The numbers among nested values, by names joined with underscores, as TensorBoard takes them."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found.update(scalars(value, f"{prefix}{name}_"))
        elif isinstance(value, (int, float)):
            found[prefix + name] = float(value)
    return found


def fits_half(network: nn.Module) -> bool:
    """Whether no weight is too large for float16; one that is not finite says no more than it does in float32."""
    largest = torch.finfo(torch.float16).max
    return all(
        bool((value.abs() <= largest).all()) for value in network.state_dict().values() if value.is_floating_point()
    )
