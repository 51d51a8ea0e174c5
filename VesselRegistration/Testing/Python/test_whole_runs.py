"""Every frame of a run registered: what is made once, what per frame, and how the benchmark scores it."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from VesselRegistrationLib.pose.estimation import PoseModel
from VesselRegistrationLib.pose_registration import register_run
from VesselRegistrationLib.projection import project_model
from VesselRegistrationLib.simulation.cases import SimulatedCase, simulate_case
from VesselRegistrationLib.xray_run import XRayRun

BENCHMARKS = Path(__file__).parents[3] / "Testing" / "Benchmarks"
FRAMES = 4


@pytest.fixture(autouse=True)
def _benchmarks_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.fixture(scope="module")
def case() -> SimulatedCase:
    return simulate_case("phantom", 5, frames=FRAMES, size=256)


class TrueVessels:
    """The model as it stands in each frame; nothing in those that are `hidden`."""

    def __init__(self, case: SimulatedCase, hidden: tuple[int, ...] = ()) -> None:
        self.case, self.hidden = case, hidden
        self.number = {crc32(frame.tobytes()): index for index, frame in enumerate(case.frames)}

    def __call__(self, image: np.ndarray) -> np.ndarray:
        frame = self.number[crc32(image.tobytes())]
        if frame in self.hidden:
            return np.zeros(image.shape, np.float32)
        return project_model(self.case.model, self.case.c_arm, self.case.poses[frame]).silhouette.astype(np.float32)


def with_table_moved(run: XRayRun, frame: int, by_mm: float) -> XRayRun:
    """The run, whose header says that the table stood elsewhere in one frame."""
    geometry = list(run.geometry)
    table = geometry[frame].table
    value = tuple(np.add(table.value, (by_mm, 0, 0)).tolist())
    geometry[frame] = dataclasses.replace(geometry[frame], table=dataclasses.replace(table, value=value))
    return dataclasses.replace(run, geometry=tuple(geometry))


def test_the_start_is_projected_once_as_long_as_nothing_moves(case: SimulatedCase) -> None:
    run = with_table_moved(case.run(), FRAMES - 1, 8.0)
    results = register_run(PoseModel.of(case.model), run, TrueVessels(case), case.poses[0])
    assert all(result.projection is results[0].projection for result in results[:-1])
    last = results[-1]
    assert last.projection is not results[0].projection
    expected = project_model(case.model, last.c_arm, last.model_to_isocenter)
    np.testing.assert_array_equal(last.projection.silhouette, expected.silhouette)
    assert (last.projection.silhouette != results[0].projection.silhouette).any()


@pytest.mark.parametrize(("given", "expected"), [(None, "1"), ("3", "3")])
def test_the_command_keeps_small_matrices_on_one_thread_unless_told_otherwise(given: str | None, expected: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    environment |= {"OPENBLAS_NUM_THREADS": given} if given else {}
    code = (
        "import sys, VesselRegistrationLib.cli, os; print(os.environ['OPENBLAS_NUM_THREADS'], 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [expected, "False"]


def test_the_benchmark_scores_each_frame_against_its_own_truth(case: SimulatedCase) -> None:
    from cine_poses import ALONE_EVERY, followed, report

    found = followed(case, TrueVessels(case, hidden=(FRAMES - 1,)))
    assert found.accepted.tolist() == [True] * (FRAMES - 1) + [False]
    assert found.errors_mm[:-1].max() < 1.0
    assert np.isfinite(found.alone_mm).tolist() == [frame % ALONE_EVERY == 0 for frame in range(FRAMES)]
    assert found.alone_accepted[0]
    assert found.alone_mm[0] < 1.0
    assert found.masks_s > 0
    assert found.poses_s > 0
    table = report({"phantom": [found]})
    assert f"| phantom | 1 | {found.filled.sum()} | {found.accepted[found.filled].mean():.0%} |" in table
    assert f"| {1 / ((found.masks_s + found.poses_s) / FRAMES):.1f} |" in table
