"""What the module's logic does with several runs of one patient: switch, carry the pose over, register together."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

import VesselRegistrationMRML as parts
from VesselRegistrationMRML.parameter_node import Method, ShownPose
from VesselSegmentationLib.errors import InputError, MissingGeometryError, UserError
from VesselSegmentationMRML import run_nodes, segment_nodes

if TYPE_CHECKING:
    from VesselRegistrationMRML.poses import RegistrationResult


class RunsLogic:
    """One model, several runs. Every method takes the parameter node first; `other` is the volume of another run."""

    def otherRuns(self, p: Any) -> list[Any]:
        """The runs of the scene beside the one that is worked on."""
        return [node for node in parts.runs.runsOf(self.sceneOf(p)) if node is not p.xray]

    def _leaveRun(self, p: Any, after: Any) -> None:
        """Keep what was done on the run that is worked on, and take up what there is of the next one.

        Where the table's positions are known, the start pose goes with the table.
        """
        before = parts.runs.runOfGeometry(self.sceneOf(p), p.geometry) if p.geometry is not None else None
        if before is None or before is after:
            if p.report is not None:
                self.forgetResults(p)  # they are of a run that is no more
            return
        start = parts.placement.poseLps(p.startPose) if p.startPose is not None else None
        if p.report is not None:
            before.SetNodeReferenceID(parts.runs.REPORT, p.report.GetID())
        p.report = after.GetNodeReference(parts.runs.REPORT)
        if p.segmentation is not None and not segment_nodes.belongsTo(p.segmentation, after):
            p.segmentation = self._segmentationOf(p, after)
        if start is None:
            return
        parts.runs.keepStart(before, start)
        kept = parts.runs.keptStart(after)
        if kept is None:
            try:
                shift = parts.runs.tableShift((before, 0), (after, 0))
            except UserError:
                shift = 0.0
            kept = start.copy()
            kept[:3, 3] += shift
        parts.placement.setPoseLps(p.startPose, kept)

    def _segmentationOf(self, p: Any, volume: Any) -> Any | None:
        scene = self.sceneOf(p)
        count = scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
        nodes = [scene.GetNthNodeByClass(index, "vtkMRMLSegmentationNode") for index in range(count)]
        return next((node for node in nodes if segment_nodes.belongsTo(node, volume)), None)

    def carryProblem(self, p: Any, other: Any) -> str:
        """Why the other run's pose cannot be carried over; empty when it can."""
        try:
            self.checkedCase(p)
            self._source(p, other)
        except UserError as error:
            return str(error)
        return ""

    def _source(self, p: Any, other: Any) -> tuple[int, Any, Any]:
        """Frame and pose of the other run, and how far the table moved since. Raises UserError."""
        report = other.GetNodeReference(parts.runs.REPORT)
        poses = parts.poses.load(report)
        frame, pose = parts.runs.best(poses, other.GetName(), run_nodes.shownFrame(other))
        return frame, pose, parts.runs.tableShift((other, frame), (p.xray, self.frame(p)))

    def carryOver(self, p: Any, other: Any) -> str:
        """Show the model on this frame where the other run has it, moved with the table; returns a line for the user.

        Raises UserError: no pose to carry, or a table whose positions are not known.
        """
        model, cArm = self.checkedCase(p)
        frame, source, shift = self._source(p, other)
        self.history(p)
        self.recordPose(p)
        here = self.frame(p)
        name = f"{other.GetName()}, frame {frame + 1}"
        pose = parts.runs.carriedPose(source, name, shift, here, cArm, model.points_lps)
        self._store(p, self.storedPoses(p).withFrame(here, pose))
        p.shownPose = ShownPose.AFTER
        self._showPoseOfFrame(p, record="carry")
        moved = ", ".join(f"{value:+.1f}" for value in shift)
        text = f"Pose taken from {name}; the table moved by {moved} mm (left, back, head)."
        if pose.carried is not None:
            text += (
                f" In this view it may be {pose.carried.expectedInPlaneMm:.1f} mm off "
                f"(95 % within {pose.carried.inPlaneBoundMm:.1f} mm). Register to refine it."
            )
        return text

    def togetherProblem(self, p: Any, other: Any) -> str:
        """Why the two runs cannot be registered together; empty when they can."""
        if p.method is not Method.POSE:
            return "Only a pose in mm can be found from two runs. Choose the method Pose (mm)."
        try:
            self.checkedCase(p)
            geometry, frame = parts.geometry_node.load(parts.geometry_node.nodeOf(other)), run_nodes.shownFrame(other)
            geometry.cArm(frame)
            parts.runs.tableShift((p.xray, self.frame(p)), (other, frame))
        except MissingGeometryError as error:
            return str(error)
        except UserError as error:
            return str(error)
        return ""

    def togetherArguments(self, p: Any, folder: pathlib.Path, other: Any) -> list[str]:
        """As `registrationArguments` for the frames shown of both runs, solved for one pose. Raises UserError."""
        from VesselRegistrationLib.run_vessels import earlier_frames

        problem = self.togetherProblem(p, other)
        if problem:
            raise InputError(problem)
        model, _ = self.checkedCase(p)
        frame, otherFrame = self.frame(p), run_nodes.shownFrame(other)
        geometry = self.geometryOf(p)
        otherGeometry = parts.geometry_node.load(parts.geometry_node.nodeOf(other))
        earlier = self.earlierFrames(p)
        otherEarlier = earlier_frames(otherGeometry.frames, otherFrame) if p.subtract else []
        job = parts.registration_job.Job(
            model=model,
            frames=run_nodes.framesToSegment(p.xray, *earlier, frame),
            firstFrame=frame,
            geometry=geometry,
            startLps=self._carried(p, self._registrationStart(p), frame, frame),
            roi=None,
            vessels=None,
            threshold=p.threshold,
            method=Method.POSE.value,
            steps=p.improvementSteps,
            other=parts.registration_job.OtherRun(
                run_nodes.framesToSegment(other, *otherEarlier, otherFrame), otherFrame, otherGeometry
            ),
            earlier=len(earlier),
            subtract=p.subtract,
        )
        return parts.registration_job.write(job, pathlib.Path(folder))

    def acceptTogether(self, p: Any, folder: pathlib.Path, other: Any) -> RegistrationResult | None:
        """Read what registering two runs together left into both; returns the result of the frame shown here.

        Raises InputError when there is no usable report.
        """
        here, there = parts.registration_job.readTogether(pathlib.Path(folder))
        names = (p.xray.GetName(), other.GetName())
        here, there = (parts.poses.solvedWith(pose, names) for pose in (here, there))
        report = other.GetNodeReference(parts.runs.REPORT)
        if report is None:
            report = self.sceneOf(p).AddNewNodeByClass("vtkMRMLTextNode", f"{other.GetName()} registration results")
            other.SetNodeReferenceID(parts.runs.REPORT, report.GetID())
        poses, frame = parts.poses.load(report), there.result.frame
        before = poses.frames.get(frame)
        parts.poses.store(poses.withFrame(frame, parts.poses.kept(before, there)), report)
        self._acceptPoses(p, {here.result.frame: here})
        return self.result(p)
