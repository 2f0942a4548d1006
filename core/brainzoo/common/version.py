"""The version of this source."""

__version__ = "0.1.0"
