"""Variational autoencoders for brain MRI: a plugin of brainzoo."""
