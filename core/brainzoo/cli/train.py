"""``brainzoo train``: the first half of ``brainzoo run``."""

from brainzoo.cli.run import train

__all__ = ["train"]
