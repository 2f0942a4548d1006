"""The simulated population as its users meet it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from brainzoo_atlas.config import AtlasConfig
from brainzoo_atlas.dataset import Atlas

from brainzoo.testing import DatasetContract


class TestContract(DatasetContract):
    name = "atlas"
    options = {"subjects": 3, "spacing_mm": 4}  # noqa: RUF012
