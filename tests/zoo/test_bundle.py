"""A bundle brings a checkpoint to a machine without internet; one that was changed is refused."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from brainzoo.common.errors import (
    BrainzooError,
    ExistsError,
    IncompatiblePluginError,
    IntegrityError,
    NetworkError,
    NotFoundError,
)
from brainzoo.zoo.bundle import bundle, unbundle
from brainzoo.zoo.cache import root
from brainzoo.zoo.entry import Entry
from brainzoo.zoo.pull import pull
from brainzoo.zoo.registry import Registry

from ..conftest import Brainzoo
from .conftest import contents

Pip = list[Sequence[str]]
WHEEL = "brainzoo_tiny-0.1.0-py3-none-any.whl"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Pip:
    """What pip was asked for; it downloads a wheel, and fails for the platform ``none``."""
    words: Pip = []

    def pip(asked: Sequence[str]) -> str:
        words.append(asked)
        if asked[0] == "download":
            (Path(asked[asked.index("--dest") + 1]) / WHEEL).write_bytes(b"PK, made quickly")
        return "No matching distribution" if "none" in asked else ""

    monkeypatch.setattr("brainzoo.zoo.bundle._pip", pip)
    return words


@pytest.fixture
def made(entry: Entry, tmp_path: Path, asked: Pip, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle of the entry; what was pulled for it is gone."""
    monkeypatch.setattr("brainzoo.zoo.bundle.known", lambda: Registry((entry,), {}))
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "maker"))
    out = bundle("tiny-heads-16", tmp_path / "made.tar", wheels=True, find_links=["dist"])
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "receiver"))
    return out


def test_it_is_found_by_name_where_it_arrives(made: Path, entry: Entry, checkpoint: Path) -> None:
    folder = unbundle(made)
    assert contents(folder) == contents(checkpoint)
    assert pull(entry, offline=True) == folder
    assert unbundle(made) == folder, "twice does no harm"
    assert not list(root().glob(".unbundle*"))


def test_the_wheels_are_those_of_the_machine_that_needs_them(
    made: Path, asked: Pip, tmp_path: Path
) -> None:
    assert "brainzoo-tiny~=0.1.0" in asked[0]
    assert asked[0][asked[0].index("--find-links") + 1] == "dist"
    unbundle(made)
    assert len(asked) == 1, "nothing is installed unless asked for"
    unbundle(made, install=True)
    assert {"install", "--no-index", "brainzoo-tiny"} <= set(asked[1])


def test_pip_that_fails_is_one_line(
    made: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NetworkError, match="No matching distribution"):
        bundle(str(checkpoint), tmp_path / "b.tar", wheels=True, platform="none")
    assert not list(tmp_path.glob("*b.tar*"))

    monkeypatch.setattr("brainzoo.zoo.bundle._pip", lambda asked: "requires a different Python")
    with pytest.raises(IncompatiblePluginError, match="requires a different Python"):
        unbundle(made, install=True)


def test_the_same_checkpoint_makes_the_same_bundle(checkpoint: Path, tmp_path: Path) -> None:
    one, two = (bundle(str(checkpoint), tmp_path / f"{n}.tar").read_bytes() for n in range(2))
    assert one == two
    with pytest.raises(ExistsError):
        bundle(str(checkpoint), tmp_path / "0.tar")


def test_bundle_from_the_command_line(checkpoint: Path, brainzoo: Brainzoo) -> None:
    done = brainzoo("bundle", checkpoint.parent, "--out", "b.tar")
    assert done.exit_code == 0, done.stderr
    assert hashlib.sha256(Path("b.tar").read_bytes()).hexdigest() in done.stderr
    folder = Path(brainzoo("unbundle", "b.tar").stdout.strip())
    assert folder.name.startswith("run-0.0.0-")
    assert brainzoo("bundle", checkpoint.parent, "--out", "b.tar", "--json").exit_code == 8


Members = list[tuple[tarfile.TarInfo, bytes]]


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


def test_a_bundle_that_says_it_is_a_commit_is_not_simply_believed(
    made: Path, tmp_path: Path, brainzoo: Brainzoo
) -> None:
    changed = members(made)
    manifest(name="maker--heads", version="a1" * 20)(changed)
    write(tmp_path / "changed.tar", changed)
    assert "does not prove" in brainzoo("unbundle", tmp_path / "changed.tar").stderr
    wanted = hashlib.sha256((tmp_path / "changed.tar").read_bytes()).hexdigest()
    done = brainzoo("unbundle", tmp_path / "changed.tar", "--sha256", wanted)
    assert done.exit_code == 0
    assert "proves" not in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (flip(WEIGHTS), "is damaged: its SHA-256"),
        (flip("checkpoint/README.md"), "is damaged: its SHA-256"),
        (flip("wheels/brainzoo_tiny-0.1.0-py3-none-any.whl"), "is damaged: its SHA-256"),
        (drop(WEIGHTS), "it lacks checkpoint/model.safetensors"),
        (drop("manifest.json"), "manifest.json does not come first"),
        (lambda c: c.clear(), "it lacks manifest.json"),
        (lambda c: c.append(c[0]), "not in the manifest"),
        (lambda c: c.append(c[of(c, WEIGHTS)]), "not in the manifest"),
        (extra("../../evil.py"), "not in the manifest"),
        (extra("/etc/evil"), "not in the manifest"),
        (extra("checkpoint/../../evil"), "not in the manifest"),
        (extra("wheels/../evil-1-py3-none-any.whl"), "not in the manifest"),
        (extra("checkpoint/evil.py"), "not in the manifest"),
        (extra("wheels/evil-1-py3-none-any.whl"), "not in the manifest"),
        (extra("checkpoint/verdict.json", tarfile.SYMTYPE, "/etc/passwd"), "not in the manifest"),
        (extra("checkpoint/verdict.json", tarfile.LNKTYPE, "manifest.json"), "not in the manifest"),
        (extra("checkpoint/verdict.json", tarfile.CHRTYPE), "not in the manifest"),
        (extra("checkpoint/verdict.json", tarfile.FIFOTYPE), "not in the manifest"),
        (extra("checkpoint", tarfile.DIRTYPE), "not in the manifest"),
        (manifest(kind="other"), "kind:"),
        (manifest(schema=2), "schema: extra inputs"),
        (manifest(name="../../etc"), "name:"),
        (manifest(version=["1"]), "version:"),
        (manifest(files={}), "model.safetensors. is missing"),
        (manifest(files={"../evil": {"size": 1, "sha256": "0" * 64}}), "is not a file of bundles"),
        (manifest(files=[1]), "files:"),
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
    assert [path.name for path in root().iterdir()] == []
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
    with tarfile.open(tmp_path / "packed.tar", "w:gz") as tar:
        tar.add(made, "made.tar")
    for name in ("page.tar", "packed.tar"):
        with pytest.raises(IntegrityError, match="is refused"):
            unbundle(tmp_path / name)


def test_the_digest_that_the_maker_told(made: Path, brainzoo: Brainzoo) -> None:
    right = hashlib.sha256(made.read_bytes()).hexdigest()
    assert brainzoo("unbundle", made, "--sha256", right.upper()).exit_code == 0
    wrong = brainzoo("unbundle", made, "--sha256", "0" * 64)
    assert wrong.exit_code == 6
    assert "another bundle" in wrong.stderr
