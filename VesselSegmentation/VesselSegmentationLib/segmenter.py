"""Vessel masks of X-ray frames of any size, with a trained network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from VesselSegmentationLib.dru_net_shape import side_of
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.frame_subtraction import network_values
from VesselSegmentationLib.inference import thread_count
from VesselSegmentationLib.metrics import THRESHOLD
from VesselSegmentationLib.preprocessing import NetworkGrid
from VesselSegmentationLib.quick_difference import QuickGuidedDruNet, has_branch, load_guided
from VesselSegmentationLib.quick_dru_net import load_quick_dru_net, rearranged
from VesselSegmentationLib.runtime import Runtime, prepared
from VesselSegmentationLib.weights import NetworkMetadata, load_network

Progress = Callable[[float, str], None]
"""Called with the share done (0 to 1) and a short text; may raise to stop."""


class VesselSegmenter:
    """Marks vessels in grey frames (rows, columns), vessels dark; results are on the frame's own pixels."""

    def __init__(
        self,
        network: nn.Module,
        device: str = "cpu",
        threads: int | None = None,
        precision: str = "float32",
        runtime: str = "torch",
    ) -> None:
        """Use `network` (logits (1, 1, side, side) from frames of that shape) for inference.

        Args:
            device: "cpu" or "cuda".
            threads: while segmenting; None leaves the process's number alone.
            precision: "float32", the same on every computer; "bfloat16", twice as fast on CPUs that compute in it
                (AVX-512 BF16, AMX), slower on others, and changes probabilities by about 0.01; or "auto": bfloat16 on
                CPUs that compute in it.
            runtime: "torch", "openvino", or "auto": OpenVINO where it is installed and the device is the CPU.
        """
        self.device, self.threads, self.side = _device(device), threads, side_of(network)
        self.metadata: NetworkMetadata | None = None
        self.branch_metadata: NetworkMetadata | None = None
        self._folder: Path | None = None
        self._branched: QuickGuidedDruNet | None = None
        self._network = network.eval()
        self._wanted = (runtime, precision)
        self._runtime = self._prepared(rearranged(network), channels=1)
        self.runtime, self.precision = self._runtime.name, self._runtime.precision

    def _prepared(self, network: nn.Module, channels: int) -> Runtime:
        runtime, precision = self._wanted
        example = (torch.zeros(1, channels, self.side, self.side),)
        return prepared(network, example, runtime, device=str(self.device), threads=self.threads, precision=precision)

    @classmethod
    def from_folder(
        cls,
        folder: Path | str | None = None,
        device: str = "cpu",
        threads: int | None = None,
        precision: str = "float32",
        runtime: str = "torch",
    ) -> VesselSegmenter:
        """The network saved in `folder`, or the shipped one when None. Raises WeightsError when it cannot be used."""
        if folder is None:
            from VesselSegmentationLib.resources import segmentation_network_folder

            folder = segmentation_network_folder()
        quick, metadata = load_quick_dru_net(folder)
        segmenter = cls(quick, device, threads, precision, runtime=runtime)
        segmenter.metadata, segmenter._folder = metadata, Path(folder)
        if has_branch(Path(folder)):
            segmenter._branched, segmenter.branch_metadata = load_guided(Path(folder), quick, metadata.sha256)
        return segmenter

    def __call__(self, frame: ArrayLike) -> NDArray[np.float32]:
        """As `probability`."""
        return self.probability(frame)

    @property
    def sees_differences(self) -> bool:
        """Whether the network has a branch for what changed since contrast agent came."""
        return self._branched is not None

    @cached_property
    def _guided(self) -> Runtime:
        """Of network and branch; made ready when first used, as many runs begin with contrast agent."""
        if self._branched is None:
            raise InputError("This network sees no differences: train a branch for it (train difference).")
        return self._prepared(self._branched, channels=2)

    @property
    def network(self) -> nn.Module:
        """The network as it was trained, for looking into it; loaded on first use."""
        if self._folder is not None:
            self._network, self._folder = load_network(self._folder, "DruNet")[0], None
        return self._network

    def network_probability(self, network_input: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probability of vessel on the network's own square, from its standardized input; both (side, side)."""
        logits = torch.from_numpy(self._runtime(network_input[None, None])[0, 0])
        probability: NDArray[np.float32] = logits.sigmoid().numpy()
        return probability

    def probability(self, frame: ArrayLike) -> NDArray[np.float32]:
        """Probability of vessel per pixel of the frame, float32 (rows, columns).

        Raises InputError for anything but one finite grey frame.
        """
        picture = np.asarray(frame)
        grid = NetworkGrid.of(picture, self.side)
        with thread_count(self.threads):
            return grid.to_frame(self.network_probability(grid.to_network(picture)))

    def with_difference(self, frame: ArrayLike, difference: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `probability`, with what changed in the frame: a `frame_subtraction.Subtraction.picture` of its shape.

        Raises InputError where the network has no branch for it.
        """
        picture = np.asarray(frame)
        grid = NetworkGrid.of(picture, self.side)
        change = grid.coverage_to_network(network_values(difference))
        guided = self._guided
        with thread_count(self.threads):
            logits = guided(np.stack([grid.to_network(picture), change])[None])[0, 0]
        return grid.to_frame(torch.from_numpy(logits).sigmoid().numpy())

    def segment(self, frame: ArrayLike, threshold: float = THRESHOLD) -> NDArray[np.bool_]:
        """Vessel mask of the frame: probability at or above the threshold (between 0 and 1)."""
        if not 0 < threshold < 1:
            raise InputError(f"The threshold {threshold:g} must lie between 0 and 1.")
        mask: NDArray[np.bool_] = self.probability(frame) >= threshold
        return mask

    def segment_run(
        self,
        frames: Sequence[ArrayLike] | NDArray[np.generic],
        threshold: float = THRESHOLD,
        progress: Progress | None = None,
    ) -> NDArray[np.bool_]:
        """Masks (N, rows, columns) of the frames of one run.

        One frame after the other: batches were measured to be no quicker per frame on a CPU.
        """
        if not len(frames):
            raise InputError("The run has no frame to segment.")
        masks = []
        for index, frame in enumerate(frames):
            masks.append(self.segment(frame, threshold))
            if masks[-1].shape != masks[0].shape:
                raise InputError(
                    f"Frame {index} has shape {masks[-1].shape}, the first {masks[0].shape}: one run only."
                )
            if progress is not None:
                progress((index + 1) / len(frames), f"frame {index + 1} of {len(frames)}")
        return np.stack(masks)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"The device {name!r} is unknown; use cpu or cuda.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError("The device cuda is not available on this computer; use cpu.")
    return device
