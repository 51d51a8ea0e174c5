"""Times and differences of the project's projection and the baselines, as Markdown tables."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from projection_accuracy import Difference, box_difference, box_model, dice, difference, sphere_difference
from projection_baselines import (
    DiffDrr,
    NotAvailable,
    RayMarch,
    Rays,
    SurfaceRenderer,
    Volume,
    diffdrr_version,
    rays,
    voxelized,
)

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.mesh_simplification import simplify_vessel_model
from VesselRegistrationLib.projection import path_length_mm, silhouette
from VesselRegistrationLib.simulation.anatomy import make_tree
from VesselRegistrationLib.simulation.meshing import mesh_branches
from VesselRegistrationLib.vessel_model import VesselModel

Given = TypeVar("Given")
Draw = Callable[[int], object]
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
MAIN_TRIANGLES = 57_000
LEAST_DICE = 0.98
MOST_BOX_MM, MOST_SPHERE_MM = 0.01, 0.3
MOST_VOLUME_VOXELS = 0.5
"""Median difference to a volume's path length, in its voxels' longest sides."""
VIEWS = 8
DETECTOR_MM, SID_MM, SOD_MM = 448.0, 1000.0, 750.0
"""The detector is as large as it takes to see the whole tree."""


@dataclass(frozen=True)
class Settings:
    """What is compared."""

    detectors: tuple[int, ...] = (256, 512)
    volume: int = 256
    repetitions: int = 50
    cell_mm: float = 0.8
    triangles: tuple[int, ...] = (1_000, MAIN_TRIANGLES)
    """Simplified meshes beside the box and the mesh as it was made; the last one is compared with volumes."""
    seconds: float = 15.0
    """No more repetitions of one measurement after so long, but five in any case."""
    clock: str = "wall"
    """`wall`: time passed. `processor`: time on a processor, which other programs that take turns on it do not add to;
    it does not see a graphics card work."""


@dataclass(frozen=True)
class Timing:
    """Durations of repeated calls."""

    median_ms: float
    count: int


class Report:
    """Prints as it goes, and remembers what was wrong."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.cores: list[float] = []
        """Processor time per time passed, of each measurement: 1 for one thread with a core to itself, less where it
        had to wait for one."""

    def row(self, *cells: object) -> None:
        """A row of a Markdown table."""
        print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)

    def header(self, *names: str) -> None:
        """The two first rows of a Markdown table, after an empty line."""
        print()
        self.row(*names)
        self.row(*("---" for _ in names))

    def check(self, is_right: bool, what: str) -> None:
        """Remembers a result that is wrong."""
        if not is_right:
            self.wrong.append(what)
            print(f"WRONG: {what}")

    def timed(self, draws: Sequence[Draw], settings: Settings) -> list[Timing]:
        """The median of each one's repetitions after a warm-up: taken in turns, so that all meet the same conditions.

        The one that takes longest may get fewer repetitions than asked for.
        """
        for draw in draws:
            begin = time.perf_counter()
            for number in range(VIEWS):
                draw(number)
                if time.perf_counter() - begin > 1.0:
                    break
        now = CLOCKS[settings.clock]
        seconds: list[list[float]] = [[] for _ in draws]
        begin, begin_cpu = time.perf_counter(), time.process_time()
        for number in range(settings.repetitions):
            for draw, taken in zip(draws, seconds):
                if len(taken) < 5 or sum(taken) < settings.seconds:
                    start = now()
                    draw(number)
                    taken.append(now() - start)
        self.cores.append((time.process_time() - begin_cpu) / (time.perf_counter() - begin))
        return [Timing(1000 * statistics.median(taken), len(taken)) for taken in seconds]


def over(draw: Callable[[Given], object], given: Sequence[Given]) -> Draw:
    """Draws what is given one after the other, by the number of the repetition."""
    return lambda number: draw(given[number % len(given)])


def compare(settings: Settings) -> list[str]:
    """Print everything; what was wrong, in words."""
    report = Report()
    print_machine()
    print(f"Milliseconds are medians of {settings.clock} time.")
    meshes = vessel_meshes(settings)
    compare_surfaces(meshes, settings, report)
    compare_volumes(meshes[len(settings.triangles)], settings, report)
    compare_formulas(meshes[0], settings, report)
    cores = f"{min(report.cores):.2f} to {max(report.cores):.2f}"
    print(f"\nProcessor time per time passed: {cores} in every measurement above. Load {_load()} at the end.")
    print(f"{len(report.wrong)} wrong results." if report.wrong else "All results agree.")
    return report.wrong


