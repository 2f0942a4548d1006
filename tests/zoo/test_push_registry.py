"""One command moves every packaged checkpoint to the Hub; a second run does nothing new."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hub_server import GOOD, HubServer

from brainzoo.common.errors import ExistsError
from brainzoo.plugin.manager import plugins
from brainzoo.zoo.entry import Entry, HubSource
from brainzoo.zoo.gate import GateError
from brainzoo.zoo.pull import pull
from brainzoo.zoo.push import packaged, push_registry
from brainzoo.zoo.registry import known
from brainzoo.zoo.registry_file import RegistryFile, dump_registry, parse_registry

from ..conftest import Brainzoo
from .conftest import contents, entry_for

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

Ship = Callable[[str], Entry]


@pytest.fixture
def ship(audited: Path, install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Ship:
    """Return a function that puts the checkpoint into an installed package with a fragment."""
    hooks = (
        "from pathlib import Path\nfrom brainzoo import hookimpl\n@hookimpl\n"
        "def brainzoo_registry():\n    return Path(__file__).parent / 'fragment.yaml'\n"
    )
    site = install(
        "brainzoo-shipped", {"shipped": "shipped_hooks"}, modules={"shipped_hooks": hooks}
    )
    (site / "brainzoo_shipped").mkdir()
    (site / "brainzoo_shipped" / "__init__.py").write_text("")
    entries: list[Entry] = []

    def add(name: str) -> Entry:
        folder = site / "brainzoo_shipped" / name
        shutil.copytree(audited, folder)
        source = {"package": "brainzoo-shipped", "path": f"brainzoo_shipped/{name}"}
        verdict = audited.parent / "evaluation" / "privacy" / "verdict.json"
        shutil.copyfile(verdict, folder / "verdict.json")
        entries.append(entry_for(folder, source, name=name))
        file = RegistryFile.model_validate({"schema": 1, "serial": 1, "checkpoints": entries})
        (site / "fragment.yaml").write_text(dump_registry(file))
        plugins.cache_clear()
        return entries[-1]

    return add


def ours(entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.name.startswith("tiny-")]


def test_all_move_once(server: HubServer, ship: Ship, audited: Path) -> None:
    before = [ship("tiny-one"), ship("tiny-two")]
    assert ours(list(known())) == before
    moved = push_registry(before, namespace="maker", token=GOOD)
    assert [one.new for one in moved] == [True, True]
    for old, one in zip(before, moved, strict=True):
        repository = server.repositories[f"maker/{old.name}"]
        assert one.entry.source == HubSource(
            hub=f"maker/{old.name}", revision=repository.tags["v1.0.0"]
        )
        assert one.entry.model_copy(update={"source": old.source}) == old, "nothing else changed"
        sent = contents(audited) | contents(audited.parent / "evaluation" / "privacy")
        assert contents(pull(one.entry)) == sent

    commits = {name: list(r.commits) for name, r in server.repositories.items()}
    server.requests.clear()
    again = push_registry(before, namespace="maker", token=GOOD)
    assert [one.entry for one in again] == [one.entry for one in moved]
    assert [one.new for one in again] == [False, False]
    assert {v.method for v in server.requests} == {"GET"}
    assert {name: list(r.commits) for name, r in server.repositories.items()} == commits


def test_the_owner_is_the_tokens_by_default(server: HubServer, ship: Ship) -> None:
    push_registry([ship("tiny-one")], token=GOOD)
    assert list(server.repositories) == ["maker/tiny-one"]


def test_one_finding_stops_all_before_anything_is_sent(server: HubServer, ship: Ship) -> None:
    from brainzoo.zoo.cache import package_folder
    from brainzoo.zoo.entry import PackageSource

    entries = [ship("tiny-one"), ship("tiny-two")]
    assert isinstance(entries[1].source, PackageSource)
    config = package_folder(entries[1].source) / "config.json"
    content = json.loads(config.read_text())
    content["trained_on"]["salt"] = ""
    config.write_text(json.dumps(content))
    entries[1] = entry_for(config.parent, entries[1].source.model_dump(), name="tiny-two")
    with pytest.raises(GateError, match=r"tiny-two/config.json: .* no salt"):
        push_registry(entries, namespace="maker", token=GOOD)
    assert server.requests == []


def test_other_peoples_packages_are_left_to_them(ship: Ship) -> None:
    entry = ship("tiny-one")
    assert entry in known().entries
    assert entry not in packaged()


def test_another_content_under_the_same_version_is_refused(server: HubServer, ship: Ship) -> None:
    entry = ship("tiny-one")
    push_registry([entry], namespace="maker", token=GOOD)
    repository = server.repositories["maker/tiny-one"]
    files = repository.commits[repository.tags["v1.0.0"]]
    repository.tags["v1.0.0"] = repository.commit(files | {"README.md": b"other"})
    with pytest.raises(ExistsError, match=r"has v1\.0\.0 already with another README\.md"):
        push_registry([entry], namespace="maker", token=GOOD)


def test_from_the_command_line(
    server: HubServer, ship: Ship, brainzoo: Brainzoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship("tiny-one")
    monkeypatch.setattr("brainzoo.zoo.push.packaged", lambda: ours(list(known())))
    dry = brainzoo("push", "--registry", "--namespace", "maker", "--dry-run")
    assert "maker/tiny-one v1.0.0 would be published" in dry.stdout, dry.stderr
    assert dry.exit_code == 0
    assert server.requests == []
    for said in ("1 published, 0 there already.", "0 published, 1 there already."):
        done = brainzoo("push", "--registry", "--namespace", "maker", "--token", GOOD)
        assert done.exit_code == 0, done.stderr
        assert said in done.stderr
        text = f"schema: 1\nserial: 1\ncheckpoints:\n{done.stdout}"
        source = parse_registry(text.encode()).checkpoints[0].source
        assert isinstance(source, HubSource)
        assert source.hub == "maker/tiny-one"
    assert brainzoo("push", "x", "--registry").exit_code == 2
    assert "--private" in brainzoo("push", "--registry", "--private").stderr
    assert brainzoo("push", "x", "me/x", "--namespace", "me").exit_code == 2
    assert brainzoo("push").exit_code == 2
