"""How the segmentation network is trained: every choice in one place, with the paper's and the recommended ones."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Protocol

from VesselSegmentationLib.dru_net_shape import DruNetShape
from VesselSegmentationLib.errors import InputError

CHOICES = {
    "field_of_view": ("lower", "upper", "both"),
    "loss": ("dice", "bce", "dice+ce", "frame-dice+ce"),
    "optimizer": ("adam", "adamw", "sgd"),
    "schedule": ("constant", "cosine"),
    "upsampling_mode": ("nearest", "bilinear"),
    "amp_dtype": ("auto", "bfloat16", "float16"),
}
FREE_SETTINGS = {
    *("iterations", "epochs", "minutes", "patience", "threads", "workers", "checkpoint_minutes", "device", "version"),
    "tensorboard",
}
"""Settings that may differ when a training goes on: they say when it ends and where it runs, not what it learns."""


class EngineSettings(Protocol):
    """What the engines ask of a training's settings."""

    @property
    def batch_size(self) -> int: ...

    @property
    def minutes(self) -> float | None: ...

    @property
    def threads(self) -> int: ...

    @property
    def device(self) -> str: ...

    @property
    def amp(self) -> bool: ...

    @property
    def amp_dtype(self) -> str: ...

    @property
    def channels_last(self) -> bool: ...

    @property
    def gradient_clip(self) -> float | None: ...

    @property
    def validate_every(self) -> int: ...

    @property
    def patience(self) -> int | None: ...

    @property
    def tensorboard(self) -> bool: ...

    @property
    def checkpoint_minutes(self) -> float: ...

    def rate_at(self, iteration: int, share_done: float) -> float: ...

    def as_dict(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class SegmentationTrainingSettings:
    """Settings of one training. It ends at `iterations`, `epochs` or `minutes`, whichever comes first.

    Raises InputError for values that make no sense.
    """

    field_of_view: str = "both"
    loss: str = "dice+ce"
    learning_rate: float = 2e-3
    batch_size: int = 8
    iterations: int | None = None
    epochs: float | None = None
    minutes: float | None = None
    optimizer: str = "adamw"
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    warm_up_iterations: int = 50
    gradient_clip: float | None = 5.0
    """Largest norm of the gradient; None: not clipped."""
    width: int = 16
    upsampling_mode: str = "nearest"
    stride: int = 1
    """Pixels per position of the first level (dru_net_shape)."""
    augment: bool = True
    seed: int = 1
    threads: int = 1
    device: str = "cpu"
    amp: bool = True
    """Autocast of the forward pass; sums and losses stay float32."""
    amp_dtype: str = "auto"
    """`auto`: bfloat16, but float16 with a gradient scaler on graphics cards that do not compute in bfloat16."""
    channels_last: bool = True
    validate_every: int = 100
    """Iterations between two validations; the best one's weights are kept."""
    validation_frames: int = 64
    """At most so many frames are validated on while training, evenly spread; all of them at the end."""
    patience: int | None = None
    """End after so many validations in a row that were no better than the best one; None: never."""
    start: str | None = None
    """Folder of a network to go on from (fine-tuning), which then says width and up-sampling; None: from scratch."""
    branch: str | None = None
    """Folder of a branch for differences to go on from; None: from scratch."""
    workers: int = 0
    """Processes that read frames ahead, for graphics cards; 0: read when needed."""
    tensorboard: bool = False
    checkpoint_minutes: float = 2.0
    version: str = "0.1.0"

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(f"Training {name} {getattr(self, name)!r} must be one of {', '.join(choices)}.")
        for name in ("learning_rate", "iterations", "epochs", "minutes", "gradient_clip"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"Training {name} {value!r} must be a positive number.")
        for name in ("batch_size", "threads", "validate_every", "validation_frames"):
            if getattr(self, name) < 1:
                raise InputError(f"Training {name} {getattr(self, name)!r} must be 1 or more.")
        if self.patience is not None and self.patience < 1:
            raise InputError(f"Training patience {self.patience!r} must be 1 validation or more.")
        if self.workers < 0:
            raise InputError(f"Training workers {self.workers!r} must be 0 or more.")
        if self.iterations is None and self.epochs is None and self.minutes is None:
            raise InputError("Training needs an end: set iterations, epochs or minutes.")

    @classmethod
    def preset(cls, name: str, **changes: Any) -> SegmentationTrainingSettings:
        """Named settings, with `changes` on top: paper_lower, paper_upper or recommended."""
        if name not in PRESETS:
            raise InputError(f"Training preset {name!r} is unknown; choose one of {', '.join(PRESETS)}.")
        return cls(**{**PRESETS[name], **changes})

    @property
    def side(self) -> int:
        """Of the square that frames are brought to."""
        return DruNetShape(stride=self.stride).side

    def iteration_limit(self, frames: int) -> float:
        """Iterations after which the training ends for a set of so many frames; infinite when only time ends it."""
        limit = math.inf if self.iterations is None else float(self.iterations)
        if self.epochs is not None:
            limit = min(limit, max(1.0, float(round(self.epochs * frames / self.batch_size))))
        return limit

    def rate_at(self, iteration: int, share_done: float) -> float:
        """Learning rate: linear warm-up, then constant or a half cosine to zero over the share of training done."""
        rate = self.learning_rate
        if self.schedule == "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * min(max(share_done, 0.0), 1.0)))
        return rate * min(1.0, (iteration + 1) / (self.warm_up_iterations + 1))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)


_PAPER: dict[str, Any] = {
    "optimizer": "adam",
    "weight_decay": 0.0,
    "schedule": "constant",
    "warm_up_iterations": 0,
    "gradient_clip": None,
    "width": 32,
    "amp": False,
    "augment": False,
    "epochs": 100,
}
PRESETS: dict[str, dict[str, Any]] = {
    "paper_lower": {**_PAPER, "field_of_view": "lower", "loss": "dice", "learning_rate": 1e-5, "batch_size": 8},
    "paper_upper": {**_PAPER, "field_of_view": "upper", "loss": "bce", "learning_rate": 0.1, "batch_size": 4},
    "recommended": {"width": 32, "stride": 2, "loss": "frame-dice+ce", "minutes": 30.0},
}
"""Section II-D gives loss, rate and batch of the paper's two trainings. Optimizer, width, number of epochs and the
absence of augmentation are assumptions there: the paper does not name them."""
