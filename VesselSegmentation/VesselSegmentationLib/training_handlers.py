"""Parts that trainings hang on MONAI's engines, where neither MONAI nor ignite has one that does.

AutocastInferer      MONAI's own mixed precision is for graphics cards alone; this one is for processors too
PerSample            a metric that keeps every sample's numbers, gathered from all processes
clip_gradient        limits the gradient's norm, also that of a scaled float16 loss
Interruption         Ctrl-C and SIGTERM wait for the end of the iteration, so that what is saved is whole
tensorboard_handlers MONAI's TensorBoardStatsHandler, told where and how often to write
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from ignite.engine import Engine
from monai.handlers import TensorBoardStatsHandler
from monai.inferers import SimpleInferer
from monai.metrics import Cumulative

from VesselSegmentationLib.errors import InputError

Progress = Callable[[float, str], None]
"""Called with the share done (0 to 1) and a short text; may raise to stop the training."""


class DivergenceError(InputError):
    """The loss is no number any more; the weights are worthless and are not saved."""


class AutocastInferer(SimpleInferer):
    """Runs the network under autocast on any device; `dtype` None leaves float32 alone."""

    def __init__(self, device: torch.device, dtype: torch.dtype | None) -> None:
        super().__init__()
        self._kind, self._dtype = device.type, dtype

    def __call__(self, inputs: Any, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The network's output."""
        with torch.autocast(self._kind, dtype=self._dtype, enabled=self._dtype is not None):
            return super().__call__(inputs, network, *args, **kwargs)


class PerSample(Cumulative):
    """`measure(prediction, target)` gives a row of numbers per sample; the metric is the mean of the first column.

    `get_buffer()` has all rows, of all processes.
    """

    def __init__(self, measure: Callable[[Any, Any], torch.Tensor]) -> None:
        super().__init__()
        self._measure = measure

    def __call__(self, prediction: Any, target: Any) -> None:
        """Take the rows of one batch."""
        self.extend(self._measure(prediction, target))

    def aggregate(self) -> float:
        """Mean of the first column."""
        rows = self.get_buffer()
        assert isinstance(rows, torch.Tensor)
        return float(rows[:, 0].mean())


def clip_gradient(engine: Any, largest_norm: float) -> None:
    """Limit the norm of the gradient of `engine.network`, between backward pass and optimizer."""
    if engine.scaler is not None:
        engine.scaler.unscale_(engine.optimizer)
    torch.nn.utils.clip_grad_norm_(engine.network.parameters(), largest_norm)


def autocast_dtype(name: str, device: torch.device) -> torch.dtype:
    """bfloat16 or float16 for `auto`, whichever the device computes with itself; or the one named.

    Raises InputError for float16 without a graphics card.
    """
    native = device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
    if name == "bfloat16" or (name == "auto" and native):
        return torch.bfloat16
    if device.type != "cuda":
        raise InputError("Training in float16 needs a graphics card (device cuda); take bfloat16.")
    return torch.float16


class Interruption:
    """Whether somebody has asked the training to stop."""

    def __init__(self) -> None:
        self._is_asked = False

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_asked:
            raise KeyboardInterrupt  # asked twice: now
        self._is_asked = True

    def raise_if_asked(self) -> None:
        """KeyboardInterrupt when it was asked; for the places where stopping does no harm."""
        if self._is_asked:
            self._is_asked = False
            raise KeyboardInterrupt

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """While this lasts, SIGINT and SIGTERM are noted, not obeyed. Outside the main thread nothing changes."""
        with ExitStack() as restored:
            if threading.current_thread() is threading.main_thread():
                for number in (signal.SIGINT, signal.SIGTERM):
                    former = signal.signal(number, self._ask)  # None: not Python's own
                    restored.callback(signal.signal, number, signal.SIG_DFL if former is None else former)
            yield


@contextmanager
def shown(progress: Progress | None) -> Iterator[Progress]:
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


def tensorboard_handlers(
    folder: Path, trainer: Engine, first_iteration: int
) -> tuple[TensorBoardStatsHandler, TensorBoardStatsHandler]:
    """For trainer (loss and learning rate of each iteration) and evaluator (scores). Raises InputError without the
    package.

    Events of an interrupted training beyond `first_iteration` are hidden: they are about to be written again.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError(
            "TensorBoard is not installed: `pip install tensorboard`, or train without --tensorboard."
        ) from error
    writer = SummaryWriter(str(folder), purge_step=first_iteration + 1)  # type: ignore[no-untyped-call]

    def values(output: dict[str, Any]) -> dict[str, float]:
        rate = trainer.optimizer.param_groups[0]["lr"]  # type: ignore[attr-defined]
        return {"loss": float(output["loss"].detach()), "learning_rate": rate}

    training = TensorBoardStatsHandler(summary_writer=writer, epoch_log=False, output_transform=values)
    validation = TensorBoardStatsHandler(
        summary_writer=writer, iteration_log=False, global_epoch_transform=lambda _epoch: trainer.state.iteration
    )
    return training, validation
