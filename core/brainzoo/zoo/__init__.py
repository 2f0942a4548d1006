"""Checkpoints by name: the registry, the Hub, and bundles for machines without internet."""
