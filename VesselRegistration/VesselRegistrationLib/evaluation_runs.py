"""Simulated test patients scored one after the other, or by several processes with the same result."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from VesselRegistrationLib.evaluation import (
    EvaluationSettings,
    ExaminedFrame,
    FrameScore,
    Networks,
    examine_case,
    simulated_patient,
)
from VesselSegmentationLib.errors import InputError

Result = TypeVar("Result")
Place = tuple[str, int]
"""Region and seed."""


@dataclass(frozen=True)
class NetworkFolders:
    """Where the networks lie, and how many threads a process gives them. Picklable, unlike the networks."""

    segmentation: Path
    matching: Path
    threads: int = 1

    def load(self) -> Networks:
        """Both networks; float32 in torch, which gives the same numbers everywhere. Raises WeightsError, InputError."""
        import torch

        from VesselRegistrationLib.matching import AffineMatcher
        from VesselSegmentationLib.segmenter import VesselSegmenter

        if self.threads < 1:
            raise InputError(f"{self.threads} threads cannot compute: give 1 or more.")
        torch.set_num_threads(self.threads)
        return Networks(VesselSegmenter.from_folder(self.segmentation), AffineMatcher.from_folder(self.matching))


class SimulatedRuns:
    """Test patients examined by one process, or by several with the same result; to be used in a `with` block.

    Leaving the block by an exception, as on Ctrl-C, ends the processes at once.
    """

    def __init__(self, folders: NetworkFolders, settings: EvaluationSettings, workers: int = 1) -> None:
        if workers < 1:
            raise InputError(f"{workers} workers cannot evaluate: give 1 or more.")
        self.folders, self.settings = folders, settings
        self._places = [(region, seed) for region in settings.regions for seed in settings.seeds]
        self._workers = min(workers, len(self._places))
        self._others = set(multiprocessing.active_children())
        self._networks: Networks | None = None
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> SimulatedRuns:
        self._networks = self.folders.load()
        if self._workers > 1:
            self._executor = ProcessPoolExecutor(
                self._workers,
                multiprocessing.get_context("spawn"),
                initializer=_set_up_worker,
                initargs=(self.folders,),
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if self._executor is None:
            return
        if kind is not None:
            for child in set(multiprocessing.active_children()) - self._others:
                child.terminate()
        self._executor.shutdown(wait=True, cancel_futures=True)

    @property
    def networks(self) -> Networks:
        """Those of this process."""
        assert self._networks is not None, "only inside the with block"
        return self._networks

    def scores(self) -> Iterator[FrameScore]:
        """One frame of each patient, region by region, in the order of the seeds."""
        return self._each(_scored, self._places)

    def frames(self, places: Sequence[Place]) -> Iterator[ExaminedFrame]:
        """The same frames with their pictures: made anew, as few are shown of many."""
        return self._each(_examined, places)

    def _each(
        self, work: Callable[[Networks, Place, EvaluationSettings], Result], places: Sequence[Place]
    ) -> Iterator[Result]:
        """Results in the order of the places. Raises InputError when a process was ended from outside."""
        if self._executor is None:
            for place in places:
                yield work(self.networks, place, self.settings)
            return
        try:
            with _interrupts_held_back(), _one_thread_per_process():
                futures = [self._executor.submit(_in_worker, work, place, self.settings) for place in places]
            for future in futures:
                yield future.result()
        except BrokenProcessPool as error:
            raise InputError("A worker process was ended, perhaps for lack of memory: give fewer --workers.") from error


def _examined(networks: Networks, place: Place, settings: EvaluationSettings) -> ExaminedFrame:
    case = simulated_patient(*place, settings)
    return examine_case(case, networks, settings.baselines, settings.subtraction)


def _scored(networks: Networks, place: Place, settings: EvaluationSettings) -> FrameScore:
    return _examined(networks, place, settings).score


_of_this_worker: list[Networks] = []
"""Loaded once per worker process."""


def _set_up_worker(folders: NetworkFolders) -> None:
    _of_this_worker[:] = [folders.load()]


def _in_worker(
    work: Callable[[Networks, Place, EvaluationSettings], Result], place: Place, settings: EvaluationSettings
) -> Result:
    return work(_of_this_worker[0], place, settings)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Processes started here leave Ctrl-C to their parent, which ends them without a word from each.

    One that comes meanwhile is not lost. Where there are no signal masks, as on Windows, nothing changes.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _one_thread_per_process() -> Iterator[None]:
    """Numerical libraries of processes started here take one thread each, whatever they would take alone."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before
