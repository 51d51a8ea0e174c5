"""Draws the README's pictures of the modules: the tutorial's ten steps on the sample case, on the test host.

Run by `make screenshots`, inside the host, into Resources/Screenshots or the folder that is given as argument. Each
picture says in its lower edge where it was made.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from PIL import Image

WIDTH, HEIGHT = 1680, 1000
CAPTION_HEIGHT = 26
CAPTION = "Simulated patient. Made on the project's test host, which stands in for 3D Slicer. Research use only."
JOB_SECONDS = 300
FOLDER = Path(__file__).resolve().parents[1] / "Resources" / "Screenshots"


class Pictures:
    """The application's window, worked through step by step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.window = slicer.util.mainWindow()
        self.window.resize(WIDTH, HEIGHT)
        self.beforeTaking: Callable[[], None] = lambda: None

    def open(self, module: str) -> Any:
        """Open a module; returns its Python widget."""
        slicer.util.selectModule(module)
        self.settle()
        return slicer.util.getModuleWidget(module)

    def settle(self, seconds: float = 0.6) -> None:
        """Let timers fire and views render."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            slicer.app.processEvents()
            time.sleep(0.01)

    def wait(self, done: Callable[[], bool], what: str) -> None:
        """Until a job is done; ends the run when it never is."""
        end = time.monotonic() + JOB_SECONDS
        while not done():
            self.settle(0.1)
            if time.monotonic() > end:
                raise RuntimeError(f"{what}: not done after {JOB_SECONDS} s")
        self.settle()

    def take(self, name: str) -> None:
        """Write the window as it is now, with the caption below it."""
        self.settle()
        self.beforeTaking()
        self.settle()
        shot = self.window.grab().toImage()
        picture = qt.QImage(shot.width(), shot.height() + CAPTION_HEIGHT, qt.QImage.Format_RGB32)
        picture.fill(qt.QColor("#303030"))
        painter = qt.QPainter(picture)
        painter.drawImage(0, 0, shot)
        painter.setPen(qt.QColor("#f0f0f0"))
        painter.drawText(8, shot.height() + CAPTION_HEIGHT - 8, CAPTION)
        painter.end()
        path = self.folder / f"{name}.png"
        if not picture.save(str(path)):
            raise RuntimeError(f"{path} cannot be written")
        with Image.open(path) as full:
            small = full.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
        small.save(path, optimize=True)
        print(path)


def unfold(widget: Any, *steps: str) -> None:
    """Open these steps of the panel and close the others."""
    for name in ("case", "cArm", "projection", "vessels", "register", "result", "save"):
        getattr(widget.ui, f"{name}CollapsibleButton").collapsed = name not in steps


def registration(pictures: Pictures) -> None:
    """Steps 1 to 9 of the tutorial."""
    widget = pictures.open("VesselRegistration")
    ui, parameters = widget.ui, lambda: widget.parameters
    # The panel changes its width with its content, and the views with it.
    pictures.beforeTaking = lambda: widget.logic.fitSliceViews(parameters())
    unfold(widget, "case")
    ui.sampleCaseButton.click()
    pictures.settle()
    ui.layoutButton.click()
    pictures.take("tutorial-1-case")
    unfold(widget, "cArm")
    pictures.take("tutorial-2-c-arm")
    unfold(widget, "projection")
    ui.useRoiCheckBox.click()
    ui.fitRoiButton.click()
    pictures.take("tutorial-3-region")
    unfold(widget, "vessels")
    ui.segmentButton.click()
    pictures.wait(lambda: parameters().segmentation is not None and ui.segmentButton.enabled, "Find vessels")
    pictures.take("tutorial-4-vessels")
    unfold(widget, "register")
    ui.registerButton.click()
    pictures.wait(lambda: widget.logic.result(parameters()) is not None, "Register")
    pictures.take("tutorial-5-register")
    unfold(widget, "result")
    pictures.take("tutorial-6-overlay")
    ui.showOverlayCheckBox.click()
    ui.show3DButton.click()
    pictures.take("tutorial-7-3d")
    ui.cArmViewButton.click()
    pictures.take("tutorial-8-c-arm-view")
    ui.handlesButton.click()
    ui.show3DButton.click()
    for _ in range(3):
        ui.rightButton.click()
    pictures.take("tutorial-9-adjust")
    ui.handlesButton.click()
    ui.resetPoseButton.click()
    unfold(widget, "save")
    with tempfile.TemporaryDirectory() as folder:
        ui.saveFolderLineEdit.currentPath = str(Path(folder) / "results")
        pictures.settle()
        ui.saveButton.click()
        pictures.take("tutorial-10-save")


def segmentation(pictures: Pictures) -> None:
    """The VesselSegmentation module with its attention map."""
    slicer.mrmlScene.Clear(0)
    pictures.beforeTaking = lambda: None
    widget = pictures.open("VesselSegmentation")
    ui = widget.ui
    ui.sampleButton.click()
    pictures.settle()
    ui.frameSlider.value = 5
    ui.attentionCheckBox.checked = True
    pictures.settle()
    ui.applyButton.click()
    pictures.settle(1.0)
    pictures.wait(lambda: ui.applyButton.enabled, "Apply")
    ui.overlayComboBox.currentIndex = ui.overlayComboBox.findText("Attention of the network")
    ui.largePictureButton.click()
    pictures.take("vessel-segmentation")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    target.mkdir(parents=True, exist_ok=True)
    shots = Pictures(target)
    registration(shots)
    segmentation(shots)
    slicer.util.exit(0)
