"""`python -m VesselRegistrationLib.cli`: the same command where it is not installed, as inside Slicer."""

import sys

from VesselRegistrationLib.cli.main import main

sys.exit(main())
