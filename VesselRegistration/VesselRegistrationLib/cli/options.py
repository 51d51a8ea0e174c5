"""Options that several sub-commands share, and how they become the library's objects."""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from VesselRegistrationLib.affine import RegionOfInterest
from VesselRegistrationLib.xray_readings import AS_IS, READINGS, read_as
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.intensity import turned_around

if TYPE_CHECKING:
    from VesselRegistrationLib.matching import AffineMatcher
    from VesselRegistrationLib.vessel_model import VesselModel
    from VesselRegistrationLib.xray_run import XRayRun
    from VesselSegmentationLib.segmenter import VesselSegmenter


def add_run(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """--xray with the geometry that can stand in for the header's."""
    parser.add_argument(
        "--xray",
        type=Path,
        required=required,
        metavar="RUN",
        help="X-ray run: XA, Enhanced XA or RF DICOM, or PNG, JPEG, TIFF, NRRD (geometry beside it or as options)",
    )
    add_geometry(parser)


def add_brightness(parser: argparse.ArgumentParser) -> None:
    """--bright-vessels."""
    parser.add_argument(
        "--bright-vessels",
        action="store_true",
        help="vessels are brighter than what surrounds them: turn the brightness around first",
    )


def add_geometry(parser: argparse.ArgumentParser) -> None:
    """What can stand in for the geometry of a run's header, and how to read its pixels."""
    add_brightness(parser)
    geometry = parser.add_argument_group("geometry of the run, where the header has none or a wrong one")
    geometry.add_argument("--primary-angle", type=float, metavar="DEG", help="LAO positive, RAO negative")
    geometry.add_argument("--secondary-angle", type=float, metavar="DEG", help="CRA positive, CAU negative")
    geometry.add_argument("--sid", type=float, metavar="MM", help="source to detector")
    geometry.add_argument("--sod", type=float, metavar="MM", help="source to isocentre")
    geometry.add_argument("--spacing", type=float, nargs=2, metavar=("ROW", "COLUMN"), help="detector pixel, mm")
    geometry.add_argument(
        "--principal-point", type=float, nargs=2, metavar=("COLUMN", "ROW"), help="where the central beam lands"
    )
    geometry.add_argument(
        "--reading",
        choices=list(READINGS),
        default=AS_IS,
        help="how the header is meant, where a machine departs from DICOM; `inspect --convention` finds it out",
    )


def add_runs(parser: argparse.ArgumentParser) -> None:
    """--xray, once or several times, with the geometry that can stand in for the header's."""
    parser.add_argument(
        "--xray",
        type=Path,
        action="append",
        required=True,
        metavar="RUN",
        help="X-ray run: XA, Enhanced XA or RF DICOM, or PNG, JPEG, TIFF, NRRD (geometry beside it or as options); "
        "several times to solve the runs of one patient together",
    )
    add_geometry(parser)


def read_run(options: argparse.Namespace, path: Path | None = None) -> XRayRun:
    """The run of --xray, or of `path`, with the options' geometry in place of the header's."""
    from VesselRegistrationLib.geometry_overrides import GeometryOverrides
    from VesselRegistrationLib.xray_reading import read_xray_run

    overrides = GeometryOverrides(
        primary_angle_deg=options.primary_angle,
        secondary_angle_deg=options.secondary_angle,
        sid_mm=options.sid,
        sod_mm=options.sod,
        spacing_mm=_pair(options.spacing),
        principal_point_px=_pair(options.principal_point),
    )
    run = read_as(read_xray_run(path or options.xray, overrides), READINGS[options.reading])
    return dataclasses.replace(run, frames=turned_around(run.frames)) if options.bright_vessels else run


def _pair(values: list[float] | None) -> tuple[float, float] | None:
    return None if values is None else (values[0], values[1])


def add_model(parser: argparse.ArgumentParser) -> None:
    """--model with what its file may leave open."""
    parser.add_argument(
        "--model", type=Path, required=True, help="vessel surface: STL, VTP, VTK, OBJ or PLY, from the CT angiogram"
    )
    add_model_reading(parser)


def add_model_reading(parser: argparse.ArgumentParser) -> None:
    """What a model's file may leave open."""
    parser.add_argument("--model-units", choices=["mm", "cm", "m"], help="length unit of the model, if not mm")
    parser.add_argument(
        "--model-frame", choices=["LPS", "RAS"], help="axes of the model; what its header says, else LPS"
    )


def read_model(options: argparse.Namespace) -> VesselModel:
    """The model in LPS mm; its warnings are printed."""
    from VesselRegistrationLib.model_reading import LengthUnit, ModelFrame, read_vessel_model

    units = LengthUnit(options.model_units) if options.model_units else None
    frame = ModelFrame(options.model_frame) if options.model_frame else None
    model = read_vessel_model(options.model, units, frame)
    for warning in model.warnings:
        print(f"model: {warning}")
    return model


def add_frame(parser: argparse.ArgumentParser) -> None:
    """--frame and --initial-pose."""
    parser.add_argument(
        "--frame", type=int, help="frame of the run, counted from 0 (default: the one with most contrast agent)"
    )
    parser.add_argument(
        "--initial-pose",
        type=Path,
        metavar="FILE",
        help="where the model lies: JSON with modelToIsocenter and coordinateSystem, or an ITK transform; "
        "default: the model's own coordinates are those of the isocentre",
    )


def add_subtraction(parser: argparse.ArgumentParser) -> None:
    """--no-subtraction."""
    parser.add_argument(
        "--no-subtraction",
        action="store_true",
        help="find the vessels in each frame by itself, though the run begins before contrast agent came",
    )


def check_earlier(count: int, frames: int, name: str) -> None:
    """Raises InputError where so many --earlier frames leave none of the run's."""
    if not 0 <= count < frames:
        raise InputError(f"--earlier {count} must be from 0 to {frames - 1}: {name} has {frames} frames.")


def add_roi(parser: argparse.ArgumentParser) -> None:
    """--roi X Y W H."""
    parser.add_argument(
        "--roi",
        type=int,
        nargs=4,
        metavar=("X", "Y", "W", "H"),
        help="region of interest in frame pixels: the part of the projection to match (default: all of it)",
    )


def region_of(options: argparse.Namespace) -> RegionOfInterest | None:
    """The region of --roi, if given."""
    return None if options.roi is None else RegionOfInterest(*options.roi)


def add_networks(parser: argparse.ArgumentParser, matching: bool = True) -> None:
    """Folders of networks of one's own, and threads."""
    parser.add_argument("--segmentation-network", type=Path, metavar="DIR", help="default: the shipped one")
    if matching:
        parser.add_argument("--matching-network", type=Path, metavar="DIR", help="default: the shipped one")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="default: %(default)s")


