# ruff: noqa: PT009, PT027  cases of unittest, as Slicer runs them
"""CTK's widgets behave as the application's, and lack what those do not show to Python."""

from __future__ import annotations

import tempfile
import unittest

import ctk
import qt
import slicer


class CollapsibleCases(unittest.TestCase):
    def setUp(self) -> None:
        self.window = qt.QWidget()
        column = qt.QVBoxLayout(self.window)
        self.section = ctk.ctkCollapsibleButton()
        self.section.text = "Section"
        column.addWidget(self.section)
        column.addStretch(1)
        form = qt.QFormLayout(self.section)
        self.shown, self.away = qt.QLabel("shown"), qt.QLabel("away")
        form.addRow(self.shown)
        form.addRow(self.away)
        self.away.hide()
        self.window.show()
        slicer.app.processEvents()

    def test_collapsing_hides_the_contents_and_gives_the_room_back(self) -> None:
        height = self.section.height
        self.section.collapsed = True
        slicer.app.processEvents()
        self.assertFalse(self.shown.visible)
        self.assertLess(self.section.height, height)
        self.section.collapsed = False
        slicer.app.processEvents()
        self.assertTrue(self.shown.visible)
        self.assertFalse(self.away.visible)
        self.assertEqual(self.section.height, height)

    def test_a_click_on_the_title_folds(self) -> None:
        changes: list[bool] = []
        self.section.connect("contentsCollapsed(bool)", changes.append)
        self.section.click()
        self.assertEqual((self.section.collapsed, self.section.checked, changes), (True, False, [True]))
        self.section.checked = True
        self.assertEqual((self.section.collapsed, changes), (False, [True, False]))

    def test_what_is_shown_or_added_while_collapsed_waits(self) -> None:
        self.section.collapsed = True
        self.away.show()
        added = qt.QLabel("added")
        self.section.layout().addRow(added)
        slicer.app.processEvents()
        self.assertFalse(self.away.visible or added.visible)
        self.section.collapsed = False
        slicer.app.processEvents()
        self.assertTrue(self.away.visible and added.visible)

    def test_a_group_box_folds_too(self) -> None:
        box = ctk.ctkCollapsibleGroupBox()
        label = qt.QLabel("inside")
        qt.QVBoxLayout(box).addWidget(label)
        self.window.layout().addWidget(box)
        box.title = "Group"
        box.collapsed = True
        slicer.app.processEvents()
        self.assertFalse(label.visible)
        box.collapsed = False
        slicer.app.processEvents()
        self.assertTrue(label.visible)


class NumberCases(unittest.TestCase):
    def test_a_slider_widget_clamps_rounds_and_tells_once(self) -> None:
        slider = ctk.ctkSliderWidget()
        slider.minimum, slider.maximum, slider.decimals, slider.singleStep = -90, 90, 1, 0.5
        values: list[float] = []
        slider.valueChanged.connect(values.append)
        slider.value = 26.54
        slider.setValue(26.5)
        slider.value = 200
        self.assertEqual(values, [26.5, 90.0])
        self.assertEqual(slider.value, 90.0)

    def test_a_slider_widget_shows_no_more_to_python_than_the_application_s(self) -> None:
        slider = ctk.ctkSliderWidget()
        for name in ("setRange", "setMinimum", "setMaximum", "setSuffix", "spinBox", "slider"):
            self.assertFalse(hasattr(slider, name), name)
        for name in ("setValue", "setDecimals", "reset", "setSpinBoxVisible"):
            self.assertTrue(callable(getattr(slider, name)), name)
        slider.suffix = " mm"
        self.assertEqual(slider.suffix, " mm")

    def test_limits_may_be_set_in_any_order(self) -> None:
        slider = ctk.ctkSliderWidget()
        slider.minimum = 500
        slider.maximum = 1000
        self.assertEqual((slider.minimum, slider.maximum, slider.value), (500.0, 1000.0, 500.0))

    def test_a_double_spin_box_steps(self) -> None:
        box = ctk.ctkDoubleSpinBox()
        box.decimals, box.singleStep, box.maximum, box.value = 3, 0.125, 10, 1
        box.stepUp()
        self.assertEqual(box.value, 1.125)
        with self.assertRaises(ValueError):
            box.setValue("3")

    def test_a_double_slider_holds_fractions(self) -> None:
        slider = ctk.ctkDoubleSlider()
        slider.minimum, slider.maximum, slider.singleStep = 0.0, 1.0, 0.01
        slider.value = 0.37
        self.assertAlmostEqual(slider.value, 0.37)

    def test_a_range_widget_keeps_its_values_in_order(self) -> None:
        widget = ctk.ctkRangeWidget()
        widget.setRange(0, 10)
        changes: list[tuple[float, float]] = []
        widget.connect("valuesChanged(double,double)", lambda low, high: changes.append((low, high)))
        widget.setValues(2, 8)
        widget.maximumValue = 20
        self.assertEqual((widget.minimumValue, widget.maximumValue), (2.0, 10.0))
        self.assertEqual(changes[-1], (2.0, 10.0))
        self.assertFalse(hasattr(widget, "values"))

    def test_a_coordinates_widget_reads_and_writes_text(self) -> None:
        widget = ctk.ctkCoordinatesWidget()
        widget.setCoordinates(1, 2, 3)
        self.assertEqual(widget.coordinates, "1,2,3")
        widget.coordinates = "4,5,6"
        self.assertEqual([widget.getCoordinate(axis) for axis in range(3)], [4.0, 5.0, 6.0])


