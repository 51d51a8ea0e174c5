"""Simulated cases: files hold what was simulated and say that it is simulated; the truth fits the pictures."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.model_reading import read_vessel_model
from VesselRegistrationLib.pose_files import read_pose
from VesselRegistrationLib.projection import project_model, transform_points
from VesselRegistrationLib.simulation.cases import SimulatedCase, simulate_case, simulate_runs, write_case
from VesselRegistrationLib.simulation.truth import Truth, fullest_frame, read_truth
from VesselRegistrationLib.xray_reading import read_xray_run
from VesselRegistrationLib.xray_run import XRayRun
from VesselSegmentationLib.errors import InputError, OutputError

SEED, FRAMES, SIZE = 5, 12, 128
"""In this case the whole tree is in the picture and gets filled."""
SAME_BYTES = ("run.dcm", "model.stl", "truth.json", "start-pose.json", "masks/frame_003.png")


@pytest.fixture(scope="module")
def case() -> SimulatedCase:
    return simulate_case("phantom", SEED, FRAMES, SIZE)


@pytest.fixture(scope="module")
def folder(case, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("case") / "new"
    write_case(case, path)
    return path


@pytest.fixture(scope="module")
def run(folder) -> XRayRun:
    return read_xray_run(folder / "run.dcm")


@pytest.fixture(scope="module")
def truth(folder) -> Truth:
    return read_truth(folder)


@pytest.fixture(scope="module")
def coronary() -> SimulatedCase:
    return simulate_case("coronary", 2, 3, SIZE)


def share_in_mask(points_lps: np.ndarray, pose: np.ndarray, c_arm: CArm, mask: np.ndarray) -> float:
    """Share of the points that fall on vessel, among those that fall on the picture."""
    column, row = np.rint(c_arm.project(transform_points(pose, points_lps))[:, :2]).astype(int).T
    on_picture = (column >= 0) & (column < c_arm.columns) & (row >= 0) & (row < c_arm.rows)
    assert on_picture.sum() > 50
    return float(mask[row[on_picture], column[on_picture]].mean())


def test_the_written_run_is_read_back_with_its_pixels_times_and_view(case, run) -> None:
    assert run.frames.dtype == np.uint8
    assert np.array_equal(run.frames, case.frames)
    np.testing.assert_allclose(run.frame_times_ms, case.run().frame_times_ms, atol=1e-3)
    for frame in range(FRAMES):
        view = run.c_arm(frame)
        assert view.primary_angle_deg == case.c_arm.primary_angle_deg
        assert view.secondary_angle_deg == case.c_arm.secondary_angle_deg
        assert (view.sid_mm, view.sod_mm) == (case.c_arm.sid_mm, case.c_arm.sod_mm)
        assert view.spacing_mm == case.c_arm.spacing_mm
        assert view.center_px == case.c_arm.center_px
    assert run.geometry[0].table.numbers == tuple(case.table_lps)
    assert run.patient_position == "HFS"
    assert run.warnings == ()


def test_the_run_without_a_file_is_the_run_from_the_file(case, run) -> None:
    direct = case.run()
    assert np.array_equal(direct.frames, run.frames)
    point = np.array([[12.0, -7.0, 20.0]])
    np.testing.assert_allclose(direct.c_arm(2).project(point), run.c_arm(2).project(point), atol=1e-9)
    assert direct.geometry[0].table.value == run.geometry[0].table.value


def test_the_written_run_is_valid_run_length_encoded_dicom(case, folder) -> None:
    from pydicom import dcmread
    from pydicom.uid import RLELossless, XRayAngiographicImageStorage

    dataset = dcmread(folder / "run.dcm")
    assert dataset.file_meta.TransferSyntaxUID == RLELossless
    assert dataset.SOPClassUID == dataset.file_meta.MediaStorageSOPClassUID == XRayAngiographicImageStorage
    assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID
    assert np.array_equal(dataset.pixel_array, case.frames)
    assert dataset.NumberOfFrames == FRAMES
    assert (dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit) == (8, 8, 7)
    assert dataset.PixelIntensityRelationship == "DISP"
    assert dataset.RadiationSetting in ("SC", "GR")
    assert [round(float(value), 3) for value in dataset.ImagerPixelSpacing] == [round(case.c_arm.spacing_mm[0], 3)] * 2


def test_another_reader_sees_the_same_pixels_and_the_detectors_spacing(case, folder) -> None:
    import SimpleITK

    image = SimpleITK.ReadImage(str(folder / "run.dcm"))
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), case.frames)
    np.testing.assert_allclose(image.GetSpacing()[:2], case.c_arm.spacing_mm[::-1], atol=1e-6)


def test_everything_that_may_be_read_alone_says_that_it_is_simulated(folder) -> None:
    from pydicom import dcmread

    dataset = dcmread(folder / "run.dcm", stop_before_pixels=True)
    for keyword in ("PatientName", "PatientID", "Manufacturer", "ImageComments", "SeriesDescription"):
        assert "simulat" in str(dataset[keyword].value).lower()
    assert json.loads((folder / "truth.json").read_text())["simulated"] is True


def test_runs_of_other_pixels_have_other_identifiers() -> None:
    """A store that holds one of two files with the same identifier drops the other."""
    from VesselRegistrationLib.simulation.dicom_writing import _dataset

    short, long, again = (_dataset(simulate_case("phantom", 1, frames, SIZE)) for frames in (1, 2, 1))
    assert short.SOPInstanceUID != long.SOPInstanceUID
    assert short.SOPInstanceUID == again.SOPInstanceUID
    assert len({short.SOPInstanceUID, short.SeriesInstanceUID, short.StudyInstanceUID}) == 3


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(folder, tmp_path) -> None:
    for name, seed in (("again", SEED), ("other", SEED + 1)):
        write_case(simulate_case("phantom", seed, FRAMES, SIZE), tmp_path / name)
    for name in SAME_BYTES:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
        assert (tmp_path / "other" / name).read_bytes() != (folder / name).read_bytes()


def test_the_written_model_is_the_whole_tree_as_a_closed_mesh(case, folder) -> None:
    model = read_vessel_model(folder / "model.stl")
    assert model.is_closed
    assert model.triangles.shape == case.model.triangles.shape
    np.testing.assert_allclose(model.points_lps.min(axis=0), case.model.points_lps.min(axis=0), atol=1e-4)
    np.testing.assert_allclose(model.points_lps.max(axis=0), case.model.points_lps.max(axis=0), atol=1e-4)


def test_truth_is_read_back(case, truth) -> None:
    assert (truth.region, truth.seed) == ("phantom", SEED)
    assert len(truth.poses) == FRAMES
    np.testing.assert_allclose(truth.poses, case.poses, atol=1e-6)
    np.testing.assert_allclose(truth.dilutions, case.dilutions)
    np.testing.assert_allclose(truth.centerline_lps, case.centerline_lps, atol=1e-3)
    assert all(np.array_equal(truth.mask(frame), case.masks[frame]) for frame in range(FRAMES))
    for name, point in case.tree.landmarks_lps.items():
        np.testing.assert_allclose(truth.landmarks_lps[name], point, atol=1e-3)


def test_the_true_centerline_falls_on_the_vessels_of_the_frame(run, truth) -> None:
    frame = truth.fullest_frame()
    where = truth.poses[frame], run.c_arm(frame), truth.mask(frame)
    assert share_in_mask(truth.centerline_lps, *where) > 0.99
    off = where[0].copy()
    off[:3, 3] += (6.0, 0.0, 6.0)
    assert share_in_mask(truth.centerline_lps, off, *where[1:]) < 0.7


def test_contrast_arrives_along_the_vessels_and_stays_in_the_mask(run, truth) -> None:
    shares = [share_in_mask(truth.centerline_lps, truth.poses[f], run.c_arm(f), truth.mask(f)) for f in range(FRAMES)]
    assert shares[0] == 0
    assert 0.1 < shares[1] < 0.95
    assert shares[1] < shares[2]
    assert min(shares[2:]) > 0.99
    inlet = truth.landmarks_lps["inlet"][None]
    column, row, _ = run.c_arm(1).project(transform_points(truth.poses[1], inlet))[0]
    near = truth.mask(1)[int(row) - 2 : int(row) + 4, int(column) - 2 : int(column) + 4]
    assert near.any()


def test_frames_darken_where_contrast_arrives_and_brighten_when_it_thins(case) -> None:
    full = case.masks[-1]
    levels = [float(frame[full].mean() - frame[~full].mean()) for frame in case.frames]
    darkest = int(np.argmin(levels))
    assert levels[darkest] < levels[0] - 5
    assert case.dilutions[darkest] > case.dilutions[-1]
    assert levels[-1] > levels[darkest]


def test_the_fullest_frame_weighs_area_by_strength() -> None:
    masks = [np.zeros((4, 4), bool), np.ones((4, 4), bool), np.ones((4, 4), bool)]
    assert fullest_frame(masks, [1.0, 0.6, 0.9]) == 2
    assert fullest_frame(masks, [1.0, 0.9, 0.6]) == 1


def test_models_of_patients_do_not_lie_in_the_isocenters_coordinates(coronary) -> None:
    middle = coronary.model.points_lps.mean(axis=0)
    at_isocenter = transform_points(coronary.poses[0], middle[None])[0]
    assert np.linalg.norm(at_isocenter - middle) > 20
    in_picture = coronary.c_arm.project(at_isocenter[None])[0, :2]
    assert (np.abs(in_picture - SIZE / 2) < SIZE).all()
    np.testing.assert_allclose(
        coronary.tree.landmarks_lps["left_ostium"], coronary.tree.branch("LM").points_lps[0], atol=1e-9
    )
    away = np.linalg.norm(coronary.model.points_lps - coronary.tree.landmarks_lps["left_ostium"], axis=1)
    assert away.min() < 3.5  # the radius of the widest left main, and a little


def test_every_mask_lies_on_the_model_at_the_frames_pose(case, coronary) -> None:
    for simulated in (case, coronary):
        assert simulated.masks.any()
        for mask, pose in zip(simulated.masks, simulated.poses, strict=True):
            seen = project_model(simulated.model, simulated.c_arm, pose).silhouette
            assert not (mask & ~binary_dilation(seen, iterations=3)).any()  # the finest twigs have gaps in `seen`


def test_a_heart_moves_and_a_phantom_lies_still(case, coronary) -> None:
    places = np.array([pose[:3, 3] for pose in coronary.poses])
    assert 0.2 < np.linalg.norm(np.diff(places, axis=0), axis=1).max() < 10
    assert all(np.array_equal(pose[:3, :3], coronary.poses[0][:3, :3]) for pose in coronary.poses)
    assert all(np.array_equal(pose, case.poses[0]) for pose in case.poses)


def test_the_start_pose_is_near_the_truth_but_not_the_truth(folder, truth) -> None:
    start = read_pose(folder / "start-pose.json")
    middle = truth.centerline_lps.mean(axis=0)[None]
    away = np.linalg.norm(transform_points(start, middle) - transform_points(truth.poses[0], middle))
    assert 1 < away < 80


@pytest.mark.parametrize("region", ["upper", "lower"])
def test_cases_of_the_other_regions_show_vessels(region) -> None:
    case = simulate_case(region, 3, 1, SIZE, model_cell_mm=2.0)
    assert case.frames.shape == case.masks.shape == (1, SIZE, SIZE)
    assert case.masks.mean() > 0.005
    assert case.model.is_closed


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"frames": 0}, "0"),
        ({"size": 64}, "64"),
        ({"region": "elbow"}, "elbow"),
        ({"seed": -4}, "-4"),
        ({"model_cell_mm": -1.0}, "-1"),
    ],
)
def test_cases_that_cannot_be_made_are_refused(wanted, named) -> None:
    with pytest.raises(InputError, match=named):
        simulate_case(**{"region": "phantom", "seed": 1, "frames": 1, "size": SIZE, **wanted})


def test_a_folder_below_a_file_is_an_output_error(case, tmp_path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="file"):
        write_case(case, tmp_path / "file" / "case")


def test_a_folder_without_truth_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"truth\.json"):
        read_truth(tmp_path)
    with pytest.raises(InputError, match="nowhere"):
        read_truth(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1, 2]",
        b"null",
        b"\xff\xfe\x00",
        b'{"poses": []}',
        b'{"schema": "vessel-registration/truth", "schemaVersion": 1}',
        b'{"schema": "another/program", "schemaVersion": 1}',
    ],
    ids=["empty", "cut", "list", "null", "binary", "foreign", "bare", "other-schema"],
)
def test_a_truth_file_that_is_none_is_refused(content, tmp_path) -> None:
    (tmp_path / "truth.json").write_bytes(content)
    with pytest.raises(InputError, match=r"truth\.json") as caught:
        read_truth(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schemaVersion", 99),
        ("seed", "many"),
        ("frames", []),
        ("frames", {"one": 1}),
        ("frames", [{"modelToIsocenter": [[1, 0], [0, 1]], "mask": "masks/frame_000.png", "dilution": 1.0}]),
        ("frames", [{"modelToIsocenter": np.full((4, 4), None).tolist(), "mask": "a.png", "dilution": 1.0}]),
        ("frames", [{"modelToIsocenter": np.eye(4).tolist(), "mask": "../../other.png", "dilution": 1.0}]),
        ("frames", [{"modelToIsocenter": np.eye(4).tolist(), "mask": 7, "dilution": 1.0}]),
        ("frames", [{"modelToIsocenter": np.eye(4).tolist(), "mask": "a.png"}]),
        ("centerline", [[1, 2], [3, 4]]),
        ("centerline", "straight"),
        ("landmarks", ["inlet"]),
        ("landmarks", {"inlet": "left"}),
    ],
)
def test_truth_with_a_value_that_cannot_be_is_refused(folder, tmp_path, key, value) -> None:
    content = json.loads((folder / "truth.json").read_text())
    content[key] = value
    (tmp_path / "truth.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"truth\.json"):
        read_truth(tmp_path)


def test_a_mask_that_is_lost_or_no_picture_is_refused(folder, tmp_path) -> None:
    (tmp_path / "truth.json").write_bytes((folder / "truth.json").read_bytes())
    truth = read_truth(tmp_path)
    with pytest.raises(InputError, match=r"frame_000\.png"):
        truth.mask(0)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "frame_000.png").write_text("no picture")
    with pytest.raises(InputError, match=r"frame_000\.png"):
        truth.mask(0)


def test_another_run_of_a_patient_is_seen_from_elsewhere_while_model_and_table_stay() -> None:
    first, second = simulate_runs("coronary", 7, 2, frames=2, size=128)
    alone = simulate_case("coronary", 7, frames=2, size=128)
    assert np.array_equal(first.frames, alone.frames)
    assert np.array_equal(first.model.points_lps, second.model.points_lps)
    assert np.array_equal(first.table_lps, second.table_lps)
    apart = abs(first.c_arm.primary_angle_deg - second.c_arm.primary_angle_deg)
    assert 35 <= apart <= 60
    assert np.allclose(first.poses[0][:3, :3], second.poses[0][:3, :3])
    assert np.abs(first.poses[0][:3, 3] - second.poses[0][:3, 3]).max() < 12  # heart and breath
    assert second.masks[1].any()
    again = simulate_runs("coronary", 7, 2, frames=2, size=128)[1]
    assert np.array_equal(second.frames, again.frames)


def test_no_runs_at_all_are_an_error() -> None:
    with pytest.raises(InputError, match="at least 1 run"):
        simulate_runs("coronary", 7, 0)
