"""The segmentation network is the paper's: its blocks, its sizes, its additions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from VesselSegmentationLib.dru_net import DruNet, residual_block
from VesselSegmentationLib.errors import InputError


def block_parameters(before: int, after: int) -> int:
    """Two 3x3 convolutions with bias, two batch norms, and a 1x1 projection where the widths differ."""
    convolutions = 9 * before * after + after + 9 * after * after + after
    return convolutions + 2 * 2 * after + ((before * after + after) if before != after else 0)


def expected_parameters(width: int) -> int:
    a, b, c, d, e = (width * factor for factor in (1, 2, 4, 8, 16))
    encoder = block_parameters(1, a) + block_parameters(a, b) + block_parameters(b, c) + block_parameters(c, d)
    decoder = sum(block_parameters(low + level, level) for low, level in ((e, d), (d, c), (c, b), (b, a)))
    return encoder + block_parameters(d, e) + decoder + a + 1


@pytest.mark.parametrize("width", [4, 8, 16, 32])
def test_number_of_weights_follows_from_the_widths(width: int) -> None:
    assert sum(weights.numel() for weights in DruNet(width).parameters()) == expected_parameters(width)


def test_width_32_has_8_29_million_weights() -> None:
    assert expected_parameters(32) == 8_288_673


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_output_has_one_logit_per_pixel(mode: str) -> None:
    logits = DruNet(4, upsampling_mode=mode)(torch.zeros(2, 1, 32, 48))
    assert logits.shape == (2, 1, 32, 48)


@pytest.mark.parametrize("stride", [2, 4])
def test_a_stride_halves_every_level_and_gives_back_every_pixel(stride: int) -> None:
    network = DruNet(4, stride=stride).eval()
    sides: list[int] = []
    network.encoder[0].register_forward_hook(lambda _module, _inputs, output: sides.append(output.shape[-1]))
    nn.init.zeros_(network.head.conv.weight)
    network.head.conv.bias.data = torch.arange(stride**2).float()
    logits = network(torch.randn(1, 1, 64, 64))
    assert sides == [64 // stride]
    assert torch.equal(logits[0, 0, :stride, :stride].flatten(), torch.arange(stride**2).float())
    assert torch.equal(logits[..., :stride, :stride].repeat(1, 1, 64 // stride, 64 // stride), logits)


def test_a_stride_is_part_of_what_rebuilds_the_network_and_asks_for_larger_multiples() -> None:
    network = DruNet(4, stride=2)
    assert DruNet(**network.hyper_parameters()).shape == network.shape
    assert DruNet(4).shape.stride == 1
    with pytest.raises(InputError, match="multiples of 32"):
        network(torch.zeros(1, 1, 48, 64))
    for wrong in (0, 3, True, 1.5):
        with pytest.raises(InputError, match="stride .* must be one of 1, 2, 4"):
            DruNet(4, stride=wrong)


def test_output_is_not_squashed() -> None:
    network = DruNet(4).eval()
    nn.init.zeros_(network.head.conv.weight)
    nn.init.constant_(network.head.conv.bias, -7.0)
    assert torch.equal(network(torch.zeros(1, 1, 16, 16)), torch.full((1, 1, 16, 16), -7.0))


def test_encoder_has_four_blocks_each_halved_and_a_bottleneck() -> None:
    network = DruNet(4).eval()
    sizes: dict[str, tuple[int, ...]] = {}
    for name in ("encoder.0", "encoder.1", "encoder.2", "encoder.3", "bottleneck", "decoder.0", "decoder.3"):
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: sizes.__setitem__(name, tuple(output.shape[1:]))
        )
    network(torch.zeros(1, 1, 64, 64))
    assert sizes == {
        "encoder.0": (4, 64, 64),
        "encoder.1": (8, 32, 32),
        "encoder.2": (16, 16, 16),
        "encoder.3": (32, 8, 8),
        "bottleneck": (64, 4, 4),
        "decoder.0": (32, 8, 8),
        "decoder.3": (4, 64, 64),
    }


def test_a_block_adds_its_input_to_its_output() -> None:
    block = residual_block(3, 3).eval()
    for part in block.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.zeros_(part.weight)
            nn.init.constant_(part.bias, -1.0)
    image = torch.randn(2, 3, 8, 8)
    assert torch.equal(block(image), image)


def test_a_block_computes_convolution_norm_relu_twice() -> None:
    torch.manual_seed(1)
    block = residual_block(2, 5).train()
    image = torch.randn(4, 2, 8, 8)
    convolutions = [part for part in block.modules() if isinstance(part, nn.Conv2d)]
    three = [part for part in convolutions if part.kernel_size == (3, 3)]
    one = [part for part in convolutions if part.kernel_size == (1, 1)]
    maps = image
    for convolution in three:
        maps = nn.functional.conv2d(maps, convolution.weight, convolution.bias, padding=1)
        maps = nn.functional.batch_norm(maps, None, None, training=True).relu()
    expected = maps + nn.functional.conv2d(image, one[0].weight, one[0].bias)
    assert len(three) == 2
    assert len(one) == 1
    assert torch.allclose(block(image), expected, atol=1e-5)


def test_the_finest_detail_reaches_the_output_past_the_bottleneck() -> None:
    torch.manual_seed(2)
    network = DruNet(4).eval()
    image = torch.randn(1, 1, 32, 32)
    before = network(image)
    for weights in network.bottleneck.parameters():
        nn.init.zeros_(weights)
    changed = network(image)
    image[0, 0, 5, 5] += 3
    assert not torch.allclose(before, changed)
    assert (network(image) - changed)[0, 0, 5, 5].abs() > 1e-4


def test_the_same_seed_gives_the_same_network() -> None:
    networks = []
    for _ in range(2):
        torch.manual_seed(5)
        networks.append(DruNet(4))
    image = torch.randn(1, 1, 16, 16)
    assert torch.equal(networks[0].eval()(image), networks[1].eval()(image))


def test_hyper_parameters_rebuild_the_network() -> None:
    network = DruNet(8, 2, 3, "bilinear")
    again = DruNet(**network.hyper_parameters())  # type: ignore[arg-type]
    assert {n: w.shape for n, w in network.state_dict().items()} == {n: w.shape for n, w in again.state_dict().items()}


@pytest.mark.parametrize("arguments", [{"width": 0}, {"width": 4.0}, {"width": True}, {"width": 10_000}])
def test_an_impossible_width_is_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(InputError, match="width"):
        DruNet(**arguments)


def test_impossible_channels_and_up_sampling_are_refused() -> None:
    with pytest.raises(InputError, match="in_channels"):
        DruNet(4, in_channels=0)
    with pytest.raises(InputError, match="'cubic'.*nearest, bilinear"):
        DruNet(4, upsampling_mode="cubic")


@pytest.mark.parametrize("shape", [(1, 1, 40, 32), (1, 1, 32, 40), (1, 2, 32, 32), (1, 32, 32)])
def test_a_picture_of_the_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="DRU-Net takes"):
        DruNet(4)(torch.zeros(shape))
