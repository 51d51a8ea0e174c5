# ruff: noqa: PT009, PT027  cases of unittest, as Slicer runs them
"""Files read and written through `slicer.util`. Run inside the host."""

import tempfile
import unittest
from pathlib import Path

import numpy as np
import SampleData
import slicer
import vtk


class FileCases(unittest.TestCase):
    """Single nodes."""

    def setUp(self):
        slicer.mrmlScene.Clear(0)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def _volume(self, shape=(3, 4, 5)):
        pixels = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
        return slicer.util.addVolumeFromArray(pixels, name="volume"), pixels

    def test_volumes_come_back(self):
        node, pixels = self._volume()
        node.SetSpacing(0.5, 0.25, 2)
        for ending in ("nrrd", "nii.gz", "mha"):
            with self.subTest(ending=ending):
                path = str(self.folder / f"v.{ending}")
                self.assertTrue(slicer.util.saveNode(node, path))
                loaded = slicer.util.loadVolume(path, {"name": "named"})
                np.testing.assert_array_equal(slicer.util.arrayFromVolume(loaded), pixels)
                self.assertEqual(loaded.GetSpacing(), (0.5, 0.25, 2))
                self.assertTrue(loaded.GetName().startswith("named"))

    def test_a_loaded_volume_becomes_the_active_one_unless_told_otherwise(self):
        node, _ = self._volume()
        path = str(self.folder / "v.nrrd")
        slicer.util.saveNode(node, path)
        selection = slicer.app.applicationLogic().GetSelectionNode()
        slicer.util.loadVolume(path, {"show": False})
        self.assertIsNone(selection.GetActiveVolumeID())
        self.assertEqual(slicer.util.loadVolume(path).GetID(), selection.GetActiveVolumeID())

    def test_label_maps_are_label_maps(self):
        node, _ = self._volume()
        path = str(self.folder / "l.nrrd")
        slicer.util.saveNode(node, path)
        self.assertTrue(slicer.util.loadVolume(path, {"labelmap": True}).IsA("vtkMRMLLabelMapVolumeNode"))

    def test_pictures_have_columns_to_the_right_and_rows_downwards(self):
        from PIL import Image

        pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
        for ending in ("png", "tif", "jpg"):
            with self.subTest(ending=ending):
                path = str(self.folder / f"picture.{ending}")
                Image.fromarray(pixels).save(path)
                node = slicer.util.loadVolume(path)
                self.assertEqual(node.GetClassName(), "vtkMRMLScalarVolumeNode")
                np.testing.assert_allclose(slicer.util.arrayFromVolume(node)[0], pixels, atol=8)
                matrix = vtk.vtkMatrix4x4()
                node.GetIJKToRASMatrix(matrix)
                self.assertEqual([matrix.GetElement(i, i) for i in range(3)], [-1, -1, 1])

    def test_colored_pictures_are_vector_volumes(self):
        from PIL import Image

        Image.fromarray(np.zeros((3, 4, 3), np.uint8)).save(self.folder / "c.png")
        node = slicer.util.loadVolume(self.folder / "c.png")
        self.assertEqual(node.GetClassName(), "vtkMRMLVectorVolumeNode")
        self.assertEqual(slicer.util.arrayFromVolume(node).shape, (1, 3, 4, 3))

    def test_a_numbered_series_of_pictures_is_one_volume(self):
        from PIL import Image

        for i in (2, 10, 1):
            Image.fromarray(np.full((3, 4), i, np.uint8)).save(self.folder / f"f{i}.png")
        series = slicer.util.arrayFromVolume(slicer.util.loadVolume(self.folder / "f2.png"))
        np.testing.assert_array_equal(series[:, 0, 0], [1, 2, 10])
        single = slicer.util.arrayFromVolume(slicer.util.loadVolume(self.folder / "f2.png", {"singleFile": True}))
        self.assertEqual((single.shape, single.max()), ((1, 3, 4), 2))

    def test_models_transforms_markups_tables_and_texts_come_back(self):
        sphere = vtk.vtkSphereSource()
        sphere.Update()
        model = slicer.modules.models.logic().AddModel(sphere.GetOutput())
        path = str(self.folder / "m.vtp")
        self.assertTrue(slicer.util.saveNode(model, path))
        self.assertEqual(slicer.util.loadModel(path).GetMesh().GetNumberOfPoints(), 50)
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
        table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
        table.AddColumn()
        text = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode")
        text.SetForceCreateStorageNode(True)
        for node, name, load in (
            (transform, "t.h5", slicer.util.loadTransform), (transform, "t.tfm", slicer.util.loadTransform),
            (roi, "r.mrk.json", slicer.util.loadMarkups), (table, "t.tsv", slicer.util.loadTable),
            (text, "t.txt", slicer.util.loadText),
        ):  # fmt: skip
            with self.subTest(name=name):
                self.assertTrue(slicer.util.saveNode(node, str(self.folder / name)))
                self.assertEqual(load(str(self.folder / name)).GetClassName(), node.GetClassName())

    def test_segmentations_come_back_with_their_segments(self):
        volume, _ = self._volume()
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        identifier = node.GetSegmentation().AddEmptySegment("vessel", "Vessel")
        mask = np.zeros((3, 4, 5), np.uint8)
        mask[1, 1:3, 2] = 1
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, identifier, volume)
        path = str(self.folder / "s.nrrd")
        self.assertTrue(slicer.util.saveNode(node, path))
        self.assertTrue(slicer.util.loadNodeFromFile(path, None, {}).IsA("vtkMRMLSegmentationNode"))
        path = str(self.folder / "s.seg.nrrd")
        self.assertTrue(slicer.util.saveNode(node, path))
        loaded = slicer.util.loadSegmentation(path)
        self.assertEqual(loaded.GetSegmentation().GetNthSegment(0).GetName(), "Vessel")
        back = slicer.util.arrayFromSegmentBinaryLabelmap(loaded, "vessel", volume)
        np.testing.assert_array_equal(back, mask)

    def test_sequences_come_with_a_browser(self):
        volume, _ = self._volume()
        sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode")
        sequence.SetDataNodeAtValue(volume, "0")
        sequence.SetDataNodeAtValue(volume, "1")
        path = str(self.folder / "q.seq.nrrd")
        self.assertTrue(slicer.util.saveNode(sequence, path))
        loaded = slicer.util.loadSequence(path)
        self.assertEqual(loaded.GetNumberOfDataNodes(), 2)
        browser = slicer.modules.sequences.logic().GetFirstBrowserNodeForSequenceNode(loaded)
        self.assertTrue(browser.GetProxyNode(loaded).IsA("vtkMRMLScalarVolumeNode"))

    def test_a_missing_or_unreadable_file_raises(self):
        with self.assertRaisesRegex(RuntimeError, "none.nrrd"):
            slicer.util.loadVolume(str(self.folder / "none.nrrd"))
        (self.folder / "bad.png").write_bytes(b"no picture")
        with self.assertRaisesRegex(RuntimeError, "bad.png"):
            slicer.util.loadVolume(str(self.folder / "bad.png"))

    def test_what_the_host_cannot_do_is_refused(self):
        volume, _ = self._volume()
        with self.assertRaisesRegex(NotImplementedError, "DICOM"):
            slicer.util.saveNode(volume, str(self.folder / "v.dcm"))
        with self.assertRaisesRegex(NotImplementedError, "nosuch"):
            slicer.util.loadVolume(str(self.folder), {"nosuch": 1})
        with self.assertRaises(NotImplementedError):
            slicer.util.loadNodeFromFile(str(self.folder), "FiberBundleFile", {})

    def test_export_leaves_the_node_s_own_file_alone(self):
        roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
        slicer.util.saveNode(roi, str(self.folder / "own.mrk.json"))
        self.assertTrue(slicer.util.exportNode(roi, str(self.folder / "other.mrk.json")))
        self.assertTrue((self.folder / "other.mrk.json").is_file())
        self.assertTrue(roi.GetStorageNode().GetFileName().endswith("own.mrk.json"))


