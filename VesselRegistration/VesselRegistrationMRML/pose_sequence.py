"""The poses of a run as a sequence of transforms in step with its frames, for whatever else is to follow the vessels.

The module's own model hangs under its pose node; the sequence's proxy always holds the same on a registered frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import slicer

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationMRML.certainty import Standing
from VesselRegistrationMRML.placement import setPoseLps
from VesselSegmentationMRML import run_nodes

REFERENCE = "VesselRegistration.PoseSequence"
"""Role of the node reference from the run's volume node to the sequence."""
STANDING_ATTRIBUTE = "VesselRegistration.Standing"
"""On every transform of the sequence: what that frame's pose is worth, such as `registered` or `refused`."""


def sequenceOf(volumeNode: Any) -> Any | None:
    """The sequence of transforms of a run, or None."""
    return volumeNode.GetNodeReference(REFERENCE) if volumeNode else None


def update(volumeNode: Any, poses: Sequence[tuple[FloatArray, Standing]]) -> Any | None:
    """Keep one pose (4, 4) LPS mm per frame beside a run; returns the sequence, None for a single picture."""
    browser = run_nodes.browserOf(volumeNode)
    if browser is None:
        return None
    run, sequence = browser.GetMasterSequenceNode(), sequenceOf(volumeNode)
    if sequence is None:
        sequence = volumeNode.GetScene().AddNewNodeByClass("vtkMRMLSequenceNode", f"{volumeNode.GetName()} poses")
        sequence.SetIndexType(run.GetIndexType())
        sequence.SetIndexName(run.GetIndexName())
        sequence.SetIndexUnit(run.GetIndexUnit())
        volumeNode.SetNodeReferenceID(REFERENCE, sequence.GetID())
    for index, (pose, standing) in enumerate(poses):
        item = slicer.vtkMRMLLinearTransformNode()
        item.SetName(sequence.GetName())
        item.SetAttribute(STANDING_ATTRIBUTE, standing.value)
        setPoseLps(item, pose)
        sequence.SetDataNodeAtValue(item, run.GetNthIndexValue(index))
    run_nodes.addProxy(browser, sequence)
    return sequence


def remove(volumeNode: Any) -> None:
    """Take the sequence and its proxy out of the scene."""
    sequence, browser = sequenceOf(volumeNode), run_nodes.browserOf(volumeNode) if volumeNode else None
    if sequence is None:
        return
    scene = volumeNode.GetScene()
    proxy = browser.GetProxyNode(sequence) if browser else None
    if browser is not None:
        browser.RemoveSynchronizedSequenceNode(sequence.GetID())
    volumeNode.SetNodeReferenceID(REFERENCE, None)
    for node in (proxy, sequence):
        if node is not None and node.GetScene() is scene:
            scene.RemoveNode(node)
