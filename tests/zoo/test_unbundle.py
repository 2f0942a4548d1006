"""A bundle brings a checkpoint and its code to a machine without internet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from brainzoo.zoo.bundling import bundle as bundles
from brainzoo.zoo.bundling.bundle import bundle
from brainzoo.zoo.bundling.unbundle import unbundle
from brainzoo.zoo.bundling.wheels import wheel_of

from brainzoo.common.errors import IncompatiblePluginError
from brainzoo.zoo.hub import pull, store

from ...conftest import Brainzoo
from ..hub.conftest import REPO, contents, entry_for


@pytest.mark.parametrize("form", ["made.tar", "folder"])
def test_it_is_found_by_name_where_it_arrives(shipped: Path, tmp_path: Path, form: str) -> None:
    out = bundle(shipped, tmp_path / form, name="tiny-heads-16", version="1.0.0")
    found = unbundle(out)
    assert found.packages == ("brainzoo-core==0.1.0", "brainzoo-tiny==0.1.0")
    assert not found.installed
    assert contents(found.checkpoint) == contents(shipped)
    entry = entry_for(shipped, {"hub": REPO, "revision": "0" * 40})
    assert pull(entry, offline=True) == found.checkpoint
    assert unbundle(out).checkpoint == found.checkpoint, "twice is no harm"
    assert not list(store.root().glob(".unbundle*"))


@pytest.mark.slow
def test_a_new_python_without_index(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps of README.txt in a fresh environment, with the real wheel of brainzoo."""
    monkeypatch.setattr(bundles, "wheel_of", wheel_of)
    made = bundle(shipped, tmp_path / "made.tar", name="tiny-heads-16", version="1.0.0")
    folder, fresh = tmp_path / "unpacked", tmp_path / "fresh"
    with tarfile.open(made) as tar:
        tar.extractall(folder, filter="data")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", fresh], check=True)
    python = str(fresh / "bin" / "python")
    environment = {**os.environ, "BRAINZOO_HOME": str(tmp_path / "there")}
    environment["PIP_INDEX_URL"] = "http://127.0.0.1:9/"
    environment.pop("PYTHONPATH")

    def run(*words: object) -> str:
        command = list(map(str, words))
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, cwd=folder, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    steps = [line.split() for line in (folder / "README.txt").read_text().splitlines()]
    sums, pip, last = (
        step for step in steps if step and step[0] in ("sha256sum", "python", "brainzoo")
    )
    run(*sums)
    assert pip[:3] == ["python", "-m", "pip"]
    run(sys.executable, "-m", "pip", "--python", python, *pip[3:])
    site = next(fresh.glob("lib/python*/site-packages"))
    # What the core depends on is taken from here; brainzoo itself must be the bundle's.
    (site / "others.pth").write_text(str(Path(pytest.__file__).parents[1]))
    assert last == ["brainzoo", "unbundle", "."]
    checkpoint = Path(run(fresh / "bin" / "brainzoo", *last[1:]))
    assert contents(checkpoint) == contents(shipped)
    assert "to the bit" in run(fresh / "bin" / "brainzoo", "verify", checkpoint)
    where = "import brainzoo, brainzoo_tiny; print(brainzoo.__file__, brainzoo_tiny.__file__)"
    assert run(python, "-c", where).count(str(site)) == 2


def test_unbundle_installs_when_asked(
    made: Path, monkeypatch: pytest.MonkeyPatch, brainzoo: Brainzoo
) -> None:
    asked: list[list[str]] = []
    returned = 0

    def pip(words: list[str]) -> subprocess.CompletedProcess[str]:
        asked.append(words)
        requirements = Path(words[-1]).read_text()
        assert "brainzoo-tiny==0.1.0 --hash=sha256:" in requirements
        said = "WARNING: x\nERROR: brainzoo requires a different Python\nERROR: more\n"
        return subprocess.CompletedProcess(words, returned, "", said)

    monkeypatch.setattr("brainzoo.zoo.bundling.unbundle.pip", pip)
    assert brainzoo("unbundle", made).exit_code == 0
    assert asked == []
    done = brainzoo("unbundle", made, "--install", "--json")
    assert json.loads(done.stdout)["data"]["installed"] is True
    assert {"--no-index", "--require-hashes", "--no-deps"} <= set(asked[0])
    returned = 1
    with pytest.raises(IncompatiblePluginError, match="requires a different Python"):
        unbundle(made, install=True)


def test_what_killed_attempts_left_is_removed(shipped: Path, tmp_path: Path) -> None:
    """A whole copy of the weights each; what another process writes now stays."""
    left = [tmp_path / ".x.tar.killed.part", store.root() / ".unbundle.killed.part"]
    busy = [tmp_path / ".x.tar.busy.part", store.root() / ".unbundle.busy.part"]
    for folder in left + busy:
        (folder / "bundle").mkdir(parents=True)
        (folder / "bundle" / "weights").write_bytes(b"w")
        os.utime(folder / "bundle", (0, 0))
        os.utime(folder, (0, 0))
    for folder in left:
        os.utime(folder / "bundle" / "weights", (0, 0))
    unbundle(bundle(shipped, tmp_path / "x.tar", name="x", version="1.0.0"))
    assert [folder.exists() for folder in left + busy] == [False, False, True, True]
