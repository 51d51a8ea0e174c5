"""Saving a case without the window: what is written is read by the command line, fits the schema, comes back."""

from __future__ import annotations

import json
from typing import Any

import slicer
from VesselRegistrationLogicCase import VesselRegistrationLogicCase


class VesselRegistrationSavingTest(VesselRegistrationLogicCase):
    def test_what_is_saved_fits_the_schema_and_the_transform_comes_back_into_slicer(self) -> None:
        import numpy as np

        from VesselRegistrationLib.pose_files import read_pose
        from VesselRegistrationMRML import placement
        from VesselSegmentationLib.errors import InputError

        with self.assertRaisesRegex(InputError, "Register first"):
            self.logic.saveResults(self.p, self.folder, scene=False)
        self.logic.nudge(self.p, rightMm=3)
        files = self.logic.saveResults(self.p, self.folder, scene=False)
        self.assertEqual(
            {path.name for path in files},
            {"registration.json", "frame.png", "outline.png", "model-to-isocenter.tfm"},
        )
        report = self.checkedReport()
        self.assertEqual(report["poses"][0]["status"], "adjusted")
        self.assertEqual(report["poses"][0]["frame"], 4)
        pose = placement.poseLps(self.p.pose)
        np.testing.assert_allclose(report["poses"][0]["adjustedModelToIsocenter"], pose, atol=1e-6)
        np.testing.assert_allclose(read_pose(self.folder / "model-to-isocenter.tfm"), pose, atol=1e-6)
        loaded = slicer.util.loadTransform(str(self.folder / "model-to-isocenter.tfm"))
        np.testing.assert_allclose(placement.poseLps(loaded), pose, atol=1e-6)

    def checkedReport(self) -> Any:
        """The report that was saved; it fits the schema, where there is what tells."""
        import importlib.util

        from VesselSegmentationLib.resources import resource_folder

        report = json.loads((self.folder / "registration.json").read_text())
        if importlib.util.find_spec("jsonschema") is not None:
            import jsonschema

            jsonschema.validate(report, json.loads((resource_folder() / "registration.schema.json").read_text()))
        return report

    def startOfRegister(self, *options: object) -> tuple[float, ...]:
        """Where the command begins on the sample run, mm; it is given no vessels, so that it has nothing to do."""
        import numpy as np

        from VesselRegistrationLib.cli.main import REFUSED, main
        from VesselSegmentationLib.overlay import write_png
        from VesselSegmentationLib.resources import resource_folder

        case, out = resource_folder() / "SampleCase", self.folder / "by-command"
        write_png(self.folder / "empty.png", np.zeros((512, 512), dtype=bool))
        given = ["--model", case / "model.stl", "--xray", case / "run.dcm", "--frame", 0, *options]
        given += ["--mask", self.folder / "empty.png", "--output", out]
        self.assertEqual(main(["register", *map(str, given)]), REFUSED)
        start = json.loads((out / "registration.json").read_text())["poses"][0]["startModelToIsocenter"]
        return tuple(row[3] for row in start)

    def test_a_saved_pose_is_a_start_for_the_command_line_as_its_own_reports_are(self) -> None:
        import numpy as np

        from VesselRegistrationLib.pose_carrying import read_found_pose
        from VesselRegistrationMRML import case, placement

        self.logic.registrationArguments(self.p, self.folder)
        self.writeReport(self.folder, registered=True)
        self.logic.acceptRegistration(self.p, self.folder)
        self.logic.saveResults(self.p, self.folder, scene=False)
        model = case.vesselModel(self.p.model)
        found = read_found_pose(self.folder / "registration.json", model)
        np.testing.assert_allclose(found.model_to_isocenter[:3, 3], [1, 2, 3])
        table = self.logic.geometryOf(self.p).frame(4).table
        self.assertEqual(found.geometry.table.numbers, table.numbers)
        self.assertEqual(found.geometry.table.source, table.source)
        self.assertAlmostEqual(found.turn_deg, np.hypot(np.degrees(0.02), 2.0), places=3)
        self.assertAlmostEqual(found.shift_mm, np.hypot(3.0, 5.0), places=3)
        pose = self.checkedReport()["poses"][0]
        self.assertEqual(pose["posePivotLps"], [4.0, 5.0, 6.0])
        self.assertEqual((pose["threshold"], pose["vesselShare"], pose["jointRuns"]), (0.5, 0.04, []))
        self.assertEqual(self.startOfRegister("--from-run", self.folder / "registration.json")[:3], (1.0, 2.0, 3.0))
        self.logic.nudge(self.p, rightMm=3)
        self.logic.saveResults(self.p, self.folder, scene=False)
        self.checkedReport()
        moved = read_found_pose(self.folder / "registration.json", model)
        np.testing.assert_allclose(moved.model_to_isocenter, placement.poseLps(self.p.pose), atol=1e-8)
        self.assertEqual((moved.turn_deg, moved.shift_mm), (6.0, 25.0))  # nobody knows how far off a hand is

    def test_a_pose_carried_from_another_run_is_saved_with_its_errors_in_this_view(self) -> None:
        import numpy as np

        from VesselRegistrationLib.pose.geometry_uncertainty import GeometryUncertainty
        from VesselRegistrationLib.pose.own_motion import OWN_SHIFT_MM, own_covariance
        from VesselRegistrationLib.pose_carrying import read_found_pose
        from VesselRegistrationMRML import case, poses, runs

        source = poses.RegistrationResult(
            frame=0,
            registered=True,
            method="pose",
            expectedInPlaneMm=0.8,
            inPlaneBoundMm=1.8,
            expectedDepthMm=6.0,
            covariance=tuple(map(tuple, np.diag([0.01**2] * 3 + [1.0] * 3).tolist())),
            pivotLps=(0.0, 0.0, 0.0),
            modelToIsocenter=tuple(map(tuple, np.eye(4).tolist())),
        )
        model = case.vesselModel(self.p.model)
        shift, cArm = np.array([1.0, 2.0, 3.0]), self.logic.cArm(self.p)
        carried = runs.carriedPose(poses.fromResult(source), "other, frame 1", shift, 4, cArm, model.points_lps)
        self.logic.nudge(self.p, rightMm=1)
        poses.store(poses.RunPoses({4: carried}), self.p.report)
        self.logic.frameChanged(self.p)
        self.logic.saveResults(self.p, self.folder, scene=False)
        entry = self.checkedReport()["poses"][0]
        self.assertEqual((entry["status"], entry["method"]), ("adjusted", "pose"))
        self.assertEqual(entry["reason"], "carried from other, frame 1")
        self.assertEqual(entry["expectedInPlaneErrorMm"], carried.carried.expectedInPlaneMm)
        found = read_found_pose(self.folder / "registration.json", model)
        np.testing.assert_allclose(found.model_to_isocenter[:3, 3], shift)
        # 1 mm of the other run's pose, and breath, heart and what headers may be off by in either view.
        variances = 1.0**2 + 2 * np.diag(own_covariance(cArm, GeometryUncertainty(), shift))[3:]
        self.assertTrue(np.all(variances > 1.0**2 + 2 * np.array(OWN_SHIFT_MM) ** 2))
        self.assertAlmostEqual(found.shift_mm, np.hypot(np.sqrt(variances.mean()), 5.0), places=3)

    def test_a_folder_that_cannot_be_written_is_named(self) -> None:
        from VesselSegmentationLib.errors import OutputError

        self.logic.nudge(self.p, rightMm=3)
        (self.folder / "file").write_text("")
        with self.assertRaisesRegex(OutputError, "Choose another folder"):
            self.logic.saveResults(self.p, self.folder / "file" / "results", scene=False)
