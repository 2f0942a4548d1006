"""What this plugin offers."""

from brainzoo.api import Spec, hookimpl


@hookimpl
def brainzoo_generators() -> list[Spec]:
    """Offer the generator ``mosaic``."""
    from brainzoo_mosaic.config import MosaicConfig

    return [
        Spec(
            name="mosaic",
            target="brainzoo_mosaic.generator:Mosaic",
            config=MosaicConfig,
            summary="Heads recombined of several people: a teacher of other models (--teacher).",
        )
    ]
