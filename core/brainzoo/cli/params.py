"""Configuration dataclasses as options of the command line, and the options of several verbs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from brainzoo.common.errors import OptionError
from brainzoo.plugin.options import (
    LARGEST_SEED,
    Option,
    check,
    make_config,
    number_text,
    options_of,
)


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
) -> Callable[[Any], Any]:
    """Add ``--json``, ``--debug`` and an option for each field of a configuration to a command.

    Its function takes ``config``, an instance with what the user typed, where there is one. In the
    help its options stand under the heading ``group``, with the values of ``presets`` by preset
    name; the fields to ``leave_out`` become none.
    """

    def finish(command: Any) -> Any:
        if config is not None:
            own = config_options(config, group, presets=presets, leave_out=leave_out)
            function = command.callback or (lambda **_: None)

            def with_config(**given: Any) -> Any:
                typed = {str(p.name): given.pop(str(p.name)) for p in own}
                values = {name: value for name, value in typed.items() if value is not None}
                return function(config=make_config(config, values, "option"), **given)

            command.params += own
            command.callback = with_config
        flag = functools.partial(click.option, is_flag=True, expose_value=False)
        command = flag("--debug", help="Show the traceback of an error.")(command)
        text = "Print one JSON object instead of text."
        return flag("--json", "as_json", callback=_note_json, help=text)(command)

    return finish


def _note_json(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.meta["brainzoo.json"] = value


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
