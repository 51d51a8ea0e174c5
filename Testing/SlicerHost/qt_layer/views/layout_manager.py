"""The layout manager: follows the layout node, makes a view for each view node, arranges them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import shiboken6
import slicer
import vtk
from PySide6.QtCore import Property, QObject, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ..mrml.base import ModifiedEvent, Observers, requireKind
from .layout_builder import buildLayout
from .managers import registerManagers
from .plot_view import qMRMLPlotWidget
from .slice_view import qMRMLSliceWidget
from .table_view import qMRMLTableWidget
from .threed_view import qMRMLThreeDWidget
from .view_properties import applyProperties

_Scene = slicer.vtkMRMLScene
_KINDS = {
    "vtkMRMLSliceNode": qMRMLSliceWidget,
    "vtkMRMLViewNode": qMRMLThreeDWidget,
    "vtkMRMLTableViewNode": qMRMLTableWidget,
    "vtkMRMLPlotViewNode": qMRMLPlotWidget,
}


class qMRMLLayoutManager(QObject):
    """Shows the layout that the layout node of the scene describes."""

    SIGNATURES = {
        "activeMRMLThreeDViewNodeChanged(vtkMRMLViewNode*)": "activeMRMLThreeDViewNodeChanged",
        "nodeAboutToBeEdited(vtkMRMLNode*)": "nodeAboutToBeEdited",
    }
    layoutChanged = Signal(int)
    activeMRMLThreeDViewNodeChanged = Signal(object)
    nodeAboutToBeEdited = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._applicationLogic: Any = None
        self._logic = slicer.vtkMRMLLayoutLogic()
        self._node: Any = None
        self._shown = ("", -1)
        self._known: set[str] = set()
        self._widgets: list[tuple[Any, Any]] = []
        self._observers = Observers(self)
        self._nodeObservers = Observers(self)
        self._viewport = QWidget()
        self._viewport.setObjectName("CentralWidgetLayoutFrame")
        self._column = QVBoxLayout(self._viewport)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._arrangement: QWidget | None = None
        self._pauses = 0
        self._colorLogic: Any = None

    def _start(self, scene: Any, applicationLogic: Any) -> None:
        """Show the views of *scene*."""
        self._applicationLogic = applicationLogic
        for name in ("Slice", "View"):
            if getattr(applicationLogic, f"Get{name}Logics")() is None:
                getattr(applicationLogic, f"Set{name}Logics")(vtk.vtkCollection())
        registerManagers(applicationLogic)
        self._scene = scene
        self._logic.SetMRMLApplicationLogic(applicationLogic)
        self._logic.SetMRMLScene(scene)
        self._colorLogic = applicationLogic.GetColorLogic()
        self._observers.add(scene, _Scene.NodeRemovedEvent, self._onNodeRemoved, wantsNode=True)
        self._observers.add(scene, _Scene.NodeAddedEvent, self._onNodeAdded, wantsNode=True)
        for event in (_Scene.StartBatchProcessEvent, _Scene.EndBatchProcessEvent):
            self._observers.add(scene, event, self._onBatch)
        for event in (_Scene.EndCloseEvent, _Scene.EndImportEvent, _Scene.EndRestoreEvent):
            self._observers.add(scene, event, self._onSceneChanged)
        kind = slicer.vtkMRMLApplicationLogic
        self._observers.add(applicationLogic, kind.PauseRenderEvent, self.pauseRender)
        self._observers.add(applicationLogic, kind.ResumeRenderEvent, self.resumeRender)
        self._follow()

    def _follow(self) -> None:
        node = self._logic.GetLayoutNode()
        if node is not self._node:
            self._nodeObservers.clear()
            self._node = node
            if node is not None:
                self._nodeObservers.add(node, ModifiedEvent, self._refresh)
        self._refresh()

    def _onNodeAdded(self, node: Any) -> None:
        if node is None or self._scene.IsBatchProcessing():
            return
        if node.IsA("vtkMRMLLayoutNode"):
            self._follow()
        elif node.IsA("vtkMRMLAbstractViewNode"):
            self._makeViews()

    def _onNodeRemoved(self, node: Any) -> None:
        if node is None:
            return
        for entry in [entry for entry in self._widgets if entry[0] is node]:
            self._forget(entry)

    def _onBatch(self) -> None:
        busy = self._scene.IsBatchProcessing()
        for _, widget in self._widgets:
            canvas = getattr(widget.viewWidget(), "_canvas", None)
            if canvas is not None:
                canvas.renderEnabled = not busy
        if not busy:
            self._onSceneChanged()
            for _, widget in self._widgets:
                self._schedule(widget)

    def _onSceneChanged(self) -> None:
        if not self._scene.IsBatchProcessing():
            self._shown = ("", -1)
            self._follow()
            self._makeViews()

    @staticmethod
    def _schedule(widget: Any) -> None:
        view = widget.viewWidget()
        if hasattr(view, "scheduleRender"):
            view.scheduleRender()

    def _makeViews(self) -> None:
        """A view for each view node, in the layout or not."""
        for kind in _KINDS:
            for index in range(self._scene.GetNumberOfNodesByClass(kind)):
                node = self._scene.GetNthNodeByClass(index, kind)
                if self._widgetOf(node) is None and node.GetParentLayoutNode() is None:
                    self._makeView(node, kind)

    def _makeView(self, node: Any, kind: str) -> Any:
        widget = _KINDS[kind](self._viewport)
        widget.hide()
        widget.setObjectName(_KINDS[kind].__name__ + (node.GetLayoutName() or ""))
        self._widgets.append((node, widget))
        widget._start(node, self._applicationLogic)
        for _ in range(self._pauses):
            self._pause(widget, True)
        return widget

    # -- arrangement

    def _refresh(self) -> None:
        if self._node is None or self._scene.IsBatchProcessing():
            return
        number = self._node.GetViewArrangement()
        text = self._description(number)
        if not text or (text, number) == self._shown:
            return
        before = self._shown[1]
        self._shown = (text, number)
        self._arrange(ElementTree.fromstring(text))
        if before != number:
            self.layoutChanged.emit(number)

    def _description(self, number: int) -> str:
        if self._node.GetNumberOfMaximizedViewNodes() > 0:
            return self._logic.GetMaximizedViewLayoutDescription() or ""
        return self._node.GetLayoutDescription(number) or ""

    def _arrange(self, root: ElementTree.Element) -> None:
        for _, widget in self._widgets:
            widget.setParent(self._viewport)
            widget.hide()
        old, self._arrangement = self._arrangement, None
        if old is not None:
            self._column.removeWidget(old)
            old.deleteLater()
        used: list[QWidget] = []

        def viewsOf(element: ElementTree.Element) -> list[QWidget]:
            widgets = self._viewsFor(element)
            used.extend(widgets)
            return widgets

        self._arrangement = buildLayout(root, viewsOf)
        self._column.addWidget(self._arrangement)
        for node, widget in self._widgets:
            node.SetMappedInLayout(int(widget in used))
            if widget in used:
                self._schedule(widget)

    def _viewsFor(self, element: ElementTree.Element) -> list[QWidget]:
        """The views that a <view> element means; what is missing is made."""
        kind = element.get("class", "")
        if kind not in _KINDS:
            raise ValueError(f"no view for nodes of class '{kind}'")
        nodes = self._nodesFor(element, kind)
        return [self._show(element, node) for node in nodes or [self._makeNode(element, kind)]]

    def _nodesFor(self, element: ElementTree.Element, kind: str) -> list[Any]:
        tag, viewType = element.get("singletontag"), element.get("type")
        count = self._scene.GetNumberOfNodesByClass(kind)
        nodes = [self._scene.GetNthNodeByClass(index, kind) for index in range(count)]
        if tag is not None:
            return [node for node in nodes if node.GetSingletonTag() == tag]
        if viewType is not None and kind == "vtkMRMLViewNode":
            accepted = (viewType, None, "") if viewType == "main" else (viewType,)
            return [node for node in nodes if node.GetAttribute("ViewType") in accepted]
        return nodes

    def _makeNode(self, element: ElementTree.Element, kind: str) -> Any:
        tag = element.get("singletontag") or self._scene.GenerateUniqueName("View")
        node = self._scene.CreateNodeByClass(kind)
        node.UnRegister(None)
        node.SetName(tag)
        node.SetLayoutName(tag)
        node.SetSingletonTag(tag)
        if element.get("type"):
            node.SetAttribute("ViewType", element.get("type"))
        return self._scene.AddNode(node)

    def _show(self, element: ElementTree.Element, node: Any) -> QWidget:
        widget = self._widgetOf(node)
        fresh = node.GetID() not in self._known
        self._known.add(node.GetID())
        if widget is None:
            widget = self._makeView(node, element.get("class", ""))
        applyProperties(element, node, onlyLayout=not fresh)
        widget.show()  # before it is arranged: tabs hide what is behind
        widget.setWindowTitle(node.GetLayoutLabel() or node.GetLayoutName() or "")
        return widget

    def _widgetOf(self, node: Any) -> Any:
        return next((widget for known, widget in self._widgets if known is node), None)

    def _forget(self, entry: tuple[Any, Any]) -> None:
        self._widgets.remove(entry)
        if shiboken6.isValid(entry[1]):
            entry[1]._stop()
            entry[1].setParent(None)
            entry[1].deleteLater()

    def _close(self) -> None:
        """Let go of the scene, before the application ends."""
        self._observers.clear()
        self._nodeObservers.clear()
        for entry in list(self._widgets):
            self._forget(entry)
        self._logic.SetMRMLScene(None)

    def _named(self, kind: type, name: Any) -> Any:
        """The view of one kind by number or layout name."""
        if isinstance(name, str):
            return next((w for node, w in self._widgets if isinstance(w, kind) and node.GetLayoutName() == name), None)
        found = self._all(kind)
        return found[int(name)] if 0 <= int(name) < len(found) else None

    def _all(self, kind: type) -> list[Any]:
        return [widget for _, widget in self._widgets if isinstance(widget, kind)]

    # -- methods of the application's layout manager

    @Slot(int)
    def setLayout(self, number: int) -> None:
        """Show a layout by its number."""
        if self._node is not None:
            self._node.SetViewArrangement(int(number))

    def mrmlScene(self) -> Any:
        """The scene."""
        return self._scene

    def viewport(self) -> QWidget:
        """The widget that holds all views."""
        return self._viewport

    def layoutLogic(self) -> Any:
        """The layout logic."""
        return self._logic

    def sliceViewNames(self) -> list[str]:
        """Layout names of all slice views."""
        return [node.GetLayoutName() for node, w in self._widgets if isinstance(w, qMRMLSliceWidget)]

    def sliceWidget(self, name: str) -> Any:
        """A slice view by its layout name, None without one."""
        return self._named(qMRMLSliceWidget, str(name))

    def threeDWidget(self, name: Any) -> Any:
        """A 3D view by its number or its layout name, None without one."""
        return self._named(qMRMLThreeDWidget, name)

    def tableWidget(self, number: int) -> Any:
        """A table view by its number, None without one."""
        return self._named(qMRMLTableWidget, number)

    def plotWidget(self, number: int) -> Any:
        """A plot view by its number, None without one."""
        return self._named(qMRMLPlotWidget, number)

    def viewWidget(self, node: Any) -> Any:
        """The view of a view node."""
        requireKind(node, slicer.vtkMRMLNode, "viewWidget")
        return self._widgetOf(node)

    def viewWidgets(self) -> list[Any]:
        """All views."""
        return [widget for _, widget in self._widgets]

    def mrmlSliceLogics(self) -> Any:
        """The logics of the slice views."""
        return self._applicationLogic.GetSliceLogics()

    def mrmlViewLogics(self) -> Any:
        """The logics of the 3D views."""
        return self._applicationLogic.GetViewLogics()

    def mrmlColorLogic(self) -> Any:
        """The color logic."""
        return self._colorLogic

    def setMRMLColorLogic(self, logic: Any) -> None:
        """Use another color logic."""
        self._colorLogic = logic

    def activeMRMLThreeDViewNode(self) -> Any:
        """The node of the first 3D view."""
        found = self._all(qMRMLThreeDWidget)
        return found[0].mrmlViewNode() if found else None

    def activeThreeDRenderer(self) -> Any:
        """The renderer of the first 3D view."""
        found = self._all(qMRMLThreeDWidget)
        return found[0].threeDView()._renderer if found else None

    @Slot(object)
    def addMaximizedViewNode(self, node: Any) -> None:
        """Let one view fill the window."""
        self._node.AddMaximizedViewNode(node)

    @Slot(object)
    def removeMaximizedViewNode(self, node: Any) -> None:
        """Undo addMaximizedViewNode."""
        self._node.RemoveMaximizedViewNode(node)

    @Slot()
    def removeAllMaximizedViewNodes(self) -> None:
        """Undo all addMaximizedViewNode."""
        self._node.RemoveAllMaximizedViewNodes()

    @Slot()
    def resetThreeDViews(self) -> None:
        """Center all 3D views."""
        for widget in self._all(qMRMLThreeDWidget):
            widget.threeDView().resetFocalPoint()

    @Slot()
    def resetSliceViews(self) -> None:
        """Fit all slice views to their background volumes."""
        for widget in self._all(qMRMLSliceWidget):
            widget.sliceController().fitSliceToBackground()

    @Slot(bool)
    def setRenderPaused(self, pause: bool) -> None:
        """Pause or resume all views."""
        (self.pauseRender if pause else self.resumeRender)()

    @Slot()
    def pauseRender(self) -> None:
        """Render no view until resumed as often."""
        self._pauses += 1
        for _, widget in self._widgets:
            self._pause(widget, True)

    @Slot()
    def resumeRender(self) -> None:
        """Undo one pause."""
        self._pauses = max(0, self._pauses - 1)
        for _, widget in self._widgets:
            self._pause(widget, False)

    @staticmethod
    def _pause(widget: Any, pause: bool) -> None:
        view = widget.viewWidget()
        if hasattr(view, "setRenderPaused"):
            view.setRenderPaused(pause)

    def _number(self) -> int:
        return self._node.GetViewArrangement() if self._node is not None else 0

    layout = Property(int, _number, lambda self, number: self.setLayout(number))
    threeDViewCount = Property(int, lambda self: len(self._all(qMRMLThreeDWidget)))
    tableViewCount = Property(int, lambda self: len(self._all(qMRMLTableWidget)))
    plotViewCount = Property(int, lambda self: len(self._all(qMRMLPlotWidget)))
