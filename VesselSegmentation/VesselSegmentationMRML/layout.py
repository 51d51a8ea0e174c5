"""The arrangement of views of this module: the picture on the left, a plot above a table on the right."""

from __future__ import annotations

from typing import Any

PICTURE_VIEW = "Red"
LAYOUT_ID = 20578
"""Any number that no other layout has."""

LAYOUT = f"""
<layout type="horizontal" split="true">
  <item splitSize="500">
    <view class="vtkMRMLSliceNode" singletontag="{PICTURE_VIEW}">
      <property name="orientation" action="default">Axial</property>
      <property name="viewlabel" action="default">R</property>
      <property name="viewcolor" action="default">#F34A33</property>
    </view>
  </item>
  <item splitSize="500">
    <layout type="vertical" split="true">
      <item splitSize="650">
        <view class="vtkMRMLPlotViewNode" singletontag="PlotView1">
          <property name="viewlabel" action="default">P</property>
        </view>
      </item>
      <item splitSize="350">
        <view class="vtkMRMLTableViewNode" singletontag="TableView1">
          <property name="viewlabel" action="default">T</property>
        </view>
      </item>
    </layout>
  </item>
</layout>"""


def registerLayout(scene: Any) -> None:
    """Make the arrangement known, so that a scene saved with it opens with it."""
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    if layout is not None and not layout.IsLayoutDescription(LAYOUT_ID):
        layout.AddLayoutDescription(LAYOUT_ID, LAYOUT)
