"""Logic of the VesselRegistration module: MRML nodes in, MRML nodes out, on the scene it is given. No widgets.

The scene's world (RAS) is the isocentre of the C-arm. X-ray pictures stand where the detector was; the vessel model
hangs under the pose, the transform from its own coordinates to the isocentre.

The files that compute are imported when first used, as attributes of this package: they need numpy, and the
application starts without it.
"""

from __future__ import annotations

import importlib
from types import ModuleType

_ON_DEMAND = {
    "c_arm_values",
    "case",
    "certainty",
    "error_colors",
    "geometry_node",
    "landmarks",
    "layout",
    "pictures",
    "placement",
    "pose_history",
    "pose_sequence",
    "poses",
    "registration_job",
    "runs",
    "saving",
    "views",
}


def __getattr__(name: str) -> ModuleType:
    if name in _ON_DEMAND:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
