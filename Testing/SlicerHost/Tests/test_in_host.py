"""Runs the cases that need the application's objects, each file in a host of its own."""

from __future__ import annotations

import re

import pytest
from host_process import HERE, MODULES, runHost

CASES = sorted(path.stem for path in (HERE / "InHost").glob("*Cases.py"))


@pytest.mark.parametrize("name", [*CASES, "HostExample"])
def test_all_cases_pass_in_the_host(name: str) -> None:
    code = f"import slicer.testing; slicer.testing.runUnitTest([r'{HERE / 'InHost'}'], '{name}')"
    done = runHost(
        "--testing", "--no-splash", "--additional-module-paths", str(MODULES), "--python-code", code,
        environment={"HOST_TEST_VARIABLE": "given"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    ran = re.search(r"Ran (\d+) tests?", done.stdout)
    assert ran is not None
    assert int(ran.group(1)) > 0


def test_a_failing_case_fails_the_host() -> None:
    code = (
        "import unittest, types, sys; m = types.ModuleType('failing'); sys.modules['failing'] = m\n"
        "m.Case = type('Case', (unittest.TestCase,), {'test_it': lambda self: self.fail('on purpose')})\n"
        "import slicer.testing; slicer.testing.runUnitTest([], 'failing')"
    )
    done = runHost("--testing", "--no-main-window", "--python-code", code)
    assert done.returncode == 1
    assert "on purpose" in done.stdout
