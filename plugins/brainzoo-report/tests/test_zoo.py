"""Beside a run on simulated images stand samples of a checkpoint that came with its generator."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

import pytest

from brainzoo.api import shipped
from brainzoo.data.images import Images
from brainzoo.testing.heads import make_images
from brainzoo_report.config import ReportConfig
from brainzoo_report.exporter import Report
from brainzoo_report.zoo import beside

pytest.importorskip("brainzoo_pggan")


def page_of(run: Path, *, simulated: bool) -> str:
    images = Images.open(run / "samples")
    images.info["source"] = {**images.info["source"], "simulated": simulated}
    (path,) = Report(ReportConfig()).export(images, run / "report", run=run)
    return path.read_text(encoding="utf-8")


def test_only_runs_on_simulated_images_stand_beside_it(
    make_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainzoo_report.zoo.shipped", lambda _: shipped("pggan"))
    page = page_of(make_run(), simulated=True)
    assert "The same model on real scans" in page
    assert "brainzoo sample pggan-ixi-64 -n 100" in page
    assert "of ixi (CC BY-SA 3.0)" in page


def test_real_runs_stand_alone(make_run: Callable[..., Path]) -> None:
    assert "The same model on real scans" not in page_of(make_run(), simulated=False)


def test_nothing_is_shown_that_is_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slices = make_images(tmp_path / "slices", spatial=(64, 64), subjects=5)
    found = beside("pggan", slices)
    assert found is not None
    assert found["name"] == "pggan-ixi-64"
    assert beside("gan-of-elsewhere", slices) is None
    volumes = make_images(tmp_path / "volumes", spatial=(8, 8, 8), subjects=5)
    assert beside("pggan", volumes) is None

    monkeypatch.setattr("importlib.metadata.distribution", missing)
    assert beside("pggan", slices) is None


def missing(name: str) -> Distribution:
    raise PackageNotFoundError(name)
