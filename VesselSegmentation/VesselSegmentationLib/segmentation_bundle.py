"""What makes the folder of a segmentation network a MONAI bundle: its tensors and its workflows.

The workflows are MONAI's engines around functions of `segmentation_workflow`:

    python -m monai.bundle run --config_file configs/inference.json --bundle_root . --dataset_dir FRAMES \
        --output_dir MASKS
    python -m monai.bundle run --config_file configs/evaluate.json --bundle_root . --dataset_dir ANNOTATED
    python -m monai.bundle run --config_file configs/train.json --bundle_root . --dataset_dir POOL_OR_ANNOTATED \
        --output_dir NEW_NETWORK
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from VesselSegmentationLib.bundle_layout import BundleParts, tensor_format
from VesselSegmentationLib.dru_net_shape import DruNetShape

WORKFLOW = "VesselSegmentationLib.segmentation_workflow"


def segmentation_bundle(hyper_parameters: Mapping[str, Any]) -> BundleParts:
    """The bundle of a DRU-Net. Raises InputError or TypeError for hyper-parameters that it cannot have."""
    shape = DruNetShape(**hyper_parameters)
    square = (shape.side, shape.side)
    frames = {str(channel): "standardized X-ray frame" for channel in range(shape.in_channels)}
    vessels = {str(channel): "logit of contrast-filled vessel" for channel in range(shape.out_channels)}
    return BundleParts(
        name="Vessels in X-ray frames (DRU-Net)",
        task="Segmentation of contrast-filled vessels in X-ray angiography and fluoroscopy",
        data_type="8-bit or 16-bit grey pictures",
        network_data_format={
            "inputs": {"image": tensor_format("image", "raw", "XA", shape.in_channels, square, (), frames)},
            "outputs": {"pred": tensor_format("image", "segmentation", "n/a", shape.out_channels, square, (), vessels)},
        },
        configs={
            "inference.json": inference(shape.side),
            "evaluate.json": evaluation(shape.side),
            "train.json": training_of(f"{WORKFLOW}.training"),
        },
    )


def applied(workflow: str, preprocessing: Mapping[str, Any], data: Any) -> dict[str, Any]:
    """What inference and evaluation share: the checked weights, MONAI's data set, loader and inferer.

    `workflow` is the module whose `trained_network` loads the weights.
    """
    return {
        "bundle_root": ".",
        "dataset_dir": "",
        "output_dir": "$@bundle_root + '/eval'",
        "device": "cpu",
        "network_def": {"_target_": f"{workflow}.trained_network", "folder": "@bundle_root", "device": "@device"},
        "preprocessing": compose(preprocessing),
        "dataset": {"_target_": "monai.data.Dataset", "data": data, "transform": "@preprocessing"},
        "dataloader": {"_target_": "monai.data.DataLoader", "dataset": "@dataset", "batch_size": 1},
        "inferer": {"_target_": "monai.inferers.SimpleInferer"},
    }


def evaluator(**more: Any) -> dict[str, Any]:
    """MONAI's engine for what `applied` names."""
    return {
        "_target_": "monai.engines.SupervisedEvaluator",
        "device": "$torch.device(@device)",
        "val_data_loader": "@dataloader",
        "network": "@network_def",
        "inferer": "@inferer",
        "postprocessing": "@postprocessing",
        **more,
    }


def compose(*transforms: Mapping[str, Any]) -> dict[str, Any]:
    """Transforms in a row."""
    return {"_target_": "monai.transforms.Compose", "transforms": list(transforms)}


def inference(side: int) -> dict[str, Any]:
    """Frames of `dataset_dir` in, masks of their names and sizes in `output_dir` out (vessel 255)."""
    return {
        "imports": ["$import torch"],
        **applied(
            WORKFLOW,
            {"_target_": f"{WORKFLOW}.ReadFrame", "side": side},
            {"_target_": f"{WORKFLOW}.frames_in", "folder": "@dataset_dir"},
        ),
        "postprocessing": compose(
            {"_target_": f"{WORKFLOW}.MaskOnFrame"},
            {"_target_": f"{WORKFLOW}.WriteMask", "folder": "@output_dir"},
        ),
        "evaluator": evaluator(),
        "run": ["$@evaluator.run()"],
    }


def evaluation(side: int) -> dict[str, Any]:
    """NAME.png with NAME_mask.png of `dataset_dir` in, scores on the frames' own pixels printed."""
    return {
        "imports": ["$import torch", "$from monai.handlers import from_engine"],
        **applied(
            WORKFLOW,
            {"_target_": f"{WORKFLOW}.ReadAnnotated", "folder": "@dataset_dir", "side": side},
            {"_target_": f"{WORKFLOW}.annotated_in", "folder": "@dataset_dir"},
        ),
        "postprocessing": compose({"_target_": f"{WORKFLOW}.MaskOnFrame"}),
        "key_metric": {
            "mean_dsc": {
                "_target_": "monai.handlers.MeanDice",
                "include_background": True,
                "output_transform": "$from_engine(['pred', 'label'])",
            }
        },
        "handlers": [{"_target_": f"{WORKFLOW}.Scores", "folder": "@output_dir"}],
        "evaluator": evaluator(key_val_metric="@key_metric", val_handlers="@handlers"),
        "run": ["$@evaluator.run()"],
    }


def training_of(function: str) -> dict[str, Any]:
    """The project's own training, which `function` makes ready: data of `dataset_dir` in, a bundle in `output_dir` out.

    `settings` are changes to the recipe, such as `--settings#minutes 5`; `start` is a network folder to go on from,
    such as this bundle; nothing: from scratch.
    """
    return {
        "bundle_root": ".",
        "dataset_dir": "",
        "output_dir": "$@bundle_root + '/training'",
        "device": "cpu",
        "recipe": "recommended",
        "start": None,
        "settings": {},
        "training": {
            "_target_": function,
            "dataset_dir": "@dataset_dir",
            "output_dir": "@output_dir",
            "recipe": "@recipe",
            "device": "@device",
            "start": "@start",
            "settings": "@settings",
        },
        "train": {"trainer": "$@training.trainer"},
        "data_source": "the data set given to the bundle's train.json",
        "run": ["$print(@training.train(None, @data_source))"],
    }