class SceneCases(unittest.TestCase):
    """Whole scenes."""

    def setUp(self):
        slicer.mrmlScene.Clear(0)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        slicer.util.addVolumeFromArray(np.ones((2, 3, 4), np.uint8), name="volume")
        self.addCleanup(slicer.mrmlScene.Clear, 0)

    def test_a_bundle_holds_the_data(self):
        path = str(self.folder / "scene.mrb")
        sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "models")
        sequence.SetDataNodeAtValue(slicer.vtkMRMLModelNode(), "0")
        self.assertTrue(slicer.util.saveScene(path))
        slicer.mrmlScene.Clear(0)
        slicer.util.loadScene(path)
        self.assertEqual(slicer.util.getNode("models").GetNumberOfDataNodes(), 1)
        volume = slicer.util.getNode("volume")
        self.assertEqual(slicer.util.arrayFromVolume(volume).sum(), 24)
        self.assertTrue(slicer.mrmlScene.GetSubjectHierarchyNode().GetItemByDataNode(volume))
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSubjectHierarchyNode"), 1)

    def test_a_folder_holds_the_scene_and_the_data(self):
        self.assertTrue(slicer.util.saveScene(str(self.folder / "scene")))
        names = {path.name for path in (self.folder / "scene").rglob("*") if path.is_file()}
        self.assertTrue(any(name.endswith(".mrml") for name in names), names)
        self.assertIn("volume.nrrd", names)

    def test_a_scene_is_added_to_the_present_one_unless_cleared(self):
        path = str(self.folder / "scene.mrb")
        slicer.util.saveScene(path)
        slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", "present")
        slicer.util.loadScene(path)
        self.assertEqual(len(slicer.util.getNodes("present")), 1)
        slicer.util.loadScene(path, {"clear": True})
        self.assertEqual(len(slicer.util.getNodes("present")), 0)

    def test_a_scene_that_is_none_raises(self):
        (self.folder / "bad.mrb").write_bytes(b"no zip")
        with self.assertRaises(RuntimeError):
            slicer.util.loadScene(str(self.folder / "bad.mrb"))


