"""What this plugin offers."""

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_generators() -> list[Spec]:
    """Offer the generator ``pggan``."""
    from brainzoo_pggan.config import PGGANConfig

    return [
        Spec(
            name="pggan",
            target="brainzoo_pggan.generator:ProgressiveGAN",
            config=PGGANConfig,
            summary="Progressively growing GAN (Karras 2018, Alam 2020): fine detail, stable.",
        )
    ]
