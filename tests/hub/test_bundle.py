"""A bundle brings a checkpoint and its code to a machine without internet, or is refused whole."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from brainzoo.bundling import bundle as bundles
from brainzoo.bundling import wheels as wheel_module
from brainzoo.bundling.bundle import bundle
from brainzoo.bundling.unbundle import unbundle
from brainzoo.bundling.wheels import wheel_of
from brainzoo.errors import (
    BrainzooError,
    ExistsError,
    IncompatiblePluginError,
    IntegrityError,
    NetworkError,
    NotFoundError,
    UnknownPluginError,
)
from brainzoo.hub import pull, store

from ..conftest import TINY, Brainzoo
from .conftest import REPO, contents, entry_for

Members = list[tuple[tarfile.TarInfo, bytes]]


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
        if name != "brainzoo":
            return wheel_of(name, folder)
        (folder / "brainzoo-0.1.0-py3-none-any.whl").write_bytes(b"PK, made quickly")
        return folder / "brainzoo-0.1.0-py3-none-any.whl"

    monkeypatch.setattr(bundles, "wheel_of", instead)
    return checkpoint


def _row(path: Path, site: Path) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=")
    return f"{path.relative_to(site)},sha256={digest.decode()},{path.stat().st_size}"


@pytest.fixture
def made(shipped: Path, tmp_path: Path) -> Path:
    return bundle(shipped, tmp_path / "made.tar", name="tiny-heads-16", version="1.0.0")


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


@pytest.mark.parametrize("form", ["made.tar", "folder"])
def test_it_is_found_by_name_where_it_arrives(shipped: Path, tmp_path: Path, form: str) -> None:
    out = bundle(shipped, tmp_path / form, name="tiny-heads-16", version="1.0.0")
    found = unbundle(out)
    assert found.packages == ("brainzoo==0.1.0", "brainzoo-tiny==0.1.0")
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

    monkeypatch.setattr("brainzoo.bundling.unbundle.pip", pip)
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


def test_a_bundle_that_says_it_is_a_commit_is_not_simply_believed(
    made: Path, tmp_path: Path, brainzoo: Brainzoo
) -> None:
    changed = members(made)
    manifest(name="maker--heads", version="a1" * 20)(changed)
    write(tmp_path / "changed.tar", changed)
    assert "nothing in this bundle proves" in brainzoo("unbundle", tmp_path / "changed.tar").stderr
    told = hashlib.sha256((tmp_path / "changed.tar").read_bytes()).hexdigest()
    done = brainzoo("unbundle", tmp_path / "changed.tar", "--sha256", told)
    assert done.exit_code == 0
    assert "proves" not in done.stderr


def test_what_is_installed_comes_from_the_bundle_alone(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pip would follow such lines even without an index."""
    changed = members(made)
    at = of(changed, "requirements.txt")
    lines = b"--find-links https://example.org/\nevil @ https://example.org/evil.tar.gz\n"
    changed[at] = (changed[at][0], lines)
    files = json.loads(changed[0][1])["files"]
    files["requirements.txt"] = {"size": len(lines), "sha256": hashlib.sha256(lines).hexdigest()}
    manifest(files=files)(changed)
    write(tmp_path / "changed.tar", changed)
    read: list[str] = []

    def pip(words: list[str]) -> subprocess.CompletedProcess[str]:
        read.append(Path(words[-1]).read_text())
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr("brainzoo.bundling.unbundle.pip", pip)
    unbundle(tmp_path / "changed.tar", install=True)
    assert "https:" not in read[0]
    assert [line.partition("==")[0] for line in read[0].splitlines()] == [
        "brainzoo",
        "brainzoo-tiny",
    ]


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


def members(path: Path) -> Members:
    with tarfile.open(path) as tar:
        return [(m, tar.extractfile(m).read()) for m in tar]  # type: ignore[union-attr]


def write(path: Path, content: Members) -> None:
    with tarfile.open(path, "w:") as tar:
        for member, data in content:
            member.size = len(data) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(data))


def of(content: Members, name: str) -> int:
    return next(i for i, (member, _) in enumerate(content) if member.name == name)


def extra(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> Callable[[Members], None]:
    def change(content: Members) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        content.append((member, b"x" if kind == tarfile.REGTYPE else b""))

    return change


def flip(name: str) -> Callable[[Members], None]:
    def change(content: Members) -> None:
        at = of(content, name)
        member, data = content[at]
        content[at] = (member, data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])

    return change


def manifest(**values: object) -> Callable[[Members], None]:
    def change(content: Members) -> None:
        member, data = content[0]
        content[0] = (member, json.dumps({**json.loads(data), **values}).encode())

    return change


def drop(name: str) -> Callable[[Members], None]:
    return lambda content: content.pop(of(content, name)) and None


