"""The VesselRegistration module: the patient's own CT vessel model over the live X-ray picture.

This file only tells the application about the module. The panel is in VesselRegistrationWidgets, the logic in
VesselRegistrationMRML, the computation in VesselRegistrationLib; each is loaded when it is first needed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleTest

OWN_PACKAGES = ("VesselRegistrationMRML", "VesselRegistrationWidgets")

# When this file is read again (Reload), logic and panel are read again with it. The libraries are not: both modules
# share them, and a class that exists twice is two classes, so that an error of one would not be caught as the other.
if getattr(sys.modules.get(OWN_PACKAGES[0]), "isInUse", False):
    for _name in [name for name in sys.modules if name.partition(".")[0] in OWN_PACKAGES]:
        del sys.modules[_name]

import VesselRegistrationMRML  # noqa: E402
from VesselRegistrationMRML import layout  # noqa: E402
from VesselRegistrationMRML.registration_logic import VesselRegistrationLogic  # noqa: E402
from VesselRegistrationWidgets.main_widget import VesselRegistrationWidget  # noqa: E402

VesselRegistrationMRML.isInUse = True

__all__ = ["VesselRegistration", "VesselRegistrationLogic", "VesselRegistrationTest", "VesselRegistrationWidget"]


class VesselRegistration(ScriptedLoadableModule):
    """The module's name, help and place in the menu."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Vessel Registration")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Registration")]
        self.parent.dependencies = ["Markups", "Segmentations", "Sequences", "VesselSegmentation"]
        self.parent.contributors = [_("The VesselRegistration developers")]
        self.parent.helpText = _helpText()
        self.parent.acknowledgementText = _acknowledgementText()
        slicer.app.connect("startupCompleted()", onStartupCompleted)


def onStartupCompleted() -> None:
    """What must be known before the module is opened: its arrangement of views, and the sample case."""
    layout.register(slicer.mrmlScene)
    registerSampleData()


def registerSampleData() -> None:
    """Offer the sample case in the Sample Data module."""
    from VesselRegistrationWidgets import sample_data

    sample_data.registerSampleData(Path(__file__).parent / "Resources" / "Icons" / "VesselRegistration.png")


def _helpText() -> str:
    return _("""
<p>Lays the vessel model of the patient's CT angiogram on the X-ray picture.
<b>Research use only. Not a medical device.</b></p>
<ol>
<li><b>Case</b>: load the vessel model and the X-ray run, or the sample case.</li>
<li><b>C-arm</b>: check the angles and distances. Each says where it came from; type over what is wrong.</li>
<li><b>Projection and region</b>: the model as X-rays would show it. Draw the region to match, if not all of it.</li>
<li><b>Vessels</b>: find the vessels in the frame shown, or choose a segmentation of your own.</li>
<li><b>Register</b>: find the model's pose in mm, with its expected error. A pose that cannot be trusted is refused,
with the reason. With a second run of the patient, take its pose over or register both together.</li>
<li><b>Result</b>: look at outline, colors and expected error on the picture, at the model in 3D, go through the
frames, adjust by hand, mark landmarks to measure how far off the pose is.</li>
<li><b>Save</b>: report, pictures, transform and scene.</li>
</ol>
<p>Colors: yellow where model and vessel meet, magenta model only, cyan vessel only. A dashed outline is that of a
model that was not registered on this frame.</p>
<p>After Z. Li, M. E. Mancini, G. Monizzi, D. Andreini, G. Ferrigno, J. Dankelman and E. De Momi,
<i>Model-to-Image Registration via Deep Learning towards Image-Guided Endovascular Interventions</i>,
International Symposium on Medical Robotics (ISMR), Atlanta, 2021.</p>
""")


def _acknowledgementText() -> str:
    return _("""
The method is that of Li et al. (ISMR 2021), of Politecnico di Milano and Delft University of Technology; this is an
independent implementation. All networks were trained on simulated patients. Licensed under Apache 2.0.
""")


class VesselRegistrationTest(ScriptedLoadableModuleTest):
    """A quick check inside the application; the full tests are in Testing/Python."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        self.setUp()
        self.test_the_projection_of_the_sample_case_follows_the_angle()

    def test_the_projection_of_the_sample_case_follows_the_angle(self) -> None:
        slicer.util.selectModule("VesselRegistration")
        widget = slicer.modules.vesselregistration.widgetRepresentation().self()
        widget.ui.sampleCaseButton.click()
        widget.live.flush()
        before = slicer.util.arrayFromVolume(widget.parameters.projection).copy()
        widget.ui.primaryAngleSlider.value = widget.ui.primaryAngleSlider.value + 20
        widget.live.flush()
        after = slicer.util.arrayFromVolume(widget.parameters.projection)
        assert before.max() > 0
        assert abs(after - before).max() > 0
