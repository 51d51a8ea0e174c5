"""Reference masks from files: a picture, a folder of pictures or a label map becomes a segmentation of the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer

from VesselSegmentationMRML import run_nodes, segment_nodes

if TYPE_CHECKING:
    import numpy as np

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
VOLUMES = (".nrrd", ".seg.nrrd", ".nhdr", ".mha", ".mhd", ".nii", ".nii.gz")


def loadReference(volumeNode: Any, path: Path) -> Any:
    """The masks of a file or folder as a new, hidden segmentation of the run; returns its node.

    A folder has one picture per frame, in the order of their names; one mask alone counts for the frame shown.
    Raises InputError for files that cannot be read or do not fit the run.
    """
    from VesselSegmentationLib.errors import InputError

    masks = readMasks(path)
    rows, columns = run_nodes.framePixels(volumeNode).shape
    frames = run_nodes.frameCount(volumeNode)
    if masks[0].shape != (rows, columns):
        raise InputError(
            f"{path.name} has {masks[0].shape[1]} x {masks[0].shape[0]} pixels, the run {columns} x {rows}: "
            "choose masks drawn on this run."
        )
    if len(masks) not in (1, frames):
        raise InputError(f"{path.name} holds {len(masks)} masks for {frames} frames: give one for each, or just one.")
    first = run_nodes.shownFrame(volumeNode) if len(masks) == 1 else 0
    node = segment_nodes.storeMasks(volumeNode, {first + index: mask for index, mask in enumerate(masks)})
    sequence = run_nodes.sequenceOf(node)
    for named in (node, *([sequence] if sequence else [])):
        named.SetName(f"{volumeNode.GetName()} reference")
    node.GetDisplayNode().SetVisibility(False)
    return node


def readMasks(path: Path) -> list[np.ndarray]:
    """Masks (rows, columns) bool. Raises InputError."""
    from VesselSegmentationLib.errors import InputError

    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES)
        if not files:
            raise InputError(f"{path} holds no PNG, JPEG, TIFF or BMP picture. Choose the folder with the masks.")
        masks = [_readPicture(file) for file in files]
        if any(mask.shape != masks[0].shape for mask in masks):
            raise InputError(f"The masks in {path} differ in size. Choose a folder with the masks of one run.")
        return masks
    if not path.is_file():
        raise InputError(f"There is no file or folder {path}. Check the name.")
    if path.suffix.lower() in PICTURES:
        return [_readPicture(path)]
    if path.name.lower().endswith(VOLUMES):
        return _readVolume(path)
    raise InputError(f"{path.name} is no mask that can be read. Choose a PNG, TIFF, NRRD or NIfTI file, or a folder.")


def _readPicture(path: Path) -> np.ndarray:
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    from VesselSegmentationLib.errors import InputError

    try:
        with Image.open(path) as image:
            grey = image if image.mode.startswith("I") or image.mode == "L" else image.convert("L")
            values = np.array(grey)
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"{path} cannot be read as a picture ({error}).") from error
    return values > values.max() / 2


def _readVolume(path: Path) -> list[np.ndarray]:
    from VesselSegmentationLib.errors import InputError

    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    storage = scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(str(path))
    if not storage.ReadData(node) or node.GetImageData() is None:
        raise InputError(f"{path.name} cannot be read as a label map. Choose another file.")
    return [mask > 0 for mask in slicer.util.arrayFromVolume(node)]
