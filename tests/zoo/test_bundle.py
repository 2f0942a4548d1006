"""What goes into a bundle: the checkpoint, and wheels of the code as it was installed."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest
from brainzoo.zoo.bundling import wheels as wheel_module
from brainzoo.zoo.bundling.bundle import bundle
from brainzoo.zoo.bundling.wheels import wheel_of

from brainzoo.common.errors import ExistsError, IntegrityError, NetworkError, UnknownPluginError

from ..conftest import Brainzoo


def test_a_plugins_wheel_is_what_it_was_installed_from(shipped: Path, tmp_path: Path) -> None:
    wheel = wheel_of("brainzoo-tiny", tmp_path)
    assert wheel.name == "brainzoo_tiny-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        record = file.read("brainzoo_tiny-0.1.0.dist-info/RECORD").decode()
    assert {"brainzoo_tiny/generator.py", "brainzoo_tiny-0.1.0.dist-info/METADATA"} <= names
    assert not [n for n in names if "INSTALLER" in n or "pycache" in n or ".." in n]
    assert {row.split(",")[0] for row in record.splitlines()} == names


def test_changed_or_missing_packages_are_not_packed(
    shipped: Path, tiny: Path, tmp_path: Path
) -> None:
    with pytest.raises(UnknownPluginError, match="pip install brainzoo-nobody"):
        wheel_of("brainzoo-nobody", tmp_path)
    (tiny / "brainzoo_tiny" / "config.py").write_text("changed = True\n")
    with pytest.raises(IntegrityError, match=r"brainzoo-tiny was changed .*: brainzoo_tiny/config"):
        wheel_of("brainzoo-tiny", tmp_path)
    (tiny / "brainzoo_tiny-0.1.0.dist-info" / "RECORD").unlink()
    with pytest.raises(IntegrityError, match="was not installed from a wheel"):
        wheel_of("brainzoo-tiny", tmp_path)


def test_the_same_checkpoint_makes_the_same_bundle(shipped: Path, tmp_path: Path) -> None:
    made = [
        bundle(shipped, tmp_path / f"{n}.tar", name="a", version="1.0.0").read_bytes()
        for n in range(2)
    ]
    assert made[0] == made[1]
    with pytest.raises(ExistsError):
        bundle(shipped, tmp_path / "0.tar", name="a", version="1.0.0")
    assert [p.name for p in tmp_path.glob(".*")] == []


def test_dependencies_are_fetched_for_the_machine_that_needs_them(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    returned = 0

    def pip(words: list[str]) -> subprocess.CompletedProcess[str]:
        asked.append(words)
        (Path(words[words.index("--dest") + 1]) / "click-8.1.7-py3-none-any.whl").write_bytes(b"PK")
        return subprocess.CompletedProcess(words, returned, "", "ERROR: No matching distribution")

    monkeypatch.setattr(wheel_module, "pip", pip)
    options = {"platform": "win_amd64", "python": "3.12", "with_dependencies": True}
    out = bundle(shipped, tmp_path / "a", name="a", version="1.0.0", **options)  # type: ignore[arg-type]
    assert asked[0][:1] == ["download"]
    assert asked[0][asked[0].index("--platform") + 1] == "win_amd64"
    assert asked[0][asked[0].index("--python-version") + 1] == "3.12"
    assert "click==8.1.7 --hash=sha256:" in (out / "requirements.txt").read_text()
    assert "--no-deps" not in (out / "README.txt").read_text()
    returned = 1
    with pytest.raises(NetworkError, match="No matching distribution"):
        bundle(shipped, tmp_path / "b.tar", name="a", version="1.0.0", **options)  # type: ignore[arg-type]
    assert not list(tmp_path.glob("*b*"))


def test_bundle_from_the_command_line(shipped: Path, brainzoo: Brainzoo, tmp_path: Path) -> None:
    done = brainzoo("bundle", shipped.parent, "--out", tmp_path / "b.tar")
    assert done.exit_code == 0, done.stderr
    digest = hashlib.sha256((tmp_path / "b.tar").read_bytes()).hexdigest()
    assert digest in done.stderr
    folder = Path(brainzoo("unbundle", tmp_path / "b.tar").stdout.strip())
    assert folder.name.startswith("run-0.0.0-")
    again = brainzoo("bundle", shipped.parent, "--out", tmp_path / "b.tar", "--json")
    assert again.exit_code == 8
