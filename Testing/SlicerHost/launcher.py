#!/usr/bin/env python3
"""Runs scripted Slicer modules without the Slicer application, with the arguments of Slicer's own launcher.

python Testing/SlicerHost/launcher.py --testing --no-splash --additional-module-paths FOLDER --python-code CODE
"""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [folder for folder in (str(_HERE), str(_HERE / "pythonqt")) if folder not in sys.path]

from python_layer.main import main  # noqa: E402  the path must be set before

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
