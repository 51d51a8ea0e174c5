"""Start poses come in as LPS whatever wrote them, and what is no rigid pose is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from scipy.spatial.transform import Rotation

from VesselRegistrationLib.pose_files import RAS_LPS, read_pose
from VesselSegmentationLib.errors import InputError

POSE = np.eye(4)
POSE[:3, :3] = Rotation.from_euler("xyz", (10, -20, 30), degrees=True).as_matrix()
POSE[:3, 3] = (12.5, -40, 7)


def written(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_an_lps_and_a_ras_file_of_one_pose_read_the_same(tmp_path: Path) -> None:
    lps = {"coordinateSystem": "LPS", "modelToIsocenter": POSE.tolist()}
    ras = {"coordinateSystem": "RAS", "modelToIsocenter": (RAS_LPS @ POSE @ RAS_LPS).tolist()}
    for name, content in (("lps.json", lps), ("ras.json", ras)):
        np.testing.assert_allclose(read_pose(written(tmp_path / name, content)), POSE, atol=1e-12)


def test_a_report_gives_its_last_pose(tmp_path: Path) -> None:
    first = {"coordinateSystem": "LPS", "modelToIsocenter": np.eye(4).tolist()}
    refused = {"coordinateSystem": "LPS", "modelToIsocenter": None}
    last = {"coordinateSystem": "LPS", "modelToIsocenter": POSE.tolist()}
    path = written(tmp_path / "registration.json", {"poses": [first, last, refused]})
    np.testing.assert_allclose(read_pose(path), POSE)


def test_an_itk_transform_is_taken_as_slicer_writes_it_from_the_isocenter_to_the_model(tmp_path: Path) -> None:
    transform = SimpleITK.Euler3DTransform((5.0, -3.0, 2.0), 0.1, -0.2, 0.3, (12.0, 8.0, -4.0))
    SimpleITK.WriteTransform(transform, str(tmp_path / "pose.tfm"))
    matrix = read_pose(tmp_path / "pose.tfm")
    point = (10.0, 20.0, -5.0)
    np.testing.assert_allclose((matrix @ [*transform.TransformPoint(point), 1])[:3], point, atol=1e-9)


def test_a_pose_that_slicer_saved_comes_back(tmp_path: Path) -> None:
    # What Slicer 5.13 writes for a node that moves the model 10 mm to the right and 5 mm up (RAS).
    (tmp_path / "pose.tfm").write_text(
        "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"
        "Parameters: 1 0 0 0 1 0 0 0 1 10 0 -5\nFixedParameters: -10 0 5\n"
    )
    np.testing.assert_allclose(read_pose(tmp_path / "pose.tfm")[:3, 3], (-10.0, 0.0, 5.0), atol=1e-12)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"modelToIsocenter": np.eye(4).tolist()}, "coordinateSystem None"),
        ({"coordinateSystem": "LPS"}, "holds no pose"),
        ({"coordinateSystem": "LPS", "modelToIsocenter": np.eye(3).tolist()}, "4 x 4"),
        ({"coordinateSystem": "LPS", "modelToIsocenter": "identity"}, "not a matrix"),
        ({"coordinateSystem": "LPS", "modelToIsocenter": (2 * np.eye(4)).tolist()}, "last row"),
        ({"coordinateSystem": "LPS", "modelToIsocenter": np.diag([1.2, 1, 1, 1]).tolist()}, "not a rigid motion"),
        ({"coordinateSystem": "LPS", "modelToIsocenter": np.diag([-1.0, 1, 1, 1]).tolist()}, "not a rigid motion"),
        ([1, 2], "holds no pose"),
    ],
)
def test_what_is_no_pose_is_refused_by_name(tmp_path: Path, content: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_pose(written(tmp_path / "pose.json", content))


def test_missing_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no pose file"):
        read_pose(tmp_path / "nowhere.json")
    (tmp_path / "letter.tfm").write_text("dear reader")
    with pytest.raises(InputError, match="not a transform that ITK can read"):
        read_pose(tmp_path / "letter.tfm")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(InputError, match="not readable JSON"):
        read_pose(tmp_path / "broken.json")
