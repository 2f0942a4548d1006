"""What tests of several parts share: plugins that are not installed, scans, and the caches."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from brainzoo.common.hardware import cores
from brainzoo.plugin.manager import plugins

ROOT = Path(__file__).parent.parent
TINY = ROOT / "tests" / "tiny"

Brainzoo = Callable[..., Result]
Install = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep caches away from the user's own."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINZOO_HOME", str(folder))
        # Runs that are compared to the bit do not choose how many threads are faster.
        patch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", str(cores())))
        yield folder


@pytest.fixture(scope="session")
def ixi() -> Path:
    """Return the folder of 121 real scans of IXI, where the machine has it."""
    folder = ROOT.parent / "shared" / "data" / "ixi-t1-2mm"
    if not folder.is_dir():
        pytest.skip("the IXI scans are not on this machine")
    return folder


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that installs a distribution with plugins for the test, and its folder.

    Subprocesses see it too, through PYTHONPATH.
    """
    site = tmp_path / "site"
    site.mkdir()
    before = set(sys.modules)

    def add(
        distribution: str,
        entry_points: Mapping[str, str],
        *,
        modules: Mapping[str, str] | None = None,
        requires: str = "brainzoo-core",
    ) -> Path:
        info = site / f"{distribution.replace('-', '_')}-0.1.0.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.1.0\n"
        (info / "METADATA").write_text(f"{metadata}Requires-Dist: {requires}\n")
        lines = [f"{name} = {target}" for name, target in entry_points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[brainzoo]", *lines, ""]))
        for name, text in (modules or {}).items():
            (site / f"{name}.py").write_text(text)
        plugins.cache_clear()
        return site

    for folder in (TINY, site):
        monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", f"{site}:{TINY}")
    plugins.cache_clear()
    yield add
    plugins.cache_clear()
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or ".").is_relative_to(site):
            del sys.modules[name]


@pytest.fixture
def tiny(install: Install) -> Path:
    """Install the plugin in tests/tiny: the generator ``tiny``, the evaluator ``difference``."""
    return install("brainzoo-tiny", {"tiny": "brainzoo_tiny.plugin"})


@pytest.fixture
def brainzoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Brainzoo:
    """Return a function that runs the command line in an empty folder."""
    from brainzoo.cli import main

    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*words: object) -> Result:
        return CliRunner().invoke(main, [str(word) for word in words])

    return run


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 12 made-up heads as NIfTI files, with a table of ages and sexes."""
    from brainzoo.data.volumes import write_nifti
    from brainzoo.testing.heads import make_volume

    folder = tmp_path_factory.mktemp("scans")
    ages = [22.0 + 5 * number for number in range(12)]
    with (folder / "participants.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["participant_id", "age", "sex"])
        for number, age in enumerate(ages):
            writer.writerow([f"sub-{number:02d}", age, "FM"[number % 2]])
            volume = make_volume(age=age, seed=number)
            write_nifti(folder / f"sub-{number:02d}_T1w.nii.gz", volume)
    return folder
