"""The launcher keeps to the command line of Slicer's own, exit codes included."""

from __future__ import annotations

from pathlib import Path

import pytest
from host_process import HERE, MODULES, runCode, runHost


def test_code_that_succeeds_exits_with_0() -> None:
    done = runCode("print('scene has', slicer.mrmlScene.GetNumberOfNodes() > 0)")
    assert done.returncode == 0, done.stdout
    assert "scene has True" in done.stdout


def test_code_that_raises_exits_with_1() -> None:
    done = runCode("raise ValueError('not this one')")
    assert done.returncode == 1
    assert "ValueError: not this one" in done.stdout


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("slicer.util.exit(7)", 7),
        ("slicer.app.exit(8)", 8),
        ("slicer.util.quit()", 0),
        ("import sys; sys.exit(9)", 9),
    ],
)
def test_exit_codes_are_honoured(code: str, expected: int) -> None:
    assert runCode(code).returncode == expected


@pytest.mark.parametrize(
    "code",
    [
        "qt.QTimer.singleShot(0, lambda: 1 / 0); slicer.app.processEvents()",
        "slicer.mrmlScene.AddObserver('ModifiedEvent', lambda *_: 1 / 0); slicer.mrmlScene.Modified()",
        "slicer.app.connect('aboutToQuit()', lambda: 1 / 0)",
    ],
)
def test_an_exception_in_a_slot_or_observer_exits_with_1_and_does_not_propagate(code: str) -> None:
    done = runCode(f"{code}; print('went on')")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stdout
    assert "went on" in done.stdout


def test_an_unknown_argument_is_refused() -> None:
    done = runHost("--testing", "--no-such-argument")
    assert done.returncode == 2
    assert "unknown argument: --no-such-argument" in done.stdout


def test_an_abbreviated_argument_is_refused() -> None:
    assert runHost("--test").returncode == 2


def test_help_lists_the_arguments() -> None:
    done = runHost("--help")
    assert done.returncode == 0
    for name in ("--testing", "--no-main-window", "--python-script", "--additional-module-paths"):
        assert name in done.stdout


def test_a_script_gets_its_arguments_and_its_folder(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("VALUE = 5\n", encoding="utf-8")
    script = tmp_path / "script.py"
    script.write_text("import sys, beside\nprint(sys.argv[1:], beside.VALUE, __name__)\n", encoding="utf-8")
    done = runHost("--testing", "--no-main-window", "--python-script", str(script), "--own", "3")
    assert done.returncode == 0, done.stdout
    assert "['--own', '3'] 5 __main__" in done.stdout


def test_a_missing_script_exits_with_1(tmp_path: Path) -> None:
    done = runHost("--testing", "--no-main-window", "--python-script", str(tmp_path / "none.py"))
    assert done.returncode == 1
    assert "doesn't exist" in done.stdout


def test_a_module_that_cannot_be_imported_is_named_and_exits_with_1() -> None:
    done = runCode("print('alive')", "--additional-module-paths", str(HERE / "BrokenModules"))
    assert done.returncode == 1
    assert "Failed to instantiate module HostBroken" in done.stdout
    assert "alive" in done.stdout


def test_a_module_without_its_dependency_is_not_loaded() -> None:
    folder = str(HERE / "DependentModules")
    done = runCode("print(hasattr(slicer.modules, 'hostdependent'))", "--additional-module-paths", folder)
    assert "the dependency 'HostExample' failed to be loaded" in done.stdout
    assert "False" in done.stdout
    assert done.returncode == 1


def test_modules_are_loaded_in_the_order_of_their_dependencies() -> None:
    folders = [str(HERE / "DependentModules"), str(MODULES)]
    code = "names = slicer.util.moduleNames(); assert names.index('HostExample') < names.index('HostDependent'), names"
    done = runCode(code, "--additional-module-paths", *folders)
    assert done.returncode == 0, done.stdout


def test_a_module_can_be_ignored() -> None:
    code = "assert 'HostExample' not in slicer.util.moduleNames()"
    done = runCode(code, "--modules-to-ignore", "HostExample,Other", "--additional-module-paths", str(MODULES))
    assert done.returncode == 0, done.stdout


def test_no_module_is_loaded_when_modules_are_disabled() -> None:
    done = runCode("assert slicer.util.moduleNames() == (), slicer.util.moduleNames()", "--disable-modules")
    assert done.returncode == 0, done.stdout


def test_starting_imports_no_heavy_package() -> None:
    names = "['torch', 'SimpleITK', 'scipy', 'monai', 'skimage', 'pydicom']"
    done = runCode(f"import sys; assert not set({names}) & set(sys.modules), set({names}) & set(sys.modules)")
    assert done.returncode == 0, done.stdout


def test_many_calls_leave_none_alive() -> None:
    code = (
        "import sys; button = qt.QPushButton(); before = sys.getrefcount(None)\n"
        "for _ in range(20000): button.setText('x')\n"
        "assert sys.getrefcount(None) > 10**9, before"
    )
    done = runCode(code)
    assert done.returncode == 0, done.stdout
