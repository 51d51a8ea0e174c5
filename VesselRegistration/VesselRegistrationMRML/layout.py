"""The module's arrangement of views. Light, so that the application can know it from the start.

A saved scene names the arrangement by its number: it must be known before the scene is opened, with or without the
module's window.
"""

from __future__ import annotations

from typing import Any

FLUOROSCOPY_VIEW, PROJECTION_VIEW = "Red", "Yellow"
LAYOUT_ID = 20577
"""Any number that no other layout has."""
_SLICE = """
<view class="vtkMRMLSliceNode" singletontag="{tag}">
  <property name="orientation" action="default">Axial</property>
  <property name="viewlabel" action="default">{label}</property>
  <property name="viewcolor" action="default">{color}</property>
</view>"""
LAYOUT = f"""
<layout type="horizontal" split="true">
  <item splitSize="540">{_SLICE.format(tag=FLUOROSCOPY_VIEW, label="R", color="#F34A33")}</item>
  <item splitSize="460">
    <layout type="vertical" split="true">
      <item splitSize="580">
        <view class="vtkMRMLViewNode" singletontag="1">
          <property name="viewlabel" action="default">1</property>
        </view>
      </item>
      <item splitSize="420">{_SLICE.format(tag=PROJECTION_VIEW, label="Y", color="#EDD54C")}</item>
    </layout>
  </item>
</layout>"""
"""Fluoroscopy on the left; 3-D above the model's projection on the right."""


def register(scene: Any) -> Any | None:
    """Make the arrangement known to the scene's layout node; returns that node, None without an application."""
    node = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    if node is not None and not node.IsLayoutDescription(LAYOUT_ID):
        node.AddLayoutDescription(LAYOUT_ID, LAYOUT)
    return node


def show(scene: Any) -> None:
    """Arrange the views for registering: fluoroscopy, projection and 3-D."""
    node = register(scene)
    if node is not None:
        node.SetViewArrangement(LAYOUT_ID)
