"""The sample case in Slicer's Sample Data module. It comes with the extension, so nothing is downloaded."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

CATEGORY = "VesselRegistration"
SAMPLE_NAME = "VesselRegistrationSampleCase"


def registerSampleData(thumbnail: Path) -> None:
    """Offer the sample case: a simulated patient before a transcatheter valve implantation."""
    import SampleData

    from VesselSegmentationLib.errors import WeightsError
    from VesselSegmentationLib.resources import resource_folder

    try:
        run = resource_folder() / "SampleCase" / "run.dcm"
    except WeightsError as error:
        logging.warning("The sample case is not offered: %s", error)
        return
    logic = SampleData.SampleDataLogic
    # Slicer 5.10 takes the category's name for its title.
    if hasattr(logic, "registerCustomSampleDataCategory"):
        logic.registerCustomSampleDataCategory(CATEGORY, _("Vessel Registration"))
    logic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=SAMPLE_NAME,
        uris=run.as_uri(),
        fileNames=run.name,
        nodeNames=_("Simulated patient"),
        thumbnailFileName=str(thumbnail),
        customDownloader=openSampleCase,
    )


def openSampleCase(source: Any = None) -> list[Any]:
    """Go to the module and load the sample case there; returns the X-ray run and the model."""
    slicer.util.selectModule("VesselRegistration")
    widget = slicer.modules.vesselregistration.widgetRepresentation().self()
    widget.case.loadSampleCase()
    return [widget.parameters.xray, widget.parameters.model]
