"""How much a model at a pose tells about where the vessels of a picture are: mutual information of two silhouettes.

It weighs vessels without model and model without vessels by how surprising they are, so that neither a filling that is
far from whole nor a false vessel costs more than it should. In nats per independent pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.pose.evidence import Evidence
from VesselRegistrationLib.pose.pose_model import PoseModel
from VesselRegistrationLib.pose.rigid import motion_matrix
from VesselRegistrationLib.projection import silhouette, transform_points

BLUR_PX = 1.0
LEAST_SHARE = 1e-7


def information(model: PoseModel, views: Sequence[Evidence], start: FloatArray, parameters: FloatArray) -> float:
    """Mean over the views of what the model tells of their vessels, nats.

    Args:
        parameters: motion (6,) of the model from `start` (4, 4), or (V, 6) that of each view.
    """
    return float(np.mean([told for told, _ in _told(model, views, start, parameters)]))


def told_share(model: PoseModel, views: Sequence[Evidence], start: FloatArray, parameters: FloatArray) -> float:
    """What the model tells as a share of what there is to know: of the view of which it tells least. As above."""
    return float(min(told / max(all_of_it, 1e-9) for told, all_of_it in _told(model, views, start, parameters)))


def _told(
    model: PoseModel, views: Sequence[Evidence], start: FloatArray, parameters: FloatArray
) -> list[tuple[float, float]]:
    """Of each view the mutual information and the vessels' entropy, nats a pixel."""
    from scipy.ndimage import gaussian_filter

    coarse = (model.coarse or model).model
    pivot = transform_points(start, model.pivot_lps[None])[0]
    told = []
    for view, motion in zip(views, np.tile(parameters, (len(views), 1))[: len(views)], strict=True):
        points = transform_points(motion_matrix(motion, pivot) @ start, coarse.points_lps)
        drawn = silhouette(points + view.table_shift_lps, coarse.triangles, view.c_arm)
        modeled, vessels = (gaussian_filter(part.astype(np.float32), BLUR_PX) for part in (drawn, view.mask))
        share = float(vessels.mean())
        both = np.array((modeled * vessels).mean())
        entropy = -share * np.log(max(share, LEAST_SHARE)) - (1 - share) * np.log(max(1 - share, LEAST_SHARE))
        told.append((float(mutual_information(both, np.array(modeled.mean()), share)), float(entropy)))
    return told


def mutual_information(both: FloatArray, model_share: FloatArray, vessel_share: float) -> FloatArray:
    """Of model and vessels, from the shares of pixels in both and in each; 0 where they shun each other."""
    vessel = np.clip(vessel_share, LEAST_SHARE, 1 - LEAST_SHARE)
    model = np.clip(model_share, LEAST_SHARE, 1 - LEAST_SHARE)
    total = np.zeros_like(model)
    for share, chance in (
        (both, model * vessel),
        (model - both, model * (1 - vessel)),
        (vessel - both, (1 - model) * vessel),
        (1 - model - vessel + both, (1 - model) * (1 - vessel)),
    ):
        share = np.clip(share, LEAST_SHARE, None)
        total += share * np.log(share / chance)
    return np.asarray(np.where(both > model * vessel, total, 0.0))
