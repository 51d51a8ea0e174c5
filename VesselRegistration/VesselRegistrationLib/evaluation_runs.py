"""Simulated test patients scored one after the other, or by several processes with the same result."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from VesselRegistrationLib.evaluation import EvaluationSettings, FrameScore, Networks, examine_case, simulated_patient
from VesselSegmentationLib.errors import InputError


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


def score_simulated(folders: NetworkFolders, settings: EvaluationSettings, workers: int = 1) -> Iterator[FrameScore]:
    """Scores of one frame of each test patient, region by region, in the order of the seeds.

    Raises InputError for less than one worker, and when a worker was ended from outside.
    """
    if workers < 1:
        raise InputError(f"{workers} workers cannot evaluate: give 1 or more.")
    places = [(region, seed) for region in settings.regions for seed in settings.seeds]
    workers = min(workers, len(places))
    if workers > 1:
        yield from _in_processes(folders, settings, places, workers)
        return
    networks = folders.load()
    for region, seed in places:
        yield examine_case(simulated_patient(region, seed, settings), networks, settings.baselines).score


_of_this_worker: list[Networks] = []
"""Loaded once per worker process."""


def _set_up_worker(folders: NetworkFolders) -> None:
    _of_this_worker[:] = [folders.load()]


def _scored(region: str, seed: int, settings: EvaluationSettings) -> FrameScore:
    return examine_case(simulated_patient(region, seed, settings), _of_this_worker[0], settings.baselines).score


def _in_processes(
    folders: NetworkFolders, settings: EvaluationSettings, places: list[tuple[str, int]], workers: int
) -> Iterator[FrameScore]:
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_set_up_worker, initargs=(folders,)
    )
    try:
        with _deaf_to_interrupts(), _one_thread_per_process():
            futures: list[Future[FrameScore]] = [executor.submit(_scored, *place, settings) for place in places]
        for future in futures:
            yield future.result()
    except BrokenProcessPool as error:
        raise InputError("A worker process was ended, perhaps for lack of memory: give fewer --workers.") from error
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started here leave Ctrl-C to their parent, which ends them without a word from each."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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
