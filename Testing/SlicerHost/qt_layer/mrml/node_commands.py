"""The commands at the end of a node selector's list."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QInputDialog


def commandsOf(selector: Any) -> list[tuple[str, str]]:
    """Text and command of each entry, as far as the selector allows them."""
    kinds = selector.nodeTypes
    label = selector.nodeTypeLabel(kinds[0] if len(kinds) == 1 else "")
    commands = []
    if selector.renameEnabled:
        commands.append((f"Rename current {label}", "RENAME"))
    if selector.editEnabled:
        commands.append((f"Edit current {label}", "EDIT"))
    if selector.addEnabled:
        for kind in kinds:
            commands.append((f"Create new {selector.nodeTypeLabel(kind)}", f"CREATE/{kind}"))
            if selector.renameEnabled:
                commands.append((f"Create new {selector.nodeTypeLabel(kind)} as...", f"CREATE_AS/{kind}"))
    if selector.removeEnabled:
        commands.append((f"Delete current {label}", "DELETE"))
    return commands + [(action.text(), f"ACTION/{index}") for index, action in enumerate(selector._actions)]


def runCommand(selector: Any, command: str, argument: str) -> None:
    """Do what the user chose."""
    if command in ("CREATE", "CREATE_AS"):
        _create(selector, argument, command == "CREATE_AS")
    elif command == "DELETE":
        selector.removeCurrentNode()
    elif command == "EDIT":
        selector.editCurrentNode()
    elif command == "RENAME":
        selector.renameCurrentNode()
    elif command == "ACTION":
        selector._actions[int(argument)].trigger()


def _create(selector: Any, kind: str, named: bool) -> None:
    name = ""
    if named:
        title = f"Create new {selector.nodeTypeLabel(kind)}"
        name, confirmed = QInputDialog.getText(selector, title, "New name:")
        if not confirmed or not name:
            return
    node = selector.addNode(kind)
    if node is not None:
        if name:
            node.SetName(name)
        selector.setCurrentNode(node)
        selector.nodeAddedByUserAction.emit(node)
