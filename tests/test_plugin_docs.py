"""docs/plugins.md says everything there is, and nothing that is not."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

from brainzoo import api, testing
from brainzoo.plugin import hookspecs, interfaces

TEXT = (Path(__file__).parent.parent / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
HOOKS = [name for name in vars(hookspecs) if name.startswith("brainzoo_")]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_arguments(hook):
    arguments = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert f"| `{hook}({arguments})` |" in TEXT


def test_no_other_hook_is_documented():
    assert set(re.findall(r"`(brainzoo_\w+)\(", TEXT)) == set(HOOKS)


@pytest.mark.parametrize("kind", ["Dataset", "Generator", "Evaluator", "Exporter"])
def test_every_method_of_an_interface_is_documented(kind):
    methods = [name for name in vars(getattr(interfaces, kind)) if not name.startswith("_")]
    missing = [name for name in methods if not re.search(rf"\b{name}\b", TEXT)]
    assert not missing


def test_the_table_of_names_is_that_of_the_api():
    _, _, section = TEXT.partition("## What `brainzoo.api` offers")
    table = re.findall(r"^\| \w.*? \| `(\w+)` \|", section.partition("\n## ")[0], re.MULTILINE)
    assert sorted(table) == sorted(api.__all__)


def test_every_contract_is_documented():
    contracts = [name for name in testing.__all__ if name.endswith("Contract")]
    assert [name for name in contracts if name not in TEXT] == []


def test_what_the_examples_import_is_there():
    found = re.findall(r"^from (brainzoo(?:\.\w+)*) import (.+)$", "".join(BLOCKS), re.MULTILINE)
    assert len(found) > 5
    for module, names in found:
        for name in names.split(", "):
            assert hasattr(importlib.import_module(module), name), f"{module} has no {name}"


def test_what_the_text_names_is_there():
    """Dotted names in backticks, for example `brainzoo.training.in_chunks`."""
    named = re.findall(r"`(brainzoo(?:\.\w+)+)", TEXT)
    assert len(named) > 10
    for dotted in named:
        module, _, name = dotted.rpartition(".")
        try:
            importlib.import_module(dotted)
        except ImportError:
            assert hasattr(importlib.import_module(module), name), f"there is no {dotted}"


def test_the_example_of_options_is_a_valid_config():
    from brainzoo.plugin.options import make_config, options_of

    names = {"__name__": "documented"}
    exec(next(block for block in BLOCKS if "class MineConfig:" in block), names)
    config = names["MineConfig"]
    assert [item.name for item in options_of(config)] == ["base_channels", "noise", "spacing_mm"]
    assert make_config(config, {"base_channels": 16}).base_channels == 16
