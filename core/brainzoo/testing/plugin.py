"""What holds for plugins of every kind."""

# ruff: noqa: D102 (the names of the tests say what they ask)

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from brainzoo.plugin import manager as installed
from brainzoo.plugin.interfaces import Spec
from brainzoo.plugin.options import make_config, options_of

HEAVY = (
    "torch",
    "torchvision",
    "accelerate",
    "numpy",
    "scipy",
    "sklearn",
    "nibabel",
    "PIL",
    "huggingface_hub",
)
"""What may not be imported before a plugin is used: it would slow every ``brainzoo --help``."""


class Untouched:
    """A configuration whose values may be stored, but not used: constructors only store."""

    def __getattr__(self, name: str) -> Untouched:
        if name.startswith("__"):
            raise AttributeError(name)
        return Untouched()

    def _use(self, *others: object) -> Any:
        raise AssertionError("the constructor uses a value of its config; it must only store")

    __bool__ = __str__ = __fspath__ = __iter__ = __len__ = __call__ = _use
    __int__ = __float__ = __index__ = __lt__ = __gt__ = _use
    __add__ = __radd__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _use


class PluginContract:
    """Checks common to all four kinds; see the subclass of a kind.

    Attributes:
        kind: Set by the kind's own contract.
        base: The interface of the kind.
        name: What a user types; the only thing that a plugin's tests must state.
        options: Option values to test with, where the defaults would be slow.
    """

    kind: ClassVar[installed.Kind]
    base: ClassVar[type]
    name: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def spec(cls) -> Spec:
        """Return what the plugin's hook returned."""
        return installed.plugins().get(cls.kind, cls.name)

    @classmethod
    def make(cls, **options: Any) -> Any:
        """Construct the plugin's class with ``options``."""
        config: Any = make_config(
            cls.spec().config, {**cls.options, **options}, f"option of {cls.name}"
        )
        return installed.plugins().load(cls.kind, cls.name)(config)

    def test_is_installed_and_loads(self) -> None:
        loaded = installed.plugins().load(self.kind, self.name)
        assert issubclass(loaded, self.base), (
            f"{self.spec().target} is not a subclass of brainzoo.{self.base.__name__}"
        )
        missing = sorted(getattr(loaded, "__abstractmethods__", ()))
        assert not missing, f"{self.spec().target} lacks the methods {', '.join(missing)}"

    def test_no_plugin_of_its_distribution_is_broken(self) -> None:
        distribution = installed.plugins().of(self.kind, self.name).distribution
        problems = [p for p in installed.plugins().problems if p.startswith(f"{distribution} ")]
        assert not problems, "\n".join(problems)

    def test_summary_is_one_line(self) -> None:
        summary = self.spec().summary
        assert summary.strip(), "the spec has no summary; lists and --help show it"
        assert "\n" not in summary, "the summary has several lines"
        assert len(summary) <= 100, f"the summary has {len(summary)} characters; at most 100 fit"

    def test_config_is_frozen_and_explains_every_option(self) -> None:
        config = self.spec().config
        frozen = getattr(config, "__dataclass_params__").frozen  # noqa: B009
        assert frozen, f"{config.__name__} is not frozen; use @dataclass(frozen=True)"
        silent = [option.name for option in options_of(config) if not option.help.strip()]
        assert not silent, f"no help for {', '.join(silent)}; use brainzoo.plugin.options.option"
        needed = [o.name for o in options_of(config) if o.default is dataclasses.MISSING]
        assert not needed, f"no default for {', '.join(needed)}"

    def test_nothing_heavy_is_imported_for_help(self) -> None:
        modules = {installed.plugins().of(self.kind, self.name).module.partition(":")[0]}
        modules.add(self.spec().config.__module__)
        code = (
            f"import sys, {', '.join(sorted(modules))}\n"
            f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
        )
        # The same places to import from as here, for plugins that are installed editable.
        command = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{code}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert not done.stdout.strip(), (
            f"{' and '.join(sorted(modules))} import {done.stdout.strip()}; import it in the "
            "module that the spec's target names, or inside functions"
        )

    def test_constructor_only_stores(self) -> None:
        installed.plugins().load(self.kind, self.name)(Untouched())


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder by its relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
