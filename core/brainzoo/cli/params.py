"""Configuration dataclasses as options of the command line.

A verb's options depend on the generator, dataset, evaluators and exporters that its arguments name:
:class:`DynamicCommand` looks for these names first, then adds the options of their configurations.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from brainzoo.cli import installed
from brainzoo.common.errors import OptionError
from brainzoo.plugin.manager import Kind, Plugins
from brainzoo.plugin.options import (
    LARGEST_SEED,
    Option,
    check,
    make_config,
    number_text,
    options_of,
)
from brainzoo.preparation.config import PrepareConfig
from brainzoo.runs.settings import is_images_folder


class ConfigOption(click.Option):
    """A click option made from one field of a configuration."""

    def __init__(
        self, item: Option, prefix: str, group: str, presets: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.item = item
        self.key = f"{prefix}{item.name}"
        self.group = group
        self.overrides = {
            name: preset[self.key] for name, preset in presets.items() if self.key in preset
        }
        name = item.name.replace("_", "-")
        flag = f"--{prefix}{name}"
        identifier = self.key.replace(".", "__").replace("-", "_")
        if item.type is bool and not item.many:
            super().__init__([f"{flag}/--{prefix}no-{name}", identifier], default=None)
        else:
            super().__init__([flag, identifier], type=_Value(item), default=None)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Return what ``--help`` shows: flag and type; help, range, default and presets."""
        item, facts = self.item, []
        low, high = (
            None if end is None else number_text(end) for end in (item.minimum, item.maximum)
        )
        if low and high:
            facts.append(f"{low} to {high}")
        elif low or high:
            facts.append(f"at least {low}" if low else f"at most {high}")
        default = self.overrides.get("default", item.default)
        facts.append(f"default: {_shown(default)}")
        facts += [f"{n}: {_shown(v)}" for n, v in self.overrides.items() if v != default]
        left = "/".join([*self.opts, *self.secondary_opts])
        return left if self.is_flag else f"{left} {_metavar(item)}", (
            f"{item.help}  [{'; '.join(facts)}]".strip()
        )


def _metavar(item: Option) -> str:
    if item.metavar:
        return item.metavar
    name = "|".join(item.choices) or {int: "N", float: "X", Path: "PATH"}.get(item.type, "TEXT")
    return f"{name},..." if item.many else name


