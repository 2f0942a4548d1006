"""Contract suites: what every plugin must do for its users, as tests that a plugin subclasses.

    from brainzoo.testing import GeneratorContract

    class TestMine(GeneratorContract):
        name = "mine"

That is all of ``tests/test_contract.py``; run it with ``pytest``. Needs pytest, and for generators
what ``brainzoo-core[training]`` installs.
"""

import pytest

pytest.register_assert_rewrite(
    "brainzoo.testing.plugin",
    "brainzoo.testing.dataset",
    "brainzoo.testing.generator",
    "brainzoo.testing.evaluator",
    "brainzoo.testing.exporter",
)

from brainzoo.testing.dataset import DatasetContract  # noqa: E402
from brainzoo.testing.evaluator import EvaluatorContract  # noqa: E402
from brainzoo.testing.exporter import ExporterContract  # noqa: E402
from brainzoo.testing.generator import GeneratorContract  # noqa: E402
from brainzoo.testing.heads import make_head, make_images, make_volume  # noqa: E402

__all__ = [
    "DatasetContract",
    "EvaluatorContract",
    "ExporterContract",
    "GeneratorContract",
    "make_head",
    "make_images",
    "make_volume",
]
