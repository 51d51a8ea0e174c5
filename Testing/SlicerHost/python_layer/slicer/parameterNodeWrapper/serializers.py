"""How values stand in a parameter node, as text or node reference, in the application's own format."""

from __future__ import annotations

import abc
import enum
import logging
import pathlib
import typing
from collections.abc import Iterable, MutableSequence
from typing import Any

import slicer

from .annotations import isNodeType, isUnion, splitAnnotations
from .validators import IsInstance, IsNone, NotNone, Validator, extractValidators

_PATHS = (
    pathlib.Path, pathlib.PosixPath, pathlib.WindowsPath,
    pathlib.PurePath, pathlib.PurePosixPath, pathlib.PureWindowsPath,
)  # fmt: skip


class Serializer(abc.ABC):
    """Reads and writes the values of one parameter; `rules` are checked before writing."""

    rules: list[Validator]

    def __init__(self, rules: Iterable[Validator] = ()) -> None:
        self.rules = list(rules)

    def takes(self, kind: type) -> bool:
        """Whether values of this very type are meant for this serializer; a union asks."""
        raise NotImplementedError(f"The test host has no unions with {type(self).__name__}.")

    def validate(self, value: Any) -> None:
        """Raise when the value breaks a rule."""
        for rule in self.rules:
            rule.validate(value)

    def supportsCaching(self) -> bool:
        """Whether the value read may be kept while the node does not change."""
        return True

    @abc.abstractmethod
    def default(self) -> Any:
        """Value of a parameter for which no default is given."""

    def isIn(self, node: Any, name: str) -> bool:
        """Whether the node has the parameter."""
        return bool(node.HasParameter(name))

    def write(self, node: Any, name: str, value: Any) -> None:
        """Check and store a value."""
        self.validate(value)
        self._store(node, name, value)

    @abc.abstractmethod
    def _store(self, node: Any, name: str, value: Any) -> None:
        """Store a value that was checked."""

    @abc.abstractmethod
    def read(self, node: Any, name: str) -> Any:
        """The stored value."""

    def remove(self, node: Any, name: str) -> None:
        """Take the parameter out of the node."""
        node.UnsetParameter(name)


class TextSerializer(Serializer):
    """Values that have a text form: numbers, texts, paths, truth values, enumerations."""

    def __init__(self, kind: Any, instances: Any = None) -> None:
        super().__init__([NotNone(), IsInstance(instances or kind)])
        self.kind = kind

    def takes(self, kind: type) -> bool:
        groups = ((int, float), _PATHS)
        return kind is self.kind or any(kind in group and self.kind in group for group in groups)

    def default(self) -> Any:
        return self.kind()

    def _store(self, node: Any, name: str, value: Any) -> None:
        node.SetParameter(name, str(value))

    def read(self, node: Any, name: str) -> Any:
        return self.kind(node.GetParameter(name))


class BoolSerializer(TextSerializer):
    """Truth values, stored as "True" and "False"."""

    def read(self, node: Any, name: str) -> Any:
        return node.GetParameter(name) == "True"


class EnumSerializer(TextSerializer):
    """Enumerations, stored by the name of the member; the default is the first member."""

    def __init__(self, kind: Any) -> None:
        super().__init__(kind)
        if not len(kind):
            raise ValueError("Cannot serialize empty Enum.")

    def takes(self, kind: type) -> bool:
        return issubclass(kind, enum.Enum)

    def default(self) -> Any:
        return next(iter(self.kind))

    def _store(self, node: Any, name: str, value: Any) -> None:
        node.SetParameter(name, value.name)

    def read(self, node: Any, name: str) -> Any:
        key = node.GetParameter(name)
        try:
            return self.kind[key]
        except KeyError as error:
            raise ValueError(f"Found {key!r} in parameter node but it is not a name in {self.kind!r}") from error


class NodeSerializer(Serializer):
    """MRML nodes, stored as a node reference with an empty parameter of the same name beside it."""

    def __init__(self, kind: Any) -> None:
        super().__init__([IsInstance(kind)])

    def takes(self, kind: type) -> bool:
        return isNodeType(kind)

    def default(self) -> Any:
        return None

    def _store(self, node: Any, name: str, value: Any) -> None:
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, None if value is None else value.GetID())

    def read(self, node: Any, name: str) -> Any:
        return node.GetNodeReference(name)

    def remove(self, node: Any, name: str) -> None:
        node.UnsetParameter(name)
        node.RemoveNodeReferenceIDs(name)


class NoneSerializer(Serializer):
    """None as a member of a union."""

    def __init__(self) -> None:
        super().__init__([IsNone()])

    def takes(self, kind: type) -> bool:
        return kind is type(None)

    def default(self) -> Any:
        return None

    def _store(self, node: Any, name: str, value: Any) -> None:
        node.SetParameter(name, "True")

    def read(self, node: Any, name: str) -> Any:
        return None


class UnionSerializer(Serializer):
    """One of several types; member `i` is stored under ``name.i``."""

    def __init__(self, members: list[Serializer]) -> None:
        super().__init__()
        self.members = members

    def supportsCaching(self) -> bool:
        return all(member.supportsCaching() for member in self.members)

    def default(self) -> Any:
        optional = len(self.members) == 2 and isinstance(self.members[1], NoneSerializer)
        return None if optional else self.members[0].default()

    def isIn(self, node: Any, name: str) -> bool:
        return any(member.isIn(node, f"{name}.{i}") for i, member in enumerate(self.members))

    def validate(self, value: Any) -> None:
        super().validate(value)
        self._memberFor(value)

    def _memberFor(self, value: Any) -> int:
        failure: Exception = TypeError(f"Unable to write value '{value}' of type '{type(value)}'")
        for i, member in enumerate(self.members):
            if not member.takes(type(value)):
                continue
            try:
                member.validate(value)
            except (TypeError, ValueError) as error:
                failure = error
            else:
                return i
        raise failure

    def _store(self, node: Any, name: str, value: Any) -> None:
        chosen = self._memberFor(value)
        with slicer.util.NodeModify(node):
            self.remove(node, name)
            self.members[chosen].write(node, f"{name}.{chosen}", value)

    def read(self, node: Any, name: str) -> Any:
        for i, member in enumerate(self.members):
            if member.isIn(node, f"{name}.{i}"):
                return member.read(node, f"{name}.{i}")
        raise KeyError(f"Unable to find value for name: {name}")

    def remove(self, node: Any, name: str) -> None:
        for i, member in enumerate(self.members):
            member.remove(node, f"{name}.{i}")


