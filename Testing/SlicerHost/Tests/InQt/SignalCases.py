# ruff: noqa: PT009  cases of unittest, as Slicer runs them
"""Signals, slots and overridden event handlers behave as the application's."""

from __future__ import annotations

import contextlib
import io
import sys
import unittest

import qt
import qt_layer


class SignalCases(unittest.TestCase):
    def setUp(self) -> None:
        self.button = qt.QPushButton()
        self.button.setCheckable(True)
        self.calls: list[tuple[object, ...]] = []

    def remember(self, *args: object) -> None:
        self.calls.append(args)

    def test_signals_connect_by_signature(self) -> None:
        self.assertIs(self.button.connect("clicked()", self.remember), True)
        self.assertIs(self.button.connect("clicked(bool)", self.remember), True)
        self.button.click()
        self.assertEqual(self.calls, [(), (True,)])

    def test_signals_connect_by_name_and_pass_their_argument(self) -> None:
        self.assertIs(self.button.clicked.connect(self.remember), True)
        self.button.click()
        self.assertEqual(self.calls, [(True,)])

    def test_unknown_signals_are_refused_and_printed(self) -> None:
        for signature in ("nosuch()", "clicked(int)", "clicked"):
            out = io.StringIO()
            with contextlib.redirect_stderr(out):
                self.assertIs(self.button.connect(signature, print), False)
            self.assertIn(signature, out.getvalue())

    def test_there_is_no_text_overload_of_current_index_changed(self) -> None:
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertIs(qt.QComboBox().connect("currentIndexChanged(QString)", print), False)
        self.assertIs(qt.QComboBox().connect("currentIndexChanged(int)", print), True)

    def test_a_slot_gets_as_many_arguments_as_it_takes(self) -> None:
        self.button.toggled.connect(lambda: self.calls.append(()))
        self.button.toggled.connect(lambda on: self.calls.append((on,)))
        self.button.toggled.connect(lambda on, other="default": self.calls.append((on, other)))
        self.button.checked = True
        self.assertEqual(self.calls, [(), (True,), (True, "default")])

    def test_disconnected_slots_are_not_called(self) -> None:
        self.button.clicked.connect(self.remember)
        self.assertIs(self.button.clicked.disconnect(self.remember), True)
        self.assertIs(self.button.clicked.disconnect(self.remember), False)
        self.button.connect("toggled(bool)", self.remember)
        self.assertIs(self.button.disconnect("toggled(bool)", self.remember), True)
        self.button.click()
        self.assertEqual(self.calls, [])

    def test_signals_reach_slots_of_objects(self) -> None:
        box = qt.QCheckBox()
        self.assertIs(self.button.connect("toggled(bool)", box, "setChecked(bool)"), True)
        self.button.click()
        self.assertIs(box.checked, True)
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertIs(self.button.connect("toggled(bool)", box, "nosuch(bool)"), False)

    def test_blocked_signals_are_not_sent(self) -> None:
        self.button.clicked.connect(self.remember)
        self.assertIs(self.button.blockSignals(True), False)
        self.button.click()
        self.assertEqual(self.calls, [])
        self.assertIs(self.button.blockSignals(False), True)

    def test_signals_can_be_emitted(self) -> None:
        self.button.clicked.connect(self.remember)
        self.button.clicked.emit(True)
        self.button.clicked(False)
        self.assertEqual(self.calls, [(True,), (False,)])

    def test_an_exception_in_a_slot_is_remembered_and_does_not_propagate(self) -> None:
        def fail() -> None:
            raise RuntimeError("on purpose")

        self.button.clicked.connect(fail)
        self.button.clicked.connect(self.remember)
        before = len(qt_layer.slotErrors)
        hook, sys.excepthook = sys.excepthook, lambda *_: None
        self.addCleanup(setattr, sys, "excepthook", hook)
        self.button.click()
        self.assertEqual(self.calls, [(True,)])
        self.assertIn("on purpose", qt_layer.slotErrors[before])

    def test_overridden_event_handlers_are_called_with_wrapped_events(self) -> None:
        seen: list[object] = []

        class Area(qt.QWidget):
            def mousePressEvent(self, event: object) -> None:
                seen.append((event.button() == qt.Qt.LeftButton, event.pos().x()))

            def sizeHint(self) -> object:
                return qt.QSize(120, 34)

        area = Area()
        area.resize(50, 40)
        place, buttons = qt.QPointF(5, 6), qt.Qt.LeftButton
        event = qt.QMouseEvent(qt.QEvent.MouseButtonPress, place, place, buttons, buttons, qt.Qt.NoModifier)
        qt.QCoreApplication.sendEvent(area, event)
        self.assertEqual(seen, [(True, 5)])
        holder = qt.QWidget()
        qt.QVBoxLayout(holder).addWidget(area)
        self.assertGreaterEqual(holder.sizeHint.width(), 120)

    def test_the_base_class_can_be_called_from_an_override(self) -> None:
        class Box(qt.QCheckBox):
            def nextCheckState(self) -> None:
                qt.QCheckBox.nextCheckState(self)
                super().setText("after")

        box = Box()
        box.click()
        self.assertEqual((box.checked, box.text), (True, "after"))
