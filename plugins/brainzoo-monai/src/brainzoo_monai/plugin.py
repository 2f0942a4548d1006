"""What this plugin offers."""

from pathlib import Path

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_generators() -> list[Spec]:
    """Offer the generator ``monai``."""
    from brainzoo_monai.config import MonaiConfig

    return [
        Spec(
            name="monai",
            target="brainzoo_monai.generator:MonaiModel",
            config=MonaiConfig,
            summary="Latent diffusion and MAISI bundles of MONAI and NVIDIA, trained by others.",
        )
    ]


@hookimpl
def brainzoo_registry() -> Path:
    """Offer the bundles whose addresses are known."""
    return Path(__file__).parent / "registry.yaml"
