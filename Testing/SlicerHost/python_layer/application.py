"""`slicer.app`: the application object, as far as scripted modules ask it for things."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

from .command_line import CommandOptions
from .errors import errorLog
from .signals import SignalSource

_HOME = Path(__file__).resolve().parent.parent


def qtCall(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a Qt function with what module code holds; the answer is what module code may hold."""
    from qt_layer.binding.calls import call

    return call(name, function, arguments, {})


def processEnvironment(variables: dict[str, str]) -> Any:
    """Environment variables as a QProcessEnvironment."""
    import qt

    environment = qt.QProcessEnvironment()
    for name, value in variables.items():
        environment.insert(name, value)
    return environment


class Application(SignalSource):
    """Stand-in for qSlicerApplication."""

    SIGNALS = (
        "startupCompleted()", "aboutToQuit()", "renderPaused(bool)", "mrmlSceneChanged(vtkMRMLScene*)",
        "focusChanged(QWidget*,QWidget*)", "usageEventLogged(QString,QString)",
    )  # fmt: skip
    MISSING = frozenset({
        "pythonConsole", "pythonManager", "corePythonManager", "extensionsManagerModel", "applicationUpdateManager",
        "errorLogModel", "defaultSettings", "testingUtility", "settingsDialog", "openSettingsDialog", "openUrl",
        "createDICOMBrowserForMainDatabase", "launchDesigner", "openExtensionsManagerDialog", "loadFiles",
        "registerResource", "unregisterResource", "openExtensionsCatalogWebsite", "openApplicationDownloadWebsite",
        "confirmRestart", "handleURIArguments", "translationFolders", "loadTranslations", "loadLanguage", "copyrights",
        "acknowledgment", "libraries", "setEnvironmentVariable", "prependEnvironmentVariable", "scriptedModules",
        "appendEnvironmentVariable", "logApplicationInformation", "currentLogFile", "openNodeModule", "slicerSharePath",
        "launcherExecutableFilePath", "launcherSettingsFilePath", "defaultScenePath", "setStyleSheet", "setStyle",
        "installEventFilter", "removeEventFilter", "postEvent", "notify", "installTranslator", "toolTipsEnabled",
    })  # fmt: skip

    def __init__(self, options: CommandOptions, startupEnvironment: dict[str, str]) -> None:
        super().__init__()
        self._options = options
        self._environment = dict(startupEnvironment)
        self._qt = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["SlicerHost"])
        self._qt.setApplicationName("Slicer")
        self._qt.setOrganizationName("SlicerHost")
        self._folder = tempfile.TemporaryDirectory(prefix="SlicerHost-")
        self._temporaryPath = str(Path(self._folder.name) / "temporary")
        Path(self._temporaryPath).mkdir()
        # Settings of a host for tests never outlive it.
        QtCore.QSettings.setDefaultFormat(QtCore.QSettings.Format.IniFormat)
        QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, self._folder.name)
        self._scene = slicer.vtkMRMLScene()
        self._logic = slicer.vtkSlicerApplicationLogic()
        self._layoutManager: Any = None
        self._moduleManager: Any = None
        self._ioManager: Any = None
        self._settings: Any = None
        self._pauses = 0
        self.exitCode: int | None = None
        self._qt.focusChanged.connect(lambda old, now: self._signals["focusChanged(QWidget*,QWidget*)"].emit(old, now))
        self._seal()

    # Scene and managers

    def mrmlScene(self) -> slicer.vtkMRMLScene:
        """The scene of the application."""
        return self._scene

    def applicationLogic(self) -> slicer.vtkSlicerApplicationLogic:
        """The application logic."""
        return self._logic

    def layoutManager(self) -> Any:
        """The layout manager; None while there is none."""
        return self._layoutManager

    def setLayoutManager(self, manager: Any, /) -> None:
        """Set the layout manager."""
        self._layoutManager = manager

    def moduleManager(self) -> Any:
        """The module manager."""
        return self._moduleManager

    def moduleLogic(self, name: str, /) -> Any:
        """The C++ logic of a module; None when there is no such module."""
        module = self._moduleManager.module(name)
        return module.logic() if module else None

    def coreIOManager(self) -> Any:
        """The manager of readers and writers."""
        return self._ioManager

    def ioManager(self) -> Any:
        """The manager of readers and writers."""
        return self._ioManager

    def commandOptions(self) -> CommandOptions:
        """The parsed command line."""
        return self._options

    def testingEnabled(self) -> bool:
        """Whether the host runs with ``--testing``."""
        return self._options.testingEnabled

    def dicomDatabase(self) -> Any:
        """The stand-in database of DICOM files."""
        return slicer.dicomDatabase

    # Event loop

    def processEvents(self, flags: Any = None, milliseconds: int | None = None, /) -> None:
        """Handle waiting Qt events; `flags` as in QEventLoop, `milliseconds` at most."""
        given = [value for value in (flags, milliseconds) if value is not None]
        qtCall("processEvents", self._qt.processEvents, *given)

    def exit(self, code: int = 0, /) -> None:
        """Ask the host to end with this exit code; pending events are still handled."""
        self.exitCode = int(code)
        self._qt.exit(int(code))

    def quit(self) -> None:
        """Ask the host to end with exit code 0."""
        self.exit(0)

    def restart(self) -> None:
        """Refused: a test host that starts itself anew would never end."""
        raise NotImplementedError("The test host does not restart itself.")

    def closeAllWindows(self) -> None:
        """Close all windows."""
        self._qt.closeAllWindows()

    def pauseRender(self) -> None:
        """Stop rendering until the matching `resumeRender`."""
        self.setRenderPaused(True)

    def resumeRender(self) -> None:
        """Undo one `pauseRender`."""
        self.setRenderPaused(False)

    def setRenderPaused(self, paused: bool, /) -> None:
        """Pause or resume rendering; calls nest."""
        if not paused and self._pauses == 0:
            return
        self._pauses += 1 if paused else -1
        if paused:
            self._logic.PauseRender()
        else:
            self._logic.ResumeRender()
        if self._pauses == (1 if paused else 0):
            self._signals["renderPaused(bool)"].emit(bool(paused))

    # Paths, names, settings

    @property
    def slicerHome(self) -> str:
        """Folder of the host."""
        return str(_HOME)

    @property
    def temporaryPath(self) -> str:
        """Folder for temporary files, removed at the end."""
        return self._temporaryPath

    @temporaryPath.setter
    def temporaryPath(self, path: str) -> None:
        self._temporaryPath = str(path)

    @property
    def cachePath(self) -> str:
        """Folder for downloads."""
        return self._scene.GetCacheManager().GetRemoteCacheDirectory()

    @property
    def startupWorkingPath(self) -> str:
        """The folder the host was started in."""
        return self._environment.get("PWD") or os.getcwd()

    @property
    def extensionsInstallPath(self) -> str:
        """Folder extensions would be installed in."""
        return str(Path(self._folder.name) / "extensions")

    @property
    def slicerUserSettingsFilePath(self) -> str:
        """File of the (temporary) settings."""
        return self.userSettings().fileName()

    def userSettings(self) -> Any:
        """Settings of the user; temporary here."""
        if self._settings is None:
            import qt

            self._settings = qt.QSettings()
        return self._settings

    def settings(self) -> Any:
        """The same as `userSettings`."""
        return self.userSettings()

    def revisionUserSettings(self) -> Any:
        """The same as `userSettings`."""
        return self.userSettings()

    def startupEnvironment(self) -> Any:
        """The environment the host was started in."""
        return processEnvironment(self._environment)

    def environment(self) -> Any:
        """The environment now."""
        return processEnvironment(dict(os.environ))

    applicationName = property(lambda self: "Slicer", doc="Name of the application.")
    applicationVersion = property(lambda self: "5.13.0 (test host)", doc="Version of the application stood in for.")
    mainApplicationName = property(lambda self: "Slicer")
    mainApplicationDisplayName = property(lambda self: "3D Slicer test host")
    majorVersion = property(lambda self: 5)
    minorVersion = property(lambda self: 13)
    mainApplicationMajorVersion = property(lambda self: 5)
    mainApplicationMinorVersion = property(lambda self: 13)
    mainApplicationPatchVersion = property(lambda self: 0)
    revision = property(lambda self: "31053", doc="Revision of slicer-core.")
    repositoryRevision = property(lambda self: "31053")
    releaseType = property(lambda self: "Experimental")
    intDir = property(lambda self: "")
    isInstalled = property(lambda self: False)
    isUsageLoggingSupported = property(lambda self: False)
    os = property(lambda self: {"Linux": "linux", "Windows": "win", "Darwin": "macosx"}[platform.system()])
    arch = property(lambda self: "amd64" if platform.machine() in ("x86_64", "AMD64") else platform.machine())
    platform = property(lambda self: f"{self.os}-{self.arch}")
    applicationLocaleName = property(lambda self: "en-US")
    documentationBaseUrl = property(lambda self: "https://slicer.readthedocs.io/en/latest/")
    documentationVersion = property(lambda self: "latest")
    documentationLanguage = property(lambda self: "en")

    def applicationFilePath(self) -> str:
        """Path of the launcher."""
        return str(_HOME / "launcher.py")

    def applicationPid(self) -> int:
        """Process id."""
        return os.getpid()

    def moduleDocumentationUrl(self, name: str, /) -> str:
        """Where the documentation of a built-in module stands."""
        return f"{self.documentationBaseUrl}user_guide/modules/{name.lower()}.html"

    def translate(self, context: str, text: str, /) -> str:
        """The text itself: the host speaks US English only."""
        if not isinstance(context, str) or not isinstance(text, str):
            raise TypeError("translate takes two strings")
        return text

    def logUsageEvent(self, component: str, event: str, /) -> None:
        """Emit `usageEventLogged`."""
        self._signals["usageEventLogged(QString,QString)"].emit(component, event)

    def showConsoleMessage(self, message: str, error: bool = True, /) -> None:
        """Print to the terminal."""
        print(message, file=sys.stderr if error else sys.stdout)

    # Qt application

    def topLevelWidgets(self) -> tuple[Any, ...]:
        """All top-level widgets."""
        return qtCall("topLevelWidgets", self._qt.topLevelWidgets)

    def setOverrideCursor(self, cursor: Any, /) -> None:
        """Show another mouse cursor everywhere."""
        qtCall("setOverrideCursor", self._qt.setOverrideCursor, cursor)

    def restoreOverrideCursor(self) -> None:
        """Undo one `setOverrideCursor`."""
        self._qt.restoreOverrideCursor()

    def beep(self) -> None:
        """Sound the bell."""
        self._qt.beep()


