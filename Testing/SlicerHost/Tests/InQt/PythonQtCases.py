# ruff: noqa: PT009, PT027  cases of unittest, as Slicer runs them
"""qt behaves as the application's PythonQt does."""

from __future__ import annotations

import unittest

import qt
import slicer


def settle() -> None:
    """Run what is due, deferred deletions included."""
    slicer.app.processEvents()
    qt.QCoreApplication.sendPostedEvents(None, qt.QEvent.DeferredDelete)


class PropertyCases(unittest.TestCase):
    def setUp(self) -> None:
        self.button = qt.QPushButton("Text")
        self.combo = qt.QComboBox()
        self.combo.addItem("first", {"a": 1})
        self.combo.addItem("second", 2)

    def test_properties_are_values(self) -> None:
        self.assertEqual(self.button.text, "Text")
        self.assertEqual(self.combo.count, 2)
        self.assertEqual(self.combo.currentText, "first")
        self.assertEqual(self.combo.currentData, {"a": 1})
        self.assertIsInstance(self.button.width, int)
        spin = qt.QSpinBox()
        spin.value = 7
        self.assertEqual(spin.value, 7)

    def test_calling_a_property_is_an_error(self) -> None:
        for call in (lambda: self.button.text(), lambda: self.combo.count(), lambda: self.button.width()):
            with self.assertRaises(TypeError):
                call()

    def test_what_is_no_property_stays_a_method(self) -> None:
        box = qt.QCheckBox()
        box.checked = True
        self.assertIs(box.isChecked(), True)
        self.assertIs(box.isEnabled(), True)
        self.assertIsNone(self.button.parent())
        self.assertIsNone(self.button.layout())
        self.assertEqual(qt.QTableWidgetItem("x").text(), "x")
        self.assertEqual(qt.QSize(3, 4).width(), 3)

    def test_visible_and_enabled_exist_and_hidden_does_not(self) -> None:
        self.button.enabled = False
        self.assertIs(self.button.enabled, False)
        self.button.visible = False
        self.assertIs(self.button.visible, False)
        self.assertFalse(hasattr(self.button, "hidden"))
        self.assertTrue(self.button.isHidden())

    def test_name_is_the_object_name(self) -> None:
        self.button.name = "theButton"
        self.assertEqual(self.button.objectName, "theButton")
        self.assertEqual(self.button.name, "theButton")

    def test_setters_exist_beside_properties(self) -> None:
        self.button.setText("Other")
        self.button.setEnabled(False)
        self.assertEqual((self.button.text, self.button.enabled), ("Other", False))

    def test_properties_of_enumerations_are_integers(self) -> None:
        label = qt.QLabel()
        label.alignment = qt.Qt.AlignLeft | qt.Qt.AlignTop
        self.assertEqual(label.alignment, int(qt.Qt.AlignLeft) + int(qt.Qt.AlignTop))
        label.setAlignment(4)
        self.assertEqual(label.alignment, qt.Qt.AlignHCenter)
        self.assertEqual(qt.QMessageBox.Ok, 1024)

    def test_a_value_of_a_wrong_type_is_refused(self) -> None:
        spin = qt.QSpinBox()
        with self.assertRaises(AttributeError):
            spin.value = "3"
        with self.assertRaises(AttributeError):
            self.combo.count = 3

    def test_single_shot_of_a_timer_is_the_function(self) -> None:
        timer = qt.QTimer()
        timer.setSingleShot(True)
        self.assertIs(timer.isSingleShot(), True)
        calls: list[int] = []
        qt.QTimer.singleShot(0, lambda: calls.append(1))
        settle()
        self.assertEqual(calls, [1])

    def test_dynamic_properties_read_and_write_as_attributes(self) -> None:
        with self.assertRaises(AttributeError):
            self.button.flavor = "sweet"
        self.button.setProperty("flavor", "sweet")
        self.assertEqual(self.button.flavor, "sweet")
        self.button.flavor = "sour"
        self.assertEqual(self.button.property("flavor"), "sour")

    def test_children_are_attributes_by_their_name(self) -> None:
        holder = qt.QWidget()
        child = qt.QLabel(holder)
        child.objectName = "theLabel"
        self.assertEqual(holder.theLabel, child)


