"""Make a simulated patient: an X-ray run, the vessel model, and the exact truth.

Writes run.dcm (multi-frame XA DICOM with every geometry tag), model.stl (the whole vessel tree, as from a CT
angiogram) and truth.json (pose, C-arm and vessel mask of every frame). The same seed gives the same case.
Everything is simulated: the files say so, and no patient is behind them.

  vessel-registration simulate --region upper --seed 7 --output case
"""

from __future__ import annotations

import argparse
from pathlib import Path

from VesselRegistrationLib.cli.main import DONE

REGIONS = ("upper", "lower", "coronary", "phantom")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `simulate`."""
    parser.add_argument(
        "--region",
        choices=REGIONS,
        default="upper",
        help="upper: aortic root, arch, coronaries; lower: aorto-iliac and femoral; default: %(default)s",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--size", type=int, default=512, help="rows and columns (default: %(default)s)")
    parser.add_argument(
        "--model-cell", type=float, metavar="MM", help="fineness of the model's mesh: smaller has more triangles"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")


def run(options: argparse.Namespace) -> int:
    """Simulate and write."""
    from VesselRegistrationLib.registration_files import prepare_output_folder
    from VesselRegistrationLib.simulation.cases import simulate_case, write_case

    folder = prepare_output_folder(options.output)
    case = simulate_case(options.region, options.seed, options.frames, options.size, options.model_cell)
    write_case(case, folder)
    print(f"simulated {options.region} case with {options.frames} frames written to {folder}")
    return DONE
