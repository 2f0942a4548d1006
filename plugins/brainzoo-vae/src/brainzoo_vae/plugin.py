"""What this plugin offers."""

from brainzoo import Spec, hookimpl
from brainzoo_vae.config import VAEConfig


@hookimpl
def brainzoo_generators() -> list[Spec]:
    """Offer the generator ``vae``."""
    return [
        Spec(
            name="vae",
            target="brainzoo_vae.generator:VAE",
            config=VAEConfig,
            summary="Variational autoencoder (Kingma 2014; ceVAE): reconstructs, and knows age.",
        )
    ]
