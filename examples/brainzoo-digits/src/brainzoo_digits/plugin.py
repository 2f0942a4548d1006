"""What this plugin offers; it imports nothing heavy."""

from pathlib import Path

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_datasets() -> list[Spec]:
    """Offer the dataset ``digits``."""
    from brainzoo_digits.config import DigitsConfig

    return [
        Spec(
            name="digits",
            target="brainzoo_digits.dataset:Digits",
            config=DigitsConfig,
            summary="Handwritten digits, 8 × 8 pixels, that come with scikit-learn.",
        )
    ]


@hookimpl
def brainzoo_generators() -> list[Spec]:
    """Offer the generator ``digits-gan``."""
    from brainzoo_digits.config import DigitsGANConfig

    return [
        Spec(
            name="digits-gan",
            target="brainzoo_digits.generator:DigitsGAN",
            config=DigitsGANConfig,
            summary="A small convolutional GAN: a minute on a laptop.",
        )
    ]


@hookimpl
def brainzoo_registry() -> Path:
    """Name the file that lists this package's checkpoints."""
    return Path(__file__).parent / "registry.yaml"
