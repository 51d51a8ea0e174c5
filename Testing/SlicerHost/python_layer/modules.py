"""Modules and their managers: `slicer.modules.<name>`, `slicer.app.moduleManager()`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import qt_layer
import slicer

from .errors import Strict, errorLog, missing
from .signals import SignalSource


class AbstractModule(SignalSource):
    """What scripted and loadable modules have in common (qSlicerAbstractCoreModule)."""

    MISSING = frozenset({"slicerWikiUrl", "contributorsText", "logo", "action", "appLogic", "moduleLogic"})
    PROPERTIES = {
        "title": str, "categories": list, "contributors": list, "helpText": str, "acknowledgementText": str,
        "hidden": bool, "index": int, "dependencies": list, "associatedNodeTypes": list, "icon": object,
        "extensions": dict,
    }  # fmt: skip

    def __init__(self, name: str, path: str) -> None:
        super().__init__()
        self.name = name
        self.path = path
        self.title = name
        self.categories: list[str] = []
        self.contributors: list[str] = []
        self.helpText = ""
        self.acknowledgementText = ""
        self.hidden = False
        self.index = -1
        self.dependencies: list[str] = []
        self.associatedNodeTypes: list[str] = []
        self.icon: Any = None
        self.extensions: dict[str, Any] = {}
        self.widgetRepresentationCreationEnabled = True
        self.isInstalled = False
        self.isBuiltIn = False
        self._logic: Any = None
        self._representations: list[Any] = []
        self._scene: Any = None

    def __setattr__(self, name: str, value: Any) -> None:
        wanted = self.PROPERTIES.get(name)
        if wanted is list and self._sealed:
            value = _listOfText(name, value)
        elif wanted in (str, bool, int) and self._sealed and not isinstance(value, wanted):
            raise ValueError(f"{name} of a module takes {wanted.__name__}, not {type(value).__name__}")
        super().__setattr__(name, value)

    def objectName(self) -> str:
        """Empty, as in the application."""
        return ""

    def className(self) -> str:
        """Name of the C++ class."""
        return type(self).__name__

    @property
    def defaultDocumentationLink(self) -> str:
        """HTML text that leads to the documentation of a built-in module."""
        url = slicer.app.moduleDocumentationUrl(self.name)
        return f'<p>For more information see the <a href="{url}">online documentation</a>.</p>'

    def setMRMLScene(self, scene: Any, /) -> None:
        """Give the scene to the logic and to the widget."""
        self._scene = scene
        if self._logic is not None:
            self._logic.SetMRMLScene(scene)
        for representation in self._representations:
            representation.setMRMLScene(scene)

    def mrmlScene(self) -> Any:
        """The scene of the module."""
        return self._scene

    def createLogic(self) -> Any:
        """A new C++ logic; None when the module has none."""
        raise NotImplementedError

    def logic(self) -> Any:
        """The C++ logic of the module."""
        if self._logic is None:
            self._logic = self.createLogic()
            if self._logic is not None:
                self._logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
                self._logic.SetMRMLScene(slicer.mrmlScene)
        return self._logic

    def createWidgetRepresentation(self) -> Any:
        """A new widget of the module, before its set-up."""
        raise NotImplementedError

    def widgetRepresentation(self) -> Any:
        """The widget of the module, made at the first call; None when it has none."""
        if not self._representations:
            return self.createNewWidgetRepresentation()
        return self._representations[0]

    def createNewWidgetRepresentation(self) -> Any:
        """A further widget of the module."""
        if not self.widgetRepresentationCreationEnabled:
            return None
        widget = self.createWidgetRepresentation()
        if widget is None:
            return None
        self._representations.append(widget)
        qt_layer.unwrap(widget)._setModule(self)
        widget.setMRMLScene(slicer.mrmlScene)
        return widget

    def dropRepresentations(self) -> None:
        """Delete the widgets; called when the module is unloaded."""
        for widget in self._representations:
            widget.deleteLater()
        self._representations.clear()


def _listOfText(name: str, value: Any) -> list[str]:
    if isinstance(value, str) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{name} of a module takes a list of texts, not {value!r}")
    return list(value)


class FactoryManager(Strict):
    """`slicer.app.moduleManager().factoryManager()`: loads and unloads modules."""

    MISSING = frozenset({
        "instantiateModules", "explicitModules", "searchPaths", "setSearchPaths", "ignoredModuleNames",
        "instantiatedModuleNames", "dependentModules", "isInstantiated", "moduleDependees", "availableModuleNames",
    })  # fmt: skip

    def __init__(self, manager: ModuleManager) -> None:
        self._manager = manager
        self._registered: dict[str, str] = {}
        self._seal()

    def loadedModuleNames(self) -> tuple[str, ...]:
        """Names of the loaded modules."""
        return self._manager.modulesNames()

    def registeredModuleNames(self) -> tuple[str, ...]:
        """Names of the modules that were found, loaded or not."""
        return tuple(self._registered)

    def isRegistered(self, name: str, /) -> bool:
        """Whether a module was found."""
        return name in self._registered

    def isLoaded(self, name: str, /) -> bool:
        """Whether a module is loaded."""
        return self._manager.module(name) is not None

    def loadedModule(self, name: str, /) -> Any:
        """A loaded module by its name; None when it is not loaded."""
        return self._manager.module(name)

    def registerModule(self, file: Any, /) -> bool:
        """Make a scripted module file (QFileInfo or path) known; `loadModules` loads it."""
        path = file if isinstance(file, str) else file.absoluteFilePath()
        name = path.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
        self._registered[name] = path
        return True

    def loadModules(self, names: Iterable[str] | None = None, /) -> bool:
        """Load registered modules, those they depend on first."""
        from .scripted_modules import loadScriptedModules

        wanted = list(self._registered) if names is None else list(names)
        unknown = [name for name in wanted if name not in self._registered]
        if unknown:
            return False
        paths = [self._registered[name] for name in wanted if self._registered[name] and not self.isLoaded(name)]
        return loadScriptedModules(paths, self._manager) == len(paths)

    def unloadModules(self) -> None:
        """Unload all modules, the last loaded first."""
        for name in reversed(self._manager.modulesNames()):
            self._manager.remove(name)


class ModuleManager(SignalSource):
    """`slicer.app.moduleManager()`."""

    SIGNALS = ("moduleLoaded(QString)", "moduleAboutToBeUnloaded(QString)")
    MISSING = frozenset({"setModuleCacheDirectory"})

    def __init__(self) -> None:
        super().__init__()
        self._modules: dict[str, AbstractModule] = {}
        self._unloaded: list[AbstractModule] = []
        self._factory = FactoryManager(self)
        self._seal()

    def factoryManager(self) -> FactoryManager:
        """The object that loads modules."""
        return self._factory

    def modulesNames(self) -> tuple[str, ...]:
        """Names of the loaded modules in the order of loading."""
        return tuple(self._modules)

    def module(self, name: str, /) -> Any:
        """A loaded module by its name; None when there is none."""
        return self._modules.get(name)

    def add(self, module: AbstractModule) -> None:
        """Take in a module: it appears as ``slicer.modules.<name in lower case>``."""
        self._modules[module.name] = module
        self._factory._registered.setdefault(module.name, module.path)
        setattr(slicer.modules, module.name.lower(), module)
        module.setMRMLScene(slicer.mrmlScene)
        module.logic()
        self._signals["moduleLoaded(QString)"].emit(module.name)

    def remove(self, name: str) -> None:
        """Unload a module."""
        module = self._modules[name]
        self._signals["moduleAboutToBeUnloaded(QString)"].emit(name)
        module.dropRepresentations()
        self._unloaded.append(module)  # views may still refer to its logic
        del self._modules[name]
        delattr(slicer.modules, name.lower())

    def setScene(self, scene: Any) -> None:
        """Hand a new scene to all modules."""
        for module in self._modules.values():
            module.setMRMLScene(scene)


class ModuleSelector(SignalSource):
    """`slicer.util.moduleSelector()`: switches modules, calling `exit` and `enter` of their widgets."""

    SIGNALS = ("moduleSelected(QString)",)
    MISSING = frozenset({"modulesMenu", "selectNextModule", "selectPreviousModule", "setModuleManager"})

    def __init__(self, mainWindow: Any) -> None:
        super().__init__()
        self._window = mainWindow
        self._selected = ""
        self._seal()

    @property
    def selectedModule(self) -> str:
        """Name of the module shown; empty when none is."""
        return self._selected

    def selectModule(self, name: str, /) -> None:
        """Show a module: the old widget's `exit`, then the new one's `enter`."""
        module = slicer.app.moduleManager().module(name) if name else None
        if name and module is None:
            raise missing(f"module '{name}'")
        if name == self._selected:
            return
        widget = module.widgetRepresentation() if module else None
        self.leave()
        if module is not None and widget is None:
            return
        self._window.setModuleWidget(widget)
        self._selected = name
        if widget is not None:
            widget.enter()
        self._signals["moduleSelected(QString)"].emit(name)

    def leave(self) -> None:
        """Call `exit` of the widget shown."""
        if not self._selected:
            return
        module = slicer.app.moduleManager().module(self._selected)
        self._selected = ""
        if module is None:
            return
        try:
            module.widgetRepresentation().exit()
        except Exception:  # noqa: BLE001  as an exception in a C++ callback: printed, and the exit code tells
            errorLog.reportCurrent()
