"""Mark the vessels in X-ray frames.

For a folder of pictures, writes one mask PNG per picture, under the same name and at the picture's size (vessel 255).
For a run, writes one mask per frame as frame_000.png, frame_001.png, ...

  vessel-registration segment --images frames --output masks
  vessel-registration segment --xray run.dcm --output masks --overlay
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.cli import options as shared
from VesselRegistrationLib.cli.main import DONE
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.files import write_atomically

if TYPE_CHECKING:
    from torch import nn

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `segment`."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--images", type=Path, metavar="DIR", help="folder of PNG, JPEG or TIFF frames")
    source.add_argument("--xray", type=Path, metavar="RUN", help="an X-ray run")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--threshold", type=float, default=0.5, help="vessel from this probability (default: 0.5)")
    parser.add_argument("--overlay", action="store_true", help="also write each frame with its vessels in red")
    parser.add_argument("--probability", action="store_true", help="also write probabilities, 0 to 255")
    parser.add_argument(
        "--attention", action="store_true", help="also write where the network looked (Grad-CAM, the paper's Fig. 7)"
    )
    shared.add_networks(parser, matching=False)


def run(options: argparse.Namespace) -> int:
    """Segment every frame and write."""
    from tqdm import tqdm

    from VesselRegistrationLib.registration_files import prepare_output_folder

    if not 0 < options.threshold < 1:
        raise InputError(f"--threshold {options.threshold:g} must lie between 0 and 1.")
    names = _names(options)
    segmenter = shared.load_segmenter(options)
    folder = prepare_output_folder(options.output)
    shares: dict[str, float] = {}
    frames = _frames(options, names)
    for name, frame in tqdm(frames, total=len(names), unit="frame", desc="segment", leave=False):
        probability = segmenter.probability(frame)
        _write(name, frame, probability, options, folder)
        if options.attention:
            _write_attention(name, frame, segmenter.network, folder)
        shares[name] = round(float((probability >= options.threshold).mean()), 5)
    document = {
        "schema": "vessel-registration/segmentation",
        "schemaVersion": 1,
        "threshold": options.threshold,
        "network": segmenter.metadata.sha256 if segmenter.metadata else None,
        "vesselShare": shares,
    }
    write_atomically(folder / "segmentation.json", json.dumps(document, indent=2) + "\n")
    empty = sum(share == 0 for share in shares.values())
    print(f"{len(shares)} masks written to {folder}" + (f"; {empty} show no vessel" if empty else ""))
    return DONE


def _names(options: argparse.Namespace) -> list[str]:
    """File names of the masks, and of the pictures when there is a folder of them."""
    if options.xray is not None:
        from VesselRegistrationLib.xray_reading import read_xray_run

        options.frames = read_xray_run(options.xray).frames
        return [f"frame_{index:03d}.png" for index in range(len(options.frames))]
    if not options.images.is_dir():
        raise InputError(f"--images {options.images} is not a folder.")
    pictures = sorted(
        path.name
        for path in options.images.iterdir()
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.stem.endswith("_mask")
    )
    if not pictures:
        raise InputError(f"{options.images} holds no PNG, JPEG or TIFF picture to segment.")
    stems = [Path(name).stem for name in pictures]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise InputError(
            f"{options.images} holds several pictures named {twice[0]}: their masks would overwrite each other."
        )
    if options.images.resolve() == options.output.resolve():
        raise InputError("--output is the folder of the pictures; masks of the same names would overwrite them.")
    return pictures


def _frames(options: argparse.Namespace, names: list[str]) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Name of the mask and frame, one after the other."""
    from VesselRegistrationLib.xray_reading import read_xray_run

    for index, name in enumerate(names):
        if options.xray is not None:
            yield name, options.frames[index]
        else:
            yield str(Path(name).with_suffix(".png")), read_xray_run(options.images / name).frames[0]


def _write(
    name: str,
    frame: NDArray[np.generic],
    probability: NDArray[np.float32],
    options: argparse.Namespace,
    folder: Path,
) -> None:
    from VesselSegmentationLib.overlay import colored, grey_rgb, write_png

    mask = probability >= options.threshold
    write_png(folder / name, mask)
    stem = Path(name).stem
    if options.probability:
        write_png(folder / "probability" / f"{stem}.png", np.rint(probability * 255).astype(np.uint8))
    if options.overlay:
        write_png(folder / "overlay" / f"{stem}.png", colored(grey_rgb(frame), mask, (255, 80, 80), 0.5))


def _write_attention(name: str, frame: NDArray[np.generic], network: nn.Module, folder: Path) -> None:
    from VesselSegmentationLib.attention import attention_map
    from VesselSegmentationLib.overlay import attention_overlay, write_png

    write_png(folder / "attention" / f"{Path(name).stem}.png", attention_overlay(frame, attention_map(network, frame)))
