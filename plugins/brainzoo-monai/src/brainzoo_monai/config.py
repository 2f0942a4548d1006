"""What may be chosen when images are drawn; everything else is decided by the bundle."""

from dataclasses import dataclass

from brainzoo.api import OptionError, option


@dataclass(frozen=True)
class MonaiConfig:
    """How a bundle is sampled."""

    steps: int | None = option(
        None, "Steps from noise to image. [default: the bundle's]", minimum=1, maximum=1000,
        sampling=True,
    )  # fmt: skip
    guidance: float | None = option(
        None, "MAISI: how much the contrast is exaggerated; 0 is not. [default: the bundle's]",
        minimum=0, maximum=50, sampling=True,
    )  # fmt: skip
    size: tuple[int, ...] = option(
        (), "MAISI: voxels along x, y, z, divisible by 32: 128,128,64. [default: the bundle's]",
        minimum=16, maximum=640, sampling=True,
    )  # fmt: skip
    spacing_mm: tuple[float, ...] = option(
        (), "MAISI: voxel size along x, y, z. [default: the bundle's, over the same field of view]",
        minimum=0.2, maximum=10, sampling=True,
    )  # fmt: skip
    window: int = option(
        80, "Latent voxels a side that are decoded at once; 16 or 32 needs less memory.",
        minimum=8, maximum=512, sampling=True,
    )  # fmt: skip
    precision: str = option(
        "auto", "auto is fp16 on a GPU, as its makers do, else fp32.",
        choices=("auto", "fp32", "fp16"), sampling=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        for name in ("size", "spacing_mm"):
            if len(getattr(self, name)) not in (0, 3):
                raise OptionError(f"{name} has {len(getattr(self, name))} numbers; expected 3.")
