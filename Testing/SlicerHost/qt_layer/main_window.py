"""A main window: the module panel on the left, the views in the middle."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QScrollArea, QToolBar, QVBoxLayout, QWidget


class _PanelArea(QScrollArea):
    """Scrolls up and down only, so it is as wide as its contents need."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The contents changed: make room."""
        if event.type() == QEvent.Type.LayoutRequest:
            needed = self.widget().minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width() + 4
            self.setMinimumWidth(max(430, needed))
        return super().eventFilter(watched, event)


class qSlicerMainWindow(QMainWindow):
    """Stand-in for the application's main window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Slicer test host")
        self.setObjectName("qSlicerAppMainWindow")
        self._panel = QDockWidget("Module panel", self)
        self._panel.setObjectName("PanelDockWidget")
        self._area = _PanelArea(self._panel)
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setMinimumWidth(430)
        self._holder = QWidget(self._area)
        self._holder.setObjectName("ModulePanel")
        self._column = QVBoxLayout(self._holder)
        self._column.setContentsMargins(3, 3, 3, 3)
        self._area.setWidget(self._holder)
        self._panel.setWidget(self._area)
        self.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, self._panel)
        for name in ("File", "Edit", "View", "Help"):
            menu = self.menuBar().addMenu(name)
            menu.setObjectName(f"{name}Menu")
        self._toolBar = QToolBar("Main", self)
        self._toolBar.setObjectName("MainToolBar")
        self.addToolBar(self._toolBar)
        self.statusBar()
        self.resize(1440, 900)

    def _setViews(self, viewport: QWidget) -> None:
        self.setCentralWidget(viewport)

    def setModuleWidget(self, widget: QWidget | None) -> None:
        """Show the widget of a module in the panel; the one before is hidden, not deleted."""
        while self._column.count():
            old = self._column.takeAt(0).widget()
            if old is not None:
                old.hide()
        if widget is not None:
            self._column.addWidget(widget)
            widget.show()


def createMainWindow(layoutManager: Any) -> Any:
    """The main window, wrapped for module code, with the views of *layoutManager* in the middle."""
    from .binding import unwrap, wrap

    window = qSlicerMainWindow()
    window._setViews(unwrap(layoutManager).viewport())
    return wrap(window)
