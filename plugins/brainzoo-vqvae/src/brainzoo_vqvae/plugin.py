"""What this plugin offers."""

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_generators() -> list[Spec]:
    """Offer the generator ``vqvae``."""
    from brainzoo_vqvae.config import VQVAEConfig

    summary = "VQ-VAE with a transformer prior (Tudosiu 2022): slices and volumes."
    return [Spec("vqvae", "brainzoo_vqvae.generator:VQVAE", VQVAEConfig, summary)]
