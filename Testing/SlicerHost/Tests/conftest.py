"""Tests of the host run where the host can: with slicer-core and PySide6 installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))

collect_ignore = ["InHost", "Modules", "BrokenModules", "DependentModules"]
if any(importlib.util.find_spec(name) is None for name in ("slicer_core", "PySide6")):
    collect_ignore += [path.name for path in Path(__file__).resolve().parent.glob("test_*.py")]
