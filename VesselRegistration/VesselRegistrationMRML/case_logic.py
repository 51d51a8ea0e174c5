"""Steps 1 and 2 of the module's logic: the case and its C-arm geometry."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

import VesselRegistrationMRML as parts
from VesselSegmentationLib.errors import InputError, MissingGeometryError
from VesselSegmentationMRML import run_nodes, segment_nodes

if TYPE_CHECKING:
    from VesselRegistrationLib.c_arm import CArm
    from VesselRegistrationMRML.c_arm_values import GeometrySource
    from VesselRegistrationMRML.geometry_node import RunGeometry

SAMPLE_FRAME = 4
"""Frame of the sample run whose vessels are full of contrast agent."""
MODEL_ATTRIBUTE = "VesselRegistration.ModelId"
"""On the pose: the model that it is the pose of."""


class CaseLogic:
    """What is worked on. Every method takes the parameter node first; those that load return notices for the user."""

    def loadModel(self, p: Any, path: pathlib.Path, units: str = "", frame: str = "") -> list[str]:
        """Load a vessel model (STL, VTP, VTK, OBJ, PLY). Raises InputError; UnitsQuestion for an impossible size."""
        node, warnings = parts.case.modelNodeFromFile(pathlib.Path(path), self.sceneOf(p), units, frame)
        p.modelPath = pathlib.Path(path)
        return [*warnings, *self.adoptModel(p, node)]

    def adoptModel(self, p: Any, modelNode: Any) -> list[str]:
        """Work with a model node of the scene. Cheap when it is worked with already. Raises InputError."""
        pose = p.pose
        if pose is not None and p.startPose is not None and pose.GetAttribute(MODEL_ATTRIBUTE) == modelNode.GetID():
            if p.model is not modelNode:
                p.model = modelNode
            self.carryModel(p)
            return []
        parts.case.vesselModel(modelNode)
        start = parts.placement.poseLps(modelNode.GetParentTransformNode())
        self.preparePoses(p, start)
        p.pose.SetAttribute(MODEL_ATTRIBUTE, modelNode.GetID())
        p.model = modelNode
        self.carryModel(p)
        return self._startInPicture(p)

    def loadRun(self, p: Any, path: pathlib.Path) -> list[str]:
        """Load an X-ray run: XA, Enhanced XA or RF DICOM, or PNG, JPEG, TIFF, NRRD. Raises InputError."""
        volume, warnings = parts.case.runFromFile(pathlib.Path(path), self.sceneOf(p))
        p.xrayPath = pathlib.Path(path)
        return [*warnings, *self.adoptRun(p, volume)]

    def adoptRun(self, p: Any, volumeNode: Any) -> list[str]:
        """Work with an X-ray node of the scene, also one of Slicer's DICOM database. Raises InputError."""
        run, warnings = parts.case.adoptRun(volumeNode)
        geometry = parts.geometry_node.nodeOf(run)
        if p.xray is run and p.geometry is geometry:
            return []
        if p.geometry is not None and p.geometry is not geometry:
            self.recordPose(p)
            self._leaveRun(p, run)
        p.xray, p.geometry = run, geometry
        self._showPoseOfFrame(p)
        self.readGeometry(p)
        self.viewChanged(p)
        return [*warnings, *self._startInPicture(p)]

    def loadSampleCase(self, p: Any) -> list[str]:
        """Load the simulated patient that comes with the extension, its start pose 15 mm off."""
        from VesselRegistrationLib.pose_files import read_pose
        from VesselSegmentationLib.resources import resource_folder

        folder = resource_folder() / "SampleCase"
        notices = self.loadRun(p, folder / "run.dcm")
        notices += self.loadModel(p, folder / "model.stl")
        self.setStartPose(p, read_pose(folder / "start-pose.json"))
        run_nodes.showFrame(p.xray, SAMPLE_FRAME)
        self.frameChanged(p)
        return notices

    def _startInPicture(self, p: Any) -> list[str]:
        """Bring a model that the picture does not show to the isocentre: CT coordinates seldom are the C-arm's."""
        cArm = self.cArm(p)
        if cArm is None or p.model is None or p.pose is None or self.storedPoses(p).frames:
            return []
        model, start = parts.case.vesselModel(p.model), parts.placement.poseLps(p.startPose)
        if parts.pictures.inPicture(model, start, cArm):
            return []
        self.centerModel(p)
        return ["At its own coordinates the model lies outside the picture; its middle was moved to the isocentre."]

    def geometryOf(self, p: Any) -> RunGeometry | None:
        """The run's geometry, or None without a run. Raises InputError for a damaged geometry node."""
        return parts.geometry_node.load(p.geometry) if p.xray is not None else None

    def frame(self, p: Any) -> int:
        """The frame shown, from 0."""
        return run_nodes.shownFrame(p.xray) if p.xray is not None else 0

    def cArm(self, p: Any) -> CArm | None:
        """The camera of the frame shown; None while its geometry is not complete."""
        geometry = self.geometryOf(p)
        try:
            return geometry.cArm(self.frame(p)) if geometry else None
        except MissingGeometryError:
            return None

    def geometrySources(self, p: Any) -> dict[str, GeometrySource]:
        """Field of the parameter node to where its value came from; empty without a run."""
        geometry = self.geometryOf(p)
        return parts.c_arm_values.sources(geometry, self.frame(p)) if geometry else {}

    def missingGeometry(self, p: Any) -> list[str]:
        """What people call the values without which there is no projection; empty when it is complete."""
        from VesselRegistrationLib.xray_run import QUANTITIES

        geometry = self.geometryOf(p)
        return [QUANTITIES[name][0] for name in geometry.frame(self.frame(p)).missing_for_c_arm()] if geometry else []

    def readGeometry(self, p: Any) -> None:
        """Show the values of the frame shown in the parameter node."""
        geometry = self.geometryOf(p)
        if geometry:
            parts.c_arm_values.read(p, geometry, self.frame(p))

    def applyGeometry(self, p: Any) -> bool:
        """Take what the user has changed in the parameter node, and stand the run anew; False when nothing changed.

        Angles and table keep changing along the run as the header says. Raises InputError for impossible values.
        """
        geometry = self.geometryOf(p)
        entered = parts.c_arm_values.edited(p, geometry, self.frame(p)) if geometry else None
        if entered is None:
            return False
        self._enter(p, entered)
        return True

    def confirmGeometry(self, p: Any) -> None:
        """Take the numbers shown for every value that is missing."""
        geometry = self.geometryOf(p)
        if geometry:
            self._enter(p, parts.c_arm_values.confirmed(p, geometry, self.frame(p)))

    def resetGeometry(self, p: Any) -> None:
        """Forget what was entered: back to the header."""
        from VesselRegistrationLib.geometry_overrides import GeometryOverrides

        if self.geometryOf(p):
            self._enter(p, GeometryOverrides())

    def _enter(self, p: Any, entered: Any) -> None:
        import dataclasses

        before = self.geometryOf(p)
        after = dataclasses.replace(before, entered=entered)
        if not after.frame(self.frame(p)).missing_for_c_arm():
            after.cArm(self.frame(p))  # refuses what no C-arm has before anything is stored
        roi, wasPlaced = self.roiPixels(p), self.cArm(p) is not None
        parts.geometry_node.store(after, p.xray)
        parts.case.placeRun(p.xray)
        if p.segmentation is not None:
            segment_nodes.followRun(p.segmentation, p.xray)
        self.readGeometry(p)
        self.viewChanged(p, roi)
        if not wasPlaced:  # now the picture stands elsewhere, in another size
            self.fitSliceViews(p)

    def angleText(self, p: Any) -> str:
        """For example `RAO 26.5 CAU 32.7`; empty while it is not known."""
        cArm = self.cArm(p)
        return cArm.angle_text() if cArm else ""

    def checkedCase(self, p: Any) -> tuple[Any, CArm]:
        """Model and camera. Raises InputError or MissingGeometryError naming what is missing."""
        geometry = self.geometryOf(p)
        if p.model is None or geometry is None:
            missing = " and ".join(
                what for what, node in (("a vessel model", p.model), ("an X-ray run", geometry)) if not node
            )
            raise InputError(f"Choose {missing} in step 1.")
        return parts.case.vesselModel(p.model), geometry.cArm(self.frame(p))
