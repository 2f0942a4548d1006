"""Loading a generator from a checkpoint, and whether it still makes the samples that it made.

Nothing is built before all that it asks for is checked: files, configuration, header, plugin and
its version, hyperparameters; then the plugin builds its networks, which take no memory before they
fit the file (:class:`brainzoo.training.TorchGenerator`).
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from packaging.specifiers import SpecifierSet

from brainzoo.checkpoint.config import TOLERANCE
from brainzoo.checkpoint.names import REFERENCE
from brainzoo.checkpoint.reading import AGAIN, check, folder_of, read_config
from brainzoo.checkpoint.writing import eight_bit
from brainzoo.common.errors import (
    BrainzooError,
    DataError,
    IncompatiblePluginError,
    IntegrityError,
    NotFoundError,
    OptionError,
    UnknownPluginError,
)
from brainzoo.common.strict import one_line
from brainzoo.data.packing import label_values
from brainzoo.plugin.interfaces import Generator
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.options import make_config, nearest, plain, sampling_options


def load(folder: Path | str, **sampling: Any) -> Generator:
    """Load a trained generator from a checkpoint folder, or from the run that holds one.

    ``sampling`` are options of the generator that act when images are drawn; those of the
    checkpoint if not given.

    Raises:
        NotFoundError: There is none.
        IncompatiblePluginError: The plugin that made it is not installed, or not in its version.
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
        loaded: Generator = generator.load(folder)
        loaded.label_values = label_values(config["preprocessing"])
    except (OptionError, DataError, NotFoundError) as error:
        raise IntegrityError(f"{folder} is damaged: {error.message}", AGAIN) from error
    except BrainzooError:
        raise
    except Exception as error:  # what a plugin raises at a file that makes no sense
        said = one_line(f"{type(error).__name__}: {error}")
        raise IntegrityError(f"{folder} does not fit {plugin}: {said}.", AGAIN) from error
    if sampling:
        known = sampling_options(type(loaded.config))
        if unknown := [name for name in sampling if name not in known]:
            raise OptionError(
                f"this generator has no sampling option {unknown[0]!r}.", nearest(unknown[0], known)
            )
        given = {**plain(loaded.config), **sampling}
        loaded.config = make_config(type(loaded.config), given, "sampling option")
    return loaded


def expect_plugin(folder: Path, plugin: str) -> dict[str, Any]:
    """Return the configuration of a checkpoint that must be of a certain plugin."""
    config = read_config(folder)
    found = config["plugin"]["name"]
    if found != plugin:
        raise IncompatiblePluginError(
            f"{folder} is a checkpoint of {found!r}; expected one of {plugin!r}.",
            "Load it with brainzoo.load, which finds the right plugin.",
        )
    return config


@dataclasses.dataclass(frozen=True)
class Verification:
    """What verifying found.

    ``largest_difference`` and the ``tolerance`` for it are fractions of the range of grey.
    """

    largest_difference: float
    tolerance: float

    @property
    def exact(self) -> bool:
        """Whether all samples are the same to the bit."""
        return not self.largest_difference

    @property
    def passed(self) -> bool:
        """Whether the samples are within the tolerance."""
        return self.largest_difference <= self.tolerance


def verify(folder: Path) -> Verification:
    """Sample the stored seed and compare with the stored reference, or raise a NotFoundError."""
    config = check(folder)
    wanted = config.get("verify")
    if wanted is None:
        raise NotFoundError(
            f"{folder} has no published samples to compare with.",
            "It was converted from a model by others.",
        )
    stored = read_reference(folder, config)
    if hashlib.sha256(stored.tobytes()).hexdigest() != wanted["sha256"]:
        raise IntegrityError(f"{folder / REFERENCE} does not match the digest in config.json.")
    made = eight_bit(load(folder).images(len(stored), seed=wanted["seed"]))
    if made.shape != stored.shape:
        raise IntegrityError(f"found samples of shape {made.shape}; expected {stored.shape}.")
    difference = float(np.abs(made.astype(np.int16) - stored.astype(np.int16)).max()) / 255
    # The folder may state a stricter tolerance than ours, never a wider one.
    return Verification(difference, min(float(wanted["tolerance"]), TOLERANCE))


def read_reference(folder: Path, config: dict[str, Any]) -> NDArray[np.uint8]:
    """Read the reference samples ``(n, channel, *spatial)``; the file's header is not trusted."""
    path = folder / REFERENCE
    images = config["images"]
    shape = (config["verify"]["n"], images["channels"], *images["spatial"])
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(found, np.memmap) or (found.shape, found.dtype) != (shape, np.uint8):
            raise ValueError(f"it is not an array of uint8 {shape}")
        if path.stat().st_size != found.offset + found.nbytes:
            raise ValueError(f"it has {path.stat().st_size} bytes")
    except (OSError, ValueError, EOFError, SyntaxError, TypeError, OverflowError) as error:
        said = one_line(error)
        raise IntegrityError(f"{folder} holds no readable reference samples: {said}.") from None
    return np.array(found)
