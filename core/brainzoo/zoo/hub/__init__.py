"""Checkpoints from elsewhere and to elsewhere: pulled, verified, published."""

from __future__ import annotations

import re

from brainzoo.zoo.hub.pulling import pull

__all__ = ["pull", "registry_bytes"]


def registry_bytes(repository: str) -> bytes:
    """Return ``registry.yaml`` of a repository on the Hub; nothing pins it.

    Raises:
        NotFoundError: There is none.
        AuthorisationError: The repository is private or gated, or the token is refused.
        NetworkError: The Hub is out of reach, or ``HF_HUB_OFFLINE`` forbids to ask.
    """
    from brainzoo.common.errors import NetworkError, OptionError
    from brainzoo.zoo.address import REPOSITORY
    from brainzoo.zoo.hub.client import Hub

    if not re.fullmatch(REPOSITORY, repository):
        raise OptionError(f"{repository[:100]!r} is no repository.", "Expected OWNER/NAME.")
    hub = Hub.of()
    if hub.offline:
        raise NetworkError("HF_HUB_OFFLINE forbids to ask the Hub.", "Unset it.")
    return hub.content(repository, "main", "registry.yaml")
