# ruff: noqa: PT009  cases of unittest, as Slicer runs them
"""Widgets for sequences, segments, transforms, markups, tables and plots."""

from __future__ import annotations

import time
import unittest

import qt_layer
import slicer
import vtk


def settle() -> None:
    """Let timers and scheduled renderings happen."""
    for _ in range(4):
        slicer.app.processEvents()
        time.sleep(0.02)


class Case(unittest.TestCase):
    def setUp(self) -> None:
        slicer.mrmlScene.Clear(0)
        self.errors = len(qt_layer.slotErrors)
        self.addCleanup(lambda: self.assertEqual(len(qt_layer.slotErrors), self.errors))

    def add(self, kind: str, name: str = "node") -> object:
        return slicer.mrmlScene.AddNewNodeByClass(kind, name)


class SequenceCases(Case):
    def setUp(self) -> None:
        super().setUp()
        self.sequence = self.add("vtkMRMLSequenceNode", "run")
        for index in range(5):
            text = slicer.vtkMRMLTextNode()
            text.SetText(f"frame {index}")
            self.sequence.SetDataNodeAtValue(text, str(index))
        self.browser = self.add("vtkMRMLSequenceBrowserNode", "browser")
        self.browser.SetAndObserveMasterSequenceNodeID(self.sequence.GetID())

    def test_the_seek_widget_and_the_browser_follow_each_other(self) -> None:
        widget = slicer.qMRMLSequenceBrowserSeekWidget()
        widget.setMRMLScene(slicer.mrmlScene)
        self.assertFalse(widget.enabled)
        widget.setMRMLSequenceBrowserNode(self.browser)
        self.assertEqual((widget.enabled, widget.slider().maximum), (True, 4))
        widget.slider().value = 3
        self.assertEqual(self.browser.GetSelectedItemNumber(), 3)
        self.browser.SetSelectedItemNumber(1)
        self.assertEqual(widget.slider().value, 1)
        slicer.mrmlScene.RemoveNode(self.browser)
        self.assertFalse(widget.enabled)

    def test_the_play_widget_steps_and_plays(self) -> None:
        widget = slicer.qMRMLSequenceBrowserPlayWidget()
        widget.setMRMLScene(slicer.mrmlScene)
        widget.setMRMLSequenceBrowserNode(self.browser)
        widget.onVcrLast()
        self.assertEqual(self.browser.GetSelectedItemNumber(), 4)
        widget.onVcrPrevious()
        widget.onVcrFirst()
        widget.onVcrNext()
        self.assertEqual(self.browser.GetSelectedItemNumber(), 1)
        widget.setPlaybackRateFps(50)
        widget.setPlaybackLoopEnabled(False)
        widget.setPlaybackEnabled(True)
        deadline = time.monotonic() + 3
        while self.browser.GetPlaybackActive() and time.monotonic() < deadline:
            settle()
        self.assertFalse(self.browser.GetPlaybackActive())
        self.assertNotEqual(self.browser.GetSelectedItemNumber(), 1)


class SegmentCases(Case):
    def test_segments_are_listed_and_chosen(self) -> None:
        widget = slicer.qMRMLSegmentSelectorWidget()
        widget.setMRMLScene(slicer.mrmlScene)
        node = self.add("vtkMRMLSegmentationNode")
        segments: list[str] = []
        widget.currentSegmentChanged.connect(segments.append)
        widget.setCurrentNode(node)
        node.GetSegmentation().AddEmptySegment("a", "First")
        node.GetSegmentation().AddEmptySegment("b", "Second")
        self.assertIs(widget.currentNode(), node)
        self.assertEqual(widget.segmentIDs(), ("a", "b"))
        widget.setCurrentSegmentID("b")
        node.GetSegmentation().RemoveSegment("b")
        self.assertEqual((widget.currentSegmentID(), segments), ("a", ["a", "b", "a"]))
        widget.multiSelection = True
        widget.setSelectedSegmentIDs(["a", "nosuch"])
        self.assertEqual(widget.selectedSegmentIDs(), ("a",))


