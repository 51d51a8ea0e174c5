"""What the module's logic does with landmarks: they move with the model and say how far off the pose is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import VesselRegistrationMRML as parts

if TYPE_CHECKING:
    from VesselRegistrationMRML.landmarks import LandmarkErrors


class LandmarkLogic:
    """Points of the same name, on the model and in the picture; every method takes the parameter node first."""

    def createLandmarks(self, p: Any, onModel: bool) -> Any:
        """The node of the model's landmarks, or of the picture's; made when there is none."""
        node = p.modelLandmarks if onModel else p.pictureLandmarks
        if node is None:
            name = "Landmarks on the model" if onModel else "Landmarks in the picture"
            node = self.sceneOf(p).AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
            if onModel:
                p.modelLandmarks = node
            else:
                p.pictureLandmarks = node
        self.updateLandmarks(p)
        return node

    def updateLandmarks(self, p: Any) -> LandmarkErrors | None:
        """Let the model's landmarks follow the model, draw how far off they are, and measure it.

        None while there are none to measure.
        """
        cArm, pose = self.cArm(p), self.shownPoseNode(p)
        for node, onModel in ((p.modelLandmarks, True), (p.pictureLandmarks, False)):
            if node is not None and node.GetAttribute(PREPARED) is None:
                parts.landmarks.prepare(node, onModel)
                node.SetAttribute(PREPARED, "1")
        if p.modelLandmarks is not None and pose is not None and p.model is not None:
            surface = parts.case.surfacePointsLps(p.model) @ parts.placement.LPS_TO_RAS[:3, :3]
            parts.landmarks.hang(p.modelLandmarks, pose, (p.pose, p.startPose), surface)
        if p.pictureLandmarks is not None and p.xray is not None:
            parts.landmarks.stamp(p.pictureLandmarks, self._where(p))
        errors = self.landmarkErrors(p)
        if errors is not None and p.landmarkLines is None:
            p.landmarkLines = self.sceneOf(p).AddNewNodeByClass("vtkMRMLModelNode", "Landmark errors")
        if p.landmarkLines is not None and errors is not None:
            parts.landmarks.updateLines(p.landmarkLines, p.modelLandmarks, p.pictureLandmarks, errors, cArm)
        elif p.landmarkLines is not None:
            parts.pictures.clear(p.landmarkLines)
        return errors

    def landmarkErrors(self, p: Any) -> LandmarkErrors | None:
        """How far apart the frame shown shows landmarks of the same name, mm; None without landmarks or picture."""
        cArm = self.cArm(p)
        if cArm is None or p.modelLandmarks is None or p.pictureLandmarks is None:
            return None
        return parts.landmarks.compare(p.modelLandmarks, p.pictureLandmarks, self._where(p), cArm)

    def _where(self, p: Any) -> str:
        """The frame shown, for people and to tell frames apart."""
        return f"{p.xray.GetName()}, frame {self.frame(p) + 1}"


PREPARED = "VesselRegistration.Landmarks"
"""Attribute of a node of landmarks whose look was set once; what the user changes then stays."""
