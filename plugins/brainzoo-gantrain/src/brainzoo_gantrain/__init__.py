"""GAN-train: a classifier learns from synthetic images and is tested on real ones."""
