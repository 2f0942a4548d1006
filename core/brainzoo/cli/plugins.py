"""``brainzoo plugins``: what is installed, what it offers, what is broken and why."""

from __future__ import annotations

import sys
from typing import Any

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console
from brainzoo.plugin.manager import KINDS, Plugin
from brainzoo.plugin.manager import plugins as find_plugins


@click.command()
@common_options
def plugins() -> None:
    """List what is installed, what it offers, and what is broken."""
    found = find_plugins()
    header = ["distribution", "version", *(f"{kind}s" for kind in KINDS), "also", "state"]
    rows = [
        [
            plugin.distribution,
            plugin.version,
            *(", ".join(spec.name for spec in plugin.offers.get(kind, ())) for kind in KINDS),
            ", ".join(_also(plugin)),
            "broken" if plugin.problem else "works",
        ]
        for plugin in found.all
    ]
    kept = [i for i in range(len(header)) if any(row[i] for row in rows)]
    table = console.table([header[i] for i in kept], [[r[i] for i in kept] for r in rows])
    console.answer({"plugins": [_described(plugin) for plugin in found.all]}, table)
    for problem in found.problems:
        console.warn(problem)


def _also(plugin: Plugin) -> list[str]:
    """Return what a plugin brings besides the four kinds."""
    module = sys.modules.get(plugin.module.partition(":")[0])
    working = [] if plugin.problem else ["commands", "registry"]
    return [name for name in working if hasattr(module, f"brainzoo_{name}")]


def _described(plugin: Plugin) -> dict[str, Any]:
    offers = {
        f"{kind}s": [{"name": spec.name, "summary": spec.summary} for spec in specs]
        for kind, specs in plugin.offers.items()
    }
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": plugin.module,
        "offers": offers,
        "also": _also(plugin),
        "problem": plugin.problem or None,
    }
