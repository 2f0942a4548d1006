"""Checkpoints by reference: a folder, a name of the registry, or a revision on the Hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainzoo import checkpoint as checkpoints
from brainzoo.errors import NotFoundError, OptionError
from brainzoo.interfaces import Generator
from brainzoo.options import make_config, nearest, options_of, plain
from brainzoo.reference import Folder, Named, parse


def find_checkpoint(reference: str | Path) -> Path:
    """Return the checkpoint folder of a reference; fetched first if it is not on this machine.

    Args:
        reference: A checkpoint folder, a run folder that holds one, ``NAME``, ``NAME@VERSION`` or
            ``hf:owner/repo@<40 hex digits>``.

    Raises:
        NotFoundError: There is none.
        NetworkError: It is elsewhere, and that place cannot be reached.
        IntegrityError: What came is not what the registry says.
    """
    named = parse(reference) if isinstance(reference, str) else Folder(reference)
    if not isinstance(named, Folder):
        from brainzoo.hub import pull

        return pull(str(named))
    for folder in (named.path / "checkpoint", named.path):
        if (folder / "config.json").is_file():
            return folder
    raise NotFoundError(f"{named} is no checkpoint, and no run that holds one.")


def generator_of(reference: str | Path) -> str:
    """Return the name of the generator that a checkpoint needs, without fetching its weights.

    Raises:
        NotFoundError: There is no such checkpoint.
    """
    named = parse(reference) if isinstance(reference, str) else Folder(reference)
    if isinstance(named, Named):
        from brainzoo.registry import find

        return str(find(str(named)).plugin)
    return str(checkpoints.read_config(find_checkpoint(reference))["plugin"].get("name"))


def load(reference: str | Path, **sampling: Any) -> Generator:
    """Load a trained generator, fetched first if it is not on this machine.

    Args:
        reference: See :func:`find_checkpoint`; ``"pggan-ixi-64"``, for example.
        **sampling: Options of the generator that act when images are drawn, such as
            ``temperature=0.9``; those of the checkpoint if not given.

    Raises:
        NotFoundError: There is no such checkpoint.
        UnknownPluginError: The plugin that made it is not installed.
        IncompatiblePluginError: It is installed in a version that the checkpoint is not made for.
        IntegrityError: It is damaged.
        OptionError: The generator has no such sampling option, or not with this value.
    """
    folder = find_checkpoint(reference)
    generator = checkpoints.load(folder)
    generator.folder = folder
    set_sampling(generator, sampling)
    return generator


def set_sampling(generator: Generator, values: Mapping[str, Any]) -> None:
    """Change options of a generator that act when images are drawn.

    Raises:
        OptionError: It has no such option, or not with this value.
    """
    known = sampling_options(type(generator.config))
    for name in values:
        if name not in known:
            raise OptionError(
                f"this generator has no sampling option {name!r}.", nearest(name, known)
            )
    if values:
        given = {**plain(generator.config), **values}
        generator.config = make_config(type(generator.config), given, "sampling option")


def sampling_options(config: type) -> list[str]:
    """Return the names of a configuration's options that act when images are drawn."""
    return [item.name for item in options_of(config) if item.sampling]


def push(generator: Generator, repository: str, **options: Any) -> Any:
    """Publish the checkpoint that a generator was loaded from.

    Raises:
        NotFoundError: It was not loaded from one.
    """
    if generator.folder is None:
        raise NotFoundError(
            "this generator was not loaded from a checkpoint.",
            "Save it, evaluate its privacy, and push what brainzoo.load returns.",
        )
    from brainzoo.hub.push import push as publish

    return publish(generator.folder, repository, **options)
