"""Which widget shows which type of parameter, and how the value passes between them.

As in the application, a widget's class must be exactly the one named: a subclass is not taken.
"""

from __future__ import annotations

import abc
import enum
import logging
from collections.abc import Callable
from typing import Any

import ctk
import qt
import slicer

from .annotations import (
    Decimals,
    SingleStep,
    findFirstAnnotation,
    getNodeTypes,
    isNodeOrUnionOfNodes,
    splitAnnotations,
    unannotatedType,
)
from .ranges import FloatRange
from .serializers import _PATHS
from .validators import Choice, Maximum, Minimum, RangeBounds, WithinRange

_LARGEST_INT = 2**31 - 1


def _isExactly(widget: Any, *names: str) -> bool:
    """Whether the class of the widget is one of the named ones (``"qt.QSpinBox"``)."""
    for name in names:
        module, _, className = name.partition(".")
        if type(widget).__name__ == className:
            return type(widget) is getattr({"qt": qt, "ctk": ctk, "slicer": slicer}[module], className)
    return False


class GuiConnector(abc.ABC):
    """Passes the value between a widget and a parameter.

    Derived classes name the widget's change signal (`SIGNAL`) and its value property (`PROPERTY`).
    """

    SIGNAL = ""
    PROPERTY = ""

    def __init__(self, widget: Any, datatype: Any) -> None:
        self._widget = widget
        self._datatype = datatype
        self._callback: Callable[[], None] | None = None

    @staticmethod
    @abc.abstractmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        """Whether the widget can show the (annotated) type."""

    @classmethod
    def create(cls, widget: Any, datatype: Any) -> GuiConnector:
        """A connector of the widget."""
        return cls(widget, datatype)

    def onChanged(self, callback: Callable[[], None] | None) -> None:
        """Call `callback` when the user changes the widget; None ends that."""
        self._callback = callback
        if not self.SIGNAL:
            return
        signal = getattr(self._widget, self.SIGNAL)
        if callback is None:
            signal.disconnect(self.changed)
        else:
            signal.connect(self.changed)

    def changed(self) -> None:
        """The widget changed."""
        if self._callback:
            self._callback()

    def widget(self) -> Any:
        """The widget."""
        return self._widget

    def read(self) -> Any:
        """The widget's value."""
        return getattr(self._widget, self.PROPERTY)

    def write(self, value: Any) -> None:
        """Show a value."""
        setattr(self._widget, self.PROPERTY, value)


_connectors: list[type[GuiConnector]] = []


def parameterNodeGuiConnector(classtype: Any = None) -> Any:
    """Class decorator: registers a connector."""

    def register(connector: type[GuiConnector]) -> type[GuiConnector]:
        if not issubclass(connector, GuiConnector):
            raise TypeError("Must be a GuiConnector subclass")
        _connectors.append(connector)
        return connector

    return register if classtype is None else register(classtype)


def createGuiConnector(widget: Any, datatype: Any) -> GuiConnector:
    """The connector for a widget and a type.

    Raises:
        RuntimeError: the widget cannot show the type, in the application either (as far as the host knows).
    """
    for connector in _connectors:
        if connector.canRepresent(widget, datatype):
            return connector.create(widget, datatype)
    raise RuntimeError(f"Unable to create GUI connector from datatype '{datatype}' to widget type '{type(widget)}'.")


@parameterNodeGuiConnector
class _CheckBox(GuiConnector):
    SIGNAL, PROPERTY = "stateChanged", "checked"

    @staticmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        return unannotatedType(datatype) is bool and _isExactly(widget, "qt.QCheckBox", "ctk.ctkCheckBox")


@parameterNodeGuiConnector
class _CheckableButton(GuiConnector):
    SIGNAL, PROPERTY = "toggled", "checked"

    def __init__(self, widget: Any, datatype: Any) -> None:
        super().__init__(widget, datatype)
        if not widget.checkable:
            logging.warning("Making push button checkable for conversion to bool: button %s", widget)
            widget.checkable = True

    @staticmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        return unannotatedType(datatype) is bool and _isExactly(widget, "qt.QPushButton")


