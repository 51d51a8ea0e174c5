# ruff: noqa: PT009, PT027  cases of unittest, as Slicer runs them
"""Parameter nodes behave as documented for the application. Run inside the host."""

import pathlib
import unittest
from typing import Annotated

import slicer
import vtk
from HostExample import Box, HostExampleParameterNode, Point, Side
from slicer.parameterNodeWrapper import (
    Default,
    Exclude,
    FloatRange,
    Maximum,
    Minimum,
    RangeBounds,
    findChildWidgetForParameter,
    isParameterNodeWrapper,
    isParameterPack,
    nestedParameterNames,
    parameterNodeWrapper,
    parameterPack,
)


class ParameterNodeCases(unittest.TestCase):
    """Values, defaults, rules and storage."""

    def setUp(self):
        slicer.mrmlScene.Clear(0)
        self.node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
        self.parameters = HostExampleParameterNode(self.node)

    def test_defaults_come_from_the_class_the_annotation_or_the_type(self):
        p = self.parameters
        self.assertEqual((p.threshold, p.count, p.enabled, p.title), (0.5, 7, True, ""))
        self.assertEqual((p.side, p.unit, p.path), (Side.RIGHT, "mm", pathlib.Path()))
        self.assertIsNone(p.volume)
        self.assertEqual(p.numbers, [])
        self.assertEqual(p.box, Box(Point(1.5, 0), "box"))
        self.assertEqual(p.default("count").value, 7)
        self.assertEqual(p.default("threshold"), Default(0.5))

    def test_values_are_stored_in_the_format_of_the_application(self):
        p = self.parameters
        p.threshold, p.enabled, p.side, p.numbers = 0.25, False, Side.LEFT, [4, 5]
        p.box.corner.x = 2.5
        stored = {name: self.node.GetParameter(name) for name in self.node.GetParameterNames()}
        self.assertEqual(stored["threshold"], "0.25")
        self.assertEqual(stored["enabled"], "False")
        self.assertEqual(stored["side"], "LEFT")
        self.assertEqual((stored["numbers.len"], stored["numbers.0"], stored["numbers.1"]), ("2", "4", "5"))
        self.assertEqual(stored["box.corner.x"], "2.5")

    def test_a_second_wrapper_reads_what_the_first_wrote(self):
        self.parameters.threshold = 0.75
        other = HostExampleParameterNode(self.node)
        self.assertEqual(other.threshold, 0.75)
        other.threshold = 0.125
        self.assertEqual(self.parameters.threshold, 0.125)

    def test_a_prefix_separates_two_sets_in_one_node(self):
        other = HostExampleParameterNode(self.node, "second.")
        other.count = 9
        self.assertEqual(self.parameters.count, 7)
        self.assertEqual(self.node.GetParameter("second.count"), "9")

    def test_values_that_break_a_rule_raise_and_change_nothing(self):
        p = self.parameters
        for name, value, error in (
            ("threshold", 1.5, ValueError), ("threshold", "0.5", TypeError), ("count", 1.5, TypeError),
            ("count", None, ValueError), ("enabled", 1, TypeError), ("title", None, ValueError),
            ("side", "LEFT", TypeError), ("unit", "km", ValueError), ("path", "/tmp", TypeError),
            ("numbers", ["a"], TypeError), ("box", 3, TypeError),
        ):  # fmt: skip
            before = p.getValue(name)
            with self.subTest(name=name, value=value), self.assertRaises(error):
                setattr(p, name, value)
            self.assertEqual(p.getValue(name), before)

    def test_nodes_are_references_that_follow_the_scene(self):
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        self.parameters.volume = volume
        self.assertIs(self.parameters.volume, volume)
        self.assertEqual(self.node.GetNodeReferenceID("volume"), volume.GetID())
        with self.assertRaises(TypeError):
            self.parameters.volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode")
        slicer.mrmlScene.RemoveNode(volume)
        self.assertIsNone(HostExampleParameterNode(self.node).volume)

    def test_a_union_takes_each_of_its_types(self):
        p = self.parameters
        self.assertIsNone(p.either)
        for kind in ("vtkMRMLScalarVolumeNode", "vtkMRMLModelNode"):
            p.either = slicer.mrmlScene.AddNewNodeByClass(kind)
            self.assertEqual(p.either.GetClassName(), kind)
        p.either = None
        self.assertIsNone(p.either)
        with self.assertRaises(TypeError):
            p.either = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode")

    def test_a_union_keeps_the_type_and_the_rules_of_its_members(self):
        kind = Annotated[int, Minimum(5)] | Annotated[str, Exclude(["p"])] | bool
        union = parameterNodeWrapper(type("Union", (), {"__annotations__": {"value": Annotated[kind, Default(7)]}}))
        parameters = union(self.node)
        for value in (7, "q", False, True, 9):
            parameters.value = value
            self.assertIs(type(union(self.node).value), type(value))
            self.assertEqual(parameters.value, value)
        for value in (4, "p"):
            with self.subTest(value=value), self.assertRaises(ValueError):
                parameters.value = value
        self.assertEqual(parameters.value, 9)

    def test_lists_write_each_of_their_changes(self):
        numbers = self.parameters.numbers
        numbers.append(3)
        numbers += [1, 2]
        numbers[0] = 9
        self.assertEqual(self.parameters.numbers, [9, 1, 2])
        numbers.sort()
        del numbers[0]
        numbers.insert(0, 5)
        self.assertEqual(HostExampleParameterNode(self.node).numbers, [5, 2, 9])
        self.assertEqual(numbers.pop(), 9)
        with self.assertRaises(TypeError):
            numbers.append("x")
        self.assertEqual(self.parameters.numbers, [5, 2])
        with self.assertRaises(NotImplementedError):
            numbers + [1]

    def test_packs_nest_and_write_each_of_their_changes(self):
        p = self.parameters
        p.box.corner.y = 4
        p.setValue("box.label", "b")
        self.assertEqual(p.getValue("box.corner.y"), 4)
        self.assertEqual(HostExampleParameterNode(self.node).box, Box(Point(1.5, 4), "b"))
        with self.assertRaises(ValueError):
            p.box.corner.x = 11.0
        self.assertEqual(p.box.corner.x, 1.5)
        with self.assertRaises(ValueError):
            p.getValue("box.nothing")
        with self.assertRaises(AttributeError):
            p.box.lable = "misspelt"
        self.assertEqual(nestedParameterNames(Box), ["corner.x", "corner.y", "label"])
        self.assertEqual(str(Point(1.0, 2)), "Point(x=1.0, y=2)")
        self.assertTrue(isParameterPack(Box))
        with self.assertRaises(TypeError):
            Point(z=1)

    def test_packs_may_have_a_constructor_and_properties_of_their_own(self):
        kind = Annotated[FloatRange, RangeBounds(0, 10), Default(FloatRange(1, 2))]
        wrapper = parameterNodeWrapper(type("Ranged", (), {"__annotations__": {"limits": kind}}))
        parameters = wrapper(self.node)
        self.assertEqual(parameters.limits, FloatRange(1, 2))
        parameters.limits.maximum = 5
        self.assertEqual((wrapper(self.node).limits.minimum, wrapper(self.node).limits.maximum), (1, 5))
        for bad in (lambda: FloatRange(2, 1), lambda: setattr(parameters, "limits", FloatRange(1, 11))):
            self.assertRaises(ValueError, bad)
        self.assertEqual(parameters.limits, FloatRange(1, 5))

    def test_an_observer_finds_the_new_value_once(self):
        seen = []
        tag = self.parameters.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: seen.append(self.parameters.count))
        self.parameters.count = 8
        with slicer.util.NodeModify(self.parameters):
            self.parameters.count = 9
            self.parameters.threshold = 0.1
        self.parameters.RemoveObserver(tag)
        self.parameters.count = 10
        self.assertEqual(seen, [8, 9])

    def test_values_written_to_the_node_reach_the_wrapper(self):
        self.node.SetParameter("count", "12")
        self.assertEqual(self.parameters.count, 12)
        self.assertTrue(self.parameters.isCached("count"))

    def test_values_survive_saving_and_loading_the_scene(self):
        folder = slicer.util.tempDirectory()
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", "kept")
        self.parameters.either, self.parameters.count = volume, 33
        self.node.SetName("parameters")
        self.assertTrue(slicer.util.saveScene(f"{folder}/scene.mrml"))
        slicer.mrmlScene.Clear(0)
        slicer.util.loadScene(f"{folder}/scene.mrml")
        loaded = HostExampleParameterNode(slicer.util.getNode("parameters"))
        self.assertEqual((loaded.count, loaded.either.GetName()), (33, "kept"))

    def test_unknown_names_raise(self):
        for ask in (self.parameters.getValue, self.parameters.dataType, self.parameters.isCached):
            with self.assertRaises(ValueError):
                ask("nothing")

    def test_what_the_host_lacks_raises_and_says_so(self):
        for kind in (dict[str, int], tuple[int, int], complex):
            with self.subTest(kind=kind), self.assertRaisesRegex(NotImplementedError, "no serializer"):
                parameterNodeWrapper(type("Unknown", (), {"__annotations__": {"x": kind}}))
        with self.assertRaisesRegex(NotImplementedError, "DictSerializer"):
            slicer.parameterNodeWrapper.DictSerializer  # noqa: B018

    def test_reserved_names_and_bad_defaults_are_refused(self):
        with self.assertRaises(ValueError):
            parameterNodeWrapper(type("Reserved", (), {"__annotations__": {"getValue": int}}))
        with self.assertRaises(ValueError):
            parameterPack(type("Bad", (), {"__annotations__": {"x": Annotated[int, Minimum(3)]}}))
        with self.assertRaises(ValueError):
            parameterPack(type("Empty", (), {}))

    def test_rules_name_the_value_they_refuse(self):
        for rule, bad in ((Minimum(3), 2), (Maximum(3), 4), (Exclude([5]), 5)):
            with self.subTest(rule=rule), self.assertRaisesRegex(ValueError, str(bad)):
                rule.validate(bad)
        self.assertTrue(isParameterNodeWrapper(HostExampleParameterNode))


