"""A corpus of checkpoints that are broken on purpose, and one that is not.

Each case is a function that damages a copy of a good checkpoint of a small network, and the words
that a user must read then.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from brainzoo.common.files import sha256

Damage = Callable[[Path], object]

MARKER = "BRAINZOO_TEST_MARKER"  # names the file that planted code would write

HTML = b"<!DOCTYPE html><html><body>Not found</body></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 9000\n"


class Bomb:
    """What, unpickled, would write the marker."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch ${MARKER}",)


def weights(folder: Path) -> Path:
    return folder / "model.safetensors"


def split(folder: Path) -> tuple[dict[str, Any], bytes]:
    """Return header and data of the good weights."""
    content = weights(folder).read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def join(folder: Path, header: Any, data: bytes, length: int | None = None) -> None:
    """Write weights with any header, and let the configuration agree as far as that can be."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    weights(folder).write_bytes(size.to_bytes(8, "little") + text + data)
    agree(folder, header if isinstance(header, dict) else {})


def agree(folder: Path, header: dict[str, Any]) -> None:
    """Let ``config.json`` name the weights that are there now."""
    shapes = [v["shape"] for k, v in header.items() if isinstance(v, dict) and "shape" in v]
    try:
        numbers = sum(int(np.prod(shape, dtype=object)) for shape in shapes)
    except TypeError:
        numbers = 0
    change(folder, "weights", {"sha256": sha256(weights(folder)), "tensors": len(shapes),
                               "parameters": max(0, min(numbers, 2**50))})  # fmt: skip


def change(folder: Path, key: str, value: Any) -> None:
    """Set one value of ``config.json``; its place is written with dots."""
    config = json.loads((folder / "config.json").read_text())
    *places, last = key.split(".")
    inner = config
    for place in places:
        inner = inner[place]
    inner[last] = value
    (folder / "config.json").write_text(json.dumps(config))


def arrays(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change the arrays of the weights, and let the configuration agree."""
    from brainzoo.checkpoint.weights_file import read_arrays, write_arrays

    found = read_arrays(weights(folder))
    edit(found)
    weights(folder).write_bytes(write_arrays(found))
    agree(folder, split(folder)[0])


def retype(folder: Path, dtype: str, itemsize: int) -> None:
    """Claim another type for all floating tensors, and write as many bytes as it takes."""
    header, _ = split(folder)
    at = 0
    for entry in header.values():
        entry["dtype"] = dtype
        size = int(np.prod(entry["shape"])) * itemsize
        entry["data_offsets"] = [at, at + size]
        at += size
    join(folder, header, b"\0" * at)


def first_tensor(folder: Path, **values: Any) -> None:
    """Change the header's entry of the first tensor."""
    header, data = split(folder)
    name = min(header, key=lambda k: header[k]["data_offsets"])
    header[name] = {**header[name], **values}
    join(folder, header, data)


def poison(value: float) -> Damage:
    def edit(found: dict[str, Any]) -> None:
        name = next(n for n, a in found.items() if a.dtype == np.float32)
        found[name].flat[-1] = value

    return lambda folder: arrays(folder, edit)


def cut(share: float) -> Damage:
    """Keep only a share of the weights' bytes."""

    def damage(folder: Path) -> None:
        content = weights(folder).read_bytes()
        weights(folder).write_bytes(content[: int(len(content) * share)])

    return damage


def cut_to(size: int) -> Damage:
    return lambda folder: weights(folder).write_bytes(weights(folder).read_bytes()[:size])


def replaced(content: bytes, name: str = "model.safetensors") -> Damage:
    return lambda folder: (folder / name).write_bytes(content)


def added(name: str, content: bytes = b"") -> Damage:
    return lambda folder: (folder / name).write_bytes(content)


def config(key: str, value: Any) -> Damage:
    return lambda folder: change(folder, key, value)


def config_text(edit: Callable[[str], str | bytes]) -> Damage:
    def damage(folder: Path) -> None:
        found = edit((folder / "config.json").read_text())
        content = found.encode() if isinstance(found, str) else found
        (folder / "config.json").write_bytes(content)

    return damage


def linked(name: str) -> Damage:
    """Put a link to the good file in its place."""

    def damage(folder: Path) -> None:
        elsewhere = folder.parent / f"{folder.name}-{name}"
        (folder / name).rename(elsewhere)
        (folder / name).symlink_to(elsewhere)

    return damage


