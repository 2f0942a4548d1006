"""The version of this source, and the distribution that it is installed as."""

__version__ = "0.1.0"

DISTRIBUTION = "brainzoo-core"  # PyPI's ``brainzoo`` is somebody else's library
