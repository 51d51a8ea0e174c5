"""Which patients, views and machines are drawn: those that networks are trained on, and others to test them on.

`SHIFTED` lies outside the training's ranges on purpose, in everything at once, and is still an X-ray picture: vessels
half as winding again and twice as often diseased, oblique views that training never sees, a tenth of the photons, more
scatter, harder sharpening, other display curves, backgrounds with twice the clutter, text twice as high, thicker
guiding catheters, harder diaphragms, and subtraction masks further away than any of training's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.simulation.anatomy import AnatomySettings
from VesselRegistrationLib.simulation.extras import Extras
from VesselRegistrationLib.simulation.fluoroscopy import FluoroscopySettings, sample_settings
from VesselRegistrationLib.simulation.views import sample_c_arm
from VesselSegmentationLib.errors import InputError


@dataclass(frozen=True)
class Generator:
    """What simulated pictures are drawn from."""

    name: str = "default"
    anatomy: AnatomySettings = field(default_factory=AnatomySettings)
    view: Callable[[str, np.random.Generator, int], CArm] = sample_c_arm
    """Region, generator, pixels a side."""
    machine: Callable[[np.random.Generator], FluoroscopySettings] = sample_settings
    clutter: float = 1.0
    """Factor on the fine structure of the background."""
    extras: Extras = field(default_factory=Extras)
    """Shares and looks of what only some pictures show."""


def _oblique_view(region: str, rng: np.random.Generator, size: int) -> CArm:
    """Steeper than LAO and RAO 50, closer to or further from the detector than training's views."""
    usual = sample_c_arm(region, rng, size)
    side = 1 if usual.primary_angle_deg >= 0 else -1
    sid = float(rng.uniform(1210, 1300))
    sod = float(rng.uniform(800, 850))
    angle = side * float(rng.uniform(50, 65))
    return dataclasses.replace(usual, primary_angle_deg=angle, sid_mm=sid, sod_mm=sod)


def _poor_machine(rng: np.random.Generator) -> FluoroscopySettings:
    """Few photons, much scatter, hard edges, an unusual curve."""
    usual = sample_settings(rng)
    return dataclasses.replace(
        usual,
        photons=10 ** rng.uniform(2.3, 3.5),
        scatter_to_primary=rng.uniform(1.2, 2.2),
        blur_px=rng.uniform(0.2, 0.3),
        curve="power",
        power=rng.uniform(0.2, 0.35),
        sharpening=rng.uniform(1.8, 2.6),
        gamma=float(np.exp(rng.choice([-0.7, 0.7]))),
        white=rng.uniform(150, 200),
    )


_OTHER_EXTRAS = Extras(
    subtraction=0.2,
    text=0.5,
    guide=0.6,
    dome=0.6,
    waisted_vertebrae=1.0,
    calcification=0.6,
    mask_shift_px=(2.0, 4.0),
    text_height_px=(12.0, 18.0),
    guide_width_mm=(2.7, 3.4),
    dome_absorbance=(0.7, 1.2),
    plaque_absorbance=(0.25, 0.5),
)
DEFAULT = Generator()
TRAINING = Generator("training", extras=Extras(straight_tubes=0.6))
"""What pools are drawn from: as DEFAULT, and phantoms of thin straight tubes."""
SHIFTED = Generator(
    "shifted", AnatomySettings(tortuosity=1.5, disease=2.0), _oblique_view, _poor_machine, 2.0, _OTHER_EXTRAS
)
GENERATORS = {generator.name: generator for generator in (DEFAULT, SHIFTED)}


def generator_named(name: str) -> Generator:
    """One of `GENERATORS`. Raises InputError for another name."""
    if name not in GENERATORS:
        raise InputError(f"There is no generator {name!r} of simulated patients; choose {' or '.join(GENERATORS)}.")
    return GENERATORS[name]
