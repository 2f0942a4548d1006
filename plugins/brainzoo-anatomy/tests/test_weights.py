"""Weights are read as published, and nothing else is taken for them."""

from __future__ import annotations

import hashlib
import json
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_server import drop, hostile_server
from hypothesis import given, settings
from hypothesis import strategies as st

from brainzoo.common.downloads.download import Patience
from brainzoo.common.errors import IntegrityError, NetworkError, NotFoundError
from brainzoo_anatomy import weights as reading
from brainzoo_anatomy.weights import PUBLISHED, read_weights, weights_folder

SHAPES = [(2, 1, 3, 3, 3), (2, 2, 3, 3, 3), (18, 2, 1, 1, 1)]
REAL = Path(__file__).parents[4] / "shared/data/weights/meshnet/model30chan18cls"


def test_kernels_arrive_in_torchs_order(weights: Path, made_up: Any) -> None:
    found = read_weights(weights)
    assert [layer.kernel.shape for layer in found.layers] == SHAPES
    assert [layer.dilation for layer in found.layers] == [1, 2, 1]
    assert found.classes == tuple(made_up.classes)
    assert found.layers[1].kernel[0, 0, 1, 1, 1] == 1
    assert found.layers[1].kernel.sum() == 1


@pytest.mark.skipif(not REAL.is_dir(), reason="the published weights are not here")
def test_the_published_weights_are_read() -> None:
    found = read_weights(REAL)
    assert [layer.dilation for layer in found.layers] == [1, 2, 4, 8, 16, 8, 4, 2, 1, 1]
    assert found.layers[-1].kernel.shape == (18, 30, 1, 1, 1)
    assert "Hippocampus" in found.classes
    assert {name: (REAL / name).stat().st_size for name in PUBLISHED} == {
        name: size for name, (_, size) in PUBLISHED.items()
    }


def changed(model: dict[str, Any], content: bytes, what: str) -> tuple[Any, bytes]:
    """Return a network with one thing wrong."""
    chain = model["modelTopology"]["model_config"]["config"]
    conv, group = chain["layers"][1]["config"], model["weightsManifest"][0]
    match what:
        case "truncated":
            content = content[:-4]
        case "too long":
            content += b"\0\0\0\0"
        case "not finite":
            content = struct.pack("<f", float("nan")) + content[4:]
        case "another shape":
            group["weights"][0]["shape"] = [3, 3, 3, 2, 2]
        case "huge shape":
            group["weights"][0]["shape"] = [2**40, 3, 3, 1, 2]
        case "huge filters":
            conv["filters"] = 2**40
        case "negative":
            conv["filters"] = -2
        case "a number as text":
            conv["filters"] = "2"
        case "more arrays":
            group["weights"].append(group["weights"][0])
        case "fewer arrays":
            group["weights"].pop()
        case "another file":
            group["paths"] = ["../../etc/passwd"]
        case "code":
            chain["layers"][1] |= {"class_name": "Lambda", "config": {"function": "import os"}}
        case "another activation":
            chain["layers"][2]["config"]["activation"] = "softmax"
        case "a branch":
            chain["layers"][3]["inbound_nodes"] = [[["input", 0, 0, {}]]]
        case "two activations":
            chain["layers"][3] = chain["layers"][2]
        case "strides":
            conv["strides"] = [2, 2, 2]
        case "an even kernel":
            conv["kernel_size"] = [2, 2, 2]
        case "no layers":
            chain["layers"] = []
        case "input only":
            chain["layers"] = chain["layers"][:1] * 2
        case "a list":
            model = [model]  # type: ignore[assignment]
    return model, content


WRONG = (
    "truncated", "too long", "not finite", "another shape", "huge shape", "huge filters",
    "negative", "a number as text", "more arrays", "fewer arrays", "another file", "code",
    "another activation", "a branch", "two activations", "strides", "an even kernel", "no layers",
    "input only", "a list",
)  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_refused(tmp_path: Path, made_up: Any, what: str) -> None:
    made_up.write(tmp_path, *changed(*made_up.layout(), what))
    with pytest.raises(IntegrityError) as caught:
        read_weights(tmp_path)
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400


def test_classes_must_be_those_of_the_network(tmp_path: Path, made_up: Any) -> None:
    made_up.write(tmp_path, *made_up.layout())
    (tmp_path / "colormap.json").write_text(json.dumps({"labels": made_up.classes[:-1]}))
    with pytest.raises(IntegrityError, match="17 classes; the network has 18"):
        read_weights(tmp_path)


