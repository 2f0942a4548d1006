"""What this plugin offers."""

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_generators() -> list[Spec]:
    """Offer the generator ``pggan``."""
    from brainzoo_pggan.config import PGGANConfig

    summary = "Progressively growing GAN (Karras 2018, Alam 2020): fine detail, stable."
    return [Spec("pggan", "brainzoo_pggan.generator:ProgressiveGAN", PGGANConfig, summary)]
