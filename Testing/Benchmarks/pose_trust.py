"""The constants by which poses are refused and their bounds stated, from patients that no evaluation uses.

    .venv/bin/python Testing/Benchmarks/pose_evaluation.py --first-seed 800000 --patients 20 --output calibration
    .venv/bin/python Testing/Benchmarks/pose_trust.py calibration/rows.json

Prints what pose/refusal.py and pose/uncertainty.py hold. Good are poses under 3 mm in-plane; bad are those of what must
be refused, and those of the right patient that are further off. `LEAST_TRUST` lets 92 % of the good pass; the shares
that are refused are cross-validated over ten groups of patients. The stated bound is read from what is accepted. Then
what the constants of pose/refusal.py refuse as they are, of two views at several limits.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from VesselRegistrationLib.pose.quality import FitQuality
from VesselRegistrationLib.pose.refusal import LEAST_TRUST, measures, trust

GOOD_PASSED = 0.92
SUCCESS_MM = 3.0
PENALTY = 1.0
GROUPS = 10
LIMITS_OF_TWO_VIEWS = (0.05, 0.1, 0.15, 0.2, 0.3, LEAST_TRUST)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, nargs="+", help="rows.json of pose_evaluation.py")
    rows = [row for path in parser.parse_args().rows for row in json.loads(path.read_text())]
    rows = [row for row in rows if row.get("told") is not None]
    values = np.array([list(_measures(row).values()) for row in rows])
    is_good = np.array([row.get("inPlane") is not None and row["inPlane"] < SUCCESS_MM for row in rows])
    kinds = np.array([row["kind"] for row in rows])
    weights, constant = fitted(values, is_good)
    scores = values @ weights + constant
    least = np.quantile(scores[is_good], 1 - GOOD_PASSED)
    print(f"TRUST_CONSTANT = {constant:.3f}")
    print("TRUST_WEIGHTS =", {name: round(float(w), 3) for name, w in zip(_measures(rows[0]), weights, strict=True)})
    print(f"LEAST_TRUST = {1 / (1 + math.exp(-least)):.3f}")
    group = np.array([row["seed"] // 2 for row in rows]) % GROUPS
    held_out = np.zeros(len(rows))
    for number in range(GROUPS):
        part = group == number
        own, own_constant = fitted(values[~part], is_good[~part])
        held_out[part] = values[part] @ own + own_constant
    least = np.quantile(held_out[is_good], 1 - GOOD_PASSED)
    print(f"\nCross-validated, {is_good.sum()} good of {len(rows)} poses; with {GOOD_PASSED:.0%} of the good accepted:")
    for kind in dict.fromkeys(kinds):
        for name, part in (("good", is_good & (kinds == kind)), ("bad", ~is_good & (kinds == kind))):
            if part.any():
                print(f"  {kind}, {name}: {(held_out[part] < least).mean():.0%} of {part.sum()} refused")
    accepted = [row for row, score in zip(rows, held_out, strict=True) if score >= least and "inPlane" in row]
    for kind in ("one view", "two views"):
        ratio = np.array([row["inPlane"] / row["expected"] for row in accepted if row["kind"] == kind])
        print(f"  {kind}: in-plane error / stated error, 50, 90, 95 %:", np.percentile(ratio, (50, 90, 95)).round(2))
    print_shipped(rows, kinds, is_good)


def print_shipped(rows: list[dict[str, Any]], kinds: np.ndarray, is_good: np.ndarray) -> None:
    trusts = np.array([trust(_quality(row), row["expected"]) for row in rows])
    print("\nAs pose/refusal.py has them:")
    for kind in dict.fromkeys(kinds):
        limits = LIMITS_OF_TWO_VIEWS if kind.endswith("two views") else (LEAST_TRUST,)
        for name, part in (("good", is_good & (kinds == kind)), ("bad", ~is_good & (kinds == kind))):
            if part.any():
                shares = ", ".join(f"{(trusts[part] < limit).mean():.0%} below {limit}" for limit in limits)
                print(f"  {kind}, {name}, {part.sum()}: {shares}")


def _quality(row: dict[str, Any]) -> FitQuality:
    names = ("told", "explained", "covered", "residual_mm", "lead", "surprise")
    return FitQuality(**{name: float("nan") if row[name] is None else float(row[name]) for name in names})


def _measures(row: dict[str, Any]) -> dict[str, float]:
    return measures(_quality(row), row["expected"])


def fitted(values: np.ndarray, is_good: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights and constant of the logistic regression, standardized and slightly penalized."""
    from scipy.optimize import minimize

    middle, spread = values.mean(axis=0), values.std(axis=0)
    standard = np.column_stack([(values - middle) / spread, np.ones(len(values))])
    sign = np.where(is_good, 1.0, -1.0)

    def loss(weights: np.ndarray) -> float:
        return float(np.logaddexp(0, -sign * (standard @ weights)).sum() + PENALTY / 2 * (weights[:-1] ** 2).sum())

    found = minimize(loss, np.zeros(standard.shape[1])).x
    weights = found[:-1] / spread
    return weights, float(found[-1] - weights @ middle)


if __name__ == "__main__":
    main()
