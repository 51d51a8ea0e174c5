"""The command `vessel-registration`: one module per sub-command, none of them loaded before it is used."""

import os

# NumPy's matrices are small here: on several threads they take longer, and hold up what runs beside them. Before NumPy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from VesselRegistrationLib.cli.main import main

__all__ = ["main"]
