"""Finds the installed plugins; a broken one becomes one warning and everything else works.

The manager loops over the entry points of the group ``brainzoo`` itself: each plugin is imported,
checked and asked for its offers on its own, so that no plugin's failure reaches another.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import re
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pluggy

from brainzoo.common.errors import IncompatiblePluginError, UnknownPluginError
from brainzoo.common.version import DISTRIBUTION, __version__
from brainzoo.plugin import hookspecs
from brainzoo.plugin.found import Found, entry_points
from brainzoo.plugin.interfaces import Spec
from brainzoo.plugin.options import nearest, options_of

Kind = Literal["dataset", "generator", "evaluator", "exporter", "step"]
KINDS: tuple[Kind, ...] = ("dataset", "generator", "evaluator", "exporter")

STEP: Kind = "step"
"""Something between a scan and its images."""

LIBRARIES = ("torch", "accelerate", "numpy", "nibabel", "safetensors")

KNOWN: dict[str, str] = json.loads(Path(__file__).with_name("known.json").read_text())
"""Which distribution of this project brings a name; no other one may offer it."""


@dataclasses.dataclass(frozen=True)
class Plugin(Found):
    """One entry point: where it comes from, what it offers, or why it does not work."""

    offers: dict[Kind, list[Spec]] = dataclasses.field(default_factory=dict)
    problem: str = ""
    torch_seconds: float = 0.0
    """What importing torch in its module cost; every command pays for that."""


class Plugins:
    """Everything that is installed.

    Modules are imported at once, for their hooks; what they offer is asked when it is needed.
    """

    def __init__(self, found: Iterable[Found] | None = None) -> None:
        self._manager = pluggy.PluginManager("brainzoo")
        self._manager.add_hookspecs(hookspecs)
        ordered = sorted(entry_points() if found is None else found, key=_order)
        self._imported = [self._import(one) for one in ordered]

    @functools.cached_property
    def all(self) -> list[Plugin]:
        """The plugins with their offers, working or not."""
        taken: dict[tuple[Kind, str], str] = {}
        return [self._asked(plugin, module, taken) for plugin, module in self._imported]

    @functools.cached_property
    def _specs(self) -> dict[tuple[Kind, str], tuple[Spec, Plugin]]:
        return {
            (kind, spec.name): (spec, plugin)
            for plugin in self.all
            for kind, specs in plugin.offers.items()
            for spec in specs
        }

    @property
    def problems(self) -> list[str]:
        """One line for each broken plugin; and what may have broken them."""
        found = [
            f"{plugin.distribution} {plugin.version}: plugin {plugin.name!r} is left out: "
            f"{plugin.problem}"
            for plugin in self.all
            if plugin.problem
        ]
        return [line for line in (*found, stranger() if found else "") if line]

    @property
    def hook(self) -> Any:
        """The hooks of the working plugins, for those that are not lists of specs."""
        return self._manager.hook

    def specs(self, kind: Kind) -> list[Spec]:
        """Return what is offered of one kind, sorted by name."""
        return [spec for (of, _), (spec, _) in sorted(self._specs.items()) if of == kind]

    def get(self, kind: Kind, name: str) -> Spec:
        """Return the spec of a name, or raise an UnknownPluginError that says who offers it."""
        found = self._specs.get((kind, name))
        if found:
            return found[0]
        broken = [p for p in self.all if p.problem and (p.name == name or name in p.distribution)]
        if broken:
            hint = f"{broken[0].distribution} is installed but broken: {broken[0].problem}"
        elif name in KNOWN:
            hint = f"Install it with: pip install {KNOWN[name]}"
        elif kind == "dataset" and "/" in name:
            hint = f"For scans in a folder: --data folder --data.root {name}"
        else:
            hint = nearest(name, [spec.name for spec in self.specs(kind)])
            if hint.startswith("Known"):
                hint += " If you wrote it, install its package: pip install -e FOLDER"
        raise UnknownPluginError(f"there is no {kind} named {name!r}.", hint)

    def load(self, kind: Kind, name: str) -> Any:
        """Import and return the class behind a name, or raise an IncompatiblePluginError."""
        spec, plugin = self.get(kind, name), self.of(kind, name)
        try:
            # Whatever a plugin prints must not mix with results on stdout, such as --json.
            with contextlib.redirect_stdout(sys.stderr):
                return spec.load()
        except (ImportError, AttributeError, SyntaxError) as error:
            raise IncompatiblePluginError(
                f"{kind} {name!r} of {plugin.distribution} {plugin.version} cannot be imported: "
                f"{error}.",
                f"Try: pip install --upgrade {plugin.distribution}",
            ) from error

    def of(self, kind: Kind, name: str) -> Plugin:
        """Return the plugin that offers a name."""
        self.get(kind, name)
        return self._specs[kind, name][1]

    def _import(self, found: Found) -> tuple[Plugin, ModuleType | None]:
        plugin = Plugin(**vars(found))
        began, before = time.perf_counter(), "torch" in sys.modules
        try:
            _check_version(found)
            with contextlib.redirect_stdout(sys.stderr):
                module = found.load()
            _check_hooks(module)
            self._manager.register(module, name=f"{plugin.distribution}:{plugin.name}")
        except (Exception, SystemExit) as error:  # a plugin may do anything to itself only
            return dataclasses.replace(plugin, problem=_said(error)), None
        seconds = time.perf_counter() - began if "torch" in sys.modules and not before else 0.0
        return dataclasses.replace(plugin, torch_seconds=seconds), module

    def _asked(
        self, plugin: Plugin, module: ModuleType | None, taken: dict[tuple[Kind, str], str]
    ) -> Plugin:
        """Return a plugin with its offers; ``taken`` says which distribution offers a name."""
        if module is None:
            return plugin
        try:
            with contextlib.redirect_stdout(sys.stderr):
                offers = _offers(module, plugin, taken)
        except (Exception, SystemExit) as error:
            self._manager.unregister(module)
            return dataclasses.replace(plugin, problem=_said(error))
        for kind, specs in offers.items():
            taken.update({(kind, spec.name): plugin.distribution for spec in specs})
        return dataclasses.replace(plugin, offers=offers)


def _offers(
    module: ModuleType, plugin: Plugin, taken: Mapping[tuple[Kind, str], str]
) -> dict[Kind, list[Spec]]:
    offers: dict[Kind, list[Spec]] = {}
    for kind in (*KINDS, STEP):
        hook = getattr(module, f"brainzoo_{kind}s", None)
        if hook is None:
            continue
        specs = list(hook())
        for spec in specs:
            if not isinstance(spec, Spec) or not dataclasses.is_dataclass(spec.config):
                raise TypeError(f"{spec!r} is not a Spec with a dataclass as its config")
            list(options_of(spec.config))  # raises for a field that cannot be an option
            what = f"it offers the {kind} {spec.name!r}"
            owner, other = KNOWN.get(spec.name), taken.get((kind, spec.name))
            if owner not in (None, plugin.distribution):
                raise ValueError(f"{what}, a name that belongs to {owner}")
            if other:
                raise ValueError(f"{what}, which {other} offers already")
            if [one.name for one in specs].count(spec.name) > 1:
                raise ValueError(f"{what} twice")
        offers[kind] = specs
    return offers


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ")


@functools.cache
def plugins() -> Plugins:
    """Return the installed plugins, found once per process."""
    return Plugins()


def versions() -> dict[str, str]:
    """Return the versions of Python, brainzoo, its plugins and what decides their numbers."""
    import importlib.metadata
    import platform

    found = {"python": platform.python_version()}
    found.update({plugin.distribution: plugin.version for plugin in plugins().all})
    for name in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _order(found: Found) -> tuple[bool, str, str]:
    # brainzoo's own first: where two offer the same name, ours stays.
    return (found.distribution != DISTRIBUTION, found.distribution, found.name)


def stranger() -> str:
    """Return a warning if another project's ``brainzoo`` is installed beside ours, or nothing.

    PyPI's ``brainzoo`` 0.0.1 is a library of whole-brain models, whose package has the same name.
    """
    import importlib.metadata

    try:
        found = importlib.metadata.distribution("brainzoo")
    except importlib.metadata.PackageNotFoundError:
        return ""
    return (
        f"brainzoo {found.version} of another project is installed, and overwrites files of "
        f"{DISTRIBUTION}: pip uninstall brainzoo, then pip install --force-reinstall {DISTRIBUTION}"
    )


def _check_version(found: Found) -> None:
    """Refuse a plugin that requires another version of the core than this one."""
    minor = re.escape(".".join(__version__.split(".")[:2]))
    usual = re.compile(rf"{DISTRIBUTION}(\[\w+\])?~={minor}\.0")
    for line in found.requires:
        if "extra ==" in line or usual.fullmatch(line):
            continue  # as our own plugins write it; packaging would add 12 ms to every command
        from packaging.requirements import Requirement

        requirement = Requirement(line)
        if requirement.name == DISTRIBUTION and __version__ not in requirement.specifier:
            raise IncompatiblePluginError(
                f"it requires {DISTRIBUTION}{requirement.specifier}, found {__version__}"
            )


def _check_hooks(module: ModuleType) -> None:
    """Refuse a misspelt hook: pluggy alone would silently never call it."""
    known = [name for name in vars(hookspecs) if name.startswith("brainzoo_")]
    for name, value in vars(module).items():
        marked = hasattr(value, "brainzoo_impl")
        if marked and name not in known:
            raise ValueError(f"there is no hook named {name!r}. {nearest(name, known)}")
        if callable(value) and name in known and not marked:
            raise ValueError(f"{name} lacks the decorator @brainzoo.hookimpl")
