"""Two runs of one patient in one scene, by clicking: the pose carried with the table, both registered together."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import slicer
from VesselRegistrationGuiCase import SAMPLE_FRAME, VesselRegistrationGuiCase

TABLE_A, TABLE_B = (4.0, 30.0, 500.0), (-6.0, 12.0, 515.0)
TURN_DEG = 70.0


class VesselRegistrationRunsTest(VesselRegistrationGuiCase):
    def setUp(self) -> None:
        super().setUp()
        self.loadSampleCase()
        self.addCleanup(self.widget.register.cleanup)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def truePose(self) -> Any:
        """Model to isocenter of the frame that the tests register, as it truly is."""
        import numpy as np

        truth = json.loads((self.sampleFolder() / "truth.json").read_text(encoding="utf-8"))
        return np.array(truth["frames"][SAMPLE_FRAME]["modelToIsocenter"])

    def loadRun(self, name: str, picture: Any, turnDeg: float, table: tuple[float, ...] | None) -> Any:
        """A picture as a file with its geometry beside it, loaded by the button; returns its volume node."""
        import SimpleITK

        geometry = {**self.geometry, "primaryAngleDeg": self.geometry["primaryAngleDeg"] + turnDeg}
        if table is not None:
            geometry["tableLpsMm"] = list(table)
        path = self.folder / f"{name}.nrrd"
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(picture[None]), str(path))
        path.with_name(f"{name}.geometry.json").write_text(json.dumps(geometry), encoding="utf-8")
        self.ui.xrayPathLineEdit.currentPath = str(path)
        self.settle()
        self.ui.xrayLoadButton.click()
        self.settle()
        self.waitFor(lambda: not self.widget.case.settling, "settled")
        self.assertEqual(self.parameters.xray.GetName(), name, self.ui.statusLabel.text)
        return self.parameters.xray

    def loadTwoRuns(self, tables: bool = True) -> tuple[Any, Any]:
        """`first`, a frame of the sample case, and `second`, the same patient from aside and the table moved."""
        import numpy as np

        from VesselRegistrationLib.projection import path_length_mm, transform_points
        from VesselRegistrationMRML.case import vesselModel
        from VesselSegmentationMRML.run_nodes import framePixels

        cArm = self.widget.logic.cArm(self.parameters)
        self.geometry = {
            "primaryAngleDeg": cArm.primary_angle_deg,
            "secondaryAngleDeg": cArm.secondary_angle_deg,
            "sidMm": cArm.sid_mm,
            "sodMm": cArm.sod_mm,
            "spacingMm": list(cArm.spacing_mm),
        }
        picture = framePixels(self.parameters.xray, SAMPLE_FRAME)
        model, pose = vesselModel(self.parameters.model), self.truePose()
        pose[:3, 3] += np.array(TABLE_B) - TABLE_A
        self.trueSecond = pose
        import dataclasses

        aside = dataclasses.replace(cArm, primary_angle_deg=cArm.primary_angle_deg + TURN_DEG)
        lengths = path_length_mm(transform_points(pose, model.points_lps), model.triangles, aside)
        noise = np.random.default_rng(1).normal(0, 4, lengths.shape)
        seen = (200 * np.exp(-0.035 * lengths) + noise).clip(0, 255).astype(np.uint8)
        first = self.loadRun("first", picture, 0.0, TABLE_A if tables else None)
        second = self.loadRun("second", seen, TURN_DEG, TABLE_B if tables else None)
        return first, second

    def choose(self, volume: Any) -> None:
        """Work with a run of the scene."""
        self.ui.xraySelector.setCurrentNode(volume)
        self.settle()
        self.waitFor(lambda: not self.widget.case.settling, "settled")

    def chooseOther(self, volume: Any) -> None:
        """Name the other run in step 5."""
        box = self.ui.otherRunComboBox
        box.currentIndex = box.findText(volume.GetName())
        self.settle()

    def inPlaneErrorMm(self, true: Any) -> float:
        """Mean distance in the picture, at the isocenter, between the model shown and where it truly is."""
        import numpy as np

        from VesselRegistrationLib.projection import transform_points
        from VesselRegistrationMRML.case import vesselModel
        from VesselRegistrationMRML.placement import poseLps

        cArm, points = self.widget.logic.cArm(self.parameters), vesselModel(self.parameters.model).points_lps[::20]
        seen = [cArm.project(transform_points(pose, points))[:, :2] for pose in (poseLps(self.parameters.pose), true)]
        return float(np.linalg.norm(seen[0] - seen[1], axis=1).mean() * cArm.pixel_size_at_isocenter_mm())

    def writeTogether(self, breath: tuple[float, ...]) -> list[dict[str, Any]]:
        """What registering both runs would leave behind, between whose frames the patient has breathed (mm)."""
        import numpy as np

        poses = [self.truePose(), self.trueSecond.copy()]
        poses[1][:3, 3] += breath
        entries = []
        for number, pose in enumerate(poses):
            entry = {
                "frame": 0,
                "status": "registered",
                "reason": "",
                "method": "pose",
                "modelToIsocenter": pose.tolist(),
                "expectedInPlaneErrorMm": 0.9,
                "inPlaneErrorBoundMm": 1.9,
                "expectedDepthErrorMm": 1.2,
                "poseCovariance": np.diag([1e-4] * 3 + [0.5 + number] * 3).tolist(),
                "posePivotLps": (pose[:3, 3] + [20, -30, 15]).tolist(),
                "affineModelToIsocenter": None,
                "affineProjectionToFrame": np.eye(3).tolist(),
                "affineParts": None,
                "DSC": 0.9,
                "Precision": 0.9,
                "Recall": 0.9,
                "roi": {"x": 0, "y": 0, "width": 512, "height": 512},
                "start": "pose",
                "warnings": [],
            }
            entries.append(entry)
        (self.folder / "result").mkdir()
        (self.folder / "result" / "registration.json").write_text(json.dumps({"poses": entries}), encoding="utf-8")
        (self.folder / "job.json").write_text(json.dumps({"firstFrame": 0, "otherFrame": 0}), encoding="utf-8")
        return entries

    def test_a_breath_between_two_runs_solved_together_stays_in_the_pose_of_each(self) -> None:
        import numpy as np

        from VesselRegistrationMRML.placement import poseLps

        first, second = self.loadTwoRuns()
        self.choose(first)
        entries = self.writeTogether(breath=(0.0, 0.0, 4.0))
        self.widget.logic.acceptTogether(self.parameters, self.folder, second)
        moved = np.subtract(entries[1]["modelToIsocenter"], entries[0]["modelToIsocenter"])[:3, 3]
        np.testing.assert_allclose(moved - np.subtract(TABLE_B, TABLE_A), [0, 0, 4], atol=1e-9)
        for run, entry in ((first, entries[0]), (second, entries[1]), (first, entries[0]), (second, entries[1])):
            self.choose(run)
            np.testing.assert_allclose(poseLps(self.parameters.pose), entry["modelToIsocenter"], atol=1e-6)
            self.assertIs(self.parameters.model.GetParentTransformNode(), self.parameters.pose)
            errors = self.widget.logic.expectedErrors(self.parameters)
            np.testing.assert_allclose(errors.uncertainty.covariance, entry["poseCovariance"])
            np.testing.assert_allclose(errors.uncertainty.pivot_lps, entry["posePivotLps"])
            self.assertIn("Frame 1: registered", self.ui.outcomeLabel.text)
            saved = self.folder / run.GetName()
            self.widget.logic.saveResults(self.parameters, saved, scene=False)
            (report,) = json.loads((saved / "registration.json").read_text(encoding="utf-8"))["poses"]
            for name in ("modelToIsocenter", "poseCovariance", "posePivotLps"):
                np.testing.assert_allclose(report[name], entry[name], atol=1e-6)
        self.ui.rightButton.click()
        self.settle()
        self.choose(first)
        np.testing.assert_allclose(poseLps(self.parameters.pose), entries[0]["modelToIsocenter"], atol=1e-6)
        self.choose(second)
        self.chooseOther(first)
        self.ui.carryOverButton.click()
        self.settle()
        np.testing.assert_allclose(poseLps(self.parameters.pose), self.trueSecond, atol=1e-6)
        self.assertGreater(self.widget.logic.expectedErrors(self.parameters).inPlaneMm, 2)  # it knows of breath

    def test_both_runs_registered_together_share_one_pose_and_each_shows_its_own(self) -> None:
        import numpy as np

        from VesselRegistrationMRML.placement import poseLps

        first, second = self.loadTwoRuns()
        self.choose(first)
        self.chooseOther(second)
        self.assertTrue(self.ui.otherRunsGroupBox.visible)
        self.assertTrue(self.ui.registerTogetherButton.enabled, self.ui.registerTogetherButton.toolTip)
        self.assertFalse(self.ui.carryOverButton.enabled)
        self.assertIn("register it first", self.ui.carryOverButton.toolTip)
        self.ui.registerTogetherButton.click()
        self.waitFor(lambda: not self.widget.register.running, "registered")
        result = self.widget.logic.result(self.parameters)
        self.assertTrue(result.registered, result.reason)
        self.assertEqual(result.joint, ("first", "second"))
        self.assertIn("first, second", self.ui.resultLabel.text)
        self.assertLess(self.inPlaneErrorMm(self.truePose()), 1.5)
        self.assertLess(result.expectedDepthMm, 5)
        here = poseLps(self.parameters.pose)
        self.choose(second)
        self.assertIn("Frame 1: registered", self.ui.outcomeLabel.text)
        self.assertIn("expected error", self.widget.standingText.text)
        self.assertLess(self.inPlaneErrorMm(self.trueSecond), 1.5)
        # Nobody has breathed between the two, so that little beside the table's move is left between their poses.
        moved = (poseLps(self.parameters.pose) - here)[:3, 3]
        np.testing.assert_allclose(moved, np.subtract(TABLE_B, TABLE_A), atol=2)
        self.choose(first)
        np.testing.assert_allclose(poseLps(self.parameters.pose), here)
        self.assertIn("Frame 1: registered", self.ui.outcomeLabel.text)

    def test_a_run_without_vessels_does_not_spoil_the_other(self) -> None:
        import numpy as np

        first, second = self.loadTwoRuns()
        pixels = slicer.util.arrayFromVolume(second)
        pixels[:] = np.uint8(128)
        self.choose(first)
        self.chooseOther(second)
        self.ui.registerTogetherButton.click()
        self.waitFor(lambda: not self.widget.register.running, "registered")
        result = self.widget.logic.result(self.parameters)
        self.assertTrue(result.registered, result.reason)
        self.assertEqual(result.joint, ())
        self.assertIn("Solved without the other runs", self.ui.warningsLabel.text)
        self.assertLess(self.inPlaneErrorMm(self.truePose()), 1.5)
        self.choose(second)
        self.assertIn("No vessels were found", self.ui.outcomeLabel.text)

    def test_a_pose_is_carried_through_angle_and_table_moves_with_its_error_in_the_new_view(self) -> None:
        import numpy as np

        from VesselRegistrationMRML.placement import poseLps

        first, second = self.loadTwoRuns()
        self.choose(first)
        self.ui.registerButton.click()
        self.waitFor(lambda: not self.widget.register.running, "registered")
        result = self.widget.logic.result(self.parameters)
        self.assertTrue(result.registered, result.reason)
        here = poseLps(self.parameters.pose)
        self.choose(second)
        self.assertIn("start pose", self.widget.standingText.text)
        self.chooseOther(first)
        self.ui.carryOverButton.click()
        self.settle()
        self.assertIn("taken from first, frame 1", self.ui.registerMessageLabel.text)
        np.testing.assert_allclose((poseLps(self.parameters.pose) - here)[:3, 3], np.subtract(TABLE_B, TABLE_A))
        errors = self.widget.logic.expectedErrors(self.parameters)
        self.assertGreater(errors.inPlaneMm, result.expectedInPlaneMm)
        self.assertLess(self.inPlaneErrorMm(self.trueSecond), errors.boundMm)
        self.assertIn("carried from first", self.widget.standingText.text)
        self.assertIn(f"expected error {errors.inPlaneMm:.1f} mm", self.widget.standingText.text)
        self.ui.undoButton.click()
        self.settle()
        self.assertGreater(np.abs(poseLps(self.parameters.pose) - here)[:3, 3].max(), 1)
        self.choose(first)
        np.testing.assert_allclose(poseLps(self.parameters.pose), here)

    def test_without_table_positions_a_clear_word_says_so_and_each_run_keeps_its_work(self) -> None:
        from VesselRegistrationMRML.placement import poseLps

        first, second = self.loadTwoRuns(tables=False)
        self.choose(first)
        self.ui.rightButton.click()
        self.settle()
        moved = poseLps(self.parameters.pose).round(6).tolist()
        self.choose(second)
        self.chooseOther(first)
        for button in (self.ui.carryOverButton, self.ui.registerTogetherButton):
            self.assertFalse(button.enabled)
            self.assertIn("table position of", button.toolTip)
        self.assertIn("not known", self.ui.otherRunLabel.text)
        self.choose(first)
        self.assertEqual(poseLps(self.parameters.pose).round(6).tolist(), moved)
        self.assertEqual(self.widget.standingText.text, "adjusted by hand")
