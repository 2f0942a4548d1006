"""Commands whose options depend on what their arguments name.

:class:`DynamicCommand` looks for the names of a generator, dataset, evaluators and exporters first,
then adds the options of their configurations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
from click.core import ParameterSource

from brainzoo.cli import installed
from brainzoo.cli.params import ConfigOption
from brainzoo.common.errors import OptionError
from brainzoo.plugin.manager import Kind, Plugins


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
