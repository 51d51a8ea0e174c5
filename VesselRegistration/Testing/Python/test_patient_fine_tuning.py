"""The benchmark of fine-tuning scores views that nothing was trained on, and its table says which are whose."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[3] / "Testing" / "Benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_views_to_score_show_vessel_and_are_of_two_patients() -> None:
    from patient_fine_tuning import LEAST_VESSEL, OTHER, OWN, views_to_score

    own, again, other = (views_to_score("phantom", which, 2, 64) for which in (OWN, OWN, OTHER))
    assert all(mask.mean() >= LEAST_VESSEL for _frame, mask in (*own, *other))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(own, again))
    assert not np.array_equal(own[0][0], other[0][0])


def test_table_has_a_line_per_patient_and_training_with_the_views_it_made_better(tmp_path: Path) -> None:
    from patient_fine_tuning import OTHER, OWN, REGIONS, SCORES_FILE, table

    def write(name: str, own: list[float], rest: float) -> None:
        scores = {f"{region}-{which}": [rest] * 3 for region in REGIONS for which in (OWN, OTHER)}
        scores[f"lower-{OWN}"] = own
        (tmp_path / f"{name}.{SCORES_FILE}").write_text(json.dumps(scores))

    write("start", [0.5, 0.6, 0.7], 0.4)
    write("own-lower", [0.6, 0.5, 0.9], 0.3)
    lines = table(tmp_path).splitlines()
    assert "| lower | start | 0.600 |  |  | 0.400 | 0.400 |" in lines
    assert "| lower | own | 0.600 | 2 of 3 |  | 0.300 | 0.300 |" in lines
    write("others", [0.5, 0.5, 0.8], 0.4)
    lines = table(tmp_path).splitlines()
    assert "| lower | own | 0.600 | 2 of 3 | +0.067 ± 0.067 | 0.300 | 0.300 |" in lines
    assert "| lower | others | 0.500 | 1 of 3 |  | 0.400 | 0.400 |" in lines
    assert not any(line.startswith("| upper | own") for line in lines)
