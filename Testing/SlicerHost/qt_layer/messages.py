"""Qt's own messages: to stderr, but for those that only say that nothing is on a screen."""

from __future__ import annotations

import sys
from typing import Any

from PySide6.QtCore import QtMsgType, qInstallMessageHandler

_OF_NO_INTEREST = ("This plugin does not support propagateSizeHints()", "This plugin does not support raise()")


def installMessageHandler() -> None:
    """Print Qt's warnings and errors."""
    qInstallMessageHandler(_print)


def _print(kind: QtMsgType, context: Any, text: str) -> None:
    if text not in _OF_NO_INTEREST and kind != QtMsgType.QtDebugMsg:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
