"""What the tests of the module's logic share: the sample case in an empty scene, and a report to read."""

from __future__ import annotations

import json
import pathlib
import shutil
import tempfile
import unittest

import slicer


class VesselRegistrationLogicCase(unittest.TestCase):
    """Each test starts with the sample case in an empty scene."""

    def setUp(self) -> None:
        from VesselRegistrationMRML.registration_logic import VesselRegistrationLogic

        slicer.mrmlScene.Clear()
        self.addCleanup(slicer.mrmlScene.Clear)
        self.logic = VesselRegistrationLogic()
        self.logic.moduleName = "VesselRegistration"
        self.p = self.logic.getParameterNode()
        self.logic.loadSampleCase(self.p)
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, True)

    def writeReport(self, folder: pathlib.Path, registered: bool) -> None:
        """What the command would have left behind."""
        import numpy as np

        from VesselSegmentationLib.overlay import write_png

        first = json.loads((folder / "job.json").read_text(encoding="utf-8"))["firstFrame"]
        pose = [[1.0, 0, 0, 1], [0, 1, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]]
        affine = [[1.0, 0, 5], [0, 1, -3], [0, 0, 1]] if registered else None
        entry = {
            "frame": self.logic.frame(self.p) - first,
            "status": "registered" if registered else "refused",
            "reason": "" if registered else "No vessels were found.",
            "method": "pose",
            "modelToIsocenter": pose if registered else None,
            "expectedInPlaneErrorMm": 0.8 if registered else None,
            "inPlaneErrorBoundMm": 1.8 if registered else None,
            "expectedDepthErrorMm": 6.0 if registered else None,
            "poseCovariance": np.diag([0.02**2] * 3 + [3.0**2] * 3).tolist() if registered else None,
            "posePivotLps": [4.0, 5.0, 6.0] if registered else None,
            "affineModelToIsocenter": None,
            "affineProjectionToFrame": affine,
            "affineParts": {"rotationDeg": 0.0, "scale": 1.0, "anisotropy": 1.0} if registered else None,
            "DSC": 0.8 if registered else None,
            "Precision": 0.75 if registered else None,
            "Recall": 0.9 if registered else None,
            "roi": {"x": 0, "y": 0, "width": 512, "height": 512},
            "start": "search" if registered else None,
            "threshold": 0.5,
            "vesselShare": 0.04,
            "warnings": [],
        }
        (folder / "result").mkdir()
        (folder / "result" / "registration.json").write_text(json.dumps({"poses": [entry]}))
        write_png(folder / "result" / "mask.png", np.eye(512, dtype=bool))
