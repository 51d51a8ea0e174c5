"""`slicer.i18n`: marks texts for translation; the host itself speaks US English only."""

from __future__ import annotations

import inspect
from pathlib import Path

_contexts: dict[str, str] = {}


def translate(context: str, text: str) -> str:
    """The text in the language of the application."""
    from slicer import app

    return app.translate(context, text)


def getContext(sourceFile: str) -> str:
    """Name of the translation context of a file: ``Package.file`` in a package, else ``file``."""
    if sourceFile not in _contexts:
        path = Path(sourceFile)
        name = path.name.replace(".py", "") if path.is_file() else path.name
        inPackage = path.is_file() and (path.parent / "__init__.py").is_file()
        _contexts[sourceFile] = f"{path.parent.name}.{name}" if inPackage else name
    return _contexts[sourceFile]


def tr(text: str) -> str:
    """The text in the language of the application; the context is found from the calling file."""
    frame = inspect.currentframe()
    caller = frame.f_back if frame is not None else None
    file = caller.f_code.co_filename if caller is not None else ""
    return translate(getContext(file), text)
