"""Project a vessel model at the C-arm's angles.

Writes projection.png (DRR-like: darker where the ray is longer inside the model), silhouette.png, path-length.nrrd
(mm per pixel) and projection.json. The view comes from a run's header, from options, or from both.

  vessel-registration project --model aorta.stl --xray run.dcm --output out
  vessel-registration project --model aorta.stl --output out --primary-angle 30 --secondary-angle -20 \\
      --sid 1000 --sod 750 --spacing 0.4 0.4 --size 512 512
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from VesselRegistrationLib.c_arm import CArm, ProjectionMode
from VesselRegistrationLib.cli import options as shared
from VesselRegistrationLib.cli.main import DONE
from VesselSegmentationLib.errors import MissingGeometryError
from VesselSegmentationLib.files import write_atomically

if TYPE_CHECKING:
    from VesselRegistrationLib.projection import Projection


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `project`."""
    shared.add_model(parser)
    shared.add_run(parser, required=False)
    shared.add_frame(parser)
    parser.add_argument(
        "--size", type=int, nargs=2, default=[512, 512], metavar=("ROWS", "COLUMNS"), help="without a run"
    )
    parser.add_argument(
        "--mode",
        choices=[mode.value for mode in ProjectionMode],
        default=ProjectionMode.PERSPECTIVE.value,
        help="perspective is how X-rays travel; the others are for comparison (default: %(default)s)",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")


def run(options: argparse.Namespace) -> int:
    """Project and write."""
    from VesselRegistrationLib.pose_files import read_pose
    from VesselRegistrationLib.projection import project_model
    from VesselRegistrationLib.registration_files import prepare_output_folder

    model = shared.read_model(options)
    c_arm = shared.read_run(options).c_arm(options.frame or 0) if options.xray else _view(options)
    pose = read_pose(options.initial_pose) if options.initial_pose else None
    folder = prepare_output_folder(options.output)
    projection = project_model(model, c_arm, pose, ProjectionMode(options.mode))
    _write(projection, folder)
    print(f"{c_arm.angle_text()}, {projection.silhouette.mean():.1%} of the picture covered; written to {folder}")
    return DONE


def _view(options: argparse.Namespace) -> CArm:
    """The view of the options alone."""
    given = {
        "--primary-angle": options.primary_angle,
        "--secondary-angle": options.secondary_angle,
        "--sid": options.sid,
        "--sod": options.sod,
        "--spacing": options.spacing,
    }
    missing = [name for name, value in given.items() if value is None]
    if missing:
        raise MissingGeometryError(f"Without --xray the view needs {', '.join(missing)} as well.")
    return CArm(
        primary_angle_deg=options.primary_angle,
        secondary_angle_deg=options.secondary_angle,
        sid_mm=options.sid,
        sod_mm=options.sod,
        rows=options.size[0],
        columns=options.size[1],
        spacing_mm=(options.spacing[0], options.spacing[1]),
        principal_point_px=tuple(options.principal_point) if options.principal_point else None,
    )


def _write(projection: Projection, folder: Path) -> None:
    import numpy as np

    from VesselRegistrationLib.registration_pictures import projection_picture
    from VesselSegmentationLib.overlay import write_png

    write_png(folder / "projection.png", projection_picture(projection))
    write_png(folder / "silhouette.png", projection.silhouette)
    if projection.path_length_mm is not None:
        import SimpleITK

        image = SimpleITK.GetImageFromArray(projection.path_length_mm.astype(np.float32))
        row_spacing, column_spacing = projection.c_arm.spacing_mm
        image.SetSpacing((column_spacing, row_spacing))
        aside = folder / ".path-length.nrrd"
        SimpleITK.WriteImage(image, str(aside), useCompression=True)
        aside.replace(folder / "path-length.nrrd")
    longest = None if projection.path_length_mm is None else round(float(projection.path_length_mm.max()), 3)
    document = {
        "schema": "vessel-registration/projection",
        "schemaVersion": 1,
        "mode": projection.mode.value,
        "longestPathMm": longest,
        "coveredPixels": int(projection.silhouette.sum()),
        "cArm": {
            "primaryAngleDeg": projection.c_arm.primary_angle_deg,
            "secondaryAngleDeg": projection.c_arm.secondary_angle_deg,
            "sidMm": projection.c_arm.sid_mm,
            "sodMm": projection.c_arm.sod_mm,
            "spacingMm": list(projection.c_arm.spacing_mm),
        },
    }
    write_atomically(folder / "projection.json", json.dumps(document, indent=2) + "\n")
