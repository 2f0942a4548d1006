"""A checkpoint whose plugin is installed from a wheel, and its bundle."""

from __future__ import annotations

import base64
import hashlib
import shutil
from pathlib import Path

import pytest
from brainzoo.zoo.bundling import bundle as bundles
from brainzoo.zoo.bundling.bundle import bundle
from brainzoo.zoo.bundling.wheels import wheel_of

from ...conftest import TINY
from ..hub.conftest import checkpoint, hasty, trained

__all__ = ["checkpoint", "hasty", "trained"]  # fixtures that are made as the Hub's tests make them


@pytest.fixture
def shipped(checkpoint: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkpoint, with its plugin installed as pip installs a wheel."""
    shutil.copytree(TINY / "brainzoo_tiny", tiny / "brainzoo_tiny")
    shutil.rmtree(tiny / "brainzoo_tiny" / "__pycache__", ignore_errors=True)
    info = tiny / "brainzoo_tiny-0.1.0.dist-info"
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    (info / "INSTALLER").write_text("pip\n")
    rows = [_row(path, tiny) for path in sorted(tiny.rglob("*")) if path.is_file()]
    (info / "RECORD").write_text("\n".join([*rows, "../../../bin/tiny,,", f"{info.name}/RECORD,,"]))

    def instead(name: str, folder: Path) -> Path:
        if name != "brainzoo-core":
            return wheel_of(name, folder)
        (folder / "brainzoo_core-0.1.0-py3-none-any.whl").write_bytes(b"PK, made quickly")
        return folder / "brainzoo_core-0.1.0-py3-none-any.whl"

    monkeypatch.setattr(bundles, "wheel_of", instead)
    return checkpoint


def _row(path: Path, site: Path) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=")
    return f"{path.relative_to(site)},sha256={digest.decode()},{path.stat().st_size}"


@pytest.fixture
def made(shipped: Path, tmp_path: Path) -> Path:
    return bundle(shipped, tmp_path / "made.tar", name="tiny-heads-16", version="1.0.0")