class SampleDataCases(unittest.TestCase):
    """Registration and local "download" of sample data."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        node = slicer.util.addVolumeFromArray(np.ones((2, 3, 4), np.uint8))
        path = Path(folder.name, "sample.nrrd")
        slicer.util.saveNode(node, str(path))
        self.uri = path.as_uri()
        self.digest = slicer.util.computeChecksum("SHA256", str(path))
        self.addCleanup(lambda: slicer.modules.sampleDataSources.clear())

    def _register(self, **changes):
        values = {"category": "Host", "sampleName": "Sample", "uris": self.uri, "fileNames": "sample.nrrd",
                  "nodeNames": "MySample", "checksums": f"SHA256:{self.digest}", **changes}  # fmt: skip
        SampleData.SampleDataLogic.registerCustomSampleDataSource(**values)

    def test_a_registered_sample_is_loaded(self):
        self._register()
        self._register()
        self.assertEqual(len(slicer.modules.sampleDataSources["Host"]), 1)
        node = SampleData.downloadSample("Sample")
        self.assertTrue(node.GetName().startswith("MySample"))
        self.assertIsNone(node.GetStorageNode())

    def test_a_wrong_checksum_is_refused(self):
        self._register(checksums="SHA256:" + "0" * 64)
        with self.assertRaisesRegex(ValueError, "Checksum"):
            SampleData.downloadSample("Sample")

    def test_nothing_is_downloaded(self):
        self._register(uris="https://example.org/sample.nrrd", sampleName="Remote")
        with self.assertRaisesRegex(NotImplementedError, "downloads nothing"):
            SampleData.downloadSample("Remote")

    def test_fields_of_different_lengths_are_refused(self):
        with self.assertRaises(ValueError):
            self._register(uris=[self.uri, self.uri], fileNames=["one"])

    def test_the_button_of_a_sample_calls_its_own_downloader(self):
        called = []
        self._register(customDownloader=called.append, sampleName="Own")
        self._register()
        widget = slicer.util.getNewModuleWidget("SampleData")
        self.addCleanup(widget.cleanup)
        slicer.util.findChild(widget.parent, "OwnPushButton").click()
        self.assertEqual([source.sampleName for source in called], ["Own"])
        before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")
        slicer.util.findChild(widget.parent, "SamplePushButton").click()
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode"), before + 1)
