"""Words and numbers that a machine or a user burns into the picture: angles, side markers, times, exposure values.

Never a name, a number or a date of a patient. Text lies over the picture and over closed shutters. It changes nothing
in the truth: an observer carries a vessel on below a letter's strokes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.simulation.bodies import Picture
from VesselRegistrationLib.simulation.extras import Extras

REFERENCE_SIZE = 256
"""Heights in pixels are stated for a picture of this size and scaled to others."""
CORNERS = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.0), (0.5, 1.0), (0.0, 0.5), (1.0, 0.5))
"""Places of a block of text, (across, down) as shares of the room that it leaves: four corners, four edges."""
FEWEST_PX = 6
"""Smaller letters cannot be read in any font."""


@dataclass(frozen=True)
class Label:
    """A block of lines at one corner or edge."""

    lines: tuple[str, ...]
    place: tuple[float, float]
    """One of `CORNERS`."""
    height_px: float
    """Of the letters, in pixels of 256."""
    grey: float
    """0 to 255."""
    opacity: float


def sample_labels(rng: np.random.Generator, c_arm: CArm, extras: Extras) -> tuple[Label, ...]:
    """One to four blocks of one to three lines at different places, all in one size and shade."""
    grey = rng.uniform(215, 255) if rng.random() < 0.8 else rng.uniform(0, 40)
    height, opacity = rng.uniform(*extras.text_height_px), rng.uniform(0.8, 1.0)
    places = rng.permutation(4) if rng.random() < 0.75 else rng.permutation(len(CORNERS))
    lines = [_KINDS[kind](rng, c_arm) for kind in rng.permutation(len(_KINDS))]  # each kind once
    labels = []
    for place in places[: rng.integers(1, 5)]:
        count = int(rng.integers(1, 4))
        block, lines = tuple(lines[:count]), lines[count:]
        if block:
            labels.append(Label(block, CORNERS[place], float(height), float(grey), float(opacity)))
    return tuple(labels)


def with_labels(picture: Picture, labels: tuple[Label, ...]) -> Picture:
    """Grey values with the labels over them. (rows, columns)."""
    for label in labels:
        cover = label.opacity * _letters(label, picture.shape)
        picture = picture * (1 - cover) + label.grey * cover
    return np.asarray(picture, dtype=np.float32)


def _letters(label: Label, shape: tuple[int, ...]) -> Picture:
    """How much of each pixel the letters cover, 0 to 1. (rows, columns)."""
    from PIL import Image, ImageDraw, ImageFont

    rows, columns = shape
    unit = rows / REFERENCE_SIZE
    font = ImageFont.load_default(max(FEWEST_PX, label.height_px * unit))
    page = Image.new("L", (columns, rows))
    pen, text = ImageDraw.Draw(page), "\n".join(label.lines)
    across, down = label.place
    align = "right" if across == 1 else "left"
    left, top, right, bottom = pen.multiline_textbbox((0, 0), text, font, align=align, spacing=1)
    margin = 4 * unit
    x = margin + across * (columns - 2 * margin - (right - left)) - left
    y = margin + down * (rows - 2 * margin - (bottom - top)) - top
    pen.multiline_text((x, y), text, 255, font, align=align, spacing=1)
    return np.asarray(page, dtype=np.float32) / np.float32(255)


def _angles(rng: np.random.Generator, c_arm: CArm) -> str:
    """The view's own angles, as machines write them."""
    side = "LAO" if c_arm.primary_angle_deg >= 0 else "RAO"
    tilt = "CRA" if c_arm.secondary_angle_deg >= 0 else "CAU"
    between = ("", ": ", " ")[rng.integers(3)]
    primary, secondary = round(abs(c_arm.primary_angle_deg)), round(abs(c_arm.secondary_angle_deg))
    return f"{side}{between or ' '}{primary} {tilt}{between or ' '}{secondary}"


def _exposure(rng: np.random.Generator, _: CArm) -> str:
    return f"{rng.integers(60, 121)} kV {rng.integers(3, 900)} mA"


def _time(rng: np.random.Generator, _: CArm) -> str:
    return f"{rng.integers(0, 24):02d}:{rng.integers(0, 60):02d}:{rng.integers(0, 60):02d}"


def _side(rng: np.random.Generator, _: CArm) -> str:
    return str(rng.choice(["R", "L", "R", "L", "HEAD", "FEET"]))


def _counter(rng: np.random.Generator, _: CArm) -> str:
    return str(rng.choice(["Run {a}", "Im {a}/{b}", "F: {a}", "Se {a}"])).format(
        a=rng.integers(1, 30), b=rng.integers(30, 120)
    )


def _field(rng: np.random.Generator, c_arm: CArm) -> str:
    words = (
        f"FD {rng.integers(15, 49)} cm",
        f"SID {c_arm.sid_mm / 10:.0f} cm",
        f"W {rng.integers(60, 400)} L {rng.integers(40, 250)}",
        f"{rng.choice([4, 7.5, 10, 15, 25, 30]):g} fps",
        f"Zoom {rng.uniform(1, 3):.1f}x",
    )
    return str(rng.choice(words))


_KINDS = (_angles, _exposure, _time, _side, _counter, _field)
