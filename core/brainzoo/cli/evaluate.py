"""``brainzoo evaluate``: synthetic images against real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from brainzoo import console
from brainzoo.cli.params import (
    DynamicCommand,
    Words,
    common_options,
    config_options,
    given_options,
    installed,
)
from brainzoo.errors import OptionError
from brainzoo.settings import part_of


def more_options(ctx: click.Context, words: Words) -> list[click.Parameter]:
    """Return the options of the evaluator that is named."""
    plugins = installed(ctx)
    known = {spec.name for spec in plugins.specs("evaluator")}
    found = next((word for word in words.arguments if word in known), None)
    name = found or next(iter(words.arguments), None)
    if name is None:
        return []
    return config_options(
        plugins.get("evaluator", name).config, f"Evaluator {name}", prefix=f"{name}."
    )


@click.command(cls=DynamicCommand, more=more_options)
@click.argument("evaluator", metavar="EVALUATOR")
@click.option("--train", metavar="IMAGES", required=True, help="Real images trained on.")
@click.option("--test", metavar="IMAGES", required=True, help="Real images of other subjects.")
@click.option("--synthetic", metavar="IMAGES", required=True, help="Images of a generator.")
@click.option("--generator", metavar="CHECKPOINT", help="Who made them, where it is needed.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Where evaluation.json goes. [default: here]",
)
@common_options
@click.pass_context
def evaluate(ctx: click.Context, /, evaluator: str, **options: Any) -> None:
    r"""Compare synthetic images with real ones.

    Folders of images that hold several splits count with their split of that name only.

    \b
    brainzoo evaluate metrics --train PREPARED --test PREPARED --synthetic RUN/samples
    """
    from brainzoo import checkpoint, pipeline
    from brainzoo.images import Images

    if (options["out"] / "evaluation.json").exists():
        raise OptionError(
            f"{options['out'] / 'evaluation.json'} exists already.", "Choose another --out."
        )
    values = {k.removeprefix(f"{evaluator}."): v for k, v in given_options(ctx).items()}
    part = part_of(installed(ctx).get("evaluator", evaluator), values)

    def split(name: str) -> Images:
        images = Images.open(options[name])
        return images.where(split=name) if name in images.column("split") else images

    result = pipeline.evaluate(
        [part],
        options["out"],
        train=split("train"),
        test=split("test"),
        synthetic=Images.open(options["synthetic"]),
        generator=checkpoint.load(options["generator"]) if options["generator"] else None,
        seed=options["seed"],
    )
    if options["as_json"]:
        console.result_json(result)
        return
    for figure in result["evaluators"][evaluator]["figures"]:
        console.result(figure_line(figure))
    console.result(str(options["out"] / "evaluation.json"))


def figure_line(figure: dict[str, Any]) -> str:
    """Return a figure as a line: name, value, interval, floor and n."""
    text = f"{figure['name']}: {_number(figure['value'])}"
    if figure["low"] is not None and figure["high"] is not None:
        text += f" ({_number(figure['low'])} to {_number(figure['high'])})"
    if figure["floor"] is not None:
        text += f", real against real {_number(figure['floor'])}"
    return f"{text}, n = {figure['n']}"


def _number(value: float | None) -> str:
    return "not a number" if value is None else f"{value:.4g}"
