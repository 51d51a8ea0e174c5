"""The module's logic on real MRML, without its window: placement, geometry, region, poses, camera."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import slicer
import vtk
from VesselRegistrationLogicCase import VesselRegistrationLogicCase


class VesselRegistrationLogicTest(VesselRegistrationLogicCase):
    def matrix(self, node: Any) -> Any:
        """IJK to RAS (4, 4) of a volume node."""
        from VesselRegistrationMRML.placement import arrayFromMatrix

        matrix = vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(matrix)
        return arrayFromMatrix(matrix)

    def silhouetteOf(self, cArm: Any) -> Any:
        """The projected model (rows, columns) at the pose shown."""
        from VesselRegistrationMRML import case, pictures, placement

        model = case.vesselModel(self.p.model)
        return pictures.modelSilhouette(model, placement.poseLps(self.logic.shownPoseNode(self.p)), cArm)

    def test_every_frame_of_the_run_stands_where_the_detector_was(self) -> None:
        import numpy as np

        from VesselRegistrationMRML.placement import LPS_TO_RAS, arrayFromMatrix
        from VesselSegmentationMRML import run_nodes

        cArm = self.logic.cArm(self.p)
        ijkToRas = self.matrix(self.p.xray)
        middle = ijkToRas @ [(cArm.columns - 1) / 2, (cArm.rows - 1) / 2, 0, 1]
        source = LPS_TO_RAS[:3, :3] @ cArm.source_lps()
        self.assertAlmostEqual(float(np.linalg.norm(middle[:3] - source)), cArm.sid_mm, places=6)
        sequence = run_nodes.sequenceOf(self.p.xray)
        self.assertEqual(sequence.GetNumberOfDataNodes(), 10)
        for index in range(10):
            matrix = vtk.vtkMatrix4x4()
            sequence.GetNthDataNode(index).GetIJKToRASMatrix(matrix)
            np.testing.assert_allclose(arrayFromMatrix(matrix), ijkToRas, atol=1e-9)

    def test_the_ray_through_a_vessel_point_meets_the_picture_at_the_point_s_pixel(self) -> None:
        import numpy as np

        from VesselRegistrationMRML import case, placement

        cArm = self.logic.cArm(self.p)
        points = case.vesselModel(self.p.model).points_lps[::997]
        world = (placement.poseLps(self.p.pose) @ np.c_[points, np.ones(len(points))].T)[:3].T
        toIjk = np.linalg.inv(self.matrix(self.p.xray))
        source = placement.sourceRas(cArm)
        for point, (column, row, _) in zip(world, cArm.project(world)):
            a, b = ((toIjk @ [*end, 1])[:3] for end in (source, placement.LPS_TO_RAS[:3, :3] @ point))
            hit = a + (b - a) * a[2] / (a[2] - b[2])  # where the ray crosses the picture, k = 0
            np.testing.assert_allclose(hit[:2], [column, row], atol=1e-6)

    def test_an_entered_angle_turns_the_run_and_the_region_keeps_its_pixels(self) -> None:
        import numpy as np

        self.logic.createRoi(self.p)
        before, region, angle = self.matrix(self.p.xray), self.logic.roiPixels(self.p), self.p.primaryAngle
        self.p.primaryAngle = angle + 12
        self.assertTrue(self.logic.applyGeometry(self.p))
        self.assertEqual(self.logic.geometrySources(self.p)["primaryAngle"].text, "entered")
        self.assertEqual(self.logic.roiPixels(self.p), region)
        turn = np.linalg.inv(before[:3, :3]) @ self.matrix(self.p.xray)[:3, :3]
        self.assertAlmostEqual(float(np.degrees(np.arccos((np.trace(turn) - 1) / 2))), 12, delta=0.1 + 12 * 0.02)
        self.assertFalse(self.logic.applyGeometry(self.p))
        self.logic.resetGeometry(self.p)
        self.assertAlmostEqual(self.p.primaryAngle, angle)
        np.testing.assert_allclose(self.matrix(self.p.xray), before, atol=1e-9)

    def test_rounding_by_the_widgets_is_no_edit(self) -> None:
        self.p.primaryAngle = round(self.p.primaryAngle, 1)
        self.p.rowSpacing = round(self.p.rowSpacing, 3)
        self.assertFalse(self.logic.applyGeometry(self.p))

    def test_impossible_distances_are_refused_and_nothing_is_changed(self) -> None:
        import numpy as np

        from VesselSegmentationLib.errors import InputError

        before = self.matrix(self.p.xray)
        self.p.sourceToIsocenter = 2000.0
        with self.assertRaisesRegex(InputError, "2000"):
            self.logic.applyGeometry(self.p)
        np.testing.assert_array_equal(self.matrix(self.p.xray), before)
        self.assertEqual(self.logic.geometrySources(self.p)["sourceToIsocenter"].origin, "header")

    def test_the_region_follows_its_box_and_says_when_it_misses_the_picture(self) -> None:
        from VesselRegistrationLib.affine import RegionOfInterest
        from VesselRegistrationMRML import placement

        self.logic.createRoi(self.p)
        placement.placeRoi(self.p.roi, RegionOfInterest(100, 50, 200, 300), self.logic.cArm(self.p))
        self.assertEqual(self.logic.roiPixels(self.p), (100, 50, 200, 300))
        self.assertEqual(self.logic.roiText(self.p), "X 100 Y 50 W 200 H 300")
        self.p.roi.SetCenter(5000, 5000, 5000)
        self.assertIsNone(self.logic.roiPixels(self.p))
        self.assertIn("outside the picture", self.logic.registrationProblem(self.p))
        self.p.useRoi = False
        self.assertEqual(self.logic.registrationProblem(self.p), "")

    def test_a_nudge_to_the_right_moves_the_projection_by_as_much_and_can_be_undone(self) -> None:
        import numpy as np

        cArm = self.logic.cArm(self.p)

        def middleColumn() -> float:
            return float(np.nonzero(self.silhouetteOf(cArm)[150:350])[1].mean())

        before = middleColumn()
        self.logic.nudge(self.p, rightMm=-10)
        moved = middleColumn() - before
        self.assertAlmostEqual(moved, -10 / cArm.pixel_size_at_isocenter_mm(), delta=4)
        self.assertTrue(self.logic.canUndo(self.p))
        self.assertTrue(self.logic.undoPose(self.p))
        self.assertAlmostEqual(middleColumn(), before)
        self.assertTrue(self.logic.redoPose(self.p))
        self.assertAlmostEqual(middleColumn(), before + moved)
        self.assertFalse(self.logic.redoPose(self.p))

    def test_what_the_hand_did_belongs_to_its_frame_and_the_table_carries_it_on(self) -> None:
        import numpy as np

        from VesselRegistrationMRML import geometry_node, placement
        from VesselSegmentationMRML import run_nodes

        geometry = self.logic.geometryOf(self.p)
        tables = [
            dataclasses.replace(view.table, value=(0.0, 0.0, 3.0 * index)) for index, view in enumerate(geometry.header)
        ]
        header = tuple(dataclasses.replace(view, table=table) for view, table in zip(geometry.header, tables))
        geometry_node.store(dataclasses.replace(geometry, header=header), self.p.xray)
        self.logic.frameChanged(self.p)
        self.logic.nudge(self.p, rightMm=5)
        pose = placement.poseLps(self.p.pose)
        self.assertEqual(self.logic.poseOrigin(self.p), "adjusted by hand")
        run_nodes.showFrame(self.p.xray, 6)
        self.logic.frameChanged(self.p)
        np.testing.assert_allclose((placement.poseLps(self.p.pose) - pose)[:3, 3], [0, 0, 6], atol=1e-9)
        self.assertIn("carried with the table", self.logic.poseOrigin(self.p))
        self.p.followTable = False
        self.logic.frameChanged(self.p)
        np.testing.assert_allclose(placement.poseLps(self.p.pose), pose, atol=1e-9)

    def test_the_camera_at_the_source_shows_what_the_projector_shows(self) -> None:
        import numpy as np
        from vtk.util.numpy_support import vtk_to_numpy

        whole = self.logic.cArm(self.p)
        cArm = dataclasses.replace(whole, principal_point_px=(300.0, 200.0))
        camera = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLCameraNode")
        from VesselRegistrationMRML import views

        views.cArmCamera(camera, cArm, 1.0)
        size = round(cArm.columns * views.MARGIN)
        renderer, window = vtk.vtkRenderer(), vtk.vtkRenderWindow()
        window.SetOffScreenRendering(1)
        window.SetMultiSamples(0)
        window.SetSize(size, size)
        window.AddRenderer(renderer)
        renderer.AddActor(self.modelActor())
        renderer.SetActiveCamera(camera.GetCamera())
        renderer.ResetCameraClippingRange()
        window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(window)
        grab.Update()
        pixels = vtk_to_numpy(grab.GetOutput().GetPointData().GetScalars()).reshape(size, size, -1)
        rendered = pixels[::-1].max(axis=2) > 0
        edge = (size - cArm.rows) // 2
        rendered = rendered[edge : edge + cArm.rows, edge : edge + cArm.columns]
        expected = self.silhouetteOf(cArm)
        self.assertGreater(expected.sum(), 10000)
        dsc = 2 * (rendered & expected).sum() / (rendered.sum() + expected.sum())
        self.assertGreater(float(dsc), 0.99)
        wrong = self.silhouetteOf(whole)
        self.assertLess(float(2 * (rendered & wrong).sum() / (rendered.sum() + wrong.sum())), 0.95)
        self.assertTrue(views.isAtSource(camera, cArm))
        views.freeCamera(camera)
        self.assertFalse(views.isMirrored(camera))
        self.assertFalse(np.any(camera.GetCamera().GetWindowCenter()))

    def modelActor(self) -> vtk.vtkActor:
        """The model in the world, as the 3D view draws it."""
        matrix = vtk.vtkMatrix4x4()
        self.logic.shownPoseNode(self.p).GetMatrixTransformToWorld(matrix)
        mapper = vtk.vtkPolyDataMapper()
        mapper.SetInputData(self.p.model.GetPolyData())
        mapper.ScalarVisibilityOff()
        actor = vtk.vtkActor()
        actor.SetMapper(mapper)
        actor.SetUserMatrix(matrix)
        actor.GetProperty().SetAmbient(1.0)
        return actor

    def test_the_outline_runs_along_the_silhouette_s_border(self) -> None:
        import numpy as np
        from vtk.util.numpy_support import vtk_to_numpy

        self.logic.updateOverlay(self.p)
        points = vtk_to_numpy(self.p.outline.GetPolyData().GetPoints().GetData())
        ijk = (np.linalg.inv(self.matrix(self.p.xray)) @ np.c_[points, np.ones(len(points))].T)[:3].T
        np.testing.assert_allclose(ijk[:, 2], 0, atol=1e-3)
        covered = np.pad(self.silhouetteOf(self.logic.cArm(self.p)), 2)
        columns, rows = (np.floor(ijk[:, axis]).astype(int) + 2 for axis in (0, 1))
        around = np.stack([covered[rows + a, columns + b] for a in (-1, 0, 1, 2) for b in (-1, 0, 1, 2)])
        self.assertGreater(float((around.any(axis=0) & ~around.all(axis=0)).mean()), 0.99)

    def test_a_job_s_report_becomes_the_frame_s_pose_and_registering_again_starts_where_it_did(self) -> None:
        import numpy as np

        from VesselRegistrationLib.cli.main import build_parser
        from VesselRegistrationMRML import placement

        self.logic.createRoi(self.p)
        start = placement.poseLps(self.p.pose)
        arguments = self.logic.registrationArguments(self.p, self.folder)
        options = build_parser(["register"]).parse_args(arguments)
        self.assertEqual(tuple(options.roi), self.logic.roiPixels(self.p))
        self.writeReport(self.folder, registered=True)
        result = self.logic.acceptRegistration(self.p, self.folder)
        self.assertTrue(result.registered)
        self.assertEqual(result.frame, 4)
        np.testing.assert_allclose(placement.poseLps(self.p.pose)[:3, 3], [1, 2, 3])
        np.testing.assert_allclose(placement.poseLps(self.p.startPose), start, atol=1e-6)
        again = self.folder / "again"
        again.mkdir()
        self.logic.registrationArguments(self.p, again)
        written = json.loads((again / "start-pose.json").read_text())["modelToIsocenter"]
        np.testing.assert_allclose(written, start, atol=1e-6)
        self.logic.nudge(self.p, upMm=4)
        self.logic.resetPose(self.p)
        np.testing.assert_allclose(placement.poseLps(self.p.pose)[:3, 3], [1, 2, 3])

    def test_a_refused_frame_keeps_the_pose_it_had_and_says_why(self) -> None:
        import numpy as np

        from VesselRegistrationMRML import placement

        before = placement.poseLps(self.p.pose)
        self.logic.registrationArguments(self.p, self.folder)
        self.writeReport(self.folder, registered=False)
        result = self.logic.acceptRegistration(self.p, self.folder)
        self.assertFalse(result.registered)
        self.assertEqual(result.reason, "No vessels were found.")
        np.testing.assert_allclose(placement.poseLps(self.p.pose), before)

    def test_a_volume_of_many_slices_becomes_a_run_with_its_header_from_the_file(self) -> None:
        from VesselSegmentationLib.resources import resource_folder
        from VesselSegmentationMRML import run_nodes

        path = resource_folder() / "SampleCase" / "run.dcm"
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "From DICOM")
        slicer.util.updateVolumeFromArray(volume, run_nodes.runPixels(self.p.xray))
        volume.AddDefaultStorageNode()
        volume.GetStorageNode().SetFileName(str(path))
        self.logic.adoptRun(self.p, volume)
        self.assertIsNot(self.p.xray, volume)
        self.assertEqual(run_nodes.frameCount(self.p.xray), 10)
        self.assertEqual(self.logic.missingGeometry(self.p), [])
        self.assertEqual(self.logic.geometrySources(self.p)["primaryAngle"].origin, "header")

    def test_a_picture_without_a_header_asks_for_its_geometry_and_takes_what_is_entered(self) -> None:
        from VesselSegmentationMRML import run_nodes

        picture = run_nodes.createRun(run_nodes.runPixels(self.p.xray)[4:5], "Screenshot")
        notices = self.logic.adoptRun(self.p, picture)
        self.assertIn("enter its C-arm geometry", notices[0])
        self.assertEqual(len(self.logic.missingGeometry(self.p)), 5)
        self.assertIn("primary angle", self.logic.registrationProblem(self.p))
        self.p.sourceToDetector, self.p.primaryAngle = 1008.0, 14.5
        self.logic.applyGeometry(self.p)
        self.assertEqual(len(self.logic.missingGeometry(self.p)), 3)
        self.logic.confirmGeometry(self.p)
        self.assertEqual(self.logic.missingGeometry(self.p), [])
        self.assertEqual(self.logic.cArm(self.p).sid_mm, 1008.0)

    def test_a_model_in_ct_coordinates_is_brought_into_the_picture(self) -> None:
        far = vtk.vtkTransform()
        far.Translate(900, -700, 1400)
        moved = vtk.vtkTransformPolyDataFilter()
        moved.SetTransform(far)
        moved.SetInputData(self.p.model.GetPolyData())
        moved.Update()
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", "CT model")
        node.SetAndObservePolyData(moved.GetOutput())
        notices = self.logic.adoptModel(self.p, node)
        self.assertIn("moved to the isocentre", notices[0])
        self.assertTrue(self.silhouetteOf(self.logic.cArm(self.p)).any())

    def test_any_node_may_be_deleted_at_any_moment(self) -> None:
        self.logic.createRoi(self.p)
        self.logic.updateProjection(self.p)
        self.logic.updateOverlay(self.p)
        self.logic.nudge(self.p, rightMm=1)
        for name in ("roi", "outline", "projection", "report", "startPose", "pose", "model", "geometry", "xray"):
            with self.subTest(deleted=name):
                slicer.mrmlScene.RemoveNode(getattr(self.p, name))
                self.logic.updateProjection(self.p)
                self.logic.updateOverlay(self.p)
                self.logic.frameChanged(self.p)
                self.logic.recordPose(self.p)
                self.logic.undoPose(self.p)
                self.logic.registrationProblem(self.p)
                self.logic.angleText(self.p)
        self.assertIn("Choose a vessel model and an X-ray run", self.logic.registrationProblem(self.p))
        self.logic.loadSampleCase(self.p)
        self.assertEqual(self.logic.registrationProblem(self.p), "")
