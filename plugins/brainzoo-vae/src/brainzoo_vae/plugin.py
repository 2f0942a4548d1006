"""What this plugin offers."""

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_generators() -> list[Spec]:
    """Offer the generator ``vae``."""
    from brainzoo_vae.config import VAEConfig

    return [
        Spec(
            name="vae",
            target="brainzoo_vae.generator:VAE",
            config=VAEConfig,
            summary="Variational autoencoder (Kingma 2014; ceVAE): reconstructs, and knows age.",
        )
    ]


@hookimpl
def brainzoo_evaluators() -> list[Spec]:
    """Offer the evaluator ``reconstruction``."""
    from brainzoo_vae.config import ReconstructionConfig

    return [
        Spec(
            name="reconstruction",
            target="brainzoo_vae.evaluator:Reconstruction",
            config=ReconstructionConfig,
            summary="PSNR and SSIM of reconstructed test images; a walk along age.",
        )
    ]