class _Number(GuiConnector):
    SIGNAL, PROPERTY = "valueChanged", "value"

    def _bounds(self) -> tuple[float | None, float | None]:
        annotations = splitAnnotations(self._datatype)[1]
        within = findFirstAnnotation(annotations, WithinRange)
        if within is not None:
            return within.minimum, within.maximum
        least, most = findFirstAnnotation(annotations, Minimum), findFirstAnnotation(annotations, Maximum)
        return (None if least is None else least.minimum), (None if most is None else most.maximum)

    def _applySteps(self, withDecimals: bool) -> None:
        annotations = splitAnnotations(self._datatype)[1]
        decimals, step = findFirstAnnotation(annotations, Decimals), findFirstAnnotation(annotations, SingleStep)
        if decimals is not None and withDecimals:
            self._widget.decimals = decimals.value
        if step is not None:
            self._widget.singleStep = step.value


@parameterNodeGuiConnector
class _Integer(_Number):
    def __init__(self, widget: Any, datatype: Any) -> None:
        super().__init__(widget, datatype)
        self._applySteps(withDecimals=True)
        least, most = self._bounds()
        if _isExactly(widget, "qt.QSlider") and (least is None or most is None):
            raise RuntimeError("Cannot have a connection to QSlider where the int type is unbounded.")
        widget.setRange(-_LARGEST_INT - 1 if least is None else least, _LARGEST_INT if most is None else most)

    @staticmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        return unannotatedType(datatype) is int and _isExactly(widget, "qt.QSlider", "qt.QSpinBox")


@parameterNodeGuiConnector
class _Float(_Number):
    def __init__(self, widget: Any, datatype: Any) -> None:
        super().__init__(widget, datatype)
        self._isInteger = unannotatedType(datatype) is int
        hasDecimals = not _isExactly(widget, "ctk.ctkDoubleSlider")
        if hasDecimals and self._isInteger:
            widget.decimals = 0
        self._applySteps(withDecimals=hasDecimals and not self._isInteger)
        least, most = self._bounds()
        unbounded = least is None or most is None
        if unbounded and _isExactly(widget, "ctk.ctkSliderWidget", "slicer.qMRMLSliderWidget"):
            raise RuntimeError("Cannot have a connection to ctkSliderWidget where the float types is unbounded.")
        widget.minimum = float("-inf") if least is None else least
        widget.maximum = float("inf") if most is None else most

    @staticmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        return unannotatedType(datatype) in (int, float) and _isExactly(
            widget, "qt.QDoubleSpinBox", "ctk.ctkSliderWidget", "slicer.qMRMLSliderWidget", "ctk.ctkDoubleSlider",
            "ctk.ctkDoubleSpinBox", "slicer.qMRMLSpinBox",
        )  # fmt: skip

    def read(self) -> Any:
        value = super().read()
        return int(value) if self._isInteger else value

    def write(self, value: Any) -> None:
        super().write(int(value) if self._isInteger else value)


class _ComboBox(GuiConnector):
    SIGNAL = "currentIndexChanged"
    _choices: list[Any]

    def read(self) -> Any:
        return self._choices[self._widget.currentIndex]

    def write(self, value: Any) -> None:
        if value not in self._choices:
            raise ValueError(f"Unable to find value {value} in choices {self._choices}")
        self._widget.currentIndex = self._choices.index(value)


@parameterNodeGuiConnector
class _ChoiceBox(_ComboBox):
    def __init__(self, widget: Any, datatype: Any) -> None:
        super().__init__(widget, datatype)
        choice = findFirstAnnotation(splitAnnotations(datatype)[1], Choice)
        if choice is None:
            raise RuntimeError("ComboBoxToStringableConnector requires the Choice annotation to be used.")
        self._choices = list(choice.choices)
        widget.clear()
        for value in self._choices:
            widget.addItem(str(value))

    @staticmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        isBox = _isExactly(widget, "qt.QComboBox", "ctk.ctkComboBox")
        return isBox and unannotatedType(datatype) in (int, float, str, bool)


