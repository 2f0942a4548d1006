"""What holds for plugins of every kind, and what the contracts sample, read and interrupt."""

# ruff: noqa: D102 (the names of the tests say what they ask)

from __future__ import annotations

import dataclasses
import random
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from brainzoo.data.images import Images
from brainzoo.plugin import manager as installed
from brainzoo.plugin.interfaces import Generator, Spec
from brainzoo.plugin.options import make_config, options_of
from brainzoo.plugin.run import Run

# of files that may hold Python objects
PICKLES = frozenset({".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt", ".npz", ".joblib"})

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


class PluginContract:
    """Checks common to all four kinds; see the subclass of a kind.

    A plugin's tests must state the ``name``, what a user types, and may state ``options`` to test
    with, where the defaults would be slow.
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


@dataclasses.dataclass(frozen=True)
class Trained:
    """A generator that was trained on tiny images, and where."""

    generator: Generator
    images: Images
    run: Run


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder by its relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def samples(generator: Generator, n: int, *, seed: int = 5, **more: Any) -> NDArray[np.float32]:
    """Return all samples as one array ``(n, channel, *spatial)``; ``more`` is as of ``sample``."""
    return np.concatenate(list(generator.sample(n, seed=seed, **{"batch_size": 8, **more})))


def global_random_state() -> tuple[object, ...]:
    """Return the states of Python's, numpy's and torch's shared random generators."""
    drawn = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    numpy_state = (drawn["key"].tobytes(), drawn["pos"])
    torch = sys.modules.get("torch")
    torch_state = bytes(torch.get_rng_state().numpy()) if torch else b""
    return random.getstate(), numpy_state, torch_state


def pressing_ctrl_c(images: Images, reads: int) -> Images:
    """Return the same images, but someone presses Ctrl-C when they are read the n-th time."""

    class Pressing(np.ndarray[Any, Any]):
        left = reads

        def __getitem__(self, key: Any) -> Any:
            Pressing.left -= 1
            if Pressing.left == 0:
                signal.raise_signal(signal.SIGINT)
            return np.asarray(self)[key]

    return Images(images.read().view(Pressing), images.table, images.info)
