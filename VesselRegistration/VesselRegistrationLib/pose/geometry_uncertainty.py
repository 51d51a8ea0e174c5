"""How well one run's C-arm is known beside another's: what its header may be off by, and other runs are not.

Whatever all runs share moves the pose and harms no overlay: a patient who does not lie straight, an isocentre that is
not where the machine takes it to be. Only the rest sets runs against each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.xray_run import FrameGeometry, Origin, Sourced

OWN_ANGLE_SHARE = 0.35
"""Of what an angle may be off by. Set on simulated patients with and without errors, and on a phantom's four runs."""
OWN_DISTANCE_SHARE = 0.1
"""Of what recovered distances and spacing, and any principal point, may be off by. Those that headers state are off by
the same in all runs of one machine."""


@dataclass(frozen=True)
class GeometryUncertainty:
    """Standard deviations. By default those of a usual header."""

    angle_deg: float = 0.7
    """Of each angle, about the isocentre."""
    across_mm: float = 0.3
    """Of the principal point and the table, in the plane of the isocentre."""
    along_mm: float = 0.0
    """Of SID, SOD and spacing, as a shift along the beam that enlarges the picture as much."""

    @classmethod
    def of(cls, geometry: FrameGeometry, c_arm: CArm) -> GeometryUncertainty:
        """That of a frame, from the uncertainties of its header's values; where none is stated, the usual one."""
        half, share = OWN_ANGLE_SHARE / math.sqrt(2), OWN_DISTANCE_SHARE
        relative = c_arm.sod_mm / (sum(c_arm.spacing_mm) / 2)
        distances = ((geometry.sod, 1.0), (geometry.sid, 1 / c_arm.magnification), (geometry.spacing, relative))
        recovered = [(value, share * weight) for value, weight in distances if value.origin is not Origin.HEADER]
        angle = _root_sum((geometry.primary_angle, half), (geometry.secondary_angle, half))
        pixel_mm = c_arm.pixel_size_at_isocenter_mm()
        across = _root_sum((geometry.principal_point, share * pixel_mm), (geometry.table, 1.0))
        along = _root_sum(*recovered)
        usual = cls()
        return cls(
            usual.angle_deg if angle is None else angle,
            usual.across_mm if across is None else across,
            usual.along_mm if along is None else along,
        )


def _root_sum(*parts: tuple[Sourced, float]) -> float | None:
    """Root of the summed squares of the uncertainties times their weights; None where none is stated."""
    stated = [value.uncertainty * weight for value, weight in parts if value.uncertainty is not None]
    return math.hypot(*stated) if stated else None
