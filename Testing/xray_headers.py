"""Header elements of X-ray runs for the tests of what is read from them."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from VesselRegistrationLib.xray_geometry import read_geometry
from VesselRegistrationLib.xray_header import Header
from VesselRegistrationLib.xray_run import FrameGeometry


def header(is_enhanced: bool = False, **values: Any) -> Header:
    """A data set with the given elements by keyword."""
    return Header(dataset(**values), is_enhanced)


def dataset(**values: Any) -> Dataset:
    result = Dataset()
    for keyword, value in values.items():
        setattr(result, keyword, Sequence(value) if isinstance(value, list) and value and is_item(value[0]) else value)
    return result


def is_item(value: Any) -> bool:
    return isinstance(value, Dataset)


COMPLETE: dict[str, Any] = {
    "PositionerPrimaryAngle": "30",
    "PositionerSecondaryAngle": "-20.5",
    "DistanceSourceToDetector": "1000.25",
    "DistanceSourceToPatient": "788.2679",
    "ImagerPixelSpacing": ["0.4", "0.3"],
    "PatientPosition": "HFS",
}


def first(rows: int = 512, columns: int = 512, frames: int = 1, **values: Any) -> tuple[FrameGeometry, list[str]]:
    geometry, warnings = read_geometry(header(**values), frames, rows, columns)
    assert len(geometry) == frames
    return geometry[0], warnings


def without(*keywords: str, **more: Any) -> dict[str, Any]:
    return {keyword: value for keyword, value in COMPLETE.items() if keyword not in keywords} | more


def top(vertical: float, longitudinal: float, lateral: float) -> Dataset:
    return dataset(
        TableTopVerticalPosition=str(vertical),
        TableTopLongitudinalPosition=str(longitudinal),
        TableTopLateralPosition=str(lateral),
    )


def enhanced(frames: int = 2) -> Dataset:
    """Angles and distances per frame, detector values shared."""
    per_frame = [
        dataset(
            PositionerPositionSequence=[
                dataset(PositionerPrimaryAngle=str(10 * frame), PositionerSecondaryAngle=str(-5 * frame))
            ],
            XRayGeometrySequence=[dataset(DistanceSourceToDetector=str(1000 + frame), DistanceSourceToIsocenter=750.5)],
            TablePositionSequence=[top(vertical=20 + frame, longitudinal=3, lateral=40)],
            FrameContentSequence=[dataset(FrameAcquisitionDateTime=f"2020010123595{frame}.5")],
        )
        for frame in range(frames)
    ]
    shared = dataset(
        FramePixelDataPropertiesSequence=[dataset(ImagerPixelSpacing=["0.4", "0.4"])],
        FieldOfViewSequence=[dataset(FieldOfViewOrigin=["12", "12"], FieldOfViewDimensionsInFloat=[200.0, 200.0])],
    )
    return dataset(
        PerFrameFunctionalGroupsSequence=per_frame,
        SharedFunctionalGroupsSequence=[shared],
        PatientPosition="HFS",
        DetectorElementSpacing=["0.2", "0.2"],
        PositionOfIsocenterProjection=[511.5, 516.5],
    )
