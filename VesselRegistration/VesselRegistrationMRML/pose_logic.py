"""Steps 5 and 6 of the module's logic: registering, and the poses that it and the user's hand give."""

from __future__ import annotations

import pathlib
import tempfile
from typing import TYPE_CHECKING, Any

import VesselRegistrationMRML as parts
from VesselRegistrationMRML.parameter_node import Method, ShownPose
from VesselSegmentationLib.errors import InputError, UserError
from VesselSegmentationMRML import run_nodes, segment_nodes

if TYPE_CHECKING:
    from VesselRegistrationLib.c_arm import FloatArray
    from VesselRegistrationMRML.pose_history import PoseHistory
    from VesselRegistrationMRML.poses import FramePose, RegistrationResult, RunPoses
    from VesselSegmentationLib.metrics import Overlap

FRAME_ATTRIBUTE = "VesselRegistration.Frame"
"""On the pose: the frame of the run that it is the pose at."""


class PoseLogic:
    """Where the model is. The pose node holds the pose of the frame shown, the report node those of all frames."""

    def preparePoses(self, p: Any, start: FloatArray) -> None:
        """Pose and start pose nodes, both at `start` (4, 4) LPS mm; earlier results are forgotten."""
        scene = self.sceneOf(p)
        if p.pose is None:
            p.pose = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Model to isocenter")
        if p.startPose is None:
            p.startPose = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Start pose")
        self.forgetResults(p)
        self.setStartPose(p, start)

    def setStartPose(self, p: Any, start: FloatArray) -> None:
        """Begin from this pose (4, 4) LPS mm at the first frame; the poses found so far are forgotten."""
        parts.placement.setPoseLps(p.startPose, start)
        self.forgetResults(p)
        self._showPoseOfFrame(p)

    def forgetResults(self, p: Any) -> None:
        """Back to the start pose on every frame."""
        if p.report is not None:
            self._store(p, parts.poses.RunPoses())
        if p.pose is not None:
            self._showPoseOfFrame(p)

    def centerModel(self, p: Any) -> None:
        """Start with the model's middle at the isocentre, its axes along the patient's."""
        import numpy as np

        model, _ = self.checkedCase(p)
        start = np.eye(4)
        start[:3, 3] = -parts.pose_history.middleOf(model.points_lps)
        self.setStartPose(p, start)

    def startHere(self, p: Any) -> None:
        """Begin from where the model is now; its nearest rigid pose, since an affine is no place to start from."""
        model, _ = self.checkedCase(p)
        pose = parts.placement.poseLps(p.pose)
        rigid = parts.pose_history.nearestRigid(pose, parts.pose_history.middleOf(model.points_lps))
        self.setStartPose(p, self._carried(p, rigid, self.frame(p), 0))

    def storedPoses(self, p: Any) -> RunPoses:
        """The poses of all frames. Raises InputError for a damaged report node."""
        return parts.poses.load(p.report)

    def result(self, p: Any) -> RegistrationResult | None:
        """What registering said of the frame shown, or None."""
        pose = self.storedPoses(p).frames.get(self.frame(p))
        return pose.result if pose else None

    def poseOrigin(self, p: Any) -> str:
        """In words, where the pose of the frame shown comes from."""
        frame, frames = self.frame(p), self.storedPoses(p).frames
        own = {index for index, pose in frames.items() if pose.modelToIsocenter is not None}
        if not own:
            return "start pose"
        if frame in own:
            return frames[frame].originText
        nearest = min(own, key=lambda index: (abs(index - frame), index))
        place = f"as on frame {nearest + 1}"  # people count from one
        return f"{place}, carried with the table" if p.followTable else place

    def shownPoseNode(self, p: Any) -> Any | None:
        """The transform node that the model hangs under: the pose, or the start pose to compare with."""
        return p.startPose if p.shownPose is ShownPose.BEFORE else p.pose

    def setShownPose(self, p: Any, shown: ShownPose) -> None:
        """Show the model before or after registering."""
        p.shownPose = shown
        self.carryModel(p)

    def carryModel(self, p: Any) -> None:
        """Hang the model under the pose shown."""
        node = self.shownPoseNode(p)
        if p.model is not None and node is not None and p.model.GetTransformNodeID() != node.GetID():
            p.model.SetAndObserveTransformNodeID(node.GetID())
        if p.modelLandmarks is not None and node is not None:
            p.modelLandmarks.SetAndObserveTransformNodeID(node.GetID())

    def registrationProblem(self, p: Any) -> str:
        """Why the frame cannot be registered now; empty when it can."""
        try:
            model, cArm = self.checkedCase(p)
        except UserError as error:
            return str(error)
        if p.useRoi and p.roi is not None and self.roi(p) is None:
            return "The region of interest lies outside the picture. Draw it again, or switch it off."
        start = self._registrationStart(p)
        if p.method is Method.AFFINE and not parts.pictures.inPicture(model, start, cArm):
            return "The model lies outside the picture. Center it in step 1, or move it with the controls of step 6."
        return ""

    def registrationArguments(self, p: Any, folder: pathlib.Path, allFrames: bool = False) -> list[str]:
        """Write what registering needs into a folder; returns the arguments of `vessel-registration`.

        All frames start from the pose of the first one. Raises UserError.
        """
        problem = self.registrationProblem(p)
        if problem:
            raise InputError(problem)
        model, _ = self.checkedCase(p)
        frame = self.frame(p)
        first = 0 if allFrames else frame
        geometry = self.geometryOf(p)
        vessels = None if allFrames else self.vessels(p)
        earlier = self.earlierFrames(p) if not allFrames and vessels is None else []
        job = parts.registration_job.Job(
            model=model,
            frames=run_nodes.framesToSegment(p.xray, *([] if allFrames else [*earlier, frame])),
            firstFrame=first,
            geometry=geometry,
            startLps=self._carried(p, self._registrationStart(p), frame, first),
            roi=self.roi(p) if p.useRoi else None,
            vessels=vessels,
            threshold=p.threshold,
            method=p.method.value,
            steps=p.improvementSteps,
            earlier=len(earlier),
            subtract=p.subtract,
        )
        return parts.registration_job.write(job, pathlib.Path(folder))

    def acceptRegistration(self, p: Any, folder: pathlib.Path) -> RegistrationResult | None:
        """Read what registering left in the folder into the scene; returns the result of the frame shown, if any.

        Frames that were refused keep the pose they had. Raises InputError when there is no usable report.
        """
        read = parts.registration_job.read(pathlib.Path(folder))
        if len(read) == 1:
            self._keepVessels(p, next(iter(read)), parts.registration_job.readMask(pathlib.Path(folder)))
        self._acceptPoses(p, read)
        return self.result(p)

    def _acceptPoses(self, p: Any, read: dict[int, FramePose]) -> None:
        poses = self.storedPoses(p)
        if not poses.anyRegistered and self.frame(p) in read:
            # What was placed by hand before is where registering began, and what it is compared with.
            start = self._carried(p, self._registrationStart(p), self.frame(p), 0)
            parts.placement.setPoseLps(p.startPose, start)
        for frame, pose in read.items():
            poses = poses.withFrame(frame, parts.poses.kept(poses.frames.get(frame), pose))
        self._store(p, poses)
        p.shownPose = ShownPose.AFTER
        self.history(p)
        self._showPoseOfFrame(p, record="register")

    def _keepVessels(self, p: Any, frame: int, mask: Any) -> None:
        """Show the vessels that registering has found by itself, unless there are others already."""
        if frame == self.frame(p) and self.vessels(p) is None and mask.any():
            p.segmentation = segment_nodes.storeMasks(p.xray, {frame: mask}, p.segmentation)

    def registerInProcess(self, p: Any, allFrames: bool = False) -> RegistrationResult | None:
        """Register without a child process, for scripts: loads torch into this process. Raises UserError."""
        from VesselRegistrationLib.cli.main import build_parser

        with tempfile.TemporaryDirectory(prefix="vessel-registration-") as folder:
            arguments = self.registrationArguments(p, pathlib.Path(folder), allFrames)
            options = build_parser(["register"]).parse_args(arguments)
            options.run(options)
            return self.acceptRegistration(p, pathlib.Path(folder))

    def _registrationStart(self, p: Any) -> FloatArray:
        """Model to isocentre at the frame shown from which registering begins.

        Before anything was registered it is where the hand has put the model; afterwards the start pose again, so
        that registering twice gives the same.
        """
        if not self.storedPoses(p).anyRegistered and p.pose is not None:
            return parts.placement.poseLps(p.pose)
        return self._carried(p, parts.placement.poseLps(p.startPose), 0, self.frame(p))

    def _carried(self, p: Any, pose: FloatArray, start: int, end: int) -> FloatArray:
        geometry = self.geometryOf(p)
        return parts.poses.carried(pose, geometry, start, end, p.followTable) if geometry else pose

    def frameChanged(self, p: Any) -> Overlap | None:
        """The run shows another frame: its geometry, its pose, its pictures; returns as `updateOverlay`."""
        if p.xray is None:
            return None
        self.recordPose(p, "adjust")
        roi = self._roiBefore(p)
        self.readGeometry(p)
        self.viewChanged(p, roi)
        self._showPoseOfFrame(p)
        self.updateProjection(p)
        return self.updateOverlay(p)

    def _roiBefore(self, p: Any) -> tuple[int, int, int, int] | None:
        """The region's pixels on the frame that was shown before."""
        geometry = self.geometryOf(p)
        before = int(p.pose.GetAttribute(FRAME_ATTRIBUTE) or 0) if p.pose is not None else 0
        if p.roi is None or geometry is None or before >= len(geometry.header):
            return None
        if geometry.frame(before).missing_for_c_arm():
            return None
        roi = parts.placement.roiInPixels(p.roi, geometry.cArm(before))
        return (roi.x, roi.y, roi.width, roi.height) if roi else None

    def _showPoseOfFrame(self, p: Any, record: str = "") -> None:
        """Bring the pose node to the frame shown; `record` names the step that can be undone, if it is one."""
        if p.pose is None:
            return
        frame, geometry = self.frame(p), self.geometryOf(p)
        pose = None
        if geometry is not None:
            pose = parts.poses.poseOfFrame(self.storedPoses(p), frame, geometry, p.followTable)
        if pose is None:
            pose = self._carried(p, parts.placement.poseLps(p.startPose), 0, frame)
        p.pose.SetAttribute(FRAME_ATTRIBUTE, str(frame))
        parts.placement.setPoseLps(p.pose, pose)
        if record:
            self.history(p).record(pose, record)
        else:  # what is undone is undone on its own frame
            self._histories[self._key(p)] = parts.pose_history.PoseHistory(pose)

    def _store(self, p: Any, poses: RunPoses) -> None:
        if p.report is None:
            p.report = self.sceneOf(p).AddNewNodeByClass("vtkMRMLTextNode", "Registration results")
        parts.poses.store(poses, p.report)
        # While another run is being chosen, what is stored still is of the one before.
        run = parts.runs.runOfGeometry(self.sceneOf(p), p.geometry) if p.geometry is not None else p.xray
        if run is not None:
            run.SetNodeReferenceID(parts.runs.REPORT, p.report.GetID())
            self._updateSequence(p, poses, run)

    def _updateSequence(self, p: Any, poses: RunPoses, run: Any) -> None:
        """Transforms in step with the frames, once more than one frame has a pose of its own."""
        geometry = self.geometryOf(p)
        own = [pose for pose in poses.frames.values() if pose.modelToIsocenter is not None]
        if len(own) < 2 or geometry is None:
            parts.pose_sequence.remove(run)
            return
        frames = [
            (parts.poses.poseOfFrame(poses, frame, geometry, p.followTable), parts.poses.standingOf(poses, frame))
            for frame in range(len(geometry.header))
        ]
        parts.pose_sequence.update(run, frames)

    def framesText(self, p: Any) -> str:
        """In words, what came of all frames of a run; empty while no more than one was registered."""
        return parts.poses.framesText(self.storedPoses(p))

    def history(self, p: Any) -> PoseHistory:
        """The steps of the pose on the frame shown."""
        return self._histories.setdefault(self._key(p), parts.pose_history.PoseHistory(parts.placement.poseLps(p.pose)))

    def recordPose(self, p: Any, why: str = "adjust") -> bool:
        """A change of the pose by hand is complete: remember it for its frame and for undoing; False without one."""
        if p.pose is None or p.xray is None or self._key(p) not in self._histories:
            return False
        pose = parts.placement.poseLps(p.pose)
        if not self.history(p).record(pose, why):
            return False
        self._keepAdjusted(p, pose)
        return True

    def watchPose(self, p: Any) -> None:
        """Begin to watch the pose for changes by hand, from where it is now."""
        if p.pose is not None:
            self.history(p)

    def _keepAdjusted(self, p: Any, pose: FloatArray) -> None:
        frame = int(p.pose.GetAttribute(FRAME_ATTRIBUTE) or 0)
        poses = self.storedPoses(p)
        self._store(p, poses.withFrame(frame, parts.poses.byHand(pose, poses.frames.get(frame))))

    def undoPose(self, p: Any) -> bool:
        """Take back the last step; False when there is none."""
        return self._back(p, "undo")

    def redoPose(self, p: Any) -> bool:
        """Repeat the step that was taken back last; False when there is none."""
        return self._back(p, "redo")

    def _back(self, p: Any, direction: str) -> bool:
        if p.pose is None:
            return False
        self.recordPose(p)
        pose = getattr(self.history(p), direction)()
        if pose is None:
            return False
        parts.placement.setPoseLps(p.pose, pose)
        self._keepAdjusted(p, pose)
        return True

    def canUndo(self, p: Any) -> bool:
        """Whether a step can be taken back on this frame."""
        return self._key(p) in self._histories and bool(self._histories[self._key(p)].done)

    def canRedo(self, p: Any) -> bool:
        """Whether a step that was taken back can be repeated."""
        return self._key(p) in self._histories and bool(self._histories[self._key(p)].undone)

    def nudge(
        self, p: Any, rightMm: float = 0.0, upMm: float = 0.0, towardMm: float = 0.0, turnDeg: float = 0.0
    ) -> None:
        """Move the model a little as seen in the picture: mm at the isocentre, degrees counter-clockwise."""
        model, cArm = self.checkedCase(p)
        self.history(p)
        self.recordPose(p)
        middle = parts.pose_history.middleOf(model.points_lps)
        pose = parts.placement.poseLps(p.pose)
        moved = parts.pose_history.nudged(pose, middle, cArm, rightMm, upMm, towardMm, turnDeg)
        parts.placement.setPoseLps(p.pose, moved)
        self.recordPose(p, "move")

    def resetPose(self, p: Any) -> None:
        """Back to what registering found on this frame, else to the start pose; this can be undone."""
        if p.pose is None:
            return
        self.history(p)
        self.recordPose(p)
        frames = {index: pose for index, pose in self.storedPoses(p).frames.items() if index != self.frame(p)}
        result = self.result(p)
        poses = parts.poses.RunPoses(frames)
        if result is not None:
            poses = poses.withFrame(result.frame, parts.poses.fromResult(result))
        self._store(p, poses)
        self._showPoseOfFrame(p, record="reset")

    def showHandles(self, p: Any, on: bool) -> None:
        """Handles on the pose, to drag the model in 3-D."""
        if p.pose is None:
            return
        p.pose.CreateDefaultDisplayNodes()
        if p.model is not None:
            model = parts.case.vesselModel(p.model)
            middle = parts.pose_history.middleOf(model.points_lps) * parts.placement.LPS_TO_RAS.diagonal()[:3]
            p.pose.SetCenterOfTransformation(*middle.tolist())
        parts.views.showHandles(p.pose.GetDisplayNode(), on)
        if on:
            self.watchPose(p)
