"""Child processes: what they report, how they end, what they leave; and the check of packages."""

from __future__ import annotations

import os
import time
import unittest
from typing import Any
from unittest import mock

import slicer


class VesselSegmentationJobTest(unittest.TestCase):
    def setUp(self) -> None:
        self.said: list[tuple[str, Any]] = []

    def job(self, *arguments: str) -> Any:
        from VesselSegmentationWidgets.job import Job

        job = Job(
            list(arguments),
            onProgress=lambda values: self.said.append(("progress", values)),
            onFinished=lambda code: self.said.append(("finished", code)),
            onFailed=lambda message: self.said.append(("failed", message)),
            onCancelled=lambda: self.said.append(("cancelled", None)),
        )
        self.addCleanup(job.cancel, True)
        return job

    def frames(self, folder: Any, count: int = 2) -> list[str]:
        """The command that segments some noise."""
        import numpy as np

        np.save(folder / "frames.npy", np.random.default_rng(1).integers(0, 255, (count, 64, 64)).astype(np.uint8))
        return ["segment", "--array", str(folder / "frames.npy"), "--output", str(folder), "--device", "cpu"]

    def test_progress_and_end_are_told_and_the_folder_is_removed_afterwards(self) -> None:
        job = self.job()
        job.arguments = self.frames(job.folder)
        job.start()
        self.assertTrue(job.running)
        self.assertTrue(job.wait(90))
        self.assertEqual(self.said[-1], ("finished", 0))
        self.assertEqual(self.said[-2][1]["progress"], 1.0)
        self.assertEqual(self.said[-2][1]["message"], "frame 2 of 2")
        self.assertFalse(job.folder.exists())
        self.assertEqual(job.exitCode, 0)

    def test_bad_input_is_told_in_one_line_without_the_program_s_name(self) -> None:
        job = self.job("segment", "--array", "nowhere.npy", "--output", "nowhere")
        job.start()
        self.assertTrue(job.wait(60))
        kind, message = self.said[-1]
        self.assertEqual(kind, "failed")
        self.assertIn("nowhere.npy", message)
        self.assertFalse(message.startswith("vessel-registration"))
        self.assertEqual(len(message.splitlines()), 1)
        self.assertTrue(job.lastLines)

    def test_a_defect_is_no_refusal_although_python_ends_with_the_same_code(self) -> None:
        job = self.job()
        script = job.folder / "defect.py"
        script.write_text("raise KeyError('lost')")
        with mock.patch("VesselSegmentationWidgets.job.subprocess.Popen", self.running(script)):
            job.start()
        self.assertTrue(job.wait(30))
        self.assertEqual(job.exitCode, 1)
        self.assertEqual(self.said[-1][0], "failed")
        self.assertIn("KeyError: 'lost'", self.said[-1][1])

    def running(self, script: Any) -> Any:
        """A stand-in for Popen that runs a script instead of the command line."""
        import subprocess

        real = subprocess.Popen

        def start(command: list[str], **options: Any) -> Any:
            return real([command[0], str(script)], **options)

        return start

    def test_all_processes_that_a_job_has_started_end_with_it(self) -> None:
        if os.name == "nt":
            self.skipTest("processes are looked up as POSIX does")
        job = self.job()
        script = job.folder / "family.py"
        script.write_text(
            "import subprocess, sys, time\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
            'print(\'{"progress": 0.5, "message": "started", "child": %d}\' % child.pid, flush=True)\n'
            "time.sleep(60)\n"
        )
        with mock.patch("VesselSegmentationWidgets.job.subprocess.Popen", self.running(script)):
            job.start()
        while not self.said:
            slicer.app.processEvents()
            job.poll()
        child = self.said[0][1]["child"]
        job.cancel(True)
        self.assertEqual(self.said[-1], ("cancelled", None))
        end = time.monotonic() + 5  # the system takes its time
        while self.isRunning(child) and time.monotonic() < end:
            time.sleep(0.01)
        self.assertFalse(self.isRunning(child))
        self.assertFalse(self.isRunning(job.processId))

    def isRunning(self, processId: int) -> bool:
        """Whether a process is there and more than a corpse that waits to be collected."""
        from pathlib import Path

        status = Path(f"/proc/{processId}/stat")
        if not Path("/proc").is_dir():
            try:
                os.kill(processId, 0)
            except OSError:
                return False
            return True
        return status.is_file() and status.read_text().rpartition(")")[2].split()[0] != "Z"

    def test_what_was_being_written_when_a_job_was_killed_is_removed(self) -> None:
        from pathlib import Path
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as output:
            older = Path(output) / ".older.1.partial"
            older.write_text("of somebody else")
            os.utime(older, (1, 1))
            job = self.job("train", "--output", output)
            script = job.folder / "writer.py"
            half = Path(output) / ".model.7.partial"
            script.write_text(f"import time\nopen({str(half)!r}, 'w').write('half')\ntime.sleep(60)\n")
            with mock.patch("VesselSegmentationWidgets.job.subprocess.Popen", self.running(script)):
                job.start()
            while not half.is_file():
                slicer.app.processEvents()
            job.cancel(True)
            self.assertFalse(half.exists())
            self.assertTrue(older.exists())

    def test_cancelling_a_job_that_never_ran_only_removes_its_folder(self) -> None:
        job = self.job("segment")
        self.assertTrue(job.folder.is_dir())
        job.cancel()
        self.assertFalse(job.folder.exists())
        self.assertEqual(self.said, [])

    def test_all_jobs_can_be_ended_at_once(self) -> None:
        from VesselSegmentationWidgets.job import Job

        jobs = [self.job(), self.job()]
        for job in jobs:
            job.arguments = self.frames(job.folder)
            job.start()
        Job.cancelAll()
        self.assertFalse(any(job.running for job in jobs))
        self.assertEqual(self.said.count(("cancelled", None)), 2)

    def waiting(self) -> Any:
        """A process that waits for a job."""
        from VesselSegmentationWidgets import standby

        self.addCleanup(standby.release)
        standby.start()
        return standby._waiting

    def test_a_process_that_waits_becomes_the_next_job(self) -> None:
        waiting = self.waiting()
        job = self.job()
        self.assertEqual(job.folder, waiting.folder)
        job.arguments = self.frames(job.folder)
        with mock.patch("VesselSegmentationWidgets.job.startModule") as started:
            job.start()
        started.assert_not_called()
        self.assertEqual(job.processId, waiting.process.pid)
        self.assertTrue(job.wait(90))
        self.assertEqual(self.said[-1], ("finished", 0))
        self.assertEqual(self.said[-2][1]["message"], "frame 2 of 2")
        self.assertFalse(job.folder.exists())

    def test_a_job_of_a_process_that_waited_is_cancelled_as_any_other(self) -> None:
        waiting = self.waiting()
        job = self.job()
        job.arguments = self.frames(job.folder, 400)
        job.start()
        job.cancel()
        self.assertTrue(job.wait(60))
        self.assertEqual(self.said[-1], ("cancelled", None))
        self.assertFalse(self.isRunning(waiting.process.pid))

    def test_only_one_process_waits_and_it_serves_one_job(self) -> None:
        from VesselSegmentationWidgets import standby

        waiting = self.waiting()
        standby.start()
        self.assertIs(standby._waiting, waiting)
        jobs = [self.job(), self.job()]
        self.assertEqual([job.folder == waiting.folder for job in jobs], [True, False])
        jobs[0].cancel()
        self.assertFalse(self.isRunning(waiting.process.pid))
        self.assertFalse(waiting.folder.exists())

    def test_a_process_that_died_while_it_waited_is_not_used(self) -> None:
        waiting = self.waiting()
        waiting.process.kill()
        waiting.process.wait()
        job = self.job("segment", "--array", "nowhere.npy", "--output", "nowhere")
        self.assertNotEqual(job.folder, waiting.folder)
        self.assertFalse(waiting.folder.exists())
        job.start()
        self.assertTrue(job.wait(60))
        self.assertIn("nowhere.npy", self.said[-1][1])

    def test_one_that_dies_between_a_job_and_its_start_is_replaced(self) -> None:
        waiting = self.waiting()
        job = self.job("segment", "--array", "nowhere.npy", "--output", "nowhere")
        waiting.process.kill()
        waiting.process.wait()
        job.start()
        self.assertNotEqual(job.processId, waiting.process.pid)
        self.assertTrue(job.wait(60))
        self.assertIn("nowhere.npy", self.said[-1][1])

    def test_nothing_waits_in_tests_without_packages_or_where_python_cannot_be_started(self) -> None:
        from VesselSegmentationWidgets import dependencies, standby

        self.addCleanup(standby.release)
        standby.prepare()
        self.assertIsNone(standby._waiting)
        with mock.patch.object(standby, "slicer") as outsideTests:
            outsideTests.app.testingEnabled.return_value = False
            with mock.patch.object(dependencies, "missingPackages", return_value=["monai>=99"]):
                standby.prepare()
            self.assertIsNone(standby._waiting)
            with mock.patch.object(standby.child_process, "startModule", side_effect=OSError("no Python")):
                standby.prepare()
            self.assertIsNone(standby._waiting)
            standby.prepare()
        self.assertTrue(standby._waiting.isThere)

    def test_the_requirements_are_met_here_and_never_name_torch(self) -> None:
        from VesselSegmentationWidgets import dependencies

        self.assertEqual(dependencies.missingPackages(), [])
        self.assertFalse(any(line.startswith("torch") for line in dependencies.requirements()))
        self.assertIn("monai", dependencies.dependencyReport())
        self.assertTrue(dependencies.ensureDependencies())

    def test_versions_are_compared_with_the_floors(self) -> None:
        from VesselSegmentationWidgets import dependencies

        self.assertTrue(dependencies.isSatisfied("numpy>=1.0"))
        self.assertFalse(dependencies.isSatisfied("numpy>=999"))
        self.assertFalse(dependencies.isSatisfied("no-such-package-anywhere>=1"))

    def test_a_failed_installation_is_told_with_the_way_by_hand(self) -> None:
        from VesselSegmentationWidgets import dependencies

        told: list[str] = []
        with (
            mock.patch.object(dependencies, "missingPackages", return_value=["monai>=99"]),
            mock.patch.object(dependencies, "_slicerPackaging", return_value=None),
            mock.patch.object(dependencies, "_agrees", return_value=True),
            mock.patch.object(slicer.util, "pip_install", side_effect=OSError("no network")),
        ):
            self.assertFalse(dependencies.ensureDependencies(told.append))
        self.assertIn("no network", told[0])
        self.assertIn('PythonSlicer -m pip install "monai>=99"', told[0])
        self.assertEqual(len(told[0].splitlines()), 1)

    def test_where_slicer_has_no_packaging_the_user_is_asked_by_us(self) -> None:
        from VesselSegmentationWidgets import dependencies

        told: list[str] = []
        with (
            mock.patch.object(dependencies, "missingPackages", return_value=["monai>=99"]),
            mock.patch.object(dependencies, "_slicerPackaging", return_value=None),
            mock.patch.object(slicer.util, "confirmOkCancelDisplay", return_value=False) as asked,
            mock.patch.object(slicer.util, "pip_install") as installed,
        ):
            self.assertFalse(dependencies.ensureDependencies(told.append))
        self.assertIn("monai>=99", asked.call_args.args[0])
        installed.assert_not_called()
        self.assertIn("not installed", told[0])
