"""VQ-VAE with a transformer prior for brain MRI: a plugin of brainzoo."""
