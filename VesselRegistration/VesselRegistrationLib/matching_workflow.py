"""What the workflows of a matching bundle are made of, beside MONAI's engines (see matching_bundle).

The network alone, without the improvement of `AffineMatcher`: what the bundle holds is what is measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from VesselRegistrationLib.matching import warp_mask
from VesselRegistrationLib.matching_grids import to_frame_pixels
from VesselRegistrationLib.matching_network import load_matching_network
from VesselRegistrationLib.matching_training import MatchingPool, MatchingTraining, MatchingTrainingSettings
from VesselSegmentationLib.annotations import read_grey
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.overlay import write_png
from VesselSegmentationLib.preprocessing import NetworkGrid

MODEL_ENDING, MASK_ENDING = "_model.png", "_mask.png"
RECIPES: dict[str, Callable[..., MatchingTrainingSettings]] = {
    "recommended": MatchingTrainingSettings,
    "paper": MatchingTrainingSettings.paper,
}

Item = dict[str, Any]
"""What MONAI passes on: `name`, `image` and `fixed` (1, side, side), `model` and `label` (1, rows, columns), `pred`."""


def trained_network(folder: Path | str, device: str = "cpu") -> nn.Module:
    """The affine CNN of a bundle with its checked weights. Raises WeightsError for anything else."""
    return load_matching_network(Path(folder)).to(device)


def pairs_in(folder: Path | str) -> list[Item]:
    """The pairs of a folder by name."""
    paths = sorted(Path(folder).glob(f"*{MODEL_ENDING}"))
    if not paths:
        raise InputError(f"{folder} holds no pair: expected NAME{MODEL_ENDING} beside NAME{MASK_ENDING}.")
    return [{"name": path.name[: -len(MODEL_ENDING)], "folder": str(folder)} for path in paths]


class ReadPair:
    """The silhouette and the mask of a pair, as the network takes them and on their own pixels."""

    def __init__(self, side: int) -> None:
        self.side = side

    def __call__(self, item: Item) -> Item:
        paths = [Path(item["folder"]) / f"{item['name']}{ending}" for ending in (MODEL_ENDING, MASK_ENDING)]
        model, mask = (read_grey(path).astype(bool) for path in paths)
        if model.shape != mask.shape:
            raise InputError(
                f"{paths[0]} {model.shape} and {paths[1].name} {mask.shape} differ in size; make them equal."
            )
        grid = NetworkGrid.of(model, self.side)
        image, fixed = (torch.from_numpy(grid.coverage_to_network(one))[None] for one in (model, mask))
        own = {name: torch.from_numpy(one)[None].float() for name, one in (("model", model), ("label", mask))}
        return {"name": item["name"], "image": image, "fixed": fixed, **own}


def prepared(
    batch: Item, device: torch.device, non_blocking: bool, **_kwargs: Any
) -> tuple[Tensor, Tensor, tuple[Tensor], dict[str, Any]]:
    """A batch as MONAI's engine wants it: moving pictures, masks, and the fixed pictures as a further argument."""
    image, label, fixed = (batch[name].to(device, non_blocking=non_blocking) for name in ("image", "label", "fixed"))
    return image, label, (fixed,), {}


class Carried:
    """The silhouette where the network's matrix puts it as `pred` (1, rows, columns); `matrix` is in frame pixels."""

    def __call__(self, item: Item) -> Item:
        model = item["model"][0].numpy() > 0
        grid = NetworkGrid.of(model, item["image"].shape[-1])
        matrix = to_frame_pixels(item["pred"].float().cpu(), grid)
        return {**item, "matrix": matrix, "pred": torch.from_numpy(warp_mask(model, matrix))[None].float()}


class WriteMatch:
    """Writes the carried silhouette as NAME.png and the matrix, from model to frame in pixels (x, y), as NAME.json."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def __call__(self, item: Item) -> Item:
        write_png(self.folder / f"{item['name']}.png", item["pred"][0].numpy() > 0)
        document = {"projectionToFrame": np.asarray(item["matrix"]).tolist()}
        write_atomically(self.folder / f"{item['name']}.json", json.dumps(document, indent=2) + "\n")
        return item


def training(
    dataset_dir: Path | str,
    output_dir: Path | str,
    recipe: str = "recommended",
    device: str = "cpu",
    start: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> MatchingTraining:
    """The project's own training on a pool of simulated views; the last patients are held out."""
    if recipe not in RECIPES:
        raise InputError(f"The recipe {recipe!r} is unknown; choose one of {', '.join(RECIPES)}.")
    changes = {"minutes": 30.0, **(settings or {}), "device": device, **({"start": str(start)} if start else {})}
    return MatchingTraining(MatchingPool.open(dataset_dir), RECIPES[recipe](**changes), Path(output_dir))
