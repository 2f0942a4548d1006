"""``brainzoo evaluate``: synthetic images against real ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from brainzoo.cli import installed
from brainzoo.cli.data import classes_option
from brainzoo.cli.dynamic import DynamicCommand, Words, given_options
from brainzoo.cli.params import (
    cluster_option,
    command_options,
    config_options,
    out_option,
    seed_option,
)
from brainzoo.common import console
from brainzoo.common.errors import NotFoundError, OptionError
from brainzoo.common.files import expect_folder_place
from brainzoo.data.splits import SPLITS
from brainzoo.plugin.findings import EvaluationSets
from brainzoo.plugin.part import Part, part_of
from brainzoo.plugin.run import read_record
from brainzoo.runs.settings import ALL, evaluator_names

if TYPE_CHECKING:
    from brainzoo.data.images import Images

SETS = (*SPLITS, "synthetic")


def more_options(ctx: click.Context, words: Words) -> list[click.Parameter]:
    """Return the options of the evaluators that are named."""
    plugins = installed(ctx)
    found = ALL if ALL in words.arguments else words.known("evaluator", plugins)
    names = [found] if found else list(words.arguments[:1])
    return [
        option
        for name in evaluator_names(plugins, names)
        for option in config_options(
            plugins.get("evaluator", name).config, f"Evaluator {name}", prefix=f"{name}."
        )
    ]


@click.command(cls=DynamicCommand, more=more_options, names=("evaluator",))
@click.argument("words", nargs=-1, metavar="EVALUATOR|all [RUN]")
@click.option("--train", metavar="IMAGES", help="Real images that were trained on.")
@click.option("--test", metavar="IMAGES", help="Real images of other subjects.")
@click.option("--validation", metavar="IMAGES", help="Real images of further subjects, if any.")
@click.option("--synthetic", metavar="IMAGES", help="Images of a generator.")
@click.option(
    "--generator", metavar="NAME|CHECKPOINT", help="Their generator, where an evaluator needs it."
)
@click.option(
    "--subject-pattern",
    metavar="REGEX",
    help="In plain folders: its group finds the subject in a file's name or path. "
    "[default: sub-XXX or IXI123, else the sub-folder, else the name]",
)
@classes_option
@click.option("--again", is_flag=True, help="Measure again; the earlier result is kept.")
@seed_option
@out_option("Where evaluation.json goes. [default: RUN, else here]")
@cluster_option
@command_options()
@click.pass_context
def evaluate(ctx: click.Context, /, words: tuple[str, ...], **options: Any) -> None:
    """Compare synthetic images with real ones: those of a run, or of three folders.

    Of a folder that holds several splits, only the split of that name is used. Plain folders of
    pictures or NIfTI files work too; docs/evaluation.md says how their subjects are found, and how
    to read each value.

    \b
    brainzoo evaluate metrics runs/dcgan-ixi-001
    brainzoo evaluate all --train PREPARED --test PREPARED --synthetic SAMPLES
    brainzoo evaluate gantrain RUN --class young="age < 40" --class old="age >= 60"
    """  # noqa: D301 - click's mark for lines that stay as they are
    if options["out"]:
        expect_folder_place(options["out"])
    if not words:
        raise OptionError("EVALUATOR is missing.", "Try: brainzoo evaluate all RUN")
    if len(words) > 2:
        raise OptionError(
            f"found {len(words)} words, {' '.join(words)}; expected an evaluator and a run.",
            "Use all for every evaluator, brainzoo compare for several runs.",
        )
    from brainzoo.evaluating.results import FILE
    from brainzoo.evaluating.running import EvaluatorsFailedError

    plugins, run = installed(ctx), Path(words[1]) if words[1:] else None
    parts = [
        part_of(plugins.get("evaluator", name), given_options(ctx, name))
        for name in evaluator_names(plugins, words[:1])
    ]
    place: Path = options["out"] or run or Path()
    try:
        result = _measure(ctx, parts, run, place, **options)
    except EvaluatorsFailedError as error:
        if not console.as_json():
            worked = [part for part in parts if part.name not in error.failures]
            console.answer({}, *_values(worked, error.result, headed=len(parts) > 1))
        raise
    console.answer(result, *_values(parts, result, headed=len(parts) > 1), str(place / FILE))


def _values(parts: list[Part], result: Mapping[str, Any], *, headed: bool) -> Iterator[str]:
    """Yield notes, and a line per metric: name, value, interval, floor and n."""
    for part in parts:
        if found := result["evaluators"].get(part.name):
            yield from [f"{part.name}:"] if headed else []
            yield from (f"note: {note}" for note in found.get("notes", ()))
            for value in found["metrics"]:
                floor = (
                    "" if value["floor"] is None else f", floor {console.number(value['floor'])}"
                )
                yield f"{value['name']}: {console.interval(value)}{floor}, n = {value['n']}"


def _measure(
    ctx: click.Context, parts: list[Part], run: Path | None, place: Path, **options: Any
) -> dict[str, Any]:
    """Run evaluators on the sets named; return what ``evaluation.json`` holds then."""
    from brainzoo.evaluating import running as evaluation
    from brainzoo.zoo.loading import load

    images = _open_sets(ctx, run, options)
    classes: dict[str, str] = options["classes"]
    found = evaluation.have_classes(images["test"], images["synthetic"])
    evaluation.check(parts, classes=bool(classes) or found)
    source = options["generator"] or run
    seed = options["seed"]
    if run is not None and ctx.get_parameter_source("seed") is not ParameterSource.COMMANDLINE:
        seed = read_record(run)["train"].get("seed", seed)
    try:
        return evaluation.evaluate(
            parts,
            place,
            EvaluationSets(**images, generator=load(source) if source else None, seed=seed),
            classes=classes,
            again=options["again"],
        )
    finally:
        if run is not None and place == run:
            _update(run)


def _update(run: Path) -> None:
    """Take what was measured into the run's checkpoint and its report."""
    from brainzoo.evaluating.results import FILE
    from brainzoo.evaluating.running import write_metrics
    from brainzoo.runs import pipeline
    from brainzoo.runs.folder import RunFolder

    if not (run / FILE).is_file():
        return
    if (run / "checkpoint" / "config.json").is_file():
        write_metrics(run, run / "checkpoint")
    if (opened := RunFolder.open(run)).done("report"):  # a page that the run itself wrote
        pipeline.report_again(opened)


