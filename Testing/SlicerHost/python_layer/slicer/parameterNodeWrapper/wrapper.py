"""`parameterNodeWrapper`: the class decorator."""

from __future__ import annotations

import logging
import weakref
from typing import Any

import qt
import slicer
import vtk

from .annotations import Default, splitName, unannotatedType
from .connectors import GuiConnector, createGuiConnector
from .pack import Member, checkMember, readMembers

SlicerParameterNamePropertyName = "SlicerParameterName"


class _Value:
    """One parameter of one node."""

    isCached = False

    def __init__(self, member: Member, node: Any, prefix: str) -> None:
        self.member = member
        self.node = node
        self.name = f"{prefix}{member.basename}"
        if not member.serializer.isIn(node, self.name):
            member.serializer.write(node, self.name, member.default.value)

    def read(self) -> Any:
        """The value in the node; the default is written first where it is gone (scene closed)."""
        if not self.member.serializer.isIn(self.node, self.name):
            self.member.serializer.write(self.node, self.name, self.member.default.value)
        return self.member.serializer.read(self.node, self.name)

    def write(self, value: Any) -> None:
        """Check and store a value."""
        self.member.serializer.write(self.node, self.name, value)


class _CachedValue(_Value):
    """Keeps the value read until the node changes."""

    isCached = True

    def __init__(self, member: Member, node: Any, prefix: str) -> None:
        super().__init__(member, node, prefix)
        self._cache = super().read()
        self._writing = False
        # The node must not keep this object alive.
        this = weakref.ref(self)
        self._tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: _refresh(this()))

    def __del__(self) -> None:
        self.node.RemoveObserver(self._tag)

    def refresh(self) -> None:
        """The node changed."""
        if not self._writing:
            self._cache = super().read()

    def read(self) -> Any:
        return self._cache

    def write(self, value: Any) -> None:
        self._writing = True
        try:
            # Observers must find the new value, so the cache is set before they are called.
            with slicer.util.NodeModify(self.node):
                super().write(value)
                self._cache = super().read()
        finally:
            self._writing = False


def _refresh(value: _CachedValue | None) -> None:
    if value is not None:
        value.refresh()


