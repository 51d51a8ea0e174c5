"""Torch and OpenVINO compute the same, impossible choices are refused with a remedy, and nothing is reported home."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from VesselSegmentationLib import runtime
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.quick_dru_net import QuickDruNet
from VesselSegmentationLib.runtime import OPENVINO_PAYS_FROM, PRECISIONS, RUNTIMES, prepared, runtime_choice
from VesselSegmentationLib.segmenter import VesselSegmenter

needs_openvino = pytest.mark.skipif(
    not runtime.openvino_is_installed(), reason="openvino, an optional package, is not installed"
)
each_runtime = pytest.mark.parametrize("name", ["torch", pytest.param("openvino", marks=needs_openvino)])


class TwoPictures(nn.Module):
    """Two pictures in, a small matrix out, as matching networks have it; the batch size is used as a number."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(2, 3, 3)

    def forward(self, moving: torch.Tensor, fixed: torch.Tensor) -> torch.Tensor:
        means = self.layer(torch.cat([moving, fixed], dim=1)).mean(dim=(2, 3))
        return torch.stack([means, means.new_ones(3).expand(len(means), 3)], dim=1)


def network() -> DruNet:
    torch.manual_seed(4)
    module = DruNet(3)
    for _ in range(3):
        module(torch.randn(4, 1, 32, 32))
    return module.eval()


def pictures(count: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(count).normal(size=(count, 1, side, side)).astype(np.float32)


@each_runtime
def test_a_runtime_computes_what_the_module_does_for_any_batch(name: str) -> None:
    module = network()
    compute = prepared(QuickDruNet.of(module), (torch.zeros(1, 1, 32, 32),), name, threads=1)
    assert (compute.name, compute.precision) == (name, "float32")
    for batch in (1, 3, 1):
        frames = pictures(batch)
        with torch.inference_mode():
            expected = module(torch.from_numpy(frames)).numpy()
        np.testing.assert_allclose(compute(frames), expected, atol=1e-4)


@each_runtime
def test_modules_of_several_inputs_are_computed_too(name: str) -> None:
    module = TwoPictures()
    moving, fixed = pictures(1, 12), pictures(2, 12)[:1]
    compute = prepared(module, (torch.zeros(1, 1, 12, 12), torch.zeros(1, 1, 12, 12)), name, threads=1)
    both = np.concatenate([moving, fixed])
    with torch.inference_mode():
        expected = module(torch.from_numpy(moving), torch.from_numpy(fixed)).numpy()
        of_both = module(torch.from_numpy(both), torch.from_numpy(both)).numpy()
    np.testing.assert_allclose(compute(moving, fixed), expected, atol=1e-5)
    np.testing.assert_allclose(compute(both, both), of_both, atol=1e-5)


@each_runtime
def test_results_are_the_callers_own(name: str) -> None:
    compute = prepared(QuickDruNet.of(network()), (torch.zeros(1, 1, 32, 32),), name, threads=1)
    first = compute(pictures(1))
    kept = first.copy()
    compute(-pictures(1))
    assert np.array_equal(first, kept)


@each_runtime
def test_bfloat16_is_near(name: str) -> None:
    module = network()
    compute = prepared(QuickDruNet.of(module), (torch.zeros(1, 1, 32, 32),), name, threads=1, precision="bfloat16")
    with torch.inference_mode():
        expected = module(torch.from_numpy(pictures(1))).numpy()
    found = compute(pictures(1))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=0.1)


@each_runtime
def test_the_number_of_threads_of_the_process_stays(name: str) -> None:
    former = torch.get_num_threads()
    compute = prepared(QuickDruNet.of(network()), (torch.zeros(1, 1, 32, 32),), name, threads=former + 1)
    compute(pictures(1))
    assert torch.get_num_threads() == former
    with pytest.raises(InputError, match="threads 0"):
        prepared(TwoPictures(), (), name, threads=0)


@needs_openvino
def test_masks_are_the_same_from_either_runtime() -> None:
    frame = np.random.default_rng(0).normal(size=(60, 80))
    by_torch, by_openvino = (VesselSegmenter(network(), threads=1, runtime=name) for name in RUNTIMES)
    assert (by_torch.runtime, by_openvino.runtime) == RUNTIMES
    np.testing.assert_allclose(by_openvino.probability(frame), by_torch.probability(frame), atol=1e-3)


@needs_openvino
def test_openvino_reports_nothing_home(tmp_path: Path) -> None:
    code = (
        "import sys, torch\n"
        "from VesselSegmentationLib.runtime import prepared\n"
        "prepared(torch.nn.ReLU(), (torch.zeros(1, 2),), 'openvino', threads=1)\n"
        "print(sorted(name for name, module in sys.modules.items() if 'openvino_telemetry' in name and module))"
    )
    environment = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []


def test_unknown_runtimes_and_precisions_are_named_with_those_there_are() -> None:
    with pytest.raises(InputError, match="runtime 'tensorrt' is unknown; choose auto, torch or openvino"):
        VesselSegmenter(network(), runtime="tensorrt")
    with pytest.raises(InputError, match="precision 'int8' must be one of float32, bfloat16, or auto"):
        VesselSegmenter(network(), precision="int8")


def test_openvino_must_be_installed_and_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "openvino_is_installed", lambda: False)
    with pytest.raises(InputError, match="pip install openvino, or choose torch"):
        VesselSegmenter(network(), runtime="openvino")
    with pytest.raises(InputError, match="on the CPU, not on cuda"):
        runtime_choice("openvino", "cuda")


def test_auto_takes_openvino_where_it_is_installed_and_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    for installed, few in ((True, "torch"), (False, "torch")):
        monkeypatch.setattr(runtime, "openvino_is_installed", lambda installed=installed: installed)
        many = "openvino" if installed else "torch"
        assert runtime_choice("auto") == many
        assert runtime_choice("auto", calls=OPENVINO_PAYS_FROM) == many
        assert runtime_choice("auto", calls=OPENVINO_PAYS_FROM - 1) == few
        assert runtime_choice("auto", "cuda") == "torch"
    assert runtime_choice("torch", calls=10 * OPENVINO_PAYS_FROM) == "torch"


def test_auto_takes_bfloat16_where_the_cpu_computes_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for native, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(runtime, "bfloat16_is_native", lambda native=native: native)
        assert runtime.precision_choice("auto") == expected
        assert runtime.precision_choice("auto", "cuda") == "float32"
    for precision in PRECISIONS:
        assert runtime.precision_choice(precision) == precision


def test_a_torch_that_cannot_tell_the_cpus_instructions_means_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not runtime.bfloat16_is_native()
