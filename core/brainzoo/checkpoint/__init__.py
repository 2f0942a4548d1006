"""The checkpoint folder: what can be published, and how it is written, read and verified.

``model.safetensors config.json README.md metrics.json samples.png reference.npy LICENSE``. A
checkpoint names a plugin, never an import path: only an installed entry point may answer. It
carries the preparation of its training data, salted hashes of the training subjects, and the
digest of reference samples. No torch here: weights are numpy arrays.
"""

from __future__ import annotations

from brainzoo.checkpoint.loading import Verification, expect_plugin, load, verify
from brainzoo.checkpoint.reading import (
    check,
    expect_own_people,
    expect_sound,
    odd_files,
    read_config,
    read_weights,
)
from brainzoo.checkpoint.writing import describe_training, refresh_card, write
from brainzoo.data.classes import public_expression

__all__ = [
    "Verification",
    "check",
    "describe_training",
    "expect_own_people",
    "expect_plugin",
    "expect_sound",
    "load",
    "odd_files",
    "public_expression",
    "read_config",
    "read_weights",
    "refresh_card",
    "verify",
    "write",
]
