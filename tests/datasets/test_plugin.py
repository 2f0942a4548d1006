"""The core's datasets are offered like anybody's, without importing what they need."""

from __future__ import annotations

import subprocess
import sys

import pytest

from brainzoo.plugin.interfaces import Dataset
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.options import make_config, options_of


@pytest.mark.parametrize("name", ["folder", "bids", "ixi"])
def test_each_is_offered_with_explained_options(name: str) -> None:
    spec = plugins().get("dataset", name)
    dataset = spec.load()(make_config(spec.config, {}))
    assert isinstance(dataset, Dataset)
    assert spec.summary.endswith(".")
    assert all(item.help.endswith((".", "...")) for item in options_of(spec.config))


def test_offering_them_imports_nothing_heavy() -> None:
    code = (
        "import sys, brainzoo.datasets.plugin as p; p.brainzoo_datasets(); "
        "heavy = {'numpy', 'nibabel', 'xlrd', 'filelock', 'urllib.request'}; "
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
