from __future__ import annotations

import subprocess
import sys

from brainzoo.exporters.plugin import brainzoo_exporters
from brainzoo.plugin.interfaces import Exporter
from brainzoo.plugin.options import make_config, options_of


def test_offers_nifti_and_png_that_load() -> None:
    specs = {spec.name: spec for spec in brainzoo_exporters()}
    assert set(specs) == {"nifti", "png"}
    for spec in specs.values():
        assert issubclass(spec.load(), Exporter)
        assert all(item.help for item in options_of(spec.config))
        make_config(spec.config, {"limit": "1k"})


def test_registering_imports_nothing_heavy() -> None:
    code = (
        "import sys, brainzoo.exporters.plugin; "
        "print([m for m in ('numpy', 'nibabel', 'PIL', 'torch') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
