"""The affine CNN on disk: a network folder of its own name (see VesselSegmentationLib.weights)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from VesselRegistrationLib.affine_cnn import AffineCnn, AffineCnnSettings
from VesselRegistrationLib.matching_bundle import matching_bundle
from VesselSegmentationLib.errors import WeightsError
from VesselSegmentationLib.weights import load_network, register_network

NAME = "AffineCnn"


def _build(**hyper_parameters: Any) -> AffineCnn:
    return AffineCnn(AffineCnnSettings(**hyper_parameters))


register_network(NAME, _build, matching_bundle)


def load_matching_network(folder: Path) -> AffineCnn:
    """The affine CNN with its weights. Raises WeightsError when the folder holds anything else."""
    network, _ = load_network(folder, NAME)
    if not isinstance(network, AffineCnn):
        raise WeightsError(f"{folder} does not hold an affine CNN: choose another folder.")
    return network
