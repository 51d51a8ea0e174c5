"""The state of an interrupted training in one safetensors file: tensors, and JSON words in its header. No pickle.

One file, renamed into place, so that weights, optimizer and counters always belong together.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as tensors_to_bytes
from torch import nn

from VesselSegmentationLib.errors import WeightsError
from VesselSegmentationLib.files import write_atomically

Tensors = dict[str, torch.Tensor]
CHECKPOINT_FILE = "checkpoint.safetensors"


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """State tensors by `parameter index.name`; every state of the torch optimizers used here is a tensor."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": value for index, values in state.items() for name, value in values.items()}


def save_checkpoint(
    path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, best: Tensors, progress: dict[str, Any]
) -> None:
    """Write weights, optimizer state, the best weights so far and `progress` (plain JSON values) as one file."""
    groups = {"weights": module.state_dict(), "optimizer": _optimizer_tensors(optimizer), "best": best}
    tensors = {
        f"{group}/{name}": value.detach().to("cpu").contiguous()
        for group, values in groups.items()
        for name, value in values.items()
        if isinstance(value, torch.Tensor)
    }
    write_atomically(path, tensors_to_bytes(tensors, metadata={"progress": json.dumps(progress)}))


def load_checkpoint(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[Tensors, dict[str, Any]]:
    """Put weights and optimizer state back; returns the best weights and `progress`.

    Raises WeightsError when the file is broken or belongs to another network.
    """
    groups: dict[str, Tensors] = {"weights": {}, "optimizer": {}, "best": {}}
    try:
        with safe_open(path, framework="pt") as file:
            progress = json.loads((file.metadata() or {})["progress"])
            for key in file.keys():
                group, name = key.split("/", 1)
                groups[group][name] = file.get_tensor(key)
        module.load_state_dict(groups["weights"])
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"{path} does not continue this training ({reason}); delete it to start anew.") from error
    states: dict[int, Tensors] = {}
    for name, value in groups["optimizer"].items():
        index, key = name.split(".", 1)
        states.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
    return groups["best"], progress
