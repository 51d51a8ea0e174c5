"""What the tests of the panel share: the module opened, the sample case loaded by its button, the mouse."""

from __future__ import annotations

import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
import vtk

FLUOROSCOPY, PROJECTION = "Red", "Yellow"
DRAG_STEPS = 8
SAMPLE_FRAME = 4
"""The frame that the sample case begins with, counted from 0."""


class VesselRegistrationGuiCase(unittest.TestCase):
    """An empty scene and the module's panel."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear(0)
        slicer.util.selectModule("VesselRegistration")
        self.settle()
        self.addCleanup(slicer.mrmlScene.Clear, 0)

    @property
    def widget(self) -> Any:
        """The module's widget; another one after a reload."""
        return slicer.modules.vesselregistration.widgetRepresentation().self()

    @property
    def ui(self) -> Any:
        return self.widget.ui

    @property
    def parameters(self) -> Any:
        return self.widget.parameters

    def settle(self, seconds: float = 0.15) -> None:
        """Let timers fire and views render, until the panel has followed every change."""
        self.pause(seconds)
        end = time.monotonic() + 20
        while self.widget.live.pending and time.monotonic() < end:
            self.pause(0.01)

    def pause(self, seconds: float) -> None:
        """Let the application work for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            slicer.app.processEvents()
            time.sleep(0.005)

    def waitFor(self, condition: Callable[[], Any], what: str, seconds: float = 300) -> None:
        """Let the application work until something is so; fails when it never is, on a busy computer too."""
        end = time.monotonic() + seconds
        while not condition():
            slicer.app.processEvents()
            time.sleep(0.01)
            if time.monotonic() > end:
                said = self.ui.statusLabel.text
                self.fail(f"after {seconds} s: not {what}; the status line says {said!r}")
        self.settle(0.05)

    def loadSampleCase(self) -> None:
        """By its button, as a user would."""
        self.ui.sampleCaseButton.click()
        self.settle()
        self.assertIsNotNone(self.parameters.xray, self.ui.statusLabel.text)
        self.assertIsNotNone(self.parameters.model, self.ui.statusLabel.text)
        self.waitFor(lambda: not self.widget.case.settling, "settled")

    def sampleFolder(self) -> Path:
        """Where the sample case lies."""
        from VesselSegmentationLib.resources import resource_folder

        return resource_folder() / "SampleCase"

    def truthMask(self, frame: int = SAMPLE_FRAME) -> Any:
        """The vessels of a frame of the sample case as they truly are, (rows, columns)."""
        from VesselRegistrationLib.xray_reading import read_xray_run

        return read_xray_run(self.sampleFolder() / "masks" / f"frame_{frame:03d}.png").frames[0] > 0

    def useTrueVessels(self, frame: int = SAMPLE_FRAME) -> None:
        """Give step 4 a segmentation that holds the true vessels of a frame."""
        from VesselSegmentationMRML.segment_nodes import storeMasks

        self.parameters.segmentation = storeMasks(self.parameters.xray, {frame: self.truthMask(frame)})
        self.settle()

    def sliceView(self, name: str = FLUOROSCOPY) -> Any:
        return slicer.app.layoutManager().sliceWidget(name).sliceView()

    def sliceNode(self, name: str = FLUOROSCOPY) -> Any:
        return slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode()

    def view3D(self) -> Any:
        return slicer.app.layoutManager().threeDWidget(0).threeDView()

    def viewPosition(self, ras: Any, name: str = FLUOROSCOPY) -> tuple[int, int]:
        """Where a point of the scene is seen in a slice view, from its lower left corner."""
        rasToXy = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.sliceNode(name).GetXYToRAS(), rasToXy)
        x, y = rasToXy.MultiplyPoint([*ras, 1.0])[:2]
        return round(x), round(y)

    def pixelPosition(self, column: float, row: float) -> tuple[int, int]:
        """Where a pixel of the X-ray picture is seen in the fluoroscopy view."""
        ijkToRas = vtk.vtkMatrix4x4()
        self.parameters.xray.GetIJKToRASMatrix(ijkToRas)
        return self.viewPosition(ijkToRas.MultiplyPoint([column, row, 0.0, 1.0])[:3])

    def mouse(self, view: Any, event: str, position: tuple[int, int]) -> None:
        """One event of the mouse; handles are found where they were last drawn, so the view is drawn after it."""
        interactor = view.interactor()
        interactor.SetEventInformation(position[0], position[1], 0, 0)
        interactor.InvokeEvent(event)
        self.pause(0.02)
        view.forceRender()

    def click(self, view: Any, position: tuple[int, int]) -> None:
        self.mouse(view, "MouseMoveEvent", position)
        self.mouse(view, "LeftButtonPressEvent", position)
        self.mouse(view, "LeftButtonReleaseEvent", position)

    def drag(self, view: Any, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Press the left button at one place, move and let it go at another."""
        self.mouse(view, "MouseMoveEvent", start)
        self.mouse(view, "LeftButtonPressEvent", start)
        for step in range(1, DRAG_STEPS + 1):
            part = step / DRAG_STEPS
            x, y = (round(a + part * (b - a)) for a, b in zip(start, end))
            self.mouse(view, "MouseMoveEvent", (x, y))
        self.mouse(view, "LeftButtonReleaseEvent", end)
