# ruff: noqa: PT009, PT027  cases of unittest, as Slicer runs them
"""Modules load, show, reload and hear of the scene as in the application. Run inside the host."""

import sys
import unittest

import HostExample
import slicer


class ModuleCases(unittest.TestCase):
    """`slicer.modules` and the module manager."""

    def test_metadata_and_path(self):
        module = slicer.modules.hostexample
        self.assertEqual((module.name, module.title), ("HostExample", "Host Example"))
        self.assertTrue(module.path.endswith("HostExample.py"))
        self.assertEqual(slicer.util.modulePath("HostExample"), module.path)
        self.assertIsInstance(slicer.modules.HostExampleInstance, HostExample.HostExample)
        self.assertIs(slicer.util.getModule("HostExample"), module)
        with self.assertRaises(RuntimeError):
            slicer.util.getModule("Nothing")
        with self.assertRaises(AttributeError):
            slicer.modules.nothing  # noqa: B018

    def test_the_logic_of_the_module_object_is_the_application_s_not_the_module_s(self):
        self.assertEqual(slicer.modules.hostexample.logic().GetClassName(), "vtkSlicerScriptedLoadableModuleLogic")
        self.assertIsInstance(slicer.util.getModuleLogic("HostExample"), HostExample.HostExampleLogic)

    def test_the_widget_is_made_once_and_further_ones_on_demand(self):
        widget = slicer.util.getModuleWidget("HostExample")
        self.assertIs(slicer.util.getModuleWidget("HostExample"), widget)
        self.assertIs(slicer.modules.hostexample.widgetRepresentation().self(), widget)
        other = slicer.util.getNewModuleWidget("HostExample")
        self.addCleanup(other.cleanup)
        self.addCleanup(setattr, slicer.modules, "HostExampleWidget", widget)
        self.assertIsNot(other, widget)

    def test_modules_take_no_new_attributes_and_only_fitting_values(self):
        module = slicer.modules.hostexample
        with self.assertRaises(AttributeError):
            module.catgories = []
        with self.assertRaises(ValueError):
            module.title = 5
        with self.assertRaises(ValueError):
            module.categories = "one text"

    def test_loadable_modules_have_logics_on_the_scene_but_no_widget(self):
        for name in ("sequences", "segmentations", "volumes", "models", "markups", "transforms", "subjecthierarchy",
                     "terminologies", "tables", "plots", "texts", "cameras", "colors"):  # fmt: skip
            with self.subTest(name=name):
                module = getattr(slicer.modules, name)
                self.assertIs(module.logic().GetMRMLScene(), slicer.mrmlScene)
                self.assertIs(module.logic(), module.logic())
                with self.assertRaises(NotImplementedError):
                    module.widgetRepresentation()

    def test_their_node_classes_are_registered(self):
        for name in ("vtkMRMLSequenceNode", "vtkMRMLSequenceBrowserNode", "vtkMRMLSegmentationNode",
                     "vtkMRMLSegmentEditorNode", "vtkMRMLMarkupsROINode", "vtkMRMLScriptedModuleNode",
                     "vtkMRMLPlotChartNode", "vtkMRMLVolumePropertyNode", "vtkMRMLTextNode"):  # fmt: skip
            with self.subTest(name=name):
                self.assertIsNotNone(slicer.mrmlScene.AddNewNodeByClass(name))

    def test_data_nodes_have_an_item_in_the_subject_hierarchy(self):
        slicer.mrmlScene.Clear(0)
        hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
        for name in ("vtkMRMLScalarVolumeNode", "vtkMRMLModelNode", "vtkMRMLSegmentationNode",
                     "vtkMRMLMarkupsROINode", "vtkMRMLLinearTransformNode", "vtkMRMLTextNode"):  # fmt: skip
            with self.subTest(name=name):
                node = slicer.mrmlScene.AddNewNodeByClass(name)
                item = hierarchy.GetItemByDataNode(node)
                self.assertTrue(item)
                self.assertEqual(hierarchy.GetItemParent(item), hierarchy.GetSceneItemID())
                slicer.mrmlScene.RemoveNode(node)
                self.assertFalse(hierarchy.GetItemByDataNode(node))
        hidden = slicer.vtkMRMLModelNode()
        hidden.SetHideFromEditors(True)
        self.assertFalse(hierarchy.GetItemByDataNode(slicer.mrmlScene.AddNode(hidden)))

    def test_startup_completed_reaches_the_modules(self):
        self.assertEqual(HostExample.STARTED, ["startupCompleted"])

    def test_closing_the_scene_reaches_the_widget(self):
        slicer.util.getModuleWidget("HostExample")
        HostExample.EVENTS.clear()
        slicer.mrmlScene.Clear(0)
        self.assertEqual(HostExample.EVENTS, ["startClose", "endClose"])

    def test_the_parameter_node_is_a_singleton_made_anew_after_closing_the_scene(self):
        logic = slicer.util.getModuleLogic("HostExample")
        logic.getParameterNode().count = 50
        self.assertEqual(logic.getParameterNode().count, 50)
        self.assertEqual(len(logic.getAllParameterNodes()), 1)
        slicer.mrmlScene.Clear(0)
        self.assertEqual(logic.getParameterNode().count, 7)
        self.assertEqual(logic.getAllParameterNodes()[0].GetAttribute("ModuleName"), "HostExample")

    def test_several_parameter_nodes_are_possible(self):
        logic = slicer.ScriptedLoadableModule.ScriptedLoadableModuleLogic()
        logic.moduleName, logic.isSingletonParameterNode = "Several", False
        first = logic.getParameterNode()
        slicer.mrmlScene.AddNode(logic.createParameterNode())
        self.assertEqual(len(logic.getAllParameterNodes()), 2)
        self.assertIs(logic.getParameterNode(), first)


