from __future__ import annotations

import click

from brainzoo import Spec, hookimpl

from .config import DifferenceConfig, TinyConfig


@hookimpl
def brainzoo_generators() -> list[Spec]:
    return [Spec("tiny", "brainzoo_tiny.generator:Tiny", TinyConfig, "The mean image and noise.")]


@hookimpl
def brainzoo_evaluators() -> list[Spec]:
    return [
        Spec(
            "difference",
            "brainzoo_tiny.evaluator:Difference",
            DifferenceConfig,
            "Difference of the mean greys.",
        )
    ]


@hookimpl
def brainzoo_commands(group: click.Group) -> None:
    @group.command()
    def tiny() -> None:
        """Say that the tiny plugin is there."""
        click.echo("tiny indeed")
