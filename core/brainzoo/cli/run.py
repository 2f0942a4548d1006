"""``brainzoo run``, ``train`` and ``plan``: all steps, the first ones, a look ahead."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from brainzoo.cli import installed
from brainzoo.cli.data import classes_option, dataset_options, size_option
from brainzoo.cli.dynamic import DynamicCommand, Words, given_options
from brainzoo.cli.params import cluster_option, command_options, config_options, out_option
from brainzoo.common import console
from brainzoo.common.errors import OptionError
from brainzoo.common.files import expect_folder_place
from brainzoo.plugin.manager import KINDS, Kind, Plugins
from brainzoo.plugin.run import TrainConfig, read_record
from brainzoo.runs.settings import (
    DEFAULT_EXPORTS,
    SampleConfig,
    Settings,
    evaluator_names,
    expect_same_run,
    from_record,
    presets_of,
    resolve,
)

THREADS = {"threads": "auto"}
"""The default of the command line, where nobody has set OMP_NUM_THREADS."""


def more_options(ctx: click.Context, words: Words) -> list[click.Parameter]:
    """Return the options of the generator, dataset, evaluators and exporters that are named."""
    plugins = installed(ctx)
    record = _record(words.options.get("resume"), words.arguments)
    generator = words.known("generator", plugins)
    if generator is None and record:
        generator = record["generator"]["name"]
    if generator is None and words.arguments:
        plugins.get("generator", words.arguments[0])  # fails; names the package that brings it
    data = words.options.get("data") or (record["data"]["name"] if record else None)

    more: list[click.Parameter] = []
    presets: Mapping[str, Mapping[str, Any]] = {}
    if generator:
        spec = plugins.get("generator", generator)
        presets = presets_of(spec)
        more += config_options(spec.config, f"Generator {generator}", presets=presets)
    if data:
        more += dataset_options(plugins, data, presets)
    busy = {"default": {**presets.get("default", {}), **THREADS}}
    more += config_options(TrainConfig, "Training", presets={**presets, **busy})
    kinds: tuple[tuple[Kind, str], ...] = (("evaluator", "evaluate"), ("exporter", "export"))
    for kind, verb in kinds:
        names = [name for name in words.options.get(verb) or () if name != "none"]
        defaults: dict[str, Any] = {}
        if kind == "evaluator":
            names = evaluator_names(plugins, names)
        if record and not names:
            names = [part["name"] for part in record[verb]]
        elif verb == "export" and not words.options.get("export"):
            names = list(DEFAULT_EXPORTS)
            defaults = {f"{n}.{k}": v for n in names for k, v in DEFAULT_EXPORTS[n].items()}
        for name in dict.fromkeys(names):
            config, group = plugins.get(kind, name).config, f"{kind.capitalize()} {name}"
            more += config_options(config, group, prefix=f"{name}.", presets={"default": defaults})
    common = config_options(SampleConfig, "Common options", presets=presets)
    return [*more, size_option(presets), *common]


@click.command(cls=DynamicCommand, more=more_options, names=KINDS)
@click.argument("generator", required=False, metavar="GENERATOR|RUN.YAML")
@click.option("--data", metavar="DATASET", help="A dataset, or a folder of prepared images.")
@click.option(
    "--preset",
    metavar="NAME",
    help="Sets the rest: default, or another of the generator's, such as quick.",
)
@classes_option
@out_option("The new run folder.")
@click.option("--resume", metavar="RUN", help="Resume a run that was stopped.")
@click.option(
    "--evaluate",
    multiple=True,
    metavar="NAME",
    help="Run this evaluator; repeatable; all for every one.",
)
@click.option(
    "--export",
    multiple=True,
    metavar="NAME",
    help="Run this exporter instead of nifti and png; repeatable; none for none.",
)
@cluster_option
@command_options()
@click.pass_context
def run(ctx: click.Context, /, **options: Any) -> None:
    """Prepare data, train, sample, evaluate, export and report.

    \b
    brainzoo run dcgan --data ixi --preset quick
    brainzoo run dcgan --data folder --data.root SCANS --class old="age > 60"
    brainzoo run RUN/run.yaml              again, with the same settings
    brainzoo run --resume RUN              go on where it stopped

    Name a generator and a dataset before --help to see their options.
    """  # noqa: D301 - click's mark for lines that stay as they are
    _start(ctx, **options)


def _like_run(*without: str) -> Callable[[Any], DynamicCommand]:
    """Return a decorator that makes a command with the options of ``run``."""
    params = [param for param in run.params if param.name not in without]
    return click.command(cls=DynamicCommand, more=more_options, names=KINDS, params=params)


@_like_run("evaluate", "export")
@click.pass_context
def train(ctx: click.Context, /, **options: Any) -> None:
    """Prepare and train only; `brainzoo run --resume RUN` does the rest.

    Name a generator and a dataset before --help to see their options.
    """
    _start(ctx, "train", evaluate=(), export=(), **options)


@_like_run("cluster")
@click.pass_context
def plan(ctx: click.Context, /, **options: Any) -> None:
    """Estimate what a run needs: time, memory and disk; keep nothing.

    \b
    brainzoo plan pggan --data ixi --images 200k    how long will it take?
    brainzoo plan pggan --data ixi --minutes 30     how many images will that be?

    A few scans are prepared and a few steps are trained, on this machine as busy as it is now; half
    a minute usually. Name a generator and a dataset before --help to see their options.
    """  # noqa: D301 - click's mark for lines that stay as they are
    import yaml

    from brainzoo.runs import plan as planning

    plugins = installed(ctx)
    found = planning.plan(plugins, _settings(plugins, given_options(ctx), **options))
    text = yaml.safe_dump({"settings": found["settings"]}, sort_keys=False, allow_unicode=True)
    console.answer(found, planning.plan_table(found), "", text.rstrip())


def _start(ctx: click.Context, /, *steps: str, **options: Any) -> None:
    plugins, resume, out = installed(ctx), options["resume"], options["out"]
    settings = _settings(plugins, given_options(ctx), **options)
    if out:
        expect_folder_place(out)
    from brainzoo.common import launch
    from brainzoo.runs import pipeline
    from brainzoo.runs.folder import OUTPUTS, next_folder

    if not (resume or out) and "RANK" in os.environ:
        raise OptionError("several processes must agree on the run folder.", "Give --out.")
    folder = Path(resume) if resume else out
    folder = folder or next_folder(settings.generator.name, settings.data.name)
    command = shlex.join(["brainzoo", *ctx.obj])
    # A launcher that starts all processes again repeats the command as it was.
    go_on = bool(resume) or (launch.restarted() and (folder / "run.yaml").is_file())
    wanted = steps or tuple(OUTPUTS)
    made = pipeline.run(settings, folder, command=command, resume=go_on, steps=wanted)
    if not launch.is_helper():
        names = ("checkpoint", "samples", "evaluation", "export", "run", "report")
        console.answer(made, *(f"{n + ':':<12}{made[n]}" for n in names if n in made))


def _settings(
    plugins: Plugins,
    given: Mapping[str, Any],
    *,
    generator: str | None,
    data: str | None,
    preset: str | None,
    classes: dict[str, str],
    evaluate: tuple[str, ...],
    export: tuple[str, ...],
    out: Path | None,
    resume: str | None,
    **_: Any,
) -> Settings:
    names = tuple(name for name in export if name != "none") if export else None
    record = _record(resume, [generator] if generator else [])
    if record is None:
        if generator is None or data is None:
            missing = "GENERATOR" if generator is None else "--data DATASET"
            raise OptionError(f"{missing} is missing.", "Try: brainzoo run dcgan --data atlas")
        return resolve(
            plugins,
            generator,
            data,
            {**({} if "OMP_NUM_THREADS" in os.environ else THREADS), **given},
            preset=preset or "default",
            classes=classes,
            export=names,
            evaluate=evaluate,
        )
    if preset or (data and data != record["data"]["name"]):
        raise OptionError(
            "run.yaml already names the data and all settings.", "Leave out --preset and --data."
        )
    settings = from_record(
        plugins,
        record,
        given,
        classes=classes or None,
        export=names,
        evaluate=evaluate or None,
    )
    if resume:
        if out or generator not in (None, record["generator"]["name"]):
            raise OptionError("--resume goes on with the run's own generator and folder.")
        expect_same_run(from_record(plugins, record), settings)
    return settings


def _record(resume: str | None, arguments: Sequence[str]) -> dict[str, Any] | None:
    """Return the run.yaml that the command line names, if it names one."""
    path = resume or next((word for word in arguments if word.endswith((".yaml", ".yml"))), None)
    return read_record(Path(path)) if path else None
