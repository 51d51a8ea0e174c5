"""What may stand in ``Annotated[...]`` beside validators, and questions about types."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any

import slicer


class Default:
    """The default value of a parameter; `generator` makes a fresh one each time."""

    def __init__(self, value: Any = None, *, generator: Callable[[], Any] | None = None) -> None:
        self._value = value
        self._generator = generator

    @property
    def value(self) -> Any:
        """The default value."""
        return self._generator() if self._generator else self._value

    def __repr__(self) -> str:
        return f"Default(value={self._value}, generator={self._generator})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Default):
            return False
        return bool(self._value == other._value and self._generator == other._generator)

    __hash__ = None  # type: ignore[assignment]


@dataclasses.dataclass
class Decimals:
    """Number of decimals of a spin box or slider."""

    value: int


@dataclasses.dataclass
class SingleStep:
    """Step of a spin box or slider."""

    value: float | int


def splitAnnotations(possiblyAnnotated: Any) -> tuple[Any, tuple[Any, ...]]:
    """The bare type and its annotations."""
    if typing.get_origin(possiblyAnnotated) is typing.Annotated:
        bare, *annotations = typing.get_args(possiblyAnnotated)
        return bare, tuple(annotations)
    return possiblyAnnotated, ()


def unannotatedType(possiblyAnnotated: Any) -> Any:
    """The bare type."""
    return splitAnnotations(possiblyAnnotated)[0]


def findFirstAnnotation(annotations: Iterable[Any], kind: type) -> Any:
    """The first annotation of a kind; None when there is none."""
    return next((annotation for annotation in annotations if isinstance(annotation, kind)), None)


def extractDefault(annotations: Iterable[Any]) -> tuple[Default | None, list[Any]]:
    """The default among the annotations, and the rest."""
    annotations = list(annotations)
    defaults = [a for a in annotations if isinstance(a, Default)]
    if len(defaults) > 1:
        raise Exception("Multiple defaults found")
    return (defaults[0] if defaults else None), [a for a in annotations if not isinstance(a, Default)]


def splitName(name: str) -> tuple[str, str | None]:
    """``"x.y.z"`` → ``("x", "y.z")``; ``"x"`` → ``("x", None)``."""
    top, dot, rest = name.partition(".")
    return top, rest if dot else None


def isNodeType(kind: Any) -> bool:
    """Whether a type is an MRML node class."""
    return isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode)


def isUnion(kind: Any) -> bool:
    """Whether a type is ``A | B``, Union or Optional."""
    return typing.get_origin(kind) in (typing.Union, types.UnionType)


def _nodeMembers(datatype: Any) -> tuple[Any, ...]:
    bare = unannotatedType(datatype)
    return tuple(unannotatedType(a) for a in typing.get_args(bare)) if isUnion(bare) else (bare,)


def isNodeOrUnionOfNodes(datatype: Any) -> bool:
    """Whether a type is a node class or a union of node classes and None."""
    members = _nodeMembers(datatype)
    return all(isNodeType(m) or (m is type(None) and len(members) > 1) for m in members)


def getNodeTypes(datatype: Any) -> tuple[str, ...]:
    """Names of the node classes of a type.

    Raises:
        TypeError: it is not made of node classes.
    """
    names = tuple(kind().GetClassName() for kind in _nodeMembers(datatype) if isNodeType(kind))
    if not names:
        raise TypeError(f"Cannot handle type {datatype}")
    return names
