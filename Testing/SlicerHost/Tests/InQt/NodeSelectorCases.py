# ruff: noqa: PT009, PT027  cases of unittest, as Slicer runs them
"""The node selector follows the scene as the application's does."""

from __future__ import annotations

import gc
import unittest

import qt
import qt_layer
import slicer

_VOLUME = "vtkMRMLScalarVolumeNode"


class Case(unittest.TestCase):
    def setUp(self) -> None:
        slicer.mrmlScene.Clear(0)
        self.selector = slicer.qMRMLNodeComboBox()
        self.selector.nodeTypes = [_VOLUME]
        self.calls: list[object] = []
        self.selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda n: self.calls.append(n and n.GetName()))

    def add(self, name: str, kind: str = _VOLUME) -> object:
        return slicer.mrmlScene.AddNewNodeByClass(kind, name)

    def texts(self) -> list[str]:
        combo = qt_layer.unwrap(self.selector)._combo
        return [combo.itemText(index) for index in range(combo.count())]

    def choose(self, text: str) -> None:
        """Choose an entry as the user does."""
        combo = qt_layer.unwrap(self.selector)._combo
        combo.setCurrentIndex(self.texts().index(text))
        combo.activated.emit(self.texts().index(text))


class FollowingCases(Case):
    def test_it_is_disabled_without_a_scene(self) -> None:
        self.assertFalse(self.selector.enabled)
        self.selector.setMRMLScene(slicer.mrmlScene)
        self.assertTrue(self.selector.enabled)
        self.assertIs(self.selector.mrmlScene(), slicer.mrmlScene)

    def test_it_lists_nodes_as_they_come_go_and_are_renamed(self) -> None:
        self.selector.noneEnabled = True
        self.selector.addEnabled = self.selector.removeEnabled = False
        self.selector.setMRMLScene(slicer.mrmlScene)
        first = self.add("first")
        self.add("second")
        self.add("model", "vtkMRMLModelNode")
        self.assertEqual(self.texts(), ["None", "first", "second"])
        first.SetName("renamed")
        self.assertEqual(self.texts(), ["None", "renamed", "second"])
        slicer.mrmlScene.RemoveNode(first)
        self.assertEqual((self.texts(), self.selector.nodeCount()), (["None", "second"], 1))
        self.assertEqual(self.calls, [])

    def test_without_none_the_first_node_is_taken(self) -> None:
        self.selector.addEnabled = self.selector.removeEnabled = False
        self.selector.setMRMLScene(slicer.mrmlScene)
        node = self.add("first")
        self.add("second")
        self.assertIs(self.selector.currentNode(), node)
        self.assertEqual((self.selector.currentNodeID, self.calls), (node.GetID(), ["first"]))

    def test_a_node_added_below_commands_is_not_taken(self) -> None:
        self.selector.setMRMLScene(slicer.mrmlScene)
        node = self.add("first")
        self.assertIsNone(self.selector.currentNode())
        another = slicer.qMRMLNodeComboBox()
        another.nodeTypes = [_VOLUME]
        another.setMRMLScene(slicer.mrmlScene)
        self.assertIs(another.currentNode(), node)

    def test_renaming_the_current_node_tells_it_again(self) -> None:
        node = self.add("node")
        self.selector.setMRMLScene(slicer.mrmlScene)
        node.SetName("renamed")
        self.assertEqual(self.calls, ["node", "renamed"])

    def test_a_node_asked_for_before_the_scene_is_chosen_with_it(self) -> None:
        self.selector.noneEnabled = True
        self.add("other")
        node = self.add("node")
        self.selector.setCurrentNodeID(node.GetID())
        self.selector.setMRMLScene(slicer.mrmlScene)
        self.assertIs(self.selector.currentNode(), node)

    def test_the_current_node_is_told_once_per_change(self) -> None:
        self.selector.noneEnabled = True
        self.selector.setMRMLScene(slicer.mrmlScene)
        valid, ids = [], []
        self.selector.connect("currentNodeChanged(bool)", valid.append)
        self.selector.currentNodeIDChanged.connect(ids.append)
        node = self.add("node")
        self.selector.setCurrentNode(node)
        self.selector.setCurrentNode(node)
        self.selector.setCurrentNode(None)
        self.assertEqual((self.calls, valid), (["node", None], [True, False]))
        self.assertEqual(ids, [node.GetID(), ""])

    def test_a_removed_current_node_is_replaced_by_its_neighbor_or_none(self) -> None:
        self.selector.noneEnabled = True
        self.selector.setMRMLScene(slicer.mrmlScene)
        first, second = self.add("first"), self.add("second")
        self.selector.setCurrentNode(first)
        slicer.mrmlScene.RemoveNode(first)
        self.assertIs(self.selector.currentNode(), second)
        slicer.mrmlScene.RemoveNode(second)
        self.assertIsNone(self.selector.currentNode())
        self.assertEqual(self.calls, ["first", "second", None])

    def test_closing_the_scene_empties_it(self) -> None:
        self.add("node")
        self.selector.setMRMLScene(slicer.mrmlScene)
        slicer.mrmlScene.Clear(0)
        self.assertEqual((self.selector.nodeCount(), self.selector.currentNode()), (0, None))
        self.assertEqual(self.calls, ["node", None])

    def test_a_node_that_is_not_listed_means_none(self) -> None:
        self.selector.noneEnabled = True
        self.selector.setMRMLScene(slicer.mrmlScene)
        self.selector.setCurrentNode(self.add("model", "vtkMRMLModelNode"))
        self.assertIsNone(self.selector.currentNode())
        with self.assertRaises(ValueError):
            self.selector.setCurrentNode(5)

    def test_observers_end_with_the_widget(self) -> None:
        self.selector.setMRMLScene(slicer.mrmlScene)
        holder = qt.QWidget()
        qt.QVBoxLayout(holder).addWidget(self.selector)
        errors = len(qt_layer.slotErrors)
        holder.deleteLater()
        qt.QCoreApplication.sendPostedEvents(None, qt.QEvent.DeferredDelete)
        self.assertFalse(self.selector)
        node = self.add("after")
        node.SetName("still after")
        slicer.mrmlScene.RemoveNode(node)
        another = slicer.qMRMLNodeComboBox()
        another.setMRMLScene(slicer.mrmlScene)
        del another
        gc.collect()
        self.add("once more")
        self.assertEqual(len(qt_layer.slotErrors), errors)


