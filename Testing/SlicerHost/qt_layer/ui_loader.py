"""Loading of .ui files: stand-ins for the custom widgets, connections wired, nothing silently ignored."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from PySide6 import QtUiTools
from PySide6.QtCore import QBuffer, QByteArray, QFile, QIODevice, QObject
from PySide6.QtWidgets import QWidget

from .binding import classFor, wrap
from .binding.signals import connectToSlot, hasSignal, normalized
from .namespace import qtMember
from .registry import standIns


class UiError(RuntimeError):
    """A .ui file that this host can not show as the application would."""


class QUiLoader(QtUiTools.QUiLoader):
    """Builds the widgets of a .ui file; unknown classes, properties, signals and slots raise UiError."""

    def createWidget(self, className: str, parent: QWidget | None = None, name: str = "") -> QWidget:
        """One widget by the name of its class."""
        kind = standIns().get(className)
        if kind is not None:
            widget = kind(parent)
            widget.setObjectName(name)
            return widget
        widget = super().createWidget(className, parent, name)
        if widget is None:
            raise UiError(f"unknown widget class '{className}' ({name})")
        return widget

    def load(self, device: QIODevice, parent: QWidget | None = None) -> QWidget:
        """The top widget of the file that *device* reads."""
        if not device.isOpen():
            device.open(QIODevice.OpenModeFlag.ReadOnly)
        root = ElementTree.fromstring(bytes(device.readAll().data()))
        self._check(root)
        enumerators = _takeEnumerators(root)
        connections = root.find("connections")
        wires = list(connections) if connections is not None else []
        if connections is not None:
            root.remove(connections)
        buffer = QBuffer()
        buffer.setData(QByteArray(ElementTree.tostring(root)))
        buffer.open(QIODevice.OpenModeFlag.ReadOnly)
        top = super().load(buffer, parent)
        if top is None:
            raise UiError(self.errorString())
        for name, propertyName, text in enumerators:
            _setEnumerator(_named(top, name), propertyName, text)
        for element in root.iter("widget"):
            _checkProperties(_named(top, element.get("name", "")), element)
        for wire in wires:
            _connect(top, wire)
        return top

    def _check(self, root: ElementTree.Element) -> None:
        known = set(self.availableWidgets()) | set(standIns()) | {"Line"}
        for element in root.iter("widget"):
            if element.get("class") not in known:
                raise UiError(f"unknown widget class '{element.get('class')}' ({element.get('name')})")


def _named(top: QWidget, name: str) -> Any:
    found = top if top.objectName() == name else top.findChild(QObject, name)
    if found is None:
        raise UiError(f"no widget '{name}' was made")
    return found


def _takeEnumerators(root: ElementTree.Element) -> list[tuple[str, str, str]]:
    """Take enumerator values of stand-ins out of the tree: their classes have no enumerations Qt could look up."""
    taken = []
    for element in root.iter("widget"):
        if element.get("class") not in standIns():
            continue
        for entry in element.findall("property"):
            value = entry.find("enum") if entry.find("enum") is not None else entry.find("set")
            kind = standIns()[element.get("class", "")]
            text = (value.text or "") if value is not None else ""
            if value is not None and (text.startswith(("ctk", "qMRML")) or _isOwn(kind, entry.get("name", ""))):
                taken.append((element.get("name", ""), entry.get("name", ""), text))
                element.remove(entry)
    return taken


def _isOwn(kind: type, propertyName: str) -> bool:
    meta = kind.staticMetaObject
    index = meta.indexOfProperty(propertyName)
    return index >= 0 and not meta.property(index).isEnumType()


def _setEnumerator(widget: Any, name: str, text: str) -> None:
    number = 0
    for part in filter(None, (piece.strip() for piece in text.split("|"))):
        words = part.split("::")
        value: Any = classFor(type(widget)) if words[0].startswith(("ctk", "qMRML")) else qtMember(words[0])
        for word in words[1:]:
            inner = getattr(value, word, None)
            value = value if isinstance(inner, type) else inner  # a scoped name goes through its enumeration
        if value is None:
            raise UiError(f"unknown enumerator '{part}' of property '{name}'")
        number |= int(value)
    if widget.metaObject().indexOfProperty(name) < 0:
        raise UiError(f"unknown property '{name}' of {widget.metaObject().className()}")
    widget.setProperty(name, number)


def _checkProperties(widget: Any, element: ElementTree.Element) -> None:
    for entry in element.findall("property"):
        name = entry.get("name", "")
        if entry.get("stdset") == "0" or element.get("class") == "Line":
            continue
        if widget.metaObject().indexOfProperty(name) < 0 and name != "buddy":
            kind = widget.metaObject().className()
            raise UiError(f"unknown property '{name}' of {kind} '{element.get('name')}'")


def _connect(top: QWidget, wire: ElementTree.Element) -> None:
    parts = {name: (wire.findtext(name) or "").strip() for name in ("sender", "signal", "receiver", "slot")}
    sender, receiver = _named(top, parts["sender"]), _named(top, parts["receiver"])
    if not hasSignal(sender, normalized(parts["signal"])):
        raise UiError(f"no signal '{parts['signal']}' in {sender.metaObject().className()} '{parts['sender']}'")
    if not connectToSlot(sender, parts["signal"], receiver, parts["slot"]):
        raise UiError(f"no slot '{parts['slot']}' in {receiver.metaObject().className()} '{parts['receiver']}'")


def loadUI(path: str) -> Any:
    """The top widget of a .ui file, wrapped for module code.

    Raises UiError for a file that does not exist or holds what the host does not know.
    """
    if not Path(path).is_file():
        raise UiError(f"no such file: {path}")
    file = QFile(str(path))
    file.open(QIODevice.OpenModeFlag.ReadOnly)
    return wrap(QUiLoader().load(file))
