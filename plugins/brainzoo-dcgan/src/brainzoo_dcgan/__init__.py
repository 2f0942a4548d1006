"""DCGAN for brain MRI: a plugin of brainzoo."""
