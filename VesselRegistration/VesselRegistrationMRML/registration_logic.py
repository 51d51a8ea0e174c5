"""The logic of the VesselRegistration module: everything its window can do, for scripts too.

logic = slicer.util.getModuleLogic("VesselRegistration")
p = logic.getParameterNode()
logic.loadSampleCase(p)
logic.showLayout(p)
result = logic.registerInProcess(p)
print(result.dsc, result.affine)
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

import VesselRegistrationMRML as parts
from VesselRegistrationMRML.case_logic import CaseLogic
from VesselRegistrationMRML.certainty_logic import CertaintyLogic
from VesselRegistrationMRML.landmark_logic import LandmarkLogic
from VesselRegistrationMRML.parameter_node import VesselRegistrationParameterNode
from VesselRegistrationMRML.picture_logic import PictureLogic
from VesselRegistrationMRML.pose_logic import PoseLogic
from VesselRegistrationMRML.runs_logic import RunsLogic
from VesselSegmentationMRML import run_nodes

if TYPE_CHECKING:
    from VesselRegistrationMRML.pose_history import PoseHistory


class VesselRegistrationLogic(
    CaseLogic, PictureLogic, PoseLogic, CertaintyLogic, RunsLogic, LandmarkLogic, ScriptedLoadableModuleLogic
):
    """Steps of a registration on the scene of the parameter node, which every method takes first.

    Bad input raises VesselSegmentationLib.errors.UserError with one line for the user.
    """

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self._histories: dict[str, PoseHistory] = {}

    def getParameterNode(self) -> VesselRegistrationParameterNode:
        """The module's typed parameters in the application's scene."""
        return VesselRegistrationParameterNode(super().getParameterNode())

    def sceneOf(self, p: Any) -> Any:
        """The scene that a parameter node lives in."""
        return p.parameterNode.GetScene()

    def _key(self, p: Any) -> str:
        return str(p.parameterNode.GetID())

    def sceneClosed(self) -> None:
        """Nothing of the scene that was closed can be undone."""
        self._histories.clear()

    def saveResults(self, p: Any, folder: pathlib.Path, scene: bool = True) -> list[pathlib.Path]:
        """Save report, pictures, transform and, if wanted, the scene into a folder; returns the files.

        Raises InputError when there is nothing to save, OutputError when it cannot be written.
        """
        from VesselRegistrationLib.registration_files import prepare_output_folder

        model, cArm = self.checkedCase(p)
        folder = prepare_output_folder(pathlib.Path(folder))
        self.recordPose(p)
        poses, geometry = self.storedPoses(p), self.geometryOf(p)
        start, pose = parts.placement.poseLps(p.startPose), parts.placement.poseLps(p.pose)
        starts = {frame: self._carried(p, start, 0, frame) for frame in poses.frames}
        names = (p.model.GetName(), p.xray.GetName())
        errors = self.landmarkErrors(p)
        landmarks = (self.frame(p), errors) if errors is not None and errors.millimeters else None
        files = [parts.saving.writeReport(folder, poses, geometry, model, starts, names, landmarks)]
        covered = parts.pictures.modelSilhouette(model, pose, cArm)
        files += parts.saving.writePictures(folder, run_nodes.framePixels(p.xray), covered, self.vessels(p))
        files.append(parts.saving.writeTransform(folder, pose))
        if scene:
            files.append(parts.saving.writeScene(folder))
        return files
