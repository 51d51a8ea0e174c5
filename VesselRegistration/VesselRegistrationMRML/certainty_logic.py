"""What the module's logic says of how far the model on the frame shown may be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import VesselRegistrationMRML as parts
from VesselRegistrationMRML.parameter_node import ShownPose

if TYPE_CHECKING:
    from VesselRegistrationMRML.certainty import Standing


class CertaintyLogic:
    """Where the pose shown comes from and what it is worth; every method takes the parameter node first."""

    def standing(self, p: Any) -> Standing:
        """What the model's place on the frame shown is worth."""
        if p.shownPose is ShownPose.BEFORE:
            return parts.certainty.Standing.START
        return parts.poses.standingOf(self.storedPoses(p), self.frame(p))

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
        }
        return words.get(standing) or self.poseOrigin(p)
