"""What this plugin offers."""

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_generators() -> list[Spec]:
    """Offer the generator ``dcgan``."""
    from brainzoo_dcgan.config import DCGANConfig

    summary = "Deep convolutional GAN (Radford 2016, Kazuhiro 2018): fast, small images."
    return [Spec("dcgan", "brainzoo_dcgan.generator:DCGAN", DCGANConfig, summary)]
