"""Plugins that break their contract, and what is said about them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Broken = Callable[..., Any]

CONFIG = """
    from dataclasses import dataclass
    from brainzoo import Spec, hookimpl
    from brainzoo.plugin.options import option

    @dataclass(frozen=True)
    class Config:
        strength: float = option(1.0, "How strong.")

    SPEC = Spec("broken", "broken_part:Part", Config, "A plugin that breaks its contract.")
"""


@pytest.fixture
def broken(install: Callable[..., Path]) -> Broken:
    """Return a function that installs a plugin of a kind from its source."""

    def add(contract: type[Any], part: str, config: str = CONFIG) -> Any:
        hook = f"""
            @hookimpl
            def brainzoo_{contract.kind}s():
                return [SPEC]
        """
        source = textwrap.dedent(config) + textwrap.dedent(hook)
        modules = {"broken_plugin": source, "broken_part": textwrap.dedent(part)}
        install("brainzoo-broken", {"broken": "broken_plugin"}, modules=modules)
        return type("Contract", (contract,), {"name": "broken"})()

    return add


def caught(match: str) -> pytest.RaisesExc[AssertionError]:
    return pytest.raises(AssertionError, match=match)
