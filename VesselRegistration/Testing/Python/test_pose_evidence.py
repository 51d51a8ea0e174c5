"""What one frame's probabilities say of its vessels: where outlines run, and how sure that is."""

from __future__ import annotations

import numpy as np
import pytest

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.pose import evidence
from VesselRegistrationLib.pose.estimation import PoseModel, PoseSettings, PoseView, estimate_pose
from VesselRegistrationLib.pose.evidence import LEAST_SURE, gather_evidence
from VesselRegistrationLib.pose.metrics import projection_distances_mm
from VesselRegistrationLib.projection import project_model
from VesselRegistrationLib.simulation.cases import simulate_runs

C_ARM = CArm(0.0, 0.0, 1000.0, 750.0, 200, 200, (1.0, 1.0))


def test_an_outline_counts_less_where_the_probability_fades_out() -> None:
    columns = np.arange(200.0)
    sharp_left = (columns >= 80).astype(np.float32)
    fading_right = np.clip(0.5 - (columns - 120) / 60, 0, 1)  # half at column 120
    probability = np.tile(np.minimum(sharp_left, fading_right).astype(np.float32), (200, 1))
    probability[:20] = probability[-20:] = 0
    found = gather_evidence(PoseView(C_ARM, probability))
    middle_rows = np.abs(found.edge[:, 1] - 100) < 50
    left, right = (middle_rows & (np.abs(found.edge[:, 0] - column) < 3) for column in (79.5, 120.5))
    assert left.any()
    assert right.any()
    assert found.edge_weights[left].min() > 0.6
    assert found.edge_weights[right].max() == pytest.approx(LEAST_SURE)
    assert found.sureness[100, 130] == pytest.approx(LEAST_SURE)


def test_a_hard_mask_is_sure_all_around() -> None:
    mask = np.zeros((200, 200), dtype=np.float32)
    mask[60:140, 80:120] = 1
    assert gather_evidence(PoseView(C_ARM, mask)).edge_weights.min() > 0.7


def test_a_faint_shadow_beside_a_vessel_pulls_the_pose_less_than_a_sure_one(monkeypatch: pytest.MonkeyPatch) -> None:
    case = simulate_runs("phantom", 5, 1, frames=1, size=256)[0]
    seen = project_model(case.model, case.c_arm, case.poses[0]).silhouette.astype(np.float32)
    # On one side the network half believes in vessel beyond the wall, with a border that fades out.
    shadow = sum(np.roll(seen, shift, axis=1) * 0.6 * (1 - shift / 24) for shift in range(1, 24)) / 6
    view = PoseView(case.c_arm, np.maximum(seen, np.minimum(shadow, 0.6)).astype(np.float32))
    model, settings = PoseModel.of(case.model), PoseSettings(turns=32, candidates=6, refined=2)

    def error_mm() -> float:
        found = estimate_pose(model, [view], case.poses[0], settings)
        pose = found.model_to_isocenter
        return float(projection_distances_mm(case.centerline_lps, pose, case.poses[0], case.c_arm).mean())

    with_sureness = error_mm()
    monkeypatch.setattr(evidence, "LEAST_SURE", 1.0)
    assert with_sureness < 0.9 * error_mm()
