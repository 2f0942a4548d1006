"""What this plugin offers."""

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_generators() -> list[Spec]:
    """Offer the generator ``vae``."""
    from brainzoo_vae.config import VAEConfig

    summary = "Variational autoencoder (Kingma 2014; ceVAE): reconstructs, and knows age."
    return [Spec("vae", "brainzoo_vae.generator:VAE", VAEConfig, summary)]


@hookimpl
def brainzoo_evaluators() -> list[Spec]:
    """Offer the evaluator ``reconstruction``."""
    from brainzoo_vae.config import ReconstructionConfig

    target = "brainzoo_vae.evaluator:Reconstruction"
    summary = "PSNR and SSIM of reconstructed test images; a walk along age."
    return [Spec("reconstruction", target, ReconstructionConfig, summary)]
