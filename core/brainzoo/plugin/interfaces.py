"""The four kinds of things that plugins bring, and what describes them.

Nothing heavy is imported here: a :class:`Spec` names its implementation as text, and it is imported
only when it is used.
"""

from __future__ import annotations

import dataclasses
import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from brainzoo.data.images import Images
    from brainzoo.data.subjects import Subject, Value
    from brainzoo.plugin.findings import Evaluation, EvaluationSets
    from brainzoo.plugin.run import Run


@dataclasses.dataclass(frozen=True)
class Spec:
    """What a hook returns: a thing described without importing what it needs.

    Attributes:
        target: Where the class lives, for example ``"brainzoo_pggan.generator:ProgressiveGAN"``.
        config: A frozen dataclass; its fields (see :func:`brainzoo.plugin.options.option`) become
            options of the command line, and the class is constructed with an instance of it.
    """

    name: str
    target: str
    config: type
    summary: str

    def load(self) -> Any:
        """Import the module of ``target`` and return the class."""
        module, _, attribute = self.target.partition(":")
        return getattr(importlib.import_module(module), attribute)


class Configured:
    """What is made with an instance of its spec's configuration, and only stores it."""

    def __init__(self, config: Any) -> None:
        self.config = config


class Dataset(Configured, ABC):
    """Where real scans come from.

    Subclasses are constructed with an instance of their spec's configuration, and the constructor
    only stores. The class attributes below describe what every image made from it must carry.

    Attributes:
        title: What people call the data: IXI, BraTS; a model card names them so.
        channels: Which channels the images get, in order; empty: all that the subjects have.
        label_names: What the values of label maps mean, for example ``{1: "oedema"}``.
        simulated: Whether no scan shows a real person.
        understood: What :meth:`subjects` wants people to read before anything long begins: how
            files and tables were taken, and what was left out and why, a line each.
    """

    license: str = "unknown"
    title: str = ""
    citation: str = ""
    url: str = ""
    channels: tuple[str, ...] = ()
    label_names: Mapping[int, str] = MappingProxyType({})
    simulated: bool = False

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.understood: dict[str, str] = {}

    @abstractmethod
    def subjects(self) -> Iterator[Subject]:
        """Yield the scans in a stable order.

        Raises:
            DataError: There are none, and the message says where it looked.
        """

    def download(self) -> None:
        """Fetch what is missing: resumable and verified. By default there is nothing to fetch.

        Called before :meth:`subjects`; must return at once when everything is there.
        """


