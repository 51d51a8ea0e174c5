"""PythonQt's manners on top of PySide6: wrapper classes, signals, conversions."""

from .classes import PythonQtClass, classFor
from .conversion import unwrap, wrap
from .errors import slotErrors
from .instance import PythonQtInstance

__all__ = ["PythonQtClass", "PythonQtInstance", "classFor", "slotErrors", "unwrap", "wrap"]