WEIGHTS = "checkpoint/model.safetensors"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (flip(WEIGHTS), "is damaged: its SHA-256"),
        (flip("checkpoint/README.md"), "is damaged: its SHA-256"),
        (flip("wheels/brainzoo_tiny-0.1.0-py3-none-any.whl"), "is damaged: its SHA-256"),
        (flip("requirements.txt"), "is damaged: its SHA-256"),
        (drop(WEIGHTS), "it lacks checkpoint/model.safetensors"),
        (drop("README.txt"), "it lacks README.txt"),
        (drop("manifest.json"), "manifest.json does not come first"),
        (lambda c: c.clear(), "it lacks manifest.json"),
        (lambda c: c.append(c[0]), "manifest.json occurs twice"),
        (lambda c: c.append(c[of(c, WEIGHTS)]), "model.safetensors occurs twice"),
        (extra("../../evil.py"), "which no bundle holds"),
        (extra("/etc/evil"), "which no bundle holds"),
        (extra("checkpoint/../../evil"), "which no bundle holds"),
        (extra("wheels/../evil-1-py3-none-any.whl"), "which no bundle holds"),
        (extra("checkpoint/evil.py"), "which no bundle holds"),
        (extra("wheels/evil-1-py3-none-any.whl"), "not in the manifest"),
        (extra("checkpoint/verdict.json", tarfile.SYMTYPE, "/etc/passwd"), "no plain file"),
        (extra("checkpoint/verdict.json", tarfile.LNKTYPE, "README.txt"), "no plain file"),
        (extra("checkpoint/verdict.json", tarfile.CHRTYPE), "no plain file"),
        (extra("checkpoint/verdict.json", tarfile.FIFOTYPE), "no plain file"),
        (extra("checkpoint", tarfile.DIRTYPE), "no plain file"),
        (manifest(kind="other"), "makes no sense"),
        (manifest(schema=2), "of schema 2; this version reads 1"),
        (manifest(schema="1"), "makes no sense"),
        (manifest(name="../../etc"), "makes no sense"),
        (manifest(version=["1"]), "makes no sense"),
        (manifest(files={}), "makes no sense"),
        (manifest(files={"../evil": {"size": 1, "sha256": "0" * 64}}), "which no bundle holds"),
        (manifest(files=[1]), "makes no sense"),
    ],
)
def test_a_bundle_that_was_tampered_with_is_refused_whole(
    made: Path, tmp_path: Path, change: Callable[[Members], None], message: str
) -> None:
    content = members(made)
    change(content)
    write(tmp_path / "changed.tar", content)
    with pytest.raises(BrainzooError, match=message) as caught:
        unbundle(tmp_path / "changed.tar", install=True)
    assert caught.value.exit_code in (6, 7)
    assert "\n" not in str(caught.value)
    assert [path.name for path in store.root().iterdir()] == []
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("cut", [0, 100, 600, 50_000])
def test_a_bundle_that_was_cut_off(made: Path, tmp_path: Path, cut: int) -> None:
    (tmp_path / "cut.tar").write_bytes(made.read_bytes()[:cut])
    with pytest.raises(IntegrityError, match=r"cut\.tar is refused"):
        unbundle(tmp_path / "cut.tar")


def test_what_is_no_bundle(made: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no bundle"):
        unbundle(tmp_path / "nothing.tar")
    (tmp_path / "page.tar").write_text("<!DOCTYPE html>" * 100)
    (tmp_path / "empty").mkdir()
    with tarfile.open(tmp_path / "packed.tar", "w:gz") as tar:
        tar.add(made, "made.tar")
    for name in ("page.tar", "empty", "packed.tar"):
        with pytest.raises(IntegrityError, match="is refused"):
            unbundle(tmp_path / name)


def test_a_folder_with_a_link_is_refused(made: Path, tmp_path: Path) -> None:
    with tarfile.open(made) as tar:
        tar.extractall(tmp_path / "folder", filter="data")
    target = tmp_path / "folder" / "checkpoint" / "LICENSE"
    target.rename(tmp_path / "elsewhere")
    target.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match="no plain file"):
        unbundle(tmp_path / "folder")


def test_the_digest_that_the_maker_told(made: Path, brainzoo: Brainzoo) -> None:
    right = hashlib.sha256(made.read_bytes()).hexdigest()
    assert brainzoo("unbundle", made, "--sha256", right.upper()).exit_code == 0
    wrong = brainzoo("unbundle", made, "--sha256", "0" * 64)
    assert wrong.exit_code == 6
    assert "another bundle, or was changed" in wrong.stderr


def test_bundle_from_the_command_line(shipped: Path, brainzoo: Brainzoo, tmp_path: Path) -> None:
    done = brainzoo("bundle", shipped.parent, "--out", tmp_path / "b.tar")
    assert done.exit_code == 0, done.stderr
    digest = hashlib.sha256((tmp_path / "b.tar").read_bytes()).hexdigest()
    assert digest in done.stderr
    folder = Path(brainzoo("unbundle", tmp_path / "b.tar").stdout.strip())
    assert folder.name.startswith("run-0.0.0-")
    again = brainzoo("bundle", shipped.parent, "--out", tmp_path / "b.tar", "--json")
    assert again.exit_code == 8
