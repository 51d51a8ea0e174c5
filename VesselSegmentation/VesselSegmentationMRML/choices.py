"""What a user chooses among. Saved scenes hold the names; the values are the command line's words."""

from __future__ import annotations

import enum

from slicer.i18n import tr as _


class FieldOfView(enum.Enum):
    """Which vessels the pictures show."""

    AUTOMATIC = "automatic"
    LOWER = "lower"
    UPPER = "upper"

    def label(self) -> str:
        """For the user."""
        return {
            "automatic": _("Automatic"),
            "lower": _("Lower (aortic bifurcation, pelvis, legs)"),
            "upper": _("Upper (heart, aortic root and arch)"),
        }[self.value]


class Device(enum.Enum):
    """Where the network runs."""

    AUTOMATIC = "auto"
    CPU = "cpu"
    CUDA = "cuda"

    def label(self) -> str:
        """For the user."""
        return {"auto": _("Automatic"), "cpu": _("Processor (CPU)"), "cuda": _("Graphics card (CUDA)")}[self.value]


class Overlay(enum.Enum):
    """What lies over the picture."""

    NOTHING = "nothing"
    VESSELS = "vessels"
    PROBABILITY = "probability"
    ATTENTION = "attention"
    COMPARISON = "comparison"

    def label(self) -> str:
        """For the user."""
        return {
            "nothing": _("Nothing"),
            "vessels": _("Vessels"),
            "probability": _("Vessel probability"),
            "attention": _("Attention of the network"),
            "comparison": _("Comparison with the reference"),
        }[self.value]


class Recipe(enum.Enum):
    """Where the settings of a training come from."""

    PAPER = "paper"
    RECOMMENDED = "recommended"

    def label(self) -> str:
        """For the user."""
        return {"paper": _("As in the paper (Li et al. 2021)"), "recommended": _("Recommended")}[self.value]


class TrainedView(enum.Enum):
    """Which vessels the frames to learn from show."""

    LOWER = "lower"
    UPPER = "upper"
    BOTH = "both"

    def label(self) -> str:
        """For the user."""
        return {"lower": _("Lower"), "upper": _("Upper"), "both": _("Both")}[self.value]


class Loss(enum.Enum):
    """What a training minimizes."""

    DICE = "dice"
    CROSS_ENTROPY = "bce"
    BOTH = "dice+ce"
    BOTH_PER_FRAME = "frame-dice+ce"

    def label(self) -> str:
        """For the user."""
        return {
            "dice": _("Dice"),
            "bce": _("Cross-entropy"),
            "dice+ce": _("Dice and cross-entropy"),
            "frame-dice+ce": _("Dice of each frame and cross-entropy"),
        }[self.value]