def print_machine() -> None:
    """Processor, versions and load, in one paragraph."""
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    packages = ", ".join(f"{package} {version(package)}" for package in ("numpy", "vtk", "torch"))
    print(f"{os.cpu_count()} cores, {name}, one thread, {platform.system()}, load {_load()}.")
    print(f"Python {platform.python_version()}, {packages}, diffdrr {diffdrr_version()}.")


def _load() -> str:
    return f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"


def vessel_meshes(settings: Settings) -> list[VesselModel]:
    """A simulated aorta with head, arm and coronary arteries around the isocentre: its box, simplified, as made."""
    made = mesh_branches(make_tree("upper", np.random.default_rng(0)).branches, settings.cell_mm)
    low, high = made.points_lps.min(axis=0), made.points_lps.max(axis=0)
    middle = (low + high) / 2
    whole = VesselModel(made.points_lps - middle, made.triangles, made.is_closed)
    simplified = [simplify_vessel_model(whole, count) for count in settings.triangles]
    return [box_model(low - middle, high - middle), *simplified, whole]


def views(size: int) -> list[CArm]:
    """Views of the whole tree, some degrees apart, so that no repetition draws what was just drawn."""
    spacing = (DETECTOR_MM / size, DETECTOR_MM / size)
    return [CArm(30 - 2 * turn, 20 - 3 * turn, SID_MM, SOD_MM, size, size, spacing) for turn in range(VIEWS)]


def compare_surfaces(meshes: Sequence[VesselModel], settings: Settings, report: Report) -> None:
    """Path length and silhouette, beside a surface renderer's silhouette."""
    report.header(
        *("triangles", "detector", "path length, ms", "silhouette, ms", "VTK silhouette, ms", "VTK, both sides, ms"),
        *("VTK / path length", "Dice"),
    )
    device = ""
    for size in settings.detectors:
        for mesh in meshes:
            device = _compare_surface(mesh, views(size), settings, report)
    print(f"\nVTK: {device}.")
    print("Its silhouette leaves out triangles that face away, which a closed mesh allows; `both sides` draws all.")
    print("The mesh of 12 triangles is the box around the tree.")


def _compare_surface(mesh: VesselModel, seen: Sequence[CArm], settings: Settings, report: Report) -> str:
    points, triangles = mesh.points_lps, mesh.triangles
    own = [
        over(lambda c_arm: path_length_mm(points, triangles, c_arm), seen),
        over(lambda c_arm: silhouette(points, triangles, c_arm), seen),
    ]
    name = f"{len(triangles):,}", seen[0].rows
    try:
        front, both = (SurfaceRenderer(mesh, seen[0].rows, culls_back_faces=culls) for culls in (True, False))
    except NotAvailable as reason:
        report.row(*name, *(f"{timing.median_ms:.2f}" for timing in report.timed(own, settings)), *["not measured"] * 4)
        return f"not measured, {reason}"
    alike = least_dice(mesh, seen, front, both)
    report.check(alike > LEAST_DICE, f"Dice {alike:.4f} with VTK's silhouette of {len(triangles):,} triangles")
    timings = report.timed([*own, over(front.silhouette, seen), over(both.silhouette, seen)], settings)
    ratio = timings[2].median_ms / timings[0].median_ms
    report.row(*name, *(f"{timing.median_ms:.2f}" for timing in timings), f"{ratio:.2f}", f"{alike:.4f}")
    return front.device()


def least_dice(mesh: VesselModel, seen: Sequence[CArm], *renderers: SurfaceRenderer) -> float:
    """The least agreement of the silhouettes, and of the path length above zero, with the renderers'."""
    least = 1.0
    for c_arm in seen:
        own = silhouette(mesh.points_lps, mesh.triangles, c_arm)
        inside = path_length_mm(mesh.points_lps, mesh.triangles, c_arm) > 1e-3
        for renderer in renderers:
            drawn = renderer.silhouette(c_arm)
            least = min(least, dice(own, drawn), dice(inside, drawn))
    return least


