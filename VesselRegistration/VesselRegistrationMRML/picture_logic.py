"""Steps 3 and 4, and the pictures of step 6: projection, region of interest, vessels, outline, overlay and views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import VesselRegistrationMRML as parts
from VesselSegmentationLib.errors import UserError
from VesselSegmentationMRML import segment_nodes

if TYPE_CHECKING:
    from VesselRegistrationLib.affine import RegionOfInterest
    from VesselSegmentationLib.metrics import Overlap

REFUSED_OPACITY = 0.3
"""Of a model that was refused a pose, times what the user wants: in the C-arm view it lies over the picture too."""


class PictureLogic:
    """What is seen. Methods that update do nothing while model, run or geometry are missing."""

    def updateProjection(self, p: Any) -> Any | None:
        """Render the model as an X-ray of contrast agent alone; returns the volume node, mm of vessel per pixel."""
        cArm = self.cArm(p)
        if cArm is None or p.model is None:
            return None
        scene = self.sceneOf(p)
        isNew = p.projection is None
        if isNew:
            p.projection = parts.pictures.newProjection(scene)
        model = parts.case.vesselModel(p.model)
        parts.pictures.updateProjection(p.projection, model, parts.placement.poseLps(self.shownPoseNode(p)), cArm)
        if isNew:  # not before it has pixels, about whose absence VTK would complain
            parts.views.showInSlice(scene, parts.layout.PROJECTION_VIEW, p.projection)
        return p.projection

    def createRoi(self, p: Any) -> Any:
        """A region of interest around the projected model; returns its node. Raises InputError."""
        self.checkedCase(p)
        if p.roi is None:
            node = self.sceneOf(p).AddNewNodeByClass("vtkMRMLMarkupsROINode", "Region of interest")
            node.CreateDefaultDisplayNodes()
            display = node.GetDisplayNode()
            display.SetVisibility3D(False)
            display.SetFillOpacity(0.0)
            display.SetPropertiesLabelVisibility(False)
            display.SetPointLabelsVisibility(False)
            p.roi = node
        self.fitRoi(p)
        p.useRoi = True
        return p.roi

    def fitRoi(self, p: Any) -> None:
        """Fit the region around the projected model. Raises InputError when none of it is in the picture."""
        from VesselRegistrationLib.registration import automatic_roi

        model, cArm = self.checkedCase(p)
        pose = parts.placement.poseLps(self.shownPoseNode(p))
        if p.roi is not None:
            parts.placement.placeRoi(p.roi, automatic_roi(parts.pictures.modelSilhouette(model, pose, cArm)), cArm)

    def roi(self, p: Any) -> RegionOfInterest | None:
        """The region in pixels; None without one, or where it misses the picture."""
        cArm = self.cArm(p)
        return parts.placement.roiInPixels(p.roi, cArm) if p.roi is not None and cArm else None

    def roiPixels(self, p: Any) -> tuple[int, int, int, int] | None:
        """First column and row, width and height of the region; None without one."""
        roi = self.roi(p)
        return (roi.x, roi.y, roi.width, roi.height) if roi else None

    def roiText(self, p: Any) -> str:
        """The region in pixels, in words."""
        if p.roi is None or self.cArm(p) is None:
            return ""
        roi = self.roi(p)
        return str(roi) if roi else "outside the picture"

    def earlierFrames(self, p: Any) -> list[int]:
        """Frames that may be subtracted from the one shown to find its vessels; none where that is not wanted."""
        if not p.subtract or p.xray is None:
            return []
        from VesselRegistrationLib.run_vessels import earlier_frames

        return earlier_frames(self.geometryOf(p).frames, self.frame(p))

    def vesselsProblem(self, p: Any) -> str:
        """Why the segmentation cannot be used for the frame shown; empty when it can."""
        if p.segmentation is None:
            return "No vessels yet: press Segment, or choose a segmentation. Without one, Register finds them itself."
        if p.xray is None:
            return "Choose an X-ray run in step 1."
        try:
            mask = segment_nodes.vesselMask(p.segmentation, p.xray)
        except UserError as error:
            return str(error)
        return "" if mask.any() else "The segmentation is empty on this frame. Segment it, or choose another frame."

    def vessels(self, p: Any) -> Any | None:
        """The vessel mask (rows, columns) of the frame shown, or None."""
        return None if self.vesselsProblem(p) else segment_nodes.vesselMask(p.segmentation, p.xray)

    def updateOverlay(self, p: Any) -> Overlap | None:
        """Draw outline and overlay of the pose shown; returns how it overlaps the vessels, None without vessels."""
        self.updateVisibility(p)
        cArm = self.cArm(p)
        if cArm is None or p.model is None:
            self._clearPictures(p)
            return None
        self.updateErrors(p)
        model, pose = parts.case.vesselModel(p.model), parts.placement.poseLps(self.shownPoseNode(p))
        if p.outline is None:
            p.outline = self.sceneOf(p).AddNewNodeByClass("vtkMRMLModelNode", "Projected outline")
        covered = parts.pictures.modelSilhouette(model, pose, cArm)
        parts.pictures.updateOutline(p.outline, covered, cArm, self.standing(p))
        overlap = self._overlap(p, covered, cArm)
        self.updateVisibility(p)
        return overlap

    def _overlap(self, p: Any, covered: Any, cArm: Any) -> Overlap | None:
        from VesselSegmentationLib.metrics import overlap_metrics

        # Yellow would say that model and vessels agree, which a refusal has just denied.
        vessels = None if self.standing(p) is parts.certainty.Standing.REFUSED else self.vessels(p)
        if vessels is None:
            if p.overlay is not None:
                parts.pictures.clear(p.overlay)
            return None
        roi = self.roi(p) if p.useRoi else None
        if roi is not None:  # outside the region nothing was asked of the match
            inside = parts.pictures.inRoi(roi, covered.shape)
            covered, vessels = covered & inside, vessels & inside
        if p.overlay is None:
            p.overlay = self.sceneOf(p).AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Overlay")
        parts.pictures.updateOverlay(p.overlay, covered, vessels, cArm)
        return overlap_metrics(covered, vessels)

    def updateVisibility(self, p: Any) -> None:
        """Show and hide as the parameter node says."""
        if p.outline is not None and p.outline.GetDisplayNode():
            p.outline.GetDisplayNode().SetVisibility(p.showOutline)
        if p.xray is not None:
            parts.views.labelOver(p.xray, p.overlay, p.overlayOpacity if p.showOverlay else 0.0)
        if p.model is not None and p.model.GetDisplayNode():
            isRefused = self.standing(p) is parts.certainty.Standing.REFUSED
            p.model.GetDisplayNode().SetOpacity(p.modelOpacity * (REFUSED_OPACITY if isRefused else 1.0))
        # The vessels' own fill would hide the picture and which of them the model meets; their outline stays.
        if p.segmentation is not None and p.segmentation.GetDisplayNode():
            p.segmentation.GetDisplayNode().SetVisibility2DFill(p.model is None or p.overlay is None)

    def _clearPictures(self, p: Any) -> None:
        for node in (p.outline, p.overlay, p.projection, p.errorEllipse, p.landmarkLines):
            if node is not None:
                parts.pictures.clear(node)

    def showLayout(self, p: Any) -> None:
        """Arrange the views: fluoroscopy, projection and 3-D."""
        parts.layout.show(self.sceneOf(p))
        parts.views.clear3D(self.sceneOf(p))
        parts.views.showInSlice(self.sceneOf(p), parts.layout.FLUOROSCOPY_VIEW, p.xray)
        parts.views.showInSlice(self.sceneOf(p), parts.layout.PROJECTION_VIEW, p.projection)
        self.fitSliceViews(p)

    def fitSliceViews(self, p: Any) -> None:
        """Face the detector in both slice views and show the whole picture, upright also without geometry."""
        from VesselSegmentationMRML.views import showPicture

        cArm = self.cArm(p)
        self.updateVisibility(p)
        for name in (parts.layout.FLUOROSCOPY_VIEW, parts.layout.PROJECTION_VIEW):
            node = parts.views.sliceNode(self.sceneOf(p), name)
            if node is not None and cArm is not None:
                parts.views.fitSlice(node, cArm)
            elif node is not None and p.xray is not None and name == parts.layout.FLUOROSCOPY_VIEW:
                showPicture(p.xray, name)

    def show3D(self, p: Any) -> None:
        """Show the X-ray picture standing at the detector in 3-D, and look at it and the model from aside."""
        scene, cArm = self.sceneOf(p), self.cArm(p)
        fluoroscopy = parts.views.sliceNode(scene, parts.layout.FLUOROSCOPY_VIEW)
        if fluoroscopy is None or cArm is None:
            return
        fluoroscopy.SetSliceVisible(True)
        view = scene.GetFirstNodeByClass("vtkMRMLViewNode")
        camera = parts.views.camera(view) if view else None
        if camera is not None:
            parts.views.overview(camera, cArm)

    def cArmView(self, p: Any, viewNode: Any, on: bool, aspect: float = 1.0) -> None:
        """Put a 3D view's camera at the X-ray source, or back aside. aspect: width of the view over its height."""
        camera, cArm = parts.views.camera(viewNode), self.cArm(p)
        if camera is None or cArm is None:
            return
        if on:
            fluoroscopy = parts.views.sliceNode(self.sceneOf(p), parts.layout.FLUOROSCOPY_VIEW)
            if fluoroscopy is not None:
                fluoroscopy.SetSliceVisible(True)
            parts.views.cArmCamera(camera, cArm, aspect)
        elif parts.views.isMirrored(camera):
            parts.views.overview(camera, cArm)

    def isCArmView(self, p: Any, viewNode: Any) -> bool:
        """Whether a 3D view looks from the X-ray source."""
        camera, cArm = parts.views.camera(viewNode), self.cArm(p)
        return camera is not None and cArm is not None and parts.views.isAtSource(camera, cArm)

    def leftCArmView(self, p: Any, viewNode: Any) -> bool:
        """Give back an ordinary camera when the user has turned a view away from the source; True when it did."""
        camera = parts.views.camera(viewNode)
        if camera is None or not parts.views.isMirrored(camera) or self.isCArmView(p, viewNode):
            return False
        parts.views.freeCamera(camera)
        return True

    def viewChanged(self, p: Any, roi: tuple[int, int, int, int] | None = None) -> None:
        """Let region, slice views and a camera at the source follow a changed view. roi: its pixels before."""
        from VesselRegistrationLib.affine import RegionOfInterest

        cArm, scene = self.cArm(p), self.sceneOf(p)
        if cArm is None:
            return
        if p.roi is not None and roi is not None:
            parts.placement.placeRoi(p.roi, RegionOfInterest(*roi), cArm)
        for name in (parts.layout.FLUOROSCOPY_VIEW, parts.layout.PROJECTION_VIEW):
            node = parts.views.sliceNode(scene, name)
            if node is not None:
                parts.views.alignSlice(node, cArm)