def _forward(name: str) -> Callable[..., Any]:
    def call(self: Application, *arguments: Any) -> Any:
        return qtCall(name, getattr(self._qt, name), *arguments)

    call.__name__ = name
    call.__doc__ = f"QApplication.{name}."
    return call


for _name in ("activeWindow", "activePopupWidget", "activeModalWidget", "focusWidget", "overrideCursor", "clipboard",
              "keyboardModifiers", "mouseButtons", "primaryScreen", "screens", "style", "thread",
              "desktopSettingsAware", "setFont", "sendPostedEvents", "doubleClickInterval"):  # fmt: skip
    setattr(Application, _name, _forward(_name))
for _name in ("palette", "font", "styleSheet", "windowIcon", "layoutDirection"):
    setattr(Application, _name, property(lambda self, _name=_name: qtCall(_name, getattr(self._qt, _name))))


def runPythonAndReport(run: Callable[[], None]) -> None:
    """Run the user's code; an exception is printed and remembered, sys.exit sets the exit code."""
    try:
        run()
    except SystemExit as end:
        slicer.app.exit(end.code if isinstance(end.code, int) else (0 if end.code is None else 1))
    except BaseException:  # noqa: BLE001  whatever the script raises is printed and makes the exit code 1
        errorLog.reportCurrent()
