"""What this plugin offers."""

from brainzoo.api import Spec, hookimpl
from brainzoo_flow.config import FlowConfig


@hookimpl
def brainzoo_generators() -> list[Spec]:
    """Offer the generator ``flow``."""
    return [
        Spec(
            name="flow",
            target="brainzoo_flow.generator:Flow",
            config=FlowConfig,
            summary="Rectified flow (Liu 2023, Lipman 2023): samples, inpaints and ages brains.",
        )
    ]
