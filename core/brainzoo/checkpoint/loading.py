"""Loading a generator from a checkpoint: nothing is built before all that it asks for is checked.

Files, configuration, header, plugin and its version, hyperparameters; then the plugin builds its
networks, and is stopped as soon as they hold more than the file does.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

from brainzoo.checkpoint.reading import AGAIN, check, folder_of, read_config
from brainzoo.common.errors import (
    BrainzooError,
    DataError,
    IncompatiblePluginError,
    IntegrityError,
    NotFoundError,
    OptionError,
    UnknownPluginError,
)
from brainzoo.common.strict import printable
from brainzoo.plugin.interfaces import Generator
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.options import make_config, nearest, plain, sampling_options


def load(folder: Path | str, **sampling: Any) -> Generator:
    """Load a trained generator from a checkpoint folder, or from the run that holds one.

    Args:
        folder: The checkpoint, or the run.
        **sampling: Options of the generator that act when images are drawn; those of the
            checkpoint if not given.

    Raises:
        NotFoundError: There is none.
        IncompatiblePluginError: The plugin that made it is not installed, or in a version that the
            checkpoint is not made for.
        IntegrityError: It is damaged.
        MemoryShortError: Its weights do not fit into the free memory.
        OptionError: The generator has no such sampling option, or not with this value.
    """
    folder = folder_of(Path(folder))
    config = check(folder)
    plugin = config["plugin"]["name"]
    try:
        installed = plugins().of("generator", plugin)
    except UnknownPluginError as error:
        raise IncompatiblePluginError(
            f"{folder} needs {plugin}: {error.message}", error.hint
        ) from None
    requires = config["plugin"]["requires"]
    if installed.version not in SpecifierSet(requires, prereleases=True):
        raise IncompatiblePluginError(
            f"{folder} requires {installed.distribution}{requires}, found {installed.version}.",
            f"Try: pip install '{installed.distribution}{requires}'",
        )
    try:
        generator = plugins().load("generator", plugin)
        with _no_more_than(config["weights"]["tensors"], config["weights"]["parameters"]):
            loaded: Generator = generator.load(folder)
    except (OptionError, DataError, NotFoundError) as error:
        raise IntegrityError(f"{folder} is damaged: {error.message}", AGAIN) from error
    except BrainzooError:
        raise
    except Exception as error:  # what a plugin raises at a file that makes no sense
        said = printable(" ".join(f"{type(error).__name__}: {error}".split()))[:200].rstrip(".")
        raise IntegrityError(f"{folder} does not fit {plugin}: {said}.", AGAIN) from error
    if sampling:
        _set_sampling(loaded, sampling)
    return loaded


def _set_sampling(generator: Generator, values: Mapping[str, Any]) -> None:
    known = sampling_options(type(generator.config))
    for name in values:
        if name not in known:
            raise OptionError(
                f"this generator has no sampling option {name!r}.", nearest(name, known)
            )
    given = {**plain(generator.config), **values}
    generator.config = make_config(type(generator.config), given, "sampling option")


def expect_plugin(folder: Path, plugin: str) -> dict[str, Any]:
    """Return the configuration of a checkpoint that must be of a certain plugin.

    Raises:
        IncompatiblePluginError: It is of another one.
    """
    config = read_config(folder)
    found = config["plugin"]["name"]
    if found != plugin:
        raise IncompatiblePluginError(
            f"{folder} is a checkpoint of {found!r}; expected one of {plugin!r}.",
            "Load it with brainzoo.load, which finds the right plugin.",
        )
    return config


@contextlib.contextmanager
def _no_more_than(tensors: int, parameters: int) -> Iterator[None]:
    """Stop networks from growing far beyond the file whose weights they are to take.

    Hyperparameters that ask for a terabyte, or for a billion layers, are noticed while the network
    is built. The exact comparison comes later; there is room for what is built but not stored.
    """
    if "torch" not in sys.modules:
        yield  # a plugin without torch builds arrays of what is in the file
        return
    from torch.nn.modules import module as modules

    most, most_numbers = 4 * tensors + 1000, 4 * parameters + 1_000_000
    seen = [0, 0]

    def count(_: Any, name: str, tensor: Any) -> None:
        if tensor is None:
            return
        seen[0], seen[1] = seen[0] + 1, seen[1] + tensor.numel()
        if seen[0] > most or seen[1] > most_numbers:
            raise IntegrityError(
                "the hyperparameters ask for a network far larger than the weights: the file holds "
                f"{tensors} tensors of {parameters} numbers.",
                AGAIN,
            )

    hooks = [
        modules.register_module_parameter_registration_hook(count),
        modules.register_module_buffer_registration_hook(count),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
