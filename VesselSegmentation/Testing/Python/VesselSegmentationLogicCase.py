"""What the tests of the logic share: a run in an empty scene, and results as the command leaves them."""

from __future__ import annotations

import json
import shutil
import tempfile
import unittest
from pathlib import Path
from typing import Any

import slicer
import vtk


class VesselSegmentationLogicCase(unittest.TestCase):
    """Each test has a run of four small frames in an empty scene."""

    def setUp(self) -> None:
        import numpy as np

        from VesselSegmentationMRML import run_nodes
        from VesselSegmentationMRML.segmentation_logic import VesselSegmentationLogic

        slicer.mrmlScene.Clear()
        self.addCleanup(slicer.mrmlScene.Clear)
        self.logic = VesselSegmentationLogic()
        self.p = self.logic.getParameterNode()
        random = np.random.default_rng(1)
        self.frames = random.integers(0, 255, (4, 48, 64)).astype(np.uint8)
        self.masks = self.frames > 200
        self.run = run_nodes.createRun(self.frames, "Run", ijkToRas=[self.place(index) for index in range(4)])
        self.p.xray = self.run
        self.folder = Path(tempfile.mkdtemp(prefix="VesselSegmentationTest-"))
        self.addCleanup(shutil.rmtree, self.folder, True)

    def place(self, offset: float) -> vtk.vtkMatrix4x4:
        """A frame that stands upright in the room, as behind a patient; another place for each offset."""
        matrix = vtk.vtkMatrix4x4()
        for row, values in enumerate(((-0.3, 0, 0, 10 + offset), (0, 0, 0.3, 5), (0, -0.3, 0, 7))):
            for column, value in enumerate(values):
                matrix.SetElement(row, column, value)
        return matrix

    def show(self, frame: int) -> None:
        from VesselSegmentationMRML import run_nodes

        run_nodes.showFrame(self.run, frame)

    def results(self, frames: list[int], **arrays: Any) -> Path:
        """A folder as the command line leaves it."""
        import numpy as np

        results = self.folder / "results"
        results.mkdir(exist_ok=True)
        (self.folder / "request.json").write_text(json.dumps({"frames": frames, "fieldOfView": "upper"}))
        document = {"threshold": 0.4, "network": "abc", "device": "cpu"}
        (results / "segmentation.json").write_text(json.dumps(document))
        for name, array in arrays.items():
            np.save(results / f"{name}.npy", array)
        return self.folder

    def assertProblem(self, words: str, action: Any, *arguments: Any) -> None:
        """The action is refused with one line that holds the words."""
        from VesselSegmentationLib.errors import UserError

        with self.assertRaises(UserError) as caught:
            action(*arguments)
        self.assertIn(words, str(caught.exception))
        self.assertEqual(len(str(caught.exception).splitlines()), 1)