def as_folder(folder: Path) -> None:
    weights(folder).unlink()
    weights(folder).mkdir()


def as_pipe(folder: Path) -> None:
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")


def archive(kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as file:
            file.writestr("archive/data.pkl", pickle.dumps(Bomb()))
    else:
        with tarfile.open(fileobj=out, mode="w") as file:
            info = tarfile.TarInfo("../escape")
            file.addfile(info, io.BytesIO())
    return out.getvalue()


def object_array() -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([Bomb()], dtype=object), allow_pickle=True)
    return out.getvalue()


def lying_array(shape: str, dtype: str = "|u1") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def million() -> bytes:
    entry = '"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    text = "{" + ",".join([entry % number for number in range(1_000_000)]) + "}"
    return len(text).to_bytes(8, "little") + text.encode()


def many(folder: Path, count: int = 20_001) -> None:
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    join(folder, {str(number): empty for number in range(count)}, b"")


def twice(folder: Path) -> None:
    header, data = split(folder)
    name = min(header, key=lambda k: header[k]["data_offsets"])
    text = json.dumps(header)[:-1] + f', "{name}": {json.dumps(header[name])}}}'
    join(folder, text.encode(), data)


def odd_name(name: str) -> Damage:
    def damage(folder: Path) -> None:
        header, data = split(folder)
        old = min(header, key=lambda k: header[k]["data_offsets"])
        join(folder, {name if k == old else k: v for k, v in header.items()}, data)

    return damage


def with_empty(shape: list[int]) -> Damage:
    """Add a tensor without any content, of an absurd shape."""

    def damage(folder: Path) -> None:
        header, data = split(folder)
        end = len(data)
        empty = {"dtype": "F32", "shape": shape, "data_offsets": [end, end]}
        join(folder, {**header, "zzz": empty}, data)

    return damage


