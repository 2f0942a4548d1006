"""Volumes of segmented brain regions, real against synthetic: a plugin of brainzoo."""
