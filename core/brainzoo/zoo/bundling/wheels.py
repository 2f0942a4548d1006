"""Wheels of installed distributions, made on a machine that need not reach any index.

An installed distribution lists its files with their hashes in ``RECORD`` (PEP 376, PEP 427): packed
again without what the installer added, they are the wheel that they came from.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from brainzoo.common.downloads.web import clean
from brainzoo.common.errors import IntegrityError, NetworkError, UnknownPluginError

OF_THE_INSTALLER = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json"}
FIRST_DATE = (1980, 1, 1, 0, 0, 0)
"""Of every file: the same installation makes the same bytes."""


def wheel_of(name: str, folder: Path) -> Path:
    """Write the wheel of an installed distribution into a folder.

    Args:
        name: The distribution, for example ``brainzoo-pggan``.
        folder: Where it goes.

    Raises:
        UnknownPluginError: It is not installed.
        IntegrityError: Its files were changed since, or it cannot be built from its source.
    """
    try:
        found = distribution(name)
    except PackageNotFoundError:
        raise UnknownPluginError(
            f"{name} is not installed.", f"Install it with: pip install {name}"
        ) from None
    source = _editable(found)
    return _built(name, source, folder) if source else _repacked(found, folder)


def download_dependencies(
    wheels: Sequence[Path], folder: Path, *, platform: str | None, python: str | None
) -> None:
    """Fetch all that some wheels need into a folder, with pip, as wheels only.

    Args:
        wheels: The wheels.
        folder: Where the others go.
        platform: Of the machine that they are for, such as ``win_amd64``; this one's by default.
        python: Its Python version, such as ``3.12``.

    Raises:
        NetworkError: pip could not get them.
    """
    command = ["download", "--dest", str(folder), "--only-binary", ":all:", "--quiet"]
    command += ["--platform", platform] if platform else []
    command += ["--python-version", python] if python else []
    done = pip([*command, *map(str, wheels)])
    if done.returncode:
        raise NetworkError(
            f"pip could not fetch the dependencies: {_last_line(done.stderr)}.",
            "Check the connection, or leave --with-dependencies out.",
        )


def pip(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run pip of this Python without questions."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _repacked(found: Distribution, folder: Path) -> Path:
    files = found.files
    info = next((p.parent for p in files or () if p.name == "WHEEL"), None)
    tag = re.search(r"^Tag: ([\w.]+-[\w.]+-[\w.]+)\s*$", found.read_text("WHEEL") or "", re.M)
    if not files or info is None or tag is None:
        raise IntegrityError(
            f"{found.name} was not installed from a wheel: it has no record of its files.",
            f"Try: pip install --force-reinstall {found.name}",
        )
    stem = re.sub(r"\.dist-info$", "", info.name)
    path = folder / f"{stem}-{tag[1]}.whl"
    rows = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in sorted(files):
            if _packed(file, info.name):
                content = _content(found, file)
                rows.append((str(file), f"sha256={_digest(content)}", str(len(content))))
                wheel.writestr(_member(str(file)), content)
        rows.append((f"{info}/RECORD", "", ""))
        record = io.StringIO()
        csv.writer(record, lineterminator="\n").writerows(rows)
        wheel.writestr(_member(f"{info}/RECORD"), record.getvalue())
    return path


def _packed(file: PackagePath, info: str) -> bool:
    """Tell whether a file came in the wheel: not compiled later, no script, no installer's note."""
    inside = ".." not in file.parts and not Path(file).is_absolute()
    note = file.parts[0] == info and file.name in OF_THE_INSTALLER
    return inside and not note and "__pycache__" not in file.parts


def _content(found: Distribution, file: PackagePath) -> bytes:
    try:
        content = Path(str(found.locate_file(file))).read_bytes()
    except OSError:
        content = None
    if content is None or (file.hash and file.hash.value != _digest(content, file.hash.mode)):
        raise IntegrityError(
            f"{found.name} was changed after it was installed: {file}.",
            f"Try: pip install --force-reinstall {found.name}",
        )
    return content


def _built(name: str, source: Path, folder: Path) -> Path:
    """Build the wheel of an editable installation from its source."""
    before = set(folder.glob("*.whl"))
    words = ["wheel", "--no-deps", "--quiet", "--wheel-dir", str(folder), str(source)]
    # Without isolation no index is needed, if the build tool is here.
    done = pip([*words, "--no-build-isolation"])
    if done.returncode:
        done = pip(words)
    new = sorted(set(folder.glob("*.whl")) - before)
    if done.returncode or not new:
        raise IntegrityError(
            f"the wheel of {name} cannot be built from {source}: {_last_line(done.stderr)}.",
            "Try: pip install hatchling",
        )
    return new[0]


def _editable(found: Distribution) -> Path | None:
    """Return the source folder of an editable installation."""
    try:
        noted = json.loads(found.read_text("direct_url.json") or "{}")
        url = urlsplit(noted["url"]) if noted["dir_info"].get("editable") else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Path(url2pathname(url.path)) if url and url.scheme == "file" else None


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name.replace("\\", "/"), FIRST_DATE)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    return member


def _digest(content: bytes, kind: str = "sha256") -> str:
    digest = hashlib.new(kind, content, usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if "error" in line.lower()]
    last = (lines or text.strip().splitlines() or ["no reason given"])[-1]
    return clean(last.removeprefix("ERROR: ")).rstrip(".")