class ObservedList(MutableSequence):  # type: ignore[type-arg]
    """A list that writes each of its changes into the parameter node."""

    def __init__(self, node: Any, serializer: ListSerializer, name: str, values: list[Any]) -> None:
        self._node, self._serializer, self._name, self._list = node, serializer, name, values

    def _change(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        try:
            result = getattr(self._list, method)(*arguments, **keywords)
            self._serializer.write(self._node, self._name, self._list)
        finally:
            self._list = self._serializer.read(self._node, self._name)._list
        return result

    def __repr__(self) -> str:
        return f"ObservedList({self._list})"

    def __eq__(self, other: object) -> bool:
        return bool(self._list == (other._list if isinstance(other, ObservedList) else other))

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self._list)

    def __getitem__(self, index: Any) -> Any:
        return self._list[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._change("__setitem__", index, value)

    def __delitem__(self, index: Any) -> None:
        self._change("__delitem__", index)

    def insert(self, index: int, value: Any) -> None:
        self._change("insert", index, value)

    def extend(self, values: Iterable[Any]) -> None:
        self._change("extend", values)

    def clear(self) -> None:
        self._change("clear")

    def sort(self, **keywords: Any) -> None:
        """Sort in place."""
        self._change("sort", **keywords)

    def reverse(self) -> None:
        self._change("reverse")

    def __add__(self, other: Any) -> Any:
        raise NotImplementedError("Adding an ObservedList is not supported. However, += is supported.")

    __radd__ = __add__

    def __mul__(self, other: Any) -> Any:
        raise NotImplementedError("Multiplying an ObservedList is not supported. However, *= is supported.")

    __rmul__ = __mul__

    def __imul__(self, count: int) -> ObservedList:
        self._change("__imul__", count)
        return self


class ListSerializer(Serializer):
    """Lists: the length stands under ``name.len``, element `i` under ``name.i``."""

    def __init__(self, element: Serializer) -> None:
        super().__init__()
        self.element = element

    def takes(self, kind: type) -> bool:
        return kind is list

    def supportsCaching(self) -> bool:
        return self.element.supportsCaching()

    def default(self) -> Any:
        return []

    def isIn(self, node: Any, name: str) -> bool:
        return bool(node.HasParameter(f"{name}.len"))

    def _length(self, node: Any, name: str) -> int:
        return int(node.GetParameter(f"{name}.len")) if self.isIn(node, name) else 0

    def _store(self, node: Any, name: str, value: Any) -> None:
        values = list(value)
        for element in values:
            self.element.validate(element)
        with slicer.util.NodeModify(node):
            before = self._length(node, name)
            for i, element in enumerate(values):
                self.element.write(node, f"{name}.{i}", element)
            node.SetParameter(f"{name}.len", str(len(values)))
            for i in range(len(values), before):
                self.element.remove(node, f"{name}.{i}")

    def read(self, node: Any, name: str) -> Any:
        values = [self.element.read(node, f"{name}.{i}") for i in range(self._length(node, name))]
        return ObservedList(node, self, name, values)

    def remove(self, node: Any, name: str) -> None:
        with slicer.util.NodeModify(node):
            for i in range(self._length(node, name)):
                self.element.remove(node, f"{name}.{i}")
            node.UnsetParameter(f"{name}.len")


def parameterNodeSerializer(classtype: Any = None) -> Any:
    """Refused: own serializers need the application."""
    raise NotImplementedError("The test host knows no serializers of a module's own.")


def createSerializer(kind: Any, annotations: Iterable[Any]) -> tuple[Serializer, list[Any]]:
    """The serializer of a type with its rules, and the annotations it did not use.

    Raises:
        NotImplementedError: the host does not know the type.
    """
    rules, rest = extractValidators(annotations)
    serializer = _serializerOf(kind)
    serializer.rules += rules
    return serializer, rest


def createAnnotatedSerializer(kind: Any) -> Serializer:
    """The serializer of a type that may carry annotations."""
    serializer, rest = createSerializer(*splitAnnotations(kind))
    if rest:
        logging.warning("Unused annotations: %s", rest)
    return serializer


def _serializerOf(kind: Any) -> Serializer:
    from .pack import PackSerializer, isParameterPack

    if kind is bool:
        return BoolSerializer(bool)
    if kind in (int, float):
        return TextSerializer(kind, (int, float) if kind is float else int)
    if kind is str or kind in _PATHS:
        return TextSerializer(kind)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return EnumSerializer(kind)
    if isNodeType(kind):
        return NodeSerializer(kind)
    if kind is type(None):
        return NoneSerializer()
    if isUnion(kind):
        return UnionSerializer([createAnnotatedSerializer(member) for member in typing.get_args(kind)])
    if typing.get_origin(kind) is list:
        return ListSerializer(createAnnotatedSerializer(typing.get_args(kind)[0]))
    if isParameterPack(kind):
        return PackSerializer(kind)
    raise NotImplementedError(f"The test host has no serializer for the type {kind}.")
