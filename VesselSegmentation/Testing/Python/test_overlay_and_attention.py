"""Colors of the paper's figure 6, attention of its figure 7, and PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from VesselSegmentationLib.attention import attention_map, usual_layer
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import InputError, OutputError
from VesselSegmentationLib.overlay import attention_overlay, grey_rgb, outline, overlap_overlay, write_png
from VesselSegmentationLib.resources import resource_folder, segmentation_network_folder
from VesselSegmentationLib.segmenter import VesselSegmenter


def test_hits_are_yellow_false_positives_magenta_and_misses_cyan() -> None:
    frame = np.full((1, 4), 100, np.uint8)
    image = overlap_overlay(frame, [[1, 1, 0, 0]], [[1, 0, 1, 0]], opacity=1)
    assert image.tolist() == [[[255, 255, 0], [255, 0, 255], [0, 255, 255], [100, 100, 100]]]


def test_opacity_blends_color_with_the_frame() -> None:
    frame = np.full((1, 1), 100, np.uint8)
    assert overlap_overlay(frame, [[1]], [[1]], opacity=0.5).tolist() == [[[178, 178, 50]]]
    assert overlap_overlay(frame, [[1]], [[1]], opacity=0).tolist() == [[[100, 100, 100]]]


def test_overlays_refuse_masks_of_another_shape_and_impossible_opacities() -> None:
    frame = np.zeros((4, 4), np.uint8)
    with pytest.raises(InputError, match="truth"):
        overlap_overlay(frame, np.zeros((4, 4)), np.zeros((4, 5)))
    with pytest.raises(InputError, match="opacity"):
        overlap_overlay(frame, np.zeros((4, 4)), np.zeros((4, 4)), opacity=1.5)
    with pytest.raises(InputError, match="attention"):
        attention_overlay(frame, np.zeros((4, 5)))
    with pytest.raises(InputError, match="frame must be"):
        grey_rgb(np.zeros((4, 4, 3)))


def test_frames_of_any_range_become_visible_grey() -> None:
    ramp = np.linspace(-1000, 3000, 10_000).reshape(100, 100)
    grey = grey_rgb(ramp)
    assert grey.dtype == np.uint8
    assert grey.min() == 0
    assert grey.max() == 255
    assert (grey[:, :, 0] == grey[:, :, 2]).all()


def test_an_outline_is_the_border_of_the_mask_except_along_the_pictures_border() -> None:
    mask = np.zeros((6, 6), bool)
    mask[0:4, 1:5] = True
    expected = mask.copy()
    expected[0:3, 2:4] = False
    assert np.array_equal(outline(mask), expected)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[True, False]]), np.array([[255, 0]], np.uint8)),
        (np.array([[3, 200]], np.uint8), np.array([[3, 200]], np.uint8)),
        (np.array([[3, 60_000]], np.uint16), np.array([[3, 60_000]], np.uint16)),
        (np.array([[[1, 2, 3]]], np.uint8), np.array([[[1, 2, 3]]], np.uint8)),
    ],
)
def test_png_files_hold_what_was_written(
    array: NDArray[np.generic], expected: NDArray[np.generic], tmp_path: Path
) -> None:
    path = write_png(tmp_path / "deep" / "picture.png", array)
    with Image.open(path) as image:
        assert np.array_equal(np.array(image), expected)
    assert [file.name for file in path.parent.iterdir()] == ["picture.png"]


def test_png_refuses_what_is_no_picture_and_where_it_cannot_write(tmp_path: Path) -> None:
    for array in (np.zeros((2, 2)), np.zeros((2, 2, 2), np.uint8), np.zeros((0, 4), np.uint8)):
        with pytest.raises(InputError, match="no picture"):
            write_png(tmp_path / "x.png", array)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot write"):
        write_png(tmp_path / "file" / "x.png", np.zeros((2, 2), np.uint8))


class LooksForDark(nn.Module):
    """A toy whose one feature map is the darkness of its input, and another that means nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(1, 2, 9, padding=4)
        self.head = nn.Conv2d(2, 1, 1)
        nn.init.constant_(self.features.weight[:1], -1 / 81)
        nn.init.constant_(self.features.weight[1:], 1 / 81)
        nn.init.zeros_(self.features.bias)
        with torch.no_grad():
            self.head.weight[0, :, 0, 0] = torch.tensor([3.0, 0.0])
            self.head.bias.fill_(-2.0)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(frames).relu())


def frame_with_blob(rows: int = 120, columns: int = 200) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    y, x = np.mgrid[:rows, :columns]
    blob = (x - 150) ** 2 + (y - 40) ** 2 < 15**2
    return 100.0 - 50 * blob + np.random.default_rng(0).normal(0, 3, blob.shape), blob


def test_attention_falls_on_the_blob_the_network_marks() -> None:
    frame, blob = frame_with_blob()
    attention = attention_map(LooksForDark(), frame, layer="features")
    assert attention.shape == frame.shape
    assert attention.dtype == np.float32
    assert attention.max() == pytest.approx(1, abs=0.05)
    assert attention[blob].mean() > 20 * attention[~blob].mean()
    assert blob[np.unravel_index(attention.argmax(), attention.shape)]


def test_attention_works_on_the_real_network_and_leaves_it_as_it_was() -> None:
    torch.manual_seed(0)
    network = DruNet(4).eval()
    nn.init.constant_(network.head.conv.bias, 1.0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    frame, _ = frame_with_blob()
    for layer in ("bottleneck", "encoder.3", "decoder.3"):
        attention = attention_map(network, frame, layer)
        assert attention.shape == frame.shape
        assert 0 <= attention.min() <= attention.max() <= 1
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
    assert all(weights.grad is None for weights in network.parameters())


def test_the_shipped_network_looks_at_the_vessel_it_marks() -> None:
    network = VesselSegmenter.from_folder(segmentation_network_folder()).network
    case = resource_folder() / "SampleCase"
    frame = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(case / "run.dcm")))[5]
    vessels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(case / "masks" / "frame_005.png"))) > 0
    attention = attention_map(network, frame)
    assert attention[vessels].mean() > 4 * attention[~vessels].mean()


def test_the_usual_layer_has_a_value_per_16_pixels_whatever_the_stride() -> None:
    assert [usual_layer(DruNet(4, stride=stride)) for stride in (1, 2)] == ["bottleneck", "decoder.0"]


def test_attention_is_zero_where_nothing_is_marked() -> None:
    network = DruNet(4).eval()
    nn.init.zeros_(network.head.conv.weight)
    nn.init.constant_(network.head.conv.bias, -5.0)
    assert not attention_map(network, frame_with_blob()[0]).any()


def test_an_unknown_layer_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'basement'.*encoder\.0"):
        attention_map(DruNet(4), frame_with_blob()[0], layer="basement")


def test_attention_can_be_laid_over_the_frame() -> None:
    frame, blob = frame_with_blob()
    image = attention_overlay(frame, blob.astype(float), opacity=1)
    assert image.shape == (*frame.shape, 3)
    assert image[40, 150, 0] > image[40, 150, 2]
    assert image[100, 20, 2] > image[100, 20, 0]