def compare_volumes(mesh: VesselModel, settings: Settings, report: Report) -> None:
    """Path length of the mesh, beside path length through the mesh as voxels."""
    volume, samples = voxelized(mesh, settings.volume), settings.volume
    renderers: dict[str, RayMarch | DiffDrr] = {}
    missing = ""
    try:
        renderers["diffdrr, Siddon"] = DiffDrr(volume, is_exact=True)
        renderers[f"diffdrr, trilinear, {samples} samples"] = DiffDrr(volume, is_exact=False, samples=samples)
    except NotAvailable as reason:
        missing = f"No time of diffdrr: {reason}."
    renderers[f"ray march in torch, {samples} samples"] = RayMarch(volume, samples)
    names = ("detector", "method", "ms", "repetitions", "/ path length of mesh", "median difference, mm", "maximum, mm")
    report.header(*names)
    for size in settings.detectors:
        _compare_volumes_at(size, mesh, renderers, settings, report)
    spacing = " x ".join(f"{side:.2f}" for side in volume.spacing_mm.tolist())
    print(f"\nVolume: {settings.volume}^3 voxels of {spacing} mm.")
    if missing:
        print(missing)


def _compare_volumes_at(
    size: int, mesh: VesselModel, renderers: dict[str, RayMarch | DiffDrr], settings: Settings, report: Report
) -> None:
    seen = views(size)
    given = [rays(c_arm) for c_arm in seen]
    own = over(lambda c_arm: path_length_mm(mesh.points_lps, mesh.triangles, c_arm), seen)
    through = [over(partial(_through_volume, renderer), given) for renderer in renderers.values()]
    ours, *theirs = report.timed([own, *through], settings)
    report.row(size, f"path length, {len(mesh.triangles):,} triangles", f"{ours.median_ms:.2f}", ours.count, 1, "", "")
    for (name, renderer), taken in zip(renderers.items(), theirs):
        apart = volume_difference(mesh, renderer, seen[0])
        check_volume(name, apart, renderer.volume, report)
        ratio = taken.median_ms / ours.median_ms
        differences = f"{apart.median_mm:.3f}", f"{apart.maximum_mm:.2f}"
        report.row(size, name, f"{taken.median_ms:.0f}", taken.count, f"{ratio:.0f}", *differences)


def _through_volume(renderer: RayMarch | DiffDrr, given: Rays) -> torch.Tensor:
    return renderer.path_length_mm(*given)


def volume_difference(mesh: VesselModel, renderer: RayMarch | DiffDrr, c_arm: CArm) -> Difference:
    """Of the mesh's path length to that through the volume, over the rays that meet either."""
    through_volume = renderer.path_length_mm(*rays(c_arm)).double().numpy().reshape(c_arm.rows, c_arm.columns)
    return difference(path_length_mm(mesh.points_lps, mesh.triangles, c_arm), through_volume)


def check_volume(name: str, apart: Difference, volume: Volume, report: Report) -> None:
    """Wrong, if the median difference is more than half a voxel."""
    most = MOST_VOLUME_VOXELS * float(volume.spacing_mm.max())
    report.check(apart.median_mm < most, f"median difference {apart.median_mm:.3f} mm to {name}")


def compare_formulas(box: VesselModel, settings: Settings, report: Report) -> None:
    """Path length of a box and of a sphere, beside closed formulas."""
    report.header("detector", "beside a formula", "median difference, mm", "maximum, mm", "rays")
    for size in settings.detectors:
        c_arm = views(size)[0]
        to_box = box_difference(box, c_arm)
        to_sphere = sphere_difference(60.0, 170, c_arm)
        report.row(size, "box, 12 triangles", f"{to_box.median_mm:.5f}", f"{to_box.maximum_mm:.5f}", to_box.rays)
        report.row(
            *(size, "sphere of 60 mm radius, 57,120 triangles, chords of 12 mm and more"),
            *(f"{to_sphere.median_mm:.5f}", f"{to_sphere.maximum_mm:.5f}", to_sphere.rays),
        )
        report.check(to_box.maximum_mm < MOST_BOX_MM, f"path length of a box {to_box.maximum_mm:.4f} mm off")
        report.check(
            to_sphere.maximum_mm < MOST_SPHERE_MM, f"path length of a sphere {to_sphere.maximum_mm:.4f} mm off"
        )
