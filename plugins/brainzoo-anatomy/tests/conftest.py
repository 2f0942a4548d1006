"""A network with made-up weights in the true layout: it tells classes by brightness alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from brainzoo_anatomy import segmentation

CLASSES = [
    "Unknown", "Cerebral-White-Matter", "Cerebral-Cortex", "Lateral-Ventricle",
    "Inferior-Lateral-Ventricle", "Cerebellum-White-Matter", "Cerebellum-Cortex", "Thalamus",
    "Caudate", "Putamen", "Pallidum", "3rd-Ventricle", "4th-Ventricle", "Brain-Stem",
    "Hippocampus", "Amygdala", "Accumbens-area", "VentralDC",
]  # fmt: skip
LAST = len(CLASSES) - 1


def brightness(name: str) -> float:
    """Return how bright the made-up network thinks a class is, in [0, 1]."""
    return CLASSES.index(name) / LAST


def layout() -> tuple[dict[str, Any], bytes]:
    """Return ``model.json`` as a dict, and ``model.bin``: two dilated layers, then the classes."""
    first = np.zeros((3, 3, 3, 1, 2), "<f4")
    second = np.zeros((3, 3, 3, 2, 2), "<f4")
    first[1, 1, 1, 0] = second[1, 1, 1, 0] = (1, 0)
    steps = np.arange(LAST + 1) - LAST / 2  # the nearest brightness has the highest score
    last = np.zeros((1, 1, 1, 2, LAST + 1), "<f4")
    last[0, 0, 0, 0] = 2 * LAST * steps
    none, ends = np.zeros(2, "<f4"), (-LAST * steps - steps**2).astype("<f4")
    arrays = {"conv_0": (first, none), "conv_2": (second, none), "output": (last, ends)}
    layers: list[dict[str, Any]] = [
        {
            "class_name": "InputLayer",
            "config": {
                "batch_input_shape": [None, 256, 256, 256, 1],
                "dtype": "float32",
                "sparse": False,
                "ragged": False,
                "name": "input",
            },
            "name": "input",
            "inbound_nodes": [],
        }
    ]
    for number, (name, (kernel, _)) in enumerate(arrays.items()):
        layers.append(
            {
                "class_name": "Conv3D",
                "config": {
                    "name": name,
                    "trainable": False,
                    "filters": kernel.shape[-1],
                    "kernel_size": list(kernel.shape[:3]),
                    "strides": [1, 1, 1],
                    "dilation_rate": [1 + number % 2] * 3,
                    "padding": "same",
                    "data_format": "channels_last",
                    "activation": "linear",
                    "use_bias": True,
                    "dtype": "float32",
                },
                "name": name,
                "inbound_nodes": [[[layers[-1]["name"], 0, 0, {}]]],
            }
        )
        if name != "output":
            own = f"activation_{number}"
            layers.append(
                {
                    "class_name": "Activation",
                    "config": {
                        "name": own,
                        "trainable": False,
                        "dtype": "float32",
                        "activation": "elu",
                    },
                    "name": own,
                    "inbound_nodes": [[[name, 0, 0, {}]]],
                }
            )
    tensors = [
        {"name": f"{name}/{part}", "shape": list(array.shape), "dtype": "float32"}
        for name, pair in arrays.items()
        for part, array in zip(("kernel", "bias"), pair, strict=True)
    ]
    model = {
        "format": "layers-model",
        "generatedBy": "a test",
        "modelTopology": {
            "keras_version": "2.7.0",
            "backend": "tensorflow",
            "model_config": {
                "class_name": "Functional",
                "config": {
                    "name": "model",
                    "layers": layers,
                    "input_layers": [["input", 0, 0]],
                    "output_layers": [["output", 0, 0]],
                },
            },
        },
        "weightsManifest": [{"paths": ["model.bin"], "weights": tensors}],
    }
    return model, b"".join(array.tobytes() for pair in arrays.values() for array in pair)


def write(folder: Path, model: dict[str, Any], content: bytes) -> Path:
    """Write a network's three files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").write_text(json.dumps(model), encoding="utf-8")
    (folder / "model.bin").write_bytes(content)
    (folder / "colormap.json").write_text(json.dumps({"R": [], "labels": CLASSES}))
    return folder


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("meshnet") / "weights", *layout())


@pytest.fixture(scope="session", autouse=True)
def coarse_and_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Segment at 8 mm, which takes no time, and keep caches away from the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmentation, "VOXEL_MM", 8.0)
        patch.setenv("BRAINZOO_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def made_up() -> Any:
    """Give tests the functions above: no test module is imported by another."""
    return SimpleNamespace(classes=CLASSES, brightness=brightness, layout=layout, write=write)
