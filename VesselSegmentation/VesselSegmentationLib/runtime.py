"""What computes a trained network: torch, always, or OpenVINO where it is installed and the network runs on a CPU.

    compute = prepared(module, (example,), runtime="openvino", threads=2, precision="bfloat16")
    result = compute(array)         NumPy float32 in, NumPy float32 out

OpenVINO merges more operations into one than torch does. It is given the module that torch would run, converted in
memory in about a second and stored nowhere; so it pays from some hundred calls on (`OPENVINO_PAYS_FROM`). Its package
comes with openvino-telemetry, which reports each use over the network without asking; that is kept from loading here.
"""

from __future__ import annotations

import copy
import importlib.util
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.inference import thread_count

FloatArray = NDArray[np.float32]

AUTO = "auto"
RUNTIMES = ("torch", "openvino")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
OPENVINO_PAYS_FROM = 100
"""Frames from which the time that OpenVINO saves outweighs that of its conversion."""
INSTALL_OPENVINO = "pip install openvino"


class Runtime(ABC):
    """A network ready to compute. Calls are float32 arrays in the module's order, of any batch size; one comes back."""

    name: str
    """One of RUNTIMES."""
    precision: str
    """One of PRECISIONS."""

    @abstractmethod
    def __call__(self, *inputs: NDArray[np.generic]) -> FloatArray:
        """The module's output for these inputs."""


def runtime_choice(wanted: str, device: str = "cpu", calls: int | None = None) -> str:
    """The runtime to use for `wanted`, one of RUNTIMES or "auto".

    Args:
        calls: how often the network will run in this process, if known. "auto" takes OpenVINO where that pays.

    Raises InputError for an unknown runtime, one that is not installed, or one that does not run on the device.
    """
    if wanted not in (AUTO, *RUNTIMES):
        raise InputError(f"The runtime {wanted!r} is unknown; choose {AUTO}, {' or '.join(RUNTIMES)}.")
    on_cpu = torch.device(device).type == "cpu"
    if wanted == AUTO:
        pays = calls is None or calls >= OPENVINO_PAYS_FROM
        return "openvino" if on_cpu and pays and openvino_is_installed() else "torch"
    if wanted == "openvino" and not on_cpu:
        raise InputError(f"The runtime openvino computes on the CPU, not on {device}: choose the device cpu or torch.")
    if wanted == "openvino" and not openvino_is_installed():
        raise InputError(f"The runtime openvino is not installed: {INSTALL_OPENVINO}, or choose torch.")
    return wanted


def precision_choice(wanted: str, device: str = "cpu") -> str:
    """The precision to use for `wanted`, one of PRECISIONS or "auto": bfloat16 on CPUs that compute in it.

    Raises InputError for an unknown precision.
    """
    if wanted not in (AUTO, *PRECISIONS):
        raise InputError(f"The precision {wanted!r} must be one of {', '.join(PRECISIONS)}, or {AUTO}.")
    if wanted != AUTO:
        return wanted
    return "bfloat16" if torch.device(device).type == "cpu" and bfloat16_is_native() else "float32"


def openvino_is_installed() -> bool:
    """Whether `import openvino` would find something; nothing is loaded."""
    return importlib.util.find_spec("openvino") is not None


def bfloat16_is_native() -> bool:
    """Whether this CPU has instructions for bfloat16 (AVX-512 BF16 or AMX); without them it is slower than float32.

    False where torch is too old to say.
    """
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def prepared(
    module: nn.Module,
    example: Sequence[torch.Tensor],
    runtime: str = "torch",
    *,
    device: str = "cpu",
    threads: int | None = None,
    precision: str = "float32",
) -> Runtime:
    """Make a module ready to compute, quickly and without gradients.

    Args:
        module: in evaluation mode, float32 on the CPU; tensors in, one tensor out. Left as it is.
        example: inputs of the shape to expect; other batch sizes are possible, at a price (OpenVinoRuntime).
        runtime: "torch", "openvino", or "auto": OpenVINO where it is installed and the device is the CPU.
        device: "cpu" or "cuda".
        threads: while computing; None: as many as torch has.
        precision: "float32", "bfloat16", or "auto": bfloat16 on CPUs that compute in it. Inputs and outputs are
            float32 in any case.

    Raises InputError for choices that cannot be.
    """
    precision = precision_choice(precision, device)
    if threads is not None and threads < 1:
        raise InputError(f"The number of threads {threads} must be 1 or more.")
    if runtime_choice(runtime, device) == "openvino":
        return OpenVinoRuntime(module, example, threads, precision)
    return TorchRuntime(module, device, threads, precision)


class TorchRuntime(Runtime):
    """Torch itself, with maps laid out channels last, as its CPU library (oneDNN) computes them best."""

    name = "torch"

    def __init__(self, module: nn.Module, device: str, threads: int | None, precision: str) -> None:
        self.device, self.threads, self.precision = torch.device(device), threads, precision
        self._dtype = PRECISIONS[precision]
        self._module: nn.Module = copy.deepcopy(module).to(device=self.device, dtype=self._dtype)
        self._module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, *inputs: NDArray[np.generic]) -> FloatArray:
        with thread_count(self.threads), torch.inference_mode():
            result: FloatArray = self._module(*map(self._tensor, inputs)).float().cpu().numpy()
        return result

    def _tensor(self, array: NDArray[np.generic]) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
        layout = torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
        return tensor.to(device=self.device, dtype=self._dtype, memory_format=layout)


class OpenVinoRuntime(Runtime):
    """OpenVINO on the CPU. The module is converted here, and once more for each further shape of its inputs."""

    name = "openvino"

    def __init__(self, module: nn.Module, example: Sequence[torch.Tensor], threads: int | None, precision: str) -> None:
        openvino = _openvino_without_telemetry()
        self.precision = precision
        self._module, self._convert, self._core = module, openvino.convert_model, openvino.Core()
        self._options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads or torch.get_num_threads(),
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
            "ENABLE_CPU_PINNING": False,  # the cores are shared with the application
        }
        self._requests: dict[tuple[tuple[int, ...], ...], Any] = {}
        self._one_at_a_time = Lock()
        self._request_for(tuple(tuple(tensor.shape) for tensor in example))

    def __call__(self, *inputs: NDArray[np.generic]) -> FloatArray:
        arrays = [np.ascontiguousarray(array, dtype=np.float32) for array in inputs]
        with self._one_at_a_time:
            results = self._request_for(tuple(array.shape for array in arrays)).infer(dict(enumerate(arrays)))
            return np.array(results[0], dtype=np.float32)

    def _request_for(self, shapes: tuple[tuple[int, ...], ...]) -> Any:
        if shapes not in self._requests:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of torch's tracer, on Python numbers and on its own retirement
                model = self._convert(self._module, example_input=tuple(map(torch.zeros, shapes)))
            model.reshape(dict(enumerate(map(list, shapes))))
            self._requests[shapes] = self._core.compile_model(model, "CPU", self._options).create_infer_request()
        return self._requests[shapes]


def _openvino_without_telemetry() -> Any:
    """The package, which does without openvino_telemetry where that cannot be imported."""
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
