"""CTK's widgets as the application shows them to module code; what the host lacks raises AttributeError."""

from __future__ import annotations

from typing import Any

from qt_layer.registry import standInNamed, standInNames

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    member = standInNamed(name, "ctk")
    if member is None:
        raise AttributeError(f"module 'ctk' has no attribute '{name}' on this host")
    globals()[name] = member
    return member


def __dir__() -> list[str]:
    return standInNames("ctk")
