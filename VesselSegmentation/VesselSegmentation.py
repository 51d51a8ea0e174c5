"""The VesselSegmentation module: vessels in X-ray pictures, found by a network.

This file only tells the application about the module. The panel is in VesselSegmentationWidgets, the logic in
VesselSegmentationMRML, the computation in VesselSegmentationLib; each is loaded when it is first needed.
"""

from __future__ import annotations

import sys
from typing import Any

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleTest

OWN_PACKAGES = ("VesselSegmentationMRML", "VesselSegmentationWidgets")

# When this file is read again (Reload), logic and panel are read again with it. The libraries are not: both modules
# share them, and a class that exists twice is two classes, so that an error of one would not be caught as the other.
if getattr(sys.modules.get(OWN_PACKAGES[0]), "isInUse", False):
    for _name in [name for name in sys.modules if name.partition(".")[0] in OWN_PACKAGES]:
        del sys.modules[_name]

import VesselSegmentationMRML  # noqa: E402
from VesselSegmentationMRML.segmentation_logic import VesselSegmentationLogic  # noqa: E402
from VesselSegmentationWidgets.segmentation_widget import VesselSegmentationWidget  # noqa: E402

VesselSegmentationMRML.isInUse = True

__all__ = ["VesselSegmentation", "VesselSegmentationLogic", "VesselSegmentationTest", "VesselSegmentationWidget"]


class VesselSegmentation(ScriptedLoadableModule):
    """The module's name, help and place in the menu."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Vessel Segmentation")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Colors", "Plots", "Segmentations", "Sequences", "Tables", "Volumes"]
        self.parent.contributors = [_("The VesselRegistration developers")]
        self.parent.helpText = _helpText()
        self.parent.acknowledgementText = _acknowledgementText()
        slicer.app.connect("startupCompleted()", registerLayout)


def registerLayout() -> None:
    """Let scenes be opened that were saved with the module's arrangement of views."""
    from VesselSegmentationMRML import layout

    layout.registerLayout(slicer.mrmlScene)


def _helpText() -> str:
    return _("""
<p>Finds the vessels in X-ray pictures with contrast agent.
<b>Research use only. Not a medical device.</b></p>
<ol>
<li><b>X-ray picture</b>: choose a picture or a run, and a frame; or load the sample.</li>
<li><b>Vessels</b>: <i>Apply</i> finds the vessels of the frame shown, <i>All frames</i> those of the run. The
segmentation follows the frames and can be corrected in the Segment Editor.</li>
<li><b>View</b>: what lies over the picture: the vessels, their probability, or where the network looked.</li>
<li><b>Compare with a reference</b>: DSC, precision and recall against an expert's mask, in a table and a box plot over
the frames. Colors: yellow found and true, magenta found only, cyan missed.</li>
<li><b>Train a network</b>: on frames and masks of your own, with the paper's settings or the recommended ones.</li>
</ol>
<p>After Z. Li, M. E. Mancini, G. Monizzi, D. Andreini, G. Ferrigno, J. Dankelman and E. De Momi,
<i>Model-to-Image Registration via Deep Learning towards Image-Guided Endovascular Interventions</i>,
International Symposium on Medical Robotics (ISMR), Atlanta, 2021.</p>
""")


def _acknowledgementText() -> str:
    return _("""
The method is that of Li et al. (ISMR 2021), of Politecnico di Milano and Delft University of Technology; this is an
independent implementation. The shipped network was trained on simulated patients. Licensed under Apache 2.0.
""")


class VesselSegmentationTest(ScriptedLoadableModuleTest):
    """A quick check inside the application; the full tests are in Testing/Python."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        self.setUp()
        self.test_the_sample_run_is_shown_and_its_frames_can_be_gone_through()

    def test_the_sample_run_is_shown_and_its_frames_can_be_gone_through(self) -> None:
        slicer.util.selectModule("VesselSegmentation")
        widget = slicer.modules.vesselsegmentation.widgetRepresentation().self()
        widget.ui.sampleButton.click()
        before = slicer.util.arrayFromVolume(widget.parameters.xray).copy()
        widget.ui.frameSlider.value = 7
        after = slicer.util.arrayFromVolume(widget.parameters.xray)
        assert before.max() > 0
        assert (after != before).any()
