"""``Images``: the one thing that travels between datasets, generators, evaluators and exporters.

Real and synthetic images are the same type. On disk it is a folder: ``pixels.npy`` ``(image,
channel, *spatial)``, ``labels.npy`` ``(image, *spatial)`` where there are label maps, ``table.csv``
(a row per image) and ``images.json`` (channels, labels, spacing, source, licence, preparation,
fingerprint). A folder is complete or absent.
"""

from __future__ import annotations

import copy
import hashlib
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import DataError, IntegrityError, OptionError
from brainzoo.data.classes import assign
from brainzoo.data.pixels import (
    AGAIN,
    DTYPES,
    fingerprint,
    read_folder,
    to_floats,
    write_images,
)
from brainzoo.data.subjects import Value
from brainzoo.data.tables import Row


class Images:
    """Images of one shape with a table row each and a common description.

    Indexing with a slice, a boolean mask or an array of positions gives another ``Images`` that
    shares the pixels: nothing is read before :meth:`read` or :meth:`floats`.

    Args:
        pixels: ``(image, channel, *spatial)`` of dtype uint16, uint8 (spanning [0, 1]) or float32
            (in [0, 1]); usually memory-mapped. Spatial is (height, width) or (x, y, z) in RAS+.
        table: A row per image.
        info: What ``images.json`` holds.
        labels: ``(image, *spatial)`` of dtype uint8 or uint16, 0 is background; ``None`` without.
        positions: Which images of ``pixels`` these are; all of them if ``None``.
        folder: Where they lie on disk, if they do.
    """

    label_channels = 0
    """How many of the last channels are one-hot label maps; see :mod:`brainzoo.data.packing`."""

    def __init__(
        self,
        pixels: NDArray[Any],
        table: Sequence[Row],
        info: Mapping[str, Any],
        labels: NDArray[Any] | None = None,
        *,
        positions: NDArray[np.intp] | None = None,
        folder: Path | None = None,
    ) -> None:
        if pixels.ndim not in (4, 5):
            raise DataError(
                f"pixels have shape {pixels.shape}; expected (image, channel, height, width) or "
                "(image, channel, x, y, z)."
            )
        if str(pixels.dtype) not in DTYPES:
            raise DataError(f"pixels are {pixels.dtype}; expected one of {', '.join(DTYPES)}.")
        if labels is not None and labels.shape != (len(pixels), *pixels.shape[2:]):
            raise DataError(
                f"label maps have shape {labels.shape}; expected "
                f"{(len(pixels), *pixels.shape[2:])}."
            )
        self._pixels = pixels
        self._labels = labels
        self._positions = positions
        self.table = list(table)
        self.info = dict(info)
        self.folder = folder
        if len(self.table) != len(self):
            raise IntegrityError(
                f"{folder or 'found'}: {len(self)} images but {len(self.table)} table rows.",
                AGAIN if folder else "",
            )

    @classmethod
    def open(cls, folder: Path | str, *, verify: bool = False) -> Images:
        """Open a folder without reading its pixels; ``verify`` reads them to check the fingerprint.

        Raises:
            NotFoundError: No such folder, or it is not a folder of images.
            IntegrityError: It is half-written or corrupt; the message names what is wrong.
        """
        folder = Path(folder)
        images = cls(*read_folder(folder), folder=folder)
        if verify and images.fingerprint != fingerprint(folder, images.info):
            raise IntegrityError(
                f"{folder} is corrupt: its content does not match its fingerprint.", AGAIN
            )
        return images

    def __len__(self) -> int:
        return len(self._pixels) if self._positions is None else len(self._positions)

    def __getitem__(self, key: slice | Sequence[int] | NDArray[Any]) -> Images:
        index = key if isinstance(key, slice) else np.asarray(key)
        if isinstance(index, np.ndarray) and not index.size:
            index = index.astype(np.intp)  # an empty list has no type of its own
        rows = [self.table[i] for i in np.arange(len(self))[index]]
        return self._with(table=rows, _positions=self.positions[index])

    def _with(self, **changed: Any) -> Images:
        made = copy.copy(self)
        made.__dict__ |= {"info": dict(self.info), **changed}
        return made

    def __repr__(self) -> str:
        kind = "synthetic" if self.synthetic else "real"
        return f"Images({len(self)} {kind}, {self.channels} × {' × '.join(map(str, self.spatial))})"

    def _repr_html_(self) -> str:
        """Show the first images in a notebook, and say what they are."""
        from brainzoo.data import notebooks

        return notebooks.page(self)

    def show(self, n: int = 16) -> None:
        """Show the first images: below the cell of a notebook, elsewhere in a window."""
        from brainzoo.data import notebooks

        notebooks.show(self, n)

    def to_pandas(self) -> Any:
        """Return the table as a ``pandas.DataFrame``; pandas must be installed."""
        pandas: Any = importlib.import_module("pandas")
        return pandas.DataFrame(self.table)

    def to_nibabel(self, i: int, channel: int = 0) -> Any:
        """Return one channel as a ``nibabel.Nifti1Image``; a slice is a volume of one slice."""
        import nibabel

        from brainzoo.data.placing import volume_of

        found = volume_of(self, self.floats([i])[0, channel], self.table[i].get("position_mm"))
        return nibabel.Nifti1Image(found.data, found.affine)  # type: ignore[no-untyped-call]

    @property
    def spatial(self) -> tuple[int, ...]:
        """(height, width) or (x, y, z)."""
        return tuple(self._pixels.shape[2:])

    @property
    def dims(self) -> int:
        """2 or 3."""
        return len(self.spatial)

    @property
    def channels(self) -> int:
        """Channels of an image: 1 for one contrast."""
        return int(self._pixels.shape[1])

    @property
    def channel_names(self) -> list[str]:
        """Names of the channels in order: ``["T1w", "FLAIR"]``."""
        names = [str(name) for name in self.info.get("channels", [])]
        known = len(names) == self.channels
        return names if known else [f"channel-{i + 1}" for i in range(self.channels)]

    @property
    def label_names(self) -> dict[int, str] | None:
        """What the values of the label maps mean, without the background; ``None`` without maps."""
        if self._labels is None:
            return None
        return {int(value): str(name) for value, name in self.info.get("labels", {}).items()}

    @property
    def positions(self) -> NDArray[np.intp]:
        """Which of the stored images these are."""
        return np.arange(len(self._pixels)) if self._positions is None else self._positions

    @property
    def dtype(self) -> np.dtype[Any]:
        """The stored type of the pixels."""
        return self._pixels.dtype

    @property
    def synthetic(self) -> bool:
        """Whether a generator made these images."""
        return bool(self.info.get("synthetic", False))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of pixels, table and description as stored; empty before they are saved."""
        return str(self.info.get("fingerprint", ""))

    @property
    def classes(self) -> list[str]:
        """Names of the classes in their fixed order; empty if the images have none."""
        return list(self.info.get("classes", []))

    def column(self, name: str) -> list[Value]:
        """Return one column of the table; ``None`` where a row lacks it."""
        return [row.get(name) for row in self.table]

    def where(self, **equal: Value) -> Images:
        """Return the images whose table cells equal the given values: ``where(split="train")``."""
        keep = [all(row.get(k) == v for k, v in equal.items()) for row in self.table]
        return self[np.asarray(keep, dtype=bool)]

    def in_classes(self, expressions: Mapping[str, str]) -> Images:
        """Return these images in other classes, by expressions over their table.

        Raises:
            DataError: A class matches no image, or two of them the same one.
        """
        names = assign(self.table, expressions)
        table = [{**row, "class": name} for row, name in zip(self.table, names, strict=True)]
        about = {"classes": list(expressions), "class_expressions": dict(expressions)}
        return self._with(table=table, info={**self.info, **about})

    def subjects(self) -> list[str]:
        """Return the different subject ids, sorted."""
        return sorted({str(row["subject"]) for row in self.table if row.get("subject")})

    def read(self, positions: Sequence[int] | NDArray[Any] | None = None) -> NDArray[Any]:
        """Read pixels as stored: ``(image, channel, *spatial)``; all images by default."""
        return self._chosen(self._pixels, positions)

    def floats(self, positions: Sequence[int] | NDArray[Any] | None = None) -> NDArray[np.float32]:
        """Read pixels as float32 in [0, 1]."""
        return to_floats(self.read(positions))

    def labels(
        self, positions: Sequence[int] | NDArray[Any] | None = None
    ) -> NDArray[np.integer[Any]] | None:
        """Read label maps ``(image, *spatial)``; ``None`` if the images have none."""
        return None if self._labels is None else self._chosen(self._labels, positions)

    def _chosen(self, stored: NDArray[Any], positions: Any) -> NDArray[Any]:
        own = self._positions
        if positions is None:
            return np.array(stored if own is None else stored[own])
        chosen = np.asarray(positions)
        return np.array(stored[chosen if own is None else own[chosen]])

    def without_labels(self) -> Images:
        """Return the same images without their label maps."""
        info = {name: value for name, value in self.info.items() if name != "labels"}
        return self._with(info=info, _labels=None)

    def of_channels(self, names: Sequence[str]) -> Images:
        """Return the same images with some of their channels, in this order, or an OptionError."""
        there = self.channel_names
        for name in names:
            if name not in there:
                raise OptionError(f"no channel is named {name!r}.", f"Known: {', '.join(there)}.")
        at = [there.index(name) for name in names]
        neighbours = at == list(range(at[0], at[0] + len(at)))  # a slice reads nothing yet
        pixels = self._pixels[:, slice(at[0], at[0] + len(at)) if neighbours else at]
        whole = self.fingerprint and hashlib.sha256(f"{at} {self.fingerprint}".encode()).hexdigest()
        info = {**self.info, "channels": list(names), "fingerprint": whole}
        return self._with(_pixels=pixels, info=info)

    def save(self, folder: Path | str) -> Images:
        """Write these images as a new folder and return them opened from there."""
        maps = None if self._labels is None else str(self._labels.dtype)
        size, dtype = self.spatial, str(self.dtype)
        writing = Images.write(folder, size, self.info, self.channels, dtype, label_dtype=maps)
        with writing as writer:
            for start in range(0, len(self), 256):
                some = np.arange(start, min(start + 256, len(self)))
                writer.append(self.read(some), [self.table[i] for i in some], self.labels(some))
        return Images.open(folder)

    def export(self, to: str, folder: Path | str, **options: Any) -> list[Path]:
        """Write these images as files for other programs: ``export("nifti", "volumes")``.

        Args:
            to: An installed exporter: ``nifti``, ``png``, ...
            folder: The new folder.
            **options: The exporter's own.

        Raises:
            UnknownPluginError: No such exporter is installed.
            ExistsError: The folder is already there.
        """
        from brainzoo.plugin.manager import plugins
        from brainzoo.plugin.part import part_of

        part = part_of(plugins().get("exporter", to), options)
        written: list[Path] = plugins().load("exporter", to)(part.config).export(self, Path(folder))
        return written

    write = staticmethod(write_images)