class StrictnessCases(unittest.TestCase):
    def setUp(self) -> None:
        self.button = qt.QPushButton()

    def test_new_attributes_on_objects_of_cpp_are_refused(self) -> None:
        for kind in (qt.QPushButton, qt.QWidget, qt.QVBoxLayout, qt.QTimer, slicer.qMRMLNodeComboBox):
            with self.assertRaises(AttributeError):
                kind().something = 1

    def test_classes_of_cpp_cannot_be_changed(self) -> None:
        with self.assertRaises(AttributeError):
            qt.QPushButton.something = 1

    def test_classes_derived_in_python_may_have_attributes(self) -> None:
        class Derived(qt.QWidget):
            def __init__(self, parent: object = None) -> None:
                super().__init__(parent)
                self.something = 1

        self.assertEqual(Derived().something, 1)

    def test_methods_cannot_be_overwritten(self) -> None:
        with self.assertRaises(AttributeError):
            self.button.click = print
        with self.assertRaises(AttributeError):
            self.button.clicked = print

    def test_unknown_attributes_and_classes_are_errors(self) -> None:
        with self.assertRaises(AttributeError):
            _ = self.button.nosuch
        with self.assertRaises(AttributeError):
            _ = qt.QNoSuchClass
        for name in ("Signal", "Slot", "Property", "QThread", "QtWidgets"):
            self.assertFalse(hasattr(qt, name), name)

    def test_keyword_arguments_are_refused(self) -> None:
        for call in (
            lambda: self.button.setText(text="x"),
            lambda: qt.QPushButton(text="x"),
            lambda: qt.QMessageBox.information(None, title="x", text="y"),
            lambda: slicer.qMRMLNodeComboBox().setCurrentNode(node=None),
        ):
            with self.assertRaises(ValueError):
                call()

    def test_arguments_that_fit_nothing_are_a_value_error(self) -> None:
        for call in (
            lambda: qt.QSpinBox().setValue("3"),
            lambda: qt.QSpinBox().setValue(),
            lambda: qt.QVBoxLayout().addWidget("x"),
            lambda: qt.QVBoxLayout().setContentsMargins(1.0, 2, 3, 4),
            lambda: qt.QWidget("x"),
            lambda: qt.QMenu().addAction("text", print),
        ):
            with self.assertRaises(ValueError):
                call()

    def test_text_is_made_of_anything(self) -> None:
        for value, text in ((5, "5"), (None, "None"), (1.5, "1.5")):
            self.button.setText(value)
            self.assertEqual(self.button.text, text)
        self.button.text = 7
        self.assertEqual(self.button.text, "7")

    def test_numbers_are_converted_loosely(self) -> None:
        import numpy as np

        spin, double = qt.QSpinBox(), qt.QDoubleSpinBox()
        for value, shown in ((2.7, 2), (np.int64(5), 5), (np.float64(3.9), 3), (True, 1)):
            spin.setValue(value)
            self.assertEqual(spin.value, shown)
        double.setValue(np.float32(2.5))
        self.assertEqual(double.value, 2.5)
        double.setValue(3)
        self.assertEqual(double.value, 3.0)

    def test_lists_come_back_as_tuples(self) -> None:
        parent = qt.QWidget()
        child = qt.QWidget(parent)
        self.assertEqual(parent.children(), (child,))
        self.assertEqual(qt.QDir.separator(), "/")
        model = qt.QStringListModel(["a", "b"])
        self.assertEqual(model.stringList(), ("a", "b"))

    def test_functions_give_one_result(self) -> None:
        # The application's file dialogs return the path alone.
        self.assertEqual(qt.QFileDialog.getOpenFileName.__name__, "getOpenFileName")
        self.assertIs(qt.QProcess.startDetached("true", []), True)

    def test_exec_has_both_names(self) -> None:
        for name in ("exec", "exec_"):
            dialog = qt.QDialog()
            qt.QTimer.singleShot(0, dialog.accept)
            self.assertEqual(getattr(dialog, name)(), qt.QDialog.Accepted)

    def test_isinstance_knows_the_exact_class_only(self) -> None:
        self.assertIsInstance(self.button, qt.QPushButton)
        self.assertNotIsInstance(self.button, qt.QWidget)
        self.assertTrue(self.button.isWidgetType())
        self.assertTrue(self.button.inherits("QWidget"))
        self.assertEqual(self.button.className(), "QPushButton")