class _Wrapper:
    """Methods every wrapper class gets."""

    allParameters: dict[str, Member]

    def __init__(self, parameterNode: Any, prefix: str | None = None) -> None:
        self.parameterNode = parameterNode
        self._connections: dict[int, tuple[dict[str, GuiConnector], int]] = {}
        self._nextTag = 0
        self._updatingGui = False
        self._values: dict[str, _Value] = {}
        for name, member in self.allParameters.items():
            kind = _CachedValue if member.serializer.supportsCaching() else _Value
            self._values[name] = kind(member, parameterNode, prefix or "")

    @classmethod
    def _check(cls, name: str) -> tuple[str, str | None]:
        top, rest = splitName(name)
        if top not in cls.allParameters:
            raise ValueError(f"Cannot find a param with the given name: {top}\n  Found {list(cls.allParameters)}")
        if rest is not None:
            checkMember(unannotatedType(cls.allParameters[top].unalteredType), rest)
        return top, rest

    def default(self, name: str) -> Default:
        """The default of a parameter, as `Default` (its `value` is the value)."""
        return self.allParameters[self._check(name)[0]].default

    def isCached(self, name: str) -> bool:
        """Whether the value is kept between readings."""
        return self._values[self._check(name)[0]].isCached

    @classmethod
    def dataType(cls, name: str) -> Any:
        """Annotated type of a (dotted) parameter."""
        top, rest = cls._check(name)
        kind = cls.allParameters[top].unalteredType
        return kind if rest is None else unannotatedType(kind).dataType(rest)

    def getValue(self, name: str) -> Any:
        """Value of a (dotted) parameter."""
        top, rest = self._check(name)
        value = self._values[top].read()
        return value if rest is None else value.getValue(rest)

    def setValue(self, name: str, value: Any) -> None:
        """Set a (dotted) parameter."""
        top, rest = self._check(name)
        if rest is None:
            self._values[top].write(value)
        else:
            self._values[top].read().setValue(rest, value)

    def connectGui(self, gui: Any) -> int:
        """Bind the widgets that have the property ``SlicerParameterName``; the tag ends it in `disconnectGui`.

        Args:
            gui: a widget, whose children are searched, or an object that has widgets as attributes.
        """
        isWidget = getattr(gui, "isWidgetType", lambda: False)()
        widgets = gui.findChildren(qt.QWidget) if isWidget else gui.__dict__.values()
        found = {w.property(SlicerParameterNamePropertyName): w for w in widgets}
        return self.connectParametersToGui({name: widget for name, widget in found.items() if name})

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        """Bind parameters to widgets (or to connectors); the tag ends it in `disconnectGui`."""
        for name in mapping:
            self._check(name)
        connectors = {
            name: value if isinstance(value, GuiConnector) else createGuiConnector(value, self.dataType(name))
            for name, value in mapping.items()
        }
        for name, connector in connectors.items():
            connector.write(self.getValue(name))
            connector.onChanged(lambda name=name, connector=connector: self._guiChanged(name, connector))
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._updateGui())
        tag, self._nextTag = self._nextTag, self._nextTag + 1
        self._connections[tag] = (connectors, observer)
        return tag

    def disconnectGui(self, tag: int) -> None:
        """End what `connectGui` began."""
        if tag not in self._connections:
            return
        connectors, observer = self._connections.pop(tag)
        for connector in connectors.values():
            connector.onChanged(None)
        self.RemoveObserver(observer)

    def _guiChanged(self, name: str, connector: GuiConnector) -> None:
        with slicer.util.NodeModify(self):
            if not self._updatingGui:
                self.setValue(name, connector.read())

    def _updateGui(self) -> None:
        if self._updatingGui:
            return
        self._updatingGui = True
        try:
            with slicer.util.NodeModify(self):
                for connectors, _observer in self._connections.values():
                    for name, connector in connectors.items():
                        connector.write(self.getValue(name))
        finally:
            self._updatingGui = False

    def StartModify(self) -> int:
        """Begin a group of changes of the node."""
        return int(self.parameterNode.StartModify())

    def EndModify(self, wasModified: int) -> int:
        """End a group of changes of the node."""
        return int(self.parameterNode.EndModify(wasModified))

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        """Observe the node."""
        return int(self.parameterNode.AddObserver(event, callback, priority))

    def RemoveObserver(self, tag: int) -> None:
        """End an observation of the node."""
        self.parameterNode.RemoveObserver(tag)

    def Modified(self) -> None:
        """Mark the node as modified."""
        self.parameterNode.Modified()


def _property(name: str) -> property:
    return property(lambda self: self._values[name].read(), lambda self, value: self._values[name].write(value))


def _process(owner: type) -> type:
    if "__init__" in owner.__dict__:
        raise NotImplementedError("The test host ignores no __init__ of a parameter node wrapper: remove it.")
    members: dict[str, Member] = {}
    for name, annotated, serializer, default, rest in readMembers(owner):
        if rest:
            logging.warning("Unused annotations: %s", rest)
        if hasattr(owner, name):
            default = Default(getattr(owner, name))
        members[name] = Member(name, serializer, default or Default(serializer.default()), annotated)
        setattr(owner, name, _property(name))
    for name in ("allParameters", "_is_parameter_node_wrapper"):
        if hasattr(owner, name):
            raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper")
    owner.allParameters = members  # type: ignore[attr-defined]
    owner._is_parameter_node_wrapper = True  # type: ignore[attr-defined]
    for name, method in _Wrapper.__dict__.items():
        if not callable(method) and not isinstance(method, classmethod):
            continue
        if name != "__init__" and hasattr(owner, name):
            raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper")
        setattr(owner, name, method)
    return owner


def isParameterNodeWrapper(classOrObject: Any) -> bool:
    """Whether a class or object is a parameter node wrapper."""
    return bool(getattr(classOrObject, "_is_parameter_node_wrapper", False))


def parameterNodeWrapper(classtype: type | None = None) -> Any:
    """Class decorator: typed access to a parameter node, and binding to widgets."""
    return _process if classtype is None else _process(classtype)


def findChildWidgetForParameter(widget: Any, parameter: str) -> Any:
    """The child widget bound to a parameter; None when there is none."""
    for child in widget.findChildren(qt.QWidget):
        if child.property(SlicerParameterNamePropertyName) == parameter:
            return child
    if "." in parameter:
        raise NotImplementedError("The test host does not look for widgets of parameter packs.")
    return None