def test_a_huge_file_is_not_read(tmp_path: Path, made_up: Any) -> None:
    made_up.write(tmp_path, *made_up.layout())
    with (tmp_path / "model.bin").open("wb") as file:
        file.truncate(2**40)  # sparse: reading it would fill memory
    with pytest.raises(IntegrityError, match="bytes; expected"):
        read_weights(tmp_path)


@settings(max_examples=200)
@given(data=st.data())
def test_damage_is_an_error_or_does_no_harm(made_up: Any, data: st.DataObject) -> None:
    """Whatever byte is damaged: one kind of error, or a network of the same shape."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = made_up.write(Path(temporary), *made_up.layout())
        name = data.draw(st.sampled_from(sorted(PUBLISHED)))
        damaged = bytearray((folder / name).read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(0, len(damaged) - 1))
            damaged[place] = data.draw(st.integers(0, 255))
        cut = data.draw(st.one_of(st.none(), st.integers(0, len(damaged))))
        (folder / name).write_bytes(bytes(damaged[:cut]))
        try:
            found = read_weights(folder)
        except IntegrityError:
            return
    assert [layer.kernel.shape for layer in found.layers] == SHAPES
    assert all(np.isfinite(layer.kernel).all() for layer in found.layers)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
PLACES = ("modelTopology", "weightsManifest", "layers", "config", "weights")


@settings(max_examples=100)
@given(value=ANY, place=st.sampled_from(PLACES))
def test_any_json_in_any_place_is_refused(made_up: Any, value: Any, place: str) -> None:
    model, content = made_up.layout()
    chain = model["modelTopology"]["model_config"]["config"]
    inner = {"layers": chain, "config": chain["layers"][1], "weights": model["weightsManifest"][0]}
    inner.get(place, model)[place] = value
    with tempfile.TemporaryDirectory() as temporary, pytest.raises(IntegrityError):
        read_weights(made_up.write(Path(temporary), model, content))


def serve(server: Any, made_up: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a server on this machine hold the files, and let them be those published."""
    folder = made_up.write(tmp_path / "published", *made_up.layout())
    files = {name: (folder / name).read_bytes() for name in PUBLISHED}
    server.files |= files
    sums = {n: (hashlib.sha256(c).hexdigest(), len(c)) for n, c in files.items()}
    monkeypatch.setattr(reading, "PUBLISHED", sums)
    monkeypatch.setattr(reading, "ADDRESS", server.address)
    monkeypatch.setattr(reading, "PATIENCE", Patience(timeout_s=60, attempts=2, wait_s=0.01))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))


def test_weights_are_downloaded_once(
    tmp_path: Path, made_up: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile_server() as server:
        serve(server, made_up, tmp_path, monkeypatch)
        server.faults["model.bin"] = [drop(100)]  # it goes on from there
        folder = weights_folder(None)
        asked = [one.path for one in server.requests]
        assert weights_folder(None) == folder
        assert len(server.requests) == len(asked), "they were fetched again"
    assert server.requests[-1].path == "/colormap.json"
    assert any(one.range == "bytes=100-" for one in server.requests)
    assert read_weights(folder).classes == tuple(made_up.classes)


def test_other_bytes_are_refused(
    tmp_path: Path, made_up: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile_server() as server:
        serve(server, made_up, tmp_path, monkeypatch)
        server.files["model.bin"] = server.files["model.bin"][:-1] + b"\1"
        with pytest.raises(IntegrityError):
            weights_folder(None)
    assert not list((tmp_path / "home").rglob("model.bin"))


def test_a_file_that_was_changed_here_is_refused(
    tmp_path: Path, made_up: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile_server() as server:
        serve(server, made_up, tmp_path, monkeypatch)
        folder = weights_folder(None)
        (folder / "model.bin").write_bytes(b"something else")
        with pytest.raises(IntegrityError, match="not the file that was published"):
            weights_folder(None)


def test_without_a_connection_an_option_is_named(
    tmp_path: Path, made_up: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile_server() as server:
        serve(server, made_up, tmp_path, monkeypatch)
        server.files.clear()
        with pytest.raises(NetworkError) as caught:
            weights_folder(None)
    assert "--anatomy.weights" in caught.value.hint


def test_a_folder_without_them_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no model\.json"):
        weights_folder(tmp_path)
