"""What the workflows of a segmentation bundle are made of, beside MONAI's engines (see segmentation_bundle).

Frames go in at any size and come out as masks on their own pixels, as with `VesselSegmenter`. One frame is a batch:
frames of a folder differ in size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch import Tensor, nn

from VesselSegmentationLib.annotations import FRAME_SUFFIXES, is_annotation, read_grey
from VesselSegmentationLib.datasets import FolderDataset, PoolDataset
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.metrics import THRESHOLD, Overlap, overlap_metrics, summarize
from VesselSegmentationLib.overlay import write_png
from VesselSegmentationLib.preprocessing import NETWORK_SIDE, NetworkGrid
from VesselSegmentationLib.training import SegmentationTraining, resolved
from VesselSegmentationLib.training_settings import SegmentationTrainingSettings
from VesselSegmentationLib.weights import load_network

SCORES_FILE = "metrics.json"

Item = dict[str, Any]
"""What MONAI passes from transform to transform: `name`, `image`, `shape` (rows, columns), later `pred`; `label`."""


def trained_network(folder: Path | str, device: str = "cpu") -> nn.Module:
    """The DRU-Net of a bundle with its checked weights. Raises WeightsError for anything else."""
    return load_network(folder, "DruNet")[0].to(device)


def frames_in(folder: Path | str) -> list[Item]:
    """The frames of a folder by name; masks beside them are passed over."""
    folder = Path(folder)
    pictures = (path for path in sorted(folder.glob("*")) if path.suffix.lower() in FRAME_SUFFIXES)
    paths = [path for path in pictures if not is_annotation(path)]
    if not paths:
        raise InputError(f"{folder} holds no PNG, JPEG or TIFF frame: give a folder of frames as --dataset_dir.")
    return [{"name": path.stem, "path": str(path)} for path in paths]


class ReadFrame:
    """From the `path` of a frame to what a network of that side takes."""

    def __init__(self, side: int = NETWORK_SIDE) -> None:
        self.side = side

    def __call__(self, item: Item) -> Item:
        frame = read_grey(Path(item["path"]))
        grid = NetworkGrid.of(frame, self.side)
        image = torch.from_numpy(grid.to_network(frame))[None]
        return {"name": item["name"], "image": image, "shape": torch.tensor(frame.shape)}


def annotated_in(folder: Path | str) -> list[Item]:
    """The annotated frames of a folder by their place in its `FolderDataset`."""
    return [{"index": index} for index in range(len(FolderDataset(folder)))]


class ReadAnnotated:
    """From the `index` of an annotated frame to what the network takes, and the mask on the frame's own pixels."""

    def __init__(self, folder: Path | str, side: int = NETWORK_SIDE) -> None:
        self._frames, self.side = FolderDataset(folder), side

    def __call__(self, item: Item) -> Item:
        frame, mask = self._frames.picture(item["index"])
        return {
            "name": self._frames.names[item["index"]],
            "image": torch.from_numpy(NetworkGrid.of(frame, self.side).to_network(frame))[None],
            "shape": torch.tensor(frame.shape),
            "label": torch.from_numpy(mask)[None].float(),
        }


class MaskOnFrame:
    """The network's logits as a mask (1, rows, columns) of the frame's own pixels, 0 and 1."""

    def __init__(self, threshold: float = THRESHOLD) -> None:
        if not 0 < threshold < 1:
            raise InputError(f"The threshold {threshold:g} must lie between 0 and 1.")
        self.threshold = threshold

    def __call__(self, item: Item) -> Item:
        rows, columns = (int(length) for length in item["shape"])
        logits: Tensor = item["pred"][0].float().cpu()
        probability = NetworkGrid(rows, columns, len(logits)).to_frame(logits.sigmoid().numpy())
        mask = torch.from_numpy(probability >= self.threshold)[None].float()
        return {**item, "pred": mask.to(item["pred"].device)}  # where MONAI's metrics find the label, too


class WriteMask:
    """Writes each mask as NAME.png, vessel 255."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def __call__(self, item: Item) -> Item:
        write_png(self.folder / f"{item['name']}.png", item["pred"][0].cpu().numpy() > 0)
        return item


class Scores:
    """A handler that prints the scores of all frames at the end and writes them, frame by frame, to metrics.json.

    Medians with quartiles, as `vessel-registration evaluate` counts them.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._found: dict[str, Overlap] = {}

    def attach(self, engine: Engine) -> None:
        """Listen to an evaluator."""
        engine.add_event_handler(Events.STARTED, lambda _engine: self._found.clear())
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._take)
        engine.add_event_handler(Events.COMPLETED, self._tell)

    def _take(self, engine: Engine) -> None:
        for batch, output in zip(engine.state.batch, engine.state.output):  # type: ignore[call-overload]
            predicted, true = (output[name][0].cpu().numpy() > 0 for name in ("pred", "label"))
            self._found[batch["name"]] = overlap_metrics(predicted, true)

    def _tell(self, _engine: Engine) -> None:
        document = {
            **summarize(list(self._found.values())).as_dict(),
            "dsc_of": {name: round(overlap.dsc, 4) for name, overlap in self._found.items()},
        }
        text = json.dumps(document, indent=2)
        print(text)
        write_atomically(self.folder / SCORES_FILE, text + "\n")


def training(
    dataset_dir: Path | str,
    output_dir: Path | str,
    recipe: str = "recommended",
    device: str = "cpu",
    start: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> SegmentationTraining:
    """The project's own training of a pool or a folder of annotated frames; the last patients are held out.

    `settings` are changes to the recipe. An interrupted training in `output_dir` is gone on with.
    """
    changes = {**(settings or {}), "device": device, **({"start": str(start)} if start else {})}
    all_settings = resolved(SegmentationTrainingSettings.preset(recipe, **changes))
    data: PoolDataset | FolderDataset
    if (Path(dataset_dir) / "frames.npy").is_file():
        data = PoolDataset(dataset_dir)
    else:
        data = FolderDataset(dataset_dir, all_settings.side)
        data.check()
    rest, held_out = data.split()
    return SegmentationTraining(rest, held_out, all_settings, Path(output_dir))
