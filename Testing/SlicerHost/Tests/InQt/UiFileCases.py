# ruff: noqa: PT009, PT027  cases of unittest, as Slicer runs them
""".ui files load with their widgets, properties and connections, or not at all."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import ctk
import qt
import slicer

_FRAME = """<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0"><class>Panel</class>
<widget class="qMRMLWidget" name="Panel"><layout class="QVBoxLayout" name="column">{items}</layout></widget>
<connections>{connections}</connections></ui>"""
_WIRE = """<connection><sender>{}</sender><signal>{}</signal><receiver>{}</receiver><slot>{}</slot></connection>"""


class UiFileCases(unittest.TestCase):
    def load(self, items: str, connections: str = "") -> object:
        """Load a panel with these items in its column."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "Panel.ui"
            path.write_text(_FRAME.format(items=items, connections=connections), encoding="utf-8")
            return slicer.util.loadUI(str(path))

    def item(self, kind: str, name: str, properties: str = "") -> str:
        return f'<item><widget class="{kind}" name="{name}">{properties}</widget></item>'

    def test_widgets_are_of_the_exact_classes(self) -> None:
        kinds = {
            "QCheckBox": qt.QCheckBox, "QSpinBox": qt.QSpinBox, "ctkSliderWidget": ctk.ctkSliderWidget,
            "ctkPathLineEdit": ctk.ctkPathLineEdit, "qMRMLNodeComboBox": slicer.qMRMLNodeComboBox,
            "ctkCollapsibleButton": ctk.ctkCollapsibleButton, "qMRMLSliderWidget": slicer.qMRMLSliderWidget,
            "qMRMLSegmentSelectorWidget": slicer.qMRMLSegmentSelectorWidget,
        }  # fmt: skip
        panel = self.load("".join(self.item(kind, f"the{kind}") for kind in kinds))
        self.assertIs(type(panel), slicer.qMRMLWidget)
        ui = slicer.util.childWidgetVariables(panel)
        for name, kind in kinds.items():
            self.assertIs(type(getattr(ui, f"the{name}")), kind)

    def test_properties_and_dynamic_properties_arrive(self) -> None:
        panel = self.load(
            self.item(
                "qMRMLNodeComboBox", "selector",
                '<property name="nodeTypes"><stringlist><string>vtkMRMLModelNode</string></stringlist></property>'
                '<property name="noneEnabled"><bool>true</bool></property>'
                '<property name="toolTip"><string>Tip</string></property>'
                '<property name="SlicerParameterName" stdset="0"><string>model</string></property>',
            )
            + self.item("ctkPathLineEdit", "path",
                '<property name="filters"><set>ctkPathLineEdit::Files|ctkPathLineEdit::Readable</set></property>')
            + self.item("ctkSliderWidget", "slider",
                '<property name="maximum"><double>1.5</double></property>'
                '<property name="decimals"><number>2</number></property>')
        )  # fmt: skip
        ui = slicer.util.childWidgetVariables(panel)
        self.assertEqual((ui.selector.nodeTypes, ui.selector.noneEnabled), (("vtkMRMLModelNode",), True))
        self.assertEqual(ui.selector.toolTip, "Tip")
        self.assertEqual(ui.selector.property("SlicerParameterName"), "model")
        self.assertEqual(ui.path.filters, ctk.ctkPathLineEdit.Files | ctk.ctkPathLineEdit.Readable)
        self.assertEqual((ui.slider.maximum, ui.slider.decimals), (1.5, 2))

    def test_connections_are_wired(self) -> None:
        wires = _WIRE.format("Panel", "mrmlSceneChanged(vtkMRMLScene*)", "selector", "setMRMLScene(vtkMRMLScene*)")
        wires += _WIRE.format("box", "toggled(bool)", "selector", "setEnabled(bool)")
        panel = self.load(self.item("qMRMLNodeComboBox", "selector") + self.item("QCheckBox", "box"), wires)
        ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        self.assertIs(ui.selector.mrmlScene(), slicer.mrmlScene)
        ui.box.checked = True
        ui.box.checked = False
        self.assertFalse(ui.selector.enabled)

    def test_what_is_unknown_is_an_error(self) -> None:
        box = self.item("QCheckBox", "box")
        for items, wires, word in (
            (self.item("ctkNoSuchWidget", "x"), "", "ctkNoSuchWidget"),
            (self.item("qMRMLNodeComboBox", "x", '<property name="nosuch"><bool>true</bool></property>'), "", "nosuch"),
            (self.item("QLabel", "x", '<property name="nosuch"><bool>true</bool></property>'), "", "nosuch"),
            (box, _WIRE.format("Panel", "nosuch()", "box", "toggle()"), "nosuch"),
            (box, _WIRE.format("box", "clicked()", "Panel", "nosuch()"), "nosuch"),
            (box, _WIRE.format("box", "clicked()", "other", "show()"), "other"),
            (self.item("ctkPathLineEdit", "x",
                '<property name="filters"><set>ctkPathLineEdit::Nosuch</set></property>'), "", "Nosuch"),
        ):  # fmt: skip
            with self.assertRaisesRegex(RuntimeError, word):
                self.load(items, wires)

    def test_a_missing_file_is_an_error(self) -> None:
        with self.assertRaises(RuntimeError):
            slicer.util.loadUI("/no/such/file.ui")
