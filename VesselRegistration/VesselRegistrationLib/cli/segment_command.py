"""Mark the vessels in X-ray frames.

For a folder of pictures, writes one mask PNG per picture, under the same name and at the picture's size (vessel 255).
For a run, writes one mask per frame as frame_000.png, frame_001.png, ...

Where a run begins before contrast agent came, one of these frames is subtracted to tell vessels from what else is dark
(--no-subtraction leaves that).

For a program that calls this one, --array takes frames of one run, in their order, as a NumPy array and --arrays leaves
masks.npy and what else was asked for (probability.npy, attention.npy), one entry per frame, in the frame's own size.

  vessel-registration segment --images frames --output masks
  vessel-registration segment --xray run.dcm --output masks --overlay
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.cli import options as shared
from VesselRegistrationLib.cli import progress
from VesselRegistrationLib.cli.main import DONE
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.intensity import turned_around

if TYPE_CHECKING:
    from VesselSegmentationLib.frame_subtraction import Picture
    from VesselSegmentationLib.run_subtraction import Segment
    from VesselSegmentationLib.segmenter import VesselSegmenter

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `segment`."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--images", type=Path, metavar="DIR", help="folder of PNG, JPEG or TIFF frames")
    source.add_argument("--xray", type=Path, metavar="RUN", help="an X-ray run")
    source.add_argument("--array", type=Path, metavar="NPY", help="a NumPy array of frames (frames, rows, columns)")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--threshold", type=float, default=0.5, help="vessel from this probability (default: 0.5)")
    parser.add_argument("--overlay", action="store_true", help="also write each frame with its vessels in red")
    parser.add_argument("--probability", action="store_true", help="also write probabilities, 0 to 255")
    parser.add_argument(
        "--attention", action="store_true", help="also write where the network looked (Grad-CAM, the paper's Fig. 7)"
    )
    parser.add_argument("--arrays", action="store_true", help="also write the results of all frames as NumPy arrays")
    shared.add_subtraction(parser)
    parser.add_argument(
        "--earlier",
        type=int,
        default=0,
        metavar="N",
        help="the first N frames of --array are only there to be subtracted, not segmented (default: %(default)s)",
    )
    shared.add_brightness(parser)
    shared.add_device(parser)
    shared.add_runtime(parser)
    shared.add_networks(parser, matching=False)


def run(options: argparse.Namespace) -> int:
    """Segment every frame and write."""
    from VesselRegistrationLib.registration_files import prepare_output_folder
    from VesselSegmentationLib.run_subtraction import each_segmented

    if not 0 < options.threshold < 1:
        raise InputError(f"--threshold {options.threshold:g} must lie between 0 and 1.")
    names = _names(options)
    progress.report(0, "loading the network")
    marker = _Marker(shared.load_segmenter(options, len(names)), options)
    folder = prepare_output_folder(options.output)
    segment = _of_run(options, marker)
    of_run = each_segmented(segment, options.frames[options.earlier :]) if options.images is None else None
    shares: dict[str, float] = {}
    arrays: dict[str, list[NDArray[np.generic]]] = {}
    for name, frame in progress.each(_frames(options, names), len(names), "frame", "segment"):
        probability = next(of_run) if of_run else segment(frame)
        results = _results(probability, frame, marker, options)
        _write(name, frame, results, options, folder)
        shares[name] = round(float(results["masks"].mean()), 5)
        for kind, picture in results.items() if options.arrays else ():
            arrays.setdefault(kind, []).append(picture)
    for kind, pictures in arrays.items():
        _write_array(folder / f"{kind}.npy", pictures)
    document = {
        "schema": "vessel-registration/segmentation",
        "schemaVersion": 1,
        "threshold": options.threshold,
        "network": marker.segmenter.metadata.sha256 if marker.segmenter.metadata else None,
        "differenceBranch": _branch(marker.segmenter) if segment is not marker else None,
        "device": str(marker.segmenter.device),
        "runtime": marker.segmenter.runtime,
        "precision": marker.segmenter.precision,
        "subtracted": segment is not marker,
        "vesselShare": shares,
    }
    write_atomically(folder / "segmentation.json", json.dumps(document, indent=2) + "\n")
    empty = sum(share == 0 for share in shares.values())
    print(f"{len(shares)} masks written to {folder}" + (f"; {empty} show no vessel" if empty else ""))
    return DONE


def _branch(segmenter: VesselSegmenter) -> str | None:
    return segmenter.branch_metadata.sha256 if segmenter.branch_metadata else None


class _Marker:
    """The network, which goes on without the graphics card when that is full."""

    def __init__(self, segmenter: VesselSegmenter, options: argparse.Namespace) -> None:
        self.segmenter, self._options = segmenter, options

    @property
    def sees_differences(self) -> bool:
        """Of its network."""
        return self.segmenter.sees_differences

    def __call__(self, frame: Picture, /) -> NDArray[np.floating]:
        """Probability of vessel, (rows, columns)."""
        return self._tried(lambda segmenter: segmenter.probability(frame))

    def with_difference(self, frame: Picture, difference: NDArray[np.uint8], /) -> NDArray[np.floating]:
        """The same, with what changed in the frame."""
        return self._tried(lambda segmenter: segmenter.with_difference(frame, difference))

    def _tried(self, compute: Callable[[VesselSegmenter], NDArray[np.floating]]) -> NDArray[np.floating]:
        import torch

        from VesselSegmentationLib.segmenter import VesselSegmenter

        try:
            return compute(self.segmenter)
        except torch.OutOfMemoryError:
            if self._options.device != "auto":
                raise InputError("The graphics card has too little free memory: use --device cpu.") from None
        folder, precision = self._options.segmentation_network, self._options.precision
        self.segmenter = VesselSegmenter.from_folder(folder, "cpu", precision=precision)
        return compute(self.segmenter)


def _of_run(options: argparse.Namespace, segment: Segment) -> Segment:
    """With what the run shows before contrast agent came, where it is a run, does so, and that is not to be left."""
    from VesselSegmentationLib.run_subtraction import with_earlier_frames

    if options.images is not None or options.no_subtraction:
        return segment
    return with_earlier_frames(segment, options.frames, options.earlier, options.earlier_frames)


def _results(
    probability: NDArray[np.floating], frame: NDArray[np.generic], marker: _Marker, options: argparse.Namespace
) -> dict[str, NDArray[np.generic]]:
    """The asked pictures of a frame."""
    results: dict[str, NDArray[np.generic]] = {"masks": probability >= options.threshold}
    if options.probability:
        results["probability"] = probability
    if options.attention:
        from VesselSegmentationLib.attention import attention_map

        results["attention"] = attention_map(marker.segmenter.network, frame)
    return results


def _names(options: argparse.Namespace) -> list[str]:
    """File names of the masks, and of the pictures when there is a folder of them."""
    if options.images is None:
        _read_frames(options)
        return [f"frame_{index:03d}.png" for index in range(options.earlier, len(options.frames))]
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


def _read_frames(options: argparse.Namespace) -> None:
    """Into `options`: the frames of a run, vessels dark, and which ones could be subtracted from one of them."""
    if options.array:
        from VesselSegmentationLib.run_subtraction import frames_before

        options.frames, options.earlier_frames = _read_array(options.array), frames_before
    else:
        from VesselRegistrationLib.run_vessels import earlier_frames
        from VesselRegistrationLib.xray_reading import read_xray_run

        run = read_xray_run(options.xray)
        options.frames, options.earlier_frames = run.frames, partial(earlier_frames, run.geometry)
    if options.bright_vessels:
        options.frames = turned_around(options.frames)
    shared.check_earlier(options.earlier, len(options.frames), (options.array or options.xray).name)


def _read_array(path: Path) -> NDArray[np.generic]:
    try:
        frames: NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"--array {path} cannot be read as a NumPy array ({error}).") from error
    if frames.ndim != 3 or not frames.size or not np.issubdtype(frames.dtype, np.number):
        raise InputError(f"--array {path} has shape {frames.shape} of {frames.dtype}, not (frames, rows, columns).")
    return frames


def _frames(options: argparse.Namespace, names: list[str]) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Name of the mask and frame, one after the other."""
    from VesselRegistrationLib.xray_reading import read_xray_run

    for index, name in enumerate(names):
        if options.images is None:
            yield name, np.asarray(options.frames[options.earlier + index])
            continue
        frame = read_xray_run(options.images / name).frames[0]
        yield str(Path(name).with_suffix(".png")), turned_around(frame) if options.bright_vessels else frame


def _write(
    name: str,
    frame: NDArray[np.generic],
    results: dict[str, NDArray[np.generic]],
    options: argparse.Namespace,
    folder: Path,
) -> None:
    from VesselSegmentationLib.overlay import attention_overlay, colored, grey_rgb, write_png

    mask, stem = results["masks"].astype(bool), Path(name).stem
    write_png(folder / name, mask)
    if options.probability:
        write_png(folder / "probability" / f"{stem}.png", np.rint(results["probability"] * 255).astype(np.uint8))
    if options.overlay:
        write_png(folder / "overlay" / f"{stem}.png", colored(grey_rgb(frame), mask, (255, 80, 80), 0.5))
    if options.attention:
        write_png(folder / "attention" / f"{stem}.png", attention_overlay(frame, results["attention"]))


def _write_array(path: Path, pictures: list[NDArray[np.generic]]) -> None:
    if any(picture.shape != pictures[0].shape for picture in pictures):
        raise InputError("--arrays needs frames of one size.")
    buffer = io.BytesIO()
    np.save(buffer, np.stack(pictures), allow_pickle=False)
    write_atomically(path, buffer.getvalue())
