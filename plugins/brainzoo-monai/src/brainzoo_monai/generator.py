"""Bundles of MONAI and NVIDIA as a generator: converted once, sampled by seed and index.

Two families of latent diffusion, each sampled as its makers do it:

* Pinaya et al. 2022, "Brain Imaging Generation with Latent Diffusion Models" (arXiv 2209.07162):
  DDIM without noise; conditions as constant channels and as context.
* MAISI-v2, Zhao et al. 2026 (arXiv 2508.05772): rectified flow; contrast as a class, with guidance
  against the unknown class 0; voxel size in hundredths of a millimetre.

Differences from the makers' programs: noise comes from seed and index, so that an image can be made
again; images are turned to RAS; values above 1 (MAISI: above the 99.5th percentile in training) are
cut; weights are loaded strictly; on CPUs all is computed in float32.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from brainzoo.api import Images, OptionError, Run, Value, checkpoint, console
from brainzoo.training import Draw, TorchModel, compute
from brainzoo_monai import conversion
from brainzoo_monai.bundle import validated
from brainzoo_monai.conditions import expect_contrast, warn_of_field
from brainzoo_monai.config import MonaiConfig
from brainzoo_monai.definitions import Bundle
from brainzoo_monai.fetching import fetched
from brainzoo_monai.memory import memory_of
from brainzoo_monai.networks import Networks
from brainzoo_monai.sampling import integrator

GB = 1e9


class MonaiModel(TorchModel):
    """A model of MONAI or NVIDIA that was trained elsewhere."""

    name = "monai"
    chunk = 1
    value_range = (0.0, 1.0)
    config: MonaiConfig

    def __init__(self, config: MonaiConfig) -> None:
        super().__init__(config)
        self._spoken = False

    @property
    def bundle(self) -> Bundle:
        """What the checkpoint holds of the bundle, checked."""
        found: Bundle = validated(Bundle, self.extra.get("bundle"), "the checkpoint's bundle")
        return found

    @property
    def size(self) -> list[int]:
        """Voxels of an image along x, y and z."""
        return list(self.config.size or self.bundle.size)

    @property
    def spacing_mm(self) -> list[float]:
        """Their size; by default that of the bundle's field of view."""
        if self.config.spacing_mm:
            return list(self.config.spacing_mm)
        own = zip(self.bundle.size, self.bundle.spacing_mm, self.size, strict=True)
        return [voxels * mm / now for voxels, mm, now in own]

    @property
    def guidance(self) -> float:
        """How much the contrast is exaggerated."""
        given = self.config.guidance
        return self.bundle.guidance if given is None else given

    @classmethod
    def fetch(cls, original: Mapping[str, Any], folder: Path, hub: Any) -> dict[str, str]:
        """Bring one file of a bundle into a folder; see :func:`brainzoo_monai.fetching.fetched`."""
        return fetched(original, folder, hub)

    @classmethod
    def convert(cls, source: Path, folder: Path, about: Mapping[str, Any]) -> None:
        """Write a checkpoint of a bundle's folder; see docs/giants.md.

        Raises:
            NotFoundError: A file is missing.
            IntegrityError: It holds what is not known, or not safe.
        """
        found = conversion.read(source, about)
        new = cls(MonaiConfig())
        checkpoint.write(
            folder,
            new,
            plugin=cls.name,
            weights=found.weights,
            training=found.description,
            verifiable=False,
        )
        (folder / "LICENSE").write_text(found.licence, encoding="utf-8")

    def build(self, shape: tuple[int, ...]) -> Networks:
        """Return MONAI's networks."""
        return Networks(self.bundle)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a checkpoint folder, strictly."""
        loaded = super().load(folder)
        if list(loaded.shape[1:]) != loaded.bundle.size:
            raise OptionError(f"the bundle makes {loaded.bundle.size}, not {loaded.shape[1:]}.")
        return loaded

    def fit(self, images: Images, run: Run) -> None:
        """Refuse: these models were trained elsewhere."""
        raise OptionError(
            "monai does not train: its models were trained by others.",
            "Sample one: brainzoo list shows them, brainzoo sample monai:FOLDER takes a bundle.",
        )

    def drawn_as(self, condition: Mapping[str, Value] | None = None) -> dict[str, Any]:
        """Return size, spacing and contrast of samples."""
        self._expect_options()
        if not self.bundle.maisi:
            return {}
        contrast = str((condition or {}).get("contrast") or self.known.rows[0].get("contrast"))
        channels = {"channels": [contrast]} if self.bundle.contrasts else {}
        return {"spatial": self.size, "spacing_mm": self.spacing_mm, **channels}

    def conditions(
        self, n: int, *, seed: int, start: int = 0, condition: Mapping[str, Value] | None = None
    ) -> list[dict[str, Value]]:
        """Return the conditions of each sample, refused outside of what the model knows."""
        rows = super().conditions(n, seed=seed, start=start, condition=condition)
        for row in rows:
            expect_contrast(self.bundle, row)
        return rows

    def sample(
        self,
        n: int,
        *,
        seed: int,
        start: int = 0,
        condition: Mapping[str, Value] | None = None,
        batch_size: int = 1,
    ) -> Iterator[NDArray[np.float32]]:
        """Yield new images; says what memory each takes before it begins."""
        self._expect_options()
        rows = self.conditions(1, seed=seed, start=start, condition=condition)
        if n and not self._spoken:
            self._spoken = True
            self._expect_memory(rows[0])
            if multiprocessing.parent_process() is None and self.bundle.maisi:
                warn_of_field(self.bundle, rows[0], self.size, self.spacing_mm)
        return super().sample(n, seed=seed, start=start, condition=condition, batch_size=batch_size)

    def draw(self, network: Networks, draw: Draw) -> torch.Tensor:
        """Return one image of each of the random numbers, in [0, 1] and RAS."""
        device = draw.conditions.device
        sides = [side // self.bundle.shrink for side in self.size]
        noise = draw.normal(self.bundle.autoencoder.latent_channels, *sides)
        latents_of = integrator(
            self.bundle,
            steps=self.config.steps or self.bundle.steps,
            guidance=self.guidance,
            spacing_mm=self.spacing_mm,
        )
        with torch.autocast(device.type, torch.float16, enabled=self._half(device)):
            latents = latents_of(network, noise, draw.rows)
            pixels = network.decode(latents, self.config.window).float()
        turned = [
            axis
            for axis, (code, wanted) in enumerate(
                zip(self.bundle.orientation, "RAS", strict=True), 2
            )
            if code != wanted
        ]
        return torch.flip(pixels, turned).clamp(0, 1)

    def _half(self, device: torch.device) -> bool:
        wanted = self.config.precision
        if wanted == "fp16" and device.type == "cpu":
            raise OptionError("--precision fp16 needs a GPU.", "Leave it out: CPUs compute fp32.")
        return device.type == "cuda" and wanted != "fp32"

    def _expect_options(self) -> None:
        """Refuse options that this bundle does not have."""
        multiple = self.bundle.multiple
        if wrong := [side for side in self.size if side % multiple]:
            raise OptionError(f"size {wrong[0]} is not divisible by {multiple}.", "Try: 128,128,64")
        if self.bundle.maisi:
            return
        for option in ("size", "spacing_mm", "guidance"):
            if getattr(self.config, option) not in ((), None):
                raise OptionError(
                    f"this model has no {option}: it makes heads of "
                    f"{' × '.join(map(str, self.bundle.size))} voxels.",
                    "To save memory, decode in windows: --window 16",
                )

    def _expect_memory(self, row: Mapping[str, Value]) -> None:
        """Say what an image takes, and refuse what cannot fit.

        Raises:
            OptionError: Less is free.
        """
        device = compute("auto").device
        needed = memory_of(
            self.bundle,
            row,
            size=self.size,
            window=self.config.window,
            guidance=self.guidance,
            half=self._half(device),
        )
        if device.type == "cuda":
            free, where = torch.cuda.mem_get_info(device)[0], "the GPU"
        else:
            # The weights are here already.
            held = sum(v.numel() * v.itemsize for v in self.ready().state_dict().values())
            free, where = psutil.virtual_memory().available + held, "this machine"
        said = (
            f"an image takes about {needed / GB:.1f} GB of memory; {where} has {free / GB:.1f} GB"
        )
        if needed > free:
            smaller = "--window 16" + (", or a smaller --size" if self.bundle.maisi else "")
            raise OptionError(f"{said} free.", f"Try {smaller}; or close other programs.")
        if multiprocessing.parent_process() is None:
            console.note(f"{said}.")