class LifetimeCases(unittest.TestCase):
    def test_the_wrapper_of_an_object_is_always_the_same(self) -> None:
        parent = qt.QWidget()
        layout = qt.QVBoxLayout(parent)
        child = qt.QPushButton()
        layout.addWidget(child)
        self.assertIs(child.parent(), parent)
        self.assertIs(parent.layout(), layout)
        self.assertIs(parent.findChildren(qt.QPushButton)[0], child)

    def test_a_deleted_object_says_so(self) -> None:
        label = qt.QLabel("text")
        label.deleteLater()
        settle()
        self.assertFalse(label)
        self.assertTrue(label == None)  # noqa: E711 - the comparison itself is what is asked
        self.assertFalse(label is None)
        with self.assertRaises(ValueError):
            _ = label.text
        with self.assertRaises(ValueError):
            label.setText("x")
        with self.assertRaises(AttributeError):
            label.text = "x"

    def test_children_die_with_their_parent(self) -> None:
        parent = qt.QWidget()
        child = qt.QLabel(parent)
        parent.deleteLater()
        settle()
        self.assertFalse(child)

    def test_python_halves_live_as_long_as_their_widget(self) -> None:
        import gc

        class Derived(qt.QLabel):
            def __init__(self, parent: object) -> None:
                super().__init__(parent)
                self.state = "kept"

        parent = qt.QWidget()
        Derived(parent)
        gc.collect()
        self.assertEqual(parent.children()[0].state, "kept")

    def test_values_compare_by_value_and_objects_by_identity(self) -> None:
        self.assertEqual(qt.QSize(1, 2), qt.QSize(1, 2))
        self.assertNotEqual(qt.QSize(1, 2), qt.QSize(2, 1))
        self.assertEqual(qt.QPoint(1, 2) + qt.QPoint(1, 1), qt.QPoint(2, 3))
        self.assertNotEqual(qt.QLabel(), qt.QLabel())

    def test_find_child_knows_classes_class_names_and_object_names(self) -> None:
        parent = qt.QWidget()
        child = qt.QCheckBox(parent)
        child.objectName = "box"
        self.assertEqual(parent.findChild(qt.QCheckBox), child)
        self.assertEqual(parent.findChild("QAbstractButton", "box"), child)
        self.assertEqual(parent.findChildren(qt.QWidget), (child,))
        self.assertIsNone(parent.findChild(qt.QLabel))


class ServiceCases(unittest.TestCase):
    def test_processes_run_and_report(self) -> None:
        process = qt.QProcess()
        ends: list[object] = []
        process.connect("finished(int,QProcess::ExitStatus)", lambda code, status: ends.append((code, status)))
        process.start("echo", ["hello"])
        self.assertTrue(process.waitForFinished(5000))
        settle()
        self.assertEqual(process.readAllStandardOutput().data(), b"hello\n")
        self.assertEqual(ends, [(0, qt.QProcess.NormalExit)])

    def test_settings_keep_values(self) -> None:
        settings = qt.QSettings()
        settings.setValue("QtCases/key", "value")
        self.addCleanup(settings.remove, "QtCases")
        self.assertEqual(qt.QSettings().value("QtCases/key"), "value")
        self.assertEqual(qt.QSettings().value("QtCases/other", 5), 5)
        settings.setValue("QtCases/state", qt.Qt.Checked)
        self.assertEqual(int(qt.QSettings().value("QtCases/state")), 2)

    def test_the_clipboard_and_shortcuts_and_pictures_are_there(self) -> None:
        qt.QApplication.clipboard().setText("copied")
        self.assertEqual(qt.QApplication.clipboard().text(), "copied")
        holder = qt.QWidget()
        shortcut = qt.QShortcut(qt.QKeySequence("Ctrl+Z"), holder)
        self.assertEqual(shortcut.key.toString(), "Ctrl+Z")
        picture = qt.QPixmap(3, 4)
        self.assertEqual((picture.width(), qt.QIcon(picture).isNull()), (3, False))
        self.assertEqual(qt.QUrl("http://a.example/b").host(), "a.example")
        self.assertTrue(callable(qt.QDesktopServices.openUrl))

    def test_tables_hold_items(self) -> None:
        table = qt.QTableWidget(1, 2)
        table.setHorizontalHeaderLabels(["a", "b"])
        table.setItem(0, 1, qt.QTableWidgetItem("cell"))
        self.assertEqual((table.rowCount, table.columnCount), (1, 2))
        self.assertEqual(table.item(0, 1).text(), "cell")
        self.assertIsNone(table.item(0, 0))
        self.assertEqual(table.horizontalHeader().className(), "QHeaderView")
