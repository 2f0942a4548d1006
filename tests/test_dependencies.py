"""Each package declares what it imports, and nothing that it does not."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent

MODULES = {
    "brainzoo-core": "brainzoo",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "simpleitk": "SimpleITK",
}
"""Modules that are called otherwise than their distribution."""

DATA_ONLY = {"brainzoo-mosaic", "einops", "nilearn", "torchvision"}
"""Distributions that are needed for a file in them, by another one (einops by MONAI), by their
names in presets (brainzoo-mosaic), or that are imported by their names as text (torchvision)."""

PACKAGES = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))


def imported(folder: Path) -> Iterator[str]:
    """Yield the top-level modules that the files of a package import."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield str(node.module).partition(".")[0]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_plugin_declares_what_it_imports(name: str) -> None:
    folder = ROOT / "plugins" / name
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [one for of in project.get("optional-dependencies", {}).values() for one in of]
    own = name.replace("-", "_")
    used = set(imported(folder / "src")) - set(sys.stdlib_module_names) - {own}
    assert used - modules(extras) == modules(project["dependencies"])


def test_the_conda_recipe_requires_what_the_core_requires() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    recipe = yaml.safe_load((ROOT / ".conda" / "recipe.yaml").read_text(encoding="utf-8"))
    there = {"python-deflate": "deflate", "huggingface_hub": "huggingface-hub"}
    named = [line.split()[0] for line in recipe["requirements"]["run"]]
    assert named[0] == "python"
    assert {
        there.get(name, name): line.split()[1]
        for name, line in zip(named[1:], recipe["requirements"]["run"][1:], strict=True)
    } == {
        Requirement(line).name: str(Requirement(line).specifier) for line in project["dependencies"]
    }
    assert recipe["context"]["version"] == project["version"]


def modules(requirements: list[str]) -> set[str]:
    """Return what is imported of the distributions that are required."""
    names = {Requirement(line).name.lower() for line in requirements}
    return {MODULES.get(name, name.replace("-", "_")) for name in names - DATA_ONLY}
