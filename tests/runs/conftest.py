"""A trained checkpoint in a run whose privacy verdict passed, made as the Hub's tests make it."""

from ..zoo.hub.conftest import audited, checkpoint, hasty, trained

__all__ = ["audited", "checkpoint", "hasty", "trained"]
