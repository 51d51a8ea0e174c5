"""Simulated views of one patient's own model, to train on before the procedure.

Vessels, their place and their shape are the patient's. Around them everything is drawn anew: body, angles (or about
those given), field of view, devices, machine, and how far contrast has run. The model may be a bare surface.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.mesh_simplification import simplify_vessel_model
from VesselRegistrationLib.mesh_topology import piece_labels, piece_volumes
from VesselRegistrationLib.simulation.anatomy import REGIONS, VesselTree, moved_tree
from VesselRegistrationLib.simulation.calcification import sample_plaques
from VesselRegistrationLib.simulation.extras import Stream, drawn
from VesselRegistrationLib.simulation.generators import DEFAULT, Generator
from VesselRegistrationLib.simulation.meshing import mesh_branches
from VesselRegistrationLib.simulation.pool import EMPTY_SHARE
from VesselRegistrationLib.simulation.scene import RIB_CELL_MM, SimulatedPatient, make_scene, render
from VesselRegistrationLib.simulation.surface_filling import VesselSurface, center_lines, fill_surface
from VesselRegistrationLib.simulation.tissue import make_tissue
from VesselRegistrationLib.vessel_model import VesselModel
from VesselSegmentationLib.errors import InputError

VIEWS_PER_BODY = 8
"""Views that share a body around the vessels."""
LEAST_VOLUME_MM3 = 50.0
"""Of a vessel model: a coronary branch of 1 mm radius has that in 16 mm."""
BODY, VIEW = 1, 2
"""Keys of the random streams."""


class PatientViews:
    """Views of one model: `views[i] -> (frame uint8, mask)` of `size` x `size`, made when first asked for and kept.

    View i depends on the model, the seed and i alone.
    """

    def __init__(
        self,
        model: VesselModel,
        region: str,
        count: int,
        seed: int,
        angles_deg: Sequence[tuple[float, float]] = (),
        spread_deg: float = 8.0,
        size: int = 256,
        generator: Generator = DEFAULT,
    ) -> None:
        """Prepare the model, LPS mm in any place.

        Args:
            region: what lies around the vessels and how they are looked at, one of `REGIONS`.
            angles_deg: LAO (+) or RAO (-) and CRA (+) or CAU (-) of the views; without any the region's usual ones.
            spread_deg: standard deviation of the views' angles about them.
        Raises InputError for a model without volume, another region, and angles or a spread that make no view.
        """
        _check(model, region, angles_deg, spread_deg)
        self._surface = VesselSurface.of(simplify_vessel_model(model))
        self._tree = VesselTree(region, center_lines(self._surface), {})
        if not self._tree.branches:
            raise InputError("The model is too short to be looked at: a vessel of 15 mm or more is needed.")
        self._count, self._seed, self._size = count, seed, size
        self._angles, self._spread = tuple(angles_deg), spread_deg
        extras = dataclasses.replace(generator.extras, guide=0.0)  # a bare surface does not say where its ostia are
        self._generator = dataclasses.replace(generator, extras=extras, view=self._view)
        self._usual_view = generator.view
        self._bodies: dict[int, SimulatedPatient] = {}
        self._made: dict[int, tuple[NDArray[np.uint8], NDArray[np.bool_]]] = {}

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int, /) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        if index not in self._made:
            self._made[index] = self._rendered(index)
        return self._made[index]

    def _rendered(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        rng = np.random.default_rng([self._seed, VIEW, index])
        patient = self._patient(index // VIEWS_PER_BODY)
        filled = fill_surface(self._surface, rng)
        # A field of view is put where contrast is: between the filling's middle and one of its points.
        some = filled.points_lps[rng.integers(len(filled.points_lps))]
        middle = filled.points_lps.mean(axis=0)
        origin = middle + rng.uniform(0, 0.8) * (some - middle)
        scene = make_scene(_moved(patient, origin), rng, self._size, self._generator)
        contrast = None if rng.random() < EMPTY_SHARE else _moved_model(filled, origin)
        frame = render(scene, contrast, rng)
        return frame.picture, frame.mask

    def _patient(self, number: int) -> SimulatedPatient:
        """The model in one of its simulated bodies."""
        if number not in self._bodies:
            rng, extras = np.random.default_rng([self._seed, BODY, number]), self._generator.extras
            region = self._tree.region
            own = drawn(rng, Stream.CALCIFICATION, extras.calcification)
            plaques = sample_plaques(own, self._tree, extras) if own and region != "phantom" else None
            tissue = make_tissue(region, rng, extras.waisted_vertebrae)
            ribs = mesh_branches(tissue.ribs, RIB_CELL_MM) if tissue.ribs else None
            self._bodies[number] = SimulatedPatient(self._tree, self._surface.model, tissue, ribs, plaques)
        return self._bodies[number]

    def _view(self, region: str, rng: np.random.Generator, size: int) -> CArm:
        usual = self._usual_view(region, rng, size)
        if not self._angles:
            return usual
        primary, secondary = self._angles[rng.integers(len(self._angles))] + rng.normal(0, self._spread, 2)
        return dataclasses.replace(usual, primary_angle_deg=float(primary), secondary_angle_deg=float(secondary))


def _moved_model(model: VesselModel, origin_lps: NDArray[np.float64]) -> VesselModel:
    return dataclasses.replace(model, points_lps=model.points_lps - origin_lps)


def _moved(patient: SimulatedPatient, origin_lps: NDArray[np.float64]) -> SimulatedPatient:
    """The vessels with another point at the isocenter; the body stays."""
    plaques = patient.plaques
    if plaques is not None:
        plaques = dataclasses.replace(plaques, points_lps=plaques.points_lps - origin_lps)
    return dataclasses.replace(
        patient,
        tree=moved_tree(patient.tree, origin_lps),
        model=_moved_model(patient.model, origin_lps),
        plaques=plaques,
    )


def _check(model: VesselModel, region: str, angles_deg: Sequence[tuple[float, float]], spread_deg: float) -> None:
    if region not in REGIONS:
        raise InputError(f"There is no region {region!r} to look at; choose one of {', '.join(REGIONS)}.")
    if not model.is_closed:
        raise InputError("The model's surface is not closed, so it has no volume to fill: close it, or export it anew.")
    triangles = np.asarray(model.triangles, dtype=np.int64)
    volume = float(piece_volumes(model.points_lps, triangles, piece_labels(triangles)).sum())
    if volume < LEAST_VOLUME_MM3:
        raise InputError(f"The model has a volume of {volume:.3g} mm3: no vessel. Give the surface of the vessels.")
    for primary, secondary in angles_deg:
        if not (abs(primary) <= 180 and abs(secondary) <= 90):  # false for NaN too
            raise InputError(
                f"The angles {primary:g} and {secondary:g} make no view: give LAO/RAO to 180, CRA/CAU to 90 degrees."
            )
    if not 0 <= spread_deg <= 90:
        raise InputError(f"A spread of the angles of {spread_deg:g} degrees makes no views: give 0 to 90.")
