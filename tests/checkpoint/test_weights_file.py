import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainzoo.checkpoint.weights_file import read_arrays, read_header, write_arrays
from brainzoo.common.errors import BrainzooError, IntegrityError, NotFoundError

GOOD = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "a.count": np.array(3)}


def written(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    path.write_bytes(size.to_bytes(8, "little") + text + data)
    return path


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "model.safetensors"
    arrays = {**GOOD, "turned": GOOD["a.weight"].T, "half": np.float16([1.5])}
    path.write_bytes(write_arrays(arrays))
    assert read_header(path)["a.weight"] == ("F32", (2, 3))
    assert read_header(path)["a.count"] == ("I64", ())
    back = read_arrays(path)
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        assert np.array_equal(back[name], array), name
        assert back[name].dtype == array.dtype


@pytest.mark.parametrize("bad", [{"a": np.zeros(2)}, {"../a": np.zeros(2, np.float32)}])
def test_what_could_not_be_read_is_not_written(bad):
    with pytest.raises(IntegrityError):
        write_arrays(bad)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04" + b"0" * 80, "pickle"),
        (b"\x80\x04\x95" + b"0" * 80, "pickle"),
        (b"<!DOCTYPE html><html>" + b" " * 80, "not safetensors"),
        (b"", "not safetensors"),
        ((10**6).to_bytes(8, "little") + b'{"a"', "corrupt"),
    ],
)
def test_other_files_are_named_for_what_they_are(tmp_path, content, message):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=message):
        read_arrays(path)


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({"a": entry()}, b"0" * 7),
        ({"a": entry()}, b"0" * 9),
        ({"a": entry(shape=(2**40, 0), offsets=(0, 0)), "b": entry()}, b"0" * 4),
        ({"a": entry(shape=(3,))}, b"0" * 8),
        ({"a": entry(), "b": entry()}, b"0" * 16),
        ({"a": entry(), "b": entry(offsets=(12, 20))}, b"0" * 20),
        ({"a": entry(dtype="BF17")}, b"0" * 8),
        ({"a": entry(shape=(-2,))}, b"0" * 8),
        ({"a": entry(shape=(1,) * 8 + (2,))}, b"0" * 8),
        ({"a": [1, 2]}, b""),
        ({"a": {**entry(), "dtype": []}}, b"0" * 8),
        ({"a": entry(shape=(0, 10**30), offsets=(0, 0)), "b": entry()}, b"0" * 8),
        ({"../../etc/passwd": entry()}, b"0" * 8),
        ({}, b""),
        (b"[1, 2]" + b" " * 10, b""),
        (b'{"a": 1, "a": 2}', b""),
        (b'{"a": ' + b"[" * 100_000, b""),
    ],
)
def test_headers_that_lie(tmp_path, header, data):
    with pytest.raises(IntegrityError):
        read_arrays(written(tmp_path / "model.safetensors", header, data))


def test_a_million_empty_tensors_are_refused_at_once(tmp_path):
    many = {f"t{i}": entry(shape=(0,), offsets=(0, 0)) for i in range(30_000)}
    with pytest.raises(IntegrityError, match="30000 tensors"):
        read_arrays(written(tmp_path / "model.safetensors", many))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(NotFoundError, match="such file"):
        read_arrays(tmp_path / "model.safetensors")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_weights_or_one_clear_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(BrainzooError):
        read_arrays(path)


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(1, 255))
def test_a_changed_byte_is_found_or_changes_values_only(tmp_path_factory, place, change):
    content = bytearray(write_arrays(GOOD))
    content[place % len(content)] ^= change
    path = tmp_path_factory.mktemp("changed") / "model.safetensors"
    path.write_bytes(bytes(content))
    try:
        arrays = read_arrays(path)
    except BrainzooError:
        return
    assert sum(a.nbytes for a in arrays.values()) <= len(content)
