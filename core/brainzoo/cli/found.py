"""The installed plugins, with a warning for each that is broken."""

from __future__ import annotations

import click

from brainzoo.common import console
from brainzoo.plugin.manager import Plugins, plugins


def installed(ctx: click.Context | None = None) -> Plugins:
    """Return the installed plugins; warn once per command of those that are broken."""
    found = plugins()
    meta = (ctx or click.get_current_context()).find_root().meta
    if not meta.get("brainzoo.warned"):
        meta["brainzoo.warned"] = True
        for problem in found.problems:
            console.warn(problem)
    return found
