"""Turns a layout description (XML) into splitters, boxes, grids and tabs."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QGridLayout, QHBoxLayout, QSplitter, QTabWidget, QVBoxLayout, QWidget


class LayoutError(ValueError):
    """A layout description that can not be shown."""


def buildLayout(element: ElementTree.Element, viewsOf: Callable[[ElementTree.Element], list[QWidget]]) -> QWidget:
    """The widget for a <layout> element; *viewsOf* gives the widgets of a <view> element."""
    if element.tag == "viewports":
        element = next((port for port in element if not port.get("name")), element[0])
    if element.tag != "layout":
        raise LayoutError(f"unknown layout element <{element.tag}>")
    kind = element.get("type", "horizontal")
    if kind not in ("horizontal", "vertical", "grid", "tab"):
        raise LayoutError(f"unknown layout type '{kind}'")
    parts: list[tuple[ElementTree.Element, QWidget]] = []
    for item in element.findall("item"):
        for child in item:
            if child.tag == "layout":
                parts.append((item, buildLayout(child, viewsOf)))
            elif child.tag == "view":
                parts += [(item, widget) for widget in viewsOf(child)]
    if element.get("split") == "true" and kind in ("horizontal", "vertical"):
        return _splitter(kind, parts)
    if kind == "tab":
        return _tabs(parts)
    return _grid(parts) if kind == "grid" else _box(kind, parts)


def _splitter(kind: str, parts: list[tuple[ElementTree.Element, QWidget]]) -> QWidget:
    splitter = QSplitter(Qt.Orientation.Vertical if kind == "vertical" else Qt.Orientation.Horizontal)
    splitter.setChildrenCollapsible(False)
    for _, widget in parts:
        splitter.addWidget(widget)
    sizes = [int(item.get("splitSize", "0")) for item, _ in parts]
    splitter.setSizes(sizes if any(sizes) else [1000] * len(parts))
    return splitter


def _tabs(parts: list[tuple[ElementTree.Element, QWidget]]) -> QWidget:
    tabs = QTabWidget()
    for item, widget in parts:
        tabs.addTab(widget, item.get("name") or widget.windowTitle())
    return tabs


def _grid(parts: list[tuple[ElementTree.Element, QWidget]]) -> QWidget:
    holder = QWidget()
    grid = QGridLayout(holder)
    _tighten(grid)
    for item, widget in parts:
        place = [
            int(item.get(name, default))
            for name, default in (("row", "0"), ("column", "0"), ("rowspan", "1"), ("colspan", "1"))
        ]
        grid.addWidget(widget, *place)
    for number in range(grid.columnCount()):
        grid.setColumnStretch(number, 1)
    for number in range(grid.rowCount()):
        grid.setRowStretch(number, 1)
    return holder


def _box(kind: str, parts: list[tuple[ElementTree.Element, QWidget]]) -> QWidget:
    holder = QWidget()
    box: QBoxLayout = QVBoxLayout(holder) if kind == "vertical" else QHBoxLayout(holder)
    _tighten(box)
    for _, widget in parts:
        box.addWidget(widget, 1)
    return holder


def _tighten(layout: Any) -> None:
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(1)
