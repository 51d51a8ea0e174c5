"""Runs the cases about Qt, widgets and views, each file in a host of its own."""

from __future__ import annotations

import re

import pytest
from host_process import HERE, runHost

CASES = sorted(path.stem for path in (HERE / "InQt").glob("*Cases.py"))


@pytest.mark.parametrize("name", CASES)
def test_all_cases_pass_in_the_host(name: str) -> None:
    code = f"import slicer.testing; slicer.testing.runUnitTest([r'{HERE / 'InQt'}'], '{name}')"
    done = runHost("--testing", "--no-splash", "--python-code", code)
    assert done.returncode == 0, done.stdout[-6000:]
    ran = re.search(r"Ran (\d+) tests?", done.stdout)
    assert ran is not None
    assert int(ran.group(1)) > 0


@pytest.mark.parametrize(
    "code",
    [
        "b = qt.QPushButton(); b.clicked.connect(lambda: 1 / 0); b.click()",
        "qt.QTimer.singleShot(0, lambda: 1 / 0)",
        "class W(qt.QWidget):\n  def resizeEvent(self, e): 1 / 0\nw = W(); w.show(); slicer.app.processEvents()",
    ],
)
def test_an_exception_that_qt_swallows_is_printed_and_fails_the_host(code: str) -> None:
    done = runHost("--testing", "--no-main-window", "--python-code", f"import qt, slicer\n{code}\nprint('went on')")
    assert "ZeroDivisionError" in done.stdout
    assert "went on" in done.stdout
    assert done.returncode == 1
