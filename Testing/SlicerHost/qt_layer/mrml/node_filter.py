"""Which nodes of a scene a node selector lists."""

from __future__ import annotations

from typing import Any


class NodeFilter:
    """Type, visibility and attribute conditions, as the selectors of the application apply them."""

    def __init__(self) -> None:
        self.nodeTypes: list[str] = []
        self.showHidden = False
        self.showChildNodeTypes = True
        self.hideChildNodeTypes: list[str] = []
        self.attributes: dict[str, tuple[str, str | None]] = {}

    def concerns(self, node: Any) -> bool:
        """Whether the node could be listed, now or after a change of its attributes."""
        return not self.nodeTypes or any(node.IsA(kind) for kind in self.nodeTypes)

    def accepts(self, node: Any) -> bool:
        """Whether the node is listed."""
        if node.GetHideFromEditors() and not self.showHidden:
            return False
        if not self.nodeTypes:
            return True
        for kind in self.nodeTypes:
            if not node.IsA(kind) or (not self.showChildNodeTypes and kind != node.GetClassName()):
                continue
            if self.showChildNodeTypes and any(node.IsA(hidden) for hidden in self.hideChildNodeTypes):
                return False
            return self._attributesFit(kind, node)
        return False

    def _attributesFit(self, kind: str, node: Any) -> bool:
        if kind not in self.attributes:
            return True
        name, wanted = self.attributes[kind]
        found = node.GetAttribute(name)
        return found is not None and (wanted is None or found == wanted)

    def nodes(self, scene: Any) -> list[Any]:
        """The listed nodes in the order of the scene."""
        everything = (scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes()))
        return [node for node in everything if self.accepts(node)]
