"""`parameterPack`: classes of several parameters that are themselves parameters."""

from __future__ import annotations

import logging
import typing
from typing import Any

import slicer

from .annotations import extractDefault, splitAnnotations, splitName, unannotatedType
from .serializers import Serializer, createSerializer
from .validators import IsInstance, NotNone


class Member:
    """One parameter of a pack or of a wrapper."""

    def __init__(self, name: str, serializer: Serializer, default: Any, annotatedType: Any) -> None:
        self.basename = name
        self.serializer = serializer
        self.default = default
        self.unalteredType = annotatedType


def readMembers(owner: type) -> list[tuple[str, Any, Serializer, Any, list[Any]]]:
    """Name, annotated type, serializer, default (None: not given) and unused annotations of a class's members."""
    found = []
    for name, annotated in typing.get_type_hints(owner, include_extras=True).items():
        bare, annotations = splitAnnotations(annotated)
        serializer, rest = createSerializer(bare, annotations)
        default, rest = extractDefault(rest)
        found.append((name, annotated, serializer, default, rest))
    return found


def isParameterPack(obj: Any) -> bool:
    """Whether an object or class is a parameter pack."""
    return bool(getattr(obj, "_is_parameterPack", False))


def nestedParameterNames(pack: Any) -> list[str]:
    """Names of all parameters of a pack, those of packs in it with a dot."""
    names: list[str] = []
    for name, member in unannotatedType(pack).allParameters.items():
        kind = unannotatedType(member.unalteredType)
        names += [f"{name}.{inner}" for inner in nestedParameterNames(kind)] if isParameterPack(kind) else [name]
    return names


def checkMember(pack: Any, name: str) -> None:
    """Raise ValueError when the pack has no such (dotted) member; properties of its own count as members."""
    top, rest = splitName(name)
    if not hasattr(pack, top):
        raise ValueError(f"{pack} has no member '{top}'")
    if rest is None:
        return
    kind = unannotatedType(pack.allParameters[top].unalteredType)
    if not isParameterPack(kind):
        raise ValueError(f"{kind} is not a parameter pack but expects to have '{rest}'")
    checkMember(kind, rest)


class _PackMethods:
    """Methods every pack gets."""

    allParameters: dict[str, Member]

    def __setattr__(self, name: str, value: Any) -> None:
        # A pack read from a node writes its members there; a new attribute would be lost.
        if "_save" in self.__dict__ and not hasattr(self, name):
            raise AttributeError(f"{type(self).__name__} of a parameter node has no attribute '{name}'")
        object.__setattr__(self, name, value)

    def getValue(self, name: str) -> Any:
        """Value of a (dotted) member."""
        checkMember(self, name)
        top, rest = splitName(name)
        value = getattr(self, top)
        return value if rest is None else value.getValue(rest)

    def setValue(self, name: str, value: Any) -> None:
        """Set a (dotted) member."""
        checkMember(self, name)
        top, rest = splitName(name)
        if rest is None:
            setattr(self, top, value)
        else:
            getattr(self, top).setValue(rest, value)

    @classmethod
    def dataType(cls, name: str) -> Any:
        """Annotated type of a (dotted) member."""
        checkMember(cls, name)
        top, rest = splitName(name)
        kind = cls.allParameters[top].unalteredType
        return kind if rest is None else unannotatedType(kind).dataType(rest)


def _property(name: str, serializer: Serializer) -> property:
    def write(self: Any, value: Any) -> None:
        serializer.validate(value)
        previous = self.__dict__.get(f"_value_{name}")
        self.__dict__[f"_value_{name}"] = value
        save = self.__dict__.get("_save")
        if save is None:
            return
        try:
            save(self)
        except Exception:
            self.__dict__[f"_value_{name}"] = previous
            raise

    return property(lambda self: self.__dict__[f"_value_{name}"], write)


def _initialise(self: Any, *args: Any, **kwargs: Any) -> None:
    names = list(self.allParameters)
    if len(args) > len(names):
        raise TypeError(f"__init__() takes {len(names)} values but {len(args)} were given")
    given = dict(zip(names, args))
    for name, value in kwargs.items():
        if name not in names:
            raise TypeError(f"__init__() got an unexpected keyword argument '{name}'")
        if name in given:
            raise TypeError(f"__init__() got multiple values for argument '{name}'")
        given[name] = value
    for name, member in self.allParameters.items():
        setattr(self, name, given.get(name, member.default))


