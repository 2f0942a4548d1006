"""What this plugin offers."""

import click

from brainzoo.api import Spec, hookimpl
from brainzoo_flow.command import edit


@hookimpl
def brainzoo_generators() -> list[Spec]:
    """Offer the generator ``flow``."""
    from brainzoo_flow.config import FlowConfig

    return [
        Spec(
            name="flow",
            target="brainzoo_flow.generator:Flow",
            config=FlowConfig,
            summary="Rectified flow (Liu 2023, Lipman 2023): samples, inpaints and ages brains.",
        )
    ]


@hookimpl
def brainzoo_commands(group: click.Group) -> None:
    """Add ``brainzoo edit``."""
    group.add_command(edit)
