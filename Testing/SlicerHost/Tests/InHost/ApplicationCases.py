# ruff: noqa: PT009, PT027  cases of unittest, as Slicer runs them
"""`slicer.app`, `slicer.util` and the helpers beside them. Run inside the host."""

import logging
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import qt
import slicer
import slicer.packaging
from slicer.i18n import getContext, tr, translate


class ApplicationCases(unittest.TestCase):
    """The application object."""

    def test_it_holds_the_scene_and_the_logic(self):
        self.assertIs(slicer.app.mrmlScene(), slicer.mrmlScene)
        logic = slicer.app.applicationLogic()
        self.assertIs(logic.GetMRMLScene(), slicer.mrmlScene)
        self.assertEqual(logic.GetSelectionNode().GetClassName(), "vtkMRMLSelectionNode")
        self.assertEqual(logic.GetInteractionNode().GetClassName(), "vtkMRMLInteractionNode")
        self.assertTrue(slicer.app.testingEnabled())
        self.assertTrue(slicer.app.commandOptions().testingEnabled)

    def test_names_of_the_application_that_are_missing_say_so(self):
        with self.assertRaisesRegex(NotImplementedError, "pythonConsole"):
            slicer.app.pythonConsole()
        with self.assertRaises(AttributeError):
            slicer.app.noSuchThing  # noqa: B018
        with self.assertRaises(AttributeError):
            slicer.app.newAttribute = 1
        with self.assertRaises(TypeError):
            slicer.app.exit(code=1)

    def test_unknown_signals_are_refused(self):
        self.assertFalse(slicer.app.connect("nosuch()", print))
        self.assertTrue(slicer.app.connect("renderPaused(bool)", print))
        self.assertTrue(slicer.app.disconnect("renderPaused(bool)", print))
        self.assertFalse(slicer.app.disconnect("renderPaused(bool)", print))

    def test_rendering_pauses_nest(self):
        seen = []
        slicer.app.renderPaused.connect(seen.append)
        self.addCleanup(slicer.app.renderPaused.disconnect, seen.append)
        with slicer.util.RenderBlocker(), slicer.util.RenderBlocker():
            self.assertEqual(seen, [True])
        self.assertEqual(seen, [True, False])

    def test_folders_and_settings_are_temporary(self):
        self.assertTrue(Path(slicer.app.temporaryPath).is_dir())
        self.assertTrue(Path(slicer.util.tempDirectory()).is_dir())
        qt.QSettings().setValue("Host/Key", 5)
        self.assertEqual(slicer.util.settingsValue("Host/Key", 0, converter=int), 5)
        self.assertEqual(int(slicer.app.userSettings().value("Host/Key")), 5)
        self.assertNotIn(str(Path.home()), slicer.app.slicerUserSettingsFilePath)

    def test_the_startup_environment_is_the_one_before_the_host(self):
        self.assertEqual(slicer.util.startupEnvironment()["HOST_TEST_VARIABLE"], "given")

    def test_a_console_process_runs_and_reports(self):
        process = slicer.util.launchConsoleProcess([sys.executable, "-c", "print('from the child')"])
        lines = []
        slicer.util.logProcessOutput(process, lines.append)
        self.assertEqual(lines, ["from the child"])
        process = slicer.util.launchConsoleProcess([sys.executable, "-c", "raise SystemExit(3)"])
        with self.assertRaises(subprocess.CalledProcessError):
            slicer.util.logProcessOutput(process)

    def test_a_console_process_runs_beside_the_event_loop(self):
        lines, codes = [], []
        slicer.util.launchConsoleProcess(
            [sys.executable, "-c", "print(7)"], blocking=False, logCallback=lines.append,
            completedCallback=codes.append,
        )  # fmt: skip
        loop = qt.QEventLoop()
        qt.QTimer.singleShot(20000, loop.quit)
        timer = qt.QTimer()
        timer.connect("timeout()", lambda: loop.quit() if codes else None)
        timer.start(20)
        loop.exec_()
        timer.stop()
        self.assertEqual((lines, codes), (["7"], [0]))


