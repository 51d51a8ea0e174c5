"""Start, run and end of the host, in the order of the application."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from .command_line import CommandOptions
from .errors import errorLog


def main(arguments: list[str]) -> int:
    """Run the host; the exit code is returned."""
    started = time.monotonic()
    options = CommandOptions(arguments)
    environment = dict(os.environ)
    prepareEnvironment()
    keepSingletons()
    setUpLogging()
    errorLog.install()
    from .injection import inject

    app = inject(options, environment)
    if options.messageAsked():
        print(_message(options.messageAsked(), app))
        return 0
    window = _createMainWindow(app, options)
    _loadModules(app, options)
    if options.flag("report-startup-timing"):
        print(f"Startup time: {time.monotonic() - started:.2f} s")
    app._signals["startupCompleted()"].emit()
    code = _run(app, options, window)
    return _end(app, code)


def setUpLogging() -> None:
    """Log information to stdout, warnings and errors to stderr, as the application does."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    out, err = logging.StreamHandler(sys.stdout), logging.StreamHandler(sys.stderr)
    out.addFilter(lambda record: record.levelno < logging.WARNING)
    err.setLevel(logging.WARNING)
    root.addHandler(out)
    root.addHandler(err)


def prepareEnvironment() -> None:
    """Draw off screen unless the caller decided otherwise."""
    if sys.platform.startswith("linux"):
        if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
            os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")


def keepSingletons() -> None:
    """Keep None, True and False alive on Python before 3.12, where they are counted like any object.

    PySide6 is built for versions that do not count them and gives one reference too few back with each call that
    returns one of them; without this, the interpreter ends with "deallocating None" after some thousand calls.
    """
    if sys.version_info < (3, 12):
        for singleton in (None, True, False):
            ctypes.c_ssize_t.from_address(id(singleton)).value += 1 << 40


def _message(name: str, app: Any) -> str:
    return {
        "version": f"Slicer {app.applicationVersion}",
        "program-path": app.applicationFilePath(),
        "home": app.slicerHome,
        "settings-path": app.slicerUserSettingsFilePath,
        "temporary-path": app.temporaryPath,
    }[name]


def _createMainWindow(app: Any, options: CommandOptions) -> Any:
    import qt_layer

    if options.noMainWindow:
        return None  # and no layout manager either: in the application it belongs to the main window
    from .modules import ModuleSelector

    layoutManager = qt_layer.createLayoutManager(app.mrmlScene(), app.applicationLogic())
    app.setLayoutManager(layoutManager)
    window = qt_layer.createMainWindow(layoutManager)
    window.objectName = "qSlicerMainWindow"
    selector = ModuleSelector(window)
    # A C++ object takes no new attributes; the window keeps its selector below Python's attribute check.
    window.__dict__["moduleSelector"] = lambda: selector
    return window


def _loadModules(app: Any, options: CommandOptions) -> None:
    from .loadable_modules import loadLoadableModules
    from .scripted_modules import findScriptedModules

    if options.flag("disable-modules"):
        return
    manager = app.moduleManager()
    if not options.flag("disable-loadable-modules") and not options.flag("disable-builtin-loadable-modules"):
        loadLoadableModules(manager, options.modulesToIgnore)
    if options.flag("disable-scripted-loadable-modules"):
        return
    paths = list(options.additionalModulePaths)
    if not options.flag("disable-builtin-scripted-loadable-modules"):
        paths.insert(0, str(Path(__file__).resolve().parent / "scripted"))
    files = findScriptedModules(paths, options.modulesToIgnore, options.testingEnabled)
    factory = manager.factoryManager()
    for file in files:
        factory.registerModule(file)
        if options.flag("verbose-module-discovery"):
            print(f"Found module {file}")
    factory.loadModules([Path(file).stem for file in files])


def _run(app: Any, options: CommandOptions, window: Any) -> int:
    """Show the window and run the event loop, in which the user's code runs first."""
    from PySide6.QtCore import QTimer

    if window is not None:
        window.show()
        app.processEvents()
    if options.testingEnabled:
        options.runPythonAndExit = True
    loadingFailed, errorLog.occurred = errorLog.occurred, False

    def begin() -> None:
        _runPython(options)
        if app.exitCode is None and (options.runPythonAndExit or options.flag("exit-after-startup")):
            hadCode = bool(options.pythonScript or options.pythonCode)
            failedEarlier = loadingFailed and (options.testingEnabled or not hadCode)
            app.exit(int(errorLog.occurred or failedEarlier))

    QTimer.singleShot(0, begin)
    app._qt.setQuitOnLastWindowClosed(window is not None and not options.runPythonAndExit)
    code = int(app._qt.exec())
    code = code if app.exitCode is None else app.exitCode
    return code or int(errorLog.occurred and options.testingEnabled)


def _runPython(options: CommandOptions) -> None:
    import slicer

    import __main__

    from .application import runPythonAndReport

    sys.argv = [options.pythonScript, *options.scriptArguments]
    scope = __main__.__dict__
    scope.update(_mainNames())
    if options.pythonScript:
        script = Path(options.pythonScript)
        if not script.is_file():
            print(f"Specified python script doesn't exist: {script}", file=sys.stderr)
            errorLog.occurred = True
        else:
            runPythonAndReport(lambda: _executeFile(script, scope))
    if options.pythonCode and slicer.app.exitCode is None:
        runPythonAndReport(lambda: exec(compile(options.pythonCode, "<python-code>", "exec"), scope))


def _mainNames() -> dict[str, Any]:
    """The names code finds without importing them: qt, ctk, vtk, slicer, and all of `slicer.util`."""
    import ctk
    import qt
    import slicer
    import vtk

    names = {name: getattr(slicer.util, name) for name in slicer.util.__all__}
    return {**names, "logging": logging, "qt": qt, "ctk": ctk, "vtk": vtk, "slicer": slicer}


def _executeFile(script: Path, scope: dict[str, Any]) -> None:
    folder = str(script.resolve().parent)
    sys.path.insert(0, folder)
    scope["__file__"] = str(script)
    try:
        exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), scope)
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _end(app: Any, code: int) -> int:
    """Quit as the application does: signals, unloading, then the process ends at once.

    The process ends without the interpreter's own clean-up: the order in which it would delete Qt and VTK objects
    is undefined and crashes.
    """
    errorLog.occurred = False
    app._signals["aboutToQuit()"].emit()
    app.moduleManager().factoryManager().unloadModules()
    app.processEvents()
    if errorLog.occurred and app.testingEnabled():
        code = code or 1
    gc.collect()
    app._folder.cleanup()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
