"""`slicer.parameterNodeWrapper`: typed access to parameter nodes, bound to widgets.

A subset of the application's: bool, int, float, str, `pathlib` paths, enumerations, MRML nodes, lists of these,
parameter packs, ranges and unions. Whatever else the application knows raises NotImplementedError here.
The way values are stored in the node is the application's, so scenes can be exchanged.
"""

from .annotations import (
    Decimals,
    Default,
    SingleStep,
    findFirstAnnotation,
    getNodeTypes,
    isNodeOrUnionOfNodes,
    splitAnnotations,
    unannotatedType,
)
from .connectors import GuiConnector, createGuiConnector, parameterNodeGuiConnector
from .pack import isParameterPack, nestedParameterNames, parameterPack
from .ranges import FloatRange
from .serializers import Serializer, parameterNodeSerializer
from .validators import (
    Choice,
    Exclude,
    IsInstance,
    Maximum,
    Minimum,
    NotNone,
    RangeBounds,
    Validator,
    WithinRange,
)
from .wrapper import (
    SlicerParameterNamePropertyName,
    findChildWidgetForParameter,
    isParameterNodeWrapper,
    parameterNodeWrapper,
)

__all__ = [
    "Choice", "Decimals", "Default", "Exclude", "FloatRange", "GuiConnector", "IsInstance", "Maximum", "Minimum",
    "NotNone",
    "RangeBounds", "Serializer", "SingleStep", "SlicerParameterNamePropertyName", "Validator", "WithinRange",
    "createGuiConnector", "findChildWidgetForParameter", "findFirstAnnotation", "getNodeTypes",
    "isNodeOrUnionOfNodes", "isParameterNodeWrapper", "isParameterPack", "nestedParameterNames",
    "parameterNodeGuiConnector", "parameterNodeSerializer", "parameterNodeWrapper", "parameterPack",
    "splitAnnotations", "unannotatedType",
]  # fmt: skip

_ABSENT = frozenset({
    "AnySerializer", "BoolSerializer", "DictSerializer", "ListSerializer", "NodeSerializer",
    "NumberSerializer", "PathSerializer", "QColorSerializer", "SlicerPackParameterNamePropertyName",
    "StringSerializer", "TupleSerializer", "UnionSerializer", "ValidatedSerializer", "createGui",
})  # fmt: skip


def __getattr__(name: str) -> object:
    if name in _ABSENT:
        raise NotImplementedError(f"The test host has no slicer.parameterNodeWrapper.{name}.")
    raise AttributeError(f"module 'slicer.parameterNodeWrapper' has no attribute '{name}'")
