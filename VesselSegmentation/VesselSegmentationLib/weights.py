"""Networks on disk: a folder that is a MONAI bundle, says what it is, and is refused when it is not (bundle_layout).

Weights are stored in half precision to save space and loaded as float32. Nothing in the folder is executed by this
module: the network is built by a function registered in this process under the name in the metadata, from plain numbers
and words that the function checks. (`python -m monai.bundle run` does run what the configs say.)
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import nn

from VesselSegmentationLib import branch_bundle
from VesselSegmentationLib.bundle_layout import (
    AUTHORS,
    CARD_FILE,
    COPYRIGHT,
    FORMER_METADATA_FILE,
    METADATA_FILE,
    REFERENCES,
    SCHEMA,
    WEIGHTS_FILE,
    BundleMaker,
    BundleParts,
    metadata_path,
)
from VesselSegmentationLib.errors import UserError, WeightsError
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.segmentation_bundle import segmentation_bundle

FORMER_FORMAT = "vessel-registration network 1"
FORMAT = "vessel-registration network 2"
NEEDED_PACKAGES = ("pytorch-ignite", "safetensors", "pillow", "vessel-registration")
"""What a bundle's workflows need beside MONAI, PyTorch and NumPy; the last one is this project."""
REMEDY = "Train the network again, or get the project's Resources folder again."

NetworkBuilder = Callable[..., nn.Module]


def _build_dru_net(**hyper_parameters: Any) -> nn.Module:
    from VesselSegmentationLib.dru_net import DruNet

    return DruNet(**hyper_parameters)


_BUILDERS: dict[str, NetworkBuilder] = {"DruNet": _build_dru_net, branch_bundle.NAME: branch_bundle.build_branch}
_BUNDLES: dict[str, BundleMaker] = {"DruNet": segmentation_bundle, branch_bundle.NAME: branch_bundle.branch_bundle}


def register_network(name: str, builder: NetworkBuilder, bundle: BundleMaker | None = None) -> None:
    """Let folders of network `name` be loaded with `builder(**hyper_parameters)`.

    The builder must check its arguments (raise UserError, ValueError or TypeError). Registering a name again with
    another builder raises ValueError: two networks of one name would load each other's weights. `bundle` says what
    makes the network's folder a MONAI bundle; None: metadata and weights alone.
    """
    if _BUILDERS.setdefault(name, builder) is not builder:
        raise ValueError(f"A network named {name!r} is already registered.")
    if bundle is not None:
        _BUNDLES[name] = bundle


