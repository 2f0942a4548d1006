"""A bundle brings a checkpoint to a machine without internet; one that was changed is refused."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from brainzoo.common.errors import BrainzooError, ExistsError, IntegrityError, NotFoundError
from brainzoo.zoo.bundle import bundle, unbundle
from brainzoo.zoo.cache import root
from brainzoo.zoo.entry import Entry
from brainzoo.zoo.pull import pull
from brainzoo.zoo.registry import Registry

from ..conftest import Brainzoo
from .conftest import contents


@pytest.fixture
def made(entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle of the entry; what was pulled for it is gone."""
    monkeypatch.setattr("brainzoo.zoo.bundle.known", lambda: Registry((entry,), {}))
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "maker"))
    out = bundle("tiny-heads-16", tmp_path / "made.zip")
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "receiver"))
    return out


def test_it_is_found_by_name_where_it_arrives(made: Path, entry: Entry, checkpoint: Path) -> None:
    folder = unbundle(made)
    assert contents(folder) == contents(checkpoint)
    assert pull(entry, offline=True) == folder
    assert unbundle(made) == folder, "twice does no harm"
    assert not list(root().glob(".unbundle*"))


def test_the_same_checkpoint_makes_the_same_bundle(checkpoint: Path, tmp_path: Path) -> None:
    one, two = (bundle(str(checkpoint), tmp_path / f"{n}.zip").read_bytes() for n in range(2))
    assert one == two
    with pytest.raises(ExistsError):
        bundle(str(checkpoint), tmp_path / "0.zip")


def test_bundle_from_the_command_line(checkpoint: Path, brainzoo: Brainzoo) -> None:
    done = brainzoo("bundle", checkpoint.parent, "--out", "b.zip")
    assert done.exit_code == 0, done.stderr
    digest = hashlib.sha256(Path("b.zip").read_bytes()).hexdigest()
    assert digest in done.stderr
    folder = Path(brainzoo("unbundle", "b.zip", "--sha256", digest.upper()).stdout.strip())
    assert folder.name.startswith("run-0.0.0-")
    assert brainzoo("bundle", checkpoint.parent, "--out", "b.zip", "--json").exit_code == 8
    wrong = brainzoo("unbundle", "b.zip", "--sha256", "0" * 64)
    assert wrong.exit_code == 6
    assert "another bundle" in wrong.stderr


Members = dict[str, bytes]


def members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, content: Members, how: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def test_a_bundle_that_says_it_is_a_commit_is_not_simply_believed(
    made: Path, tmp_path: Path, brainzoo: Brainzoo
) -> None:
    changed = {
        name.replace("tiny-heads-16-1.0.0", f"maker--heads-{'a1' * 20}"): data
        for name, data in members(made).items()
    }
    path = write(tmp_path / "changed.zip", changed)
    said = brainzoo("unbundle", path).stderr
    assert "does not prove that it holds maker--heads at that commit" in said
    wanted = hashlib.sha256(path.read_bytes()).hexdigest()
    done = brainzoo("unbundle", path, "--sha256", wanted)
    assert done.exit_code == 0
    assert "prove" not in done.stderr


@pytest.mark.parametrize(
    "change",
    [
        lambda c, stem: c.pop(f"{stem}/model.safetensors"),
        lambda c, stem: c.update({f"{stem}/model.safetensors": c[f"{stem}/model.safetensors"][1:]}),
        lambda c, stem: c.update({"../../evil.py": b"x"}),
        lambda c, stem: c.update({"/etc/evil": b"x"}),
        lambda c, stem: c.update({f"{stem}/../../evil": b"x"}),
        lambda c, stem: c.update({f"{stem}/evil.py": b"x"}),
        lambda c, stem: c.update({"evil/config.json": b"x"}),
        lambda c, stem: c.update({f"{stem}/verdict.json": b"x" * 1_000_001}),
        lambda c, stem: c.clear(),
    ],
)
def test_a_bundle_that_was_tampered_with_is_refused_whole(
    made: Path, tmp_path: Path, change: Callable[[Members, str], object]
) -> None:
    content = members(made)
    change(content, next(iter(content)).partition("/")[0])
    with pytest.raises(BrainzooError) as caught:
        unbundle(write(tmp_path / "changed.zip", content))
    assert caught.value.exit_code == 6
    assert "\n" not in str(caught.value)
    assert [path.name for path in root().iterdir()] == []
    assert not list(tmp_path.rglob("*evil*"))


def test_other_weights_under_the_name_of_these(made: Path, tmp_path: Path) -> None:
    renamed = {
        f"tiny-heads-16-1.0.0-{'0' * 12}/{name.partition('/')[2]}": data
        for name, data in members(made).items()
    }
    with pytest.raises(IntegrityError, match="other weights than it says"):
        unbundle(write(tmp_path / "changed.zip", renamed))


@pytest.mark.parametrize("at", [100, -5000, -200])
def test_damage_on_its_way(made: Path, tmp_path: Path, at: int) -> None:
    content = bytearray(made.read_bytes())
    content[at] ^= 1
    (tmp_path / "damaged.zip").write_bytes(content)
    with pytest.raises(IntegrityError):
        unbundle(tmp_path / "damaged.zip")
    (tmp_path / "cut.zip").write_bytes(made.read_bytes()[: at % 5000])
    with pytest.raises(IntegrityError, match=r"cut\.zip is refused"):
        unbundle(tmp_path / "cut.zip")


def test_what_is_no_bundle(made: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no bundle"):
        unbundle(tmp_path / "nothing.zip")
    (tmp_path / "page.zip").write_text("<!DOCTYPE html>" * 100)
    write(tmp_path / "packed.zip", members(made), zipfile.ZIP_DEFLATED)
    for name in ("page.zip", "packed.zip"):
        with pytest.raises(IntegrityError, match="is refused"):
            unbundle(tmp_path / name)
