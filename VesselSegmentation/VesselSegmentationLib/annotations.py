"""Grey frames and the masks that people drew on them, from files.

Read are, beside a frame NAME.png (or .jpg, .jpeg, .tif, .tiff):

    NAME_mask.png              0 and another value; or a label index per pixel, as PixelAnnotationTool's strokes
    NAME_watershed_mask.png    PixelAnnotationTool's result, taken rather than its strokes; 255 are the lines between
    NAME_color_mask.png        the same in colors, when there is nothing else
    NAME.seg.nrrd              3D Slicer's segmentation, of one layer or of overlapping segments, cropped or whole
    NAME.nrrd, NAME.nii.gz     3D Slicer's label map, also NAME-label.nrrd and NAME_mask.nrrd and so on

A label says what is vessel: a number, a color such as #ff0000, or the name of a segment. It can be left out where
there is one thing only that is not background. A mask of zeros is a frame without vessel, whatever the label.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from VesselSegmentationLib.errors import InputError

FRAME_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
PICTURE_ENDINGS = ("_watershed_mask.png", "_mask.png", "_color_mask.png")
"""The first one that is there is read."""
VOLUME_ENDINGS = tuple(
    f"{word}{suffix}"
    for suffix in (".seg.nrrd", ".nrrd", ".nii.gz", ".nii")
    for word in ("", "_mask", "-label", "_label", "-segmentation")
)
WATERSHED_LINE = 255
SOFT_WHITES = (255, 65535)
"""A grey mask up to one of these that has values in between was resized or painted softly: vessel from the middle."""
REMEDY = "give --label, or a column label in the table"
Labels = NDArray[np.integer]


def read_grey(path: Path) -> NDArray[np.generic]:
    """A picture (rows, columns) of 8 or 16 bits; colors become grey. Raises InputError when it cannot be read."""
    return _pixels(path, lambda image: image if image.mode.startswith("I") or image.mode == "L" else image.convert("L"))


def frame_path(folder: Path, name: str) -> Path | None:
    """The picture of that name, if there is one."""
    return next((path for suffix in FRAME_SUFFIXES if (path := folder / f"{name}{suffix}").is_file()), None)


def is_annotation(path: Path) -> bool:
    """Whether a picture's name says that it is a mask."""
    return path.name.endswith(PICTURE_ENDINGS)


def annotation_path(folder: Path, name: str) -> Path | None:
    """The annotation of a frame, if there is one. Raises InputError when several contradict each other."""
    pictures = [path for ending in PICTURE_ENDINGS if (path := folder / f"{name}{ending}").is_file()]
    volumes = [path for ending in VOLUME_ENDINGS if (path := folder / f"{name}{ending}").is_file()]
    found = [*pictures[:1], *volumes]
    if len(found) > 1:
        raise InputError(
            f"{folder / name} has several annotations ({', '.join(path.name for path in found)}): keep one, or name it "
            "in a column mask of the table."
        )
    return found[0] if found else None


def read_annotation(path: Path, shape: tuple[int, ...], label: str | None = None) -> NDArray[np.bool_]:
    """Vessel (rows, columns) of an annotation of a frame of that shape.

    Raises InputError, with the file and what to do, when it cannot be read, is of another size, or does not say which
    of its labels is vessel.
    """
    is_picture = path.suffix.lower() in FRAME_SUFFIXES
    mask = _of_picture(path, label) if is_picture else _of_volume(path, shape, label)
    if mask.shape != shape:
        raise InputError(
            f"{path} has {_size(mask.shape)} pixels and its frame {_size(shape)}: they differ in size; draw the mask "
            "on the frame itself, or export both again."
        )
    return mask


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in reversed(shape))


def _pixels(path: Path, wanted: Callable[[Any], Any]) -> NDArray[Any]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return np.array(wanted(image))
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"{path} cannot be read as a picture ({error}).") from error


def _of_picture(path: Path, label: str | None) -> NDArray[np.bool_]:
    """Indices of a palette are labels; so are equal channels; unequal ones are colors."""
    as_is = ("1", "L", "P", "RGB")
    pixels = _pixels(path, lambda one: one if one.mode in as_is or one.mode.startswith("I") else one.convert("RGB"))
    if pixels.ndim == 2:
        labels = pixels.astype(np.int64)
    elif (pixels == pixels[..., :1]).all():
        labels = pixels[..., 0].astype(np.int64)
    else:
        red, green, blue = np.moveaxis(pixels.astype(np.int64), -1, 0)
        return _labelled((red << 16) + (green << 8) + blue, label, path, lambda color: f"#{color:06x}")
    if path.name.endswith("_watershed_mask.png"):
        labels[labels == WATERSHED_LINE] = 0
    elif label is None and labels.max() in SOFT_WHITES and len(np.unique(labels)) > 2:
        return labels > labels.max() / 2
    return _labelled(labels, label, path, str)


