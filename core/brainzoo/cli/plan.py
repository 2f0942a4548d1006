"""``brainzoo plan``: ``brainzoo run`` that only tells what it would do."""

from brainzoo.cli.run import plan

__all__ = ["plan"]