class FilterCases(Case):
    def names(self) -> list[str]:
        return [self.selector.nodeFromIndex(index).GetName() for index in range(self.selector.nodeCount())]

    def test_child_types_can_be_left_out(self) -> None:
        self.selector.setMRMLScene(slicer.mrmlScene)
        self.add("scalar")
        self.add("labels", "vtkMRMLLabelMapVolumeNode")
        self.assertEqual(self.names(), ["scalar", "labels"])
        self.selector.hideChildNodeTypes = ["vtkMRMLLabelMapVolumeNode"]
        self.assertEqual(self.names(), ["scalar"])
        self.selector.hideChildNodeTypes = []
        self.selector.showChildNodeTypes = False
        self.assertEqual(self.names(), ["scalar"])

    def test_hidden_nodes_show_on_request(self) -> None:
        self.selector.setMRMLScene(slicer.mrmlScene)
        self.add("hidden").SetHideFromEditors(True)
        self.assertEqual(self.names(), [])
        self.selector.showHidden = True
        self.assertEqual(self.names(), ["hidden"])

    def test_attributes_filter_and_are_given_to_new_nodes(self) -> None:
        self.selector.addAttribute(_VOLUME, "Kind", "Xray")
        self.selector.setMRMLScene(slicer.mrmlScene)
        other, node = self.add("other"), self.add("xray")
        node.SetAttribute("Kind", "Xray")
        self.assertEqual(self.names(), ["xray"])
        other.SetAttribute("Kind", "Xray")
        self.assertEqual(self.names(), ["other", "xray"])
        self.assertEqual(self.selector.addNode().GetAttribute("Kind"), "Xray")
        self.selector.removeAttribute(_VOLUME, "Kind")
        self.add("plain")
        self.assertIn("plain", self.names())


class CommandCases(Case):
    def test_nodes_are_made_from_the_list(self) -> None:
        self.selector.noneEnabled = True
        self.selector.baseName = "Picture"
        self.selector.setMRMLScene(slicer.mrmlScene)
        made: list[str] = []
        self.selector.connect("nodeAddedByUser(vtkMRMLNode*)", lambda node: made.append(node.GetName()))
        self.choose("Create new Volume")
        self.choose("Create new Volume")
        self.assertEqual(made, ["Picture", "Picture_1"])
        self.assertEqual(self.selector.currentNode().GetName(), "Picture_1")
        self.choose("None")
        self.assertIsNone(self.selector.currentNode())

    def test_the_current_node_is_deleted_from_the_list(self) -> None:
        self.add("node")
        self.selector.setMRMLScene(slicer.mrmlScene)
        self.choose("Delete current Volume")
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass(_VOLUME), 0)

    def test_commands_can_be_switched_off_and_added(self) -> None:
        self.selector.addEnabled = self.selector.removeEnabled = self.selector.renameEnabled = False
        self.selector.setMRMLScene(slicer.mrmlScene)
        self.add("node")
        self.assertEqual(self.texts(), ["node"])
        action = qt.QAction("Do something", self.selector)
        done: list[int] = []
        action.triggered.connect(lambda: done.append(1))
        self.selector.addMenuAction(action)
        self.choose("Do something")
        self.assertEqual((done, self.selector.currentNode().GetName()), ([1], "node"))

    def test_check_boxes_choose_several(self) -> None:
        selector = slicer.qMRMLCheckableNodeComboBox()
        selector.nodeTypes = [_VOLUME]
        selector.setMRMLScene(slicer.mrmlScene)
        first, second = self.add("first"), self.add("second")
        changes: list[int] = []
        selector.checkedNodesChanged.connect(lambda: changes.append(1))
        selector.setCheckState(second, qt.Qt.Checked)
        selector.check(first)
        selector.uncheck(second)
        self.assertEqual((selector.checkedNodes(), selector.uncheckedNodes()), ((first,), (second,)))
        self.assertEqual((selector.checkState(first), len(changes)), (qt.Qt.Checked, 3))

    def test_the_subject_hierarchy_can_be_chosen_from(self) -> None:
        selector = slicer.qMRMLSubjectHierarchyComboBox()
        selector.setMRMLScene(slicer.mrmlScene)
        node = self.add("in the hierarchy")
        selector.setCurrentNode(node)
        self.assertIs(selector.currentNode(), node)
        slicer.mrmlScene.RemoveNode(node)
        self.assertEqual(selector.currentItem(), 0)
