#!/usr/bin/env python3
"""Contact sheets of simulated X-ray frames: patients of one region or family, vessels outlined.

    python Testing/contact_sheets.py --output Resources/Screenshots
    python Testing/contact_sheets.py --output docs/pictures --family

The first writes simulated-upper.png, -lower, -coronary and -phantom: twelve patients of each region. The second writes
eight of each family in docs/simulation.md (or of those that are named after --family). Every frame is simulated and no
patient is behind it; views that happen to show no contrast agent, or not what the family is about, are left out. The
outline runs just outside of what the truth counts as contrast-filled vessel.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from contact_sheet_families import FAMILIES, family_frame
from numpy.typing import NDArray

from VesselRegistrationLib.simulation.filling import fill
from VesselRegistrationLib.simulation.pool import REGIONS
from VesselRegistrationLib.simulation.scene import RenderedFrame, make_patient, make_scene, mesh_of, render
from VesselSegmentationLib.errors import UserError
from VesselSegmentationLib.files import write_atomically

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMNS, SIZE, GAP, TITLE, CAPTION = 4, 240, 4, 26, 16
"""Pixels, but for the first."""
REGION_FRAMES, FAMILY_FRAMES = 12, 8
GREYS = 40
"""Grey levels of the picture: noise hardly compresses, so fewer levels make a smaller file."""
OUTLINE = GREYS
OUTLINE_RGB = (255, 190, 0)
LEAST_VESSEL_SHARE = 0.008
VIEWS_TRIED = 20

Indices = NDArray[np.uint8]
"""Indices into the palette: greys, then the outline's color."""
Captioned = tuple[RenderedFrame, str]
"""A frame and the C-arm's angles in words."""


def region_frame(region: str, seed: int, number: int) -> Captioned:
    """A frame of a new patient in which contrast is seen."""
    rng = np.random.default_rng([seed, REGIONS.index(region), number])
    patient = make_patient(region, rng)
    filled = mesh_of(fill(patient.tree, rng), region)
    for _ in range(VIEWS_TRIED):
        scene = make_scene(patient, rng, SIZE)
        frame = render(scene, filled, rng)
        if frame.mask.mean() >= LEAST_VESSEL_SHARE:
            break
    return frame, scene.c_arm.angle_text()


def outlined(frame: RenderedFrame) -> Indices:
    """The frame as palette indices, with the pixels around its mask in the outline's color. (rows, columns)."""
    from scipy.ndimage import binary_dilation

    grey = np.rint(frame.picture * ((GREYS - 1) / 255)).astype(np.uint8)
    grey[binary_dilation(frame.mask) & ~frame.mask] = OUTLINE
    return grey


def contact_sheet(what: str, frames: list[Captioned], seed: int) -> Image:
    """Captioned frames under a title, as a palette picture."""
    from PIL import Image, ImageDraw, ImageFont

    width = COLUMNS * (SIZE + GAP) + GAP
    height = TITLE + -(-len(frames) // COLUMNS) * (SIZE + CAPTION + GAP)
    sheet = Image.new("P", (width, height), GREYS // 8)
    greys = np.repeat(np.linspace(0, 255, GREYS).round().astype(int), 3).tolist()
    sheet.putpalette([*greys, *OUTLINE_RGB])
    pen = ImageDraw.Draw(sheet)
    pen.fontmode = "1"  # smoothed letters would be in shades between palette indices
    white = GREYS - 1
    title = f"SIMULATED frames, {what}. No patients. Outline: contrast-filled vessel (truth). Seed {seed}."
    pen.text((GAP + 2, 5), title, white, ImageFont.load_default(15))
    for number, (frame, view) in enumerate(frames):
        row, column = divmod(number, COLUMNS)
        left, top = GAP + column * (SIZE + GAP), TITLE + row * (SIZE + CAPTION + GAP)
        sheet.paste(Image.fromarray(outlined(frame)), (left, top))
        pen.text((left + 2, top + SIZE + 1), f"simulated, {view}", white, ImageFont.load_default(12))
    return sheet


def sheets(options: argparse.Namespace) -> list[tuple[str, Image]]:
    """The sheets that were asked for, by name."""
    seed = options.seed
    if options.family is None:
        made = {name: [region_frame(name, seed, at) for at in range(REGION_FRAMES)] for name in options.region}
        return [(name, contact_sheet(f"region: {name}", frames, seed)) for name, frames in made.items()]
    made = {
        name: [family_frame(name, seed, at, SIZE) for at in range(FAMILY_FRAMES)] for name in options.family or FAMILIES
    }
    return [(name, contact_sheet(FAMILIES[name].title, frames, seed)) for name, frames in made.items()]


def main(arguments: list[str] | None = None) -> int:
    """Write the sheets; 0 if all went well, 1 for a wrong value or folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--region", nargs="+", choices=REGIONS, default=REGIONS)
    parser.add_argument("--family", nargs="*", choices=FAMILIES, help="families instead of regions (default: all)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error(f"the seed {options.seed} must not be negative")
    try:
        for name, sheet in sheets(options):
            buffer = io.BytesIO()
            sheet.save(buffer, "PNG", optimize=True)
            path = write_atomically(options.output / f"simulated-{name}.png", buffer.getvalue())
            print(f"{path}: {len(buffer.getvalue()) / 1024:.0f} KiB")
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
