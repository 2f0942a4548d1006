"""Checkpoints from elsewhere: a verified folder on this machine, whatever happens on the way."""

from __future__ import annotations

from brainzoo.hub.pulling import pull

__all__ = ["pull"]
