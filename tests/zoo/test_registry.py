from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from brainzoo.common.errors import IntegrityError, NotFoundError, UnknownPluginError
from brainzoo.common.version import DISTRIBUTION
from brainzoo.zoo import registry
from brainzoo.zoo.address import parse
from brainzoo.zoo.cache import package_folder
from brainzoo.zoo.entry import Entry, PackageSource
from brainzoo.zoo.registry import parse_registry, read_registry

from ..conftest import Install
from .conftest import Written, content, listed

ROOT = Path(__file__).parents[2]


def install_fragment(install: Install, distribution: str, text: bytes) -> Path:
    module = distribution.replace("-", "_")
    site = install(
        distribution,
        {"x": module},
        modules={
            module: "from pathlib import Path\nimport brainzoo\n@brainzoo.hookimpl\n"
            "def brainzoo_registry(): return Path(__file__).with_suffix('.yaml')\n"
        },
    )
    (site / f"{module}.yaml").write_bytes(text)
    return site / f"{module}.yaml"


def find(text: str) -> Entry | None:
    address = parse(text)
    assert not isinstance(address, Path)
    return registry.find(address)


def names() -> list[str]:
    return [e.address for e in registry.known() if not e.name.startswith(DISTRIBUTION)]


def test_fragments_of_plugins_are_known(ours: Written, install: Install) -> None:
    ours(listed("mine"))
    install_fragment(
        install, "zz-theirs", content(listed("theirs"), listed("theirs", version="2.0.0"))
    )
    found = registry.known()
    assert [e.address for e in found] == ["mine@1.0.0", "theirs@2.0.0", "theirs@1.0.0"]
    assert found.origins == {"mine": "brainzoo-core", "theirs": "zz-theirs"}
    assert found.problems == ()
    assert found.get("theirs").version == "2.0.0"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (content(listed("fine"), listed("mine")), "'mine' is the name of a checkpoint of"),
        (content(listed("fine"), listed(plugin=-1)), "entry pggan-heads-64@1.0.0: plugin"),
        (b"\xff", "cannot be read"),
        (b"schema: 9", "schema 9"),
    ],
)
def test_a_bad_fragment_is_left_out_with_one_warning(
    ours: Written, install: Install, text: bytes, said: str
) -> None:
    ours(listed("mine"))
    install_fragment(install, "aa-bad", text)
    install_fragment(install, "bb-good", content(listed("good")))
    found = registry.known()
    assert names() == ["good@1.0.0", "mine@1.0.0"]
    assert found.origins["mine"] == "brainzoo-core"
    assert len(found.problems) == 1
    assert found.problems[0].startswith("aa-bad: its checkpoints are left out: ")
    assert said in found.problems[0]


def test_of_two_plugins_with_one_name_the_first_stays(ours: Written, install: Install) -> None:
    install_fragment(install, "bb-late", content(listed("same", plugin="vae")))
    install_fragment(install, "aa-early", content(listed("same")))
    found = registry.known()
    assert found.origins == {"same": "aa-early"}
    assert "bb-late" in found.problems[0]


def test_a_hook_that_fails_breaks_nothing(ours: Written, install: Install) -> None:
    ours(listed("mine"))
    for name, body in (("aa-raises", "raise OSError('no\\ndisk')"), ("ab-none", "return None")):
        module = name.replace("-", "_")
        text = f"import brainzoo\n@brainzoo.hookimpl\ndef brainzoo_registry(): {body}\n"
        install(name, {"x": module}, modules={module: text})
    found = registry.known()
    assert names() == ["mine@1.0.0"]
    assert len(found.problems) == 2
    assert "OSError: no disk" in found.problems[0]


def test_a_name_is_its_newest_version_that_is_not_withdrawn(ours: Written) -> None:
    ours(
        listed("x", version="1.9.0"),
        listed("x", version="1.10.0"),
        listed("x", version="2.0.0", withdrawn="Slow."),
        listed("y", withdrawn="Showed a subject. Use x instead."),
    )
    assert registry.known().get("x").version == "1.10.0"
    assert registry.known().get("x", "2.0.0").withdrawn == "Slow."
    with pytest.raises(NotFoundError, match=r"withdrawn: Showed a subject. Use x instead."):
        find("y")
    with pytest.raises(NotFoundError, match=r"no version 3.0.0. Known: 2.0.0, 1.10.0, 1.9.0."):
        find("x@3.0.0")
    with pytest.raises(NotFoundError, match=r"no checkpoint named 'pgan'. Known: x, y"):
        find("pgan")
    with pytest.raises(NotFoundError, match="withdrawn: Slow"):
        find(f"hf:zoo/pggan-heads-64@{'a1' * 20}")
    assert find(f"hf:zoo/pggan-heads-64@{'a2' * 20}") is None


def test_a_checkpoint_inside_a_package_is_found_without_importing_it(
    ours: Written, install: Install
) -> None:
    site = install("brainzoo-within", {})
    package = site / "brainzoo_within"
    (package / "checkpoints" / "x").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    source = PackageSource(package="brainzoo-within", path="brainzoo_within/checkpoints/x")
    assert package_folder(source) == package / "checkpoints" / "x"
    gone = PackageSource(package="brainzoo-within", path="brainzoo_within/checkpoints/y")
    with pytest.raises(IntegrityError, match="holds no brainzoo_within/checkpoints/y"):
        package_folder(gone)
    other = PackageSource(package="brainzoo-nowhere", path="brainzoo_nowhere/x")
    with pytest.raises(UnknownPluginError, match="pip install brainzoo-nowhere"):
        package_folder(other)


def test_what_the_last_release_published_is_unchanged() -> None:
    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False
        )
        return done.stdout if done.returncode == 0 else ""

    tag = git("describe", "--tags", "--abbrev=0", "--match", "v*").strip()
    text = git("show", f"{tag}:registry.yaml") if tag else ""
    if not text:
        pytest.skip("no release yet")
    after = {entry.address: entry for entry in read_registry(ROOT / "registry.yaml")}
    for entry in parse_registry(text.encode()):
        now = after[entry.address]
        assert (now.plugin, now.distribution, now.files) == (
            entry.plugin,
            entry.distribution,
            entry.files,
        )
