"""What makes the folder of an affine CNN a MONAI bundle: its tensors and its workflows.

The workflows are MONAI's engines around functions of `matching_workflow`. A folder of pairs holds NAME_model.png, the
silhouette of the projected model, and NAME_mask.png, the vessel mask of the frame, of one size.

    python -m monai.bundle run --config_file configs/inference.json --bundle_root . --dataset_dir PAIRS \
        --output_dir MATCHES
    python -m monai.bundle run --config_file configs/evaluate.json --bundle_root . --dataset_dir PAIRS
    python -m monai.bundle run --config_file configs/train.json --bundle_root . --dataset_dir POOL \
        --output_dir NEW_NETWORK
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from VesselRegistrationLib.affine_cnn import AffineCnnSettings
from VesselSegmentationLib.bundle_layout import BundleParts, tensor_format
from VesselSegmentationLib.segmentation_bundle import applied, compose, evaluator, training_of

WORKFLOW = "VesselRegistrationLib.matching_workflow"


def matching_bundle(hyper_parameters: Mapping[str, Any]) -> BundleParts:
    """The bundle of an affine CNN. Raises InputError or TypeError for hyper-parameters that it cannot have."""
    side = AffineCnnSettings(**hyper_parameters).input_size
    pictures = {
        name: tensor_format("image", "magnitude", modality, 1, (side, side), (0, 1), {"0": words})
        for name, modality, words in (
            ("image", "n/a", "silhouette of the projected model (moving)"),
            ("fixed", "XA", "vessels of the frame (fixed)"),
        )
    }
    matrix = tensor_format("tuples", "points", "n/a", 3, (3,), (), {"0": "x", "1": "y", "2": "0 0 1"})
    return BundleParts(
        name="Model-to-image matching (affine CNN)",
        task="Affine registration of a projected vessel model to the vessels of an X-ray frame",
        data_type="masks as 8-bit pictures",
        network_data_format={"inputs": pictures, "outputs": {"pred": matrix}},
        configs={
            "inference.json": _matching({"_target_": f"{WORKFLOW}.WriteMatch", "folder": "@output_dir"}),
            "evaluate.json": {
                **_matching(val_handlers="@handlers"),
                "handlers": [
                    {"_target_": "VesselSegmentationLib.segmentation_workflow.Scores", "folder": "@output_dir"}
                ],
            },
            "train.json": training_of(f"{WORKFLOW}.training"),
        },
    )


def _matching(*last: Mapping[str, Any], **handlers: Any) -> dict[str, Any]:
    return {
        "imports": ["$import torch", f"$from {WORKFLOW} import prepared"],
        **applied(
            WORKFLOW,
            {"_target_": f"{WORKFLOW}.ReadPair", "side": "$@network_def.settings.input_size"},
            {"_target_": f"{WORKFLOW}.pairs_in", "folder": "@dataset_dir"},
        ),
        "postprocessing": compose({"_target_": f"{WORKFLOW}.Carried"}, *last),
        "evaluator": evaluator(prepare_batch="$prepared", **handlers),
        "run": ["$@evaluator.run()"],
    }
