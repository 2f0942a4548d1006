"""Checkpoints by address: a folder, a name of the registry, or a revision on the Hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from brainzoo import checkpoint as checkpoints
from brainzoo.checkpoint.reading import folder_of
from brainzoo.plugin.interfaces import Generator
from brainzoo.plugin.options import plain, sampling_options
from brainzoo.zoo.address import ByOthers, parse
from brainzoo.zoo.pull import pull
from brainzoo.zoo.push import push
from brainzoo.zoo.registry import find

if TYPE_CHECKING:
    from brainzoo.data.images import Images
    from brainzoo.data.subjects import Value


def find_checkpoint(address: str | Path, *, accept_licence: bool = False) -> Path:
    """Return the checkpoint folder of an address; fetched first if it is not on this machine.

    ``address`` is a checkpoint folder, a run folder that holds one, or as for :func:`pull`, whose
    errors it raises, too.
    """
    found = parse(address)
    if isinstance(found, Path):
        return folder_of(found)
    return pull(str(found), accept_licence=accept_licence)


def generator_of(address: str | Path) -> str:
    """Return the name of the generator that a checkpoint needs, without fetching its weights."""
    found = parse(address)
    if isinstance(found, ByOthers):
        return found.generator
    entry = None if isinstance(found, Path) else find(found)
    if entry is not None:
        return entry.plugin
    return str(checkpoints.read_config(find_checkpoint(address))["plugin"]["name"])


class Loaded(Generator):
    """A generator of a checkpoint, which can do more: what :func:`load` returns."""

    folder: Path

    def write_images(
        self,
        folder: Path | str,
        n: int,
        *,
        seed: int = 0,
        condition: Mapping[str, Value] | None = None,
        workers: int | None = None,
    ) -> Images:
        """Write what :meth:`sample` yields as a new folder of images, any number in flat memory.

        Several processes draw where that is worth it; after a stop of any kind the same call goes
        on where it was.

        Raises:
            ExistsError: The folder is there already.
        """
        from brainzoo.data.images import Images
        from brainzoo.sampling import Request, draw

        acting = sampling_options(type(self.config))
        sampling = {k: v for k, v in plain(self.config).items() if k in acting}
        request = Request(self.folder, n, seed, condition or {}, sampling)
        draw(request, Path(folder), workers=workers)
        return Images.open(Path(folder))

    def sample_images(
        self,
        n: int,
        *,
        seed: int = 0,
        start: int = 0,
        condition: Mapping[str, Value] | None = None,
    ) -> Images:
        """Return the samples ``start`` to ``start + n - 1`` of a seed in memory, as ``Images``.

        They know what they are: table, spacing, labels, checkpoint and seed.
        """
        from brainzoo.sampling.request import Request, Source

        request = Request(self.folder, start + n, seed, condition or {})
        return Source(request, self).images(range(start, start + n))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.folder.name!r})"

    def _repr_html_(self) -> str:
        """Show some samples in a notebook, and say what can be asked for."""
        return self.sample_images(8)._repr_html_()

    def push(self, repository: str, **options: Any) -> Any:
        """Publish the checkpoint; see :func:`brainzoo.zoo.push.push`."""
        return push(self.folder, repository, **options)


def load(
    address: str | Path, *, accept_licence: bool = False, device: str = "auto", **sampling: Any
) -> Loaded:
    """Load a trained generator, fetched first if it is not on this machine.

    ``address`` is as for :func:`find_checkpoint`: ``"pggan-ixi-64"``, for example. ``sampling`` are
    options of the generator that act when images are drawn, such as ``temperature=0.9``; those of
    the checkpoint if not given. ``device`` is where it draws (:meth:`brainzoo.Generator.to`).
    ``accept_licence`` is of a model by others, as ``brainzoo info``
    shows it.

    Raises:
        NotFoundError: No such checkpoint.
        UnknownPluginError: The plugin that made it is not installed.
        IncompatiblePluginError: It is installed in a version that does not fit the checkpoint.
        IntegrityError: It is damaged.
        OptionError: The generator has no such sampling option, or not with this value.
    """
    folder = find_checkpoint(address, accept_licence=accept_licence)
    generator = checkpoints.load(folder, **sampling).to(device)
    own = type(generator)
    # The plugin's class, with the methods of Loaded behind its own.
    generator.__class__ = type(own.__name__, (own, Loaded), {"__module__": own.__module__})
    loaded = cast(Loaded, generator)
    loaded.folder = folder
    return loaded


def from_pretrained(repository: str, *, revision: str, **options: Any) -> Loaded:
    """Load a generator from the Hub, as :func:`load` does ``hf:REPOSITORY@REVISION``.

    ``revision`` is a version's tag (``"v1.0.0"``) or a whole commit: a branch may change any day.
    """
    return load(f"hf:{repository}@{revision}", **options)
