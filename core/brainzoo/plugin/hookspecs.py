"""What a plugin may offer: one function per hook.

A plugin is a module named by an entry point of the group ``brainzoo``; it implements any of these
functions, marked with :data:`hookimpl`. It must import nothing heavy: no torch, no numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

    from brainzoo.plugin.interfaces import Spec
    from brainzoo.plugin.run import Run

hookspec = pluggy.HookspecMarker("brainzoo")
hookimpl = pluggy.HookimplMarker("brainzoo")


@hookspec
def brainzoo_datasets() -> list[Spec]:  # type: ignore[empty-body]
    """Return the datasets that this plugin brings; targets are :class:`brainzoo.Dataset`."""


@hookspec
def brainzoo_generators() -> list[Spec]:  # type: ignore[empty-body]
    """Return the generators that this plugin brings; targets are :class:`brainzoo.Generator`."""


@hookspec
def brainzoo_evaluators() -> list[Spec]:  # type: ignore[empty-body]
    """Return the evaluators that this plugin brings; targets are :class:`brainzoo.Evaluator`."""


@hookspec
def brainzoo_exporters() -> list[Spec]:  # type: ignore[empty-body]
    """Return the exporters that this plugin brings; targets are :class:`brainzoo.Exporter`."""


@hookspec
def brainzoo_steps() -> list[Spec]:  # type: ignore[empty-body]
    """Return steps of preparing scans; each is called with a subject and returns another."""


@hookspec
def brainzoo_progress(run: Run, line: Mapping[str, Any], picture: bytes | None) -> None:
    """Take a line of ``stats.jsonl`` while a model trains, or a sample grid (PNG) and its images.

    Called in the process that trains, the first of several. ``line["images"]`` says how many images
    were seen.
    """


@hookspec
def brainzoo_registry() -> Path:  # type: ignore[empty-body]
    """Return the path of a registry fragment (YAML) with this plugin's checkpoints."""


@hookspec
def brainzoo_gate(folder: Path, original: Path, consent: str) -> list[str]:  # type: ignore[empty-body]
    """Return the reasons not to publish a checkpoint, a line each: ``FILE: PROBLEM``.

    ``folder`` is the copy that will be sent, of the checkpoint ``original``; ``consent`` names who
    answers for a privacy verdict that is undecided, and may be written into the copy.
    """


@hookspec
def brainzoo_commands(group: click.Group) -> None:
    """Add commands of this plugin's own to the command line's top group."""
