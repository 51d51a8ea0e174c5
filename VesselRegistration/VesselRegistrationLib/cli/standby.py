"""`python -m VesselRegistrationLib.cli.standby`: a command that has begun before it is known which.

Loads what segmentation and registration need, which takes longer than their work, and waits for one line on its input:
a JSON list of arguments. Then it is `vessel-registration` with these. An input that is closed before ends it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys

from VesselRegistrationLib.cli.main import BAD_INPUT, DONE, main

LOADED = (
    "VesselRegistrationLib.cli.register_command",
    "VesselRegistrationLib.cli.segment_command",
    "VesselRegistrationLib.model_reading",
    "VesselRegistrationLib.pose_registration",
    "VesselRegistrationLib.registration_files",
    "VesselRegistrationLib.xray_reading",
    "VesselSegmentationLib.run_subtraction",
    "VesselSegmentationLib.segmenter",
    "SimpleITK",
    "vtkmodules.vtkFiltersCore",
    "vtkmodules.vtkFiltersGeneral",
    "vtkmodules.vtkFiltersModeling",
    "vtkmodules.vtkIOXML",
    "vtkmodules.vtkImagingStencil",
)
"""All else comes with these, or is quick."""


def run() -> int:
    """Load, wait, be the command; returns its exit code."""
    for name in LOADED:
        with contextlib.suppress(ImportError):  # the command itself will say what is missing
            importlib.import_module(name)
    line = _first_line(sys.stdin.fileno())
    if not line:
        return DONE
    try:
        arguments = json.loads(line)
    except ValueError:
        arguments = None
    if not isinstance(arguments, list) or not all(isinstance(argument, str) for argument in arguments):
        print("vessel-registration: the line on standard input is no JSON list of arguments", file=sys.stderr)
        return BAD_INPUT
    return main(arguments)


def _first_line(descriptor: int) -> bytes:
    """Up to the first line's end, and nothing of what follows; empty when the input ends before it does."""
    line = bytearray()
    while byte := os.read(descriptor, 1):
        if byte == b"\n":
            return bytes(line)
        line += byte
    return b""


if __name__ == "__main__":
    sys.exit(run())
