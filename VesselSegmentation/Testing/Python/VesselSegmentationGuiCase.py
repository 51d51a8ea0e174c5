"""What the tests of the panel share: the module opened, the sample run loaded by its button, time passing."""

from __future__ import annotations

import shutil
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer


class VesselSegmentationGuiCase(unittest.TestCase):
    """An empty scene and the module's panel."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear(0)
        slicer.util.selectModule("VesselSegmentation")
        self.settle()
        self.addCleanup(slicer.mrmlScene.Clear, 0)

    @property
    def widget(self) -> Any:
        """The module's widget; another one after a reload."""
        return slicer.modules.vesselsegmentation.widgetRepresentation().self()

    @property
    def ui(self) -> Any:
        return self.widget.ui

    @property
    def parameters(self) -> Any:
        return self.widget.parameters

    def settle(self, seconds: float = 0.15) -> None:
        """Let timers fire and views render."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            slicer.app.processEvents()
            time.sleep(0.005)

    def waitFor(self, condition: Callable[[], Any], what: str, seconds: float = 300) -> None:
        """Let the application work until something is so; fails when it never is."""
        end = time.monotonic() + seconds
        while not condition():
            slicer.app.processEvents()
            time.sleep(0.01)
            if time.monotonic() > end:
                self.fail(f"after {seconds} s: not {what}; {self.messages()}")
        self.settle(0.05)

    def messages(self) -> list[str]:
        """What the panel says."""
        names = ("picture", "vessels", "compare", "training")
        return [getattr(self.ui, f"{name}MessageLabel").text for name in names]

    def loadSampleRun(self) -> Any:
        """By its button, as a user would; the node that shows the frame."""
        self.ui.sampleButton.click()
        self.settle()
        self.assertIsNotNone(self.parameters.xray, self.messages())
        return self.parameters.xray

    def segmentShownFrame(self) -> None:
        """By the Apply button."""
        self.ui.applyButton.click()
        self.waitFor(lambda: not self.widget.vessels.running, "segmented")
        self.assertIsNotNone(self.parameters.segmentation, self.messages())

    def haveVessels(self, frame: int = 0) -> None:
        """What Apply leaves for a frame, without waiting for it."""
        from VesselSegmentationMRML.segment_nodes import storeMasks

        node = storeMasks(self.parameters.xray, {frame: self.truthMask(frame)}, None, {"Threshold": "0.5"})
        self.parameters.segmentation = node
        self.settle()

    def sampleFolder(self) -> Path:
        """Where the sample case lies."""
        from VesselSegmentationLib.resources import resource_folder

        return resource_folder() / "SampleCase"

    def truthMask(self, frame: int) -> Any:
        """The vessels of a frame of the sample case as they truly are, (rows, columns)."""
        from VesselSegmentationMRML.reference_nodes import readMasks

        return readMasks(self.sampleFolder() / "masks" / f"frame_{frame:03d}.png")[0]

    def temporaryFolder(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="VesselSegmentationTest-"))
        self.addCleanup(shutil.rmtree, folder, True)
        return folder

    def keepSettings(self) -> None:
        """Put the user's list of networks back after the test."""
        from VesselSegmentationWidgets import network_list

        for key in (network_list.FOLDER_KEY, network_list.TRAINED_KEY):
            self.addCleanup(qt.QSettings().setValue, key, qt.QSettings().value(key, ""))
            qt.QSettings().setValue(key, "")

    def choose(self, box: Any, text: str) -> None:
        """Choose an entry of a combo box."""
        index = box.findText(text)
        self.assertGreaterEqual(index, 0, f"{text!r} is not in {[box.itemText(i) for i in range(box.count)]}")
        box.setCurrentIndex(index)
        self.settle(0.02)
