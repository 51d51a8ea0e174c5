"""Keeps the scene in step with the parameter node: whatever changed, by hand, by script or by a handle, a moment later.

Every change only starts a timer, so that many changes (a slider drawn, a handle dragged) cost one update. The update
compares what it sees with what it saw before and asks the logic for what follows from the difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt
import slicer
import vtk

if TYPE_CHECKING:
    from VesselRegistrationWidgets.main_widget import VesselRegistrationWidget

DELAY_MS = 30
SETTLED_MS = 400
"""A pose that has not changed for this long is one step for Undo."""
GEOMETRY = (
    "primaryAngle",
    "secondaryAngle",
    "sourceToDetector",
    "sourceToIsocenter",
    "rowSpacing",
    "columnSpacing",
    "tableLeft",
    "tablePosterior",
    "tableHead",
)
"""Fields of the parameter node that describe the C-arm."""
POSES = ("pose", "startPose")
SHOWN = (
    "showOutline",
    "showOverlay",
    "showError",
    "colorByError",
    "overlayOpacity",
    "modelOpacity",
    "shownPose",
    "followTable",
    "threshold",
)
LANDMARKS = ("modelLandmarks", "pictureLandmarks")
OBSERVED = ("model", "xray", "roi", "segmentation", "report", *LANDMARKS, *POSES)
SELECTED = ("model", "xray", "roi", "segmentation", "startPose", *LANDMARKS)
"""What the user selects, or is found for him, and may delete."""


class LiveUpdate:
    """Watches the parameter node and the nodes it names."""

    def __init__(self, widget: VesselRegistrationWidget) -> None:
        self.widget = widget
        self._seen: dict[str, Any] = {}
        self._ids: dict[str, str] = {}
        self._observed: list[tuple[Any, int]] = []
        self._observedIds: tuple[str, ...] = ()
        self._busy = False
        self._lost: set[str] = set()
        self._timer = timer(DELAY_MS, self.flush)
        self._settled = timer(SETTLED_MS, self._recordPose)

    def schedule(self, *_: Any) -> None:
        """Something may have changed. Also an observer's callback. What goes on changing is followed all along."""
        if not self._busy and not self._timer.active:
            self._timer.start()

    def nodeRemoved(self, node: Any) -> None:
        """A node was removed. A selector then goes on to any other node, which nobody has chosen: to none instead."""
        parameters = self.widget.parameters
        if parameters is None or self._busy:
            return
        self._lost |= {name for name in SELECTED if self._ids.get(name) == node.GetID()}
        self.schedule()

    def seen(self, *names: str) -> tuple[Any, ...]:
        """What was seen last; two times the same means that nothing of it has changed."""
        return tuple(self._seen.get(name) for name in names)

    @property
    def pending(self) -> bool:
        """Whether there is something still to follow."""
        return bool(self._timer.active or self._settled.active)

    def restart(self) -> None:
        """Take the scene as it is: nothing has changed (a scene was opened, or a new one begun)."""
        self._timer.stop()
        self._settled.stop()
        self._busy = True
        try:
            self.widget.result.updateOverlay()
            self.widget.result.landmarks.update()
            self.widget.logic.watchPose(self.widget.parameters)
        finally:
            self._seen = self._look()
            self._busy = False
        self._observe()
        self.widget.refresh()

    def stop(self) -> None:
        """Observe nothing any more."""
        self._timer.stop()
        self._settled.stop()
        self._forgetNodes()

    def flush(self, own: bool = False) -> None:
        """Bring the scene up to date now. own: what changed was the logic's doing, which has recorded it for Undo."""
        if self._busy or self.widget.parameters is None:
            return
        if slicer.mrmlScene.IsBatchProcessing():
            self._timer.start()
            return
        self._timer.stop()
        self._busy = True
        try:
            for name in self._lost:
                setattr(self.widget.parameters, name, None)
            self._lost.clear()
            now = self._look()
            changed = {name for name, value in now.items() if value != self._seen.get(name)}
            self._follow(set(changed))
            if "pose" in changed and not own and self._seen.get("poseId") == now["poseId"]:
                self._settled.start()
        finally:
            self._seen = self._look()
            self._busy = False
            self._observe()
            self.widget.refresh()

    def _follow(self, changed: set[str]) -> None:
        """What follows from changes, in the order of the work. Each part says itself what is wrong with it."""
        parameters, logic, result = self.widget.parameters, self.widget.logic, self.widget.result
        before = self._look()
        drawn = self._followInputs(changed)
        if "shownPose" in changed:
            logic.carryModel(parameters)
        after = self._look()
        changed |= {name for name, value in after.items() if value != before[name]}
        if not drawn and changed & {"model", "xray", "geometry", "shownPose", *POSES}:
            self.widget.projection.quietly(lambda: logic.updateProjection(parameters))
        if not drawn and changed & {"model", "xray", "geometry", "segmentation", "roi", "report", *POSES, *SHOWN}:
            result.updateOverlay()
        if changed & {"model", "xray", "frame", "geometry", "shownPose", *LANDMARKS, *POSES}:
            result.landmarks.update()
        if changed & {"model", "xray", "frame", "geometry"}:
            result.followCArm()
        elif "camera" in changed:
            result.leaveCArm()
        logic.watchPose(parameters)

    def _followInputs(self, changed: set[str]) -> bool:
        """Work with what was chosen, shown or entered; whether all pictures are drawn already."""
        parameters, logic, case = self.widget.parameters, self.widget.logic, self.widget.case
        if parameters.model and ("model" in changed or not parameters.pose or not parameters.startPose):
            case.quietly(lambda: logic.adoptModel(parameters, parameters.model))
        if parameters.xray and ("xray" in changed or not parameters.geometry):
            case.quietly(lambda: logic.adoptRun(parameters, parameters.xray))
            case.arrangeViews()
        elif "frame" in changed and parameters.xray:
            self.widget.result.changeFrame()
            # The vessels of another frame come with it; they are no change of their own.
            return changed <= {"frame", "segmentation", "camera"}
        elif "geometry" in changed:
            self.widget.cArm.quietly(lambda: logic.applyGeometry(parameters))
        return False

    def _recordPose(self) -> None:
        parameters = self.widget.parameters
        if qt.QApplication.mouseButtons() & qt.Qt.LeftButton:
            self._settled.start()  # still being dragged
        elif parameters is not None and parameters.pose:
            self.widget.logic.recordPose(parameters, "drag")
            self.widget.refresh()

    def _look(self) -> dict[str, Any]:
        """Everything that something follows from, as plain values."""
        parameters = self.widget.parameters
        if parameters is None:
            return {}
        segmentation = parameters.segmentation
        return {
            "model": _identifier(parameters.model),
            "xray": _identifier(parameters.xray),
            "frame": self.widget.result.frame(),
            # A value that was missing and is confirmed is another geometry with the same numbers.
            "geometry": (
                *self.widget.cArm.missing(),
                *(round(getattr(parameters, name), 6) for name in GEOMETRY),
            ),
            "roi": _roiState(parameters.roi, parameters.useRoi),
            "segmentation": segmentation and (segmentation.GetID(), segmentation.GetSegmentation().GetMTime()),
            "report": parameters.report and (parameters.report.GetID(), parameters.report.GetMTime()),
            "poseId": _identifier(parameters.pose),
            **{name: _matrix(getattr(parameters, name)) for name in POSES},
            **{name: _pointState(getattr(parameters, name)) for name in LANDMARKS},
            **{name: getattr(parameters, name) for name in SHOWN},
            "camera": self.widget.result.cameraState(),
        }

    def _observe(self) -> None:
        """Observe the nodes that the parameter node names now."""
        parameters = self.widget.parameters
        self._ids = {name: _identifier(getattr(parameters, name)) for name in SELECTED} if parameters else {}
        nodes = [getattr(parameters, name) for name in OBSERVED] if parameters is not None else []
        nodes += [self.widget.result.browser(), self.widget.result.camera()]
        nodes = [node for node in nodes if node]
        identifiers = tuple(node.GetID() or "" for node in nodes)
        if identifiers == self._observedIds:
            return
        self._forgetNodes()
        for node in nodes:
            for event in _events(node):
                self._observed.append((node, node.AddObserver(event, self.schedule)))
        self._observedIds = identifiers

    def _forgetNodes(self) -> None:
        for node, tag in self._observed:
            node.RemoveObserver(tag)
        self._observed, self._observedIds = [], ()


