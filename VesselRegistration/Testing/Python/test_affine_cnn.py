"""The affine CNN's shapes and parameter counts against Fig. 4, and its start at the identity."""

import numpy as np
import pytest
import torch
from torch import nn

from VesselRegistrationLib.affine_cnn import PAPER, RECOMMENDED, AffineCnn, AffineCnnSettings
from VesselSegmentationLib.errors import InputError


def by_hand(filters: tuple[int, ...], flat: int, hidden: int) -> int:
    """Weights and biases of nine convolutions with batch norm (2 per channel) and two fully connected layers."""
    total, channels = 0, 2
    for index, count in enumerate(filters):
        kernel = 5 if index == 0 else 3
        total += kernel * kernel * channels * count + count + 2 * count
        channels = count
    return total + flat * hidden + hidden + hidden * 6 + 6


def test_the_papers_layout_has_the_parameters_counted_by_hand() -> None:
    network = AffineCnn(PAPER)
    expected = by_hand((32, 64, 64, 128, 128, 128, 128, 256, 256), 256 * 16 * 16, 1024)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected == 68_577_318


def test_the_recommended_layout_has_the_parameters_counted_by_hand() -> None:
    network = AffineCnn(RECOMMENDED)
    expected = by_hand((16, 32, 32, 64, 64, 64, 64, 128, 128), 128 * 4 * 4, 512)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


def test_pooling_follows_the_third_convolution_and_every_other_one_after_it() -> None:
    kinds = [type(layer).__name__ for layer in AffineCnn(AffineCnnSettings(width=2, hidden=8)).features]
    assert kinds == ["Convolution"] * 3 + ["MaxPool2d"] + (["Convolution"] * 2 + ["MaxPool2d"]) * 3


def test_each_convolution_is_followed_by_batch_normalization_and_relu() -> None:
    network = AffineCnn(AffineCnnSettings(width=2, hidden=8))
    kinds = [type(layer) for layer in network.features.modules() if not list(layer.children())]
    assert kinds[:6] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 2
    sizes = [layer.kernel_size for layer in network.features.modules() if isinstance(layer, nn.Conv2d)]
    assert sizes == [(5, 5)] + [(3, 3)] * 8


@pytest.mark.parametrize("settings", [AffineCnnSettings(32, 4, None, 16), AffineCnnSettings(64, 4, 2, 16)])
def test_an_untrained_network_answers_the_identity(settings: AffineCnnSettings) -> None:
    torch.manual_seed(1)
    pictures = torch.rand(3, 1, settings.input_size, settings.input_size)
    matrix = AffineCnn(settings)(pictures, pictures.flip(3))
    np.testing.assert_array_equal(matrix.detach().numpy(), np.eye(3)[None].repeat(3, axis=0))


def test_gradients_reach_the_last_layer_from_the_identity_start() -> None:
    network = AffineCnn(AffineCnnSettings(32, 4, None, 16))
    network(torch.rand(2, 1, 32, 32), torch.rand(2, 1, 32, 32))[:, 0, 2].sum().backward()
    assert network.last.weight.grad is not None
    assert network.last.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("changes", [{"input_size": 100}, {"input_size": 0}, {"width": 0}, {"pooled_size": 0}])
def test_impossible_settings_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(InputError):
        AffineCnnSettings(**changes)


def test_a_fused_network_answers_as_before_and_leaves_the_trained_one_as_it_is() -> None:
    torch.manual_seed(2)
    network = AffineCnn(AffineCnnSettings(32, 4, None, 16))
    nn.init.normal_(network.last.weight, std=0.1)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.2, 0.2)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    network.eval()
    pictures = torch.rand(3, 1, 32, 32)
    before, fused = network(pictures, pictures.flip(3)), network.fused()
    torch.testing.assert_close(fused(pictures, pictures.flip(3)), before)
    assert not [layer for layer in fused.modules() if isinstance(layer, nn.BatchNorm2d)]
    torch.testing.assert_close(network(pictures, pictures.flip(3)), before, rtol=0, atol=0)
