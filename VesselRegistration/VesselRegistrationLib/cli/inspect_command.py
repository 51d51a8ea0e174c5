"""Say what an X-ray run or a vessel model holds.

For a run: every geometric value with its unit, its uncertainty and where it came from (the tag, a fallback, or an
assumption), and what cannot be computed. For a model: size, triangles, whether it is closed, what was repaired.
Names, ids and dates in a header are never shown.

With --convention and two or more runs of one patient: whether the signs of their angles and table axes, and the side
from which their pictures are seen, are as this project reads them, or which --reading fits better.

  vessel-registration inspect run.dcm
  vessel-registration inspect model.stl --json
  vessel-registration inspect --convention --model model.stl --xray lao.dcm rao.dcm
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from VesselRegistrationLib.cli import convention_check
from VesselRegistrationLib.cli import options as shared
from VesselRegistrationLib.cli.main import DONE
from VesselSegmentationLib.files import write_atomically

MODEL_SUFFIXES = (".stl", ".vtp", ".vtk", ".obj", ".ply")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `inspect`."""
    parser.add_argument("file", type=Path, nargs="?", help="a run or a model")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--output", type=Path, metavar="FILE", help="also write the JSON to a file")
    shared.add_geometry(parser)
    shared.add_model_reading(parser)
    convention_check.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table or the JSON."""
    from VesselRegistrationLib.inspection import format_inspection, inspect_run

    convention_check.check_options(options)
    if options.convention:
        content, text = convention_check.compare_readings(options)
    elif options.file.suffix.lower() in MODEL_SUFFIXES:
        content, text = _model(options)
    else:
        options.xray = options.file
        content = inspect_run(shared.read_run(options))
        text = format_inspection(content)
    document = json.dumps(content, indent=2, allow_nan=False)
    print(document if options.json else text)
    if options.output:
        write_atomically(options.output, document + "\n")
    return DONE


def _model(options: argparse.Namespace) -> tuple[dict[str, object], str]:
    from VesselRegistrationLib.model_reading import LengthUnit, ModelFrame, read_vessel_model, summarize

    units = LengthUnit(options.model_units) if options.model_units else None
    frame = ModelFrame(options.model_frame) if options.model_frame else None
    content = summarize(read_vessel_model(options.file, units, frame))
    width = max(len(name) for name in content)
    return content, "\n".join(f"{name:<{width}}  {_words(value)}" for name, value in content.items())


def _words(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "  ".join(_words(item) for item in value) or "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