@dataclass(frozen=True)
class NetworkMetadata:
    """What metadata.json says, apart from file names and versions of libraries.

    `inputs` and `outputs` put in words what goes in and comes out (shape, units, meaning of values); `scores` are
    measured numbers with the data they were measured on.
    """

    network: str
    hyper_parameters: Mapping[str, Any]
    version: str = "0.1.0"
    description: str = ""
    training_data: str = ""
    intended_use: str = "Research only. Not for diagnosis or treatment."
    inputs: str = ""
    outputs: str = ""
    scores: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""
    precision: str = ""
    changelog: Mapping[str, str] = field(default_factory=dict)
    """What is new in each version, the present one too; empty: nothing but the description."""

    def parts(self) -> BundleParts | None:
        """What makes the folder a bundle; None for a kind of network that names nothing."""
        maker = _BUNDLES.get(self.network)
        return None if maker is None else maker(self.hyper_parameters)

    def as_json(self) -> str:
        """The text of configs/metadata.json, in MONAI's vocabulary where that has a word for it."""
        import monai
        import numpy

        parts = self.parts()
        document = {
            "schema": SCHEMA,
            "format": FORMAT,
            "version": self.version,
            "changelog": dict(self.changelog) or {self.version: self.description or "first version"},
            "monai_version": monai.__version__,
            "pytorch_version": torch.__version__.split("+")[0],
            "numpy_version": numpy.__version__,
            "required_packages_version": _versions(),
            "name": parts.name if parts else self.network,
            "task": parts.task if parts else self.network,
            "description": self.description,
            "authors": AUTHORS,
            "copyright": COPYRIGHT,
            "data_source": self.training_data,
            "data_type": parts.data_type if parts else "",
            "image_classes": self.inputs,
            "pred_classes": self.outputs,
            "intended_use": self.intended_use,
            "eval_metrics": dict(self.scores),
            "references": list(REFERENCES),
            "network_data_format": parts.network_data_format if parts else {"inputs": {}, "outputs": {}},
            "network": {"name": self.network, "hyper_parameters": dict(self.hyper_parameters)},
            "weights": {"file": WEIGHTS_FILE, "sha256": self.sha256, "precision": self.precision},
        }
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _versions() -> dict[str, str]:
    """Versions of the packages that a bundle needs, as installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in NEEDED_PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def save_network(
    module: nn.Module, folder: Path | str, metadata: NetworkMetadata, *, half: bool = True, card: str | None = None
) -> NetworkMetadata:
    """Write a network folder, a whole bundle; returns the metadata with the checksum and precision filled in.

    Args:
        half: store float16, which halves the file. Values too large for it are refused with WeightsError.
        card: text of docs/README.md; None: the one that is there, else a short one.
    """
    folder = Path(folder)
    if metadata.network not in _BUILDERS:
        raise WeightsError(f"Network {metadata.network!r} is not registered: it could be saved but never loaded.")
    content = tensors_to_bytes({name: _stored(name, value, half) for name, value in module.state_dict().items()})
    complete = NetworkMetadata(
        **{
            **vars(metadata),
            "sha256": hashlib.sha256(content).hexdigest(),
            "precision": "float16" if half else "float32",
        }
    )
    write_bundle(folder, complete, content, card)
    return complete


def write_bundle(folder: Path, metadata: NetworkMetadata, weights: bytes, card: str | None = None) -> None:
    """Write weights as they are stored, metadata with their checksum, workflows and model card.

    A metadata file of the former layout is removed: there must not be two that contradict each other.
    """
    text, parts = metadata.as_json(), metadata.parts()
    write_atomically(folder / WEIGHTS_FILE, weights)
    for name, config in parts.configs.items() if parts else ():
        write_atomically(folder / "configs" / name, json.dumps(config, indent=2) + "\n")
    write_atomically(folder / METADATA_FILE, text)
    (folder / FORMER_METADATA_FILE).unlink(missing_ok=True)
    if card is not None or not (folder / CARD_FILE).is_file():
        write_atomically(folder / CARD_FILE, card if card is not None else _short_card(metadata))


def _short_card(metadata: NetworkMetadata) -> str:
    scores = json.dumps(dict(metadata.scores), indent=2)
    return (
        f"# {metadata.network}\n\n{metadata.description}\n\n"
        f"- **In:** {metadata.inputs or 'not said'}\n"
        f"- **Out:** {metadata.outputs or 'not said'}\n"
        f"- **Trained on:** {metadata.training_data or 'not said'}\n"
        f"- **Use:** {metadata.intended_use}\n\n```json\n{scores}\n```\n"
    )


def _stored(name: str, value: torch.Tensor, half: bool) -> torch.Tensor:
    value = value.detach().to("cpu")
    if not value.is_floating_point():
        return value.contiguous()
    if not torch.isfinite(value).all():
        raise WeightsError(f"Weights {name} hold values that are not finite: the training diverged; lower its rate.")
    value = value.to(torch.float16 if half else torch.float32).contiguous()
    if not torch.isfinite(value).all():
        raise WeightsError(f"Weights {name} are too large for half precision: save with half=False.")
    return value


def load_metadata(folder: Path | str) -> NetworkMetadata:
    """Read and check configs/metadata.json, or metadata.json of a folder of the former layout.

    Raises WeightsError naming the file and the remedy.
    """
    path = metadata_path(folder)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(f"There is no network in {folder}: {METADATA_FILE} is missing. {REMEDY}") from None
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read ({error}). {REMEDY}") from error
    try:
        if document["format"] not in (FORMAT, FORMER_FORMAT):
            raise WeightsError(f"{path} has format {document['format']!r}, expected {FORMAT!r}. {REMEDY}")
        network, weights = document["network"], document["weights"]
        is_former = document["format"] == FORMER_FORMAT
        words = document["network_data_format"] if is_former else document
        metadata = NetworkMetadata(
            network=network["name"],
            hyper_parameters=network["hyper_parameters"],
            version=document["version"],
            description=document["description"],
            training_data=document["data_source"],
            intended_use=document["intended_use"],
            inputs=words["inputs" if is_former else "image_classes"],
            outputs=words["outputs" if is_former else "pred_classes"],
            scores=document["eval_metrics"],
            sha256=weights["sha256"],
            precision=weights["precision"],
            changelog={} if is_former else document["changelog"],
        )
    except (KeyError, TypeError) as error:
        raise WeightsError(f"{path} lacks {error}. {REMEDY}") from error
    if not isinstance(metadata.hyper_parameters, dict) or not isinstance(metadata.network, str):
        raise WeightsError(f"{path} does not describe a network. {REMEDY}")
    return metadata


def load_network(folder: Path | str, network: str | None = None) -> tuple[nn.Module, NetworkMetadata]:
    """Network with its weights, in evaluation mode and float32 on the CPU, and its metadata.

    Args:
        network: the registered name that is expected; any registered one when None.

    Raises WeightsError when a file is missing, changed, or belongs to another network.
    """
    folder = Path(folder)
    metadata = _expected_metadata(folder, network)
    module = _built(metadata, folder)
    tensors = _checked_tensors(folder / WEIGHTS_FILE, metadata.sha256)
    expected = module.state_dict()
    if {name: value.shape for name, value in tensors.items()} != {name: v.shape for name, v in expected.items()}:
        raise WeightsError(
            f"{folder / WEIGHTS_FILE} does not fit {metadata.network} {dict(metadata.hyper_parameters)}. {REMEDY}"
        )
    module.load_state_dict({name: value.to(expected[name].dtype) for name, value in tensors.items()})
    return module.eval(), metadata


def load_tensors(folder: Path | str, network: str) -> tuple[dict[str, torch.Tensor], NetworkMetadata]:
    """The weights by name, as stored, and the metadata, without building the network that they are for.

    Raises WeightsError when a file is missing, changed, or belongs to another network than the named one.
    """
    folder = Path(folder)
    metadata = _expected_metadata(folder, network)
    return _checked_tensors(folder / WEIGHTS_FILE, metadata.sha256), metadata


def _expected_metadata(folder: Path, network: str | None) -> NetworkMetadata:
    metadata = load_metadata(folder)
    if network is not None and metadata.network != network:
        raise WeightsError(f"{folder} holds the network {metadata.network!r}, not {network!r}: choose another folder.")
    return metadata


def _built(metadata: NetworkMetadata, folder: Path) -> nn.Module:
    builder = _BUILDERS.get(metadata.network)
    if builder is None:
        known = ", ".join(sorted(_BUILDERS))
        raise WeightsError(f"{folder} holds the unknown network {metadata.network!r}; known are {known}. {REMEDY}")
    try:
        return builder(**metadata.hyper_parameters)
    except (UserError, ValueError, TypeError) as error:
        path = metadata_path(folder)
        raise WeightsError(f"{path} describes an impossible {metadata.network}: {error} {REMEDY}") from error


def _checked_tensors(path: Path, sha256: str) -> dict[str, torch.Tensor]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}). {REMEDY}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise WeightsError(f"{path} was changed after saving (SHA-256 {found[:12]}, not {sha256[:12]}). {REMEDY}")
    try:
        return tensors_from_bytes(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(f"{path} is no safetensors file ({error}). {REMEDY}") from error
