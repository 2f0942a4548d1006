"""Progressive growing of GANs for brain MRI: a plugin of brainzoo."""