class BindingCases(unittest.TestCase):
    """Widgets and parameters follow each other."""

    def setUp(self):
        slicer.mrmlScene.Clear(0)
        self.widget = slicer.util.getModuleWidget("HostExample")
        self.parameters = self.widget.logic.getParameterNode()
        self.ui = self.widget.ui

    def test_widgets_show_the_values_and_take_the_limits(self):
        self.assertEqual(self.ui.thresholdSlider.value, 0.5)
        self.assertEqual((self.ui.countSpinBox.minimum, self.ui.countSpinBox.maximum), (0, 100))
        self.assertEqual((self.ui.cornerXBox.minimum, self.ui.cornerXBox.maximum), (-10, 10))
        self.assertEqual([self.ui.sideBox.itemText(i) for i in range(self.ui.sideBox.count)], ["LEFT", "RIGHT"])
        self.assertEqual([self.ui.unitBox.itemText(i) for i in range(self.ui.unitBox.count)], ["mm", "cm"])
        self.assertEqual(self.ui.sideBox.currentText, "RIGHT")

    def test_a_change_in_a_widget_reaches_the_parameter(self):
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        self.ui.thresholdSlider.value = 0.25
        self.ui.countSpinBox.value = 11
        self.ui.enabledCheckBox.checked = False
        self.ui.titleEdit.text = "typed"
        self.ui.sideBox.currentIndex = 0
        self.ui.unitBox.currentText = "cm"
        self.ui.pathEdit.currentPath = "/files/x"
        self.ui.cornerXBox.value = -3
        self.ui.volumeSelector.setCurrentNode(volume)
        p = self.parameters
        self.assertEqual((p.threshold, p.count, p.enabled, p.title), (0.25, 11, False, "typed"))
        self.assertEqual((p.side, p.unit, p.path), (Side.LEFT, "cm", pathlib.Path("/files/x")))
        self.assertEqual(p.box.corner.x, -3)
        self.assertIs(p.volume, volume)

    def test_a_change_of_the_parameter_reaches_the_widget(self):
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        p = self.parameters
        p.threshold, p.count, p.enabled, p.title = 0.75, 12, False, "set"
        p.side, p.unit, p.path, p.volume = Side.LEFT, "cm", pathlib.Path("/files/y"), volume
        p.box.corner.x = 4.0
        self.assertEqual((self.ui.thresholdSlider.value, self.ui.countSpinBox.value), (0.75, 12))
        self.assertEqual((self.ui.enabledCheckBox.checked, self.ui.titleEdit.text), (False, "set"))
        self.assertEqual((self.ui.sideBox.currentIndex, self.ui.unitBox.currentText), (0, "cm"))
        self.assertEqual(self.ui.pathEdit.currentPath, "/files/y")
        self.assertIs(self.ui.volumeSelector.currentNode(), volume)
        self.assertEqual(self.ui.cornerXBox.value, 4.0)

    def test_nothing_follows_after_disconnecting(self):
        other = HostExampleParameterNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
        tag = other.connectParametersToGui({"count": self.ui.countSpinBox})
        self.ui.countSpinBox.value = 20
        self.assertEqual((other.count, self.parameters.count), (20, 20))
        other.disconnectGui(tag)
        self.ui.countSpinBox.value = 21
        self.assertEqual((other.count, self.parameters.count), (20, 21))
        other.count = 22
        self.assertEqual(self.ui.countSpinBox.value, 21)

    def test_a_widget_that_cannot_show_the_type_is_refused(self):
        with self.assertRaisesRegex(RuntimeError, "Unable to create GUI connector"):
            self.parameters.connectParametersToGui({"count": self.ui.titleEdit})
        with self.assertRaises(ValueError):
            self.parameters.connectParametersToGui({"nothing": self.ui.titleEdit})

    def test_the_widget_of_a_parameter_is_found_by_its_property(self):
        panel = self.ui.countSpinBox.parent()
        self.assertIs(findChildWidgetForParameter(panel, "count"), self.ui.countSpinBox)
        self.assertIsNone(findChildWidgetForParameter(panel, "nothing"))