def _open_sets(
    ctx: click.Context, run: Path | None, options: Mapping[str, Any]
) -> dict[str, Images]:
    """Return the sets: the folders named, and the run's for the others."""
    from brainzoo.evaluating.sets import open_sets
    from brainzoo.runs import pipeline

    folders = {name: options[name] for name in SETS if options[name]}
    of_run = [name for name in SPLITS if name not in folders]
    images: dict[str, Images] = {}
    if run is not None and not (run / "run.yaml").is_file():
        raise NotFoundError(
            f"there is no run at {run}.",
            f"Of a checkpoint: brainzoo sample {run} --out SAMPLES, then brainzoo evaluate NAME "
            "--train PREPARED --test PREPARED --synthetic SAMPLES",
        )
    if run is not None:
        if "synthetic" not in folders:
            folders["synthetic"] = pipeline.samples_of(run).folder
        if not {"train", "test"} <= set(folders):
            installed(ctx)
            images = dict.fromkeys(of_run, pipeline.images_of_run(run))
    elif not {"train", "test", "synthetic"} <= set(folders):
        raise OptionError("nothing to compare.", "Name a RUN, or --train, --test and --synthetic.")
    places = {name: Path(folder) for name, folder in folders.items()}
    images |= open_sets(places, subject_pattern=options["subject_pattern"])
    images.setdefault("validation", images["test"])
    for name in SPLITS:
        if name in images[name].column("split"):
            images[name] = images[name].where(split=name)
        elif name not in folders and name == "validation":
            del images[name]  # the test folder, or the run, has none
        elif name not in folders:
            images[name] = images[name][:0]
    return images