def add_device(parser: argparse.ArgumentParser) -> None:
    """--device."""
    parser.add_argument(
        "--device",
        choices=["auto", "cpu", "cuda"],
        default="auto",
        help="auto: an NVIDIA graphics card where there is one (default: %(default)s)",
    )


def device_of(options: argparse.Namespace) -> str:
    """ "cpu" or "cuda", also for commands without --device."""
    import torch

    wanted = getattr(options, "device", "cpu")
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError("The device cuda: no usable NVIDIA graphics card was found; choose auto or cpu.")
    return str(wanted)


def add_runtime(parser: argparse.ArgumentParser) -> None:
    """--runtime and --precision."""
    parser.add_argument(
        "--runtime",
        choices=["auto", "torch", "openvino"],
        default="auto",
        help="what computes the network; auto: OpenVINO where it is installed and there are frames enough for it to "
        "pay, else torch (default: %(default)s)",
    )
    parser.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16"],
        default="auto",
        help="auto: bfloat16 on CPUs that compute in it (default: %(default)s)",
    )


def load_segmenter(options: argparse.Namespace, frames: int | None = None) -> VesselSegmenter:
    """The segmentation network of the options.

    Commands without `add_runtime` get torch and float32, which give the same numbers on every computer.

    Args:
        frames: how many will be segmented; None: one or a few.
    """
    from VesselSegmentationLib.runtime import runtime_choice
    from VesselSegmentationLib.segmenter import VesselSegmenter

    set_threads(options.threads)
    device = device_of(options)
    return VesselSegmenter.from_folder(
        options.segmentation_network,
        device,
        precision=getattr(options, "precision", "float32"),
        runtime=runtime_choice(getattr(options, "runtime", "torch"), device, frames or 1),
    )


def load_matcher(options: argparse.Namespace) -> AffineMatcher:
    """The matching network of the options."""
    from VesselRegistrationLib.matching import AffineMatcher
    from VesselSegmentationLib.resources import matching_network_folder

    set_threads(options.threads)
    return AffineMatcher.from_folder(options.matching_network or matching_network_folder())


def check_threads(count: int) -> None:
    """Raises InputError for less than one thread."""
    if count < 1:
        raise InputError(f"--threads {count} must be 1 or more.")


def set_threads(count: int) -> None:
    """Let torch use so many threads, and no more, in this process."""
    import torch

    check_threads(count)
    torch.set_num_threads(count)
