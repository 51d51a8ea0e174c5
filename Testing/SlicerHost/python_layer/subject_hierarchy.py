"""Keeps the subject hierarchy as the application's plugins do: an item for each data node of the scene.

Segments and what lies below them get no items here; the application's Segmentations plugin makes those.
"""

from __future__ import annotations

from typing import Any

import slicer
import vtk

# Name of the plugin that owns the item: node classes it takes, the more special ones first.
_OWNERS = (
    ("LabelMaps", "vtkMRMLLabelMapVolumeNode"),
    ("DiffusionTensorVolumes", "vtkMRMLDiffusionTensorVolumeNode"),
    ("Volumes", "vtkMRMLScalarVolumeNode"),
    ("Segmentations", "vtkMRMLSegmentationNode"),
    ("Models", "vtkMRMLModelNode"),
    ("Markups", "vtkMRMLMarkupsNode"),
    ("Transforms", "vtkMRMLTransformNode"),
    ("Tables", "vtkMRMLTableNode"),
    ("Texts", "vtkMRMLTextNode"),
    ("Plots", "vtkMRMLPlotChartNode"),
    ("Plots", "vtkMRMLPlotSeriesNode"),
    ("Folder", "vtkMRMLFolderDisplayNode"),
)


class SubjectHierarchyUpdater:
    """Watches a scene."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        for event, method in (
            (scene.NodeAddedEvent, self._nodeAdded),
            (scene.NodeAboutToBeRemovedEvent, self._nodeAboutToBeRemoved),
            (scene.NodeRemovedEvent, self._nodeRemoved),
        ):
            scene.AddObserver(event, _withNode(method))
        for event in (scene.EndImportEvent, scene.EndCloseEvent, scene.EndRestoreEvent, scene.EndBatchProcessEvent):
            scene.AddObserver(event, lambda *_: self.update(), 10.0)
        self.update()

    def update(self) -> None:
        """See that there is one subject hierarchy node with an item for each data node."""
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.ResolveSubjectHierarchy(self._scene)
        for node in slicer.util.getNodesByClass("vtkMRMLNode", self._scene):
            self._add(hierarchy, node)

    def _add(self, hierarchy: Any, node: Any) -> None:
        owner = next((name for name, kind in _OWNERS if node.IsA(kind)), None)
        if owner is None or node.GetHideFromEditors() or hierarchy.GetItemByDataNode(node):
            return
        hierarchy.CreateItem(hierarchy.GetSceneItemID(), node, owner)

    def _nodeAdded(self, node: Any) -> None:
        if node.IsA("vtkMRMLSubjectHierarchyNode"):
            slicer.vtkMRMLSubjectHierarchyNode.ResolveSubjectHierarchy(self._scene)
        elif not self._scene.IsImporting():
            self._add(slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene), node)

    def _nodeAboutToBeRemoved(self, node: Any) -> None:
        if self._scene.IsClosing() or node.IsA("vtkMRMLSubjectHierarchyNode"):
            return
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.RemoveItem(item, False, False)

    def _nodeRemoved(self, node: Any) -> None:
        if not self._scene.IsClosing() and node.IsA("vtkMRMLSubjectHierarchyNode"):
            self.update()


def _withNode(method: Any) -> Any:
    """An observer that is given the node the event is about."""

    def callback(_caller: Any, _event: str, node: Any) -> None:
        method(node)

    callback.CallDataType = vtk.VTK_OBJECT  # type: ignore[attr-defined]
    return callback