class DisplayCases(unittest.TestCase):
    """Messages do not block in testing mode."""

    def test_messages_are_logged(self):
        for show, level in ((slicer.util.infoDisplay, "INFO"), (slicer.util.warningDisplay, "WARNING"),
                            (slicer.util.errorDisplay, "ERROR")):  # fmt: skip
            with self.subTest(level=level), self.assertLogs(level=level) as logs:
                show("look here")
            self.assertIn("look here", logs.output[0])

    def test_questions_are_answered_as_in_the_application(self):
        # In testing mode True is compared with the button, so the documented "OK" comes back as False.
        self.assertFalse(slicer.util.confirmOkCancelDisplay("really?"))
        self.assertFalse(slicer.util.confirmYesNoDisplay("really?"))
        self.assertFalse(slicer.util.confirmRetryCloseDisplay("really?"))

    def test_delay_display_returns(self):
        slicer.util.delayDisplay("soon", 50)

    def test_errors_pass_through_try_with_error_display(self):
        with self.assertRaises(ValueError), slicer.util.tryWithErrorDisplay("failed", waitCursor=True):
            raise ValueError("inner")
        self.assertIsNone(slicer.app.overrideCursor())


class HelperCases(unittest.TestCase):
    """`slicer.i18n`, `slicer.packaging`, `slicer.testing`, `slicer.dicomDatabase`, observation mixin."""

    def test_translation_returns_the_text(self):
        self.assertEqual(tr("Apply {count}"), "Apply {count}")
        self.assertEqual(translate("Context", "Apply"), "Apply")
        self.assertEqual(getContext(__file__), "ApplicationCases")
        with self.assertRaises(TypeError):
            tr(5)

    def test_requirements_are_read_as_the_application_reads_them(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "requirements.txt")
            path.write_text("# comment\n\n-r other.txt\nnumpy>=1.20\nnosuchpackage>=3\n", encoding="utf-8")
            found = slicer.packaging.load_requirements(path)
        self.assertEqual([requirement.name for requirement in found], ["numpy", "nosuchpackage"])
        self.assertTrue(slicer.packaging.pip_check(found[0]))
        self.assertFalse(slicer.packaging.pip_check(found))
        self.assertFalse(slicer.packaging.pip_check("numpy>=999"))

    def test_nothing_is_installed_in_testing_mode(self):
        self.assertIsNone(slicer.packaging.pip_ensure(["nosuchpackage>=3"], requester="Host"))
        with self.assertRaises(NotImplementedError):
            slicer.packaging.pip_ensure(["nosuchpackage>=3"], skip_in_testing=False, prompt_install=False)
        with self.assertRaises(RuntimeError):
            slicer.packaging.pip_ensure(["nosuchpackage>=3"], skip_in_testing=False)
        with self.assertRaises(NotImplementedError):
            slicer.util.pip_install("nosuchpackage")

    def test_exit_failure_raises(self):
        slicer.testing.exitSuccess()
        with self.assertRaisesRegex(Exception, "why"):
            slicer.testing.exitFailure("why")

    def test_the_dicom_database_knows_what_it_is_told(self):
        slicer.dicomDatabase.addFile("1.2.3", "/files/a.dcm")
        self.assertTrue(slicer.dicomDatabase.isOpen)
        self.assertEqual(slicer.dicomDatabase.fileForInstance("1.2.3"), "/files/a.dcm")
        self.assertEqual(slicer.dicomDatabase.fileForInstance("4"), "")
        with self.assertRaises(NotImplementedError):
            slicer.dicomDatabase.patients()

    def test_the_observation_mixin_removes_what_it_added(self):
        seen = []
        mixin = slicer.util.VTKObservationMixin()
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode")
        mixin.addObserver(node, "ModifiedEvent", lambda *_: seen.append(1))
        node.Modified()
        mixin.removeObservers()
        node.Modified()
        self.assertEqual(seen, [1])

    def test_the_log_goes_where_the_application_sends_it(self):
        self.assertLessEqual(logging.getLogger().level, logging.INFO)
        self.assertEqual(os.path.basename(sys.argv[0]), "")