def _labelled(labels: Labels, label: str | None, path: Path, written: Callable[[int], str]) -> NDArray[np.bool_]:
    """Where the labels are the one asked for, or the only one that is not 0; `written` puts a label in words."""
    found = [int(value) for value in np.unique(labels) if value]
    if not found:
        return np.zeros(labels.shape, bool)
    words = ", ".join(written(value) for value in found[:20])
    if label is None:
        if len(found) > 1:
            raise InputError(f"{path} has several labels ({words}): say which one is vessel; {REMEDY}.")
        return labels == found[0]
    chosen = [value for value in found if written(value) == label.strip().lower()]
    if not chosen:
        raise InputError(
            f"{path} has no label {label!r}, only {words}: correct the label, or annotate the frame again."
        )
    return labels == chosen[0]


@dataclass(frozen=True)
class _Segment:
    """A segment of 3D Slicer's: where its layer has its value."""

    name: str
    value: int
    layer: int


def _of_volume(path: Path, shape: tuple[int, ...], label: str | None) -> NDArray[np.bool_]:
    layers, header = _read_volume(path)
    segments = _segments(header)
    if segments and layers[0].size == 1:  # so 3D Slicer writes a segmentation in which nothing is marked
        return np.zeros(shape, bool)
    if segments:
        segment = _chosen_segment(segments, label, path)
        if segment.layer >= len(layers):
            raise InputError(f"{path} lacks the layer of its segment {segment.name!r}: save the segmentation again.")
        mask = layers[segment.layer] == segment.value
    else:
        mask = _labelled(layers[0].astype(np.int64), label, path, str)
    return _uncropped(mask, shape, header)


def _read_volume(path: Path) -> tuple[list[NDArray[Any]], dict[str, str]]:
    """Layers (rows, columns) of a volume of one slice, and its header."""
    import SimpleITK as sitk

    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(f"{path} cannot be read as a label map; save it again in 3D Slicer.") from error
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)
    slices = int(np.prod(image.GetSize()[2:]))
    if slices != 1:
        raise InputError(f"{path} has {slices} slices and a frame one: save a label map of this frame alone.")
    array = sitk.GetArrayFromImage(image)
    rows, columns = image.GetHeight(), image.GetWidth()
    layers = array.reshape(rows, columns, image.GetNumberOfComponentsPerPixel())
    header = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    return list(np.moveaxis(layers, -1, 0)), header


def _segments(header: dict[str, str]) -> list[_Segment]:
    numbers = sorted(int(found[1]) for key in header if (found := re.fullmatch(r"Segment(\d+)_ID", key)))
    return [
        _Segment(
            header.get(f"Segment{number}_Name", header[f"Segment{number}_ID"]),
            int(header.get(f"Segment{number}_LabelValue", "1")),
            int(header.get(f"Segment{number}_Layer", "0")),
        )
        for number in numbers
    ]


def _chosen_segment(segments: list[_Segment], label: str | None, path: Path) -> _Segment:
    names = ", ".join(segment.name for segment in segments)
    if label is None:
        if len(segments) > 1:
            raise InputError(f"{path} has several segments ({names}): say which one is vessel; {REMEDY}.")
        return segments[0]
    wanted = label.strip().casefold()
    by_name = [segment for segment in segments if segment.name.casefold() == wanted]
    chosen = by_name or [segment for segment in segments if str(segment.value) == wanted]
    if len(chosen) != 1:
        problem = "several segments" if chosen else "no segment"
        raise InputError(f"{path} has {problem} {label!r}, only {names}: correct the label, or name the segment so.")
    return chosen[0]


def _uncropped(mask: NDArray[np.bool_], shape: tuple[int, ...], header: dict[str, str]) -> NDArray[np.bool_]:
    """The mask in the frame when 3D Slicer saved only the part that is marked; else as it is."""
    offset = header.get("Segmentation_ReferenceImageExtentOffset", "").split()
    if mask.shape == shape or len(offset) != 3:
        return mask
    left, top = int(offset[0]), int(offset[1])
    (rows, columns), (height, width) = mask.shape, shape
    if min(left, top) < 0 or top + rows > height or left + columns > width:
        return mask
    whole = np.zeros(shape, bool)
    whole[top : top + rows, left : left + columns] = mask
    return whole
