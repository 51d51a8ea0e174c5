"""Several processes, on one machine or many, that train one network as one process would.

Start them with torchrun, which names them in the environment:

    torchrun --nproc-per-node 2 -m VesselRegistrationLib.cli train segmentation ... --device cpu

Each process takes its share of every batch. What makes the result that of one process:
    loss                 is computed from the outputs of all processes (`gathered`), since Dice over a batch is no mean
                         over its parts
    batch normalization  takes its statistics from the whole batch: torch's SyncBatchNorm on graphics cards, which is
                         all it supports, and `GlobalBatchNorm2d` on processors
    random changes       depend on the seed, the iteration and a picture's place in the whole batch
so the weights differ by the rounding of sums in another order, and by nothing else.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from VesselSegmentationLib.errors import InputError

PATIENCE = timedelta(hours=12)
"""How long processes wait for each other: one makes the pool of pictures while the others wait."""


def _is_joined() -> bool:
    return dist.is_available() and dist.is_initialized()


def process_count() -> int:
    """Processes that train together; 1 without torchrun."""
    return dist.get_world_size() if _is_joined() else 1


def process_index() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if _is_joined() else 0


def is_first() -> bool:
    """Whether this process writes files and speaks to the user."""
    return process_index() == 0


@contextmanager
def process_group(device: str) -> Iterator[str]:
    """Join the processes that torchrun started, if it did; yields this process's device.

    gloo carries data between processors, NCCL between graphics cards, of which each process takes one. Inside another
    `process_group` nothing happens.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or _is_joined():
        yield device
        return
    if device.startswith("cuda"):
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            raise InputError(
                f"{local + 1} processes on a machine with {torch.cuda.device_count()} graphics cards: start one a card."
            )
        torch.cuda.set_device(local)
        device = f"cuda:{local}"
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=PATIENCE)
    try:
        yield device
        dist.barrier()  # one that is still sending when the other is gone aborts
    finally:
        # Engines refer to themselves and so outlive their training. What they hold of the group ends here, not while
        # Python shuts down: a process was once seen to abort there, after its work was done.
        gc.collect()
        dist.destroy_process_group()


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if _is_joined():
        dist.barrier()


def share_of(batch_size: int) -> slice:
    """Which part of a batch is this process's. Raises InputError when the batch cannot be dealt out evenly."""
    count = process_count()
    if batch_size % count:
        raise InputError(f"Batch size {batch_size} cannot be dealt out to {count} processes: take a multiple of them.")
    part = batch_size // count
    return slice(process_index() * part, (process_index() + 1) * part)


def agreed(value: float, device: torch.device) -> float:
    """The first process's value, in all processes: clocks differ, and all must stop at the same iteration."""
    if process_count() == 1:
        return value
    box = torch.tensor([value], dtype=torch.float64, device=device)
    dist.broadcast(box, 0)
    return float(box)


class _Gathered(torch.autograd.Function):
    """All processes' parts, one after the other.

    Every process computes the same loss from the same parts, so the gradient of its own part is there already. It is
    multiplied by the number of processes because DistributedDataParallel divides by it.
    """

    @staticmethod
    def forward(context: Any, part: Tensor) -> Tensor:
        part = part.contiguous()
        parts = [torch.empty_like(part) for _ in range(process_count())]
        dist.all_gather(parts, part)
        context.rows = len(part)
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        first = process_index() * context.rows
        return gradients[0][first : first + context.rows] * process_count()


def gathered(part: Tensor) -> Tensor:
    """The whole batch (N, ...) from each process's part (N / processes, ...), of one shape everywhere."""
    if process_count() == 1:
        return part
    whole: Tensor = _Gathered.apply(part)  # type: ignore[no-untyped-call]
    return whole


class _Summed(torch.autograd.Function):
    """Sum over the processes; the gradient of a sum is the sum of the gradients."""

    @staticmethod
    def forward(_context: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """Batch normalization with the statistics of all processes' parts of a batch, for any device.

    Names of weights and the arithmetic (float32 sums) are those of torch's BatchNorm2d, which it is when there is one
    process or when it evaluates. It sends two short vectors each way, and keeps one more copy of its input.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W), normalized."""
        if not self.training or process_count() == 1:
            return super().forward(input)
        values = input.to(torch.promote_types(input.dtype, torch.float32))
        count = values.numel() // values.shape[1] * process_count()
        mean = _Summed.apply(values.sum(dim=(0, 2, 3))) / count  # type: ignore[no-untyped-call]
        centered = values - mean[:, None, None]
        variance = _Summed.apply(centered.square().sum(dim=(0, 2, 3))) / count  # type: ignore[no-untyped-call]
        self._track(mean.detach(), variance.detach() * count / max(count - 1, 1))
        scale = (variance + self.eps).rsqrt() * self.weight
        return (centered * scale[:, None, None] + self.bias[:, None, None]).to(input.dtype)

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 0.1 if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def with_global_statistics(network: nn.Module, device: torch.device) -> nn.Module:
    """The network with batch norms that see all processes' parts; as it was when there is one process."""
    if process_count() == 1:
        return network
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.BatchNorm2d:
                setattr(parent, name, _global_norm(child))
    return network


def _global_norm(former: nn.BatchNorm2d) -> GlobalBatchNorm2d:
    norm = GlobalBatchNorm2d(former.num_features, former.eps, former.momentum)
    norm.to(former.weight.device, former.weight.dtype).load_state_dict(former.state_dict())
    return norm
