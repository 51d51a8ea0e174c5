"""What a layout description says about a view."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any


def applyProperties(element: ElementTree.Element, node: Any, onlyLayout: bool = False) -> None:
    """Properties of a view: the default ones when it is made, those marked "relayout" each time."""
    for entry in element.findall("property"):
        action, value = entry.get("action", "default"), (entry.text or "").strip()
        if onlyLayout and action != "relayout":
            continue
        name = entry.get("name", "")
        if name == "orientation":
            node.SetOrientation(value)
        elif name == "viewlabel":
            node.SetLayoutLabel(value)
        elif name == "viewcolor":
            color = value.lstrip("#")
            node.SetLayoutColor(*(int(color[i : i + 2], 16) / 255 for i in (0, 2, 4)))
        elif name == "viewgroup":
            node.SetViewGroup(int(value))
        elif name in ("lightboxrows", "lightboxcolumns"):
            setter = node.SetLayoutGridRows if name == "lightboxrows" else node.SetLayoutGridColumns
            setter(int(value))
