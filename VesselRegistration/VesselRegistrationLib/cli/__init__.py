"""The command `vessel-registration`: one module per sub-command, none of them loaded before it is used."""

from VesselRegistrationLib.cli.main import main

__all__ = ["main"]
