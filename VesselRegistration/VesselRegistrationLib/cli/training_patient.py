"""Options of `train patient`: whose model, how it will be looked at, and what of the other trainings has no place."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from VesselRegistrationLib.cli import options as shared
from VesselRegistrationLib.cli import training_data
from VesselSegmentationLib.errors import InputError

if TYPE_CHECKING:
    from VesselRegistrationLib.simulation.own_patient import PatientViews
    from VesselRegistrationLib.vessel_model import VesselModel

REGIONS = ("upper", "lower", "coronary", "phantom")
OWN_OPTIONS = ("model", "region", "angles", "angle_spread")
NOT_FOR_PATIENTS = ("pool", "images", "grid", "epochs", "field_of_view", "width", *training_data.OPTIONS)
MINUTES = 5.0
VIEWS_PER_MINUTE = 64
"""Made in the first third of the time on one core, and then seen three more times."""
LEAST_VIEWS, HELD_OUT_VIEWS = 16, 24
SPREAD_DEG = 8.0
SETTINGS = {"learning_rate": 2e-4, "warm_up_iterations": 10, "validate_every": 25}
PATIENT_FILE = "patient.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `train patient` needs."""
    group = parser.add_argument_group("one patient's model, before the procedure (patient)")
    group.add_argument("--model", type=Path, help="vessel surface: STL, VTP, VTK, OBJ or PLY, from the CT angiogram")
    shared.add_model_reading(parser)
    group.add_argument("--region", choices=REGIONS, help="which vessels these are, and so what lies around them")
    group.add_argument(
        "--angles",
        type=float,
        nargs=2,
        action="append",
        metavar=("PRIMARY", "SECONDARY"),
        help="angles of a view that is planned, degrees: LAO positive, CRA positive; several times for several views "
        "(default: all that are usual for the region)",
    )
    group.add_argument(
        "--angle-spread",
        type=float,
        metavar="DEG",
        help=f"standard deviation of the views' angles about those of --angles (default: {SPREAD_DEG:g})",
    )


def check(options: argparse.Namespace) -> None:
    """Raise InputError for options that only mean something for other trainings, or for this one."""
    if options.network != "patient":
        _refuse(options, (*OWN_OPTIONS, "model_units", "model_frame"), "for `train patient` only; leave out.")
        return
    _refuse(options, NOT_FOR_PATIENTS, "not for `train patient`, which makes its own views; leave out.")
    if options.recipe != "recommended":
        raise InputError(f"--recipe {options.recipe} is not for `train patient`; leave out.")
    missing = [f"--{name}" for name in ("model", "region") if getattr(options, name) is None]
    if missing:
        raise InputError(f"`train patient` needs {' and '.join(missing)}: the surface, and which vessels it shows.")


def _refuse(options: argparse.Namespace, names: tuple[str, ...], words: str) -> None:
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(options, name) not in (None, [])]
    if given:
        raise InputError(f"{', '.join(given)}: {words}")


def views_of(
    options: argparse.Namespace, folder: Path, batch_size: int, iterations: int | None, minutes: float | None
) -> tuple[PatientViews, PatientViews]:
    """Views to train on, and others of the same patient to choose the best weights by."""
    from VesselRegistrationLib.simulation.own_patient import PatientViews

    model = shared.read_model(options)
    angles = [(primary, secondary) for primary, secondary in options.angles or []]
    spread = SPREAD_DEG if options.angle_spread is None else options.angle_spread
    by_time = math.inf if minutes is None else VIEWS_PER_MINUTE * minutes
    by_count = math.inf if iterations is None else batch_size * iterations / 4
    count = max(LEAST_VIEWS, math.ceil(min(by_time, by_count)))
    training, held_out = (
        PatientViews(model, options.region, number, 2 * options.seed + place, angles, spread)
        for place, number in enumerate((count, HELD_OUT_VIEWS))
    )
    _refuse_another_patient(folder, _described(model, options.region, angles, spread))
    return training, held_out


def _described(model: VesselModel, region: str, angles: list[tuple[float, float]], spread: float) -> dict[str, Any]:
    """Which model it is, without its name."""
    content = model.points_lps.tobytes() + model.triangles.tobytes()
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "region": region,
        "anglesDeg": [list(pair) for pair in angles],
        "spreadDeg": spread,
    }


def _refuse_another_patient(folder: Path, document: dict[str, Any]) -> None:
    """Keep what is trained on; raise InputError where a checkpoint is that of another model or other angles."""
    from VesselSegmentationLib.checkpoint import CHECKPOINT_FILE
    from VesselSegmentationLib.distributed import is_first
    from VesselSegmentationLib.files import write_atomically

    path, text = folder / PATIENT_FILE, json.dumps(document, indent=2) + "\n"
    if (folder / CHECKPOINT_FILE).is_file() and path.is_file() and path.read_text(encoding="utf-8") != text:
        raise InputError(
            f"{folder / CHECKPOINT_FILE} is of another model, region or other angles; restore them, delete it, or "
            "choose another output folder."
        )
    if is_first():
        write_atomically(path, text)