def _cases() -> Iterator[tuple[str, Damage, str]]:
    size = "model.safetensors has only|truncated|not safetensors|is corrupt"
    for number in (0, 4, 8, 9, 60, 300):
        yield f"weights of {number} bytes", cut_to(number), size
    for share in (0.5, 0.9, 0.999):
        yield f"weights cut to {share}", cut(share), "is corrupt"
    grown = lambda f: weights(f).write_bytes(weights(f).read_bytes() + b"\0")  # noqa: E731
    yield "a byte too many", grown, "is corrupt"
    # Anything but safetensors.
    for number in range(pickle.HIGHEST_PROTOCOL + 1):
        words = "a Python pickle|not safetensors"
        yield f"pickle of protocol {number}", replaced(pickle.dumps(Bomb(), number)), words
    yield "torch.save", replaced(archive("zip")), "not safetensors"
    yield "a tar archive", replaced(archive("tar")), "not safetensors"
    yield "gzip", replaced(b"\x1f\x8b\x08" + b"\0" * 90), "not safetensors"
    yield "HDF5", replaced(b"\x89HDF\r\n\x1a\n" + b"\0" * 90), "not safetensors"
    yield "a program", replaced(b"\x7fELF" + b"\0" * 90), "not safetensors"
    yield "a script", replaced(b"#!/bin/sh\ntouch $BRAINZOO_TEST_MARKER\n" * 9), "not safetensors"
    yield "a numpy array of objects", replaced(object_array()), "not safetensors"
    yield "a web page", replaced(HTML), "not safetensors"
    yield "a web page with a mark", replaced(b"\xef\xbb\xbf" + HTML), "not safetensors"
    yield "JSON of an error", replaced(b'{"error": "Repository not found"}'), "not safetensors"
    yield "LFS pointer", replaced(POINTER), "not safetensors"
    # Headers that lie.
    yield "header longer than the file", lambda f: join(f, b"{}", b"", 2**62), "not safetensors"
    yield "header over the limit", lambda f: join(f, b"{" + b" " * 4_000_001, b""), "not safetens"
    yield "header is not JSON", lambda f: join(f, b"{nonsense}", b""), "is corrupt"
    yield "header nested", lambda f: join(f, b'{"a":' * 30_000, b""), "is corrupt"
    yield "a million tensors", replaced(million()), "not safetensors"
    yield "20,001 tensors", many, "20001 tensors; expected"
    yield "no tensors", lambda f: join(f, {}, b""), "0 tensors; expected"
    yield "a tensor twice", twice, "corrupt|config.json says"
    yield (
        "metadata that are not text",
        lambda f: join(f, {**split(f)[0], "__metadata__": {"a": 1}}, split(f)[1]),
        "is corrupt",
    )
    for name in ("../../etc/passwd", "/etc/passwd", "a b", "", "\x1b[2J", "a" * 300):
        yield f"tensor {name[:20]!r}", odd_name(name), "not allowed"
    for shape in ([-1, 4], [2**62, 0], [True], [1.5], "4", None, [1] * 9):
        yield f"shape {shape}", lambda f, s=shape: first_tensor(f, shape=s), "corrupt|not allowed"
    yield "an absurd empty shape", with_empty([2**62, 0]), "is corrupt"
    yield "an empty tensor too many", with_empty([2**40, 0]), "is unknown"
    for offsets in ([8, 0], [0, 2**50], [1, 5], [0], "all"):
        yield f"offsets {offsets}", lambda f, o=offsets: first_tensor(f, data_offsets=o), "corrupt"
    # Weights that are sound, but not those of this network.
    for dtype, itemsize in (("F64", 8), ("BF16", 2), ("F8_E4M3", 1), ("C64", 8), ("I8", 1)):
        words = f"{dtype} of . dimensions, is not allowed"
        yield f"type {dtype}", lambda f, d=dtype, i=itemsize: retype(f, d, i), words
    for dtype, itemsize in (("F16", 2), ("I32", 4), ("I64", 8)):
        yield f"type {dtype}", lambda f, d=dtype, i=itemsize: retype(f, d, i), "expected torch"
    for value in (np.nan, np.inf, -np.inf):
        yield f"a weight is {value}", poison(value), "NaN or infinite"
    extra = lambda a: a.update(extra=np.zeros(3, np.float32))  # noqa: E731
    yield "an extra tensor", lambda f: arrays(f, extra), "'extra' is unknown"
    yield "a missing tensor", lambda f: arrays(f, lambda a: a.pop(min(a))), "is missing"
    rename = lambda a: a.update(renamed=a.pop(min(a)))  # noqa: E731
    yield "a renamed tensor", lambda f: arrays(f, rename), "is missing|is unknown"
    wider = lambda a: a.update({k: np.repeat(v, 2, -1) for k, v in a.items() if v.ndim})  # noqa: E731
    yield "other shapes", lambda f: arrays(f, wider), "expected torch"
    turned = lambda a: a.update({k: v.swapaxes(0, 1) for k, v in a.items() if v.ndim == 4})  # noqa: E731
    yield "turned shapes", lambda f: arrays(f, turned), "expected torch"
    yield "another sha256", config("weights.sha256", "0" * 64), "does not match its digest"
    flipped = lambda a: a[min(a)].view(np.uint8).flat.__setitem__(0, 7)  # noqa: E731

    def flip(folder: Path) -> None:
        before = (folder / "config.json").read_bytes()
        arrays(folder, flipped)
        (folder / "config.json").write_bytes(before)

    yield "a flipped byte", flip, "does not match its digest"
    yield "another number of tensors", config("weights.tensors", 3), "config.json says 3 of"
    yield "another number of parameters", config("weights.parameters", 2**52), "config.json says"
    # config.json
    yield "config is huge", config_text(lambda t: t + " " * 4_000_001), "too large"
    yield "config is nested", config_text(lambda t: "[" * 100_000), "is corrupt"
    yield "config is cut", config_text(lambda t: t[: len(t) // 2]), "is corrupt"
    yield "config is empty", config_text(lambda t: ""), "is corrupt"
    yield "config is a web page", config_text(lambda t: HTML), "is corrupt"
    yield "config is UTF-16", config_text(lambda t: t.encode("utf-16")), "is corrupt"
    yield "config is a pickle", config_text(lambda t: pickle.dumps(Bomb())), "is corrupt"
    again = config_text(lambda t: t.replace("{", '{"format": 1,', 1))
    yield "config names something twice", again, "corrupt|config.json says"
    yield "config holds NaN", config("images.class_shares", [float("nan")]), "NaN is not a number"
    digits = config_text(lambda t: t.replace('"format": 1', f'"format": {"9" * 9000}', 1))
    yield "config holds 9000 digits", digits, "is corrupt"
    yield "config is a list", config_text(lambda t: "[]"), "not a checkpoint.s configuration"
    for value in (2, 99, 10**30):
        yield f"format {value}", config("format", value), "reads up to 1. Try: pip install --upgr"
    for value in (0, -1, "1", 1.0, True, None):
        yield f"format {value!r}", config("format", value), "format: input|not a checkpoint's"
    for part in ("plugin", "hyperparameters", "images", "preprocessing", "trained_on"):
        yield f"config without {part}", config(part, None), f"{part}: input should be"
    yield "another plugin", config("plugin.name", "pggan"), "hyperparameter of pggan|named 'pggan'"
    yield "a plugin that nobody has", config("plugin.name", "nobody"), "no generator named 'nobody'"
    yield "an import path", config("plugin.name", "os:system"), "plugin.name: string should match"
    yield "a plugin's folder", config("plugin.name", "../evil"), "plugin.name: string should match"
    yield "a later plugin", config("plugin.requires", ">=99"), "requires brainzoo-dcgan>=99, found"
    yield "nonsense of a version", config("plugin.requires", "newest"), "not a range of versions"
    widest = "hyperparameters.base_channels"
    for value in (10**12, 2**52, 8 * 10**6):
        yield f"base channels {value}", config(widest, value), "expected torch|fit"
    yield "latent 2**52", config("hyperparameters.latent", 2**52), "expected torch|fit"
    huge = "not a plain value, or too large"
    yield "latent 10**30", config("hyperparameters.latent", 10**30), huge
    yield "base channels are negative", config(widest, -8), "is too small"
    yield "base channels are a list", config(widest, [8]), "expected a whole number"
    yield "base channels are a tree", config(widest, {"a": 1}), "not a plain value"
    yield "an unknown option", config("hyperparameters.target", "os:system"), "named 'target'"
    yield "an endless list", config("hyperparameters.diffaugment", ["cutout"] * 2000), "too large"
    for spatial in ([2**40, 2**40], [16384, 16384, 16384], [0, 32], ["32", 32], [32], [32] * 4):
        yield f"images of {spatial}", config("images.spatial", spatial), "images"
    yield (
        "images of 8192 × 8192",
        config("images.spatial", [8192, 8192]),
        "missing|expected torch|fit",
    )
    yield "a million channels", config("images.channels", 10**6), "images.channels"
    yield "classes without shares", config("images.classes", ["a"]), "a share each"
    yield "a class that steers", config("images.classes", ["\x1b[2J"]), "images.classes"
    yield "hashes that are none", config("trained_on.subjects_sha256", ["x"]), "subjects_sha256"
    # Files
    for name in ("evil.py", "__init__.py", "model.pkl", "pytorch_model.bin", ".hidden"):
        yield (
            f"extra file {name}",
            added(name, pickle.dumps(Bomb())),
            "is not a file of a checkpoint",
        )
    yield "a file that steers", added("a\x1b[2J\n.md"), "is not a file of a checkpoint"
    yield "a file that climbs", added("..\\..\\evil.py"), "is not a file of a checkpoint"
    yield "a folder", lambda f: (f / "code").mkdir(), "is not a file of a checkpoint"
    yield "a folder for weights", as_folder, "not a plain file"
    yield "a pipe for config", as_pipe, "not a plain file"
    for name in ("model.safetensors", "config.json", "README.md"):
        yield f"a link for {name}", linked(name), "not a plain file, but a link"
    yield "no weights", lambda f: weights(f).unlink(), "lacks model.safetensors"
    # Reference samples
    yield "no reference", lambda f: (f / "reference.npy").unlink(), "no readable reference"
    yield "reference of objects", replaced(object_array(), "reference.npy"), "no readable reference"
    for shape in ("(10**15,)", "(4000000000000,)", "(16, 1, 32, 32)", "(0,)"):
        words = "no readable reference"
        yield f"reference {shape}", replaced(lying_array(shape), "reference.npy"), words
    yield "reference is a web page", replaced(HTML, "reference.npy"), "no readable reference"
    yield "another reference", config("verify.sha256", "0" * 64), "does not match the digest"
    yield "a million references", config("verify.n", 10**6), "verify.n: input should be less"


CASES = list(_cases())
