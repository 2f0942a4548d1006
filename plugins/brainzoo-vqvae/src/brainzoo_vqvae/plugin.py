"""What this plugin offers."""

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_generators() -> list[Spec]:
    """Offer the generator ``vqvae``."""
    from brainzoo_vqvae.config import VQVAEConfig

    return [
        Spec(
            name="vqvae",
            target="brainzoo_vqvae.generator:VQVAE",
            config=VQVAEConfig,
            summary="VQ-VAE with a transformer prior (Tudosiu 2022): slices and volumes.",
        )
    ]