class TransformCases(Case):
    def setUp(self) -> None:
        super().setUp()
        self.node = self.add("vtkMRMLLinearTransformNode")
        self.widget = slicer.qMRMLTransformSliders()
        self.widget.setMRMLScene(slicer.mrmlScene)
        self.assertFalse(self.widget.enabled)
        self.widget.setMRMLTransformNode(self.node)

    def matrix(self) -> vtk.vtkMatrix4x4:
        matrix = vtk.vtkMatrix4x4()
        self.node.GetMatrixTransformToParent(matrix)
        return matrix

    def test_translations_go_both_ways(self) -> None:
        self.widget.TypeOfTransform = slicer.qMRMLTransformSliders.TRANSLATION
        slider = self.widget.findChild("ctkSliderWidget", "LRSlider")
        slider.value = 12
        self.assertEqual(self.matrix().GetElement(0, 3), 12)
        matrix = vtk.vtkMatrix4x4()
        matrix.SetElement(0, 3, -30)
        self.node.SetMatrixTransformToParent(matrix)
        self.assertEqual(slider.value, -30)

    def test_rotations_turn_the_node(self) -> None:
        self.widget.TypeOfTransform = slicer.qMRMLTransformSliders.ROTATION
        self.widget.findChild("ctkSliderWidget", "ISSlider").value = 90
        self.assertAlmostEqual(self.matrix().GetElement(1, 0), 1)

    def test_the_matrix_shows_and_edits(self) -> None:
        table = slicer.qMRMLMatrixWidget()
        table.setMRMLTransformNode(self.node)
        table.setValue(1, 3, 7.5)
        self.assertEqual(self.matrix().GetElement(1, 3), 7.5)


class MarkupsCases(Case):
    def test_place_mode_follows_the_button_and_back(self) -> None:
        node = self.add("vtkMRMLMarkupsFiducialNode")
        widget = slicer.qSlicerMarkupsPlaceWidget()
        widget.setMRMLScene(slicer.mrmlScene)
        self.assertFalse(widget.enabled)
        widget.setCurrentNode(node)
        modes: list[bool] = []
        widget.activeMarkupsPlaceModeChanged.connect(modes.append)
        widget.placeButton().click()
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        self.assertEqual(interaction.GetCurrentInteractionMode(), interaction.Place)
        self.assertTrue(widget.placeModeEnabled)
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)
        self.assertFalse(widget.placeModeEnabled)
        self.assertEqual(modes, [True, False])
        node.AddControlPoint(1, 2, 3)
        widget.deleteButton().click()
        self.assertEqual(node.GetNumberOfControlPoints(), 0)


class TableAndPlotCases(Case):
    def setUp(self) -> None:
        super().setUp()
        import numpy as np

        self.manager = slicer.app.layoutManager()
        self.manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotTableView)
        self.table = self.add("vtkMRMLTableNode", "Table")
        slicer.util.updateTableFromArray(self.table, np.array([[0.0, 1.0], [1.0, 3.0]]), ["x", "y"])
        settle()

    def test_a_table_view_shows_and_edits_cells(self) -> None:
        view = self.manager.tableWidget(0).tableView()
        self.manager.tableWidget(0).mrmlTableViewNode().SetTableNodeID(self.table.GetID())
        model = view.tableModel()
        self.assertEqual((model.rowCount(), model.columnCount()), (2, 2))
        self.assertEqual(model.index(1, 1).data(), "3")
        model.setData(model.index(0, 0), "8")
        self.assertEqual(self.table.GetCellText(0, 0), "8")

    def test_a_plot_view_draws_its_series(self) -> None:
        series = self.add("vtkMRMLPlotSeriesNode")
        series.SetAndObserveTableNodeID(self.table.GetID())
        series.SetXColumnName("x")
        series.SetYColumnName("y")
        series.SetPlotType(series.PlotTypeScatter)
        series.SetColor(1, 0, 0)
        chart = self.add("vtkMRMLPlotChartNode")
        chart.AddAndObservePlotSeriesNodeID(series.GetID())
        self.manager.plotWidget(0).mrmlPlotViewNode().SetPlotChartNodeID(chart.GetID())
        settle()
        picture = qt_layer.unwrap(self.manager.plotWidget(0).plotView()).grab().toImage()
        colors = [picture.pixelColor(x, y) for x in range(0, picture.width(), 2) for y in range(picture.height())]
        self.assertGreater(sum(color.red() > 200 and color.green() < 80 for color in colors), 20)


class MainWindowCases(Case):
    def test_the_panel_is_as_wide_as_the_module_needs(self) -> None:
        import qt

        window = slicer.util.mainWindow()
        widget = qt.QLabel("x" * 120)
        self.addCleanup(window.setModuleWidget, None)
        window.setModuleWidget(widget)
        settle()
        self.assertTrue(widget.visible)
        self.assertGreaterEqual(widget.visibleRegion().boundingRect().width(), widget.sizeHint.width())
        other = qt.QLabel("other")
        window.setModuleWidget(other)
        self.assertEqual((widget.visible, other.visible), (False, True))
