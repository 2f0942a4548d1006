"""A generator of torch networks that are trained already: it draws, loads and saves.

:class:`brainzoo.training.TorchGenerator` also learns.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from brainzoo import checkpoint
from brainzoo.checkpoint.config import ConfigFile
from brainzoo.common.errors import DataError, NotFoundError
from brainzoo.data.conditions import Conditions
from brainzoo.data.subjects import Value
from brainzoo.data.tables import Row
from brainzoo.plugin.interfaces import Generator, expect_range
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.options import make_config
from brainzoo.training.devices import compute
from brainzoo.training.step import Draw
from brainzoo.training.weights import arrays_of, load_arrays

Floats = NDArray[np.float32]

CHUNK = 8
"""Images computed at once: small enough for a CPU's cache (bf16, 64–128 px), and fixed, because
convolution libraries choose other summation orders for other batch sizes."""


class TorchModel(Generator):
    """Samples, saves and loads what a subclass builds.

    A subclass sets :attr:`name` and defines :meth:`build` and :meth:`draw`.

    Attributes:
        name: Under which the plugin offers it.
        chunk: Images that are computed at once.
        value_range: What :meth:`draw` returns for black and for white.
        network: What :meth:`build` returned, once it is trained or loaded; else ``None``.
        known: What it is conditioned on; ``known.width`` numbers encode a condition.
        shape: ``(channel, *spatial)`` of its images.
        extra: What a checkpoint's ``config.json`` holds besides: plain values that :meth:`build`
            needs, for example; :meth:`load` sets it before it builds.
    """

    name: ClassVar[str]
    chunk: int = CHUNK
    value_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.network: nn.Module | None = None
        self.known = Conditions((), [{}], [1])
        self.shape: tuple[int, ...] = ()
        self.extra: dict[str, Any] = {}
        self._training: dict[str, Any] = {}
        self._device = "auto"
        self._sample_chunk: int | None = None

    @abstractmethod
    def build(self, shape: tuple[int, ...]) -> nn.Module:
        """Return everything that is published, untrained, for images ``(channel, *spatial)``.

        Called on the meta device when a checkpoint is loaded: build only, compute nothing.
        """

    @abstractmethod
    def draw(self, network: Any, draw: Draw) -> torch.Tensor:
        """Return the images ``(sample, channel, *spatial)`` in [-1, 1] of some random numbers.

        Or in another :attr:`value_range`; values beyond it are an error, so clamp what a network
        without a bounded output overshoots.
        """

    @property
    def sample_chunk(self) -> int:
        """How many samples are computed at once: decided in training, once a model."""
        return self._sample_chunk or self.chunk

    @torch.inference_mode()
    def samples(
        self,
        network: Any,
        seed: int,
        start: int,
        count: int,
        condition: Mapping[str, Value] | None = None,
    ) -> Floats:
        """Return the samples ``start`` to ``start + count - 1`` of a seed, computed at once.

        ``(count, channel, *spatial)`` in [0, 1], in float32: bf16 would leave 8 bits of grey and
        tie the samples to one kind of hardware.
        """
        rows = self.known.draw(count, seed=seed, start=start, condition=condition)
        device = next(network.parameters()).device
        conditions = torch.from_numpy(self.known.encode(rows)).to(device)
        pixels = self.draw(network, Draw(seed, start, rows, conditions)).float()
        expect_range(pixels, *self.value_range)
        result: Floats = self.grey(pixels).cpu().contiguous().numpy()
        return result

    def grey(self, drawn: torch.Tensor) -> torch.Tensor:
        """Return what :meth:`draw` returned in [0, 1], without what rounding overshoots."""
        low, high = self.value_range
        return ((drawn - low) / (high - low)).clamp(0, 1)

    @torch.inference_mode()
    def by_chunks(
        self,
        network: nn.Module,
        compute: Callable[..., tuple[torch.Tensor, ...]],
        *inputs: NDArray[Any],
    ) -> tuple[NDArray[Any], ...]:
        """Call ``compute`` with tensors of always :attr:`chunk` rows, and join what it returns.

        The result of an image is then the same whatever is beside it. The last chunk is filled
        up with zeros. ``inputs`` are arrays of one length, a row per image.
        """
        device, n = next(network.parameters()).device, len(inputs[0])
        parts = []
        for start in range(0, max(n, 1), self.chunk):
            own = [values[start : start + self.chunk] for values in inputs]
            missing = self.chunk - len(own[0])
            filled = [np.pad(v, [(0, missing)] + [(0, 0)] * (v.ndim - 1)) for v in own]
            made = compute(*(torch.from_numpy(values).to(device) for values in filled))
            parts.append([t.cpu().contiguous().numpy()[: len(own[0])] for t in made])
        return tuple(np.concatenate(pieces) for pieces in zip(*parts, strict=True))

    def expect_images(self, pixels: Floats) -> Floats:
        """Return ``pixels`` in float32; another shape than the training images' is a DataError."""
        if pixels.shape[1:] != self.shape:
            raise DataError(
                f"images have shape {pixels.shape[1:]}; this {self.name} was trained on "
                f"{self.shape}.",
                "Prepare them as the checkpoint's config.json says (preprocessing).",
            )
        return np.asarray(pixels, np.float32)

    def encode_conditions(self, rows: Sequence[Mapping[str, Value]] | None, n: int) -> Floats:
        """Return what is known of ``n`` images, ``(n, known.width)``; zeros where nothing is."""
        rows = [{}] * n if rows is None else rows
        if not all(isinstance(row, Mapping) for row in rows):
            raise DataError("conditions must be a row per image, such as images.table.")
        if len(rows) != n:
            raise DataError(f"found {n} images but {len(rows)} conditions; expected as many.")
        return self.known.encode(rows)

    def sample(
        self,
        n: int,
        *,
        seed: int,
        start: int = 0,
        condition: Mapping[str, Value] | None = None,
        batch_size: int = 64,
    ) -> Iterator[Floats]:
        """Yield new images; see :meth:`brainzoo.Generator.sample`."""
        network = self.ready()
        self.known.check(condition)

        def make(at: int, count: int) -> Floats:
            return self.samples(network, seed, at, count, condition)

        return in_chunks(make, n, batch_size, self.sample_chunk, start=start)

    def conditions(
        self, n: int, *, seed: int, start: int = 0, condition: Mapping[str, Value] | None = None
    ) -> list[Row]:
        """Return class and covariates of each sample; see :meth:`brainzoo.Generator.conditions`."""
        return self.known.draw(n, seed=seed, start=start, condition=condition)

    def ready(self) -> Any:
        """Return the network, on its device, or raise a NotFoundError where nothing was trained."""
        if self.network is None:
            raise NotFoundError(f"this {self.name} is not trained yet.", "Call fit or load first.")
        compute(self._device).place(self.network)
        return self.network

    def to(self, device: str) -> Self:
        """Draw on a device from now on; see :meth:`brainzoo.Generator.to`."""
        compute(device)  # refuses one that is not there
        self._device = device
        return self

    @property
    def trained_on(self) -> Mapping[str, Any]:
        """What the checkpoint says of whom it was trained on; see ``describe_training``."""
        return dict(self._training.get("trained_on", {}))

    def exported(self, network: Any) -> tuple[Callable[..., torch.Tensor], dict[str, torch.Tensor]]:
        """Return what :meth:`export_network` writes: a function, and two of each input by name.

        By default it makes images in [0, 1], as :meth:`draw` does, of the random numbers that
        :meth:`draw` asks for and of encoded conditions. A model that draws in another way says
        what its network computes.
        """
        from brainzoo.training.export import drawn

        return drawn(self, network)

    def export_network(self, path: Path | str) -> Path:
        """Write the trained network as one file for other programs: ``.onnx`` or ``.pt2``.

        Inputs and outputs have a batch of any size first; encoded conditions have no columns where
        a model knows none. An ONNX file says in its metadata (``brainzoo``) how they are encoded.

        Raises:
            OptionError: The suffix is another.
            NotFoundError: onnx or onnxscript is not installed.
        """
        from brainzoo.training.export import write_network

        network, columns = self.ready(), [dataclasses.asdict(c) for c in self.known.columns]
        about = {"generator": self.name, "shape": self.shape, "conditions": columns}
        write_network(Path(path), network, *self.exported(network), about)
        return Path(path)

    def save(self, folder: Path) -> None:
        """Write a checkpoint folder; see :func:`brainzoo.checkpoint.write`."""
        weights, training = arrays_of(self.ready()), {**self._training, **self.extra}
        training["chunk"] = self.sample_chunk
        checkpoint.write(folder, self, plugin=self.name, weights=weights, training=training)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a checkpoint folder, strictly."""
        stored = checkpoint.expect_plugin(folder, cls.name)
        loaded = cls(config_of(cls.name, stored["hyperparameters"]))
        loaded.known = Conditions.of_checkpoint(stored)
        described = ("images", "preprocessing", "trained_on", "conditions")
        loaded._training = {key: stored[key] for key in described}
        own = stored.keys() - ConfigFile.model_fields.keys() - {"conditions"}
        loaded.extra = {key: stored[key] for key in sorted(own)}
        loaded.shape = (stored["images"]["channels"], *stored["images"]["spatial"])
        loaded._sample_chunk = stored.get("chunk")  # older ones do not say
        with torch.device("meta"):
            network = loaded.build(loaded.shape)
        load_arrays(network, checkpoint.read_weights(folder))
        loaded.network = network.eval().requires_grad_(False)
        return loaded


def in_chunks(
    make: Callable[[int, int], NDArray[np.float32]],
    n: int,
    batch_size: int,
    chunk: int = CHUNK,
    *,
    start: int = 0,
) -> Iterator[NDArray[np.float32]]:
    """Yield ``n`` images in arrays of ``batch_size``, made in chunks of always the same size.

    Chunks begin at multiples of their size, wherever ``start`` is: an image always has the same
    neighbours, and so the same bits. ``make`` gets the index of the first image and the chunk's
    size, and returns ``(chunk, channel, *spatial)``.
    """
    waiting: list[NDArray[np.float32]] = []
    held, stop = 0, start + n
    for at in range(start - start % chunk, stop, chunk):
        # cuDNN would otherwise round the products of convolutions to 10 bits (TF32).
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            made = make(at, chunk)
        waiting.append(made[max(0, start - at) : stop - at])
        held += len(waiting[-1])
        while held >= batch_size or (held and at + chunk >= stop):
            ready = np.concatenate(waiting)
            yield ready[:batch_size]
            waiting, held = [ready[batch_size:]], max(0, held - batch_size)


def config_of(name: str, hyperparameters: Mapping[str, Any]) -> Any:
    """Return the configuration of a generator with these hyperparameters."""
    options = plugins().get("generator", name).config
    return make_config(options, hyperparameters, f"hyperparameter of {name}")
