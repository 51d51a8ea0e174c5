"""Vessel masks of X-ray frames of any size, with a trained network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.inference import fused, thread_count
from VesselSegmentationLib.metrics import THRESHOLD
from VesselSegmentationLib.preprocessing import NETWORK_SIDE, NetworkGrid
from VesselSegmentationLib.weights import NetworkMetadata, load_network

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
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
        side: int = NETWORK_SIDE,
    ) -> None:
        """Use `network` (logits (1, 1, side, side) from frames of that shape) for inference.

        Args:
            device: "cpu" or "cuda".
            threads: of torch while segmenting; None leaves the process's number alone.
            precision: "float32", or "bfloat16", which is twice as fast on processors that compute in it (AVX-512 BF16,
                AMX, recent GPUs), slower on others, and changes probabilities by about 0.01.
        """
        if precision not in PRECISIONS:
            raise InputError(f"The precision {precision!r} must be one of {', '.join(PRECISIONS)}.")
        self.device, self.threads, self.side = _device(device), threads, side
        self.metadata: NetworkMetadata | None = None
        self.network = network.eval()
        self.dtype = PRECISIONS[precision]
        self._quick: nn.Module = fused(network).to(device=self.device, dtype=self.dtype)
        self._quick.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def from_folder(
        cls,
        folder: Path | str | None = None,
        device: str = "cpu",
        threads: int | None = None,
        precision: str = "float32",
    ) -> VesselSegmenter:
        """The network saved in `folder`, or the shipped one when None. Raises WeightsError when it cannot be used."""
        if folder is None:
            from VesselSegmentationLib.resources import segmentation_network_folder

            folder = segmentation_network_folder()
        network, metadata = load_network(folder, "DruNet")
        segmenter = cls(network, device, threads, precision)
        segmenter.metadata = metadata
        return segmenter

    def network_probability(self, network_input: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probability of vessel on the network's own square, from its standardized input; both (side, side)."""
        tensor = torch.from_numpy(network_input)[None, None].contiguous(memory_format=torch.channels_last)
        with thread_count(self.threads), torch.inference_mode():
            logits = self._quick(tensor.to(device=self.device, dtype=self.dtype))
            probability: NDArray[np.float32] = logits[0, 0].float().sigmoid().cpu().numpy()
        return probability

    def probability(self, frame: ArrayLike) -> NDArray[np.float32]:
        """Probability of vessel per pixel of the frame, float32 (rows, columns).

        Raises InputError for anything but one finite grey frame.
        """
        picture = np.asarray(frame)
        grid = NetworkGrid.of(picture, self.side)
        with thread_count(self.threads):
            return grid.to_frame(self.network_probability(grid.to_network(picture)))

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
        """Masks (N, rows, columns) of the frames of one run."""
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