class _Value(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """Converts and checks one value by the field's own rules."""

    def __init__(self, item: Option) -> None:
        self.item = item
        self.name = _metavar(item)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        nothing = self.item.optional and str(value).lower() == "none"
        return check(self.item, None if nothing else value, param.opts[-1] if param else "")


class Whole(_Value):
    """A whole number of a range, written as any option's: 300000, 300k, 1e4."""

    def __init__(self, minimum: int, maximum: int | None = None) -> None:
        super().__init__(Option("", int, False, False, None, "", (), minimum, maximum, "", False))


def config_options(
    config: type,
    group: str,
    *,
    prefix: str = "",
    presets: Mapping[str, Mapping[str, Any]] | None = None,
    leave_out: Iterable[str] = (),
) -> list[click.Parameter]:
    """Return a click option for each field of a configuration."""
    return [
        ConfigOption(item, prefix, group, presets or {})
        for item in options_of(config)
        if item.name not in leave_out
    ]


def dataset_options(
    plugins: Plugins, data: str, presets: Mapping[str, Mapping[str, Any]] | None = None
) -> list[click.Parameter]:
    """Return the options of a dataset and of preparing it, each as ``--data.NAME``."""
    if is_images_folder(data):
        return []
    config = plugins.get("dataset", data).config
    own = [item.name for item in options_of(config)]
    add = functools.partial(config_options, group=f"Data {data}", prefix="data.", presets=presets)
    return [*add(config), *add(PrepareConfig, leave_out=[*own, "size"])]


def size_option(presets: Mapping[str, Mapping[str, Any]] | None = None) -> click.Parameter:
    """Return ``--size``: an option of preparing that is so common that it has no prefix."""
    item = next(item for item in options_of(PrepareConfig) if item.name == "size")
    return ConfigOption(item, "", "Common options", presets or {})


def given_options(ctx: click.Context, owner: str = "") -> dict[str, Any]:
    """Return the configuration values that the user typed, by key (``"data.plane"``).

    Of one ``owner`` (``"data"``) only those that are its, by name (``"plane"``).
    """
    given, prefix = ctx.meta["brainzoo.given"], f"{owner}." if owner else ""
    return {k.removeprefix(prefix): v for k, v in given.items() if k.startswith(prefix)}


class Words:
    """What can be read off a command line of which only some options are known yet.

    ``arguments`` may also be values of options not yet known; ``options`` holds the known ones.
    """

    def __init__(self, args: Sequence[str], known: Iterable[click.Parameter]) -> None:
        options: list[click.Parameter] = [p for p in known if isinstance(p, click.Option)]
        command = click.Command("", params=options, add_help_option=False)
        lenient = click.Context(
            command, ignore_unknown_options=True, allow_extra_args=True, resilient_parsing=True
        )
        self.options, rest, _ = command.make_parser(lenient).parse_args(list(args))
        self.arguments = [word for word in rest if not word.startswith("-")]

    def known(self, kind: Kind, plugins: Plugins) -> str | None:
        """Return the first word that names something installed."""
        names = {spec.name for spec in plugins.specs(kind)}
        return next((word for word in self.arguments if word in names), None)


class DynamicCommand(click.Command):
    """A command whose options depend on what its arguments name.

    ``more`` returns the further options; the help lists the names of the kinds ``names``.
    """

    def __init__(
        self,
        *args: Any,
        more: Callable[[click.Context, Words], list[click.Parameter]],
        names: Sequence[Kind],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._more = more
        self._names = names

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own options and those of what it was given."""
        own = super().get_params(ctx)
        last = [param.name for param in own].index("as_json")
        return [*own[:last], *ctx.meta.get("brainzoo.more", []), *own[last:]]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Add the options of what the arguments name, then parse; see :func:`given_options`."""
        ctx.meta["brainzoo.more"] = self._more(ctx, Words(args, super().get_params(ctx)))
        taken: set[str] = set()
        for param in self.get_params(ctx):
            for flag in [*param.opts, *param.secondary_opts]:
                if isinstance(param, click.Option) and flag in taken:
                    raise OptionError(f"two options are called {flag}; rename the plugin's own.")
                taken.add(flag)
        rest = super().parse_args(ctx, args)
        given = {}
        for param in self.get_params(ctx):
            if isinstance(param, ConfigOption) and param.name:
                value = ctx.params.pop(param.name, None)
                if ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
                    given[param.key] = value
        ctx.meta["brainzoo.given"] = given
        return rest

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each part, the common options last."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record and isinstance(param, click.Option):
                groups.setdefault(getattr(param, "group", "Common options"), []).append(record)
        common = groups.pop("Common options", [])
        for title, records in {**groups, "Common options": common}.items():
            with formatter.section(title):
                formatter.write_dl(records, col_max=34)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the names of what is installed."""
        found = installed(ctx)
        specs = [(f"{kind}s", ", ".join(s.name for s in found.specs(kind))) for kind in self._names]
        with formatter.section("Installed"):
            formatter.write_dl([(kind, names or "none") for kind, names in specs])


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what every verb takes: ``--json``, for :func:`console.answer`, and ``--debug``."""

    def note(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        ctx.meta["brainzoo.json"] = value

    flag = functools.partial(click.option, is_flag=True, expose_value=False)
    command = flag("--debug", help="Show the traceback of an error.")(command)
    text = "Print one JSON object instead of text."
    return flag("--json", "as_json", callback=note, help=text)(command)


def out_option(text: str, **more: Any) -> Callable[[Any], Any]:
    """Return ``--out``, a place to write to."""
    return click.option("--out", type=click.Path(path_type=Path), help=text, **more)


def _on_cluster(ctx: click.Context, _: click.Parameter, address: str | None) -> None:
    if address:
        from brainzoo.common.processes import cluster

        ctx.with_resource(cluster(address))


cluster_option = click.option(
    "--cluster",
    metavar="ADDRESS",
    expose_value=False,
    callback=_on_cluster,
    help="Let Dask do the work that several processes share: tcp://HOST:8786, a scheduler; or "
    "local. [default: processes of this machine]",
)


def _classes(ctx: click.Context, _: click.Parameter, words: Sequence[str]) -> dict[str, str]:
    found = pairs(words, "--class")
    if found:
        from brainzoo.data.classes import Expression

        for text in found.values():  # a typing error ends here, not after a download
            Expression(text)
    return found


classes_option = click.option(
    "--class",
    "classes",
    multiple=True,
    callback=_classes,
    metavar="NAME=EXPR",
    help='A class of subjects, e.g. young="age < 35"; repeatable.',
)
token_option = click.option(
    "--token",
    metavar="TOKEN",
    help="For private repositories. [default: HF_TOKEN, for huggingface.co only]",
)
licence_option = click.option(
    "--accept-licence",
    is_flag=True,
    help="Accept the licence of a model by others, which brainzoo info shows.",
)
seed_option = click.option(
    "--seed",
    type=Whole(0, LARGEST_SEED),
    metavar="N",
    default=0,
    help="Seed of all random numbers. [default: 0]",
)


def command_options(
    config: type | None = None,
    group: str = "Options",
    *,
    presets: Mapping[str, Mapping[str, Any]] | None = None,
    leave_out: Iterable[str] = (),
) -> Callable[[click.Command], click.Command]:
    """Add ``--json``, ``--debug`` and an option for each field of a configuration to a command.

    Its function takes ``config``, an instance with what the user typed, where there is one. In the
    help its options stand under the heading ``group``, with the values of ``presets`` by preset
    name; the fields to ``leave_out`` become none.
    """

    def finish(command: click.Command) -> click.Command:
        if config is not None:
            own = config_options(config, group, presets=presets, leave_out=leave_out)
            function = command.callback or (lambda **_: None)

            def with_config(**given: Any) -> Any:
                typed = {str(p.name): given.pop(str(p.name)) for p in own}
                values = {name: value for name, value in typed.items() if value is not None}
                return function(config=make_config(config, values, "option"), **given)

            command.params += own
            command.callback = with_config
        common_options(command)
        return command

    return finish


def pairs(values: Sequence[str], flag: str) -> dict[str, str]:
    """Split ``name=value`` words."""
    result: dict[str, str] = {}
    for word in values:
        name, equals, value = (part.strip() for part in word.partition("="))
        if not (name and equals and value):
            raise OptionError(f"{flag}: expected NAME=VALUE, found {word!r}.")
        if name in result:
            raise OptionError(f"{flag}: {name!r} is given twice.")
        result[name] = value
    return result


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_shown, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int) and value >= 10_000 and value % 1000 == 0:
        return f"{value // 1000}k"
    return "none" if value is None or value == "" else str(value)
