"""The panel as a whole: steps that open and close, a tip on every control, the order of the keys, the help."""

from __future__ import annotations

import slicer
from VesselRegistrationGuiCase import VesselRegistrationGuiCase

STEPS = ("case", "cArm", "projection", "vessels", "register", "result", "save")
CONTROLS = ("Button", "CheckBox", "ComboBox", "LineEdit", "Selector", "Slider", "SpinBox")


class VesselRegistrationPanelTest(VesselRegistrationGuiCase):
    def test_every_step_opens_and_closes_by_a_click(self) -> None:
        for number, key in enumerate(STEPS, 1):
            header = getattr(self.ui, f"{key}CollapsibleButton")
            self.assertTrue(header.text.startswith(f"{number}. "), header.text)
            before = header.collapsed
            header.click()
            self.assertNotEqual(header.collapsed, before)
            header.click()
            self.assertEqual(header.collapsed, before)

    def test_every_control_has_a_tool_tip(self) -> None:
        # What CTK's own widgets are made of is called plainly `SpinBox` or `Slider`.
        named = {name: control for name, control in vars(self.ui).items() if name not in CONTROLS}
        controls = {name: control for name, control in named.items() if name.endswith(CONTROLS)}
        self.assertGreater(len(controls), 50)
        self.assertEqual([name for name, control in controls.items() if not control.toolTip], [])

    def test_a_button_that_cannot_be_pressed_says_why(self) -> None:
        self.assertIn("step 1", self.ui.cArmViewButton.toolTip)
        self.assertIn("Nothing to undo", self.ui.undoButton.toolTip)
        self.loadSampleCase()
        self.assertNotIn("step 1", self.ui.cArmViewButton.toolTip)
        self.assertIn("Choose a folder first", self.ui.saveButton.toolTip)
        self.ui.rightButton.click()
        self.settle()
        self.assertIn("Undo", self.ui.undoButton.toolTip)

    def test_what_a_step_says_is_said_once_beside_it_or_in_the_status_line_while_it_is_closed(self) -> None:
        self.loadSampleCase()
        self.ui.saveFolderLineEdit.currentPath = slicer.app.temporaryPath
        self.settle()
        for closed in (False, True, False):
            self.ui.saveCollapsibleButton.collapsed = closed
            self.ui.saveButton.click()
            self.settle()
            self.assertIn("Register first", self.ui.saveMessageLabel.text)
            self.assertEqual(self.ui.statusLabel.text, self.ui.saveMessageLabel.text if closed else "")

    def test_no_two_keys_are_the_same_and_none_is_the_menu_bars(self) -> None:
        texts = [getattr(control, "text", "") for name, control in vars(self.ui).items() if name.endswith(CONTROLS)]
        keys = [str(text)[str(text).index("&") + 1].lower() for text in texts if "&" in str(text)]
        self.assertGreater(len(keys), 10)
        self.assertEqual(sorted(keys), sorted(set(keys)))
        self.assertEqual(set(keys) & set("fevh"), set())

    def test_what_this_is_not_is_always_in_sight(self) -> None:
        self.assertIn("Not a medical device", self.ui.noticeLabel.text)
        self.assertTrue(self.ui.noticeLabel.visible)

    def test_the_help_explains_the_steps_and_cites_the_paper(self) -> None:
        module = slicer.modules.vesselregistration
        for word in ("Case", "C-arm", "Projection", "Vessels", "Register", "Result", "Save", "Li", "ISMR", "2021"):
            self.assertIn(word, module.helpText)
        self.assertIn("Research use only", module.helpText)
        self.assertTrue(module.acknowledgementText.strip())
        self.assertEqual(module.title, "Vessel Registration")

    def test_leaving_the_module_and_coming_back_loses_nothing(self) -> None:
        self.loadSampleCase()
        slicer.util.selectModule("VesselSegmentation")
        self.settle()
        self.widget.result.browser().SetSelectedItemNumber(6)
        self.settle()
        slicer.util.selectModule("VesselRegistration")
        self.settle()
        self.assertIsNotNone(self.parameters.model)
        self.assertIn("frame 7 of 10", self.ui.resultCollapsibleButton.text)
