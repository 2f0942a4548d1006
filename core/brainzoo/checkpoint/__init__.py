"""The checkpoint folder: what can be published, and how it is written, read and verified.

``model.safetensors config.json README.md metrics.json samples.png reference.npy LICENSE``. A
checkpoint names a plugin, never an import path: only an installed entry point may answer. It
carries the preparation of its training data, salted hashes of the training subjects, and the
digest of reference samples. No torch here: weights are numpy arrays.
"""

from __future__ import annotations

from brainzoo.checkpoint.loading import Verification as Verification
from brainzoo.checkpoint.loading import expect_plugin as expect_plugin
from brainzoo.checkpoint.loading import load as load
from brainzoo.checkpoint.loading import verify as verify
from brainzoo.checkpoint.reading import check as check
from brainzoo.checkpoint.reading import expect_own_people as expect_own_people
from brainzoo.checkpoint.reading import expect_sound as expect_sound
from brainzoo.checkpoint.reading import learned_from as learned_from
from brainzoo.checkpoint.reading import odd_files as odd_files
from brainzoo.checkpoint.reading import read_config as read_config
from brainzoo.checkpoint.reading import read_weights as read_weights
from brainzoo.checkpoint.writing import describe_start as describe_start
from brainzoo.checkpoint.writing import describe_training as describe_training
from brainzoo.checkpoint.writing import public_command as public_command
from brainzoo.checkpoint.writing import refresh_card as refresh_card
from brainzoo.checkpoint.writing import write as write
from brainzoo.data.classes import public_expression as public_expression
