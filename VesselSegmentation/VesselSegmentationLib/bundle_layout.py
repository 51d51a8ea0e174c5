"""Where things lie in a network folder, which is a MONAI bundle, and what a kind of network adds to its own.

    configs/metadata.json                       what the network is, was trained on and is meant for; scores; SHA-256
    configs/{inference,evaluate,train}.json     workflows for `python -m monai.bundle run`
    models/model.safetensors                    the weights
    docs/README.md                              the model card

Imports no large library: modules and `--help` ask where a network lies without loading one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

METADATA_FILE = "configs/metadata.json"
FORMER_METADATA_FILE = "metadata.json"
"""Of network folders that were no bundles yet."""
WEIGHTS_FILE = "models/model.safetensors"
CARD_FILE = "docs/README.md"
SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
"""Where `python -m monai.bundle verify_metadata` finds what MONAI asks of metadata; nothing here reads it."""
AUTHORS = "The VesselRegistration developers"
COPYRIGHT = f"Copyright (c) {AUTHORS}. Licensed under the Apache License, Version 2.0."
REFERENCES = (
    "Li Z., Mancini M. E., Monizzi G., Andreini D., Ferrigno G., Dankelman J., De Momi E. (2021) Model-to-Image "
    "Registration via Deep Learning towards Image-Guided Endovascular Interventions. International Symposium on "
    "Medical Robotics (ISMR), Atlanta.",
)


@dataclass(frozen=True)
class BundleParts:
    """What all bundles of one kind of network have in common, given its hyper-parameters.

    `network_data_format` is MONAI's description of the tensors that go in and come out; `configs` are the workflows
    by file name.
    """

    name: str
    task: str
    data_type: str
    network_data_format: Mapping[str, Any]
    configs: Mapping[str, Mapping[str, Any]]


BundleMaker = Callable[[Mapping[str, Any]], BundleParts]
"""From a network's hyper-parameters."""


def metadata_path(folder: Path | str) -> Path:
    """The metadata file of a network folder: the bundle's, or that of a folder of the former layout.

    Where both are, a network of the former layout was copied over a bundle: saving a bundle removes the former file.
    """
    former = Path(folder) / FORMER_METADATA_FILE
    return former if former.is_file() else Path(folder) / METADATA_FILE


def tensor_format(
    kind: str,
    content: str,
    modality: str,
    channels: int,
    shape: tuple[int, ...],
    value_range: tuple[float, ...],
    channel_names: Mapping[str, str],
) -> dict[str, Any]:
    """MONAI's description of one tensor, float32 and whole (no patches)."""
    return {
        "type": kind,
        "format": content,
        "modality": modality,
        "num_channels": channels,
        "spatial_shape": list(shape),
        "dtype": "float32",
        "value_range": list(value_range),
        "is_patch_data": False,
        "channel_def": dict(channel_names),
    }