def present():
    """The module as it is imported now: reloading replaces it."""
    return sys.modules["HostExample"]


class SelectionCases(unittest.TestCase):
    """Switching and reloading modules, in the main window."""

    def test_switching_calls_exit_and_enter(self):
        slicer.util.selectModule("")
        present().EVENTS.clear()
        slicer.util.selectModule("HostExample")
        self.assertEqual(slicer.util.selectedModule(), "HostExample")
        self.assertEqual(present().EVENTS[-1], "enter")
        panel = slicer.modules.hostexample.widgetRepresentation()
        self.assertIs(panel.isEntered, True)
        self.assertEqual((panel.objectName, panel.windowTitle), ("HostExampleModuleWidget", "Host Example"))
        slicer.util.selectModule(slicer.modules.hostexample)
        self.assertEqual(present().EVENTS.count("enter"), 1)
        slicer.util.selectModule("")
        self.assertEqual(present().EVENTS[-1], "exit")
        self.assertIs(panel.isEntered, False)

    def test_reloading_replaces_the_classes_and_the_widget(self):
        old = present()
        before = slicer.util.getModuleWidget("HostExample")
        module = slicer.util.reloadScriptedModule("HostExample")
        after = slicer.util.getModuleWidget("HostExample")
        self.assertIsNot(after, before)
        self.assertIs(type(after), module.HostExampleWidget)
        self.assertIs(sys.modules["HostExample"], module)
        self.assertIs(slicer.modules.HostExampleWidget, after)
        self.assertEqual(old.EVENTS[-1], "cleanup")
        self.assertEqual(module.EVENTS, ["setup"])

    def test_the_reload_button_works_in_developer_mode(self):
        import qt

        qt.QSettings().setValue("Developer/DeveloperMode", True)
        self.addCleanup(qt.QSettings().setValue, "Developer/DeveloperMode", False)
        slicer.util.reloadScriptedModule("HostExample")
        widget = slicer.util.getModuleWidget("HostExample")
        self.assertTrue(widget.developerMode)
        widget.reloadButton.click()
        self.assertIsNot(slicer.util.getModuleWidget("HostExample"), widget)

    def test_an_unknown_module_cannot_be_selected(self):
        with self.assertRaises(NotImplementedError):
            slicer.util.selectModule("Nothing")
