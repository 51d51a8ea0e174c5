"""Errors a user can act on. Each message names the value that was wrong and what to do about it.

The command line prints the message in one line and exits non-zero; the Slicer modules show it once.
Anything that is not a `UserError` is a defect of this project.
"""


class UserError(Exception):
    """A problem with what was given (a file, a value, a folder), in words the user can act on."""


class InputError(UserError):
    """A file or value that cannot be used: unreadable, empty, of the wrong kind, out of range."""


class MissingGeometryError(UserError):
    """The run lacks a geometric value that this computation needs; the message names it."""


class WeightsError(UserError):
    """Network weights that are missing, tampered with, or made for another network."""


class OutputError(UserError):
    """A result that cannot be written where it was asked for."""
