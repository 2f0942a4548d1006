"""Handwritten digits for brainzoo: a dataset, and a small GAN that writes more of them."""
