"""What every training here shares: iterations to an end, log, checkpoint, best weights, and stopping at any time.

A training derives from `TrainingLoop` and says what one step, one validation and the end are. Batch and random changes
of iteration k must depend on the seed and k alone; then an interrupted training that goes on gives the weights of one
that never stopped (on the same machine, with the same number of threads, ended by iterations).
"""

from __future__ import annotations

import json
import math
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from VesselSegmentationLib.checkpoint import CHECKPOINT_FILE, Tensors, load_checkpoint, save_checkpoint
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.inference import thread_count

LOG_FILE = "log.jsonl"
FREE_SETTINGS = {"iterations", "epochs", "minutes", "threads", "checkpoint_minutes", "device", "version"}
"""Settings that may differ when a training goes on: they say when it ends and where it runs, not what it learns."""

Progress = Callable[[float, str], None]
"""Called with the share done (0 to 1) and a short text; may raise to stop the training."""

Report = TypeVar("Report")


class DivergenceError(InputError):
    """The loss is no number any more; the weights are worthless and are not saved."""


class LoopSettings(Protocol):
    """What the loop asks of a training's settings."""

    @property
    def minutes(self) -> float | None: ...

    @property
    def threads(self) -> int: ...

    @property
    def validate_every(self) -> int: ...

    @property
    def checkpoint_minutes(self) -> float: ...

    def as_dict(self) -> dict[str, Any]: ...


@dataclass
class TrainingState:
    """What changes while training."""

    iteration: int = 0
    seconds: float = 0.0
    best_score: float = -math.inf
    best_iteration: int = 0
    best: Tensors = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)


class TrainingLoop(ABC, Generic[Report]):
    """One training: network, optimizer, settings and state, in an output folder."""

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        settings: LoopSettings,
        iteration_limit: float,
        folder: Path | str,
    ) -> None:
        self._network, self._optimizer, self._settings = network, optimizer, settings
        self.limit, self.folder, self.state = iteration_limit, Path(folder), TrainingState()
        self._resume()

    @abstractmethod
    def step(self) -> float:
        """One batch forwards and backwards; returns its loss. `state.iteration` counts from 0."""

    @abstractmethod
    def validation(self) -> tuple[float, dict[str, Any], str]:
        """A score (higher is better), what to log beside it, and a few words for the user."""

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
        with thread_count(self._settings.threads), _bar(progress) as shown:
            try:
                self._iterate(shown)
            except DivergenceError:
                raise
            except BaseException:
                self.save_state()
                raise
            self._record()
            self._network.load_state_dict(self.state.best)
            report = self.report(training_data)
        (self.folder / CHECKPOINT_FILE).unlink(missing_ok=True)
        return report

    def save_state(self) -> None:
        """Write the checkpoint."""
        progress: dict[str, Any] = {name: value for name, value in vars(self.state).items() if name != "best"}
        # JSON has no infinity.
        progress["best_score"] = self.state.best_score if self.state.best else None
        progress["settings"] = self._settings.as_dict()
        save_checkpoint(self.folder / CHECKPOINT_FILE, self._network, self._optimizer, self.state.best, progress)

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT_FILE
        if not path.is_file():
            return
        best, progress = load_checkpoint(path, self._network, self._optimizer)
        before, now = progress.pop("settings"), json.loads(json.dumps(self._settings.as_dict()))
        changed = sorted(name for name in now if name not in FREE_SETTINGS and before.get(name) != now[name])
        if changed:
            raise InputError(
                f"{path} was made with other settings ({', '.join(changed)}); restore them, delete it, or choose "
                "another output folder."
            )
        if progress["best_score"] is None:
            progress["best_score"] = -math.inf
        self.state = TrainingState(best=best, **progress)

    def _iterate(self, progress: Progress) -> None:
        state, text, saved = self.state, "", time.monotonic()
        while self.share_done() < 1:
            started = time.monotonic()
            state.losses.append(self.step())
            if not math.isfinite(state.losses[-1]):
                raise DivergenceError(
                    f"The loss is {state.losses[-1]} at iteration {state.iteration}: lower learning_rate."
                )
            state.iteration += 1
            state.seconds += time.monotonic() - started
            if state.iteration % self._settings.validate_every == 0 and self.share_done() < 1:
                started = time.monotonic()
                text = self._record()
                state.seconds += time.monotonic() - started
            if time.monotonic() - saved > 60 * self._settings.checkpoint_minutes:
                self.save_state()
                saved = time.monotonic()
            progress(min(1.0, self.share_done()), text or f"iteration {state.iteration}")

    def _record(self) -> str:
        """Validate, keep the weights if they are the best yet, append to the log; returns a line for the user."""
        state, started = self.state, time.monotonic()
        score, values, words = self.validation()
        if score > state.best_score or not state.best:
            state.best_score, state.best_iteration = score, state.iteration
            state.best = {name: value.detach().cpu().clone() for name, value in self._network.state_dict().items()}
        loss = float(np.mean(state.losses)) if state.losses else None
        state.losses = []
        line = {
            "iteration": state.iteration,
            "loss": loss,
            **values,
            "learning_rate": self._optimizer.param_groups[0]["lr"],
            "seconds": round(state.seconds, 1),
            "validation_seconds": round(time.monotonic() - started, 1),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOG_FILE).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        return f"iteration {state.iteration}: loss {loss or 0:.3f}, {words}"


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def descend(
    network: nn.Module, optimizer: torch.optim.Optimizer, loss: torch.Tensor, largest_norm: float | None
) -> float:
    """One step of the optimizer down the loss's gradient, its norm limited; returns the loss."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if largest_norm is not None:
        torch.nn.utils.clip_grad_norm_(network.parameters(), largest_norm)
    optimizer.step()
    return float(loss.detach())


@contextmanager
def _bar(progress: Progress | None) -> Iterator[Progress]:
    """The given callback, or a bar on the terminal."""
    if progress is not None:
        yield progress
        return
    from tqdm import tqdm

    with tqdm(total=100, unit="%", desc="train", disable=bool(os.environ.get("VESSEL_REGISTRATION_QUIET"))) as bar:

        def show(share: float, text: str) -> None:
            bar.update(int(100 * share) - bar.n)
            bar.set_postfix_str(text, refresh=False)

        yield show
