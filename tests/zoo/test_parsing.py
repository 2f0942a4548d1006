from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from brainzoo.common.errors import (
    BrainzooError,
    IncompatiblePluginError,
    IntegrityError,
    NotFoundError,
    OptionError,
)
from brainzoo.zoo.address import Named, OnHub, parse
from brainzoo.zoo.entry import HubSource
from brainzoo.zoo.registry import dump_entries, parse_registry, read_registry

from .conftest import content, listed

ROOT = Path(__file__).parents[2]


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in listed().items() if key != name}


def test_an_entry_reads_as_written_and_writes_as_read() -> None:
    found = parse_registry(content(listed(), listed("other", withdrawn="a: b")))
    first, second = found
    assert (first.address, second.address) == ("pggan-heads-64@1.0.0", "other@1.0.0")
    assert first.source == HubSource(hub="zoo/pggan-heads-64", revision="a1" * 20)
    assert (first.size, first.weights_sha256) == (4_203_000, "b2" * 32)
    assert second.withdrawn == "a: b"
    assert parse_registry(f"schema: 1\ncheckpoints:\n{dump_entries(found)}".encode()) == found


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": 1.1}, "version: input should be a valid string, found 1.1; put it in quotes"),
        ({"version": "1.0"}, "version:"),
        ({"version": "01.0.0"}, "version:"),
        ({"name": "Has Spaces"}, "name:"),
        ({"name": "../../etc"}, "name:"),
        ({"name": "x" * 65}, "name:"),
        ({"surprise": 1}, "surprise: extra inputs are not permitted"),
        ({"source": {"hub": "zoo/x", "revision": "main"}}, "source.revision:"),
        ({"source": {"hub": "zoo/x", "revision": 10**39}}, "source.revision:.*put it in quotes"),
        ({"source": {"hub": "zoo/x/y", "revision": "a1" * 20}}, "source.hub:"),
        ({"source": {"package": "brainzoo-x", "path": "../x"}}, "source.path:"),
        ({"source": {"package": "brainzoo-x", "path": "x/../../y"}}, "source.path:"),
        ({"source": {"package": "brainzoo-x", "path": "/etc"}}, "source.path:"),
        ({"source": {"package": "x", "path": "x", "hub": "zoo/x"}}, "source"),
        ({"source": {"url": "https://example.org"}}, "source.package: field required"),
        ({"files": {}}, "files must list 'model.safetensors'"),
        ({"files": {**listed()["files"], "model.py": {"sha256": "d4" * 32, "size": 1}}},
         "may not list 'model.py'"),
        ({"files": {**listed()["files"], "config.json": {"sha256": "d4" * 31, "size": 1}}},
         "files.config.json.sha256:"),
        ({"files": {**listed()["files"], "config.json": {"sha256": "d4" * 32, "size": -1}}},
         "files.config.json.size:"),
        ({"files": {**listed()["files"], "config.json": {"sha256": "d4" * 32, "size": 10**9}}},
         "config.json of 1000000000 bytes is over"),
        ({"distribution": "x @ https://evil.example/x.whl"}, "distribution:"),
        ({"summary": "\x1b[2Jgone"}, "summary:"),
        ({"summary": "two\nlines"}, "summary:"),
        ({"withdrawn": ""}, "withdrawn: string should have at least 1"),
    ],
)  # fmt: skip
def test_a_bad_entry_is_named_with_its_field(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(IntegrityError, match=said) as error:
        parse_registry(content(listed("good"), listed(**changed)))
    assert "\n" not in str(error.value)
    assert "\x1b" not in str(error.value)
    assert "entry " in str(error.value)
    assert "entry good" not in str(error.value)


@pytest.mark.parametrize("field", list(listed()))
def test_what_an_entry_lacks_is_named(field: str) -> None:
    with pytest.raises(IntegrityError, match=rf"{field}: field required"):
        parse_registry(content(without(field)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is not a registry"),
        (b"- 1", "is not a registry"),
        (b"schema: 1\ncheckpoints: {}", "is not a registry"),
        (b"a: !!python/object/apply:os.system [echo]", "cannot be read"),
        (b"[" * 50_000, "cannot be read"),
        (b"{a: " * 50, "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"a: 2020-99-99", "cannot be read"),
        (b"? [a]\n: 1", "cannot be read"),
        (b"a: [", "cannot be read"),
        (b"<html><body>404</body></html>", "is not a registry"),
        (b"schema: one\ncheckpoints: []", "is not a registry"),
    ],
)
def test_what_is_no_registry_is_refused(text: bytes, said: str) -> None:
    with pytest.raises(IntegrityError, match=said) as error:
        parse_registry(text)
    assert "\n" not in str(error.value)


def test_the_same_version_twice_is_refused() -> None:
    with pytest.raises(IntegrityError, match=r"pggan-heads-64@1\.0\.0 occurs twice"):
        parse_registry(content(listed(), listed()))
    assert len(parse_registry(content(listed(), listed(version="1.0.1")))) == 2


def test_a_later_schema_asks_for_a_later_version() -> None:
    with pytest.raises(IncompatiblePluginError, match=r"schema 2; .*upgrade brainzoo-core"):
        parse_registry(b"schema: 2\nentirely: [different]")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="No such file"):
        read_registry(tmp_path / "none.yaml")
    with pytest.raises(NotFoundError, match="directory"):
        read_registry(tmp_path)


def problem(read: Callable[[Any], object], value: Any) -> str:
    """Return what is said of a value, which may be nothing; any other error is a failure."""
    try:
        read(value)
    except BrainzooError as error:
        return str(error)
    return ""


def only_ours(text: bytes) -> None:
    assert problem(parse_registry, text).isprintable()


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_registry_or_one_error(text: bytes) -> None:
    only_ours(text)


LETTERS = st.text(st.sampled_from("abs:-[]{}&*!?|>'\"%@`#,\n\t 019.eE+_~<="), max_size=60)


@settings(deadline=None)
@given(LETTERS)
def test_any_yaml_is_a_registry_or_one_error(text: str) -> None:
    only_ours(text.encode())
    only_ours(f"schema: 1\ncheckpoints:\n- {text}".encode())


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.dates()
    | st.binary(max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(SCALARS.filter(bool), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(listed())), VALUES)
def test_any_value_of_any_field_is_taken_or_one_error(field: str, value: Any) -> None:
    try:
        changed = [listed() | {field: value}]
        text = yaml.safe_dump({"schema": 1, "checkpoints": changed})
    except (yaml.YAMLError, TypeError):  # what YAML itself cannot write
        return
    only_ours(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("pggan-ixi-64", Named("pggan-ixi-64")),
        ("pggan-ixi-64@1.10.0", Named("pggan-ixi-64", "1.10.0")),
        (f"hf:zoo/x.y_z@{'0a' * 20}", OnHub("zoo/x.y_z", "0a" * 20)),
        ("runs/here", Path("runs/here")),
        ("./x", Path("x")),
    ],
)
def test_addresses(text: str, parsed: object) -> None:
    assert parse(text) == parsed
    assert parse(str(parsed) if text != "./x" else text) == parsed