@parameterNodeGuiConnector
class _EnumBox(_ComboBox):
    def __init__(self, widget: Any, datatype: Any) -> None:
        super().__init__(widget, datatype)
        kind = unannotatedType(datatype)
        label = getattr(kind, "label", lambda member: member.name)
        self._choices = list(kind)
        shown = self.read()
        widget.clear()
        for member in self._choices:
            widget.addItem(label(member))
        self.write(shown)

    @staticmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        kind = unannotatedType(datatype)
        isBox = _isExactly(widget, "qt.QComboBox", "ctk.ctkComboBox")
        return isBox and isinstance(kind, type) and issubclass(kind, enum.Enum)


@parameterNodeGuiConnector
class _LineEdit(GuiConnector):
    SIGNAL, PROPERTY = "textChanged", "text"

    @staticmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        return unannotatedType(datatype) is str and _isExactly(widget, "qt.QLineEdit")

    def write(self, value: Any) -> None:
        # Writing moves the cursor to the end, so what the user is typing is not written back.
        if value != self._widget.text:
            self._widget.text = value


@parameterNodeGuiConnector
class _Label(GuiConnector):
    PROPERTY = "text"

    @staticmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        return unannotatedType(datatype) is str and _isExactly(widget, "qt.QLabel")


@parameterNodeGuiConnector
class _TextEdit(GuiConnector):
    SIGNAL, PROPERTY = "textChanged", "plainText"

    @staticmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        return unannotatedType(datatype) is str and _isExactly(widget, "qt.QTextEdit")

    def read(self) -> Any:
        return self._widget.toPlainText()

    def write(self, value: Any) -> None:
        self._widget.setPlainText(value)


class _Path(GuiConnector):
    def read(self) -> Any:
        return unannotatedType(self._datatype)(super().read())

    def write(self, value: Any) -> None:
        super().write(str(value))


@parameterNodeGuiConnector
class _PathLineEdit(_Path):
    SIGNAL, PROPERTY = "currentPathChanged", "currentPath"

    @staticmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        return unannotatedType(datatype) in _PATHS and _isExactly(widget, "ctk.ctkPathLineEdit")


@parameterNodeGuiConnector
class _DirectoryButton(_Path):
    SIGNAL, PROPERTY = "directoryChanged", "directory"

    @staticmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        return unannotatedType(datatype) in _PATHS and _isExactly(widget, "ctk.ctkDirectoryButton")


@parameterNodeGuiConnector
class _NodeComboBox(GuiConnector):
    SIGNAL = "currentNodeChanged"

    def __init__(self, widget: Any, datatype: Any) -> None:
        super().__init__(widget, datatype)
        widget.nodeTypes = getNodeTypes(datatype)

    @staticmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        return _isExactly(widget, "slicer.qMRMLNodeComboBox") and isNodeOrUnionOfNodes(datatype)

    def read(self) -> Any:
        return self._widget.currentNode()

    def write(self, value: Any) -> None:
        self._widget.setCurrentNode(value)


@parameterNodeGuiConnector
class _RangeWidget(GuiConnector):
    SIGNAL = "valuesChanged"

    def __init__(self, widget: Any, datatype: Any) -> None:
        super().__init__(widget, datatype)
        annotations = splitAnnotations(datatype)[1]
        bounds = findFirstAnnotation(annotations, RangeBounds)
        if bounds is None:
            raise RuntimeError("Cannot have a connection to a range widget where the float is unbounded.")
        decimals, step = findFirstAnnotation(annotations, Decimals), findFirstAnnotation(annotations, SingleStep)
        if decimals is not None and not _isExactly(widget, "ctk.ctkDoubleRangeSlider"):
            widget.decimals = decimals.value
        if step is not None:
            widget.singleStep = step.value
        widget.setRange(bounds.minimum, bounds.maximum)

    @staticmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        isRange = _isExactly(widget, "ctk.ctkRangeWidget", "ctk.ctkDoubleRangeSlider", "slicer.qMRMLRangeWidget")
        return isRange and unannotatedType(datatype) is FloatRange

    def read(self) -> Any:
        return FloatRange(self._widget.minimumValue, self._widget.maximumValue)

    def write(self, value: Any) -> None:
        self._widget.setValues(value.minimum, value.maximum)