class PathCases(unittest.TestCase):
    def test_a_path_line_edit_tells_its_path(self) -> None:
        edit = ctk.ctkPathLineEdit()
        paths: list[str] = []
        edit.currentPathChanged.connect(paths.append)
        edit.currentPath = "/some/file.vtp"
        edit.setCurrentPath("/other")
        self.assertEqual(paths, ["/some/file.vtp", "/other"])
        edit.filters = ctk.ctkPathLineEdit.Dirs | ctk.ctkPathLineEdit.Writable
        self.assertEqual(edit.filters, 0x21)
        edit.nameFilters = ["*.vtp", "*.stl"]
        self.assertEqual(edit.nameFilters, ("*.vtp", "*.stl"))

    def test_the_history_is_kept_in_the_settings(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            first = ctk.ctkPathLineEdit()
            first.settingKey = "CtkCases"
            first.currentPath = folder
            first.addCurrentPathToHistory()
            second = ctk.ctkPathLineEdit()
            second.settingKey = "CtkCases"
            self.assertEqual(second.currentPath, folder)
            self.assertEqual(second.comboBox().count, 1)

    def test_only_paths_with_an_ending_of_the_name_filters_are_told(self) -> None:
        edit = ctk.ctkPathLineEdit()
        edit.nameFilters = ["Models (*.stl *.vtp)", "All files (*)"]
        paths: list[str] = []
        states: list[bool] = []
        edit.currentPathChanged.connect(paths.append)
        edit.validInputChanged.connect(states.append)
        for path in ("/a/model.stl", "/a/folder", "/a/MODEL.STL", "/a/model.vtp", ""):
            edit.currentPath = path
        self.assertEqual(paths, ["/a/model.stl", "/a/model.vtp"])
        self.assertEqual(states, [True, False, True, False])
        edit.nameFilters = []
        edit.currentPath = "/a/folder"
        self.assertEqual(paths[-1], "/a/folder")

    def test_a_directory_button_tells_its_folder(self) -> None:
        button = ctk.ctkDirectoryButton()
        folders: list[str] = []
        button.directoryChanged.connect(folders.append)
        button.directory = "/tmp"
        self.assertEqual((button.directory, folders), ("/tmp", ["/tmp"]))


class ButtonCases(unittest.TestCase):
    def test_colors_and_defaults(self) -> None:
        picker = ctk.ctkColorPickerButton()
        colors: list[str] = []
        picker.colorChanged.connect(lambda color: colors.append(color.name()))
        picker.color = qt.QColor(255, 0, 0)
        self.assertEqual((picker.color.name(), colors), ("#ff0000", ["#ff0000"]))
        combo = ctk.ctkComboBox()
        combo.addItem("text", "data")
        self.assertEqual((combo.count, combo.currentUserDataAsString), (1, "data"))

    def test_a_message_box_answers_by_itself_once_told_so(self) -> None:
        box = ctk.ctkMessageBox()
        box.setStandardButtons(qt.QMessageBox.Ok | qt.QMessageBox.Cancel)
        box.dontShowAgainSettingsKey = "CtkCases/again"
        self.addCleanup(qt.QSettings().remove, "CtkCases")
        box.dontShowAgain = True
        qt.QTimer.singleShot(0, box.accept)
        qt.QSettings().setValue("CtkCases/again", int(qt.QMessageBox.Ok))
        self.assertEqual(box.exec_(), qt.QMessageBox.Ok)

    def test_unknown_widgets_are_errors(self) -> None:
        for name in ("ctkNoSuchWidget", "ctkVTKScalarBarWidget", "QPushButton", "qMRMLWidget"):
            self.assertFalse(hasattr(ctk, name), name)