def timer(milliseconds: int, action: Any) -> Any:
    """A timer that calls an action once, some time after it was started last."""
    single = qt.QTimer()
    single.setSingleShot(True)
    single.setInterval(milliseconds)
    single.connect("timeout()", lambda: action())
    return single


def _events(node: Any) -> list[Any]:
    events = [vtk.vtkCommand.ModifiedEvent]
    if node.IsA("vtkMRMLTransformNode"):
        events.append(slicer.vtkMRMLTransformableNode.TransformModifiedEvent)
    if node.IsA("vtkMRMLMarkupsNode"):
        events += [slicer.vtkMRMLMarkupsNode.PointModifiedEvent, slicer.vtkMRMLMarkupsNode.PointEndInteractionEvent]
        events += [slicer.vtkMRMLMarkupsNode.PointPositionDefinedEvent, slicer.vtkMRMLMarkupsNode.PointRemovedEvent]
    if node.IsA("vtkMRMLSegmentationNode"):
        events.append(slicer.vtkSegmentation.SourceRepresentationModified)
    return events


def _identifier(node: Any) -> str:
    return node.GetID() if node else ""


def _matrix(transform: Any) -> tuple[float, ...] | None:
    if not transform:
        return None
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToParent(matrix)
    return tuple(round(matrix.GetElement(row, column), 6) for row in range(3) for column in range(4))


def _pointState(markups: Any) -> tuple[Any, ...] | None:
    """Everything of control points that errors follow from; those in the model's own coordinates stay with it."""
    if not markups:
        return None
    points = []
    for index in range(markups.GetNumberOfControlPoints()):
        place = [0.0, 0.0, 0.0]
        markups.GetNthControlPointPosition(index, place)
        status = markups.GetNthControlPointPositionStatus(index)
        points.append((markups.GetNthControlPointLabel(index), status, *(round(value, 3) for value in place)))
    return (markups.GetID(), markups.GetTransformNodeID(), *points)


def _roiState(roi: Any, used: bool) -> tuple[Any, ...] | None:
    if not roi:
        return None
    matrix = roi.GetObjectToNodeMatrix()
    place = tuple(round(matrix.GetElement(row, column), 4) for row in range(3) for column in range(4))
    return (roi.GetID(), used, place, tuple(round(length, 4) for length in roi.GetSize()))
