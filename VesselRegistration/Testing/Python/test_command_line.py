"""The command as a user runs it: results on good input, one clear line and nothing half-written on bad input."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import jsonschema
import numpy as np
import pydicom
import pytest
import torch
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from VesselRegistrationLib import matching_network
from VesselRegistrationLib.affine_cnn import AffineCnn, AffineCnnSettings
from VesselRegistrationLib.cli import main
from VesselRegistrationLib.model_reading import read_vessel_model
from VesselRegistrationLib.projection import project_model
from VesselRegistrationLib.simulation.cases import simulate_case, write_case
from VesselRegistrationLib.xray_reading import read_xray_run
from VesselSegmentationLib.dru_net import DruNet
from VesselSegmentationLib.intensity import turned_around
from VesselSegmentationLib.overlay import write_png
from VesselSegmentationLib.weights import NetworkMetadata, save_network

RESOURCES = Path(__file__).resolve().parents[3] / "Resources"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated case on disk."""
    folder = tmp_path_factory.mktemp("case")
    write_case(simulate_case("phantom", 3, frames=3, size=192, model_cell_mm=2.0), folder)
    return folder


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that name small untrained networks: the command line is tested, not the networks."""
    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(1)
    segmentation, settings = DruNet(width=2), AffineCnnSettings(32, 2, None, 8)
    save_network(segmentation, folder / "seg", NetworkMetadata("DruNet", segmentation.hyper_parameters()))
    metadata = NetworkMetadata(matching_network.NAME, dataclasses.asdict(settings))
    save_network(AffineCnn(settings), folder / "match", metadata)
    return [
        *("--segmentation-network", str(folder / "seg"), "--matching-network", str(folder / "match")),
        *("--threads", "1"),
    ]


def picture(path: Path) -> np.ndarray:
    """A picture file's pixels."""
    with Image.open(path) as image:
        return np.array(image)


def run(*arguments: object) -> int:
    """Exit code of the command; argparse's own exit counts as one."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


def register(case: Path, output: Path, networks: list[str], *more: object) -> int:
    """The exit code of `register --method affine` with the case's true mask of its last frame."""
    xray = () if "--xray" in more else ("--xray", case / "run.dcm")
    return run(
        *("register", "--method", "affine", "--model", case / "model.stl", *xray, "--frame", 2, "--output", output),
        *("--mask", case / "masks" / "frame_002.png", "--initial-pose", case / "start-pose.json", *networks, *more),
    )


def test_help_teaches_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    text = capsys.readouterr().out
    for name in ("inspect", "project", "segment", "register", "simulate", "train", "evaluate", "demo"):
        assert name in text
        assert run(name, "--help") == 0
        assert f"vessel-registration {name} " in capsys.readouterr().out


