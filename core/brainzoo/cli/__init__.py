"""The command line: a file for one verb or a few, imported only when one of them is used.

``brainzoo --help`` must answer at once, so the short help of every verb is in a table here and
nothing heavier than click is imported.
"""

from __future__ import annotations

import difflib
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from brainzoo.common import console, launch
from brainzoo.common.errors import BrainzooError, OptionError, StoppedError
from brainzoo.common.version import __version__

if TYPE_CHECKING:
    from brainzoo.plugin.manager import Plugins

SECTIONS: dict[str, dict[str, str]] = {
    "Train and sample": {
        "run": "Prepare data, train, sample, evaluate, export and report.",
        "plan": "Estimate what a run needs: time, memory and disk.",
        "data": "Prepare a dataset and describe it.",
        "train": "Prepare and train only.",
        "sample": "Make images with a trained generator.",
        "evaluate": "Compare synthetic images with real ones.",
        "export": "Write images as files for people and other programs.",
        "report": "Write the report of a run.",
    },
    "Checkpoints": {
        "list": "List the checkpoints of the zoo.",
        "search": "Find checkpoints by words.",
        "info": "Show all about one checkpoint, and how to use it.",
        "pull": "Fetch a checkpoint, verified.",
        "verify": "Check that a checkpoint makes the samples it made at first.",
        "push": "Publish a checkpoint on the Hub.",
    },
    "Plugins and this machine": {
        "plugins": "List what is installed, what it offers, and what is broken.",
        "new": "Write a new plugin package.",
        "doctor": "Check versions, device, memory, cache and plugins.",
    },
}
"""Verbs by section of the help; each lives in the module of its name, or see MODULES."""

MODULES = {
    **dict.fromkeys(("pull", "verify"), "checkpoints"),
    **dict.fromkeys(("list", "search", "info"), "listing"),
    **dict.fromkeys(("plan", "train"), "run"),
    "report": "export",
    "plugins": "doctor",
}
"""Verbs that live in a module of another name."""

VERBS = {name: help for section in SECTIONS.values() for name, help in section.items()}


class Zoo(click.Group):
    """The top group: imports verbs when used, and turns errors into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of brainzoo's verbs, then those that plugins bring."""
        return [*VERBS, *sorted(_plugin_commands(ctx))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        if cmd_name in VERBS:
            module = importlib.import_module(f"brainzoo.cli.{MODULES.get(cmd_name, cmd_name)}")
            commands = (c for c in vars(module).values() if isinstance(c, click.Command))
            return next(command for command in commands if command.name == cmd_name)
        return _plugin_commands(ctx).get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or say which one is nearest."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            from brainzoo.plugin.options import nearest

            known = self.list_commands(ctx)
            installed(ctx)  # a broken plugin may have brought it
            raise OptionError(f"there is no command {name!r}.", nearest(name, known))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections of the help from the table, without importing the verbs."""
        sections = dict(SECTIONS)
        extra = {n: c.get_short_help_str(80) for n, c in sorted(_plugin_commands(ctx).items())}
        if extra:
            sections["From plugins"] = extra
        for title, verbs in sections.items():
            with formatter.section(title):
                formatter.write_dl(list(verbs.items()))

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        """Run the command line; every error becomes one line on stderr and an exit code."""
        console.expect_any_encoding()
        words = list(sys.argv[1:] if args is None else args)
        extra |= {"prog_name": "brainzoo", "standalone_mode": False, "obj": words}
        try:
            with _terminations():
                super().main(words, **extra)
        except Exception as error:
            _fail(_as_brainzoo_error(error), error, words)
        except KeyboardInterrupt as error:
            _fail(StoppedError("stopped."), error, words)
        sys.exit(0)


def _as_brainzoo_error(error: Exception) -> BrainzooError:
    if isinstance(error, BrainzooError):
        return error
    if isinstance(error, click.Abort):
        return StoppedError("stopped.")
    if isinstance(error, click.ClickException):
        ctx = getattr(error, "ctx", None)
        text, hint = " ".join(error.format_message().split()), ""
        if isinstance(error, click.NoSuchOption):
            text = f"unknown option {error.option_name}."
            # Without dashes, which make all options alike.
            name, flags = error.option_name.lstrip("-"), error.possibilities or ()
            close = difflib.get_close_matches(name, [flag.lstrip("-") for flag in flags], 1, 0.7)
            if ctx and name in ("age", "sex", "class"):
                offered = [flag for param in ctx.command.params for flag in param.opts]
                close = [f"condition {name}=..."] if "--condition" in offered else close
            hint = f"Did you mean --{close[0]}?" if close else ""
        return OptionError(text, hint or (f"See: {ctx.command_path} --help" if ctx else ""))
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads: do not complain at exit
        return StoppedError("the output was closed.")
    found = BrainzooError(
        f"unexpected {type(error).__name__}: {' '.join(str(error).split()) or 'no message'}.",
        "Run again with --debug for the traceback; please report it.",
    )
    found.code = "unexpected"
    return found


def _fail(found: BrainzooError, error: BaseException, words: Sequence[str]) -> NoReturn:
    if "--debug" in words:
        traceback.print_exception(error)
    for finding in getattr(error, "findings", ()):  # of the publish gate
        console.note(f"  {finding}")
    if launch.first_to_tell():
        console.error(str(found))
    if "--json" in words and not launch.is_helper():
        console.error_json(found.code, found.message, found.hint)
    sys.exit(found.exit_code)


@contextmanager
def _terminations() -> Iterator[None]:
    """Let SIGTERM stop a command as Ctrl-C does."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        previous = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread, as some tests and notebooks do
        yield
        return
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is stop:  # who set another one wants it to last
            signal.signal(signal.SIGTERM, previous)


def installed(ctx: click.Context | None = None) -> Plugins:
    """Return the installed plugins; warn once per command of those that are broken."""
    from brainzoo.plugin.manager import plugins

    found = plugins()
    meta = (ctx or click.get_current_context()).find_root().meta
    if not meta.get("brainzoo.warned"):
        meta["brainzoo.warned"] = True
        for problem in found.problems:
            console.warn(problem)
    return found


def _plugin_commands(ctx: click.Context) -> dict[str, click.Command]:
    """Return the commands that plugins add; one that fails is a warning."""
    found = ctx.find_root().meta.get("brainzoo.commands")
    if found is not None:
        return dict(found)
    from brainzoo.plugin.manager import plugins

    group = click.Group()
    for implementation in plugins().hook.brainzoo_commands.get_hookimpls():
        try:
            implementation.function(group=group)
        except Exception as error:  # a plugin may raise anything; none may break the others
            name = implementation.plugin_name
            console.warn(f"{name}: its commands are left out: {type(error).__name__}: {error}")
    commands = {name: command for name, command in group.commands.items() if name not in VERBS}
    ctx.find_root().meta["brainzoo.commands"] = commands
    return commands


@click.group(
    cls=Zoo,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="brainzoo %(version)s")
def main() -> None:
    """A zoo of generative models for brain MRI.

    Start with:  brainzoo run dcgan --data atlas --preset quick
    """