def _withDefaultsFirst(own: Any) -> Any:
    def initialise(self: Any, *args: Any, **kwargs: Any) -> None:
        _initialise(self)
        own(self, *args, **kwargs)

    return initialise


def _equal(self: Any, other: object) -> bool:
    if not isParameterPack(other) or set(self.allParameters) != set(type(other).allParameters):  # type: ignore[attr-defined]
        return False
    return all(getattr(self, name) == getattr(other, name) for name in self.allParameters)


def _text(self: Any) -> str:
    values = ((name, getattr(self, name)) for name in self.allParameters)
    quoted = (f'{name}="{value}"' if isinstance(value, str) else f"{name}={value}" for name, value in values)
    return f"{type(self).__name__}({', '.join(quoted)})"


def _process(owner: type) -> type:
    members: dict[str, Member] = {}
    for name, annotated, serializer, default, rest in readMembers(owner):
        if name.startswith("_parameterPack_"):
            raise ValueError(f"Cannot use reserved name '{name}' in a parameterPack")
        if rest:
            logging.warning("Unused annotations: %s", rest)
        if hasattr(owner, name):
            value = getattr(owner, name)
        else:
            value = default.value if default is not None else serializer.default()
        try:
            serializer.validate(value)
        except Exception as error:
            raise ValueError(f"The default parameter of '{value}' fails the validation checks:\n  {error}") from error
        members[name] = Member(name, serializer, value, annotated)
        setattr(owner, name, _property(name, serializer))
    if not members:
        raise ValueError("Unable to find any members in parameterPack")
    for name in ("allParameters", "_is_parameterPack", "getValue", "setValue", "dataType"):
        if hasattr(owner, name):
            raise ValueError(f"Cannot use reserved name '{name}' in a parameterPack")
    own = owner.__dict__.get("__init__")
    owner.__init__ = _initialise if own is None else _withDefaultsFirst(own)  # type: ignore[misc]
    methods = {"__eq__": _equal, "__str__": _text, "__repr__": _text}
    for name, method in methods.items():
        if name not in owner.__dict__:
            setattr(owner, name, method)
    owner.allParameters = members  # type: ignore[attr-defined]
    owner._is_parameterPack = True  # type: ignore[attr-defined]
    for name in ("__setattr__", "getValue", "setValue", "dataType"):
        setattr(owner, name, _PackMethods.__dict__[name])
    return owner


def parameterPack(classtype: type | None = None) -> Any:
    """Class decorator: makes a parameter pack of an annotated class."""
    return _process if classtype is None else _process(classtype)


class PackSerializer(Serializer):
    """Packs: member ``m`` stands under ``name.m``; the pack read writes its changes into the node."""

    def __init__(self, kind: Any) -> None:
        super().__init__([NotNone(), IsInstance(kind)])
        self.kind = kind

    def takes(self, kind: type) -> bool:
        return isParameterPack(kind)

    def supportsCaching(self) -> bool:
        return all(member.serializer.supportsCaching() for member in self.kind.allParameters.values())

    def default(self) -> Any:
        return self.kind()

    def isIn(self, node: Any, name: str) -> bool:
        first = next(iter(self.kind.allParameters.values()))
        return first.serializer.isIn(node, f"{name}.{first.basename}")

    def _store(self, node: Any, name: str, value: Any) -> None:
        with slicer.util.NodeModify(node):
            for member in self.kind.allParameters.values():
                member.serializer.write(node, f"{name}.{member.basename}", getattr(value, member.basename))

    def read(self, node: Any, name: str) -> Any:
        members = self.kind.allParameters
        pack = object.__new__(self.kind)
        _initialise(pack, **{key: m.serializer.read(node, f"{name}.{key}") for key, m in members.items()})
        pack.__dict__["_save"] = lambda changed: self.write(node, name, changed)
        return pack

    def remove(self, node: Any, name: str) -> None:
        for member in self.kind.allParameters.values():
            member.serializer.remove(node, f"{name}.{member.basename}")