def test_asking_for_help_loads_no_heavy_library() -> None:
    import subprocess
    import sys

    code = (
        "import sys\nfrom VesselRegistrationLib.cli import main\n"
        "try:\n    main(['register', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'monai', 'SimpleITK', 'vtk', 'pydicom', 'matplotlib', 'scipy', 'PIL'} & set(sys.modules)\n"
        "sys.exit(f'loaded {sorted(heavy)}' if heavy else 0)"
    )
    folders = [str(Path(__file__).resolve().parents[3] / name) for name in ("VesselSegmentation", "VesselRegistration")]
    environment = {"PYTHONPATH": ":".join(folders), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_inspect_prints_where_each_value_comes_from(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("inspect", case / "run.dcm") == 0
    text = capsys.readouterr().out
    assert "(0018,1510)" in text
    assert "SIMULATED" not in text
    assert run("inspect", case / "run.dcm", "--json") == 0
    assert json.loads(capsys.readouterr().out)
    assert run("inspect", case / "model.stl") == 0
    assert "triangles" in capsys.readouterr().out


def test_project_writes_the_silhouette_of_the_true_view(case: Path, tmp_path: Path) -> None:
    assert run("project", "--model", case / "model.stl", "--xray", case / "run.dcm", "--output", tmp_path) == 0
    silhouette = picture(tmp_path / "silhouette.png") > 0
    from VesselRegistrationLib.xray_reading import read_xray_run

    expected = project_model(read_vessel_model(case / "model.stl"), read_xray_run(case / "run.dcm").c_arm())
    np.testing.assert_array_equal(silhouette, expected.silhouette)
    assert json.loads((tmp_path / "projection.json").read_text())["coveredPixels"] == silhouette.sum()


def test_project_without_a_run_needs_the_whole_view(case: Path, tmp_path: Path, capsys: object) -> None:
    assert run("project", "--model", case / "model.stl", "--output", tmp_path, "--sid", 1000) == 2
    assert "--primary-angle, --secondary-angle, --sod, --spacing" in capsys.readouterr().err  # type: ignore[attr-defined]
    view = ["--primary-angle", 10, "--secondary-angle", 5, "--sid", 1000, "--sod", 750, "--spacing", 0.8, 0.8]
    assert run("project", "--model", case / "model.stl", "--output", tmp_path, *view, "--size", 128, 160) == 0
    assert picture(tmp_path / "projection.png").shape == (128, 160, 3)


def test_segment_writes_a_mask_of_the_same_name_and_size_per_picture(tmp_path: Path, networks: list[str]) -> None:
    frames = tmp_path / "frames"
    random = np.random.default_rng(1)
    write_png(frames / "a.png", random.integers(0, 255, (100, 140)).astype(np.uint8))
    write_png(frames / "b.png", random.integers(0, 4000, (64, 64)).astype(np.uint16))
    Image.fromarray(random.integers(0, 255, (80, 60), dtype=np.uint8)).save(frames / "c.jpg")
    assert run("segment", "--images", frames, "--output", tmp_path / "masks", *networks[:2], *networks[4:]) == 0
    sizes = {path.name: picture(path).shape for path in (tmp_path / "masks").glob("*.png")}
    assert sizes == {"a.png": (100, 140), "b.png": (64, 64), "c.png": (80, 60)}
    assert set(np.unique(picture(tmp_path / "masks" / "a.png"))) <= {0, 255}


def test_segment_writes_a_mask_per_frame_of_a_run(case: Path, tmp_path: Path, networks: list[str]) -> None:
    options = ["--overlay", "--probability", "--attention", *networks[:2], *networks[4:]]
    assert run("segment", "--xray", case / "run.dcm", "--output", tmp_path, *options) == 0
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [f"frame_{index:03d}.png" for index in range(3)]
    for name in ("overlay", "probability", "attention"):
        assert len(list((tmp_path / name).glob("*.png"))) == 3


def test_bright_vessels_are_found_as_dark_ones_are(case: Path, tmp_path: Path, networks: list[str]) -> None:
    options = [*networks[:2], *networks[4:]]
    dark = read_xray_run(case / "run.dcm").frames[0]
    write_png(tmp_path / "dark" / "a.png", dark)
    write_png(tmp_path / "bright" / "a.png", turned_around(dark))
    for kind, more in (("dark", []), ("bright", ["--bright-vessels"])):
        output = tmp_path / kind / "masks"
        assert run("segment", "--images", tmp_path / kind, "--output", output, *more, *options) == 0
    assert np.array_equal(*(picture(tmp_path / kind / "masks" / "a.png") for kind in ("dark", "bright")))


def test_segment_says_what_computed_the_masks(case: Path, tmp_path: Path, networks: list[str]) -> None:
    options = [*networks[:2], *networks[4:]]
    chosen = ("--runtime", "torch", "--precision", "float32")
    assert run("segment", "--xray", case / "run.dcm", "--output", tmp_path, *chosen, *options) == 0
    document = json.loads((tmp_path / "segmentation.json").read_text())
    assert (document["runtime"], document["precision"]) == ("torch", "float32")


def test_a_runtime_that_is_not_installed_is_refused_with_the_command_that_installs_it(
    case: Path, tmp_path: Path, networks: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("VesselSegmentationLib.runtime.openvino_is_installed", lambda: False)
    options = [*networks[:2], *networks[4:]]
    assert run("segment", "--xray", case / "run.dcm", "--output", tmp_path, "--runtime", "openvino", *options) == 2
    message = capsys.readouterr().err
    assert "pip install openvino" in message
    assert message.count("\n") == 1


def test_register_writes_the_report_the_pictures_and_the_model(
    case: Path, tmp_path: Path, networks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert register(case, tmp_path, networks) == 0
    assert "registered" in capsys.readouterr().out
    report = json.loads((tmp_path / "registration.json").read_text())
    jsonschema.validate(report, json.loads((RESOURCES / "registration.schema.json").read_text()))
    assert report["affine"] == report["poses"][0]["affine"]
    assert report["DSC"] > 0.5
    assert report["poses"][0]["run"] == "run"
    names = {path.name for path in tmp_path.iterdir()}
    expected = {"frame.png", "mask.png", "projection.png", "overlay.png", "outline.png", "summary.png"}
    assert names == expected | {"registration.json", "registered-model.stl"}
    assert not read_vessel_model(tmp_path / "registered-model.stl").warnings


def test_all_frames_are_registered_each_from_the_pose_that_the_table_carried(
    case: Path, tmp_path: Path, networks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    model, pose = ["--model", case / "model.stl"], ["--initial-pose", case / "start-pose.json"]
    mask = ["--mask", case / "masks" / "frame_002.png", "--steps", 10]
    every_frame = ["--method", "affine", "--xray", case / "run.dcm", "--all-frames"]
    everything = [*model, *every_frame, *pose, *mask, "--output", tmp_path, *networks]
    assert run("register", *everything) == 0
    report = json.loads((tmp_path / "registration.json").read_text())
    jsonschema.validate(report, json.loads((RESOURCES / "registration.schema.json").read_text()))
    assert [entry["frame"] for entry in report["poses"]] == [0, 1, 2]
    assert all(entry["affineModelToIsocenter"] is not None for entry in report["poses"])
    assert run("register", *everything, "--frame", 1) == 2
    assert "--frame 1 and --all-frames exclude each other" in capsys.readouterr().err


def test_the_reported_affine_carries_the_region_of_interest_to_the_overlay(
    case: Path, tmp_path: Path, networks: list[str]
) -> None:
    assert register(case, tmp_path, networks, "--roi", 8, 16, 170, 160) == 0
    pose = json.loads((tmp_path / "registration.json").read_text())["poses"][0]
    assert pose["roi"] == {"x": 8, "y": 16, "width": 170, "height": 160}
    shift = np.array([[1, 0, 8], [0, 1, 16], [0, 0, 1]])
    np.testing.assert_allclose(pose["affine"], np.array(pose["affineProjectionToFrame"]) @ shift, atol=1e-6)


def test_the_registered_model_projects_onto_the_matched_outline(
    case: Path, tmp_path: Path, networks: list[str]
) -> None:
    from VesselRegistrationLib.xray_reading import read_xray_run

    assert register(case, tmp_path, networks, "--roi", 0, 0, 192, 192) == 0
    model = read_vessel_model(tmp_path / "registered-model.stl")
    shown = project_model(model, read_xray_run(case / "run.dcm").c_arm(2)).silhouette
    overlay = picture(tmp_path / "overlay.png").astype(int)
    frame = picture(tmp_path / "frame.png").astype(int)
    # Yellow and magenta raise red above the grey frame; cyan and untouched pixels do not.
    carried = overlay[:, :, 0] > frame + 2
    dsc = 2 * np.sum(carried & shown) / (carried.sum() + shown.sum())
    assert dsc > 0.95


def test_a_frame_without_vessels_is_refused_with_its_reason_and_exit_code_1(
    case: Path, tmp_path: Path, networks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert register(case, tmp_path, networks) == 0
    write_png(tmp_path / "empty.png", np.zeros((192, 192), bool))
    model, output = ["--model", case / "model.stl"], tmp_path
    mask = ["--mask", tmp_path / "empty.png", "--initial-pose", case / "start-pose.json", "--frame", 2]
    assert run("register", *model, "--xray", case / "run.dcm", "--output", output, *mask, *networks) == 1
    assert "No vessels were found" in capsys.readouterr().out
    report = json.loads((tmp_path / "registration.json").read_text())
    jsonschema.validate(report, json.loads((RESOURCES / "registration.schema.json").read_text()))
    assert report["poses"][0]["status"] == "refused"
    assert report["affine"] is None
    # What an earlier, registered result left there would contradict the refusal.
    assert not (tmp_path / "overlay.png").exists()
    assert not (tmp_path / "registered-model.stl").exists()


def truncated(case: Path, folder: Path) -> Path:
    path = folder / "truncated.dcm"
    content = (case / "run.dcm").read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def changed_dicom(case: Path, folder: Path, name: str, **values: object) -> Path:
    dataset = pydicom.dcmread(case / "run.dcm")
    dataset.decompress()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(folder / name)
    return folder / name


def test_a_picture_without_geometry_is_refused_by_the_names_of_the_missing_values(
    case: Path, tmp_path: Path, networks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    frame = write_png(tmp_path / "frame.png", np.full((192, 192), 90, np.uint8))
    view = ["--primary-angle", 10, "--sod", 750]
    assert register(case, tmp_path / "output", networks, "--xray", frame, "--frame", 0, *view) == 2
    error = capsys.readouterr().err
    assert "secondary angle, source-to-detector distance (SID), detector spacing" in error
    assert "On the command line: --primary-angle, --secondary-angle, --sid, --sod, --spacing." in error


def bad_inputs(case: Path, folder: Path) -> dict[str, tuple[list[object], str]]:
    """Name to (options that replace good ones, words of the message)."""
    (folder / "empty.stl").write_bytes(b"")
    (folder / "words.stl").write_text("This is a letter, not a mesh.\n")
    (folder / "nan.obj").write_text("v 0 0 0\nv nan 0 0\nv 0 50 0\nv 0 0 50\nf 1 2 3\nf 1 3 4\n")
    ct_class = "1.2.840.10008.5.1.4.1.1.2"
    ct = changed_dicom(case, folder, "ct.dcm", SOPClassUID=ct_class, Modality="CT")
    none = changed_dicom(case, folder, "none.dcm", NumberOfFrames=0, PixelData=b"")
    return {
        "truncated DICOM": (["--xray", truncated(case, folder)], "truncated"),
        "CT file": (["--xray", ct], "CT"),
        "zero frames": (["--xray", none], "frame"),
        "directory as run": (["--xray", folder], "folder"),
        "directory as model": (["--model", folder], "folder"),
        "missing run": (["--xray", folder / "nowhere.dcm"], "nowhere.dcm"),
        "empty STL": (["--model", folder / "empty.stl"], "empty.stl"),
        "text called STL": (["--model", folder / "words.stl"], "words.stl"),
        "mesh with NaN": (["--model", folder / "nan.obj"], "nan.obj"),
        "ROI outside the frame": (["--roi", 150, 100, 100, 100], "does not lie within the frame of 192 x 192"),
        "frame beyond the run": (["--frame", 99], "99"),
        "threshold": (["--threshold", 1.5], "1.5"),
        "pose file": (["--initial-pose", folder / "words.stl"], "words.stl"),
        "mask of another size": (["--mask", write_png(folder / "small.png", np.eye(64, dtype=bool))], "64 x 64"),
    }


CASES = [
    *("truncated DICOM", "CT file", "zero frames", "directory as run", "directory as model", "missing run"),
    *("empty STL", "text called STL", "mesh with NaN", "ROI outside the frame", "frame beyond the run", "threshold"),
    *("pose file", "mask of another size"),
]


@pytest.mark.parametrize("name", CASES)
def test_bad_input_gets_one_clear_line_and_leaves_nothing_behind(
    name: str, case: Path, tmp_path: Path, networks: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    replacing, words = bad_inputs(case, tmp_path)[name]
    output = tmp_path / "output"
    assert register(case, output, networks, *replacing) == 2
    error = capfd.readouterr().err.strip()
    assert error.startswith("vessel-registration: ")
    assert words in error
    assert len(error.splitlines()) == 1
    assert "Traceback" not in error
    assert not output.exists() or not list(output.iterdir())


def test_an_output_folder_that_cannot_be_written_is_said_before_any_work(
    case: Path, tmp_path: Path, networks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert register(case, tmp_path / "file" / "output", networks) == 2
    assert "Cannot write to the output folder" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "in the way"


def test_networks_that_were_tampered_with_are_refused(
    case: Path, tmp_path: Path, networks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    shutil.copytree(networks[3], tmp_path / "match")
    weights = tmp_path / "match" / "models" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    options = [*networks, "--matching-network", tmp_path / "match"]
    assert register(case, tmp_path / "output", options) == 2
    assert "SHA-256" in capsys.readouterr().err


def test_a_run_of_a_single_frame_is_simulated_too(tmp_path: Path) -> None:
    from VesselRegistrationLib.xray_reading import read_xray_run

    options = ["--region", "phantom", "--seed", 5, "--frames", 1, "--size", 128, "--model-cell", 4]
    assert run("simulate", *options, "--output", tmp_path) == 0
    assert read_xray_run(tmp_path / "run.dcm").frames.shape == (1, 128, 128)
    assert picture(tmp_path / "masks" / "frame_000.png").any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--frames", 0], ["0 frames", "choose 1 to"]),
        (["--frames", 100_000], ["100000 frames", "choose 1 to"]),
        (["--size", 10], ["10 x 10", "choose a size of 128"]),
        (["--size", 100_000], ["100000", "choose a size"]),
        (["--model-cell", 0], ["0 mm", "choose cells"]),
        (["--model-cell", -1], ["-1 mm", "choose cells"]),
        (["--model-cell", 500], ["500 mm", "choose cells"]),
        (["--model-cell", "nan"], ["nan mm", "choose cells"]),
        (["--seed", -3], ["seed -3", "0 or more"]),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_one_line(
    tmp_path: Path, options: list[object], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("simulate", "--region", "phantom", *options, "--output", tmp_path / "out") == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert all(word in message for word in words)
    (tmp_path / "file").write_text("")
    assert run("simulate", "--region", "phantom", "--output", tmp_path / "file") == 2
    assert "Choose another folder" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == ""
    assert not any((tmp_path / "out").rglob("*"))


def test_simulate_writes_a_case_that_the_other_commands_read(tmp_path: Path) -> None:
    options = ["--region", "phantom", "--seed", 5, "--frames", 2, "--size", 128]
    assert run("simulate", *options, "--output", tmp_path) == 0
    assert run("inspect", tmp_path / "run.dcm") == 0
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert truth["simulated"] is True
    assert len(truth["frames"]) == 2
