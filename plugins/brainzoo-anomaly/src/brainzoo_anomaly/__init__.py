"""How well models of healthy brains find what does not belong: a plugin of brainzoo."""
