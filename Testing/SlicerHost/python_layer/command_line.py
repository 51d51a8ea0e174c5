"""Command line of the host: the arguments of Slicer's own launcher, and no others."""

from __future__ import annotations

import argparse
from pathlib import Path

from .errors import Strict

_FLAGS = {
    "testing": "Run in testing mode: nothing blocks, settings are temporary, the host exits when the script ends.",
    "no-main-window": "Do not create the main window.",
    "no-splash": "Do not show a splash screen (the host never does).",
    "ignore-slicerrc": "Do not run the user's start-up file (the host never does).",
    "disable-modules": "Load no module at all.",
    "disable-builtin-modules": "Do not load the modules that come with the application.",
    "disable-cli-modules": "Do not load command line modules (the host has none).",
    "disable-builtin-cli-modules": "Do not load built-in command line modules (the host has none).",
    "disable-loadable-modules": "Do not load loadable (C++) modules.",
    "disable-builtin-loadable-modules": "Do not load built-in loadable (C++) modules.",
    "disable-scripted-loadable-modules": "Do not load scripted modules.",
    "disable-builtin-scripted-loadable-modules": "Do not load built-in scripted modules.",
    "disable-settings": "Start with default settings; nothing is kept.",
    "keep-temporary-settings": "Accepted for compatibility; the host's settings are always temporary.",
    "disable-terminal-outputs": "Accepted for compatibility.",
    "disable-message-handlers": "Accepted for compatibility.",
    "disable-tooltips": "Accepted for compatibility.",
    "verbose-module-discovery": "Say which modules are found and loaded.",
    "exit-after-startup": "Exit when the modules are loaded.",
    "report-startup-timing": "Say how long the start took.",
}
_MESSAGES = {
    "version": "Print the version and exit.",
    "program-path": "Print the path of the launcher and exit.",
    "home": "Print the home folder and exit.",
    "settings-path": "Print the path of the settings file and exit.",
    "temporary-path": "Print the temporary folder and exit.",
}


class CommandOptions(Strict):
    """The parsed arguments, with the names `slicer.app.commandOptions()` gives them."""

    MISSING = frozenset({"qtTesting", "attachingProcess", "displayApplicationInformation", "enableQtTesting"})

    def __init__(self, arguments: list[str]) -> None:
        parsed, rest = _parser().parse_known_args(_withValues(arguments))
        unknown = [word for word in rest if word.startswith("-") and not _afterScript(parsed, word, arguments)]
        if unknown:
            _parser().error(f"unknown argument: {unknown[0]}")
        self._parsed = parsed
        script = parsed.python_script or ""
        if not script and rest and rest[0].endswith(".py"):
            script = rest.pop(0)
            parsed.run_and_exit = True
        if rest and not script:
            _parser().error(f"files to open are not supported here: {rest[0]}")
        self.pythonScript = script
        self.pythonCode = parsed.python_code or parsed.c or ""
        self.scriptArguments = rest
        self.runPythonAndExit = bool(parsed.c) or parsed.run_and_exit
        self._seal()

    @property
    def testingEnabled(self) -> bool:
        """Whether ``--testing`` was given."""
        return bool(self._parsed.testing)

    @property
    def noMainWindow(self) -> bool:
        """Whether ``--no-main-window`` was given."""
        return bool(self._parsed.no_main_window)

    @property
    def additionalModulePaths(self) -> list[str]:
        """Folders or files of further modules."""
        return [*self._parsed.additional_module_path, *self._parsed.additional_module_paths]

    @property
    def modulesToIgnore(self) -> list[str]:
        """Names of modules that must not be loaded."""
        return [name for name in (self._parsed.modules_to_ignore or "").split(",") if name]

    def flag(self, name: str, /) -> bool:
        """A flag by its command line name, without the dashes."""
        return bool(getattr(self._parsed, name.replace("-", "_")))

    def messageAsked(self) -> str:
        """The name of the message to print before exiting, or an empty string."""
        return next((name for name in _MESSAGES if self.flag(name)), "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="launcher.py",
        allow_abbrev=False,
        description="Runs scripted Slicer modules on slicer-core and PySide6: a test host, not the application.",
    )
    for name, text in {**_FLAGS, **_MESSAGES}.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    parser.add_argument(
        "--python-script", metavar="FILE", help="Python script to run; further words are its arguments."
    )
    parser.add_argument("--python-code", metavar="CODE", help="Python code to run.")
    parser.add_argument("-c", metavar="CODE", help="Python code to run, then exit.")
    parser.add_argument(
        "--additional-module-path",
        metavar="PATH",
        action="append",
        default=[],
        help="Folder or file of a further module.",
    )
    parser.add_argument(
        "--additional-module-paths",
        metavar="PATH",
        nargs="+",
        action="extend",
        default=[],
        help="Folders or files of further modules.",
    )
    parser.add_argument("--modules-to-ignore", metavar="NAMES", help="Modules not to load, separated by commas.")
    parser.set_defaults(run_and_exit=False)
    return parser


def _withValues(arguments: list[str]) -> list[str]:
    """Join an option and its code, so that code that begins with a dash is not taken for an option."""
    joined: list[str] = []
    words = iter(arguments)
    for word in words:
        if word in ("--python-code", "-c", "--python-script"):
            value = next(words, None)
            if value is None:
                _parser().error(f"argument {word}: expected one argument")
            joined.append(f"{word}={value}" if word.startswith("--") else f"-c{value}")
        else:
            joined.append(word)
    return joined


def _afterScript(parsed: argparse.Namespace, word: str, arguments: list[str]) -> bool:
    """Whether a word stands behind the script, so that it is an argument of the script."""
    places = [i for i, w in enumerate(arguments) if w == "--python-script" or Path(w).suffix == ".py"]
    return bool(places) and arguments.index(word) > places[0]
