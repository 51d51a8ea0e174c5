"""What the module's logic says of how far the model on the frame shown may be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import VesselRegistrationMRML as parts
from VesselRegistrationMRML.parameter_node import ShownPose

if TYPE_CHECKING:
    from VesselRegistrationMRML.certainty import ExpectedErrors, Standing


class CertaintyLogic:
    """Where the pose shown comes from and what it is worth; every method takes the parameter node first."""

    def standing(self, p: Any) -> Standing:
        """What the model's place on the frame shown is worth."""
        if p.shownPose is ShownPose.BEFORE:
            return parts.certainty.Standing.START
        return self._storedStanding(p)

    def _storedStanding(self, p: Any) -> Standing:
        """The same of the model after registering, whichever is shown."""
        return parts.poses.standingOf(self.storedPoses(p), self.frame(p))

    def isMovedByHand(self, p: Any) -> bool:
        """Whether a hand has put the model where it is on the frame shown: what registering said of it is no more."""
        return self._storedStanding(p) is parts.certainty.Standing.ADJUSTED

    def isRegistered(self, p: Any) -> bool:
        """Whether registering has put the model where it is on the frame shown."""
        return self._storedStanding(p) is parts.certainty.Standing.REGISTERED

    def refusal(self, p: Any) -> str:
        """Why the frame shown was refused a pose; empty when what is shown there may be looked at."""
        result = self.result(p)
        isRefused = self.standing(p) is parts.certainty.Standing.REFUSED
        return result.reason if isRefused and result is not None else ""

    def standingText(self, p: Any) -> str:
        """What a view says of the model that it shows; empty when there is none."""
        if self.cArm(p) is None or p.model is None:
            return ""
        standing = self.standing(p)
        words = {
            parts.certainty.Standing.START: "not registered: start pose",
            parts.certainty.Standing.REFUSED: "NOT REGISTERED: refused",
            parts.certainty.Standing.NEIGHBOR: f"not registered: {self.poseOrigin(p)}",
        }
        errors = self.expectedErrors(p) if p.showError else None
        if standing is parts.certainty.Standing.CARRIED:
            return f"{self.poseOrigin(p)}\n{errorText(errors)}" if errors else self.poseOrigin(p)
        return words.get(standing) or (errorText(errors) if errors else self.poseOrigin(p))

    def expectedErrors(self, p: Any) -> ExpectedErrors | None:
        """The errors in mm of the pose that the frame shown is seen at; None where nobody knows them."""
        if p.shownPose is ShownPose.BEFORE:
            return None
        return parts.poses.errorsOf(self.storedPoses(p).frames.get(self.frame(p)))

    def updateErrors(self, p: Any) -> None:
        """Draw the expected error of the frame shown over the picture, or take it away."""
        cArm = self.cArm(p)
        errors = self.expectedErrors(p) if p.showError and cArm is not None and p.model is not None else None
        if p.errorEllipse is None and errors is not None:
            p.errorEllipse = self.sceneOf(p).AddNewNodeByClass("vtkMRMLModelNode", "Expected error")
        if p.errorEllipse is not None and cArm is not None:
            parts.certainty.updateEllipse(p.errorEllipse, errors, cArm)
        self._colorModel(p, cArm)

    def _colorModel(self, p: Any, cArm: Any) -> None:
        """Color the model by the expected error of each of its points, or give it its old look back."""
        errors, colored = self.expectedErrors(p), None
        if p.colorByError and errors is not None and cArm is not None and p.model is not None:
            colored = p.model
            points = parts.case.surfacePointsLps(colored)
            pose = self.storedPoses(p).frames[self.frame(p)].modelToIsocenter
            atPose = parts.certainty.transformed(points, pose)
            parts.error_colors.color(colored, errors.pointErrorsMm(atPose, cArm))
        parts.error_colors.restore(self.sceneOf(p), keep=colored)


def errorText(errors: ExpectedErrors) -> str:
    """The errors in words, as a view says them."""
    return (
        f"expected error {errors.inPlaneMm:.1f} mm, 95 % within {errors.boundMm:.1f} mm; "
        f"depth ± {errors.depthMm:.0f} mm"
    )
