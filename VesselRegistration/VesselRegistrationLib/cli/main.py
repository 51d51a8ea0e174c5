"""Entry point: finds the sub-command, runs it, and turns problems into one line and an exit code."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from VesselRegistrationLib.cli import progress
from VesselSegmentationLib.errors import MissingGeometryError, UserError

DONE, REFUSED, BAD_INPUT, CANCELLED = 0, 1, 2, 130

COMMANDS = {
    "inspect": "say what an X-ray run or a vessel model holds and where each value came from",
    "project": "project a vessel model at the C-arm's angles",
    "segment": "mark the vessels in X-ray frames",
    "register": "lay a vessel model on the vessels of an X-ray frame",
    "simulate": "make a simulated patient: X-ray run, model and exact truth",
    "train": "train the segmentation or the matching network",
    "evaluate": "measure both networks on simulated patients, or masks on annotated frames",
    "demo": "run the main job on the sample case",
}
"""Sub-command and its one-line help; its code is in `<name>_command.py`."""

GEOMETRY_OPTIONS = "--primary-angle, --secondary-angle, --sid, --sod, --spacing"

DESCRIPTION = """\
Put the patient's own 3D vessel model over the X-ray picture.

A run (XA DICOM, PNG, NRRD, ...) and a model (STL, VTP, VTK, OBJ, PLY) go in; the projection of the model at the
C-arm's angles, the vessels of the frame, and the affine that lays one on the other come out, as pictures and JSON."""

EPILOG = """\
exit codes:
  0    done
  1    the data were read but the result is refused; the reason is printed and in the JSON
  2    something given cannot be used; one line says what and what to do
  130  cancelled

Research use only. Not a medical device."""


class OneLineParser(argparse.ArgumentParser):
    """Says in one line, without the whole usage, what is wrong with the arguments."""

    def error(self, message: str) -> NoReturn:
        """Print the line and leave with the exit code of bad input."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}. See {self.prog} --help.\n")


def build_parser(names: Sequence[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """The whole parser; only the named sub-commands' modules are loaded, the others are listed with their help."""
    parser = OneLineParser(
        prog="vessel-registration",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter)
        if name in names:
            module = importlib.import_module(f"VesselRegistrationLib.cli.{name}_command")
            subparser.description = module.__doc__
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a sub-command; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = [argument for argument in arguments if argument in COMMANDS][:1]
    progress.stop_with_parent()
    try:
        options = build_parser(chosen).parse_args(arguments)
        result = options.run(options)
    except UserError as error:
        message = " ".join(str(error).split())
        if isinstance(error, MissingGeometryError) and "--" not in message:
            message += f" On the command line: {GEOMETRY_OPTIONS}."
        print(f"vessel-registration: {message}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("vessel-registration: cancelled; nothing half-written was left behind", file=sys.stderr)
        return CANCELLED
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        sys.stderr.close()
        return DONE
    return int(result)


def _version() -> str:
    try:
        return version("vessel-registration")
    except PackageNotFoundError:
        return "(not installed)"