class Generator(Configured, ABC):
    """A model that learns from images and makes new ones.

    Constructed with an instance of its configuration; the constructor only stores. A subclass
    calls :func:`brainzoo.training.fit` from :meth:`fit` with its networks and losses.

    The configuration class of a generator may hold a class variable ``presets``: it maps a preset's
    name (``quick``, ``default``, ``paper``) to option values, by the names of the command line with
    underscores: the generator's own (``"maps"``), the common ones (``"size"``, ``"images"``,
    ``"batch_size"``, ...) and the data's (``"data.slices_fraction"``). It may have a method
    ``check_spatial(spatial)`` that refuses image sizes which the model cannot make; it is called
    before any data are prepared.

    Attributes:
        teachable: Whether :meth:`fit` learns from ``run.lessons`` where there are any, and from
            nothing else.
        label_values: The values of the label maps that it learned as channels beside the pixels,
            without background; set where a checkpoint is loaded. See ``brainzoo.api.seen_by``.
    """

    teachable: ClassVar[bool] = False
    label_values: Sequence[int] = ()

    @abstractmethod
    def fit(self, images: Images, run: Run) -> None:
        """Train on ``images`` within the budget of ``run``, or resume what ``run`` holds."""

    @abstractmethod
    def sample(
        self,
        n: int,
        *,
        seed: int,
        start: int = 0,
        condition: Mapping[str, Value] | None = None,
        batch_size: int = 64,
    ) -> Iterator[NDArray[np.float32]]:
        """Yield ``n`` new images in arrays ``(batch, channel, *spatial)`` in [0, 1].

        An image depends on the seed and its index only: not on the batch size, nor on where others
        began (``start``), so that several processes may each make a part. Without a ``condition``
        such as ``{"class": "old"}``, conditions are drawn from the training distribution.
        """

    def images(
        self, n: int, *, seed: int = 0, condition: Mapping[str, Value] | None = None
    ) -> NDArray[np.float32]:
        """Return all that :meth:`sample` yields as one array ``(n, channel, *spatial)``.

        Raises:
            OptionError: ``n`` is below 1, or the seed is not a whole number from 0 to 2**64 - 1.
            DataError: Values lie outside [0, 1].
        """
        import numpy as np

        from brainzoo.common.errors import OptionError
        from brainzoo.plugin.options import expect_seed

        if n < 1:
            raise OptionError(f"{n} images were asked for; expected 1 or more.")
        expect_seed(seed)
        made = np.concatenate(list(self.sample(n, seed=seed, condition=condition)))
        expect_range(made)
        return made

    def conditions(
        self, n: int, *, seed: int, start: int = 0, condition: Mapping[str, Value] | None = None
    ) -> list[dict[str, Value]]:
        """Return the condition of each image that :meth:`sample` makes of the same arguments.

        A conditional model overrides this to say what it drew from the training distribution.
        """
        return [dict(condition or {}) for _ in range(n)]

    def drawn_as(self, condition: Mapping[str, Value] | None = None) -> dict[str, Any]:
        """Return how samples differ from the images that the checkpoint describes.

        A model whose sampling options or conditions decide size, spacing or contrast overrides
        this: ``spatial`` and, as in ``images.json``, ``spacing_mm``, ``affine``, ``channels``.
        """
        return {}

    def to(self, device: str) -> Self:
        """Draw on a device from now on: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or ``auto``.

        Raises:
            OptionError: The device is not there, or the generator draws on the CPU only.
        """
        from brainzoo.common.errors import OptionError

        if device not in ("auto", "cpu"):
            raise OptionError(f"this generator draws on the CPU only; found device {device!r}.")
        return self

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the weights and hyperparameters as a checkpoint folder."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Generator:
        """Read what :meth:`save` wrote; refuses anything that does not fit exactly."""


def expect_range(pixels: Any, low: float = 0.0, high: float = 1.0) -> None:
    """Refuse drawn values outside of a range, which would be clipped in silence.

    Rounding may reach a thousandth beyond.

    Raises:
        DataError: Values lie outside, or are not numbers.
    """
    from brainzoo.common.errors import DataError

    if not len(pixels):
        return
    least, most, beyond = float(pixels.min()), float(pixels.max()), 1e-3 * (high - low)
    if not (least >= low - beyond and most <= high + beyond):
        raise DataError(
            f"the generator drew values from {least:.3g} to {most:.3g}; expected {low:g} to "
            f"{high:g}.",
            "Scale them in its plugin (a TorchGenerator states its value_range), or clamp there "
            "what a network without a bounded output overshoots.",
        )


class Evaluator(Configured, ABC):
    """How good, how private, how useful synthetic images are.

    Among several evaluators, one that ``needs`` more than the generator can, such as
    :class:`Reconstructs`, or classes where images have none, is left out.
    """

    needs: ClassVar[type | None] = None
    needs_classes: ClassVar[bool] = False

    def check(self) -> None:
        """Refuse now what would fail after hours of training, such as weights that are missing.

        Raises:
            BrainzooError: What is missing, and which option helps.
        """

    def outlook(self, people: Mapping[str, int]) -> Sequence[str]:
        """Say before training what the numbers of people in each split will allow, a line each."""
        return ()

    @abstractmethod
    def evaluate(self, sets: EvaluationSets) -> Evaluation:
        """Compare synthetic images with real ones of test subjects."""


class Exporter(Configured, ABC):
    """What leaves brainzoo: files for people and other programs."""

    @abstractmethod
    def export(self, images: Images, folder: Path, *, run: Path | None = None) -> list[Path]:
        """Write ``images`` below ``folder`` and return the files written; nothing is overwritten.

        ``run`` is the run folder that the images came from, for exporters that describe it.
        """