def test_a_folder_of_that_name_that_is_a_checkpoint_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert parse("mine") == Named("mine")
    (tmp_path / "mine" / "config.json").touch()
    assert parse("mine") == Path("mine")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not the address of a checkpoint"),
        ("Big Name", "not the address of a checkpoint"),
        ("a@latest", "not the address of a checkpoint"),
        ("a@1.0", "not the address of a checkpoint"),
        ("x" * 9999, "not the address of a checkpoint"),
        ("a\x00b", "not the address of a checkpoint"),
        ("hf:zoo/x", "does not name a commit"),
        ("hf:zoo/x@main", "does not name a commit"),
        (f"hf:zoo/../x@{'a' * 40}", "not a repository"),
        ("hf:zoo", "not a repository"),
    ],
)
def test_what_is_no_address_says_what_one_is(text: str, said: str) -> None:
    with pytest.raises(OptionError, match=said) as error:
        parse(text)
    assert "40 hex digits" in str(error.value)
    assert len(str(error.value)) < 400


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_an_address_or_one_error(text: str) -> None:
    for word in (text, f"hf:{text}", f"a@{text}"):
        assert problem(parse, word).isprintable()


def test_the_registry_of_the_repository_is_sound() -> None:
    assert read_registry(ROOT / "registry.yaml")
