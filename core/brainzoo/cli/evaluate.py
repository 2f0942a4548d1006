"""``brainzoo evaluate``: synthetic images against real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from brainzoo import console
from brainzoo.cli.found import installed
from brainzoo.cli.params import (
    DynamicCommand,
    Words,
    common_options,
    config_options,
    given_options,
    seed_option,
)
from brainzoo.errors import OptionError
from brainzoo.files import expect_folder_place
from brainzoo.record import from_record
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


@click.command(cls=DynamicCommand, more=more_options, names=("evaluator",))
@click.argument("evaluator", metavar="EVALUATOR")
@click.argument("run", required=False, type=click.Path(path_type=Path), metavar="[RUN]")
@click.option("--train", metavar="IMAGES", help="Real images trained on.")
@click.option("--test", metavar="IMAGES", help="Real images of other subjects.")
@click.option("--synthetic", metavar="IMAGES", help="Images of a generator.")
@click.option("--generator", metavar="CHECKPOINT", help="Who made them, where it is needed.")
@seed_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Where evaluation.json goes. [default: RUN, else here]",
)
@common_options
@click.pass_context
def evaluate(ctx: click.Context, /, evaluator: str, run: Path | None, **options: Any) -> None:
    """Compare synthetic images with real ones: those of a run, or of three folders.

    A folder of images that holds several splits counts with its split of that name only.

    \b
    brainzoo evaluate metrics runs/dcgan-ixi-001
    brainzoo evaluate metrics --train PREPARED --test PREPARED --synthetic SAMPLES
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo import checkpoint, evaluation, pipeline
    from brainzoo.images import Images
    from brainzoo.runfolder import RunFolder

    if options["out"]:
        expect_folder_place(options["out"])
    values = {k.removeprefix(f"{evaluator}."): v for k, v in given_options(ctx).items()}
    part = part_of(installed(ctx).get("evaluator", evaluator), values)
    folders = {name: options[name] for name in ("train", "test", "synthetic")}
    of_run = [name for name in ("train", "test") if not folders[name]]
    images = {}
    if run is not None:
        folders["synthetic"] = folders["synthetic"] or run / "samples"
        if of_run:
            opened = RunFolder.open(run)
            prepared = pipeline.prepare_data(from_record(installed(ctx), opened.record))
            pipeline.expect_same_data(opened, prepared)
            images = dict.fromkeys(of_run, prepared)
    elif not all(folders.values()):
        raise OptionError("nothing to compare.", "Name a RUN, or --train, --test and --synthetic.")
    images |= {name: Images.open(path) for name, path in folders.items() if name not in images}
    for name in ("train", "test"):
        if name in images[name].column("split"):
            images[name] = images[name].where(split=name)
    source = options["generator"] or run
    result = evaluation.evaluate(
        [part],
        options["out"] or run or Path(),
        **images,
        generator=checkpoint.load(source) if source else None,
        seed=options["seed"],
    )
    if options["as_json"]:
        console.result_json(result)
        return
    for figure in result["evaluators"][evaluator]["figures"]:
        console.result(figure_line(figure))
    console.result(str((options["out"] or run or Path()) / "evaluation.json"))


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
