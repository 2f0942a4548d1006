"""Imports go one way: plugins reach the core by two doors, and no modules import each other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from brainzoo import api

ROOT = Path(__file__).parent.parent

DOORS = {"brainzoo.api", "brainzoo.training"}
MOST_NAMES = 42
"""Of ``brainzoo.api``: it may only fall."""

SOURCES = sorted([*ROOT.glob("plugins/*/src/*"), *ROOT.glob("examples/*/src/*")])
TEMPLATES = ROOT / "core" / "brainzoo" / "templates"
IMPORT = re.compile(r"^\s*(?:from|import) (brainzoo(?:\.\w+)*)\b", re.MULTILINE)


@pytest.mark.parametrize(
    "folder", [*SOURCES, *sorted(TEMPLATES.glob("*/src"))], ids=lambda folder: folder.parent.name
)
def test_a_plugin_imports_two_modules_of_the_core(folder: Path) -> None:
    files = [*folder.rglob("*.py"), *folder.rglob("*.py.template")]
    assert files
    deeper = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        for name in IMPORT.findall(path.read_text(encoding="utf-8"))
        if name not in DOORS
    }
    assert not deeper


def test_the_door_stays_small() -> None:
    assert len(api.__all__) <= MOST_NAMES


def test_the_names_behind_the_door_are_imported_when_they_are_used() -> None:
    code = (
        "import sys, brainzoo.api as api; assert not {'numpy', 'torch'} & set(sys.modules);"
        "[getattr(api, name) for name in api.__all__]; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "name", ["brainzoo", *(folder.name for folder in SOURCES if folder.is_dir())]
)
def test_no_two_modules_of_a_package_import_each_other(name: str) -> None:
    graph = grimp.build_graph(name, exclude_type_checking_imports=True, cache_dir=None)
    circles = {
        f"{one} <-> {other}"
        for one in graph.modules
        for other in graph.find_modules_directly_imported_by(one)
        if graph.chain_exists(importer=other, imported=one)
    }
    assert not circles
