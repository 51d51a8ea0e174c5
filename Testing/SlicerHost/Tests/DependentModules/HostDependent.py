"""A module that needs HostExample."""

from slicer.ScriptedLoadableModule import ScriptedLoadableModule


class HostDependent(ScriptedLoadableModule):
    """The module."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.dependencies = ["HostExample", "Sequences"]
